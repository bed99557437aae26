"""Cells: what a value in an office's workbook means.

Each function takes a cell as the reader hands it over (str, int, float, bool, date, datetime,
None) and returns the value meant, or None where nothing was filled in, or raises CellError with
the reason in Chinese. Nothing is guessed: a day that could be read two ways is refused.
"""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_NOTHING = frozenset(("", "-", "--", "---", "—", "——", "－", "－－", "/", "无", "NULL", "null"))
_SPACES = re.compile(
    "[\\t\\n\\r\\x0b\\x0c\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"
)
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}


class CellError(ValueError):
    """The value cannot be what its column asks for; the text is the reason, in Chinese."""


class Moment(NamedTuple):
    """A point in time in Asia/Shanghai; `midnight` where the cell gave only a day."""

    at: datetime
    midnight: bool


def text(value: object) -> str:
    """The text of a cell, spaces and line breaks made single spaces, invisible marks removed.

    Characters are otherwise kept as they are: rare ones (䃥, private use), dots in names, width.
    Raises CellError on control characters, which no database column takes.
    """
    if type(value) is str:
        if value.isprintable():
            return value.strip()
        if _CONTROL.search(value):
            raise CellError("含有无法显示的控制字符，请删去后重新填写")
        return _SPACES.sub(" ", _INVISIBLE.sub("", value)).strip()
    return shown(value)


def shown(value: object) -> str:
    """Any cell as text for a message or a problem file; never raises, never loses the cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _CONTROL.sub("\ufffd", value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return str(value)


_CJK_GAP = re.compile(
    "(?<=[\u2e80-\u9fff\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff·•・‧．]) "
    "| (?=[\u2e80-\u9fff\ue000-\uf8ff\uf900-\ufaff\U00020000-\U0003ffff·•・‧．])"
)


def name(value: object) -> str:
    """A person's name; the space that pads 张　三 to three characters goes, others stay."""
    if isinstance(value, int | float | date):
        raise CellError("姓名是数字或日期，不是文字")
    found = text(value)
    if not found.isalpha() and _NUMBER.search(found):
        raise CellError("姓名里是一长串数字，可能与证件号码列对调了")
    return _CJK_GAP.sub("", _SPACES.sub(" ", found)) if " " in found else found


_NUMBER = re.compile(r"\d{6}")
_DOTS = re.compile("[·•・‧．.∙⋅●]+")


def name_key(value: str) -> str:
    """What two spellings of one name share: kinds of dot, width and case do not count."""
    if value.isalpha() and not value.isascii():
        return value.translate(_FULL_WIDTH).upper() if value.upper() != value else value
    return _DOTS.sub("·", value.translate(_FULL_WIDTH).upper()).replace(" ", "")


