"""manage.py dump_policy: write a county-year's policy as a pack again."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from enrollment.models import PolicyYear
from targets import pack


class Command(BaseCommand):
    help = "把一个县一个年度的政策写成政策包（TOML）。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--county", required=True, help="县的代码，如 341524")
        parser.add_argument("--year", required=True, type=int, help="待遇年度，如 2024")
        parser.add_argument("--out", help="写入的文件；不写则输出到屏幕")
        parser.add_argument("--json", action="store_true", help="以 JSON 输出结果")

    def handle(self, *args: Any, **options: Any) -> None:
        policy_year = (
            PolicyYear.objects.select_related("county")
            .filter(county__key=options["county"], year=options["year"])
            .first()
        )
        if policy_year is None:
            message = f"没有 {options['county']} 的 {options['year']} 年度"
            if options["json"]:
                error = {"code": "no_such_year", "message": message}
                self.stdout.write(json.dumps({"error": error}, ensure_ascii=False))
            else:
                self.stderr.write(message)
            raise SystemExit(1)
        text = pack.dump(policy_year)
        if options["out"]:
            Path(options["out"]).write_text(text, encoding="utf-8")
        if options["json"]:
            result = {
                "county": options["county"],
                "year": options["year"],
                "file": options["out"],
                "toml": None if options["out"] else text,
            }
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        elif not options["out"]:
            self.stdout.write(text, ending="")
