"""Progress of a county or a part of it, now or as of a cut-off."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import PortalCommand, aligned, moment, place, policy_year, stamp
from targets import progress


class Command(PortalCommand):
    help = "参保进度：已参保人数、任务数、完成率（0.5784 即 57.84%），按所问区划的下一级列出。"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser)
        parser.add_argument(
            "--as-of",
            metavar="时间",
            help="截止时间，如 2023-12-31（当日 24 时）或 2023-12-31T12:00:00，默认现在",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        region = place(options["region"], year)
        until = moment(options["as_of"])
        found = progress.of(year, region, until=until, changes=True, drafts=True)
        fresh = progress.freshness(year)
        self.answer(
            {
                "rows": [self._figures(row) for row in found.rows],
                "total": self._figures(found.total),
                "as_of": stamp(found.as_of),
                "payments_until": stamp(fresh.payments) if fresh.payments else None,
                "register_as_of": fresh.register.isoformat() if fresh.register else None,
                "remark": found.remark,
                "participation": [
                    {
                        "denominator": one.denominator.name,
                        "kind": one.denominator.kind,
                        "covered": one.covered,
                        "counted": one.counted,
                        "people": one.people,
                        "rate": _number(one.rate),
                    }
                    for one in progress.participation(year, region, until=until)
                ],
            },
            self._text(found),
        )

    @staticmethod
    def _figures(row: progress.Row) -> dict[str, Any]:
        return {
            "code": row.region.key,
            "name": row.region.name,
            "target": row.target,
            "insured": row.insured,
            "rate": _number(row.rate),
            "gap": row.gap,
            "since_yesterday": row.since_yesterday,
            "since_last_week": row.since_last_week,
            "population": row.population,
            "deductions": row.deductions,
            "base": row.base,
            "draft": row.draft,
        }

    @staticmethod
    def _text(found: progress.Progress) -> str:
        rows = [
            [
                "合计" if row is found.total else row.region.name,
                row.target,
                row.insured,
                "—" if row.rate is None else f"{row.rate * 100:.2f}%",
                row.gap,
                row.since_yesterday,
                row.since_last_week,
            ]
            for row in [*found.rows, found.total]
        ]
        headings = ["单位", "任务数", "已参保", "完成率", "还差", "较昨日", "较上周"]
        lines = [aligned(headings, rows), f"截至 {stamp(found.as_of)}", found.remark]
        return "\n".join(filter(None, lines))


def _number(rate: Any) -> float | None:
    return None if rate is None else float(rate)
