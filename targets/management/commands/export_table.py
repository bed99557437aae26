"""Write an official table to an Excel, PDF or CSV file."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandParser

from enrollment.commands import Failure, PortalCommand, moment, place, policy_year
from enrollment.models import PolicyYear, Region
from subsidies import ledger
from subsidies.names import Names
from subsidies.words import Words
from targets import uncovered
from targets.official import TABLES, check_target, form_for, table, write

LEDGER, LEDGER_WORD = "ledger", "资助台账"
UNCOVERED, UNCOVERED_WORD = "uncovered", "重点人群未参保名单"
LISTS = ((LEDGER, LEDGER_WORD), (UNCOVERED, UNCOVERED_WORD))


class Command(PortalCommand):
    help = "导出正式表格：按文件名结尾存为 Excel、PDF 或 CSV。--list 列出可导出的表。"

    def add_arguments(self, parser: CommandParser) -> None:
        names = "、".join([*TABLES, LEDGER, UNCOVERED])
        parser.add_argument("name", nargs="?", metavar="表名", help=names)
        self.add_place_arguments(parser, required=False)
        parser.add_argument("--list", action="store_true", help="列出可导出的表和本县的表式")
        parser.add_argument("--draft", action="store_true", help="用由名册算出的数字，注明测算稿")
        parser.add_argument("--department", metavar="名称", help="台账只列这个部门资助的人")
        parser.add_argument("--category", metavar="名称", help="台账只列按这一类资助的人")
        parser.add_argument("--group", metavar="名称", help="未参保名单是哪个人群的，默认目标人群")
        parser.add_argument("--tier", metavar="档次", help="测算表按哪一档制，默认第一档")
        parser.add_argument("--as-of", metavar="时间", help="截止时间，默认现在")
        parser.add_argument("--out", metavar="文件", help="导出到哪里，以 .xlsx、.pdf 或 .csv 结尾")
        parser.add_argument(
            "--encoding",
            choices=["utf-8", "gb18030"],
            default="utf-8",
            help="CSV 的编码，默认 UTF-8（带标记），旧版 Excel 可用 gb18030",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list(options)
            return
        missing = [
            word
            for word, key in (
                ("表名", "name"),
                ("--county", "county"),
                ("--year", "year"),
                ("--out", "out"),
            )
            if not options[key]
        ]
        if missing:
            raise Failure("arguments", f"还缺：{'、'.join(missing)}；加 --list 查看可导出的表")
        year = policy_year(options["county"], options["year"])
        region = place(options["region"], year) if options["region"] else None
        if options["name"] == LEDGER:
            self._ledger(year, region or year.county, options)
            return
        if options["name"] == UNCOVERED:
            self._uncovered(year, region or year.county, options)
            return
        made = table(
            year,
            options["name"],
            region=region,
            draft=options["draft"],
            tier=options["tier"] or "",
            until=moment(options["as_of"]),
        )
        path = Path(options["out"]).expanduser()
        write(made, path, encoding=options["encoding"])
        self.answer(
            {
                "name": made.name,
                "title": made.title,
                "file": str(path),
                "rows": len(made.rows),
                "draft": options["draft"],
                "plain": made.plain,
                "demo": made.demo,
                "as_of": made.as_of,
                "remarks": made.remarks,
            },
            "\n".join([f"已导出 {path}：{made.title}，{len(made.rows)} 行", *made.remarks]),
        )

    def _ledger(self, year: PolicyYear, region: Region, options: dict[str, Any]) -> None:
        """The ledger is a list of people, not a form: as long as there are people in it."""
        if options["draft"] or options["tier"] or options["as_of"]:
            raise Failure(
                "arguments", "台账只有按实际缴费结算的一种，不能加 --draft、--tier、--as-of"
            )
        category = None
        if options["category"]:
            category = Names(year).named(options["category"])
            if category is None:
                raise Failure("unknown_category", f"没有“{options['category']}”这种资助对象类别")
        count = self._whole(
            options["out"],
            lambda file: ledger.write(
                file,
                year,
                region,
                department=options["department"] or "",
                category=category.name if category else "",
            ),
        )
        self._told(LEDGER, LEDGER_WORD, options, count)

    def _uncovered(self, year: PolicyYear, region: Region, options: dict[str, Any]) -> None:
        if options["draft"] or options["tier"]:
            raise Failure("arguments", "未参保名单不能加 --draft、--tier")
        words = Words(year, None)
        group = uncovered.find(year, words, options["group"] or "")
        until = moment(options["as_of"])
        count = self._whole(
            options["out"],
            lambda file: uncovered.write(file, year, region, group, words=words, until=until),
        )
        self._told(UNCOVERED, f"{group.name}未参保名单", options, count)

    def _whole(self, out: str, write_to: Callable[[IO[bytes]], int]) -> int:
        """Write a file that stands under its name only once it is whole; returns its rows."""
        path = Path(out).expanduser()
        check_target(path, endings=("xlsx",))
        with tempfile.NamedTemporaryFile(suffix=".xlsx", dir=path.parent, delete=False) as file:
            draft = Path(file.name)
            try:
                count = write_to(file)
                os.chmod(draft, 0o640)
                os.replace(draft, path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        return count

    def _told(self, name: str, title: str, options: dict[str, Any], count: int) -> None:
        path = Path(options["out"]).expanduser()
        self.answer(
            {"name": name, "title": title, "file": str(path), "rows": count},
            f"已导出 {path}：{title}，{count:,} 人",
        )

    def _list(self, options: dict[str, Any]) -> None:
        year = None
        if options["county"] and options["year"]:
            year = policy_year(options["county"], options["year"])
        tables = []
        for name, word in TABLES.items():
            form = form_for(year, name) if year else None
            tables.append(
                {
                    "name": name,
                    "word": word,
                    "title": form.title if form else None,
                    "region": form.region.key if form and form.region else None,
                }
            )
        tables += [
            {"name": name, "word": word, "title": None, "region": None} for name, word in LISTS
        ]
        lines = [f"{one['name']:<10} {one['title'] or one['word']}" for one in tables]
        self.answer({"tables": tables}, "\n".join(lines))
