"""待遇等待期: how long somebody waits for cover who joins late or after a gap (from 2025 on).

The national frame (国办发〔2024〕38号) leaves the values to provinces: every reading is a column of
``WaitingRule``, and an empty column is 政策未规定. What is not known or not stated is carried as
alternatives; a number is given where all of them agree on it, and None where they do not.
"""

from __future__ import annotations

import datetime
import re
from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from enrollment.failure import Failure
from enrollment.models.rules import WaitingRule
from enrollment.models.rules.paying import PaymentRule

NEWBORN = "新生儿"
"""Enrolled within its time, a newborn never waits, whatever else a policy lists."""
FIRST_YEAR = 2025
DAYS_A_MONTH = 30
LONG_GAP = 4
"""Missed years from which the national frame wants a floor."""


class Standing(Enum):
    """What somebody was in an earlier benefit year; a year that is not given is UNKNOWN."""

    INSURED = "居民医保"
    EMPLOYEE = "职工医保"
    EXEMPT = "不计入"
    MISSED = "没有参保"
    BIRTH_YEAR = "出生当年没有参保"
    UNKNOWN = "查不到"


class Period(Enum):
    """When the payment was made, judged by its day, not by its arrival."""

    EARLY = "集中参保缴费期开始以前"
    MAIN = "集中参保缴费期"
    EXTENSION = "延长期"
    LATE = "集中参保缴费期以外"


@dataclass(frozen=True)
class Waiting:
    """The answer. None = not known, or 政策未规定; lengths are months, the price yuan."""

    missed: int | None
    fixed: int | None
    variable: int | None
    repaired: int | None
    months: int | None
    benefit_from: datetime.date | None
    reason: str
    rules: list[str]
    not_stated: list[str] = field(default_factory=list)
    repair_years: int = 0
    """How many (further) missed years are worth paying for; each shortens the wait by a month."""
    repair_price: Decimal | None = None
    """What one of them costs: this year's personal fee, yuan."""

    def as_dict(self) -> dict[str, Any]:
        """The answer as the command prints it."""
        return {
            "missed": self.missed,
            "fixed": self.fixed,
            "variable": self.variable,
            "repaired": self.repaired,
            "months": self.months,
            "benefit_from": self.benefit_from,
            "reason": self.reason,
            "rules": self.rules,
            "not_stated": self.not_stated,
            "repair_years": self.repair_years,
            "repair_price": None if self.repair_price is None else f"{self.repair_price:.2f}",
        }


@dataclass(frozen=True)
class _Wait:
    """One way it may be: which years were missed, late or not, and what follows."""

    years: tuple[int, ...]
    late: bool
    fixed: int
    variable: int
    repaired: int
    months: int
    useful: int


def exempt_names(rule: WaitingRule) -> list[str]:
    """Whom the policy lets off waiting, newborns first."""
    listed = [one for one in re.split(r"[、，,；;\s]+", rule.exempt) if one]
    return list(dict.fromkeys([NEWBORN, *listed]))


def waiting(
    rule: WaitingRule,
    *,
    year: int,
    history: Mapping[int, Standing],
    paid_on: datetime.date,
    period: Period,
    arrived_on: datetime.date | None = None,
    repair: int = 0,
    exempt: str = "",
    fee: Decimal | None = None,
    starts_on: datetime.date | None = None,
) -> Waiting:
    """How long somebody waits in a benefit year, and why.

    ``exempt`` is a name of ``exempt_names``; ``repair`` the missed years that are paid for, of
    which only those that shorten the wait count; ``fee`` the year's personal fee, yuan;
    ``starts_on`` the first day of cover without a wait. Raises Failure for an exemption that the
    policy does not have, and for a repair where it allows none.
    """
    if exempt and exempt not in exempt_names(rule):
        known = "、".join(exempt_names(rule))
        raise Failure("unknown_exempt", f"没有名为“{exempt}”的不受限人员（有：{known}）")
    if repair < 0:
        raise Failure("bad_repair", "补缴年数不能小于 0")
    if repair and rule.repairable is False:
        raise Failure("no_repair", "本年度政策不允许补缴修复等待期，不要收补缴的钱")
    ways = [
        _wait(rule, years, late=late, exempt=bool(exempt), repair=repair)
        for years in dict.fromkeys(_gaps(rule, year, history))
        for late in _late(rule, period)
    ]
    months = _agreed(ways, lambda way: way.months)
    first = datetime.date(year, 1, 1)
    start = starts_on if months == 0 else None
    if months:
        starts = {_start(rule, months, way.late, arrived_on or paid_on, first) for way in ways}
        start = starts.pop() if len(starts) == 1 else None
    useful = _agreed(ways, lambda way: way.useful) or 0
    offered = useful if rule.repairable else 0
    open_questions = _open(rule, year, history, period, ways, start)
    found = Waiting(
        missed=_agreed(ways, lambda way: len(way.years)),
        fixed=_agreed(ways, lambda way: way.fixed),
        variable=_agreed(ways, lambda way: way.variable),
        repaired=_agreed(ways, lambda way: way.repaired),
        months=months,
        benefit_from=start,
        reason="",
        rules=[one for one in (rule.cites or rule.source).split("；") if one],
        not_stated=open_questions,
        repair_years=offered,
        repair_price=fee if offered else None,
    )
    parts = [
        _history_part(rule, year, history, ways),
        exempt and f"{exempt}不受等待期限制",
        *_length_parts(found, ways, period, repair=repair, exempt=exempt),
        _start_part(rule, found, ways, paid_on, arrived_on, year),
        _offer_part(found, ways, history),
    ]
    reason = "；".join(part for part in parts if part)
    return Waiting(**{**found.__dict__, "reason": reason})


