"""Headings: the shapes that offices really hand in."""

from typing import Any

import pytest

from enrollment import headings
from enrollment.headings import Column, HeadingsUnknown, Layout, find

NAME = Column("name", "姓名", ("持证人姓名",), required=True, repeated=True)
ID = Column(
    "id_number",
    "身份证号",
    ("身份证号码", "公民身份号码", "身份证件号码", "证件号码", "身份证", "残疾人证号"),
    required=True,
    repeated=True,
)
TOWN = Column("town", "乡镇", ("乡(镇)", "镇（街）", "街道乡镇", "乡镇街", "所属乡镇"))
VILLAGE = Column("village", "行政村", ("村", "村（居）", "村社区"))
AMOUNT = Column("amount", "代缴金额", ("资助金额",))
GRADE = Column("grade", "等级", ("残疾等级",))
PEOPLE = (NAME, ID, TOWN, VILLAGE, AMOUNT, GRADE)


def fields(layout: Layout) -> dict[str, int]:
    return dict(sorted(layout.columns.items(), key=lambda item: item[1]))


@pytest.mark.parametrize(
    ("what", "rows", "expected"),
    [
        ("plain", [["姓名", "身份证号", "乡镇"]], {"name": 0, "id_number": 1, "town": 2}),
        (
            "another order, other names",
            [["街道乡镇", "序号", "公民身份号码", "村社区", "姓名"]],
            {"town": 0, "id_number": 2, "village": 3, "name": 4},
        ),
        (
            "line breaks, spaces, marks, remarks and units",
            [["姓 名", "*身份证\n号码（必填）", "乡（镇）", "行政村【必填】", "代缴金额（元）"]],
            {"name": 0, "id_number": 1, "town": 2, "village": 3, "amount": 4},
        ),
        ("numbered headings", [["1.姓名", "2、身份证号（18位）"]], {"name": 0, "id_number": 1}),
        (
            "full width",
            [["姓名＊", "身份证号：", "镇／街"]],
            {"name": 0, "id_number": 1, "town": 2},
        ),
        (
            "an ID before the name",
            [["序号", "身份证号", "姓名", "镇（街）", "村（居）"]],
            {"id_number": 1, "name": 2, "town": 3, "village": 4},
        ),
        (
            "a disability register",
            [["持证人姓名", "残疾人证号", "", "", "", "", "", "乡镇", "村", "", "", "残疾等级"]],
            {"name": 0, "id_number": 1, "town": 7, "village": 8, "grade": 11},
        ),
    ],
)
def test_columns_are_found(what: str, rows: list[list[Any]], expected: dict[str, int]) -> None:
    assert fields(find(rows, PEOPLE)) == expected


def test_titles_the_office_and_the_date_above_are_passed_over() -> None:
    rows = [
        ["梅山镇2024年度特困人员参保资助名册", "", "", ""],
        [],
        ["填报单位：梅山镇民政办", "", "填报日期：2023年10月7日", ""],
        ["序号", "姓名", "身份证号", "乡镇"],
        [1, "张三", "11010519491231002X", "梅山镇"],
    ]
    layout = find(rows, PEOPLE)
    assert (layout.header_row, layout.first_data_row) == (3, 4)
    assert layout.unknown == ["序号"]


def test_two_rows_of_headings_are_read_as_one() -> None:
    rows = [
        ["代缴名册"],
        ["序号", "姓名", "身份证号", "地址", "", "缴费信息", ""],
        ["", "", "", "乡镇", "行政村", "代缴金额", "日期"],
        [1, "张三", "11010519491231002X", "梅山镇", "甲村", 380, "2023-10-07"],
    ]
    layout = find(rows, PEOPLE)
    assert (layout.header_row, layout.first_data_row) == (1, 3)
    assert fields(layout) == {"name": 1, "id_number": 2, "town": 3, "village": 4, "amount": 5}
    assert layout.unknown == ["序号", "缴费信息 日期"]


