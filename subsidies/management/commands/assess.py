"""核定: the whole county-year against the rule, into 测算 and 台账."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import PortalCommand, aligned, policy_year
from subsidies import assessment


class Command(PortalCommand):
    """Writes only what differs; a frozen year refuses."""

    help = "按县的规则核定全县一个年度的参保资助"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser, region=False)

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        done = assessment.assess(year).as_dict()
        told = assessment.totals(year)
        for basis, figures in told.items():
            figures["written"] = done[basis]
        rows = [
            (
                title,
                one["people"],
                one["subsidised"],
                one["fully"],
                one["not_stated"],
                one["amount"],
            )
            for title, one in (("测算", told["estimate"]), ("台账", told["settled"]))
        ]
        headings = ("", "人数", "受资助", "个人缴0元", "政策未规定", "资助金额（元）")
        self.answer(
            {
                "county": year.county.key,
                "year": year.year,
                "revision": done["revision"],
                **told,
            },
            aligned(headings, [[*row[:-1], f"{row[-1]:,.2f}"] for row in rows]),
        )
