"""One sheet's XML, streamed, before the reader sees it.

The reader would return the wrong rows without a word, or abort, on: rows stored twice or out of
order, cells far outside any roster, more rows or columns than allowed. It also returns nothing
at all for error cells (#N/A) and for formulas nobody has calculated; these are collected here so
that they can be shown as what they are.

Two ways to the same answer. A sheet up to EXACT bytes, or one written unusually, goes through
expat, element by element. A large one in the form that Excel, WPS and the usual libraries write
is searched with bytes.find and re, an order of magnitude faster (measured: 311 MB in 1.2 s, of
which 0.5 s is unpacking; the reader itself takes 4.5 s).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from .limits import Limits, Refused

EXACT = 4 * 1024 * 1024
NOT_CALCULATED = "#公式未计算"
_LONGEST_ROW = 64 * 1024 * 1024

RESAVE = "请用 Excel 或 WPS 打开后另存为新的 .xlsx 文件再上传"


@dataclass(slots=True)
class SheetScan:
    """`rows` stored, and the cells the reader leaves out: row number → (column index, text)."""

    rows: int = 0
    lost: dict[int, list[tuple[int, str]]] = field(default_factory=dict)

    def lose(self, row: int, column: int, text: str) -> None:
        self.lost.setdefault(row, []).append((column, text))


def scan(chunks: Callable[[], Iterable[bytes]], size: int, sheet: str, limits: Limits) -> SheetScan:
    """Check a worksheet part of `size` bytes; `chunks` opens it anew at each call."""
    if size > EXACT:
        found = _scan_fast(iter(chunks()), sheet, limits)
        if found is not None:
            return found
    return _scan_exactly(chunks(), sheet, limits)


def column_index(letters: str) -> int:
    """A → 0, Z → 25, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _too_many_rows(sheet: str, limits: Limits) -> Refused:
    return Refused("rows", f"工作表“{sheet}”超过 {limits.rows:,} 行，请按乡镇分成几个文件再上传。")


def _too_many_columns(sheet: str, cell: str, limits: Limits) -> Refused:
    return Refused(
        "columns",
        f"工作表“{sheet}”的单元格 {cell} 超出允许的 {limits.columns} 列，"
        f"请删去名册右侧多余的内容再上传。",
    )


def _out_of_order(sheet: str, number: int, before: int) -> Refused:
    what = (
        f"第 {number} 行出现了两次" if number == before else f"第 {number} 行排在第 {before} 行之后"
    )
    return Refused("row_order", f"工作表“{sheet}”里{what}，文件已损坏，{RESAVE}。")


# ---------------------------------------------------------------- exactly, with expat

_REF = re.compile(r"([A-Z]{1,3})([1-9]\d{0,6})")