def test_the_first_person_is_not_taken_for_a_second_row_of_headings() -> None:
    layout = find([["姓名", "身份证号", "乡镇"], ["张三", "11010519491231002X", ""]], PEOPLE)
    assert layout.first_data_row == 1


def test_members_under_merged_headings_are_pairs() -> None:
    rows = [
        ["序号", "乡镇", "家庭成员1", "", "家庭成员2", ""],
        ["", "", "姓名", "身份证号", "姓名", "身份证号"],
    ]
    layout = find(rows, PEOPLE)
    assert layout.pairs == [(2, 3), (4, 5)]
    assert layout.first_data_row == 2


def test_a_household_a_row_is_pairs_and_the_first_need_not_be_neighbours() -> None:
    row = ["乡镇", "村", "", "地址", "", "全额", "", "户主姓名", "人数", "户主身份证号"]
    row += ["姓名1", "身份证号1", "姓名2", "身份证号2"]
    layout = find([row], PEOPLE)
    assert layout.pairs == [(7, 9), (10, 11), (12, 13)]
    assert layout.columns["name"] == 7


@pytest.mark.parametrize(
    ("row", "pairs"),
    [
        (["姓名", "身份证号", "姓名", "身份证号"], [(0, 1), (2, 3)]),
        (["身份证号", "姓名", "身份证号", "姓名"], [(1, 0), (3, 2)]),
        (["丈夫姓名", "丈夫身份证号", "妻子姓名", "妻子身份证号"], [(0, 1), (2, 3)]),
        (["成员一姓名", "成员一身份证号", "成员二姓名", "成员二身份证号"], [(0, 1), (2, 3)]),
        (["姓名", "身份证号", "家庭成员1姓名", "家庭成员1身份证号"], [(0, 1), (2, 3)]),
        (["户主姓名", "姓名", "身份证号"], [(1, 2)]),
        (["姓名", "身份证号", "配偶姓名", "配偶身份证号"], [(0, 1)]),
        (["姓名", "身份证号", "监护人姓名", "监护人身份证号"], [(0, 1)]),
    ],
)
def test_pairs(row: list[str], pairs: list[tuple[int, int]]) -> None:
    assert find([row], PEOPLE).pairs == pairs


def test_a_guardian_under_a_merged_heading_is_not_the_person() -> None:
    rows = [["序号", "姓名", "监护人", ""], ["", "", "姓名", "身份证号"]]
    with pytest.raises(HeadingsUnknown) as unknown:
        find(rows, PEOPLE)
    assert [column.field for column in unknown.value.missing] == ["id_number"]
    rows = [["姓名", "身份证号", "监护人", ""], ["", "", "姓名", "身份证号"]]
    assert find(rows, PEOPLE).pairs == [(0, 1)]


def test_of_two_columns_for_one_field_the_better_name_wins_and_the_other_is_shown() -> None:
    layout = find([["姓名", "身份证号", "所属乡镇", "乡镇"]], PEOPLE)
    assert layout.columns["town"] == 3
    assert layout.unknown == ["所属乡镇"]


def test_kinds_without_people_have_no_pairs() -> None:
    columns = (Column("region", "单位", ("乡镇",), required=True), Column("target", "任务数"))
    layout = find([["序号", "乡镇", "任务数（人）"]], columns)
    assert fields(layout) == {"region": 1, "target": 2}
    assert layout.pairs == []


def test_unknown_headings_are_listed_with_what_is_missing() -> None:
    rows = [["某镇名册"], ["序号", "人员", "号\n码"], [1, "张三", "11010519491231002X"]]
    with pytest.raises(HeadingsUnknown) as unknown:
        find(rows, PEOPLE)
    error = unknown.value
    assert error.headings == ["序号", "人员", "号 码"]
    assert error.header_row == 1
    assert [column.title for column in error.missing] == ["姓名", "身份证号"]
    assert "没有认出必需的列：姓名、身份证号。表头有：序号、人员、号 码" in error.message


