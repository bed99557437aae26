"""Lists of any size as .xlsx or .csv: rows go out as they come in, and memory stays flat.

A workbook is a skeleton made by openpyxl (styles, A4, headings repeated on every page) into whose
sheet the rows are injected as text: some seventeen times faster than openpyxl's own cells.

Nothing in a list can come alive in a spreadsheet. In a workbook every text is an inline string in
a cell of text format, never a formula. A .csv has no types, so there a text that would be
calculated gets an apostrophe before it, and digits that would be rounded or lose their zeros a
tab, which our own reader drops again.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import islice, zip_longest
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter

from enrollment import demo
from enrollment.failure import Failure

Value = str | int | Decimal | date | None
# What stands before a text, before a number, and after the row number, column by column.
Cells = Sequence[tuple[str, str, str]]

TEXT, WHOLE, MONEY, DAY = "@", "0", "#,##0.00", "yyyy-mm-dd"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ENCODINGS = {"gb18030": "gb18030", "utf-8": "utf-8-sig"}
"""The encodings of a .csv: what older Chinese programs expect, and UTF-8 with its mark."""
MOST, TOPS = 1_048_576, 3  # rows of a sheet, and of them above the list
CHUNK = 1000  # rows joined into one write
LEVEL = 3  # zlib's usual 6 takes half as long again and saves one part in a hundred
SAMPLE = 100  # the row of the skeleton whose cells show each column's style
EPOCH = date(1899, 12, 30).toordinal()
_ODD = re.compile("[&<>\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_CALCULATED = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_DIGITS = re.compile(r"0\d+|\d{12,}|\d+[-/]\d+(?:[-/]\d+)?|\d+[Ee]\d+")


@dataclass(frozen=True)
class Column:
    """A heading, its width in characters, and an Excel number format."""

    title: str
    width: int = 12
    format: str = TEXT


@dataclass
class Sheet:
    """A list: title, a line saying how new it is, headings, and rows that are read once."""

    title: str
    note: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]

    def tops(self) -> list[str]:
        """The lines above the headings; a demonstration says what it is."""
        mark = f"{demo.NOTICE}　" if demo.is_running() else ""
        return [self.title, f"{mark}{self.note}"]


def write_xlsx(target: IO[bytes], sheet: Sheet) -> int:
    """Write the list as a workbook; returns its rows. Raises Failure past a sheet's last row."""
    parts, styles = _skeleton(sheet)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        body = parts.pop("xl/worksheets/sheet1.xml").decode()
        for name, content in parts.items():
            archive.writestr(name, content)
        before, rest = body.split("<sheetData>")
        _, after = rest.split("</sheetData>")
        lines = _Lines(sheet, styles)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as page:
            # Without a dimension, which would have to be known beforehand.
            page.write(re.sub("<dimension [^>]*/>", "", before).encode() + b"<sheetData>")
            _write_behind(page, lines.chunks())
            page.write(b"</sheetData>" + after.encode())
    return lines.count


def _write_behind(page: IO[bytes], chunks: Iterable[str]) -> None:
    """Compress in a thread, which zlib does without the interpreter, while rows are made here."""
    with ThreadPoolExecutor(1) as behind:
        waiting: Future[int] | None = None
        for text in chunks:
            writing = behind.submit(page.write, text.encode())
            if waiting is not None:
                waiting.result()  # never more than two chunks at once; raises what went wrong
            waiting = writing
        if waiting is not None:
            waiting.result()


def write_csv(target: IO[bytes], sheet: Sheet, *, encoding: str = "utf-8") -> int:
    """Write the list as text, in one of ``ENCODINGS``; returns its rows."""
    stream = io.TextIOWrapper(target, ENCODINGS[encoding], newline="")
    writer = csv.writer(stream)
    writer.writerows([_plain(top)] for top in sheet.tops())
    writer.writerow([_plain(column.title) for column in sheet.columns])
    count = 0
    for row in sheet.rows:
        writer.writerow([_plain(cell) if type(cell) is str else cell for cell in row])
        count += 1
    stream.detach()
    return count


def _plain(text: str) -> str:
    """A text that a spreadsheet opening the .csv shows as it is."""
    if _CONTROL.search(text):
        text = _CONTROL.sub(" ", text)
    if text.lstrip().startswith(_CALCULATED):
        return f"'{text}"
    return f"\t{text}" if _DIGITS.fullmatch(text) else text


