"""待遇等待期: every boundary under each reading, typed by hand from the national frame."""

from datetime import date
from decimal import Decimal

import pytest

from enrollment.failure import Failure
from enrollment.models.rules import WaitingRule
from subsidies.waiting import Period, Standing, absent, waiting

I, E, X, M, U, B = (  # noqa: E741
    Standing.INSURED,
    Standing.EMPLOYEE,
    Standing.EXEMPT,
    Standing.MISSED,
    Standing.UNKNOWN,
    Standing.BIRTH_YEAR,
)
FULL = {
    "fixed_months": 3,
    "offset": 0,
    "floor_missed": 4,
    "floor_months": 6,
    "gap_from_year": 2025,
    "repairable": True,
    "employee_counts": True,
    "runs_from": "arrival",
    "extension_waits": False,
    "exempt": "特困人员、服役",
    "cites": "三（二）",
}


def ask(year=2030, history=(), paid="2029-11-20", period=Period.MAIN, rule=None, **asked):
    """``history`` runs from 2025 on."""
    days = {"arrived": None} | asked
    arrived = days.pop("arrived")
    return waiting(
        WaitingRule(**(FULL | (rule or {}))),
        year=year,
        history=dict(enumerate(history, start=2025)),
        paid_on=date.fromisoformat(paid),
        arrived_on=date.fromisoformat(arrived) if arrived else None,
        period=period,
        fee=Decimal(400),
        starts_on=date(year, 1, 1),
        **days,
    )


# history 2025…2029, rule, repaired years asked for → missed, variable, repaired, months, still
# worth repairing
LENGTHS = [
    # No gap, in the window.
    ((I, I, I, I, I), {}, 0, (0, 0, 0, 0, 0)),
    # One missed year: 3 + 1, or 3 alone where the first one adds nothing.
    ((I, I, I, I, M), {}, 0, (1, 1, 0, 4, 1)),
    ((I, I, I, I, M), {"offset": 1}, 0, (1, 0, 0, 3, 0)),
    ((I, I, I, I, M), {}, 1, (1, 1, 1, 3, 0)),
    # Only the last gap counts.
    ((M, M, M, I, M), {}, 0, (1, 1, 0, 4, 1)),
    # Three missed years: no floor yet.
    ((I, I, M, M, M), {}, 0, (3, 3, 0, 6, 3)),
    ((I, I, M, M, M), {}, 3, (3, 3, 3, 3, 0)),
    ((I, I, M, M, M), {"offset": 1}, 0, (3, 2, 0, 5, 2)),
    # Four: 7, one repair 6, a second is not sold; with an offset 6 at once.
    ((I, M, M, M, M), {}, 0, (4, 4, 0, 7, 1)),
    ((I, M, M, M, M), {}, 1, (4, 4, 1, 6, 0)),
    ((I, M, M, M, M), {}, 2, (4, 4, 1, 6, 0)),
    ((I, M, M, M, M), {"offset": 1}, 0, (4, 3, 0, 6, 0)),
    ((I, M, M, M, M), {"offset": 1}, 1, (4, 3, 0, 6, 0)),
    ((I, M, M, M, M), {"offset": 2}, 0, (4, 2, 0, 6, 0)),
    ((I, M, M, M, M), {"floor_missed": None, "floor_months": None}, 4, (4, 4, 4, 3, 0)),
    # Five: 8, two repairs are worth it.
    ((M, M, M, M, M), {}, 0, (5, 5, 0, 8, 2)),
    ((M, M, M, M, M), {}, 5, (5, 5, 2, 6, 0)),
    # Years before the first that counts are no gap.
    ((M, M, M, M, M), {"gap_from_year": 2028}, 0, (2, 2, 0, 5, 2)),
    # Repair is not offered where the policy has none, or does not say.
    ((I, I, I, M, M), {"repairable": False}, 0, (2, 2, 0, 5, 0)),
    ((I, I, I, M, M), {"repairable": None}, 1, (2, 2, 0, 5, 0)),
    # An employee's year ends the gap, or does not.
    ((I, M, M, E, M), {}, 0, (1, 1, 0, 4, 1)),
    ((I, M, M, E, M), {"employee_counts": False}, 0, (4, 4, 0, 7, 1)),
    ((I, I, I, I, E), {}, 0, (0, 0, 0, 0, 0)),
    ((I, I, I, I, E), {"employee_counts": False}, 0, (1, 1, 0, 4, 1)),
    # Not stated, with the same answer either way or with two.
    ((I, I, I, E, I), {"employee_counts": None}, 0, (0, 0, 0, 0, 0)),
    ((I, I, I, E, M), {"employee_counts": None}, 0, (None, None, 0, None, 0)),
    # Years that do not count are passed over: neither a gap nor the end of one.
    ((I, I, I, M, X), {}, 0, (1, 1, 0, 4, 1)),
    ((I, M, X, X, M), {}, 0, (2, 2, 0, 5, 2)),
    ((X, X, X, X, X), {}, 0, (0, 0, 0, 0, 0)),
    # Unknown is never a gap, and matters only where it changes the answer.
    ((M, M, U, I, M), {}, 0, (1, 1, 0, 4, 1)),
    ((I, I, I, I, U), {}, 0, (None, None, 0, None, 0)),
    ((I, I, I, U, M), {"offset": 2}, 0, (None, 0, 0, 3, 0)),
    ((X, X, X, X, B), {}, 0, (None, None, 0, None, 0)),
    ((), {}, 0, (None, None, 0, None, 0)),
]


