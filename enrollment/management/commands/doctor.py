"""doctor: what is wrong with this installation, in sentences."""

import sys
from typing import Any

from enrollment import doctor
from enrollment.commands import PortalCommand

WORDS = {doctor.PROBLEM: "问题", doctor.HINT: "提醒", doctor.FINE: "正常"}


class Command(PortalCommand):
    help = "逐项检查安装：哪里不对、怎么办。有“问题”时以 1 退出，“提醒”不算。"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        findings = doctor.examine()
        problems = sum(one.level == doctor.PROBLEM for one in findings)
        lines = [f"[{WORDS[one.level]}] {one.matter}：{one.sentence}" for one in findings]
        lines.append(f"共 {problems} 个问题。" if problems else "没有发现问题。")
        self.answer(
            {
                "ok": not problems,
                "problems": problems,
                "findings": [
                    {"level": one.level, "matter": one.matter, "sentence": one.sentence}
                    for one in findings
                ],
            },
            "\n".join(lines),
        )
        if problems:
            sys.exit(1)
