"""The problem file: the user's own sheets with 结果 and 原因 beside each row.

It can be handed in again as it is: the two columns are no headings of any kind of roster, and
rows that need nothing come out unchanged.
"""

import hashlib
import re
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from enrollment import cells, workbook
from enrollment.models import Fate, Level, Roster, RosterRow

RESULT, REASON = "结果", "原因"
_RED = PatternFill("solid", fgColor="FFFDE2E0")
_BOLD = Font(bold=True)
_ON_RECORD = re.compile("在册姓名为“[^”]*”(，与名册不一致)?")


def write(roster: Roster, source: Path, target: Path) -> None:
    """Write the problem file of a roster that has been read from ``source``."""
    said = _said(roster)
    book = Workbook(write_only=True)
    page: WriteOnlyWorksheet | None = None
    current = -1
    for block in workbook.read(source, roster.file_name, sheet=roster.sheet or None):
        if block.sheet_index != current:
            current = block.sheet_index
            page = book.create_sheet(block.sheet_name or "名册")
            if block.hidden:
                page.sheet_state = "hidden"
            width = 0
        assert page is not None
        for number, row in enumerate(block.rows, block.first_row):
            width = max(width, len(row))
            found = said.get((current, number))
            line = [_cell(page, value) for value in row]
            line += [None] * (width - len(row))
            if found is None:
                page.append(line)
                continue
            fate, reason = found
            if fate == Fate.IGNORED and reason == "标题行":
                heading = [WriteOnlyCell(page, RESULT), WriteOnlyCell(page, REASON)]
                for cell in heading:
                    cell.font = _BOLD
                page.append([*line, *heading] if _last_title(said, current, number) else line)
                continue
            if fate == Fate.IGNORED:
                # With words beside it, a row of dots would no longer be one when it comes back.
                page.append(line)
                continue
            result = [WriteOnlyCell(page, Fate(fate).label), WriteOnlyCell(page, reason)]
            if fate in (Fate.PROBLEMS, Fate.OUTSIDE_AREA):
                for cell in result:
                    cell.fill = _RED
            page.append([*line, *result])
    book.save(target)


def discreet(reason: str) -> str:
    """The reason without what only the register knows: names are not to be had for numbers."""
    return _ON_RECORD.sub("姓名与在册的不一致", reason)


def _said(roster: Roster) -> dict[tuple[int, int], tuple[str, str]]:
    """What is said of each row; where a row holds several people, all that is to be said."""
    sender = roster.uploaded_by
    # A county's officer may know; a town could ask for names of people that are not its own.
    own_file_only = roster.region.level != Level.COUNTY or (
        sender is not None and (sender.job.own_department or sender.job.level != Level.COUNTY)
    )
    parts: dict[tuple[int, int], list[tuple[str, str, str]]] = defaultdict(list)
    rows = RosterRow.objects.filter(roster=roster, row__isnull=False).order_by("part")
    for sheet, row, fate, reason, part in rows.values_list(
        "sheet", "row", "fate", "reason", "part"
    ).iterator(chunk_size=10_000):
        # By place in the row, not by name: the entry's may be the register's.
        who = f"第{part + 1}人"
        parts[sheet, row or 0].append((fate, discreet(reason) if own_file_only else reason, who))
    weight = {fate: place for place, fate in enumerate(reversed(Fate.values))}
    weight[Fate.PROBLEMS] = 100
    said = {}
    for key, found in parts.items():
        worst = max((fate for fate, _, _ in found), key=lambda fate: weight[fate])
        if len(found) == 1:
            said[key] = (worst, found[0][1])
        else:
            said[key] = (
                worst,
                "；".join(f"{who}：{reason}" for _, reason, who in found if reason),
            )
    return said


def _last_title(said: dict[tuple[int, int], tuple[str, str]], sheet: int, number: int) -> bool:
    """Whether this title row is the one right above the data: the headings' last row."""
    below = said.get((sheet, number + 1))
    return below is None or below[1] != "标题行"


def _cell(page: WriteOnlyWorksheet, value: Any) -> Any:
    """A cell as it came; text stays text, also where it would be a formula."""
    if value == "" or value is None:
        return None
    if isinstance(value, int | float | bool | date | datetime):
        return value
    cell = WriteOnlyCell(page, cells.shown(value))
    cell.data_type = "s"
    if len(cell.value) >= 11 and cell.value.isalnum():
        cell.number_format = "@"
    return cell


def digest(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size of a file, read from where it stands."""
    found, size = hashlib.sha256(), 0
    while piece := file.read(1 << 20):
        found.update(piece)
        size += len(piece)
    return found.hexdigest(), size