class _Lines:
    """The sheet's rows as XML, titles and headings first."""

    def __init__(self, sheet: Sheet, styles: dict[str, list[int]]) -> None:
        self.sheet, self.styles, self.count = sheet, styles, 0
        self.letters = [get_column_letter(place) for place in range(1, len(sheet.columns) + 1)]

    def chunks(self) -> Iterator[str]:
        tops = self.sheet.tops()
        above: list[tuple[Sequence[Value], list[int]]] = [
            ([tops[0]], self.styles["title"]),
            ([tops[1]], self.styles["note"]),
            ([column.title for column in self.sheet.columns], self.styles["heading"]),
        ]
        yield "".join(
            _block(number, [values], self.cells(styles))
            for number, (values, styles) in enumerate(above, 1)
        )
        cells, rows, line = self.cells(self.styles["body"]), iter(self.sheet.rows), len(above) + 1
        while held := list(islice(rows, CHUNK)):
            self.count += len(held)
            if self.count > MOST - TOPS:
                raise Failure(
                    "too_many_rows", f"名单超过 {MOST - TOPS:,} 人，一个工作表放不下；请分乡镇导出"
                )
            yield _block(line, held, cells)
            line += len(held)

    def cells(self, styles: Sequence[int]) -> Cells:
        """What stands before a text, before a number, and after the row number."""
        return [
            (f'<c r="{letter}', f'" s="{style}" t="inlineStr"><is><t>', f'" s="{style}"><v>')
            for letter, style in zip(self.letters, styles, strict=True)
        ]


def _block(first: int, rows: Sequence[Sequence[Value]], cells: Cells) -> str:
    """These rows as <row>s, numbered from ``first``; empty cells are left out.

    Made a column at a time: what sort of cells it has is asked once for all its rows.
    """
    numbers = [str(number) for number in range(first, first + len(rows))]
    columns = [
        _column(column, numbers, cell)
        for column, cell in zip(zip_longest(*rows), cells, strict=False)
    ]
    bodies = map("".join, zip(*columns, strict=True))
    return "".join(
        [f'<row r="{number}">{body}</row>' for number, body in zip(numbers, bodies, strict=True)]
    )


def _column(
    values: Sequence[Value], numbers: Sequence[str], cell: tuple[str, str, str]
) -> list[str]:
    start, text, figure = cell
    sorts = set(map(type, values))
    empty = type(None) in sorts
    sorts.discard(type(None))
    if sorts <= {str}:
        texts: Sequence[Any] = [value or "" for value in values] if empty else values
        if _ODD.search("".join(texts)):
            texts = [_escaped(value) if _ODD.search(value) else value for value in texts]
        return [
            f"{start}{number}{text}{value}</t></is></c>" if value else ""
            for value, number in zip(texts, numbers, strict=True)
        ]
    if str not in sorts:
        figures: Sequence[Any] = values
        if date in sorts:
            figures = [
                value.toordinal() - EPOCH if type(value) is date else value for value in values
            ]
        return [
            "" if value is None else f"{start}{number}{figure}{value}</v></c>"
            for value, number in zip(figures, numbers, strict=True)
        ]
    # Texts and figures in one column: each as it is.
    return [
        made
        for value, number in zip(values, numbers, strict=True)
        for made in _column([value], [number], cell)
    ]


def _escaped(text: str) -> str:
    """XML text: no control characters, and no _x0041_, which Excel would read as a letter."""
    text = re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", _CONTROL.sub(" ", text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _skeleton(sheet: Sheet) -> tuple[dict[str, bytes], dict[str, list[int]]]:
    """The parts of a workbook without rows, and the style number of each column by sort of row."""
    book = Workbook()
    page = book.active
    page.title = "名单"
    last = get_column_letter(len(sheet.columns))
    line = Side(style="thin", color="FF999999")
    for place, column in enumerate(sheet.columns, 1):
        page.column_dimensions[get_column_letter(place)].width = column.width
        title, note, heading, body = (page.cell(SAMPLE + row, place) for row in range(4))
        title.font = Font(name="宋体", size=16, bold=True)
        title.alignment = Alignment(horizontal="center", vertical="center")
        note.font = Font(name="宋体", size=10)
        heading.font = Font(name="宋体", size=11, bold=True)
        heading.alignment = Alignment(horizontal="center", vertical="center")
        heading.border = Border(left=line, right=line, top=line, bottom=line)
        body.font = Font(name="宋体", size=11)
        body.number_format = column.format
    page.merge_cells(f"A1:{last}1")
    page.merge_cells(f"A2:{last}2")
    page.freeze_panes = "A4"
    page.print_title_rows = "1:3"
    page.page_setup.orientation, page.page_setup.paperSize = "landscape", page.PAPERSIZE_A4
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = 1, 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_options.gridLines = True  # printed without a border on each of a million cells
    page.oddFooter.center.text = "第 &P 页 共 &N 页"
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    found = re.findall(r'<c r="[A-Z]+(\d+)" s="(\d+)"', parts["xl/worksheets/sheet1.xml"].decode())
    styles = {
        sort: [int(style) for row, style in found if int(row) == SAMPLE + offset]
        for offset, sort in enumerate(("title", "note", "heading", "body"))
    }
    return parts, styles