@pytest.mark.parametrize(("history", "rule", "repair", "expected"), LENGTHS)
def test_how_long_one_waits(history, rule, repair, expected):
    found = ask(history=history, rule=rule, repair=repair)
    told = (found.missed, found.variable, found.repaired, found.months, found.repair_years)
    assert told == expected
    assert found.repair_price == (Decimal(400) if found.repair_years else None)


# period, extension waits?, missed the year before? → months
PERIODS = [
    (Period.MAIN, False, I, 0),
    (Period.LATE, False, I, 3),
    (Period.LATE, False, M, 4),
    (Period.EXTENSION, False, I, 0),
    (Period.EXTENSION, False, M, 4),
    (Period.EXTENSION, True, I, 3),
    (Period.EXTENSION, None, I, None),
    (Period.EXTENSION, None, M, 4),
]


@pytest.mark.parametrize(("period", "waits", "before", "months"), PERIODS)
def test_late_and_the_extension(period, waits, before, months):
    found = ask(2026, [before], "2026-02-10", period, {"extension_waits": waits})
    assert found.months == months
    assert ("延长期（1至2月）缴费的是否要等待" in found.not_stated) == (months is None)


# paid, arrived, period, rule, missed the year before? → first day of cover in 2026
STARTS = [
    # 30 November and three months: the last day of February.
    ("2025-11-30", None, Period.MAIN, {"offset": 1}, M, "2026-02-28"),
    ("2025-11-30", None, Period.MAIN, {"offset": 1, "counting": "full"}, M, "2026-03-01"),
    ("2025-11-30", None, Period.MAIN, {"offset": 1, "runs_from": "year_start"}, M, "2026-04-01"),
    # Never before the benefit year.
    ("2025-09-01", None, Period.MAIN, {"offset": 1}, M, "2026-01-01"),
    # The window's last day, arriving the next day: in the window; the wait runs from arrival.
    ("2025-12-31", "2026-01-01", Period.MAIN, {}, M, "2026-05-01"),
    ("2025-12-31", None, Period.MAIN, {}, M, "2026-04-30"),
    ("2025-12-31", "2026-01-01", Period.MAIN, {"runs_from": "year_start"}, M, "2026-05-01"),
    ("2025-12-31", "2026-01-05", Period.MAIN, {"runs_from": "year_start"}, M, "2026-05-01"),
    ("2025-12-31", "2026-01-01", Period.MAIN, {}, I, "2026-01-01"),
    # Late: from arrival under both readings, and where the policy does not say which.
    ("2026-03-10", "2026-03-12", Period.LATE, {}, I, "2026-06-12"),
    ("2026-03-10", "2026-03-12", Period.LATE, {"runs_from": "year_start"}, I, "2026-06-12"),
    ("2026-03-10", "2026-03-12", Period.LATE, {"runs_from": None}, I, "2026-06-12"),
    ("2025-12-10", "2025-12-12", Period.MAIN, {"runs_from": None}, M, None),
    # Thirty days for each month; the day of payment counted or not.
    ("2026-03-10", None, Period.LATE, {"unit": "days", "counting": "plus"}, I, "2026-06-08"),
    ("2026-03-10", None, Period.LATE, {"unit": "days", "counting": "full"}, I, "2026-06-09"),
    ("2026-03-10", None, Period.LATE, {"unit": "days"}, I, "2026-06-09"),
    (
        "2025-12-10",
        None,
        Period.MAIN,
        {"unit": "days", "runs_from": "year_start", "offset": 1},
        M,
        "2026-04-01",
    ),
    # The extension, where it does not wait by itself, is part of the window.
    ("2026-02-10", None, Period.EXTENSION, {"runs_from": "year_start"}, M, "2026-05-01"),
    ("2026-02-10", None, Period.EXTENSION, {}, M, "2026-06-10"),
]


