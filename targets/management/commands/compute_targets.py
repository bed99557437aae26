"""Compute targets from the register and the deduction lists, whatever the notice printed."""

from datetime import date
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction
from django.utils import timezone

from enrollment.commands import Failure, PortalCommand, aligned, day, place, policy_year
from enrollment.models import PolicyYear, Region
from targets import target
from targets.models import TargetVersion


class Command(PortalCommand):
    help = "由户籍名册和扣减名册计算任务数；加 --issue 则下达为新的一版。"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser)
        parser.add_argument("--issue", action="store_true", help="把算出的数字下达为新的一版")
        parser.add_argument("--document", default="", metavar="文号", help="下达所依据的文件")
        parser.add_argument("--issued-on", metavar="日期", help="下达日期，如 2023-09-01，默认今天")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["issue"] and (options["document"] or options["issued_on"]):
            raise Failure("arguments", "--document 和 --issued-on 只与 --issue 同用")
        year = policy_year(options["county"], options["year"])
        region = place(options["region"], year)
        on = day(options["issued_on"], "--issued-on") if options["issued_on"] else None
        draft, version = target.compute(year, region=region), None
        if options["issue"]:
            draft, version = self._issue(year, region, document=options["document"], on=on)
        names = ("population", "deductions", "base", "target")
        rows = [
            {"name": row.region.name, "code": row.region.key} | self._figures(row, names)
            for row in draft.rows
        ]
        total = {"name": region.name, "code": region.key} | self._figures(draft.total, names)
        self.answer(
            {
                "rows": rows,
                "total": total,
                "as_of": draft.as_of.isoformat(),
                "as_of_stated": draft.as_of_stated,
                "computed_at": timezone.localtime().isoformat(timespec="seconds"),
                "basis": draft.basis,
                "remark": draft.remark,
                "issued": version is not None,
                "version": version.number if version else None,
                "issued_on": version.issued_on.isoformat()
                if version and version.issued_on
                else None,
            },
            self._text(draft, version),
        )

    @staticmethod
    def _figures(row: target.DraftRow, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(row, name) for name in names} | {"items": row.items}

    @staticmethod
    @transaction.atomic
    def _issue(
        year: PolicyYear, region: Region, *, document: str, on: date | None
    ) -> tuple[target.Draft, TargetVersion]:
        draft = target.compute(year, region=region)
        version = target.keep(draft, by=None)
        return draft, target.issue(version, by=None, document=document, issued_on=on)

    @staticmethod
    def _text(draft: target.Draft, version: TargetVersion | None) -> str:
        headings = ["单位", "户籍人口", "扣减", "基数", "任务数"]
        rows = [
            [row.region.name, row.population, row.deductions, row.base, row.target]
            for row in draft.rows
        ]
        total = draft.total
        rows.append(["合计", total.population, total.deductions, total.base, total.target])
        lines = [aligned(headings, rows), draft.basis, draft.remark]
        if version is not None:
            lines.append(f"已下达第 {version.number} 版，自 {version.issued_on} 起执行")
        else:
            lines.append("这是测算数，没有下达；加 --issue 下达")
        return "\n".join(filter(None, lines))