def absent(year: int) -> Waiting:
    """The answer of a year whose policy has no rule of waiting."""
    if year < FIRST_YEAR:
        reason = f"不适用：等待期自 {FIRST_YEAR} 年度起才有，{year} 年度没有等待期"
        return Waiting(0, 0, 0, 0, 0, None, reason, [])
    reason = f"政策未规定：{year} 年度政策没有写待遇等待期"
    return Waiting(None, None, None, None, None, None, reason, [], ["待遇等待期"])


# ------------------------------------------------------------------ counting


def _gaps(
    rule: WaitingRule, year: int, history: Mapping[int, Standing]
) -> Iterator[tuple[int, ...]]:
    """The missed years that may end just before the year; one answer where all is known."""
    counted: tuple[int, ...] = ()
    for before in range(year - 1, rule.gap_from_year - 1, -1):
        match history.get(before, Standing.UNKNOWN):
            case Standing.EXEMPT:
                continue
            case Standing.INSURED:
                break
            case Standing.EMPLOYEE if rule.employee_counts:
                break
            case Standing.EMPLOYEE if rule.employee_counts is None:
                yield counted
            case Standing.UNKNOWN | Standing.BIRTH_YEAR:
                yield counted
        counted = (before, *counted)
    yield counted


def _late(rule: WaitingRule, period: Period) -> list[bool]:
    if period is not Period.EXTENSION:
        return [period is Period.LATE]
    return [False, True] if rule.extension_waits is None else [rule.extension_waits]


def _wait(
    rule: WaitingRule, years: tuple[int, ...], *, late: bool, exempt: bool, repair: int
) -> _Wait:
    if exempt or not (late or years):
        return _Wait(years, late, 0, 0, 0, 0, 0)
    fixed, variable = rule.fixed_months, max(0, len(years) - rule.offset)
    longest, shortest = fixed + variable, fixed
    if rule.floor_missed and rule.floor_months and len(years) >= rule.floor_missed:
        longest, shortest = max(longest, rule.floor_months), max(shortest, rule.floor_months)
    worth = longest - shortest if rule.repairable else 0
    repaired = min(repair, worth)
    return _Wait(years, late, fixed, variable, repaired, longest - repaired, worth - repaired)


def _start(
    rule: WaitingRule, months: int, late: bool, arrived: datetime.date, first: datetime.date
) -> datetime.date | None:
    """The first day of cover, never before the benefit year; None where it is not stated."""
    if not late and rule.runs_from is None:
        return None
    if not late and rule.runs_from == WaitingRule.Runs.YEAR_START:
        return _after(rule, first, months)  # 1 January is itself the first day of the wait
    end = _after(rule, arrived, months)
    counting = PaymentRule.Counting
    usual = counting.FULL if rule.unit == WaitingRule.Unit.DAYS else counting.PLUS
    if (rule.counting or usual) == counting.FULL:
        end += datetime.timedelta(days=1)
    return max(end, first)


def _after(rule: WaitingRule, day: datetime.date, months: int) -> datetime.date:
    """So many months later, clipped at the month's end; or thirty days for each."""
    if rule.unit == WaitingRule.Unit.DAYS:
        return day + datetime.timedelta(days=months * DAYS_A_MONTH)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return datetime.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _agreed(ways: Sequence[_Wait], read: Callable[[_Wait], int]) -> int | None:
    found = {read(way) for way in ways}
    return found.pop() if len(found) == 1 else None


# ------------------------------------------------------------------ saying it


def _open(
    rule: WaitingRule,
    year: int,
    history: Mapping[int, Standing],
    period: Period,
    ways: Sequence[_Wait],
    start: datetime.date | None,
) -> list[str]:
    """What the policy would have to say for this case; nothing that changes no answer."""
    differs = len({way.months for way in ways}) > 1
    touched = {one for way in ways for one in way.years}
    found = []
    if differs and rule.employee_counts is None and _of(history, touched, Standing.EMPLOYEE):
        found.append("职工参保的年度是否计入连续参保")
    if differs and _of(history, touched, Standing.BIRTH_YEAR):
        found.append("出生当年没有参保的是否计入断保")
    if differs and period is Period.EXTENSION and rule.extension_waits is None:
        found.append("延长期（1至2月）缴费的是否要等待")
    no_floor = not (rule.floor_missed and rule.floor_months)
    if no_floor and any(way.months and len(way.years) >= LONG_GAP for way in ways):
        found.append("连续断保四年以上的等待期下限（这里没有按下限计算）")
    if rule.repairable is None and any(way.months and way.variable for way in ways):
        found.append("能否补缴修复变动等待期")
    if start is None and rule.runs_from is None and any(w.months and not w.late for w in ways):
        found.append("等待期自缴费到账之日还是1月1日起算")
    return found


