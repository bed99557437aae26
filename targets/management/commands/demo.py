"""manage.py demo: the three policies, generated people and one account per role."""

import time
from typing import Any

from enrollment import commands, demo
from targets import demonstration


class Command(commands.PortalCommand):
    help = "装入演示数据和演示账号（只用于内置数据库）；再次运行只补缺的，不动已有数据"

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        demonstration.load(tell=self._tell)
        logins = demo.logins()
        self.answer(
            {"logins": logins, "logins_file": str(demo.logins_path())},
            f"演示数据已就绪，用时 {time.monotonic() - started:.0f} 秒，账号 {len(logins)} 个：\n"
            f"{_table()}",
        )

    def _tell(self, sentence: str) -> None:
        if not self.as_json:
            self.stdout.write(sentence)


def _table() -> str:
    """The accounts, one a line, by the names of county, role and place."""
    columns = ("county", "role", "region", "username", "password")
    rows = [[login[column] for column in columns] for login in demo.logins_in_words()]
    return commands.aligned(["县", "岗位", "地区", "用户名", "密码"], rows)
