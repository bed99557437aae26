"""manage.py clone_year: copy a county's policy of one year into another that is being prepared."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import PortalCommand, policy_year
from targets import opening, pack


class Command(PortalCommand):
    help = "把一个年度的政策复制到新的年度（起草），逐条标为“沿用上年，待核对”。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--county", required=True, metavar="代码", help="县的代码，如 341524")
        parser.add_argument(
            "--from", dest="source", required=True, type=int, metavar="年", help="被复制的待遇年度"
        )
        parser.add_argument(
            "--to", dest="year", required=True, type=int, metavar="年", help="新的待遇年度"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source = policy_year(options["county"], options["source"])
        made = opening.clone(source, year=options["year"], by=None)
        tables = pack.fetch_tables(made)
        left = opening.carried(made, tables)
        rules: dict[str, int] = {}
        for one in left:
            rules[one.table] = rules.get(one.table, 0) + 1
        result = {
            "county": made.county.key,
            "from": source.year,
            "to": made.year,
            "state": made.state,
            "carried": len(left),
            "rules": rules,
        }
        self.answer(
            result,
            f"{made.county.name} {source.year} 年度的政策已复制到 {made.year} 年度（起草）："
            f"{len(left)} 条沿用上年，待核对。在“政策”页核对、试算后启用。",
        )
