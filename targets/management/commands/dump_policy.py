"""manage.py dump_policy: write a county-year's policy as a pack again."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from enrollment.commands import Failure, PortalCommand, policy_year
from targets import pack


class Command(PortalCommand):
    help = "把一个县一个年度的政策写成政策包（TOML）。"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser, region=False)
        parser.add_argument("--out", metavar="FILE", help="写入的文件；不写则输出到屏幕")

    def handle(self, *args: Any, **options: Any) -> None:
        year = policy_year(options["county"], options["year"])
        text = pack.dump(year)
        out = options["out"]
        if out:
            try:
                Path(out).write_text(text, encoding="utf-8")
            except OSError as error:
                raise Failure("cannot_write", f"{out} 写不进去：{error.strerror}") from error
        result = {
            "county": year.county.key,
            "year": year.year,
            "file": out,
            "toml": None if out else text,
        }
        self.answer(result, f"已写入 {out}" if out else text.removesuffix("\n"))
