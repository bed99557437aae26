"""Write an official table or a list of people to an Excel, PDF or CSV file."""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from enrollment import audit
from enrollment.commands import (
    Failure,
    PortalCommand,
    aligned,
    moment,
    place,
    policy_year,
)
from enrollment.models import PolicyYear, Region
from targets import shelf
from targets.official import check_target, form_for, write


class Command(PortalCommand):
    help = "导出正式表格和名单：按文件名结尾存为 Excel、PDF 或 CSV。--list 列出可导出的表。"

    def add_arguments(self, parser: CommandParser) -> None:
        names = [one.name for one in shelf.everything()]
        parser.add_argument("name", nargs="?", metavar="表名", help="、".join(names))
        self.add_place_arguments(parser, required=False)
        parser.add_argument("--list", action="store_true", help="列出可导出的表和本县的表式")
        parser.add_argument("--draft", action="store_true", help="用由名册算出的数字，注明测算稿")
        parser.add_argument("--department", metavar="名称", help="台账只列这个部门资助的人")
        parser.add_argument("--category", metavar="名称", help="台账只列按这一类资助的人")
        parser.add_argument("--group", metavar="名称", help="未参保名单是哪个人群的，默认目标人群")
        parser.add_argument("--tier", metavar="档次", help="测算表按哪一档制，默认第一档")
        parser.add_argument("--as-of", metavar="时间", help="截止时间，默认现在")
        parser.add_argument(
            "--full", action="store_true", help="县外参保明细含完整证件号码和电话（记入操作记录）"
        )
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
        asked = shelf.find(options["name"])
        chosen = shelf.Chosen(
            until=moment(options["as_of"]),
            draft=options["draft"],
            tier=options["tier"] or "",
            department=options["department"] or "",
            category=options["category"] or "",
            group=options["group"] or "",
            full=options["full"],
        )
        shelf.refuse(asked, chosen)
        path = Path(options["out"]).expanduser()
        check_target(path, endings=asked.endings)
        if isinstance(asked, shelf.Listing):
            self._people(asked, year, region or year.county, chosen, path)
            return
        made = asked.table(year, region, chosen)
        if chosen.full:
            audit.record(
                "download_table", by=None, county=year.county, subject=f"{asked.title}（完整号码）",
                rows=len(made.rows),
            )  # fmt: skip
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

    def _people(
        self,
        listing: shelf.Listing,
        year: PolicyYear,
        region: Region,
        chosen: shelf.Chosen,
        path: Path,
    ) -> None:
        """A list of people is no form: as long as there are people in it, written as it comes."""
        with tempfile.NamedTemporaryFile(suffix=path.suffix, dir=path.parent, delete=False) as file:
            draft = Path(file.name)
            try:
                ending = path.suffix.lower().lstrip(".")
                count = listing.write(file, year, region, chosen, ending)
                os.chmod(draft, 0o640)
                os.replace(draft, path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        self.answer(
            {"name": listing.name, "title": listing.title, "file": str(path), "rows": count},
            f"已导出 {path}：{listing.title}，{count:,} 人",
        )

    def _list(self, options: dict[str, Any]) -> None:
        year = None
        if options["county"] and options["year"]:
            year = policy_year(options["county"], options["year"])
        tables, lines = [], []
        for one in shelf.everything():
            form = form_for(year, one.name) if year and isinstance(one, shelf.Form) else None
            tables.append(
                {
                    "name": one.name,
                    "word": one.title,
                    "title": form.title if form else None,
                    "region": form.region.key if form and form.region else None,
                    "endings": list(one.endings),
                    "about": one.about,
                }
            )
            title = form.title if form else one.title
            lines.append([one.name, title, " ".join(one.endings), one.about])
        self.answer({"tables": tables}, aligned(["表名", "名称", "可存为", "内容"], lines))
