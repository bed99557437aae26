"""Official tables: opened again with openpyxl and compared cell by cell with the notices."""

from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from enrollment import demo
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region
from enrollment.tests.cast import make_payment, make_person, make_village
from targets import official, pack
from targets.models import Form, FormColumn
from targets.official.tables import Column, Table
from targets.tests.annex import (
    JINZHAI,
    JINZHAI_TOTAL,
    NONGBA,
    NONGBA_TOTAL,
    YUEYANG,
    YUEYANG_TOTAL,
)

POLICIES = Path(__file__).resolve().parents[2] / "policies"


def loaded(name: str) -> PolicyYear:
    (done,) = pack.load([pack.read_file(POLICIES / f"{name}-2024.toml")])
    return PolicyYear.objects.get(county__key=done.county, year=done.year)


def written(table: Table, folder: Path) -> Worksheet:
    """The table's sheet as somebody else opens it; the file holds no formula."""
    path = folder / "表.xlsx"
    official.write(table, path)
    with ZipFile(path) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")
    return load_workbook(path).worksheets[0]


def cells(sheet: Worksheet) -> list[list[object]]:
    return [list(row) for row in sheet.iter_rows(values_only=True)]


@pytest.mark.django_db
def test_annex_1_of_jinzhai(tmp_path):
    table = official.table(loaded("jinzhai"), "targets")
    sheet = written(table, tmp_path)
    found = cells(sheet)
    assert found[0][0] == "附件1"
    assert found[1][0] == "金寨县2024年度城乡居民基本医疗保险参保缴费任务表"
    assert found[2] == [
        "序号",
        "乡镇",
        "2023年8月底公安户籍人口数（人）",
        "职工、死亡未注销、空挂户、失联、服役、服刑、外嫁、离婚人数（人）",
        "2024年度参\n保基数（人）",
        "2024年度参保\n任务数（人）",
    ]
    assert found[3:26] == [[number, *row] for number, row in enumerate(JINZHAI, 1)]
    assert found[26] == ["合计", None, *JINZHAI_TOTAL]
    assert found[27][0].startswith("备注：2024年度参保基数=")
    assert len(found) == 28
    assert sum(row[5] for row in found[3:26]) == 571027
    assert any("571027" in remark and "571028" in remark for remark in table.remarks)


@pytest.mark.django_db
def test_annex_of_yueyang(tmp_path):
    found = cells(written(official.table(loaded("yueyang"), "targets"), tmp_path))
    assert found == [
        ["附件", None],
        ["岳阳县 2024 年度城乡居民基本医疗保险 参保缴费任务分配表", None],
        ["单位", "2024 年居民征缴任务数"],
        *[list(row) for row in YUEYANG],
        ["合 计", YUEYANG_TOTAL],
    ]


@pytest.mark.django_db
def test_annexes_2_and_3_of_nongba(tmp_path):
    year = loaded("yunyang")
    town = Region.objects.get(name="农坝镇")
    table = official.table(year, "targets", region=town)
    assert table == official.table(year, "targets")
    assert cells(written(table, tmp_path)) == [
        ["附件2", None],
        ["农坝镇2024年度城乡居民基本医疗保险参保目标任务分解表", None],
        ["乡镇名称", "2024年参保目标任务数"],
        *[list(row) for row in NONGBA],
        ["合计", NONGBA_TOTAL],
    ]

    village = Region.objects.get(name="水竹村")
    for number in range(209):
        make_payment(make_person(village, f"村民{number}"), year)
    sheet = written(official.table(year, "progress", region=town), tmp_path)
    found = cells(sheet)
    assert found[1][0] == "云阳县2024年度城乡居民基本医疗保险筹资进度表"
    assert found[2] == ["乡镇\n名称", "应参保\n人数", "实际参保人数", "完成率（100%）"]
    insured = {"水竹村": (209, 0.1)}
    assert found[3:10] == [[name, number, *insured.get(name, (0, 0))] for name, number in NONGBA]
    assert found[10] == ["合计", 22958, 209, 0.0091]
    assert sheet["D8"].number_format == "0.0%"


@pytest.mark.django_db
def test_the_page_is_a4_with_heads_repeated(tmp_path):
    sheet = written(official.table(loaded("jinzhai"), "targets"), tmp_path)
    assert sheet.page_setup.paperSize == 9
    assert sheet.page_setup.orientation == "portrait"
    assert sheet.print_title_rows == "$3:$3"
    assert sheet.print_area == "'任务表'!$A$1:$F$28"
    assert {str(one) for one in sheet.merged_cells.ranges} == {"A1:F1", "A2:F2", "A28:F28"}
    assert sheet["A2"].font.name == sheet["C10"].font.name == official.FONT == "宋体"
    assert sheet["C10"].number_format == "0"
    assert sheet["B20"].value == "流波䃥镇"


