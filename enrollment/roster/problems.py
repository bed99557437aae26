"""The problem file: the user's own sheets with 结果 and 原因 beside each row.

It can be handed in again as it is: the two columns are no headings of any kind of roster, and
rows that need nothing come out unchanged.
"""

import contextlib
import hashlib
import io
import re
import shutil
import tempfile
import zipfile
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from enrollment import cells, demo, workbook
from enrollment.models import Fate, Level, Roster, RosterRow

RESULT, REASON = "结果", "原因"
PLAIN, AS_TEXT, BOLD, RED, DAY, MOMENT = range(6)
STYLES: dict[int, dict[str, Any]] = {
    AS_TEXT: {"number_format": "@"},
    BOLD: {"font": Font(bold=True)},
    RED: {"fill": PatternFill("solid", fgColor="FFFDE2E0")},
    DAY: {"number_format": "yyyy-mm-dd"},
    MOMENT: {"number_format": "yyyy-mm-dd hh:mm:ss"},
}
LETTERS = [get_column_letter(place) for place in range(1, 300)]
_ODD = re.compile("[&<>\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_ON_RECORD = re.compile("在册姓名为“[^”]*”(，与名册不一致)?")


def write(roster: Roster, source: Path, target: Path) -> None:
    """Write the problem file of a roster that has been read from ``source``."""
    said = _said(roster)
    pages: list[_Page] = []
    current = -1
    # Nameless files beside the target, so that nothing of them is left whatever happens.
    with contextlib.ExitStack() as spools:
        for block in workbook.read(source, roster.file_name, sheet=roster.sheet or None):
            if block.sheet_index != current:
                current = block.sheet_index
                spool = spools.enter_context(tempfile.TemporaryFile(dir=target.parent))
                pages.append(_Page(block.sheet_name or "名册", block.hidden, spool))
            lines = []
            for number, row in enumerate(block.rows, block.first_row):
                lines.append(pages[-1].line(row, *_beside(said, current, number)))
            pages[-1].spool.write("".join(lines).encode())
        _bind(pages, target)


def _beside(
    said: dict[tuple[int, int], tuple[str, str]], sheet: int, number: int
) -> tuple[tuple[str, str], int]:
    """The two texts beside a row and their style; rows that are no data stay as they came."""
    fate, reason = said.get((sheet, number), (Fate.IGNORED, ""))
    if fate != Fate.IGNORED:
        wrong = fate in (Fate.PROBLEMS, Fate.OUTSIDE_AREA)
        return (str(Fate(fate).label), reason), RED if wrong else PLAIN
    if reason == "标题行" and _last_title(said, sheet, number):
        return (RESULT, REASON), BOLD
    # With words beside it, a row of dots would no longer be one when it comes back.
    return ("", ""), PLAIN


class _Page:
    """One sheet: its rows as text, made one after the other. Many times faster than cells."""

    def __init__(self, name: str, hidden: bool, spool: IO[bytes]) -> None:
        self.name, self.hidden, self.spool = name, hidden, spool
        self.count = self.width = 0

    def line(self, row: list[Any], beside: tuple[str, str], style: int) -> str:
        self.count += 1
        self.width = max(self.width, len(row))
        number = self.count
        parts = [f'<row r="{number}">']
        for place, value in enumerate(row):
            if value != "" and value is not None:
                parts.append(_cell(f"{LETTERS[place]}{number}", value))
        for place, text in enumerate(beside, self.width):
            if text:
                parts.append(_text(f"{LETTERS[place]}{number}", text, style))
        parts.append("</row>")
        return "".join(parts)


def _cell(place: str, value: Any) -> str:
    """A cell as it came; text stays text, also where it would be a formula."""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    if isinstance(value, date):
        serial = to_excel(value)
        style = MOMENT if isinstance(value, datetime) else DAY
        return f'<c r="{place}" s="{style}"><v>{serial!r}</v></c>'
    text = cells.shown(value)
    return _text(place, text, AS_TEXT if len(text) >= 11 and text.isalnum() else PLAIN)


def _text(place: str, text: str, style: int) -> str:
    if _ODD.search(text):
        text = re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", _CONTROL.sub(" ", text))
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    )


def _bind(pages: list[_Page], target: Path) -> None:
    """Put the rows into a workbook that has the sheets and the styles and nothing else."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for page in pages:
        sheet = book.create_sheet(page.name)
        sheet.sheet_state = "hidden" if page.hidden else "visible"
        if demo.is_running():
            # In the margin, not in a row: the file can be handed in again as it is.
            sheet.oddHeader.center.text = demo.NOTICE
        # The order of first use is the order of the style numbers.
        for style, look in STYLES.items():
            cell = sheet.cell(1, style)
            for name, value in look.items():
                setattr(cell, name, value)
    skeleton = io.BytesIO()
    book.save(skeleton)
    with (
        zipfile.ZipFile(skeleton) as parts,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
    ):
        for name in parts.namelist():
            found = re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", name)
            if found is None:
                archive.writestr(name, parts.read(name))
                continue
            before, _, rest = parts.read(name).partition(b"<sheetData>")
            after = rest.partition(b"</sheetData>")[2]
            with archive.open(name, "w", force_zip64=True) as out:
                out.write(re.sub(b"<dimension [^>]*/>", b"", before) + b"<sheetData>")
                spool = pages[int(found[1]) - 1].spool
                spool.seek(0)
                shutil.copyfileobj(spool, out, 1 << 20)
                out.write(b"</sheetData>" + after)


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


def digest(file: BinaryIO) -> tuple[str, int]:
    """SHA-256 and size of a file, read from where it stands."""
    found, size = hashlib.sha256(), 0
    while piece := file.read(1 << 20):
        found.update(piece)
        size += len(piece)
    return found.hexdigest(), size
