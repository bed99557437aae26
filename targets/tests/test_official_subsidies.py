"""测算表, 筹资对照表 and 重点人群参保率, opened again and compared with the notices."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse
from openpyxl.worksheet.worksheet import Worksheet

from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.models.rules import Window
from enrollment.tests.cast import make_payment
from subsidies.models import Category
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold
from targets import official
from targets.models import Goal
from targets.tests.test_official import cells, loaded, written

ORDINARY = [("普通人员", [(0, 380), (0, 755)])]
# Annex 1 of Nongba: (department, [(category, [(subsidy, self) in tier one, in tier two])]).
ANNEX = [
    ("居民自筹", ORDINARY),
    ("民政局", [
        ("特困人员", [(380, 0), (380, 375)]),
        ("城乡孤儿", [(380, 0), (380, 375)]),
        ("城乡低保对象", [(342, 38), (380, 375)]),
        ("低保边缘户", [(266, 114), (380, 375)]),
    ]),
    ("退役军人事务管理局", [
        ("在乡老复员军人", [None, (755, 0)]),
        ("烈士遗属", [None, (755, 0)]),
        ("因公牺牲军人遗属", [None, (755, 0)]),
        ("病故军人遗属", [None, (755, 0)]),
        ("在乡重点优抚对象(不含1-6级残疾军人)", [(380, 0), (380, 375)]),
    ]),
    ("残联", [
        ("城乡重度（一、二级）残疾人员", [(266, 114), (380, 375)]),
        ("残疾3-4级", [(190, 190), (190, 565)]),
    ]),
    ("卫健委", [
        ("计生残抚（特扶）对象", [(380, 0), (380, 375)]),
        ("计划生育手术并发症对象", [(380, 0), (380, 375)]),
        ("计生优抚（奖扶）对象", [(304, 76), (304, 451)]),
    ]),
    ("乡村振兴局", [
        ("边缘易致贫户", [(266, 114), (380, 375)]),
        ("脱贫不稳定户", [(266, 114), (380, 375)]),
        ("突发严重困难户", [(266, 114), (380, 375)]),
        ("返贫致贫人口", [(266, 114), (380, 375)]),
    ]),
]  # fmt: skip


def filled(sheet: Worksheet, first: int) -> list[list[object]]:
    """The rows from ``first`` on with every merged cell's value in all it spans."""
    found = cells(sheet)
    for span in sheet.merged_cells.ranges:
        for row in range(span.min_row, span.max_row + 1):
            for column in range(span.min_col, span.max_col + 1):
                found[row - 1][column - 1] = found[span.min_row - 1][span.min_col - 1]
    return found[first - 1 :]


@pytest.mark.django_db
def test_annex_1_of_nongba(tmp_path):
    sheet = written(official.table(loaded("yunyang"), "contrast"), tmp_path)
    found = cells(sheet)
    assert found[0][0] == "附件1"
    assert found[1][0] == "农坝镇2024年度城乡居民基本医疗保险筹资对照表"
    assert found[2] == ["资助部门", "特殊人员类别", "参保档次", "资助标准", "自筹金额(元)"]
    assert found[3][3] == "金额(元)"
    wanted = [
        [department, name, ("一档", "二档")[place], *amounts]
        for department, members in ANNEX
        for name, tiers in members
        for place, amounts in enumerate(tiers)
        if amounts is not None
    ]
    assert filled(sheet, 5) == wanted
    assert all(row[3] + row[4] == (380 if row[2] == "一档" else 755) for row in filled(sheet, 5))
    # The blanks of the notice are merges: as above, not nought.
    spans = {str(span) for span in sheet.merged_cells.ranges}
    assert {"A7:A14", "B7:B8", "D7:D8", "D9:D10"} <= spans
    assert "D11:D12" not in spans
    assert "D5:D6" not in spans
    old_soldiers = next(row for row in range(5, 40) if sheet.cell(row, 2).value == "在乡老复员军人")
    assert {
        f"C{old_soldiers}:C{old_soldiers + 3}",
        f"D{old_soldiers}:D{old_soldiers + 3}",
    } <= spans
    assert f"E{old_soldiers}:E{old_soldiers + 1}" not in spans