@pytest.mark.parametrize(("paid", "arrived", "period", "rule", "before", "start"), STARTS)
def test_from_when_cover_begins(paid, arrived, period, rule, before, start):
    found = ask(2026, [before], paid, period, rule, arrived=arrived)
    assert found.benefit_from == (date.fromisoformat(start) if start else None)
    assert (found.not_stated == ["等待期自缴费到账之日还是1月1日起算"]) == (start is None)


@pytest.mark.parametrize("who", ["新生儿", "特困人员", "服役"])
def test_whoever_is_exempt_does_not_wait(who):
    found = ask(2027, [U, M], "2027-06-01", Period.LATE, exempt=who)
    assert (found.months, found.fixed, found.variable, found.repair_years) == (0, 0, 0, 0)
    assert f"{who}不受等待期限制" in found.reason


def test_an_exemption_of_no_policy_is_refused():
    with pytest.raises(Failure) as refused:
        ask(exempt="低保对象")
    assert refused.value.code == "unknown_exempt"
    assert "特困人员" in refused.value.message


def test_no_money_is_taken_for_a_repair_that_the_policy_forbids():
    with pytest.raises(Failure) as refused:
        ask(2026, [M], rule={"repairable": False}, repair=1)
    assert refused.value.code == "no_repair"


def test_the_sentence_counts_the_years():
    found = ask(2028, [I, M, M], "2027-11-30", arrived="2027-12-01")
    assert found.reason == (
        "2026、2027年没有参加基本医保，连续断保 2 年（2025 年起算）；在集中参保缴费期缴费；"
        "固定等待期 3 个月，变动等待期 2 个月，共等待 5 个月；"
        "自到账之日 2027-12-01 起算，待遇自 2028-05-01 起；"
        "可补缴 2 年（每年 400.00 元），每补缴一年少等 1 个月，最少等 3 个月"
    )
    assert found.rules == ["三（二）"]


def test_the_sentence_of_the_insured_the_unknown_and_the_oversold():
    assert ask(2026, [I]).reason.startswith("2025年已参加居民医保，没有断保；")
    unknown = ask(2026, [U]).reason
    assert "2025年是否参保查不到，不当作断保" in unknown
    assert "要等待 0 或 4 个月，现在不能确定" in unknown
    assert "凭证" in unknown
    employee = ask(2026, [E], rule={"employee_counts": None})
    assert "凭证" not in employee.reason  # papers settle nothing: the policy has to say
    assert employee.not_stated == ["职工参保的年度是否计入连续参保"]
    assert "所报补缴 2 年中有 1 年不能缩短等待，不要收" in ask(2029, [M] * 4, repair=2).reason


def test_a_wait_past_the_year_leaves_nothing_of_it():
    found = ask(2029, [M] * 4, "2029-06-15", Period.LATE)
    assert found.benefit_from == date(2030, 1, 15)
    assert "2029 年度没有待遇" in found.reason


def test_a_year_without_the_rule_says_so():
    assert absent(2024).reason.startswith("不适用")
    assert absent(2024).months == 0
    assert absent(2026).reason.startswith("政策未规定")
    assert absent(2026).months is None
