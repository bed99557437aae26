"""Identity documents: which numbers hold together, and what is said of those that do not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment import documents
from enrollment.documents import Document, DocumentError, check

TODAY = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("text", "number", "birth", "sex"),
    [
        ("11010519491231002X", "11010519491231002X", date(1949, 12, 31), "女"),
        ("11010519491231002x", "11010519491231002X", date(1949, 12, 31), "女"),
        (" 110105 19491231 002X ", "11010519491231002X", date(1949, 12, 31), "女"),
        ("'11010519491231002X", "11010519491231002X", date(1949, 12, 31), "女"),
        ("’11010519491231002X", "11010519491231002X", date(1949, 12, 31), "女"),
        ('="11010519491231002X"', "11010519491231002X", date(1949, 12, 31), "女"),
        ("\t11010519491231002X\r\n", "11010519491231002X", date(1949, 12, 31), "女"),
        ("\ufeff110105\u200b19491231\u00a0002X\u3000", "11010519491231002X",
         date(1949, 12, 31), "女"),
        ("１１０１０５１９４９１２３１００２ｘ", "11010519491231002X", date(1949, 12, 31), "女"),
        ("440524198001010013", "440524198001010013", date(1980, 1, 1), "男"),
    ],
)  # fmt: skip
def test_a_residents_number_is_read_however_it_is_spelled(
    text: str, number: str, birth: date, sex: str
) -> None:
    assert check(text, today=TODAY) == Document("resident-id", number, birth, sex)
    assert check(text, today=TODAY) == Document("resident-id", number, birth, sex)  # once known


def test_fifteen_digits_become_eighteen_and_that_is_said() -> None:
    found = check("110105491231002", today=TODAY)
    assert (found.number, found.note) == ("11010519491231002X", "15位号码已转为18位")


def test_a_centenarians_fifteen_digits_are_of_the_century_before() -> None:
    assert check("110105991231998", today=TODAY).birth == date(1899, 12, 31)


@pytest.mark.parametrize(
    ("text", "grade", "impairment"),
    [
        ("11010519491231002X11", 1, "视力"),
        ("11010519491231002x74", 4, "多重"),
        ("11010519491231002X43B1", 3, "肢体"),
    ],
)
def test_a_disability_certificate_gives_its_holders_number_and_the_grade(
    text: str, grade: int, impairment: str
) -> None:
    found = check(text, today=TODAY)
    assert found.number == "11010519491231002X"
    assert found.note == "残疾人证号取前18位"
    assert (found.grade, found.impairment) == (grade, impairment)


def with_check(first17: str) -> str:
    return first17 + documents.check_digit(first17)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (with_check("81000019900101001"), "hk-macao-taiwan-permit"),
        (with_check("82000019900101001"), "hk-macao-taiwan-permit"),
        (with_check("83000019900101001"), "hk-macao-taiwan-permit"),
        (with_check("93415619900101001"), "foreign-permanent-new"),
        ("USA110100900101", "foreign-permanent-old"),
        ("H12345678", "home-return"),
        ("m12345678", "home-return"),
        ("H1234567801", "home-return"),
        ("12345678", "taiwan-compatriot"),
        ("E12345678", "passport"),
        ("EA1234567", "passport"),
        ("S340123456", "birth-certificate"),
    ],
)
def test_other_papers_are_told_by_their_shape(text: str, kind: str) -> None:
    assert check(text, today=TODAY).kind == kind
    assert kind in documents.KINDS


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "为空"),
        ("", "为空"),
        (" \u3000", "为空"),
        ("110105194912310021", "身份证号码校验码不符"),
        ("110105194912310000", "精度已丢失"),
        ("110105194913310022", "出生日期不存在"),
        ("110105194902300021", "出生日期不存在"),
        (with_check("11010520240102002"), "晚于今天"),
        (with_check("99010519491231002"), "省级代码90不存在"),
        (with_check("00010519491231002"), "省级代码00不存在"),
        ("11010519491231002", "有17位，身份证号码应为18位"),
        ("1101051949123100201", "有19位"),
        ("1101051949123100X2", "第18位应为数字或X"),
        ("1101051949１２31O02X", "前17位应全是数字"),
        ("11010519491231002*", "数字和字母以外"),
        ("张三", "数字和字母以外"),
        ("٤٤٠٥٢٤١٨٨٠٠١٠١٠٠١٤", "数字和字母以外"),
        ("1.10105E+17", "精度已丢失"),
        ("5.22E+17", "精度已丢失"),
        ("110105194912310020.0", "精度已丢失"),
        (1.1010519491231002e17, "精度已丢失"),
        (110105194912310020, "精度已丢失"),
        (110105491231002, "精度已丢失"),
        (12345678, "数字格式"),
        (True, "逻辑值"),
        (date(1949, 12, 31), "不是文本"),
        ("11010519491231002X81", "第19位"),
        ("11010519491231002X15", "第20位"),
        ("11010519491231002X1111", "第21、22位"),
        ("ABC", "不属于任何一种"),
        ("1" * 5000, "有5000位"),
    ],
)
def test_what_cannot_be_a_number_is_refused_with_the_reason(value: object, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as refused:
        check(value, today=TODAY)
    # Reasons are stored and shown where numbers are masked.
    if isinstance(value, str) and len(value) > 10:
        assert value not in str(refused.value)


def test_great_age_is_a_warning_and_not_an_error() -> None:
    assert check("440524188001010014", today=TODAY).warning == "年龄超过120岁"
    assert check("11010519491231002X", today=TODAY).warning == ""


def test_a_number_known_already_is_still_measured_against_today() -> None:
    number = with_check("34152420230601001")
    assert check(number, today=TODAY).birth == date(2023, 6, 1)
    with pytest.raises(DocumentError, match="晚于今天"):
        check(number, today=date(2023, 5, 31))


@pytest.mark.parametrize(
    ("number", "masked"),
    [("11010519491231002X", "110105************"), ("H12345678", "H********"), ("", "")],
)
def test_a_mask_leaves_nothing_personal(number: str, masked: str) -> None:
    assert documents.mask(number) == masked


BIRTHS = st.dates(date(1925, 1, 1), TODAY).map(lambda day: f"{day:%Y%m%d}")
FIRST17 = st.builds(
    lambda county, birth, sequence: f"{county}{birth}{sequence:03}",
    st.sampled_from(["110105", "341524", "430621", "500235", "659001"]),
    BIRTHS,
    st.integers(0, 999),
)


def plainly(first17: str) -> str:
    """GB 11643 as the standard prints it: the check character is ISO 7064 MOD 11-2."""
    total = sum(int(digit) * pow(2, 17 - i, 11) for i, digit in enumerate(first17))
    return "0123456789X"[(12 - total % 11) % 11]


@given(FIRST17)
def test_the_check_digit_is_that_of_iso_7064(first17: str) -> None:
    assert documents.check_digit(first17) == plainly(first17)
    found = check(first17 + plainly(first17), today=TODAY)
    assert found.number == first17 + plainly(first17)
    assert found.sex == ("男" if int(first17[16]) % 2 else "女")


@given(FIRST17, st.integers(0, 16), st.integers(1, 9))
def test_any_one_digit_mistyped_is_noticed(first17: str, place: int, by: int) -> None:
    number = with_check(first17)
    wrong = str((int(number[place]) + by) % 10)
    with pytest.raises(DocumentError):
        check(number[:place] + wrong + number[place + 1 :], today=TODAY)


@given(
    st.dates(date(1925, 1, 1), date(1999, 12, 31)).map(lambda day: f"{day:%y%m%d}"),
    st.integers(0, 995),
)
def test_fifteen_digits_and_their_eighteen_are_one_person(birth: str, sequence: int) -> None:
    old = f"341524{birth}{sequence:03}"
    found = check(old, today=TODAY)
    assert found.number[:6] + found.number[8:17] == old
    again = check(found.number, today=TODAY)
    assert (again.number, again.birth, again.sex) == (found.number, found.birth, found.sex)


@given(st.text(max_size=24))
def test_no_text_whatever_is_more_than_a_reason(text: str) -> None:
    try:
        assert check(text, today=TODAY).kind in documents.KINDS
    except DocumentError as error:
        assert str(error)