class _Exact:
    def __init__(self, sheet: str, limits: Limits) -> None:
        self.sheet = sheet
        self.limits = limits
        self.found = SheetScan()
        self.row = 0
        self.column = -1
        self.cell = ""  # the cell's type while inside one, "n" when none is given
        self.value: list[str] | None = None
        self.has_formula = self.has_value = self.in_value = False
        self.first: tuple[int, int] | None = None
        self.last = (0, 0)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        if tag == "row":
            self._start_row(attributes.get("r"))
        elif tag == "c":
            self._start_cell(attributes)
        elif self.cell:
            if tag == "f":
                self.has_formula = True
            elif tag in ("v", "t"):
                self.in_value = True
                self.value = []

    def _start_row(self, number: str | None) -> None:
        row = self.row + 1 if number is None else self._number(number)
        if row <= self.row:
            raise _out_of_order(self.sheet, row, self.row)
        if row > self.limits.rows:
            raise _too_many_rows(self.sheet, self.limits)
        self.row = row
        self.column = -1
        self.found.rows += 1

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        column = self.column + 1
        if reference is not None:
            match = _REF.fullmatch(reference)
            if not match:
                raise Refused(
                    "damaged",
                    f"工作表“{self.sheet}”第 {self.row} 行有位置写错的单元格，"
                    f"文件已损坏，{RESAVE}。",
                )
            column = column_index(match[1])
            if int(match[2]) != self.row or column <= self.column:
                raise Refused(
                    "row_order",
                    f"工作表“{self.sheet}”第 {self.row} 行的单元格 {reference} 重复或错位，"
                    f"文件已损坏，{RESAVE}。",
                )
        self.column = column
        self.cell = attributes.get("t") or "n"
        self.value = None
        self.has_formula = self.has_value = False

    def _number(self, number: str) -> int:
        if not number.isascii() or not number.isdecimal() or len(number) > 9:
            raise Refused("damaged", f"工作表“{self.sheet}”有行号写错的行，文件已损坏，{RESAVE}。")
        return int(number)

    def end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2]
        if tag in ("v", "t"):
            self.in_value = False
            self.has_value = self.has_value or bool(self.value)
        elif tag == "c" and self.cell:
            self._end_cell()
            self.cell = ""

    def _end_cell(self) -> None:
        if not (self.has_value or self.has_formula):
            return  # a cell with nothing but a border, however far away, is no content
        if self.column >= self.limits.columns:
            raise _too_many_columns(self.sheet, f"{_letters(self.column)}{self.row}", self.limits)
        if self.first is None:
            self.first = (self.row, self.column)
        self.first = (self.first[0], min(self.first[1], self.column))
        self.last = (self.row, max(self.last[1], self.column))
        if self.cell == "e":
            self.found.lose(self.row, self.column, "".join(self.value or ()) or "#N/A")
        elif self.has_formula and not self.has_value and self.cell != "str":
            self.found.lose(self.row, self.column, NOT_CALCULATED)

    def text(self, data: str) -> None:
        if self.in_value and self.value is not None:
            self.value.append(data)


def _scan_exactly(chunks: Iterable[bytes], sheet: str, limits: Limits) -> SheetScan:
    exact = _Exact(sheet, limits)
    parse_xml(chunks, f"工作表“{sheet}”", limits, exact.start, exact.end, exact.text)
    if exact.first is not None:
        height = exact.last[0] - exact.first[0] + 1
        width = exact.last[1] - exact.first[1] + 1
        if height * width > limits.sparse:
            raise Refused(
                "dimensions",
                f"工作表“{sheet}”的内容散布在 {height:,} 行 × {width} 列的范围内，大部分是空的，"
                f"请删去远离名册的多余内容再上传。",
            )
    return exact.found


def _letters(index: int) -> str:
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(65 + rest) + found
    return found


