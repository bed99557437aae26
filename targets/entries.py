"""One entry of a pack's data: which keys are its own, where it stands now, who names it."""

from __future__ import annotations

from typing import Any

from django.db import models

from enrollment.models import StatusKind
from enrollment.pack_format import Data, Reader, Row, Section, related, to_data
from subsidies.models import Category
from targets import pack
from targets.changes import Change, entry_changes
from targets.pack_sections import SECTIONS
from targets.spot import Spot, is_inline


def own(section: Section, row: Row) -> Data:
    """An entry as its page shows it: its keys and lines, not the entries below it."""
    (data,) = _as_list(to_data(section, [row]))
    return own_part(section, data)


def _as_list(data: Any) -> list[Data]:
    return data if isinstance(data, list) else [data]


def own_part(section: Section, data: Data) -> Data:
    """The same, out of the entry's data."""
    aside = {child.key for child in section.children if not is_inline(child)}
    return {key: value for key, value in data.items() if key not in aside}


def find(spot: Spot, rows: list[Data], was: Data | None) -> int:
    """Where the entry stands now; others before it may have come or gone. Raises LookupError."""
    if spot.section.single:
        return 0
    number = (spot.number or 0) - 1
    if was is None:
        if not 0 <= number < len(rows):
            raise LookupError(spot.path)
        return number
    wanted = _identity(spot.section, was, number)
    if 0 <= number < len(rows) and _identity(spot.section, rows[number], number) == wanted:
        return number
    for place, row in enumerate(rows):
        if _identity(spot.section, row, place) == wanted:
            return place
    raise LookupError(spot.path)


def _identity(section: Section, data: Data, number: int) -> Any:
    if section.natural != ("order",):
        return tuple(data.get(name) for name in section.natural)
    return (data.get("text") or data.get("name"), number)


def shown(section: Section, data: Data) -> str:
    """By what the trail calls it."""
    words = [data.get(name) for name in (*section.natural, "name", "text", "question", "fund")]
    return "·".join(dict.fromkeys(str(word)[:30] for word in words if word))


def between(section: Section, was: Data, found: Data, data: Data) -> list[Change]:
    tables, _ = pack.parse(data)
    rows = [as_row(section, one) for one in (was, found)]
    return entry_changes(section, rows[0], rows[1], tables)


def as_row(section: Section, data: Data) -> Row:
    """Plain data as a row; references are names and stay so."""
    reader = Reader()
    raw = data if section.single else [data]
    (row,) = reader.section(section, raw)
    return row


def rename(data: Data, section: Section, old: str, new: str) -> None:
    """Let everything that named the entry name it by its new name."""
    for one in SECTIONS:
        for row in _as_list(data.get(one.key) or []):
            _rename_in(one, row, section.model, old, new)
    if section.model in (Category, StatusKind):
        for department in data.get("departments", []):
            for duty in department.get("duties", []):
                if old in duty.get("lists", []):
                    duty["lists"] = [new if name == old else name for name in duty["lists"]]


def _rename_in(section: Section, row: Data, model: type[models.Model], old: str, new: str) -> None:
    for name in section.fields:
        model_field = section.get(name)
        if not model_field.is_relation or related(model_field) is not model or name not in row:
            continue
        if isinstance(row[name], list):
            row[name] = [new if item == old else item for item in row[name]]
        elif row[name] == old:
            row[name] = new
    for child in section.children:
        for inner in row.get(child.key) or []:
            _rename_in(child, inner, model, old, new)


def unlist(data: Data) -> None:
    """Tables that stand once are written once; what has become empty is left out."""
    for section in SECTIONS:
        value = data.get(section.key)
        if section.single and isinstance(value, list):
            if value:
                data[section.key] = value[0]
            else:
                del data[section.key]
