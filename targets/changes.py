"""差别: what differs between two policies, rule by rule and in Chinese.

Rules are recognised by their names, so that one more in front of the others is one change; rules
without a name by their text, else by their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields import Field
from django.utils import timezone

from enrollment.models import Region
from enrollment.pack_format import Row, Section, Tables, default_of, reference_field, related
from targets.pack_sections import SECTIONS

NOT_STATED = "政策未规定"
EMPTY = "（未填）"
ABOUT = ("cites", "source", "note")
"""Keys that say where a rule comes from, not what it says."""
_TITLES = ("name", "text", "question", "title", "key", "fund", "kind", "topic")
# NULL that restricts nobody, and NULL that has no meaning beside the rest of the rule.
_UNLIMITED = {
    *("hukou", "registration", "group", "attribute", "hukou_here", "insured_here"),
    *("min_age", "max_age", "grade_from", "grade_to", "valid_from", "valid_to"),
    *("event_from", "event_to", "pays_from", "pays_to"),
}
_NOT_APPLICABLE = {
    *("base", "counting", "bucket", "insurance", "status", "line", "event", "age_on"),
    *("amount", "percent", "share", "personal", "priority", "printed_order", "width"),
    *("start_on", "wait", "within_days", "within_months", "cut_off", "rate", "period"),
    *("population", "deductions"),
}


@dataclass(frozen=True)
class Change:
    """One difference. ``path`` leads to the rule as it is after; empty where it is gone."""

    table: str
    title: str
    label: str
    field: str
    before: str
    after: str
    path: str = ""

    @property
    def where(self) -> str:
        """资助对象类别“低保对象”·金额."""
        return f"{self.title}{f'“{self.label}”' if self.label else ''}·{self.field}"

    def __str__(self) -> str:
        return f"{self.where}：{self.before} → {self.after}"


def changes(before: Tables, after: Tables, *, about: bool = True) -> list[Change]:
    """Every difference, in the order of a pack; without ``about``, paragraphs and notes aside."""
    words = _Words([before, after], about=about)
    found: list[Change] = []
    for section in SECTIONS:
        found += words.compare(
            section, before.get(section.key, []), after.get(section.key, []), section.key
        )
    return found


def entry_changes(section: Section, before: Row, after: Row, tables: Tables) -> list[Change]:
    """How one rule differs from what it was."""
    return list(_Words([tables], about=True).fields(section, before, after, section.key, ""))


def title_of(section: Section) -> str:
    """What a table is called on a page."""
    return "文件和待遇期" if section.key == "year" else str(section.model._meta.verbose_name)


def label_of(section: Section, row: Row) -> str:
    """What a rule is called on a page: its names, or its text."""
    if section.single:
        return ""
    said = {"not_stated": "question", "forms": "title"}.get(section.key)
    if said:
        text = row[said].replace("\n", "")
        return text if len(text) <= 40 else f"{text[:40]}…"
    if section.natural != ("order",):
        return " · ".join(str(row[name]) for name in section.natural if row[name] is not None)
    for name in (*_TITLES, "heading", "tier", "instrument", "goal"):
        value = row.get(name)
        if value:
            model_field = section.get(name)
            text = (
                "/".join(value) if isinstance(value, list) else in_words(model_field, value, name)
            )
            return text if len(text) <= 40 else f"{text[:40]}…"
    return ""


def in_words(
    model_field: Field, value: Any, name: str = "", names: dict[str, str] | None = None
) -> str:
    """A value as a person reads it; NULL is 政策未规定 where the notice could have said it."""
    if value is None:
        return none_word(model_field, name or model_field.name)
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        base = model_field.base_field if isinstance(model_field, ArrayField) else None
        parts = [in_words(base, one) if base is not None else str(one) for one in value]
        return "、".join(parts) or EMPTY
    if model_field.choices:
        return str(dict(model_field.flatchoices).get(value, value))
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if model_field.is_relation and names:
        return names.get(value, str(value))
    return str(value).replace("\n", "") or EMPTY


def none_word(model_field: Field, name: str) -> str:
    """What NULL says in this field."""
    if name in _UNLIMITED:
        return "不限"
    if name in _NOT_APPLICABLE or (model_field.is_relation and not model_field.many_to_many):
        return "—"
    return NOT_STATED


class _Words:
    def __init__(self, packs: list[Tables], *, about: bool) -> None:
        self.about = about
        self.names = {
            row["key"]: row["name"]
            for tables in packs
            for key in ("county", "regions")
            for row in tables.get(key, [])
        }

    def compare(
        self, section: Section, before: list[Row], after: list[Row], path: str
    ) -> Iterator[Change]:
        pairs = list(_pairs(section, before, after))
        for old, number in pairs:
            new = after[number - 1] if number else None
            where = "" if not number else path if section.single else f"{path}/{number}"
            if old is not None and new is not None:
                yield from self.fields(section, old, new, where, self.label(section, new))
            elif new is not None:
                yield self._whole(section, new, where, added=True)
            elif old is not None:
                yield self._whole(section, old, "", added=False)
        moved = [number for old, number in pairs if old is not None and number]
        if moved != sorted(moved):
            kept = [self.label(section, after[number - 1]) for number in sorted(moved)]
            was = [self.label(section, after[number - 1]) for number in moved]
            yield Change(
                path.split("/")[0], title_of(section), "", "顺序", "、".join(was), "、".join(kept)
            )

    def fields(
        self, section: Section, old: Row, new: Row, path: str, label: str
    ) -> Iterator[Change]:
        table, title = path.split("/")[0], title_of(section)
        for name in section.fields:
            if not self.about and (name in ABOUT or name.endswith(("_cites", "_source"))):
                continue
            if old[name] != new[name]:
                model_field = section.get(name)
                was, now = (
                    in_words(model_field, row[name], name, self.names) for row in (old, new)
                )
                yield Change(table, title, label, str(model_field.verbose_name), was, now, path)
        for child in section.children:
            inner = f"{path}/{child.key}" if path else ""
            for change in self.compare(child, old[child.key], new[child.key], inner):
                named = f"{label} / {change.label}" if change.label else label
                whole = change.field in ("新增", "删去")
                field = f"{change.title}{change.field}" if whole else change.field
                yield Change(
                    table, title, named, field, change.before, change.after, change.path or path
                )

    def label(self, section: Section, row: Row) -> str:
        if section.natural == ("key",) or section.natural == ("region",):
            return self.names.get(row[section.natural[0]], str(row[section.natural[0]]))
        return label_of(section, row)

    def _whole(self, section: Section, row: Row, path: str, *, added: bool) -> Change:
        said = "；".join(
            f"{section.get(name).verbose_name} "
            f"{in_words(section.get(name), row[name], name, self.names)}"
            for name in section.fields
            if row[name] != default_of(section.get(name))
            and (self.about or name not in ABOUT)
            and name not in section.natural
        )
        said = said if len(said) <= 160 else f"{said[:160]}…"
        said = said or "（一条）"
        both = ("（没有）", said) if added else (said, "（没有）")
        return Change(
            section.key,
            title_of(section),
            self.label(section, row),
            "新增" if added else "删去",
            *both,
            path,
        )


def _pairs(
    section: Section, before: list[Row], after: list[Row]
) -> Iterator[tuple[Row | None, int]]:
    """Rows of before with the number of their successor; what is new and what is gone."""
    if section.single:
        yield (before[0] if before else None, 1 if after else 0)
        return
    left = dict(enumerate(after, 1))
    matched: dict[int, int] = {}
    for alike in (_equal, _same_name, _same_but_name, None):
        if alike is None and section.natural != ("order",):
            break
        for place, old in enumerate(before):
            if place in matched:
                continue
            for number, new in left.items():
                if alike is None or alike(section, old, new):
                    matched[place] = number
                    del left[number]
                    break
    for place, old in enumerate(before):
        yield old, matched.get(place, 0)
    for number in left:
        yield None, number


def _equal(section: Section, old: Row, new: Row) -> bool:
    return section.natural == ("order",) and old == new


def _same_but_name(section: Section, old: Row, new: Row) -> bool:
    """Renamed, and nothing else."""
    return section.natural == ("name",) and old | {"name": new["name"]} == new


def _same_name(section: Section, old: Row, new: Row) -> bool:
    if section.natural == ("order",):
        return label_of(section, old) == label_of(section, new)
    return all(old[name] == new[name] for name in section.natural)


def reference_names(tables: Tables, model: type[models.Model]) -> Iterable[tuple[str, str]]:
    """What a rule may name in this pack: (name as written, name as read)."""
    if model is Region:
        rows = [*tables["county"], *tables["regions"]]
        return [(row["key"], row["name"]) for row in rows]
    for section in SECTIONS:
        if section.model is model:
            return [(row[reference_field(model)],) * 2 for row in tables[section.key]]
    return []


def points_at(section: Section, name: str) -> type[models.Model] | None:
    """The model a key of a table names, if any."""
    model_field = section.get(name)
    return related(model_field) if model_field.is_relation else None
