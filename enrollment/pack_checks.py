"""What must hold in the enrolment part of a policy pack, beyond types and references."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from enrollment.models import Level
from enrollment.pack_format import Problem, Row, Section, Tables


@dataclass(frozen=True)
class Names:
    """What rows of a table may be called, name or alias, each to its row's number."""

    key: str
    rows: list[Row]

    def clashes(self, within: Callable[[Row], Any] = lambda row: None) -> Iterator[Problem]:
        """A name or alias that would mean two rows."""
        seen: dict[tuple[Any, str], int] = {}
        for number, row in enumerate(self.rows, 1):
            words = [row["name"], *row.get("aliases", [])]
            for word in dict.fromkeys(words):
                first = seen.setdefault((within(row), word), number)
                if first != number:
                    yield Problem(
                        f"{self.key}[{number}]", f"“{word}”同时是 {self.key}[{first}] 的名称或别名"
                    )


def check(tables: Tables) -> Iterator[Problem]:
    """What is wrong with this part beyond types and references."""
    heads = list(_check_heads(tables))
    if heads:
        yield from heads
        return
    for key in ("departments", "groups", "tiers", "attributes", "events", "statuses"):
        yield from Names(key, tables[key]).clashes()
    yield from Names("regions", tables["regions"]).clashes(lambda row: row["parent"])
    yield from _check_regions(tables["regions"], tables["county"][0]["key"])
    yield from _check_fees(tables)
    yield from _check_windows(tables)
    for number, row in enumerate(tables["statuses"], 1):
        if row["sensitive"] and not row["public_word"]:
            yield Problem(f"statuses[{number}].public_word", "敏感状态必须写明页面用语")


def check_cited(sections: tuple[Section, ...], tables: Tables) -> Iterator[Problem]:
    """Every rule says where it comes from: a paragraph, or who added it."""
    for section in sections:
        for number, row in enumerate(tables[section.key], 1):
            path = section.key if section.single else f"{section.key}[{number}]"
            if "cites" in section.fields and not row["cites"] and not row["source"]:
                yield Problem(path, "没有写明出处（cites），也没有写明来源（source）")


def _check_heads(tables: Tables) -> Iterator[Problem]:
    for key in ("county", "year"):
        if not tables[key]:
            yield Problem(key, f"缺少 [{key}] 表")
    if not tables["county"] or not tables["year"]:
        return
    year = tables["year"][0]
    if year["benefit_from"] and not (year["benefit_cites"] or year["benefit_source"]):
        yield Problem("year.benefit_from", "待遇起止日没有写明出处或来源")
    if year["year"] is not None and not 2000 <= year["year"] <= 2100:
        yield Problem("year.year", f"待遇年度应在 2000 至 2100 之间，现在是 {year['year']}")
    if year["county"] != tables["county"][0]["key"]:
        yield Problem("year.county", "与 [county] 的 key 不一致")


def _check_regions(rows: list[Row], county: str) -> Iterator[Problem]:
    towns = {row["key"] for row in rows if row["level"] == Level.TOWN}
    for number, row in enumerate(rows, 1):
        path = f"regions[{number}]"
        if row["key"] == county:
            yield Problem(f"{path}.key", "与县的代码相同")
        if row["level"] not in (Level.TOWN, Level.VILLAGE):
            yield Problem(f"{path}.level", "政策包里的单位只能是 town 或 village")
        if row["level"] == Level.VILLAGE and row["parent"] not in towns:
            yield Problem(f"{path}.parent", "村（社区）必须写明所属乡镇的 key")


def _check_fees(tables: Tables) -> Iterator[Problem]:
    fees = {(row["tier"], row["group"]) for row in tables["fees"]}
    topics = {row["topic"] for row in tables["not_stated"]}
    for tier in tables["tiers"]:
        for group in tables["groups"]:
            if (tier["name"], group["name"]) not in fees:
                yield Problem("fees", f"缺少{tier['name']}、{group['name']}的筹资标准")
    for number, row in enumerate(tables["fees"], 1):
        if row["fiscal"] is None and "fiscal" not in topics:
            yield Problem(
                f"fees[{number}].fiscal",
                "没有写财政补助；文件未规定的，请在政策未规定事项（not_stated）里列出，"
                "主题（topic）写 fiscal",
            )


def _check_windows(tables: Tables) -> Iterator[Problem]:
    """One main window; nobody's windows overlap; a gap is named as not stated."""
    windows = list(enumerate(tables["windows"], 1))
    if [row["main"] for _, row in windows].count(True) != 1:
        yield Problem("windows", "必须有且只有一个集中参保缴费期（main = true）")
    year = tables["year"][0]["year"] if tables["year"] else None
    usable = []
    for number, row in windows:
        path = f"windows[{number}]"
        if row["pays_from"] is None or row["pays_to"] is None:
            continue
        if row["pays_from"] > row["pays_to"]:
            yield Problem(path, "缴费起始日不能晚于截止日")
            continue
        usable.append((number, row))
        if year and not date(year - 1, 1, 1) <= row["pays_from"] <= date(year, 12, 31):
            yield Problem(f"{path}.pays_from", f"不在 {year} 待遇年度的缴费期内")
    gap_named = any(row["topic"] == "window-gap" for row in tables["not_stated"])
    audiences = dict.fromkeys((row["attribute"], row["group"]) for _, row in usable)
    reported = set()
    for attribute, group in audiences:
        mine = sorted(
            (item for item in usable if _is_for(item[1], attribute, group)),
            key=lambda item: item[1]["pays_from"],
        )
        for (one, early), (two, late) in zip(mine, mine[1:], strict=False):
            if (one, two) in reported:
                continue
            reported.add((one, two))
            days = (late["pays_from"] - early["pays_to"]).days
            if days < 1:
                yield Problem(f"windows[{two}]", f"与“{early['name']}”对同一些人的缴费日期重叠")
            elif days > 1 and not gap_named:
                yield Problem(
                    f"windows[{two}]",
                    f"与“{early['name']}”之间空了 {days - 1} 天；确属文件未规定的，"
                    "请在政策未规定事项（not_stated）里列出，主题（topic）写 window-gap",
                )


def _is_for(row: Row, attribute: str | None, group: str | None) -> bool:
    return row["attribute"] in (None, attribute) and row["group"] in (None, group)
