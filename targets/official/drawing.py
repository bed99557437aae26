"""Drawing an official table with openpyxl: A4, merged heads, repeated when printed, values only."""

import math
import unicodedata
from collections.abc import Container
from typing import Any

from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from enrollment import demo
from targets.official.tables import TABLES, Table, heads

FONT = "宋体"
"""Every Windows Excel has it, 䃥 (U+40E5) included. Its family and charset are stored with it, so
that a machine without it takes another Chinese serif face (Noto Serif or Sans CJK on Debian)."""
ROMAN, GB2312 = 1, 134
TITLE, BODY, SMALL = 16, 11, 9
DEFAULT_WIDTH = 12
LINE = 15.5
"""Points of a line of body text."""
A4 = 9
EXPLAINED = 80
SPARE_ROWS = 500
"""Rows below a form that is filled in by hand which keep its drop-down list."""
WIDEST = {False: 80, True: 124}
"""About what fits on A4 at full size, portrait and landscape, in characters of width."""

THIN = Side(style="thin", color="000000")
GRID = Border(left=THIN, right=THIN, top=THIN, bottom=THIN)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def workbook(table: Table) -> Workbook:
    """The form on the first sheet, exactly as printed; where its numbers come from on a second."""
    book = Workbook()
    sheet: Worksheet = book.active
    sheet.title = TABLES[table.name]
    _Drawing(sheet, table).draw()
    _explain(book.create_sheet("说明"), table)
    book.properties.title = table.title.replace("\n", "")
    book.properties.creator = "参保"
    return book


