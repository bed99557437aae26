"""What comes out of a file that can be read, however it was written."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrollment import workbook
from enrollment.tests import corpus
from enrollment.workbook import child


def rows_of(blocks: Iterator[workbook.Block]) -> dict[int, list[Any]]:
    """Row number → cells, trailing blanks cut, blank rows left out; one sheet only."""
    found: dict[int, list[Any]] = {}
    for block in blocks:
        for number, row in enumerate(block.rows, start=block.first_row):
            while row and row[-1] == "":
                row.pop()
            if row:
                assert number not in found
                found[number] = row
    return found


def read(folder: Path, content: bytes, name: str = "名册.xlsx") -> dict[int, list[Any]]:
    return rows_of(workbook.read(corpus.write(folder, name, content), name))


ROSTER = dict(enumerate(corpus.ROSTER, start=1))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("名册.xlsx", corpus.workbook(corpus.sheet())),
        ("名册.XLSX", corpus.workbook(corpus.sheet(dimension="A1"))),
        ("名册.xlsx", corpus.workbook(corpus.sheet(dimension="A1:XFD1048576"))),
        ("名册.xlsx", corpus.workbook(corpus.sheet().replace("<row", "<x:row").replace(
            "</row", "</x:row").replace("xmlns=", f'xmlns:x="{corpus.MAIN}" xmlns='))),
        ("名册.xls", corpus.xls()),
        ("名册.csv", "姓名,身份证号\n张三,11010519491231002X\n李四,440524198001010013\n".encode()),
        ("名册.csv", '姓名,身份证号\r\n张三,="11010519491231002X"\r\n李四,440524198001010013'
         .encode("gb18030")),
        ("名册.csv", "姓名\t身份证号\n张三\t11010519491231002X\n李四\t440524198001010013"
         .encode("utf-16")),
        ("名册.csv", "\ufeff姓名;身份证号\n张三;11010519491231002X\n李四;440524198001010013"
         .encode()),
    ],
    ids=["plain", "dimension too small", "dimension too large", "prefixed", "old format", "utf-8",
         "gb18030", "utf-16 with tabs", "bom with semicolons"],
)  # fmt: skip
def test_the_same_roster_is_read_from(name: str, content: bytes, tmp_path: Path) -> None:
    assert read(tmp_path, content, name) == ROSTER


@pytest.mark.parametrize(
    "text", ["流波䃥镇", "筻口镇", "𠮷", "阿依古丽·买买提", "a,b", 'say "x"', "x\ny", "{\"d\":1}"]
)  # fmt: skip
def test_rare_characters_survive(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, corpus.workbook(corpus.sheet([[text]]))) == {1: [text]}


def test_a_number_stays_a_number_so_a_lost_id_can_be_told(tmp_path: Path) -> None:
    found = read(tmp_path, corpus.workbook(corpus.sheet([[110105194912310020, "110105", 3.5]])))
    assert found == {1: [1.1010519491231002e17, "110105", 3.5]}


def test_error_cells_and_uncalculated_formulas_are_shown_as_what_they_are(tmp_path: Path) -> None:
    cells = (
        '<c r="B2" t="e"><v>#N/A</v></c><c r="C2" t="e"><f>A1/0</f><v>#DIV/0!</v></c>'
        '<c r="D2"><f>VLOOKUP(A1,B:C,2,0)</f></c><c r="E2"><f>1+1</f><v></v></c>'
        '<c r="F2" t="str"><f>IF(A1,"","")</f><v></v></c><c r="G2"><f>1+1</f><v>2</v></c>'
    )
    expected = ["", "#N/A", "#DIV/0!", "#公式未计算", "#公式未计算", "", 2.0]
    small = corpus.around(f'<row r="2">{cells}</row>')
    assert read(tmp_path, corpus.workbook(small)) == {2: expected}
    filler = "".join(corpus.row(n, ["x" * 300]) for n in range(3, 15_000))
    large = corpus.around(f'<row r="2">{cells}</row>{filler}')
    assert len(large) > 4 * 1024 * 1024
    assert read(tmp_path, corpus.workbook(large))[2] == expected


def test_errors_outside_the_filled_rectangle_are_not_forgotten(tmp_path: Path) -> None:
    lost = '<c r="{0}" t="e"><v>#REF!</v></c>'
    inside = (
        f'<row r="1">{lost.format("A1")}</row>{corpus.row(3, ["", "x"])}'
        f'<row r="9">{lost.format("C9")}</row>'
    )
    found = read(tmp_path, corpus.workbook(corpus.around(inside)))
    assert found == {1: ["#REF!"], 3: ["", "x"], 9: ["", "", "#REF!"]}


def test_rows_and_columns_keep_their_places_when_the_sheet_starts_late(tmp_path: Path) -> None:
    rows = ["", "", ""], ["", "", ""], ["", "", "x"], ["", "", ""], ["", "y", "z"]
    expected = {3: ["", "", "x"], 5: ["", "y", "z"]}
    assert read(tmp_path, corpus.workbook(corpus.sheet(rows))) == expected
    assert read(tmp_path, corpus.xls(rows), "名册.xls") == expected


def test_a_border_drawn_far_away_is_no_content(tmp_path: Path) -> None:
    far = corpus.row(1, ["x"]) + '<row r="1048576"><c r="XFD1048576" s="1"/></row>'
    assert read(tmp_path, corpus.workbook(corpus.around(far))) == {1: ["x"]}


def test_control_characters_reach_the_row_and_do_not_stop_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, corpus.workbook(corpus.sheet([["张_x0000_三"], ["李四"]])))
    assert found == {1: ["张\0三"], 2: ["李四"]}


def test_several_sheets_come_in_order_with_their_names_and_whether_hidden(tmp_path: Path) -> None:
    sheets = {"甲村": corpus.sheet([["a"]]), "乙村": corpus.sheet([["b"], ["c"]])}
    path = corpus.write(tmp_path, "", corpus.workbook(sheets, hidden=["乙村"]))
    found = [(b.sheet_index, b.sheet_name, b.hidden, b.rows) for b in workbook.read(path, "a.xlsx")]
    assert found == [(0, "甲村", False, [["a"]]), (1, "乙村", True, [["b"], ["c"]])]
    assert workbook.sheets(path, "a.xlsx") == [
        workbook.Sheet(0, "甲村", False, 1),
        workbook.Sheet(1, "乙村", True, 2),
    ]
    assert rows_of(workbook.read(path, "a.xlsx", sheet="乙村")) == {1: ["b"], 2: ["c"]}
    with pytest.raises(workbook.Refused, match="没有工作表“丙村”，只有：甲村、乙村"):
        list(workbook.read(path, "a.xlsx", sheet="丙村"))


def test_cells_merged_downwards_say_what_they_cover(tmp_path: Path) -> None:
    rows = [["村", "姓名"], ["甲村", "a"], ["", "b"], ["", "c"], ["乙村", "d"]]
    merged = '<mergeCells count="2"><mergeCell ref="A2:A4"/><mergeCell ref="A1:B1"/></mergeCells>'
    inside = "".join(corpus.row(i, r) for i, r in enumerate(rows, start=1))
    content = corpus.workbook(corpus.around(inside, after=merged))
    blocks = list(workbook.read(corpus.write(tmp_path, "", content), "a.xlsx"))
    assert [block.merged for block in blocks] == [[[2, 0, "甲村"], [3, 0, "甲村"]]]


def test_a_merge_over_many_blocks_is_carried_on() -> None:
    merged = child._Merged([((1, 0), (5000, 0))], "表")
    first = merged.covered(1, [["标题"], ["甲村"], [""]])
    assert first == [(2, 0, "甲村")]
    assert merged.covered(4, [[""], [""]]) == [(0, 0, "甲村"), (1, 0, "甲村")]
    assert merged.covered(5001, [[""], [""]]) == [(0, 0, "甲村")]
    assert merged.covered(5003, [[""]]) == []


LEGAL = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="_\ufffe\uffff"),
    min_size=1,
    max_size=12,
)
VALUES = st.one_of(
    LEGAL,
    st.integers(-(10**9), 10**9),
    st.booleans(),
    st.dates(date(1910, 1, 1), date(2090, 1, 1)),
    st.datetimes(datetime(1910, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001
        lambda at: at.replace(microsecond=0)
    ),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(st.one_of(st.just(""), VALUES), max_size=6), min_size=1, max_size=12))
def test_what_openpyxl_wrote_is_read_back(tmp_path: Path, rows: list[list[Any]]) -> None:
    book = openpyxl.Workbook()
    active = book.active
    assert active is not None
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            if value != "":
                written = active.cell(number, column)
                written.value = value
                if isinstance(value, str):
                    written.data_type = "s"
    path = tmp_path / "a.xlsx"
    book.save(path)
    expected = {}
    for number, row in enumerate(rows, start=1):
        row = list(row)
        while row and row[-1] == "":
            row.pop()
        if row:
            expected[number] = [
                value.date() if isinstance(value, datetime) and not any(value.timetuple()[3:6])
                else value
                for value in row
            ]  # fmt: skip
    assert rows_of(workbook.read(path, "a.xlsx")) == expected


# ---------------------------------------------------------------- the process


def _many(folder: Path) -> Path:
    rows = "".join(corpus.row(n, ["梅山镇", "张三", n]) for n in range(1, 30_001))
    return corpus.write(folder, "", corpus.workbook(corpus.around(rows)))


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [
        int(pid)
        for pid in listed
        if b"enrollment.workbook.child" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_progress_says_what_is_done_of_how_much(tmp_path: Path) -> None:
    said: list[tuple[str, int, int | None]] = []
    path = _many(tmp_path)
    count = sum(
        len(block.rows)
        for block in workbook.read(path, "a.xlsx", on_progress=lambda *a: said.append(a))
    )
    assert count == 30_000
    assert said[-1] == ("reading", 30_000, 30_000)


def test_a_reader_that_stops_early_leaves_no_process_behind(tmp_path: Path) -> None:
    blocks = workbook.read(_many(tmp_path), "a.xlsx")
    next(blocks)
    assert _children()
    blocks.close()
    assert not _children()


def test_what_progress_raises_ends_the_reading_and_the_process(tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(*_: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        list(workbook.read(_many(tmp_path), "a.xlsx", on_progress=cancel))
    assert not _children()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGABRT, "memory"), (signal.SIGXCPU, "time"), (signal.SIGSEGV, "unreadable")],
)
def test_a_process_that_dies_is_a_sentence(number: int, code: str, tmp_path: Path) -> None:
    blocks = workbook.read(_many(tmp_path), "a.xlsx")
    next(blocks)
    (pid,) = _children()
    os.kill(pid, number)
    with pytest.raises(workbook.Refused) as refused:
        list(blocks)
    assert refused.value.code == code
    assert refused.value.message.endswith("再上传。")


def test_a_file_that_needs_too_much_memory_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Wide and sparse, but large enough to be searched and not parsed: only the reader notices.
    rows = "".join(corpus.row(n, ["梅山镇", "张三" * 40]) for n in range(1, 18_000))
    far = f'<row r="1048576">{corpus.cell("IV1048576", 1)}</row>'
    path = corpus.write(tmp_path, "", corpus.workbook(corpus.around(rows + far)))
    started = time.monotonic()
    with pytest.raises(workbook.Refused) as refused:
        list(workbook.read(path, "a.xlsx"))
    assert refused.value.code == "memory"
    assert time.monotonic() - started < 20


def test_the_process_knows_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANBAO_ID_KEYS", "k1:secret")
    blocks = workbook.read(_many(tmp_path), "a.xlsx")
    next(blocks)
    (pid,) = _children()
    assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    blocks.close()
