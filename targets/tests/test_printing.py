"""PDF and CSV of the official tables: the embedded face, the printed form, nothing that can run."""

import csv
import io
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest
from django.urls import reverse

from enrollment import demo
from enrollment.failure import Failure
from enrollment.models import AuditEvent
from targets import official
from targets.official.printing import LONGEST, said
from targets.official.tables import Column, Table
from targets.tests.test_official import loaded


def made(**fields) -> Table:
    columns = [Column(["序号"], "0", 6), Column(["乡镇"], "", 14), Column(["人数"], "0", 12)]
    given = {
        "rows": [[1, "流波䃥镇", 11088], [2, "筻口镇", None]],
        "total": ["合计", None, 11088],
        "unit": "金寨县",
    }
    return Table(**({"name": "progress", "title": "进度表", "columns": columns} | given | fields))


def streams(pdf: bytes) -> list[bytes]:
    """The unpacked streams of a PDF."""
    found = []
    for body in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(body))
        except zlib.error:
            found.append(body)
    return found


def text_of(pdf: bytes, tmp_path: Path) -> str:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is missing (apt-get install poppler-utils)")
    path = tmp_path / "表.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_face_is_embedded_and_has_the_rare_character():
    parts = streams(official.content(made(), "pdf"))
    assert any(b"FontFile3" in part for part in [*parts, official.content(made(), "pdf")])
    assert any(b"beginbfchar" in part and b"<40E5>" in part.upper() for part in parts)


def test_annex_1_as_pdf_reads_as_printed(tmp_path, db):
    table = official.table(loaded("jinzhai"), "targets")
    words = text_of(official.content(table, "pdf"), tmp_path)
    assert "附件1" in words
    assert "金寨县2024年度城乡居民基本医疗保险参保缴费任务表" in words
    assert re.search(r"17\s+流波䃥镇\s+12382\s+710\s+11672\s+11088", words)
    assert re.search(r"合计\s+673442\s+72360\s+601082\s+571028", words)
    assert "备注：2024年度参保基数=" in words
    assert "填报单位：金寨县" in words
    assert "审核人：" in words
    assert "第 1 页，共 1 页" in words


def test_headings_stand_again_on_every_page(tmp_path):
    rows = [[number, f"第{number}村", number] for number in range(1, 201)]
    words = text_of(official.content(made(rows=rows), "pdf"), tmp_path)
    pages = words.strip("\f").split("\f")
    assert len(pages) > 2
    assert all(re.search(r"序号\s+乡镇\s+人数", page) for page in pages)
    assert f"第 {len(pages)} 页，共 {len(pages)} 页" in pages[-1]
    assert words.count("合计") == 1


def test_text_of_a_table_is_never_read_as_typst(tmp_path):
    words = text_of(
        official.content(made(title='#read("/etc/passwd") *a* $x$', notes=["#panic()"]), "pdf"),
        tmp_path,
    )
    assert '#read("/etc/passwd") *a* $x$' in words
    assert "#panic()" in words


def test_a_demonstration_says_so_on_every_page(tmp_path, monkeypatch):
    rows = [[number, "村", number] for number in range(120)]
    words = text_of(official.content(made(rows=rows, demo=True), "pdf"), tmp_path)
    assert words.count(demo.NOTICE) == words.strip("\f").count("\f") + 1


def test_what_would_print_as_a_box_or_take_all_memory_is_refused():
    with pytest.raises(Failure, match="没有“𠮷”"):
        official.content(made(title="𠮷村"), "pdf")
    with pytest.raises(Failure, match="最多 2000 行"):
        official.content(made(rows=[[1, "村", 1]] * (LONGEST + 1)), "pdf")


@pytest.mark.parametrize(
    ("value", "number_format", "words"),
    [
        (None, "0", ""),
        (11088, "0", "11088"),
        (11088, "#,##0", "11,088"),
        (0.5784, "0.0%", "57.8%"),
        (57.84, "0.00", "57.84"),
        (380, "#,##0.00", "380.00"),
        ("政策未规定", "0", "政策未规定"),
        (0.5, "", "0.5"),
    ],
)
def test_values_are_written_as_their_cells_show_them(value, number_format, words):
    assert said(value, number_format) == words


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_csv_is_flat_and_harmless(tmp_path, encoding):
    table = made(
        rows=[[1, "流波䃥镇", 5], [None, "=1+1", 0.25], [None, "@x", -3]], merges=[(0, 0, 2)]
    )
    table.columns[2] = Column(["人", "数"], "0.0%", 9)
    path = tmp_path / "表.csv"
    official.write(table, path, encoding=encoding)
    text = path.read_bytes().decode("utf-8-sig" if encoding == "utf-8" else "gb18030")
    assert list(csv.reader(io.StringIO(text)))[2:] == [
        ["序号", "乡镇", "人-数"],
        ["1", "流波䃥镇", "5"],
        ["1", "'=1+1", "25.0%"],
        ["1", "'@x", "-3"],
        ["合计", "", "11088"],
    ]


@pytest.mark.parametrize(
    ("form", "begins"), [("xlsx", b"PK"), ("pdf", b"%PDF"), ("csv", b"\xef\xbb\xbf")]
)
def test_the_page_gives_every_form_and_writes_it_down(cast, signed_in, form, begins):
    browser = signed_in(cast.east_officer)
    url = reverse("targets:table", args=["990001", 2024, "progress"])
    answer = browser.get(f"{url}?form={form}")
    assert answer.content.startswith(begins)
    assert f".{form}" in answer["Content-Disposition"]
    assert AuditEvent.objects.get(action="download_table").details["form"] == form
    assert browser.get(f"{url}?form=exe").status_code == 404
