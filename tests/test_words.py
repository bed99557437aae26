"""Enrolment is voluntary, clerks are neighbours: words no page, slip or bulletin may use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("enrollment", "subsidies", "targets")

# What must not be said, and what is said instead.
BANNED = {
    "拒保": "本人暂不参保（已告知政策）",
    "拒绝参保": "本人暂不参保（已告知政策）",
    "逃保": "暂未参保",
    "漏保": "暂未参保",
    "催缴": "提醒",
    "追缴": "补缴",
    "欠费": "未缴费",
    "欠缴": "未缴费",
    "黑榜": "进度由低到高",
    "红黑": "进度由低到高",
    "末位": "进度由低到高",
    "倒数": "进度由低到高",
    "最差": "进度由低到高",
    "落后": "进度较慢",
    "排名靠后": "进度较慢",
    "强制参保": "自愿参保",
    "必须参保": "自愿参保",
    "计生户": "计划生育家庭",
    "五保户": "特困人员",
}

# No sentence ties enrolment to other benefits, certificates, schooling or stamps.
NOT_ENROLLED = r"(不参保|未参保|没有参保|不缴费|未缴费|未缴)"
CONSEQUENCE = r"(不予|不得|取消|停发|暂停|暂缓|影响|不办|限制)"
ELSEWHERE = r"(低保|补贴|补助|养老|入学|上学|就学|贷款|证明|盖章|公章|户口|救助|评优)"
TIED = re.compile(rf"{NOT_ENROLLED}[^。；<]{{0,24}}{CONSEQUENCE}[^。；<]{{0,24}}{ELSEWHERE}")

# 中国香港, 中国澳门, 中国台湾; 港澳台居民 is a group of documents.
PLACE = re.compile(r"(?<!中国)(香港|澳门|台湾)")


def templates() -> list[Path]:
    folders = [ROOT / "templates", *(ROOT / app / "templates" for app in APPS)]
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [*found, ROOT / "static" / "app.js"]


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(ROOT)))
def test_its_words_are_considerate(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = [f"{word}（改用：{better}）" for word, better in BANNED.items() if word in text]
    assert not said, f"{path.name}: {said}"
    assert not (tied := TIED.search(text)), f"{path.name}: {tied.group(0)}"
    assert not (place := PLACE.search(text)), f"{path.name}: {place.group(0)}"


def test_person_pages_say_not_yet_reached() -> None:
    pages = [path for path in templates() if path.name.startswith(("person", "_person"))]
    assert not [page.name for page in pages if "失联" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    "sentence",
    ["未参保的家庭将暂停发放耕地补贴", "不参保，村委会不予出具证明", "未缴费影响子女入学"],
)
def test_a_threat_is_recognised(sentence: str) -> None:
    assert TIED.search(sentence)
