"""待遇等待期: how long somebody waits for cover, by the county's rule and a history given."""

import datetime
from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import Failure, PortalCommand, day, policy_year
from enrollment.models import PolicyYear
from enrollment.models.rules import WaitingRule
from subsidies import case, quote, standing, waiting
from subsidies.waiting import Period, Standing, Waiting


class Command(PortalCommand):
    """No personal data: the history is given as years."""

    help = "按县的规则计算待遇等待期：断保几年，等几个月，补缴几年能少等，待遇从何时起"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser, region=False)
        parser.add_argument(
            "--history",
            metavar="年,年",
            help='参加居民医保的年度，如 2021,2022；没有列的算没有参保（都没有写 ""）；'
            "不写这一项：以前是否参保不详",
        )
        parser.add_argument("--employee", default="", metavar="年,年", help="参加职工医保的年度")
        parser.add_argument(
            "--exempt-years", default="", metavar="年,年", help="不计入断保的年度（服役等）"
        )
        parser.add_argument("--paid-on", metavar="日期", help="缴费日期；不写：集中期最后一日")
        parser.add_argument("--arrived-on", metavar="日期", help="到账日期；不写：同缴费日期")
        parser.add_argument("--repair", type=int, default=0, metavar="年数", help="补缴几年")
        parser.add_argument(
            "--exempt", default="", metavar="人员", help="按哪一类不受限人员，如 新生儿"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        rule = standing.rule_of(year)
        found = waiting.absent(year.year) if rule is None else _found(year, rule, options)
        return self.answer(found.as_dict(), _lines(found))


def _found(year: PolicyYear, rule: WaitingRule, options: dict[str, Any]) -> Waiting:
    asked = case.ask(
        year,
        paid_on=day(options["paid_on"], "--paid-on") if options["paid_on"] else None,
        arrived_on=day(options["arrived_on"], "--arrived-on") if options["arrived_on"] else None,
    )
    if asked.arrived_on and asked.arrived_on < asked.paid_on:
        raise Failure("bad_arrival", f"到账日期 {asked.arrived_on} 早于缴费日期 {asked.paid_on}")
    paid_in = standing.period(year, asked.paid_on, group=asked.group)
    if paid_in is Period.EARLY and not options["exempt"]:
        raise Failure("before_window", f"{asked.paid_on} 还没有开始缴费，请写缴费窗口以内的日期")
    answer = quote.quote(year, asked)
    return waiting.waiting(
        rule,
        year=year.year,
        history=_history(year.year, rule, options),
        paid_on=asked.paid_on,
        arrived_on=asked.arrived_on,
        period=paid_in,
        repair=options["repair"],
        exempt=options["exempt"],
        fee=answer.fee or _fee(year, asked),
        starts_on=None if options["exempt"] else answer.benefit_from,
    )


def _fee(year: PolicyYear, asked: case.Case) -> Any:
    """The personal fee, also on a day on which nobody can pay."""
    return asked.tier.fee_set.filter(group=asked.group).values_list("personal", flat=True).first()


def _history(year: int, rule: WaitingRule, options: dict[str, Any]) -> dict[int, Standing]:
    told = options["history"]
    span = range(rule.gap_from_year, year)
    found = dict.fromkeys(span, Standing.UNKNOWN if told is None else Standing.MISSED)
    for name, said in (
        ("exempt_years", Standing.EXEMPT),
        ("employee", Standing.EMPLOYEE),
        ("history", Standing.INSURED),
    ):
        found |= dict.fromkeys(_years(options[name] or "", name, before=year), said)
    return found


def _years(text: str, name: str, *, before: int) -> list[int]:
    option = "--" + name.replace("_", "-")
    found = []
    for part in filter(None, (one.strip() for one in text.replace("，", ",").split(","))):
        if not (part.isdigit() and datetime.MINYEAR < int(part) < before):
            raise Failure("bad_years", f"{option} 应写 {before} 年以前的年度，用逗号隔开：{part}")
        found.append(int(part))
    return found


def _lines(found: Waiting) -> str:
    lines = [found.reason + "。", "出处：" + ("、".join(found.rules) or "—")]
    lines += [f"{quote.NOT_STATED}：{one}" for one in found.not_stated]
    return "\n".join(lines)
