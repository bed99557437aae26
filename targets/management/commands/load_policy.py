"""manage.py load_policy FILE…: load policy packs, whole or not at all."""

import json
from pathlib import Path
from typing import Any, NoReturn

from django.core.management.base import CommandParser

from enrollment.commands import PortalCommand
from targets import pack, pack_warnings


class Command(PortalCommand):
    help = "载入政策包（TOML）。全部文件在一个事务中载入，有一处不合格就都不载入。"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="政策包文件")
        parser.add_argument("--yes", action="store_true", help="覆盖上次载入之后在页面上的改动")

    def handle(self, *args: Any, **options: Any) -> None:
        packs, problems = [], []
        for name in options["files"]:
            try:
                packs.append(pack.read_file(Path(name)))
            except pack.PackError as error:
                problems += [f"{error.file}：{problem}" for problem in error.problems]
        if problems:
            self._refuse("bad_pack", f"政策包有 {len(problems)} 处问题，没有载入", problems)
        try:
            loaded = pack.load(packs, yes=options["yes"])
        except pack.PackError as error:
            problems = [f"{error.file}：{problem}" for problem in error.problems]
            self._refuse("bad_pack", f"政策包有 {len(problems)} 处问题，没有载入", problems)
        except pack.EditedSince as error:
            self._refuse(
                "edited_since",
                f"{error}，没有载入；核对后加 --yes 可以覆盖",
                error.differences,
            )
        warnings = [
            [str(problem) for problem in pack_warnings.warnings(one.tables)] for one in packs
        ]
        result = [
            {
                "file": item.file,
                "county": item.county,
                "year": item.year,
                "changed": item.changed,
                "kept": item.kept,
                "warnings": found,
            }
            for item, found in zip(loaded, warnings, strict=True)
        ]
        lines = []
        for item, found in zip(loaded, warnings, strict=True):
            word = f"已载入，{len(item.differences)} 处变动" if item.changed else "没有变动"
            lines.append(f"{item.file}：{item.county} {item.year} 年度，{word}")
            lines += [f"  {sentence}" for sentence in item.kept]
            lines += [f"  请留意 {line}" for line in found]
        self.answer({"packs": result}, "\n".join(lines))

    def _refuse(self, code: str, message: str, details: list[str]) -> NoReturn:
        """Say everything that is wrong and leave with exit code 1."""
        if self.as_json:
            error = {"code": code, "message": message, "details": details}
            self.stdout.write(json.dumps({"error": error}, ensure_ascii=False))
        else:
            self.stderr.write(message)
            for line in details:
                self.stderr.write(f"  {line}")
        raise SystemExit(1)