def test_two_level_heads_merge_across_and_down(tmp_path):
    heads = [("乡镇",), ("不在参保范围内人数", "死亡"), ("不在参保范围内人数", "出国"), ("合计",)]
    table = Table(
        "targets", "表", [Column(head) for head in heads], [["某镇", 1, 2, 3]], ["合计", 1, 2, 3]
    )
    sheet = written(table, tmp_path)
    assert cells(sheet)[1:3] == [
        ["乡镇", "不在参保范围内人数", None, "合计"],
        [None, "死亡", "出国", None],
    ]
    merged = {str(one) for one in sheet.merged_cells.ranges}
    assert merged == {"A1:D1", "A2:A3", "B2:C2", "D2:D3"}
    assert sheet.print_title_rows == "$2:$3"


@pytest.mark.parametrize("text", ["=1+1", "+86", "-", "@SUM(A1)"])
def test_text_that_looks_like_a_formula_stays_text(tmp_path, text):
    table = Table("targets", text, [Column(["单位"])], [[text]], ["合计"])
    sheet = written(table, tmp_path)
    assert sheet["A3"].value == text
    assert sheet["A3"].data_type == "s"
    assert sheet["A1"].data_type == "s"


def test_a_plain_form_where_the_pack_gives_none(cast, tmp_path):
    make_payment(cast.people["甲一"], cast.year)
    table = official.table(cast.year, "progress")
    assert table.plain
    found = cells(written(table, tmp_path))
    assert found[1] == ["序号", "单位", "任务数（人）", "已参保人数（人）", "完成率"]
    assert found[2] == [1, "东风镇", None, 1, None]
    assert found[-1] == ["合计", None, None, 1, None]


def test_the_form_is_only_for_the_unit_it_was_made_for(cast):
    form = Form.objects.create(
        policy_year=cast.year, key="progress", title="进度", total_label="计"
    )
    FormColumn.objects.create(form=form, heading=["单位"], figure="region", total="label")
    FormColumn.objects.create(form=form, heading=["人数"], figure="insured", total="sum", order=1)
    assert official.table(cast.year, "progress").title == "进度"
    assert official.table(cast.year, "progress").total == ["计", 0]
    assert official.table(cast.year, "progress", region=cast.east).plain


@pytest.mark.django_db
def test_a_draft_says_so_and_shows_the_computed_numbers():
    year = loaded("jinzhai")
    village = make_village(Region.objects.get(name="流波䃥镇"), "341524-17-1", "某村")
    for number in range(10):
        make_person(village, f"村民{number}")
    table = official.table(year, "targets", draft=True)
    assert table.title.endswith("任务表（测算稿）")
    assert table.rows[16] == [17, "流波䃥镇", 10, 0, 10, 10]  # 9.5
    assert table.total == ["合计", None, 10, 0, 10, 10]
    assert official.table(year, "progress", draft=True).total[2] == 10


def test_names_as_printed_where_the_form_wants_them(cast):
    cast.east.printed_name = "东风镇人民政府"
    cast.east.save()
    make_village(cast.east, "990001101203", "新村")
    form = Form.objects.create(
        policy_year=cast.year, key="progress", title="进度", printed_names=True
    )
    FormColumn.objects.create(form=form, heading=["单位"], figure="region")
    assert official.table(cast.year, "progress").rows[0] == ["东风镇人民政府"]
    form.printed_names = False
    form.save()
    assert official.table(cast.year, "progress").rows[0] == ["东风镇"]


def test_demonstration_data_is_marked_on_the_sheet_and_on_every_printed_page(
    cast, tmp_path, monkeypatch
):
    monkeypatch.setattr(demo, "is_running", lambda: True)
    sheet = written(official.table(cast.year, "progress"), tmp_path)
    assert sheet["A1"].value == sheet.oddHeader.center.text == "演示数据，非真实统计"


def test_what_cannot_be_exported(cast, tmp_path):
    with pytest.raises(Failure, match="没有下达"):
        official.table(cast.year, "targets")
    with pytest.raises(Failure, match="没有名为 nothing 的表"):
        official.table(cast.year, "nothing")
    table = official.table(cast.year, "progress")
    with pytest.raises(Failure, match=".xlsx"):
        official.write(table, tmp_path / "表.docx")
    with pytest.raises(Failure, match="没有文件夹"):
        official.write(table, tmp_path / "无" / "表.xlsx")