class _Drawing:
    """One pass from the top of the sheet to its bottom."""

    def __init__(self, sheet: Worksheet, table: Table) -> None:
        self.sheet, self.table = sheet, table
        self.width = len(table.columns)
        self.row = 0

    def draw(self) -> None:
        table = self.table
        for at, column in enumerate(table.columns, 1):
            self.sheet.column_dimensions[get_column_letter(at)].width = _width(column.width)
        if table.demo:
            self._line(demo.NOTICE, size=SMALL, horizontal="center", colour="C00000")
        if table.annex:
            self._line(table.annex)
        self._line(table.title, size=TITLE, bold=True, horizontal="center", room=1.6)
        self._head_line()
        first, last = self._headings()
        for at, values in enumerate(table.rows):
            self._cells(values, spanning={column for column, top, _ in table.merges if top == at})
        for across, top, bottom in table.merges:
            self.sheet.merge_cells(
                start_row=last + 1 + top, end_row=last + 1 + bottom,
                start_column=across + 1, end_column=across + 1,
            )  # fmt: skip
        for at, options in table.choices.items():
            self._offer(at + 1, last + 1, options)
        if table.total:
            self._cells(table.total)
        for note in table.notes:
            self._line(note, size=BODY - 1)
        self._set_up_page(first, last)

    def _line(
        self,
        text: str,
        *,
        size: int = BODY,
        bold: bool = False,
        horizontal: str = "left",
        room: float = 1.0,
        colour: str = "000000",
    ) -> None:
        """Text across the whole table."""
        self.row += 1
        cell = self._put(self.row, 1, text)
        cell.font = _font(size, bold=bold, colour=colour)
        cell.alignment = Alignment(horizontal=horizontal, vertical="center", wrap_text=True)
        if self.width > 1:
            self.sheet.merge_cells(
                start_row=self.row, end_row=self.row, start_column=1, end_column=self.width
            )
        whole = sum(_width(column.width) for column in self.table.columns)
        lines = _lines(text, whole * BODY / size)
        self.sheet.row_dimensions[self.row].height = lines * LINE * size / BODY * room + 3

    def _head_line(self) -> None:
        left, right = self.table.head_left, self.table.head_right
        if not (left or right):
            return
        self.row += 1
        self._put(self.row, 1, left).font = _font(BODY)
        cell = self._put(self.row, self.width, right) if self.width > 1 else None
        if cell is not None:
            cell.font = _font(BODY)
            cell.alignment = Alignment(horizontal="right")

    def _headings(self) -> tuple[int, int]:
        """Headings of one or more levels; equal neighbours merge, short ones reach down."""
        placed, depth = heads(self.table.columns)
        first = self.row + 1
        self.row += depth
        for head in placed:
            self._heading(
                head.text, first + head.top, first + head.bottom, head.left + 1, head.right + 1
            )
        self._fit_headings(first, depth)
        return first, self.row

    def _heading(self, text: str, top: int, bottom: int, left: int, right: int) -> None:
        for row in range(top, bottom + 1):
            for at in range(left, right + 1):
                self.sheet.cell(row, at).border = GRID
        cell = self._put(top, left, text)
        cell.font = _font(BODY, bold=True)
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        if (top, left) != (bottom, right):
            self.sheet.merge_cells(
                start_row=top, end_row=bottom, start_column=left, end_column=right
            )

    def _fit_headings(self, first: int, depth: int) -> None:
        lowest = max(
            _lines(column.heading[-1], _width(column.width)) / (depth - len(column.heading) + 1)
            for column in self.table.columns
        )
        for row in range(first, first + depth):
            is_lowest = row == first + depth - 1
            self.sheet.row_dimensions[row].height = (lowest if is_lowest else 1) * LINE + 6

    def _cells(self, values: list[Any], spanning: Container[int] = ()) -> None:
        """A row; text in the columns ``spanning`` several rows has their room too."""
        self.row += 1
        lines = 1
        for at, (value, column) in enumerate(zip(values, self.table.columns, strict=True), 1):
            cell = self._put(self.row, at, value)
            cell.font = _font(BODY)
            cell.border = GRID
            cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
            if isinstance(value, int | float) and column.number_format:
                cell.number_format = column.number_format
            if isinstance(value, str) and at - 1 not in spanning:
                lines = max(lines, _lines(value, _width(column.width)))
        self.sheet.row_dimensions[self.row].height = lines * LINE + 5

    def _offer(self, column: int, first: int, options: list[str]) -> None:
        """A drop-down list in the cells of a column, with room for rows added by hand.

        The options stand on a sheet of their own: a list written into the rule may have 255
        characters, and Excel and WPS both take a reference.
        """
        book = self.sheet.parent
        page = book["选项"] if "选项" in book.sheetnames else book.create_sheet("选项")
        at = page.max_column + 1 if page["A1"].value is not None else 1
        for number, option in enumerate(options, 1):
            page.cell(number, at, option)
        page.sheet_state = "hidden"
        letter, here = get_column_letter(at), get_column_letter(column)
        rule = DataValidation(
            type="list", formula1=f"选项!${letter}$1:${letter}${len(options)}", allow_blank=True
        )
        rule.error, rule.errorTitle = "请从下拉框中选择", "不在选项中"
        rule.showErrorMessage = True
        rule.add(f"{here}{first}:{here}{self.row + SPARE_ROWS}")
        self.sheet.add_data_validation(rule)

    def _put(self, row: int, at: int, value: Any) -> Cell:
        """A value, never a formula: text that looks like one stays text."""
        cell: Cell = self.sheet.cell(row, at)
        cell.value = None if value == "" else value
        if isinstance(value, str) and value.startswith(FORMULA_STARTS):
            cell.data_type = "s"
            cell.quotePrefix = True
        return cell

    def _set_up_page(self, first_heading: int, last_heading: int) -> None:
        sheet, table = self.sheet, self.table
        right = get_column_letter(self.width)
        sheet.print_area = f"A1:{right}{self.row}"
        sheet.print_title_rows = f"{first_heading}:{last_heading}"
        sheet.page_setup.paperSize = A4
        sheet.page_setup.orientation = "landscape" if table.landscape else "portrait"
        whole = sum(_width(column.width) for column in table.columns)
        if whole > WIDEST[table.landscape]:
            sheet.sheet_properties.pageSetUpPr.fitToPage = True
            sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
        sheet.print_options.horizontalCentered = True
        sheet.page_margins.left = sheet.page_margins.right = 0.6
        sheet.page_margins.top = sheet.page_margins.bottom = 0.8
        sheet.oddFooter.center.text = "第 &P 页，共 &N 页"
        if table.as_of:
            sheet.oddFooter.left.text = f"数据截至 {table.as_of}"
        if table.demo:
            sheet.oddHeader.center.text = demo.NOTICE
        sheet.freeze_panes = f"A{last_heading + 1}"


def _explain(sheet: Worksheet, table: Table) -> None:
    lines = [
        table.title.replace("\n", ""),
        demo.NOTICE if table.demo else "",
        *table.remarks,
        f"数据截至：{table.as_of}" if table.as_of else "",
        f"导出时间：{timezone.localtime():%Y-%m-%d %H:%M}",
        f"字体：{FONT}；没有这种字体的电脑会换用其他宋体",
    ]
    sheet.column_dimensions["A"].width = EXPLAINED
    sheet.page_setup.paperSize = A4
    for number, line in enumerate(filter(None, lines), 1):
        cell = sheet.cell(number, 1, line)
        cell.data_type = "s"
        cell.font = _font(BODY, bold=number == 1)
        cell.alignment = Alignment(vertical="top", wrap_text=True)
        sheet.row_dimensions[number].height = _lines(line, EXPLAINED) * LINE + 3


def _font(size: int, *, bold: bool = False, colour: str = "000000") -> Font:
    return Font(name=FONT, size=size, bold=bold, color=colour, family=ROMAN, charset=GB2312)


def _width(width: int | None) -> int:
    return width or DEFAULT_WIDTH


def _lines(text: str, width: float) -> int:
    """Lines a text takes in a cell, its own line breaks included."""
    room = max(width - 1.5, 2)
    return sum(max(1, math.ceil(_span(line) / room)) for line in text.split("\n"))


def _span(text: str) -> float:
    return sum(2.1 if unicodedata.east_asian_width(c) in "WFA" else 1.1 for c in text)
