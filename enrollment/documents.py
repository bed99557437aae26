"""Identity documents: what a number says, and whether it can be true.

A resident's number (公民身份号码, GB 11643) is six digits of address, eight of birth, three of
sequence (odd male, even female) and a check digit (ISO 7064 MOD 11-2). Rosters also bring the
papers of people from Hong Kong, Macao, Taiwan and abroad, birth certificates of newborns, and
disability certificates, whose number is the holder's own plus type and grade.

Spaces, full-width digits, a lower-case x and the apostrophe Excel users type are spelling, not
content, and vanish. Anything beyond that is said in `Document.note`. A number that Excel has
turned into a quantity is lost and refused: its last digits can no longer be known.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

KINDS = {
    "resident-id": "居民身份证",
    "hk-macao-taiwan-permit": "港澳台居民居住证",
    "foreign-permanent-old": "外国人永久居留身份证（旧版）",
    "foreign-permanent-new": "外国人永久居留身份证",
    "home-return": "港澳居民来往内地通行证",
    "taiwan-compatriot": "台湾居民来往大陆通行证",
    "passport": "护照",
    "birth-certificate": "出生医学证明",
}

IMPAIRMENTS = {
    "1": "视力",
    "2": "听力",
    "3": "言语",
    "4": "肢体",
    "5": "智力",
    "6": "精神",
    "7": "多重",
}

PRECISION_LOST = (
    "证件号码以数字格式存放，精度已丢失，无法还原；请把该列设为文本格式后重新填写完整号码"
)
CHECK_DIGIT_WRONG = "身份证号码校验码不符"


class DocumentError(ValueError):
    """The number cannot be a document's number; the text is the reason, in Chinese."""


class Document(NamedTuple):
    """A number that holds together.

    `birth` and `sex` ("男", "女") are None and "" where the kind of paper does not state them.
    `note` says what was done to the number, `warning` what is odd about it; both may be "".
    `grade` (1-4) and `impairment` come from a disability certificate only.
    """

    kind: str
    number: str
    birth: date | None = None
    sex: str = ""
    note: str = ""
    warning: str = ""
    grade: int | None = None
    impairment: str = ""


# GB/T 2260: by region of the country, then Taiwan and the two special administrative regions.
_PROVINCES = frozenset(
    str(number)
    for block in (
        range(11, 16),
        range(21, 24),
        range(31, 38),
        range(41, 47),
        range(50, 55),
        range(61, 66),
        (71, 81, 82, 83),
    )
    for number in block
)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_OLDEST = 120


def _weigh(digits: str, start: int) -> int:
    return sum(int(d) * w for d, w in zip(digits, _WEIGHTS[start:], strict=False))


# A county checks its 700,000 numbers in one go, so the weighted sum is taken in three parts,
# each looked up: the address and the birth date as they come by, the sequence from a full table.
_addresses: dict[str, int] = {}
_births: dict[str, tuple[int, date, str]] = {}  # also as 1982-11-28
_SEQUENCES = {f"{n:03}": (_weigh(f"{n:03}", 14), "男" if n % 2 else "女") for n in range(1000)}
_CHECK_OF = tuple(_CHECKS[n % 11] for n in range(11 * 150))


def check_digit(first17: str) -> str:
    """The eighteenth character that belongs to these seventeen digits."""
    return _CHECKS[_weigh(first17, 0) % 11]


def plain(numbers: Sequence[object], *, today: date) -> list[tuple[str, str, str] | None]:
    """Of each number (birth 1982-11-28, birth and last four, sex); None for one to be `check`ed.

    Told are only numbers of residents of whom `check` would say nothing more than that.
    """
    addresses, births, sequences, checks = _addresses, _births, _SEQUENCES, _CHECK_OF
    oldest = date(today.year - _OLDEST, 1, 1)
    found: list[tuple[str, str, str] | None] = []
    for value in numbers:
        try:
            a = addresses[value[:6]]  # type: ignore[index]
            b, birth, spelt = births[value[6:14]]  # type: ignore[index]
            c, sex = sequences[value[14:17]]  # type: ignore[index]
        except (KeyError, TypeError):
            found.append(None)
            continue
        if checks[a + b + c] == value[17:] and oldest <= birth <= today:  # type: ignore[index]
            found.append((spelt, value[6:14] + value[14:], sex))  # type: ignore[index]
        else:
            found.append(None)
    return found


def check(value: object, *, today: date) -> Document:
    """Read a document's number as it stands in a cell; `today` bounds the birth date.

    Raises DocumentError with the reason in Chinese. The reason never repeats the number.
    """
    if type(value) is str:
        # The one shape that makes up nearly all of every register, before anything else.
        try:
            a = _addresses[value[:6]]
            b, birth, _ = _births[value[6:14]]
            c, sex = _SEQUENCES[value[14:17]]
            if (
                _CHECK_OF[a + b + c] == value[17:]
                and birth <= today
                and today.year - birth.year <= _OLDEST
            ):
                return Document("resident-id", value, birth, sex)
        except KeyError:
            pass
        return _check_text(value, today)
    if value is None:
        raise DocumentError("证件号码为空")
    if isinstance(value, bool):
        raise DocumentError("证件号码是逻辑值，不是号码")
    if isinstance(value, int | float):
        if abs(value) >= 1e14:
            raise DocumentError(PRECISION_LOST)
        raise DocumentError(
            "证件号码以数字格式存放，不能确认没有丢位；请把该列设为文本格式后重新填写"
        )
    raise DocumentError("证件号码不是文本（可能被 Excel 当成日期）；请把该列设为文本格式后重新填写")


