"""The first cells under headings nobody knows, for whoever is asked what they mean."""

import contextlib
import re

from enrollment import cells, headings, store, workbook
from enrollment.models import Roster
from enrollment.roster.kinds import KINDS

# Beyond this the file is not opened while somebody waits for the page.
SMALL = 2 * 1024 * 1024
SHOWN = 3
_LONG = re.compile(r"\d{6,}[\dXx]?")


def samples(roster: Roster) -> dict[str, list[str]]:
    """Heading → up to three different cells below it, long numbers starred out.

    Empty where the file is large or cannot be read; the question can be answered without.
    """
    if roster.file_size > SMALL or not roster.stored_as:
        return {}
    try:
        with store.plaintext(roster.stored_as) as path:
            blocks = workbook.read(path, roster.file_name, sheet=roster.sheet or None)
            with contextlib.closing(blocks):
                for block in blocks:
                    if block.hidden and not roster.sheet:
                        continue
                    if found := _below(block.rows, roster):
                        return found
    except (store.FileProblem, workbook.Refused):
        pass
    return {}


def _below(rows: list[list], roster: Roster) -> dict[str, list[str]]:
    try:
        headings.find(rows, KINDS[roster.kind].columns)
    except headings.HeadingsUnknown as unknown:
        at = unknown.header_row
    else:
        return {}
    if at is None:
        return {}
    found: dict[str, list[str]] = {}
    for heading in roster.headings:
        column = _column(rows[at : at + 2], heading)
        if column is None:
            continue
        shown: list[str] = []
        for row in rows[at + 1 : at + 20]:
            text = _starred(cells.shown(row[column]).strip()) if column < len(row) else ""
            if text and text not in shown and not heading.endswith(text):
                shown.append(text[:20])
            if len(shown) == SHOWN:
                break
        found[heading] = shown
    return found


def _column(head: list[list], heading: str) -> int | None:
    """Where a heading stands; one of two rows ends with the lower row's text."""
    for row in reversed(head):
        for index, cell in enumerate(row):
            text = " ".join(cells.shown(cell).split())
            if text and (text == heading or heading.endswith(f" {text}")):
                return index
    return None


def _starred(text: str) -> str:
    return _LONG.sub(lambda found: found[0][:3] + "*" * (len(found[0]) - 3), text)