def parse_xml(
    chunks: Iterable[bytes],
    what: str,
    limits: Limits,
    start: Callable[[str, dict[str, str]], None] | None = None,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Parse a part with expat, refusing any DTD, deep nesting and what is not well-formed."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.depth:
            raise Refused("depth", f"{what}的内容嵌套超过 {limits.depth} 层，{RESAVE}。")
        if start:
            start(tag, attributes)

    def closed(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if end:
            end(tag)

    def doctype(*_: object) -> None:
        raise _dtd(what)

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    if text:
        parser.CharacterDataHandler = text
    try:
        first = True
        for chunk in chunks:
            if first:
                check_prolog(chunk, what)
                first = False
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise Refused("damaged", f"{what}的内容不完整或已损坏，{RESAVE}。") from None


def _dtd(what: str) -> Refused:
    return Refused("dtd", f"{what}里有外部引用声明（DTD），不是 Excel 会写出的内容，{RESAVE}。")


_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([^"']+)["']""")


def check_prolog(head: bytes, what: str) -> None:
    """A part must be UTF-8 and start without a DTD; a parser that disagreed could be fooled."""
    declared = _ENCODING.match(head.removeprefix(b"\xef\xbb\xbf"))
    named = declared[1].lower() if declared else b"utf-8"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or named not in (b"utf-8", b"utf8", b"us-ascii"):
        raise Refused("encoding", f"{what}的内部编码不是 UTF-8，{RESAVE}。")
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise _dtd(what)


# ---------------------------------------------------------------- fast, with bytes.find and re

_ROOT = re.compile(rb"<([A-Za-z0-9_]+:)?worksheet[\s>]")


class _Patterns:
    """The searches for one namespace prefix; most sheets have none, ClosedXML writes x:."""

    def __init__(self, prefix: bytes) -> None:
        p = re.escape(prefix)
        self.row = b"<" + prefix + b"row"
        # bytes.find looks at a needle's last byte first, so one that ends in ">" is slow here.
        self.end = b"</" + prefix + b"sheetData"
        self.close = b"</" + prefix + b"worksheet>"
        self.formula = b"</" + prefix + b"f>"
        self.numbers = re.compile(b"<" + p + rb'row r="(\d{1,9})"')
        # IW and beyond: outside the first 256 columns.
        self.far = re.compile(
            b"<"
            + p
            + rb'c r="((?:[A-Z]{3}|I[W-Z]|[J-Z][A-Z])\d+)"(?:>|[^>]*[^/>]>)(?!</'
            + p
            + b"c>)"
        )
        cell = b"<" + p + rb'c r="([A-Z]{1,3})(\d{1,7})"'
        computed = b"<" + p + rb"f\b[^>]*?(?:/>|>[^<]*</" + p + b"f>)"
        self.error = re.compile(
            cell + rb'[^>]*? t="e"[^>]*>(?:' + computed + b")?<" + p + b"v>([^<]*)<"
        )
        self.uncalculated = re.compile(
            cell
            + rb'(?![^>]* t="(?:str|e)")[^>]*>'
            + computed
            + b"(?:<"
            + p
            + rb"v\s*/>|<"
            + p
            + b"v></"
            + p
            + b"v>)?</"
            + p
            + b"c>"
        )


def _scan_fast(chunks: Iterator[bytes], sheet: str, limits: Limits) -> SheetScan | None:
    """None where the sheet is not written in the usual form and must be parsed."""
    what = f"工作表“{sheet}”"
    tail = next(chunks, b"")
    check_prolog(tail[:65536], what)
    root = _ROOT.search(tail[:65536])
    if not root:
        return None
    find = _Patterns(root[1] or b"")
    found = SheetScan()
    last = 0
    in_rows = True
    ended = tail[-64:]
    for chunk in chunks:
        ended = (ended + chunk)[-64:]
        if not in_rows:
            continue
        data = tail + chunk
        stop = data.find(find.end)
        if stop >= 0:
            in_rows = False
        else:
            stop = data.rfind(find.row)
            if stop <= 0:
                if len(data) > _LONGEST_ROW:
                    return None
                tail = data
                continue
        rows, tail = data[:stop], data[stop:]
        seen = _scan_rows(rows, find, found, last, sheet, limits)
        if seen is None:
            return None
        last = seen
    if in_rows or find.close not in ended:
        return None
    return found if found.rows else None


def _scan_rows(
    data: bytes, find: _Patterns, found: SheetScan, last: int, sheet: str, limits: Limits
) -> int | None:
    """Check a run of whole rows after row `last`; the last row's number, None if unusual."""
    numbers = list(map(int, find.numbers.findall(data)))
    # A single byte is found at the speed of memory. "w" is in <row and </row and hardly elsewhere.
    if data.count(b"w") != 2 * len(numbers) and data.count(find.row) != len(numbers):
        return None
    if numbers:
        first = numbers[0]
        if first <= last:
            raise _out_of_order(sheet, first, last)
        if numbers != list(range(first, first + len(numbers))):
            for before, number in zip(numbers, numbers[1:], strict=False):
                if number <= before:
                    raise _out_of_order(sheet, number, before)
        last = numbers[-1]
        if last > limits.rows:
            raise _too_many_rows(sheet, limits)
        found.rows += len(numbers)
    if far := find.far.search(data):
        raise _too_many_columns(sheet, far[1].decode(), limits)
    if b"#" in data:  # every error value begins with it
        for cell in find.error.finditer(data):
            text = cell[3].decode("utf-8", "replace")
            found.lose(int(cell[2]), column_index(cell[1].decode()), text)
    if b"f" in data and find.formula in data:
        for cell in find.uncalculated.finditer(data):
            found.lose(int(cell[2]), column_index(cell[1].decode()), NOT_CALCULATED)
    return last
