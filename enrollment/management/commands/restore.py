"""restore: a backup in the place of what is there, after everything in it has been checked."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from enrollment import backups
from enrollment.commands import PortalCommand
from enrollment.failure import Failure


class Command(PortalCommand):
    help = (
        "从备份文件恢复。先核对整个备份，再动数据；没有 --yes 只核对。"
        "数据库非空时还要 --replace，现有数据和文件会被全部替换。请先停止网页和后台进程。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="备份文件")
        parser.add_argument("--yes", action="store_true", help="确认恢复")
        parser.add_argument("--replace", action="store_true", help="替换现有的全部数据和文件")

    def handle(self, *args: Any, **options: Any) -> None:
        self._tell("核对备份")
        backup = backups.examine(options["file"])
        made = backup.manifest["made_at"]
        people = backup.manifest["counts"]["enrollment_person"]
        what = f"备份完好：{made} 所做，人员 {people:,}，文件 {len(backup.files):,} 个"
        backups.refusals(backup, replace=options["replace"])
        if not options["yes"]:
            raise Failure("confirm", f"{what}。还没有改动任何数据；确认恢复请加 --yes")
        counts = backups.restore(backup, tell=self._tell)
        self.answer(
            {
                "file": str(backup.path),
                "made_at": made,
                "people": counts["enrollment_person"],
                "payments": counts["enrollment_payment"],
                "files": len(backup.files),
                "keys_restored": bool(backup.keys),
            },
            f"已恢复到 {made} 的状态：人员 {counts['enrollment_person']:,}，"
            f"缴费记录 {counts['enrollment_payment']:,}，文件 {len(backup.files):,} 个。"
            "请运行 doctor 检查，所有人须重新登录。",
        )

    def _tell(self, step: str) -> None:
        if not self.as_json:
            self.stdout.write(f"{step} ……")
