"""Cells: what offices write, and what is meant by it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment import cells
from enrollment.cells import CellError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("  梅山镇 ", "梅山镇"),
        ("梅山镇\n（盖章）", "梅山镇 （盖章）"),
        ("\ufeff梅山\u200b镇\u3000", "梅山镇"),
        ("流波䃥镇", "流波䃥镇"),
        ("\ue863\U00020bb7", "\ue863\U00020bb7"),
        (13912345678.0, "13912345678"),
        (3.5, "3.5"),
        (True, "TRUE"),
        (date(2023, 10, 7), "2023-10-07"),
    ],
)
def test_text_is_kept_but_for_spaces_and_invisible_marks(value: object, text: str) -> None:
    assert cells.text(value) == text


@pytest.mark.parametrize("value", ["张\0三", "a\x1bb", "\x7f", "\ud800", "\uffff"])
def test_control_characters_are_a_problem_of_their_row(value: str) -> None:
    with pytest.raises(CellError, match="控制字符"):
        cells.text(value)
    assert "\ufffd" in cells.shown(value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("张三", "张三"),
        ("张　三", "张三"),
        ("张 三 丰", "张三丰"),
        ("阿依古丽·买买提", "阿依古丽·买买提"),
        ("阿依古丽 · 买买提", "阿依古丽·买买提"),
        ("阿依古丽•买买提", "阿依古丽•买买提"),
        ("ABDUL  RAHMAN", "ABDUL RAHMAN"),
        ("", ""),
    ],
)
def test_names_lose_their_padding_and_nothing_else(value: str, name: str) -> None:
    assert cells.name(value) == name


def test_a_name_that_is_a_number_is_refused() -> None:
    with pytest.raises(CellError, match="姓名"):
        cells.name(12.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("阿依古丽·买买提", "阿依古丽•买买提", True),
        ("阿依古丽·买买提", "阿依古丽．买买提", True),
        ("Abdul Rahman", "ＡＢＤＵＬ RAHMAN", True),
        ("张三", "张三", True),
        ("张三", "张叁", False),
    ],
)
def test_spellings_of_one_name_share_a_key(one: str, other: str, same: bool) -> None:
    assert (cells.name_key(one) == cells.name_key(other)) is same


THE_DAY = date(2023, 10, 7)


@pytest.mark.parametrize(
    "value",
    [
        "2023-10-07", "2023-10-7", "2023.10.7", "2023/10/7", "2023/10/07", "20231007",
        "2023年10月7日", "2023年10月07号", " 2023 年 10 月 7 日 ", "２０２３．１０．７", "45206",
        45206, 45206.0, 45206.75, 20231007, 20231007.0, date(2023, 10, 7),
        datetime(2023, 10, 7, 9, 30),  # noqa: DTZ001
        "2023-10-07 09:30:00", "2023/10/7 9:30",
    ],
)  # fmt: skip
def test_a_day_is_read_however_it_is_written(value: object) -> None:
    assert cells.day(value) == THE_DAY


@pytest.mark.parametrize("value", [None, "", " ", "-", "--", "——", "/", "无"])
def test_nothing_filled_in_is_none(value: object) -> None:
    assert cells.day(value) is None
    assert cells.moment(value) is None
    assert cells.money(value) is None
    assert cells.whole(value) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("3/4/2023", "日、月顺序无法确定"),
        ("13.10.2023", "日、月顺序无法确定"),
        ("23.10.7", "年份不是四位"),
        ("23年10月7日", "年份不是四位"),
        ("2023-02-29", "日期不存在"),
        ("2023.13.1", "日期不存在"),
        ("20231301", "日期不存在"),
        ("2023年10月", "没有日"),
        ("2023-10", "没有日"),
        ("202310", "没有日"),
        (202310.0, "没有日"),
        ("2023", "只有年份"),
        (2023, "只有年份"),
        ("1023-10-07", "不合理"),
        ("昨天", "不是日期"),
        ("2023-10/07", "不是日期"),
        (12, "不能当作日期"),
        (True, "不是日期"),
        ("#N/A", "不是日期"),
    ],
)
def test_a_day_is_never_guessed(value: object, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        cells.day(value)


@pytest.mark.parametrize("value", ["2024年2月", "2024-02", "2024.2", "202402", 202402.0])
def test_a_month_is_a_day_only_where_asked_which(value: object) -> None:
    assert cells.day(value, month="first") == date(2024, 2, 1)
    assert cells.day(value, month="last") == date(2024, 2, 29)


@pytest.mark.parametrize(
    "value",
    [
        "2023-12-31 23:59:59", "2023/12/31 23:59:59", "20231231235959", "2023.12.31 23:59:59.0",
        "2023年12月31日23时59分59秒", "2023-12-31T23:59:59+08:00", "2023-12-31T15:59:59Z",
        45291.99998842593,
        datetime(2023, 12, 31, 23, 59, 59),  # noqa: DTZ001
        datetime(2023, 12, 31, 15, 59, 59, tzinfo=UTC),
    ],
)  # fmt: skip
def test_the_last_second_of_the_year_stays_in_the_year(value: object) -> None:
    found = cells.moment(value)
    assert found is not None
    assert found.at == datetime(2023, 12, 31, 23, 59, 59, tzinfo=cells.SHANGHAI)
    assert not found.midnight


@pytest.mark.parametrize("value", ["2023-12-31", date(2023, 12, 31), 45291, 45291.0, "20231231"])
def test_a_moment_that_is_only_a_day_says_so(value: object) -> None:
    midnight = datetime(2023, 12, 31, tzinfo=cells.SHANGHAI)
    assert cells.moment(value) == cells.Moment(midnight, True)


@pytest.mark.parametrize("value", ["2023-12-31 25:00:00", "12:00:00", "3/4/2023 12:00"])
def test_a_moment_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(CellError):
        cells.moment(value)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("¥1,020.00", "1020.00"), ("￥380", "380.00"), ("380元", "380.00"),
        ("380.5 元整", "380.50"),
        ("人民币380", "380.00"), ("１，０２０．００", "1020.00"), ("-380", "-380.00"),
        ("(380)", "-380.00"), ("（1,380.00）", "-1380.00"), ("−380.00", "-380.00"),
        ("+380", "380.00"), ("0", "0.00"), (0, "0.00"), (380, "380.00"), (380.1, "380.10"),
        (0.1 + 0.2, "0.30"), (-380.0, "-380.00"), ("380.000", "380.00"),
    ],
)  # fmt: skip
def test_money_is_read_to_the_cent(value: object, amount: str) -> None:
    found = cells.money(value)
    assert found is not None
    assert str(found) == amount


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1,02,0", "不是金额"), ("1.020,00", "不是金额"), ("380万", "不是金额"),
        ("三百八", "不是金额"),
        ("380/人", "不是金额"), ("(-380)", "不是金额"), ("#N/A", "不是金额"), (True, "不是金额"),
        (date(2023, 1, 1), "不是金额"), ("380.123", "两位小数"), (380.123, "两位小数"),
        (1e12, "过大"), ("99999999999", "过大"), (float("nan"), "过大"), (float("inf"), "过大"),
    ],
)  # fmt: skip
def test_money_is_never_rounded_or_guessed(value: object, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        cells.money(value)


@given(st.decimals(-9_999_999, 9_999_999, places=2))
def test_money_survives_every_way_of_writing_it(amount: Decimal) -> None:
    for written in (f"{amount}", f"¥{amount:,}", f"{amount}元", float(amount)):
        if isinstance(written, str) and written.startswith("¥-"):
            written = "-" + written.replace("-", "")
        assert cells.money(written) == amount


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("1,234", 1234),
        ("12人", 12),
        ("12 户", 12),
        (12.0, 12),
        (12, 12),
        ("12.0", 12),
        ("１２", 12),
    ],
)
def test_counts_are_whole(value: object, count: int) -> None:
    assert cells.whole(value) == count


@pytest.mark.parametrize("value", ["1.5", 1.5, -1, "-1", "十二", True, float("nan"), "12元"])
def test_what_is_no_count_is_refused(value: object) -> None:
    with pytest.raises(CellError):
        cells.whole(value)


@given(st.one_of(st.text(max_size=20), st.floats(), st.integers(), st.dates(), st.datetimes()))
def test_no_cell_whatever_is_more_than_a_reason(value: object) -> None:
    for read in (cells.text, cells.name, cells.day, cells.moment, cells.money, cells.whole):
        try:
            read(value)
        except CellError as error:
            assert str(error)
    assert isinstance(cells.shown(value), str)
