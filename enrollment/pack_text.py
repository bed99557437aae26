"""A pack's data as TOML text, table after table in the order of the sections.

The library's own order would put short tables before the county's name, and a pack is read by
people: tables of a few short values stand one row a line, everything else under its own head.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tomli_w

from enrollment.pack_format import Data, Section


def write(sections: Iterable[Section], data: Data) -> str:
    """The whole pack."""
    parts = [
        _table(section, item, section.key)
        for section in sections
        for item in _items(section, data.get(section.key))
    ]
    return "\n".join(parts)


def _items(section: Section, value: Any) -> list[Data]:
    if value is None:
        return []
    return [value] if section.single else value


def _table(section: Section, item: Data, path: str) -> str:
    head = f"[{path}]" if section.single else f"[[{path}]]"
    children = {child.key: child for child in section.children}
    text = f"{head}\n" + tomli_w.dumps({k: v for k, v in item.items() if k not in children})
    for child in section.children:
        if child.inline and child.key in item:
            rows = "".join(f"  {_inline(row)},\n" for row in item[child.key])
            text += f"{child.key} = [\n{rows}]\n"
    for child in section.children:
        if not child.inline:
            for row in _items(child, item.get(child.key)):
                text += "\n" + _table(child, row, f"{path}.{child.key}")
    return text


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").rstrip("\n")
