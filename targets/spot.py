"""Where in a pack something stands: a table, or one entry of it, as an address and as a path.

``categories/3/standards/2`` in an address is ``categories[3].standards[2]`` in the loader's
sentences; both count from 1. ``new`` as the last number is an entry that is not there yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from enrollment.pack_format import Data, Row, Section, Tables
from targets.changes import label_of, title_of
from targets.pack_sections import SECTIONS

NEW = 0
ELSEWHERE = ("county", "regions")
"""Tables that have a page of their own (行政区划)."""
HEAD = ("county", "year")
"""Keys of the year that say which year it is."""
_STEP = re.compile(r"([a-z_]+)(?:\[(\d+)\])?$")


@dataclass(frozen=True)
class Spot:
    """A table of the pack, or an entry of it; ``numbers`` of None mean the whole table."""

    sections: tuple[Section, ...]
    numbers: tuple[int | None, ...]

    @property
    def section(self) -> Section:
        return self.sections[-1]

    @property
    def number(self) -> int | None:
        return self.numbers[-1]

    @property
    def is_table(self) -> bool:
        return self.number is None and not self.section.single

    @property
    def is_new(self) -> bool:
        return self.number == NEW

    @property
    def address(self) -> str:
        """categories/3/standards/2."""
        parts: list[str] = []
        for section, number in zip(self.sections, self.numbers, strict=True):
            parts.append(section.key)
            if number is not None:
                parts.append(str(number) if number else "new")
        return "/".join(parts)

    @property
    def path(self) -> str:
        """categories[3].standards[2]."""
        return ".".join(
            section.key + (f"[{number}]" if number is not None else "")
            for section, number in zip(self.sections, self.numbers, strict=True)
        )

    @property
    def table(self) -> Spot:
        """The table this entry stands in."""
        return Spot(self.sections, (*self.numbers[:-1], None))

    @property
    def parent(self) -> Spot | None:
        """The entry around this table or entry."""
        if len(self.sections) == 1:
            return None
        return Spot(self.sections[:-1], self.numbers[:-1])

    def entry(self, number: int) -> Spot:
        """The entry of this table with a number."""
        return Spot(self.sections, (*self.numbers[:-1], number))

    def child(self, key: str) -> Spot:
        """A table inside this entry."""
        inner = next(one for one in self.section.children if one.key == key)
        return Spot((*self.sections, inner), (*self.numbers, None))

    def titles(self, tables: Tables) -> list[tuple[str, str]]:
        """The way here in words, each step with its address."""
        steps = []
        for depth in range(1, len(self.sections) + 1):
            spot = Spot(self.sections[:depth], self.numbers[:depth])
            steps.append((title_of(spot.section), spot.table.address))
            row = spot.row(tables) if not spot.is_table and not spot.is_new else None
            if row is not None and not spot.section.single:
                steps.append((label_of(spot.section, row) or str(spot.number), spot.address))
        return steps

    def rows(self, tables: Tables) -> list[Row]:
        """The rows of the table this is, or stands in. Raises LookupError."""
        found: list[Row] = tables[self.sections[0].key]
        for inner, number in zip(self.sections[1:], self.numbers, strict=False):
            found = found[_index(number)][inner.key]
        return found

    def row(self, tables: Tables) -> Row:
        """The entry. Raises LookupError where there is none."""
        return self.rows(tables)[0 if self.section.single else _index(self.number)]

    def slot(self, data: Data) -> list[Data]:
        """The list of entries inside a pack's data, made if it was left out as empty."""
        here: Any = data
        for section, number in zip(self.sections[:-1], self.numbers, strict=False):
            here = here[section.key][_index(number)]
        found = here.setdefault(self.section.key, [])
        if isinstance(found, dict):  # a table of its own
            found = here[self.section.key] = [found]
        return found


def _index(number: int | None) -> int:
    if not number or number < 1:
        raise LookupError(number)
    return number - 1


def parse(address: str) -> Spot:
    """``categories/3/standards/new``. Raises LookupError for what is no place of a pack."""
    sections: list[Section] = []
    numbers: list[int | None] = []
    known: Iterable[Section] = [one for one in SECTIONS if one.key not in ELSEWHERE]
    steps = address.strip("/").split("/")
    while steps:
        key = steps.pop(0)
        section = next((one for one in known if one.key == key), None)
        if section is None:
            raise LookupError(address)
        number: int | None = None
        if steps and not section.single:
            word = steps.pop(0)
            if word == "new":
                number = NEW
            elif word.isascii() and word.isdigit() and int(word) > 0:
                number = int(word)
            else:
                raise LookupError(address)
        if steps and not number and not section.single:
            raise LookupError(address)
        sections.append(section)
        numbers.append(number)
        known = [] if section.single else [one for one in section.children if not is_inline(one)]
    return Spot(tuple(sections), tuple(numbers))


def is_inline(section: Section) -> bool:
    """Whether the rows of this table are lines on the page of the entry around them."""
    return not section.children and "cites" not in section.fields


def of_path(path: str) -> tuple[Spot, str] | None:
    """The page for a path of the loader's sentences, and the key on it; None = no page."""
    sections: list[Section] = []
    numbers: list[int | None] = []
    known: Iterable[Section] = [one for one in SECTIONS if one.key not in ELSEWHERE]
    steps = path.split(".")
    while steps:
        matched = _STEP.match(steps[0])
        section = matched and next((one for one in known if one.key == matched[1]), None)
        if not matched or section is None:
            break
        steps.pop(0)
        sections.append(section)
        numbers.append(int(matched[2]) if matched[2] else None)
        if not matched[2]:
            break
        known = [one for one in section.children if not is_inline(one)]
    if not sections:
        return None
    return Spot(tuple(sections), tuple(numbers)), ".".join(steps)