# ---------------------------------------------------------------- days and moments

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 (Excel's days have no zone)
# Excel serials of 1910 and 2100. What lies below is a year or a count, not a day.
_SERIAL = (3654, 73_415)
_YEARS = (1850, 2100)

_DAY = re.compile(r"(\d{4})(?:([-./])(\d{1,2})\2(\d{1,2})|年(\d{1,2})月(\d{1,2})[日号]?)")
_DAY8 = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTH = re.compile(r"(\d{4})(?:[-./](\d{1,2})|年(\d{1,2})月(?:份)?|(\d{2}))")
_AMBIGUOUS = re.compile(r"\d{1,2}[-./]\d{1,2}[-./]\d{4}")
_SHORT_YEAR = re.compile(r"\d{2}[-./年]\d{1,2}(?:[-./月]\d{1,2}日?)?")
_TIME = re.compile(
    r"(?P<day>.*?\S)(?:\s*T\s*|\s+|(?<=日))"
    r"(?P<h>\d{1,2})(?:[:：](?P<m>\d{1,2})(?:[:：](?P<s>\d{1,2})(?:\.(?P<f>\d{1,9}))?)?"
    r"|[时点](?:(?P<m2>\d{1,2})分(?:(?P<s2>\d{1,2})秒)?)?)"
    r"\s*(?:\+08:?00|Z(?!.))?"
)
_STAMP14 = re.compile(r"(\d{8})(\d{2})(\d{2})(\d{2})")


def day(value: object, *, month: Literal["refuse", "first", "last"] = "refuse") -> date | None:
    """A calendar day: 2023-10-07, 2023.10.7, 2023/10/7, 20231007, 2023年10月7日, 45206.

    A cell that only states a month is refused, or read as its first or last day, as asked.
    """
    if type(value) is datetime:
        return _in_range(value.date())
    if type(value) is date:
        return _in_range(value)
    if type(value) is str:
        if len(value) == 10 and value[4] == "-" and value.isascii():
            try:
                return _in_range(date.fromisoformat(value))
            except ValueError:
                pass
        return _day_from_text(value, month)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _day_from_number(value, month)
    raise CellError("不是日期")


def moment(value: object) -> Moment | None:
    """A point in time, Asia/Shanghai: any day as above, with or without hours, minutes, seconds."""
    if type(value) is datetime:
        at = value if value.tzinfo else value.replace(tzinfo=SHANGHAI)
        at = at.astimezone(SHANGHAI)
        return Moment(at, at.time() == time())
    if isinstance(value, float) and _SERIAL[0] <= value <= _SERIAL[1] + 1:
        # Serials are days as binary fractions: seconds come out right only after rounding.
        at = (_EPOCH + timedelta(seconds=round(value * 86400))).replace(tzinfo=SHANGHAI)
        return Moment(at, at.time() == time())
    if type(value) is str:
        return _moment_from_text(value)
    found = day(value)
    return Moment(datetime.combine(found, time(), SHANGHAI), True) if found else None


@lru_cache(maxsize=65536)
def _moment_from_text(value: str) -> Moment | None:
    raw = text(value).translate(_FULL_WIDTH)
    if stamp := _STAMP14.fullmatch(raw):
        raw = f"{stamp[1]} {stamp[2]}:{stamp[3]}:{stamp[4]}"
    if match := _TIME.fullmatch(raw):
        found = day(match["day"])
        if found is None:
            raise CellError("有时间没有日期")
        try:
            clock = time(
                int(match["h"]),
                int(match["m"] or match["m2"] or 0),
                int(match["s"] or match["s2"] or 0),
                int((match["f"] or "0").ljust(9, "0")[:6]),
            )
        except ValueError:
            raise CellError("时间不存在") from None
        if raw.endswith("Z"):
            at = datetime.combine(found, clock, ZoneInfo("UTC")).astimezone(SHANGHAI)
        else:
            at = datetime.combine(found, clock, SHANGHAI)
        return Moment(at, at.time() == time())
    found = day(raw)
    return Moment(datetime.combine(found, time(), SHANGHAI), True) if found else None


@lru_cache(maxsize=65536)
def _day_from_text(value: str, month: str) -> date | None:
    raw = text(value).translate(_FULL_WIDTH)
    if raw in _NOTHING:
        return None
    raw = re.sub(r"\s*([-./年月日])\s*", r"\1", raw)
    if match := _DAY.fullmatch(raw) or _DAY8.fullmatch(raw):
        parts = [int(p) for p in match.groups() if p and p.isdecimal()]
        return _make(*parts)
    if re.fullmatch(r"\d{5}", raw):
        return _day_from_number(int(raw), month)
    if match := _MONTH.fullmatch(raw):
        parts = [int(p) for p in match.groups() if p]
        return _whole_month(parts[0], parts[1], month)
    if match := _TIME.fullmatch(raw):
        return day(match["day"], month=month)  # type: ignore[arg-type]
    if _AMBIGUOUS.fullmatch(raw):
        raise CellError("日期的日、月顺序无法确定，请写成“2023-10-07”的样式")
    if _SHORT_YEAR.fullmatch(raw):
        raise CellError("年份不是四位数，请写成“2023-10-07”的样式")
    if re.fullmatch(r"\d{4}年?", raw):
        raise CellError("只有年份，没有月和日")
    raise CellError("不是日期，请写成“2023-10-07”的样式")


def _day_from_number(value: float, month: str) -> date:
    if _SERIAL[0] <= value < _SERIAL[1] + 1:
        return (_EPOCH + timedelta(days=int(value))).date()
    if math.isfinite(value) and value == int(value):
        digits = str(int(value))
        if match := _DAY8.fullmatch(digits):
            return _make(*(int(p) for p in match.groups()))
        if len(digits) == 6:
            return _whole_month(int(digits[:4]), int(digits[4:]), month)
        if len(digits) == 4:
            raise CellError("只有年份，没有月和日")
    raise CellError("数字不能当作日期，请写成“2023-10-07”的样式")


def _whole_month(year: int, number: int, month: str) -> date:
    first = _make(year, number, 1)
    if month == "first":
        return first
    if month == "last":
        following = _make(year + number // 12, number % 12 + 1, 1)
        return following - timedelta(days=1)
    raise CellError("只有年月，没有日")


def _make(year: int, month: int, number: int) -> date:
    try:
        return _in_range(date(year, month, number))
    except ValueError as error:
        if isinstance(error, CellError):
            raise
        raise CellError("日期不存在") from None


def _in_range(found: date) -> date:
    if not _YEARS[0] <= found.year <= _YEARS[1]:
        raise CellError(f"年份{found.year}不合理")
    return found


# ---------------------------------------------------------------- money and counts

_CENT = Decimal("0.01")
_MONEY = re.compile(r"(?P<sign>[-+]?)(?P<whole>\d+|\d{1,3}(?:,\d{3})+)(?P<fraction>\.\d*)?")
_MONEY_MARKS = re.compile(r"人民币|RMB|CNY|[¥￥]|圆|元整?|\s", re.IGNORECASE)
_COUNT_MARKS = re.compile(r"[人户个名口]$|\s")
_LARGEST = Decimal("1e10")


def money(value: object) -> Decimal | None:
    """An amount in yuan with two decimals: 380, "¥1,020.00", "380元", "(380)" for minus 380.

    Blank and "--" are None, which is not 0. More than two decimals are refused, not rounded.
    """
    if type(value) is str:
        return _money_from_text(value)
    if value is None:
        return None
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _money_from_number(value)
    raise CellError("不是金额")


@lru_cache(maxsize=4096)
def _money_from_number(value: float | Decimal) -> Decimal:
    exact = Decimal(str(value))
    if not exact.is_finite() or abs(exact) >= _LARGEST:
        raise CellError("金额过大")
    rounded = exact.quantize(_CENT)
    # 0.1 + 0.2 in a formula is 0.30000000000000004; that is not a third decimal.
    if abs(exact - rounded) > Decimal("1e-6"):
        raise CellError("金额超过两位小数")
    return rounded


@lru_cache(maxsize=65536)
def _money_from_text(value: str) -> Decimal | None:
    raw = text(value).translate(_FULL_WIDTH).replace("−", "-").replace("﹣", "-")
    if raw in _NOTHING:
        return None
    raw = _MONEY_MARKS.sub("", raw)
    negative = raw.startswith("(") and raw.endswith(")")
    match = _MONEY.fullmatch(raw[1:-1] if negative else raw)
    if not match or (negative and match["sign"]):
        raise CellError("不是金额")
    fraction = (match["fraction"] or ".").rstrip("0")
    if len(fraction) > 3:
        raise CellError("金额超过两位小数")
    amount = Decimal(match["whole"].replace(",", "") + fraction + "0").quantize(_CENT)
    if amount >= _LARGEST:
        raise CellError("金额过大")
    return -amount if negative or match["sign"] == "-" else amount


def whole(value: object) -> int | None:
    """A count of people or things: 1234, "1,234", "12人"; never negative, never a fraction."""
    if isinstance(value, bool):
        raise CellError("不是人数或数量")
    if value is None:
        return None
    if isinstance(value, int | float):
        if not math.isfinite(value) or value != int(value):
            raise CellError("应为整数")
        number = int(value)
    elif isinstance(value, str):
        raw = text(value).translate(_FULL_WIDTH)
        if raw in _NOTHING:
            return None
        match = _MONEY.fullmatch(_COUNT_MARKS.sub("", raw))
        if not match:
            raise CellError("不是人数或数量")
        if (match["fraction"] or ".").strip(".0"):
            raise CellError("应为整数")
        number = int(match["sign"] + match["whole"].replace(",", ""))
    else:
        raise CellError("不是人数或数量")
    if number < 0:
        raise CellError("不能是负数")
    return number
