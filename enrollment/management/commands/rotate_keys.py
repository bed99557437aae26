"""rotate_keys: seal everything with the current key; say when an old one may go."""

from typing import Any

from django.core.management.base import CommandParser

from enrollment import audit, rotation
from enrollment.commands import PortalCommand
from enrollment.failure import Failure
from enrollment.vault import vault


class Command(PortalCommand):
    help = (
        "把全部密文换成用当前密钥（CANBAO_ID_KEYS 的第一把）加密。中断后再运行即可，"
        "做完会说明哪把旧密钥可以去掉。换检索密钥（CANBAO_INDEX_KEY）用 --index：先停止网页和"
        "后台进程，配上新的 CANBAO_INDEX_KEY 再运行，一次完成，失败则保持原样。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--index", action="store_true", help="按新的检索密钥重算全部检索码")
        parser.add_argument("--check", action="store_true", help="只报告各密钥的使用数量，不改动")

    def handle(self, *args: Any, **options: Any) -> None:
        done: dict[str, Any] = {}  # passed on as details of the event
        if options["index"]:
            done["indexes"] = rotation.recompute_indexes(tell=self._tell)
            audit.record("rotate_index_key", by=None, county=None, **done)
        elif not options["check"]:
            if not rotation.indexes_match():
                raise Failure(
                    "index_key",
                    "检索码与 CANBAO_INDEX_KEY 不符。若是有意更换检索密钥，请先停止网页和后台进程，"
                    "再运行 rotate_keys --index；否则请恢复原来的 CANBAO_INDEX_KEY。",
                )
            done |= rotation.reseal(tell=self._tell)
            audit.record("rotate_keys", by=None, county=None, key=vault().current, **done)
        used = rotation.in_use()
        current = {vault().current}
        old = sorted(set(used) - current)
        spare = sorted(set(vault().numbers) - set(used) - current)
        self.answer(
            {
                "current": f"k{vault().current}",
                "done": done,
                "in_use": {f"k{number}": count for number, count in sorted(used.items())},
                "removable": [f"k{number}" for number in spare],
            },
            self._words(done, old, spare),
        )

    def _tell(self, what: str, done: int, total: int) -> None:
        if not self.as_json:
            self.stdout.write(f"{what}：{done:,} / {total:,}")

    def _words(self, done: dict[str, int], old: list[int], spare: list[int]) -> str:
        words = [f"当前密钥 k{vault().current}。本次换了 {sum(done.values()):,} 项。"]
        if old:
            words.append(f"仍有数据使用 {_names(old)}，不能去掉，请再运行一次 rotate_keys。")
        if spare:
            words.append(
                f"{_names(spare)} 已无数据使用，可以从 CANBAO_ID_KEYS 去掉；"
                "但更换前的备份仍要用它打开，请随备份另行保管。"
            )
        if not old and not spare:
            words.append("没有别的密钥。")
        return "\n".join(words)


def _names(numbers: list[int]) -> str:
    return "、".join(f"k{number}" for number in numbers)