def _of(history: Mapping[int, Standing], years: set[int], standing: Standing) -> list[int]:
    return sorted(one for one in years if history.get(one, Standing.UNKNOWN) is standing)


def _list(years: Sequence[int]) -> str:
    return "、".join(map(str, years)) + "年"


def _history_part(
    rule: WaitingRule, year: int, history: Mapping[int, Standing], ways: Sequence[_Wait]
) -> str:
    span = range(rule.gap_from_year, year)
    employee = {True: "", False: "，不计入连续", None: "，是否计入连续政策未规定"}
    if not span:
        return f"断保自 {rule.gap_from_year} 年起算，{year} 年度以前没有计入的年度"
    touched = {one for way in ways for one in way.years}
    parts = [
        f"{_list(years)}{said}"
        for standing, said in (
            (Standing.MISSED, "没有参加基本医保"),
            (Standing.EMPLOYEE, "参加职工医保" + employee[rule.employee_counts]),
            (Standing.BIRTH_YEAR, "出生，当年没有参保"),
            (Standing.UNKNOWN, "是否参保查不到，不当作断保"),
        )
        if (years := _of(history, touched, standing))
    ]
    skipped = _of(history, set(span), Standing.EXEMPT)
    known = [one for one in span if history.get(one) in (Standing.INSURED, Standing.EMPLOYEE)]
    ends = min(touched, default=max(known, default=0))
    skipped = [one for one in skipped if one > ends]
    if skipped:
        parts.append(f"{_list(skipped)}按规定不计入断保")
    counts = sorted({len(way.years) for way in ways})
    if counts == [0]:
        before = next((one for one in reversed(span) if one not in skipped), None)
        if before is not None:
            what = history[before]  # whatever is not known would have made another count
            parts.insert(0, f"{before}年已参加{what.value}")
        return "，".join([*parts, "没有断保"])
    told = "或 ".join(f"{one} " for one in counts)
    return "，".join([*parts, f"连续断保 {told}年（{rule.gap_from_year} 年起算）"])


def _length_parts(
    found: Waiting, ways: Sequence[_Wait], period: Period, *, repair: int, exempt: str
) -> Iterator[str]:
    if exempt:
        return
    yield f"在{period.value}缴费"
    if found.months is None:
        lengths = "或 ".join(f"{one} " for one in sorted({way.months for way in ways}))
        yield f"要等待 {lengths}个月，现在不能确定"
    elif found.months == 0:
        yield "没有等待期"
    elif found.fixed is None or found.variable is None:
        yield f"共等待 {found.months} 个月"
    else:
        sums = [f"固定等待期 {found.fixed} 个月"]
        if found.variable:
            sums.append(f"变动等待期 {found.variable} 个月")
        if found.repaired:
            sums.append(f"补缴 {found.repaired} 年减 {found.repaired} 个月")
        plain = found.fixed + found.variable - (found.repaired or 0)
        if found.months > plain:
            sums.append(f"断保 {found.missed} 年的最低 {found.months} 个月")
        yield "，".join([*sums, f"共等待 {found.months} 个月"])
    if found.repaired is not None and repair > found.repaired:
        extra = repair - found.repaired
        yield f"所报补缴 {repair} 年中有 {extra} 年不能缩短等待，不要收"


def _start_part(
    rule: WaitingRule,
    found: Waiting,
    ways: Sequence[_Wait],
    paid_on: datetime.date,
    arrived_on: datetime.date | None,
    year: int,
) -> str:
    if found.benefit_from is None:
        return "待遇起算日政策未规定" if found.months else ""
    if not found.months:
        return f"待遇自 {found.benefit_from} 起"
    by_year = rule.runs_from == WaitingRule.Runs.YEAR_START and not any(w.late for w in ways)
    if by_year:
        runs = f"自 {year}-01-01 起算"
    elif arrived_on:
        runs = f"自到账之日 {arrived_on} 起算"
    else:
        runs = f"到账日期不详，按缴费当日 {paid_on} 到账起算"
    if found.benefit_from.year > year:
        return f"{runs}，等到 {found.benefit_from}，{year} 年度没有待遇"
    return f"{runs}，待遇自 {found.benefit_from} 起"


def _offer_part(found: Waiting, ways: Sequence[_Wait], history: Mapping[int, Standing]) -> str:
    if found.repair_years:
        price = "补缴标准政策未规定"
        if found.repair_price is not None:
            price = f"每年 {found.repair_price:,.2f} 元"
        least = (found.months or 0) - found.repair_years
        return (
            f"可补缴 {found.repair_years} 年（{price}），每补缴一年少等 1 个月，最少等 {least} 个月"
        )
    touched = {one for way in ways for one in way.years}
    if found.months is None and _of(history, touched, Standing.UNKNOWN):
        return "请本人提供这些年度的参保或缴费凭证"
    return ""
