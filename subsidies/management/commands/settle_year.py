"""年度结算 by command: what is still open, and with --apply the settlement itself."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import PortalCommand, policy_year
from enrollment.failure import Failure
from subsidies import settlement


class Command(PortalCommand):
    """Without --apply nothing changes."""

    help = "年度结算：核对未办结的事项，固定资助台账"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser, region=False)
        parser.add_argument("--apply", action="store_true", help="结算；不加只列出未办结的事项")
        parser.add_argument("--yes", action="store_true", help="有未办结的事项也结算")
        parser.add_argument("--undo", action="store_true", help="撤销结算，须写明 --reason")
        parser.add_argument("--reason", default="", metavar="原因", help="结算说明，或撤销的原因")

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        if options["undo"]:
            if not options["apply"]:
                raise Failure("arguments", "撤销结算须加 --apply")
            settlement.unsettle(year, by=None, reason=options["reason"])
        elif options["apply"]:
            settlement.settle(year, by=None, confirmed=options["yes"], note=options["reason"])
        year.refresh_from_db()
        left = settlement.open_items(year)
        made = settlement.current(year)
        answer = {
            "county": year.county.key,
            "year": year.year,
            "state": year.state,
            "open": {one.key: one.count for one in left},
            "settled_at": made.settled_at if made else None,
            "checksum": made.checksum if made else None,
            "totals": made.figures["totals"] if made else None,
        }
        lines = [f"{year}：{year.get_state_display()}"]
        lines += [f"{one.label}：{one.count:,}" for one in left]
        if made:
            lines.append(f"台账校验码 {made.checksum}")
        self.answer(answer, "\n".join(lines))
