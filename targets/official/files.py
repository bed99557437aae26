"""An official table as a file: Excel to go on with, PDF to be signed, CSV for other programs."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from enrollment import sheets
from enrollment.failure import Failure
from enrollment.sheets import Sheet
from targets.official.drawing import workbook
from targets.official.printing import pdf, said
from targets.official.tables import Table


@dataclass(frozen=True)
class FileForm:
    """What a table can be had as."""

    ending: str
    word: str
    content_type: str
    make: Callable[[Table], bytes]


def content(table: Table, form: str = "xlsx") -> bytes:
    """The file itself, in one of ``FILE_FORMS``."""
    return FILE_FORMS[form].make(table)


def write(table: Table, path: Path, *, encoding: str = "utf-8") -> None:
    """Write a table as what the file's ending says; a file there is replaced whole or not at all.

    ``encoding`` is a .csv's. Raises Failure where it cannot be written.
    """
    check_target(path)
    ending = path.suffix.lower().lstrip(".")
    form = "csv-gb18030" if (ending, encoding) == ("csv", "gb18030") else ending
    made = content(table, form)
    try:
        handle, draft = tempfile.mkstemp(suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise Failure("not_written", f"写不进 {path.parent}：{error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(made)
        os.chmod(draft, 0o640)
        os.replace(draft, path)
    except OSError as error:
        Path(draft).unlink(missing_ok=True)
        raise Failure("not_written", f"写不出 {path}：{error.strerror}") from error


def check_target(path: Path, *, endings: tuple[str, ...] = ("xlsx", "pdf", "csv")) -> None:
    """Raise Failure where no file of one of these endings can be written."""
    if path.suffix.lower().lstrip(".") not in endings:
        known = "、".join(f".{ending}" for ending in endings)
        raise Failure("bad_name", f"导出文件应以 {known} 结尾，现为 {path.name}")
    if not path.parent.is_dir():
        raise Failure("no_folder", f"没有文件夹 {path.parent}，请先建立或换一处")


def _xlsx(table: Table) -> bytes:
    target = BytesIO()
    workbook(table).save(target)
    return target.getvalue()


def _csv(encoding: str) -> Callable[[Table], bytes]:
    def make(table: Table) -> bytes:
        target = BytesIO()
        sheets.write_csv(target, plain(table), encoding=encoding)
        return target.getvalue()

    return make


def plain(table: Table) -> Sheet:
    """The table as a flat list: joined headings, no merged cells, the total as its last row."""
    rows = [list(row) for row in table.rows]
    for across, first, last in table.merges:
        for row in range(first + 1, last + 1):
            rows[row][across] = rows[first][across]
    if table.total:
        rows.append(table.total)
    columns = [
        sheets.Column("-".join(part.replace("\n", "") for part in column.heading))
        for column in table.columns
    ]
    note = "　".join(filter(None, [table.as_of and f"数据截至 {table.as_of}", *table.notes]))
    cells = [
        [
            value if isinstance(value, int | None) else said(value, column.number_format)
            for value, column in zip(row, table.columns, strict=True)
        ]
        for row in rows
    ]
    return Sheet(table.title.replace("\n", ""), note, columns, cells)


FILE_FORMS = {
    "xlsx": FileForm("xlsx", "Excel", sheets.XLSX, _xlsx),
    "pdf": FileForm("pdf", "PDF", "application/pdf", pdf),
    "csv": FileForm("csv", "CSV（UTF-8）", "text/csv; charset=utf-8", _csv("utf-8")),
    "csv-gb18030": FileForm("csv", "CSV（GB18030）", "text/csv; charset=gb18030", _csv("gb18030")),
}
