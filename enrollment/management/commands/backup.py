"""backup: the database, the files and, if asked for, the keys, in one file."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from enrollment import backups
from enrollment.commands import PortalCommand


class Command(PortalCommand):
    help = (
        "在目录里生成一个备份文件（数据库、文件和清单）。默认不含密钥：密钥另行保管，"
        "没有密钥备份读不出证件号码。系统运行中可以备份。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="目录")
        parser.add_argument(
            "--with-keys", action="store_true", help="连同密钥；这样的备份等于明文，须妥善保管"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with_keys = options["with_keys"]
        path = backups.make(options["folder"], with_keys=with_keys, tell=self._tell)
        size = path.stat().st_size
        words = [f"备份完成：{path}（{size / 1e6:,.1f} MB）"]
        if with_keys:
            words.append("备份内有密钥：谁拿到它就能读出全部证件号码，请锁好。")
        else:
            words.append("备份内没有密钥：请另行保管 CANBAO_ID_KEYS 和 CANBAO_INDEX_KEY。")
        self.answer({"file": str(path), "bytes": size, "with_keys": with_keys}, "\n".join(words))

    def _tell(self, step: str) -> None:
        if not self.as_json:
            self.stdout.write(f"{step} ……")