_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}
_NOISE = re.compile("[\\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff'`´‘’′]+")
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d*)?E\+?\d+")
_QUANTITY = re.compile(r"\d{14,22}\.0*")
_NUMBER18 = re.compile(r"[0-9]{17}[0-9X]")
_FOREIGN_OLD = re.compile(r"[A-Z]{3}[0-9]{12}")
_HOME_RETURN = re.compile(r"[HM][0-9]{8}(?:[0-9]{2})?")
_PASSPORT = re.compile(r"[A-Z][A-Z0-9][0-9]{5,7}")
_BIRTH_CERTIFICATE = re.compile(r"[A-Z][0-9]{9}")
_REISSUE = re.compile(r"[A-Z][0-9]")


def normalise(text: str) -> str:
    """The number as it would be typed carefully: half-width, upper case, nothing in between."""
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    return _NOISE.sub("", text.translate(_FULL_WIDTH)).upper()


def _check_text(text: str, today: date) -> Document:
    number = normalise(text)
    size = len(number)
    if not number:
        raise DocumentError("证件号码为空")
    if not number.isascii() or not number.replace(".", "").replace("+", "").isalnum():
        raise DocumentError("证件号码含有数字和字母以外的字符")
    if _SCIENTIFIC.fullmatch(number) or _QUANTITY.fullmatch(number):
        raise DocumentError(PRECISION_LOST)
    if size in (18, 20, 22) and _NUMBER18.fullmatch(number[:18]):
        if size == 18:
            return _check18(number, today)
        return _check_disability(number, today)
    if size == 15 and number.isdecimal():
        return _check15(number, today)
    if _FOREIGN_OLD.fullmatch(number):
        return Document("foreign-permanent-old", number)
    if _HOME_RETURN.fullmatch(number):
        note = "港澳居民来往内地通行证号取前9位" if size == 11 else ""
        return Document("home-return", number[:9], note=note)
    if size == 8 and number.isdecimal():
        return Document("taiwan-compatriot", number)
    if _PASSPORT.fullmatch(number):
        return Document("passport", number)
    if _BIRTH_CERTIFICATE.fullmatch(number):
        return Document("birth-certificate", number)
    if size in (18, 20, 22) and number.isalnum():
        raise DocumentError("身份证号码前17位应全是数字，第18位应为数字或X")
    if number[:-1].isdecimal():
        raise DocumentError(f"证件号码有{size}位，身份证号码应为18位")
    raise DocumentError("证件号码的格式不属于任何一种认得的证件")


def _birth(digits: str, today: date) -> date:
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        raise DocumentError("身份证号码中的出生日期不存在") from None
    if born > today:
        raise DocumentError("身份证号码中的出生日期晚于今天")
    return born


def _check18(number: str, today: date) -> Document:
    foreign = number[0] == "9"
    province = number[1:3] if foreign else number[:2]
    born = _birth(number[6:14], today)
    if check_digit(number[:17]) != number[17]:
        if number.endswith("000"):
            raise DocumentError(f"{CHECK_DIGIT_WRONG}，末三位为000，可能被 Excel 改写、精度已丢失")
        raise DocumentError(CHECK_DIGIT_WRONG)
    if province not in _PROVINCES:
        raise DocumentError(f"证件号码中的省级代码{province}不存在")
    warning = f"年龄超过{_OLDEST}岁" if today.year - born.year > _OLDEST else ""
    if foreign:
        return Document("foreign-permanent-new", number, born, warning=warning)
    if number[0] == "8":
        kind = "hk-macao-taiwan-permit"
    else:
        kind = "resident-id"
        # Only what has passed enters the tables, so hostile input cannot make them grow.
        _addresses.setdefault(number[:6], _weigh(number[:6], 0))
        if number[6:14] not in _births:
            _learn(born.year)
    return Document(kind, number, born, _SEQUENCES[number[14:17]][1], warning=warning)


def _learn(year: int) -> None:
    """All days of a year at once: somebody is born on nearly each of them."""
    for month in range(1, 13):
        for day in range(1, monthrange(year, month)[1] + 1):
            born = date(year, month, day)
            digits = f"{born:%Y%m%d}"
            _births[digits] = (_weigh(digits, 6), born, born.isoformat())


def _check15(number: str, today: date) -> Document:
    # Sequences 996-999 were kept for people born before 1900.
    century = "18" if number[12:] >= "996" else "19"
    first17 = number[:6] + century + number[6:]
    document = _check18(first17 + check_digit(first17), today)
    return document._replace(note="15位号码已转为18位")


def _check_disability(number: str, today: date) -> Document:
    kind, grade, rest = number[18], number[19], number[20:]
    if kind not in IMPAIRMENTS:
        raise DocumentError("残疾人证号第19位应为残疾类别1至7")
    if grade not in "1234":
        raise DocumentError("残疾人证号第20位应为残疾等级1至4")
    if rest and not _REISSUE.fullmatch(rest):
        raise DocumentError("残疾人证号第21、22位应为补换证标记（字母加数字）")
    document = _check18(number[:18], today)
    return document._replace(
        note="残疾人证号取前18位", grade=int(grade), impairment=IMPAIRMENTS[kind]
    )


def mask(number: str) -> str:
    """The number with everything personal starred out: 341524************.

    Region, birth and the last four are the whole number, so only the region stays.
    """
    if len(number) == 18:
        return number[:6] + "*" * 12
    return number[:1] + "*" * max(len(number) - 1, 0)
