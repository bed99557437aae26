"""The process that reads one file: `python -m enrollment.workbook.child`.

It gets its order as one line of JSON on standard input and answers on standard output, one JSON
document a line: `{"progress": [done, total]}`, `{"sheet": {...}}` and its runs of rows as
`[first_row, [[cell, ...], ...], merged]`, at last `{"end": true}`; or `{"refused": [code, text]}`.

JSON, because what comes from a process that has eaten a stranger's file must not be able to make
the parent do anything but build strings and numbers (pickle could run code, marshal may crash).
Measured on 673,442 rows of 12 cells: JSON 0.6 s to write and 0.4 s to read, marshal 0.2 s and
0.45 s; writing overlaps with the parent's work, so nothing would be gained.

The process has a bound on memory and processor time, no environment but its path, and is nice.
"""

import csv
import gc
import io
import json
import os
import resource
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import Any, BinaryIO

import python_calamine

from .container import SheetPart, inspect
from .limits import LIMITS, Refused
from .scan import RESAVE

BATCH = 2000

Row = list[Any]


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory, LIMITS.memory))
    resource.setrlimit(resource.RLIMIT_CPU, (LIMITS.cpu, LIMITS.cpu + 5))
    os.nice(5)
    gc.disable()  # rows are no cycles, and the process is gone when they are told
    order = json.loads(sys.stdin.buffer.readline())
    # Answers go out by a descriptor of their own: nothing a library prints gets among them.
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        _answer(out, order)
    except Refused as refused:
        _send(out, {"refused": [refused.code, refused.message]})
    except MemoryError:
        os._exit(86)  # said by the parent: there may be no memory left to say it here
    except BrokenPipeError:
        os._exit(0)  # the parent is gone or no longer interested
    except Exception as error:
        _send(out, {"crash": type(error).__name__})
    out.flush()


def _answer(out: BinaryIO, order: dict[str, Any]) -> None:
    path, name, only = order["path"], order["name"], order["sheet"]
    step = 0

    def progress(done: int, total: int) -> None:
        nonlocal step
        if done >> 24 != step:
            step = done >> 24
            _send(out, {"progress": [done, total]})
            out.flush()

    kind, parts = inspect(path, name, on_progress=progress)
    readers = {"xlsx": _workbook, "xls": _workbook, "csv": _csv}
    if order["list"]:
        for sheet, _ in readers[kind](path, parts, None, counts=True):
            _send(out, {"sheet": sheet})
    else:
        for sheet, runs in readers[kind](path, parts, only):
            _send(out, {"sheet": sheet})
            out.flush()
            for run in runs:
                _send(out, run)
    _send(out, {"end": True})


def _send(out: BinaryIO, what: object) -> None:
    line = json.dumps(what, ensure_ascii=False, separators=(",", ":"), default=_special)
    out.write(line.encode("utf-8", "surrogatepass"))
    out.write(b"\n")


def _special(value: object) -> object:
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    return str(value)  # a time of day or a duration: as text


def _runs(rows: Iterable[Row], first: int) -> Iterator[tuple[int, list[Row]]]:
    source = iter(rows)
    while batch := list(islice(source, BATCH)):
        yield first, batch
        first += len(batch)


# ---------------------------------------------------------------- .xlsx and .xls

# First row's number, the rows, and what merged cells show: (index in the run, column, value).
Run = tuple[int, list[Row], list[tuple[int, int, Any]]]
Reading = Iterator[tuple[dict[str, Any], Iterator[Run]]]


def _workbook(
    path: str, parts: list[SheetPart], only: str | None, *, counts: bool = False
) -> Reading:
    if counts and parts:
        for index, part in enumerate(parts):
            sheet = {"index": index, "name": part.name, "hidden": part.hidden}
            yield sheet | {"rows": part.scan.rows}, iter(())
        return
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        listed = [
            (i, m.name, m.visible != python_calamine.SheetVisibleEnum.Visible)
            for i, m in enumerate(book.sheets_metadata)
            if m.typ == python_calamine.SheetTypeEnum.WorkSheet
        ]
        _check_choice([name for _, name, _ in listed], only)
        by_name = {part.name: part for part in parts}
        for place, (index, name, hidden) in enumerate(listed):
            if only is not None and name != only:
                continue
            found = by_name.get(name)
            grid = book.get_sheet_by_index(index)
            if grid.end and grid.end[1] >= LIMITS.columns:
                raise Refused(
                    "columns",
                    f"工作表“{name}”超出允许的 {LIMITS.columns} 列，"
                    f"请删去名册右侧多余的内容再上传。",
                )
            rows = found.scan.rows if found else grid.height
            sheet = {"index": place, "name": name, "hidden": hidden, "rows": rows}
            yield sheet, _grid_runs(grid, found.scan.lost if found else {}, name)
            del grid
    except python_calamine.PasswordError:
        raise Refused(
            "encrypted", "文件设有打开密码，请在 Excel 或 WPS 里取消密码后重新上传。"
        ) from None
    except (python_calamine.CalamineError, OSError):
        raise Refused("damaged", f"文件内容已损坏，无法读取，{RESAVE}。") from None


def _check_choice(names: list[str], only: str | None) -> None:
    if only is not None and only not in names:
        raise Refused("no_such_sheet", f"文件里没有工作表“{only}”，只有：{'、'.join(names)}。")