def test_no_headings_at_all_is_said_so() -> None:
    for rows in ([], [[1, 2], [3, 4]], [["", None]]):
        with pytest.raises(HeadingsUnknown, match="没有找到表头") as unknown:
            find(rows, PEOPLE)
        assert unknown.value.headings == []


def test_what_was_answered_once_is_remembered_by_signature() -> None:
    rows = [["某镇名册"], ["序号", "人员", "号\n码"], [1, "张三", "11010519491231002X"]]
    with pytest.raises(HeadingsUnknown) as unknown:
        find(rows, PEOPLE)
    layout = find(rows, PEOPLE, mapping={"人员": "name", "号码": "id_number", "序号": ""})
    assert fields(layout) == {"name": 1, "id_number": 2}
    assert layout.unknown == []
    assert layout.signature == unknown.value.signature


def test_an_answer_goes_before_every_alias() -> None:
    layout = find([["姓名", "曾用名", "身份证号"]], PEOPLE, mapping={"姓名": "", "曾用名": "name"})
    assert fields(layout) == {"name": 1, "id_number": 2}


def test_a_mapping_to_no_field_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="“nmae”不是这种名册的字段"):
        find([["姓名"]], PEOPLE, mapping={"姓名": "nmae"})


def test_a_signature_does_not_depend_on_order_spacing_or_remarks() -> None:
    one = headings.signature(["姓名", "身份证号（必填）", "乡（镇）"])
    assert one == headings.signature(["乡(镇)", " 身份证 号", "姓\n名*", ""])
    assert one != headings.signature(["姓名", "身份证号"])


LAYOUT = find([["序号", "姓名", "身份证号", "乡镇", "代缴金额"]], PEOPLE)
SOMEBODY = [1, "张三", "11010519491231002X", "梅山镇", 380]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([], "空行"),
        (["", None, " \u3000"], "空行"),
        (["……", "……", "", "……"], "省略行"),
        (["......"], "省略行"),
        (["", "···", "—"], "省略行"),
        (["合计", "", "", "", 760], "合计行"),
        (["合 计：", 2], "合计行"),
        (["", "小计", "", "", 380], "合计行"),
        (["甲村小计", "", "", "", 380], "合计行"),
        (["总计", "12人"], "合计行"),
        (["共计12人"], "合计行"),
        (["序号", "姓名", "身份证号码", "乡镇", "代缴金额"], "重复的表头"),
        (["序号", "姓 名", "身份证号", "乡镇", ""], "重复的表头"),
        (["备注：以上人员均已核实"], "表尾说明"),
        (["填报人：", "", "审核人：", "", "联系电话："], "表尾说明"),
        (["单位负责人（签字）：", "", "填表日期：2023-10-07"], "表尾说明"),
        (["第 1 页，共 3 页"], "表尾说明"),
        (SOMEBODY, ""),
        (["合计", "张三", "11010519491231002X"], ""),
        (["备注：", "张三", "11010519491231002x"], ""),
        (["", "张三", "", "甲村", 380], ""),
        ([2, "总计村", ""], ""),
        ([2, "张三", 1.1010519491231e17], ""),
        ([2, "张三", "不详"], ""),
        (["2", "说明", "1101051949"], ""),
        (["-", "张三", ""], ""),
    ],
)
def test_rows_that_are_no_data_are_told_and_nobody_is_lost(row: list[Any], why: str) -> None:
    assert headings.ignorable(row, LAYOUT) == why


def test_the_predicates_stand_alone() -> None:
    assert headings.is_blank(["", None])
    assert headings.is_filler(["…"])
    assert headings.is_total(["合计", 3])
    assert not headings.is_total(["合计", "张三", "11010519491231002X"])
    assert headings.is_footnote(["备注：无"])
    assert headings.is_heading_again(["序号", "姓名", "身份证号"], LAYOUT)
    assert not headings.is_heading_again(SOMEBODY, LAYOUT)