@pytest.mark.django_db
def test_a_year_without_that_form_has_a_plain_one(tmp_path):
    made = official.table(loaded("yueyang"), "contrast")
    assert made.plain
    rows = filled(written(made, tmp_path), 4)
    assert ["民政", "低保对象", "居民医保", 190, 190] in rows
    assert ["残联", "重度残疾人", "居民医保", 380, 0] in rows


@pytest.mark.django_db
def test_annex_2_of_jinzhai_has_its_form(tmp_path):
    year = loaded("jinzhai")
    sheet = written(official.table(year, "overlap"), tmp_path)
    found = cells(sheet)
    assert found[0][0] == "附件2"
    assert found[1][0] == "金寨县2024年度城乡居民基本医疗保险政府代缴保费测算表"
    lines = ["特困", "孤儿", "优抚", "破产企业职工", "低保", "监测户", "重度残疾", "计生对象"]
    assert found[2][:5] == ["类型", "原始人数", "重复人数", "去重复后人数", "多重身份分类"]
    assert found[2][12:] == ["补贴标准", "补贴金额测算"]
    assert found[3][4:12] == lines
    assert {"E3:L3", "A3:A4", "M3:M4"} <= {str(span) for span in sheet.merged_cells.ranges}
    assert [row[0] for row in found[4:12]] == lines
    assert [row[12] for row in found[4:12]] == [380, 380, 380, 380, 342, 190, 190, 190]
    assert found[12] == ["合计", *[0] * 11, None, 0]
    assert found[13][0] == "说明：部门提供原始人数："
    assert found[14][0] == "1.特困人员 0 人；"


@pytest.fixture
def covered(cast) -> PolicyYear:
    low = category(cast.year, "低保对象", line="低保")
    goal = Goal.objects.create(
        policy_year=cast.year, name="困难群众参保率", kind="group", rate=Decimal(1),
        elsewhere_counts=True,
    )  # fmt: skip
    goal.categories.add(low)
    hold(cast.people["甲一"], low)
    hold(cast.people["丙一"], low)
    make_payment(cast.people["甲一"], cast.year, "38.00")
    return cast.year


def test_coverage_stands_by_goal_and_category(covered, tmp_path):
    rows = cells(written(official.table(covered, "coverage"), tmp_path))
    assert rows[2:] == [
        ["困难群众参保率", "东风镇", 1, 1, 0, 0, 1, 1],
        [None, "西河镇", 1, 0, 0, 1, 0, 1],
        [None, "合计", 2, 1, 0, 1, 0.5, 1],
        ["低保对象", "示范县", 2, 1, 0, 1, 0.5, None],
    ]


def test_what_a_table_does_not_have_is_refused(covered):
    for name, more in (("overlap", {"draft": True}), ("contrast", {"tier": "二档"})):
        with pytest.raises(Failure):
            official.table(covered, name, **more)
    assert Category.objects.count() == 1


@pytest.mark.parametrize("name", ["overlap", "contrast", "coverage"])
def test_a_table_is_downloaded(covered, cast, signed_in, name):
    Window.objects.create(
        policy_year=covered, name="集中参保缴费期", main=True, price="personal",
        pays_from=date(2023, 9, 1), pays_to=date(2023, 12, 31), subsidised=True,
    )  # fmt: skip
    url = reverse("targets:table", args=["990001", 2024, name])
    answer = signed_in(cast.county_officer).get(url)
    assert answer.status_code == 200
    assert answer.content.startswith(b"PK")
    assert signed_in(cast.department_user).get(url).status_code == (
        200 if name == "contrast" else 403
    )


def test_what_cannot_be_made_is_said_on_a_page(cast, signed_in):
    url = reverse("targets:table", args=["990001", 2024, "overlap"])
    answer = signed_in(cast.county_officer).get(url, follow=True)
    assert "没有资助对象类别" in answer.text
