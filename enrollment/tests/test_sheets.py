"""Lists as files: what is opened is what was written, and nothing in it comes alive."""

import csv
import io
import shutil
import subprocess
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from openpyxl import load_workbook
from python_calamine import load_workbook as load_workbook_by_calamine

from enrollment import demo, sheets
from enrollment.failure import Failure
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet

COLUMNS = [
    Column("序号", 8, WHOLE),
    Column("姓名"),
    Column("户号"),
    Column("出生日期", 12, DAY),
    Column("金额", 12, MONEY),
]
LIVE = ["=1+1", "+86", "-2", "@SUM(A1)", " =HYPERLINK(1)", "＝1+1", "\t=1", "\r=1"]


def sheet(*rows) -> Sheet:
    return Sheet("流波䃥镇名单", "截至 2024-03-01 08:00", COLUMNS, iter(rows))


def opened(made: Sheet):
    target = io.BytesIO()
    sheets.write_xlsx(target, made)
    return load_workbook(target).active


def read_back(made: Sheet, encoding: str) -> list[list[str]]:
    target = io.BytesIO()
    sheets.write_csv(target, made, encoding=encoding)
    text = target.getvalue().decode({"utf-8": "utf-8-sig"}.get(encoding, encoding))
    return list(csv.reader(io.StringIO(text)))


def test_a_workbook_holds_each_value_in_its_type():
    row = (1, "䃥<&>七", "034152401001", date(1970, 1, 31), Decimal("380.50"))
    page = opened(sheet(row, (2, "", None, None, None)))
    assert page["A1"].value == "流波䃥镇名单"
    assert [cell.value for cell in page[3]] == [column.title for column in COLUMNS]
    number, name, household, born, amount = page[4]
    assert (number.value, name.value, household.value) == (1, "䃥<&>七", "034152401001")
    assert (household.data_type, household.number_format) == ("s", "@")
    assert (born.value.date(), born.number_format) == (date(1970, 1, 31), "yyyy-mm-dd")
    assert (amount.value, amount.number_format) == (380.5, "#,##0.00")
    assert page["B5"].value is None


def test_a_workbook_is_ready_to_print():
    page = opened(sheet())
    assert page.print_title_rows == "$1:$3"
    assert (str(page.page_setup.paperSize), page.page_setup.orientation) == ("9", "landscape")
    assert page.freeze_panes == "A4"
    assert "A1:E1" in [str(merged) for merged in page.merged_cells.ranges]


@pytest.mark.parametrize("text", LIVE)
def test_no_text_becomes_a_formula(text):
    cell = opened(sheet((1, text, text, None, None)))["B4"]
    assert cell.data_type == "s"
    assert cell.value.split() == text.split()
    for encoding in sheets.ENCODINGS:
        written = read_back(sheet((1, text, "", None, None)), encoding)[3][1]
        assert written.startswith("'")


def test_control_characters_and_escapes_arrive_as_text():
    target = io.BytesIO()
    sheets.write_xlsx(target, sheet((1, "甲\x00乙\x0b丙\ufffe", "_x0041_", None, None)))
    target.seek(0)
    row = load_workbook_by_calamine(target).get_sheet_by_index(0).to_python()[3]
    assert row[1].split() == ["甲", "乙", "丙"]
    assert row[2] == "_x0041_"


@pytest.mark.parametrize("encoding", sheets.ENCODINGS)
def test_a_csv_keeps_rare_characters_and_long_numbers(encoding):
    rows = read_back(
        sheet((1, "䃥𠮷", "034152401001", date(1970, 1, 31), Decimal("380.50"))), encoding
    )
    assert rows[0] == ["流波䃥镇名单"]
    assert rows[3] == ["1", "䃥𠮷", "\t034152401001", "1970-01-31", "380.50"]


def test_a_csv_begins_as_its_encoding_does():
    target = io.BytesIO()
    sheets.write_csv(target, sheet(), encoding="utf-8")
    assert target.getvalue().startswith(b"\xef\xbb\xbf")
    target = io.BytesIO()
    sheets.write_csv(target, sheet(), encoding="gb18030")
    assert b"\x82\x32\xbd\x35" in target.getvalue()


def test_a_demonstration_says_what_it_is(monkeypatch):
    monkeypatch.setattr(demo, "is_running", lambda: True)
    assert demo.NOTICE in opened(sheet())["A2"].value
    assert demo.NOTICE in read_back(sheet(), "gb18030")[1][0]


def test_a_list_longer_than_a_sheet_is_refused(monkeypatch):
    monkeypatch.setattr(sheets, "MOST", sheets.TOPS + 2)
    assert sheets.write_xlsx(io.BytesIO(), sheet(*[(n, "甲", "", None, None) for n in (1, 2)])) == 2
    with pytest.raises(Failure, match="放不下"):
        sheets.write_xlsx(io.BytesIO(), sheet(*[(n, "甲", "", None, None) for n in (1, 2, 3)]))


def test_many_rows_are_all_there_in_order():
    rows = [(n, f"人{n}", "", None, None) for n in range(1, 2 * sheets.CHUNK + 8)]
    page = opened(sheet(*rows))
    assert [cell.value for cell in page["A"][3:]] == [row[0] for row in rows]


def test_nothing_of_the_workbook_waits_in_memory():
    """Rows go out while they come in: the first bytes are written before the last row is asked."""
    target, sizes = io.BytesIO(), []

    def rows():
        for number in range(30 * sheets.CHUNK):
            if number % sheets.CHUNK == 0:
                sizes.append(target.tell())
            yield (number, f"人{number * 7919 % 9973}", str(number * 104729), None, None)

    sheets.write_xlsx(target, Sheet("名单", "", COLUMNS, rows()))
    assert sizes[20] > sizes[10] > sizes[2] > 0
    assert zipfile.ZipFile(target).testzip() is None


@pytest.mark.skipif(shutil.which("soffice") is None, reason="no LibreOffice here")
@pytest.mark.parametrize("form", ["xlsx", "csv"])
def test_libreoffice_shows_what_was_written(form, tmp_path: Path):
    source = tmp_path / f"list.{form}"
    made = sheet((1, "䃥=1+1", "034152401001", date(1970, 1, 31), Decimal("380.50")),
                 (2, "=1+1", "9-2", None, Decimal("-3")))  # fmt: skip
    with source.open("wb") as target:
        if form == "xlsx":
            sheets.write_xlsx(target, made)
        else:
            sheets.write_csv(target, made, encoding="gb18030")
    # 44 comma, 34 quote; 85 is GB18030, 76 UTF-8, as LibreOffice numbers them.
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"]
    command += ["--infilter=CSV:44,34,85"] if form == "csv" else []
    command += ["--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir"]
    subprocess.run(
        [*command, str(tmp_path / "out"), str(source)], check=True, capture_output=True, timeout=120
    )
    text = (tmp_path / "out" / "list.csv").read_text("utf-8-sig")
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text))]
    assert rows[0][0] == "流波䃥镇名单"
    assert rows[3][:4] == ["1", "䃥=1+1", "034152401001", "1970-01-31"]
    assert rows[4][1].lstrip("'") == "=1+1"
    assert rows[4][2] == "9-2"