def _grid_runs(
    grid: python_calamine.CalamineSheet, lost: dict[int, list[tuple[int, str]]], name: str
) -> Iterator[Run]:
    """The sheet's rows from column A on, with the cells the reader leaves out put back."""
    # calamine gives blank rows above the first filled one, but leaves out columns before it.
    rows: Iterable[Row] = iter(grid.iter_rows()) if grid.start else ()
    if grid.start and grid.start[1]:
        pad: Row = [""] * grid.start[1]
        rows = (pad + row for row in rows)
    merged = _Merged(grid.merged_cell_ranges or [], name)
    end = 1
    for at, batch in _runs(rows, 1):
        end = at + len(batch)
        if lost:
            for number in range(at, end):
                if number in lost:
                    batch[number - at] = _restored(batch[number - at], lost[number])
        yield at, batch, merged.covered(at, batch)
    for number in sorted(number for number in lost if number >= end):
        yield number, [_restored([], lost[number])], []


class _Merged:
    """Cells merged downwards: whose value each covered cell shows, run by run."""

    MOST = 2_000_000

    def __init__(self, ranges: list[tuple[tuple[int, int], tuple[int, int]]], name: str) -> None:
        downwards = [(r1 + 1, r2 + 1, c1) for (r1, c1), (r2, c2) in ranges if c1 == c2 and r2 > r1]
        if sum(bottom - top for top, bottom, _ in downwards) > self.MOST:
            raise Refused(
                "dimensions",
                f"工作表“{name}”里合并的单元格太多，请取消合并、填满每一行后再上传。",
            )
        self.waiting = sorted(downwards, reverse=True)
        self.open: list[tuple[int, int, int, Any]] = []

    def covered(self, first: int, rows: list[Row]) -> list[tuple[int, int, Any]]:
        """(index of the row in the run, column, value) for the cells covered in this run."""
        if not self.waiting and not self.open:
            return []
        end = first + len(rows)
        while self.waiting and self.waiting[-1][0] < end:
            top, bottom, column = self.waiting.pop()
            row = rows[top - first] if top >= first else []
            if column < len(row) and row[column] != "":
                self.open.append((top, bottom, column, row[column]))
        found = [
            (number - first, column, value)
            for top, bottom, column, value in self.open
            for number in range(max(top + 1, first), min(bottom + 1, end))
        ]
        self.open = [merge for merge in self.open if merge[1] >= end]
        return found


def _restored(row: Row, cells: list[tuple[int, str]]) -> Row:
    row = row + [""] * (max(column for column, _ in cells) + 1 - len(row))
    for column, text in cells:
        if row[column] == "":
            row[column] = text
    return row


# ---------------------------------------------------------------- .csv


def _csv(path: str, parts: list[SheetPart], only: str | None, *, counts: bool = False) -> Reading:
    _check_choice([""], only or None)
    encoding = csv_encoding(path)
    with open(path, encoding=encoding, newline="") as file:
        head = file.read(1 << 16)
        if "\0" in head:
            raise Refused("nul", _NUL)
        delimiter = csv_delimiter(head)
        file.seek(0)
        rows = _csv_rows(file, delimiter)
        count = None
        if counts:
            count = sum(1 for _ in rows)
        yield (
            {"index": 0, "name": "", "hidden": False, "rows": count},
            ((at, batch, []) for at, batch in _runs(rows, 1)),
        )


_NUL = "文件里有空字符（NUL），不是正常的文本表格，请重新导出，或用 Excel 另存为 .xlsx 再上传。"


def csv_encoding(path: str) -> str:
    """UTF-16 by its mark, else UTF-8 if all of the file is, else GB18030 if all of it is.

    The whole file is tried: the first megabyte of a roster may be digits only.
    """
    with open(path, "rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        candidates = ["utf-16"]
    elif head[:3] == b"\xef\xbb\xbf":
        candidates = ["utf-8-sig"]
    else:
        candidates = ["utf-8", "gb18030"]
    for encoding in candidates:
        try:
            with open(path, encoding=encoding, newline="") as file:
                while piece := file.read(1 << 20):
                    if "\0" in piece:
                        raise Refused("nul", _NUL)
            return encoding
        except UnicodeError:
            continue
    raise Refused(
        "encoding",
        "文件的文字编码无法识别（应为 UTF-8 或 GB18030），请用 Excel 或 WPS 另存为 .xlsx 再上传。",
    )


def csv_delimiter(head: str) -> str:
    """Comma, tab or semicolon: whichever cuts the first lines into equally many pieces."""
    lines = [line for line in head.splitlines()[:30] if line.strip()]
    best, most = ",", 0
    for delimiter in (",", "\t", ";"):
        widths: dict[int, int] = {}
        for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter):
            if len(row) > 1:
                widths[len(row)] = widths.get(len(row), 0) + 1
        agreeing = max(widths.values(), default=0)
        if agreeing > most:
            best, most = delimiter, agreeing
    return best


def _csv_rows(file: Iterable[str], delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(LIMITS.cell)
    number = 0
    try:
        for number, row in enumerate(csv.reader(file, delimiter=delimiter, strict=True), start=1):
            if len(row) > LIMITS.columns:
                raise Refused(
                    "columns",
                    f"第 {number} 行有 {len(row)} 列，超出允许的 {LIMITS.columns} 列，"
                    f"请检查分隔符和多余的内容。",
                )
            if number > LIMITS.rows:
                raise Refused("rows", f"文件超过 {LIMITS.rows:,} 行，请按乡镇分成几个文件再上传。")
            yield [_plain(cell) if cell[:2] == '="' else cell for cell in row]
    except csv.Error:
        raise Refused(
            "csv_quotes",
            f"第 {number + 1} 行的引号不成对，或内容超过 {LIMITS.cell:,} 个字，"
            f"无法分清各列，请改正，或用 Excel 另存为 .xlsx 再上传。",
        ) from None


def _plain(cell: str) -> str:
    """="3415…" is how web systems make Excel keep an ID as text; Excel shows what is inside."""
    return cell[2:-1] if cell.endswith('"') and '"' not in cell[2:-1] else cell


if __name__ == "__main__":
    main()
