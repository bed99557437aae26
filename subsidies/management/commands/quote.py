"""缴费测算: what one person owes, by which rule, and from when they are covered."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import PortalCommand, day, policy_year
from subsidies import case, quote


class Command(PortalCommand):
    """No personal data: the question is put in the notice's own words."""

    help = "按县的规则测算一个人应缴多少、由哪个身份资助、待遇从何时起"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser, region=False)
        parser.add_argument("--tier", default="", metavar="档次", help="不写：唯一或第一个档次")
        parser.add_argument("--group", default="", metavar="人群", help="不写：普通居民")
        parser.add_argument(
            "--category", action="append", default=[], metavar="类别", help="资助身份，可写多次"
        )
        parser.add_argument(
            "--paid-on",
            metavar="日期",
            help="缴费日期；不写：集中期最后一日，或更晚的事由日期",
        )
        parser.add_argument("--arrived-on", metavar="日期", help="到账日期；不写：同缴费日期")
        parser.add_argument("--born", metavar="日期", help="出生日期")
        parser.add_argument("--event", default="", metavar="情形", help="特殊情形")
        parser.add_argument("--event-date", metavar="日期", help="事由发生之日")
        parser.add_argument("--recognised-on", metavar="日期", help="身份认定日期")
        parser.add_argument("--removed-on", metavar="日期", help="退出名单日期（当日起不在名单）")
        parser.add_argument(
            "--attribute", action="append", default=[], metavar="属性", help="个人属性，可写多次"
        )
        parser.add_argument("--not-hukou", action="store_true", help="非本县户籍")
        parser.add_argument("--insured-elsewhere", action="store_true", help="不在本县参保")
        parser.add_argument(
            "--list", action="store_true", help="列出档次、人群、情形、类别、属性的名称"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        if options["list"]:
            listed = case.choices(year).as_dict()
            words = dict(zip(listed, ("档次", "人群", "特殊情形", "类别", "个人属性"), strict=True))
            text = [f"{words[key]}：{'、'.join(names) or '无'}" for key, names in listed.items()]
            return self.answer(listed, "\n".join(text))
        asked = case.ask(
            year,
            tier=options["tier"],
            group=options["group"],
            categories=options["category"],
            event=options["event"],
            attributes=options["attribute"],
            hukou_here=not options["not_hukou"],
            insured_here=not options["insured_elsewhere"],
            **{
                name: day(options[name], "--" + name.replace("_", "-")) if options[name] else None
                for name in (
                    "paid_on",
                    "arrived_on",
                    "born",
                    "event_date",
                    "recognised_on",
                    "removed_on",
                )
            },
        )
        answer = quote.quote(year, asked)
        return self.answer(answer.as_dict(), _lines(answer))


def _lines(answer: quote.Quote) -> str:
    told = answer.as_dict()
    allowed = {True: "可以参保", False: "不能受理", None: quote.NOT_STATED}[answer.allowed]
    words = {
        "fee": "个人缴费标准",
        "fiscal": "财政补助标准",
        "subsidy": "参保资助",
        "due": "应缴",
        "category": "资助身份",
        "department": "认定部门",
        "benefit_from": "待遇起",
        "benefit_to": "待遇止",
    }
    lines = [allowed, answer.reason]
    lines += [f"{word}：{told[key] or '—'}" for key, word in words.items()]
    lines.append("出处：" + ("、".join(answer.rules) or "—"))
    lines += [f"{quote.NOT_STATED}：{one}" for one in answer.not_stated]
    return "\n".join(lines)
