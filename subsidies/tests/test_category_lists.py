"""资助对象名单: every shape a department's list has, what it changes, and the way back."""

from datetime import date

import pytest

from enrollment import roster
from enrollment.failure import Failure
from enrollment.models import Mode, Person, RosterState
from enrollment.tests import handing
from enrollment.tests.cast import id_number
from enrollment.tests.handing import put_in, read, reasons, tally
from subsidies import identities
from subsidies.models import Entitlement
from subsidies.tests.rules import category, department

A1, A2 = id_number(1), id_number(22, birth="20100506")
B1, C1 = id_number(3, birth="19751231"), id_number(4, birth="19660708")
PLAIN = ["姓名", "身份证号", "乡镇", "村"]
BY_ROW = ["姓名", "身份证号", "乡镇", "医疗救助身份", "纳入资助时间", "认定时间"]
handing.FACTS.setdefault("subsidies_entitlement", ["id"])


@pytest.fixture
def poor(cast):
    return category(cast.year, "低保对象", "低保", "A类低保", priority=2, line="低保")


@pytest.fixture
def disabled(cast):
    return category(
        cast.year, "重度残疾人", "重度残疾", by="县残联", amount="190", priority=3, line="残疾",
        grade_kind="残疾等级", grade_from=1, grade_to=2,
    )  # fmt: skip


def give(cast, *rows, topic="低保", headings=PLAIN, **more):
    return put_in(cast, "category", rows, topic=topic, headings=headings, **more)


def look(cast, *rows, topic="低保", headings=PLAIN, **more):
    return read(cast, "category", rows, topic=topic, headings=headings, **more)


def holders(of, *, all_of_them=False) -> set[str]:
    found = Entitlement.objects.filter(category=of)
    if not all_of_them:
        found = found.filter(removed_on=None)
    return set(found.values_list("person__name", flat=True))


# One category a file


def test_a_full_list_brings_in_and_ends(cast, poor):
    assert tally(give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""])) == {"new": 2}
    assert set(Entitlement.objects.values_list("recognised_on", flat=True)) == {None}
    found = give(cast, ["乙一", B1, "", ""], ["丙一", C1, "", ""], as_of=date(2023, 11, 5))
    assert tally(found) == {"new": 1, "unchanged": 1, "would_end": 1}
    assert holders(poor) == {"乙一", "丙一"}
    gone = Entitlement.objects.get(person__name="甲一")
    assert (gone.removed_on, gone.village) == (date(2023, 11, 5), cast.red_star)
    assert Entitlement.objects.get(person__name="丙一").recognised_on == date(2023, 11, 5)


def test_who_comes_back_is_recognised_again(cast, poor):
    give(cast, ["甲一", A1, "", ""], as_of=date(2023, 9, 1))
    give(cast, ["乙一", B1, "", ""], as_of=date(2023, 10, 1))
    found = give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""], as_of=date(2023, 11, 1))
    assert tally(found) == {"changed": 1, "unchanged": 1}
    assert reasons(found, "changed") == ["原于2023-10-01退出，重新纳入"]
    back = Entitlement.objects.get(person__name="甲一")
    assert (back.recognised_on, back.removed_on) == (date(2023, 11, 1), None)


def test_the_same_list_again_writes_nothing(cast, poor):
    rows = [["甲一", A1, "", ""], ["生人", id_number(9), "西河镇", ""]]
    give(cast, *rows)
    before = handing.versions("subsidies_entitlement", "enrollment_person")
    assert tally(give(cast, *rows)) == {"unchanged": 2}
    assert handing.versions("subsidies_entitlement", "enrollment_person") == before


def test_people_not_in_the_register_are_kept_unplaced(cast, poor):
    found = give(cast, ["生人", id_number(9), "西河镇", "石桥村"], ["无处", id_number(11), "", ""])
    assert tally(found) == {"not_in_register": 2}
    assert holders(poor) == {"生人", "无处"}
    stranger = Entitlement.objects.get(person__name="生人")
    assert (stranger.town, stranger.village) == (cast.west, cast.west_unplaced)


def test_a_supplement_ends_nobody_and_other_categories_stay(cast, poor, disabled):
    give(cast, ["甲一", A1, "", ""])
    give(cast, ["乙一", B1, "", ""], topic="重度残疾")
    found = give(cast, ["丙一", C1, "", ""], mode=Mode.SUPPLEMENT, as_of=date(2023, 12, 1))
    assert tally(found) == {"new": 1}
    assert holders(poor) == {"甲一", "丙一"}
    assert holders(disabled) == {"乙一"}
    assert Entitlement.objects.get(person__name="丙一").recognised_on == date(2023, 12, 1)


def test_a_list_that_ends_many_asks_first(cast, poor):
    give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""])
    found = look(cast, ["甲一", A1, "", ""])
    assert "会使 1 人退出" in found.warning
    with pytest.raises(Failure):
        roster.apply(found, by=cast.county_officer)


def test_an_unreadable_number_ends_nobody(cast, poor):
    give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""])
    found = give(cast, ["甲一", A1[:17] + "?", "", ""], ["乙一", B1, "", ""])
    assert tally(found) == {"unchanged": 1, "problems": 1}
    assert holders(poor) == {"甲一", "乙一"}


def test_a_list_without_one_valid_row_ends_nobody(cast, poor):
    give(cast, ["甲一", A1, "", ""])
    found = give(cast, ["丙一", "123", "", ""])
    assert tally(found) == {"problems": 1}
    assert holders(poor) == {"甲一"}


def test_a_towns_list_speaks_for_the_town(cast, poor):
    give(cast, ["甲一", A1, "", ""], ["丙一", C1, "", ""])
    found = give(cast, ["乙一", B1, "", ""], ["丙一", C1, "", ""], region=cast.east)
    assert tally(found) == {"new": 1, "would_end": 1, "outside_area": 1}
    assert holders(poor) == {"乙一", "丙一"}


def test_an_unknown_category_is_refused_with_the_known_ones(cast, poor):
    with pytest.raises(Failure) as refusal:
        handing.handed(cast, "category", [["甲一", A1]], headings=PLAIN[:2], topic="贫困户")
    assert refusal.value.code == "unknown_category"
    assert "低保对象" in refusal.value.message


def test_without_category_the_file_must_say_it(cast, poor):
    found = roster.read(handing.handed(cast, "category", [["甲一", A1]], headings=PLAIN[:2]))
    assert found.state == RosterState.HEADINGS
    assert "身份类别" in found.refusal
    assert "写明是哪一种" in found.refusal


def test_a_rows_own_word_may_not_gainsay_the_list(cast, poor, disabled):
    headings = ["姓名", "身份证号", "身份"]
    rows = [["甲一", A1, "重度残疾"], ["乙一", B1, "低保、重度残疾"], ["丙一", C1, "一类"]]
    found = give(cast, *rows, headings=headings)
    assert tally(found) == {"problems": 1, "new": 2}
    assert "本名单是“低保对象”" in reasons(found, "problems")[0]
    assert "另写有“重度残疾人”" in reasons(found, "new")[0]
    assert Entitlement.objects.get(person__name="丙一").source_word == "一类"


# Identities row by row


def test_several_identities_in_one_cell_are_one_entitlement_each(cast, poor, disabled):
    found = give(
        cast,
        ["甲一", A1, "", "低保、重度残疾", "2023.5", "2023年4月1日"],
        ["乙一", B1, "", "重度残疾（一、二级）", "", ""],
        ["丙一", C1, "", "低保|边缘户", "", ""],
        topic="",
        headings=BY_ROW,
    )
    assert tally(found) == {"new": 4, "problems": 1}
    assert found.unknown_words == [{"word": "边缘户", "count": 1}]
    assert found.people == 3
    assert holders(poor) == {"甲一", "丙一"}
    mine = Entitlement.objects.get(person__name="甲一", category=poor)
    assert (mine.valid_from, mine.recognised_on) == (date(2023, 5, 1), date(2023, 4, 1))
    assert mine.source_word == "低保"


def test_a_full_list_by_row_ends_only_within_its_categories(cast, poor, disabled):
    give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""])
    give(cast, ["甲一", A1, "", ""], topic="重度残疾")
    found = give(cast, ["乙一", B1, "", "低保", "", ""], topic="", headings=BY_ROW)
    assert tally(found) == {"unchanged": 1, "would_end": 1}
    assert reasons(found, "would_end") == ["低保对象；全量名单中没有此人"]
    assert holders(disabled) == {"甲一"}


def test_an_unknown_word_ends_nobody(cast, poor):
    give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""])
    found = give(
        cast, ["甲一", A1, "", "底保", "", ""], ["乙一", B1, "", "低保", "", ""],
        topic="", headings=BY_ROW,
    )  # fmt: skip
    assert tally(found) == {"unchanged": 1, "problems": 1}
    assert found.unknown_words == [{"word": "底保", "count": 1}]
    assert holders(poor) == {"甲一", "乙一"}


def test_one_person_once_per_category_and_under_one_name(cast, poor, disabled):
    rows = [
        ["甲一", A1, "", "低保", "", ""],
        ["甲一", A1, "", "重度残疾", "", ""],
        ["甲一", A1, "", "低保", "", ""],
        ["生人", id_number(9), "", "低保", "", ""],
        ["熟人", id_number(9), "", "重度残疾", "", ""],
    ]
    found = give(cast, *rows, topic="", headings=BY_ROW)
    assert tally(found) == {"new": 2, "unchanged": 1, "not_in_register": 1, "problems": 1}
    assert "与第2行同一人同一身份" in reasons(found, "unchanged")[0]
    assert "与第5行同一证件号，姓名不一致" in reasons(found, "problems")[0]


def test_two_departments_lists_by_row_do_not_replace_each_other(cast, poor, disabled):
    civil, union = poor.department, disabled.department
    earlier = look(
        cast, ["甲一", A1, "", "低保", "", ""], topic="", headings=BY_ROW, department=civil
    )
    give(cast, ["乙一", B1, "", "重度残疾", "", ""], topic="", headings=BY_ROW, department=union)
    roster.apply(earlier, by=cast.county_officer)
    assert holders(poor) == {"甲一"}
    assert holders(disabled) == {"乙一"}


def test_another_departments_list_ends_only_what_it_wrote(cast, poor):
    other = department(cast.year, "县乡村振兴局")
    give(cast, ["甲一", A1, "", ""], department=poor.department)
    give(cast, ["乙一", B1, "", ""], department=other, mode=Mode.SUPPLEMENT)
    found = give(cast, ["丙一", C1, "", ""], department=other)
    assert tally(found) == {"new": 1, "would_end": 1}
    assert holders(poor) == {"甲一", "丙一"}


# Shapes


def test_a_household_row_has_up_to_seven_people(cast, poor):
    """农村低保: H–J is the first pair and not adjacent; then K–L, M–N …"""
    headings = ["乡镇", "村", "户主", "补助类型", "人口", "姓名1", "性别", "身份证号1", "姓名2",
                "身份证号2", "姓名3", "身份证号3"]  # fmt: skip
    row = ["东风镇", "红星村", "甲一", "差额", "2", "甲一", "男", A1, "甲二", A2, "", ""]
    assert tally(give(cast, row, headings=headings)) == {"new": 2}
    assert holders(poor) == {"甲一", "甲二"}


def test_a_couple_stands_in_one_row(cast):
    kin = category(
        cast.year, "农村独生子女领证户夫妇", "独生子女领证户", by="县卫健委", amount="190"
    )
    headings = ["序号", "乡镇", "光荣证号", "女方姓名", "女方身份证号", "男方姓名", "男方身份证号"]
    row = [1, "东风镇", "X1", "乙一", B1, "丙一", C1]
    assert tally(give(cast, row, headings=headings, topic="独生子女领证户")) == {"new": 2}
    assert holders(kin) == {"乙一", "丙一"}


@pytest.mark.parametrize("tail", ["42", "42B1"])
def test_a_disability_number_gives_the_grade(cast, disabled, tail):
    found = give(cast, ["甲一", A1 + tail], topic="重度残疾", headings=["姓名", "残疾人证号"])
    assert tally(found) == {"new": 1}
    assert "残疾人证号取前18位" in reasons(found, "new")[0]
    assert Entitlement.objects.get().grade == 2


def test_the_certificate_goes_before_the_column_and_must_fit(cast, disabled):
    headings = ["姓名", "残疾人证号", "残疾等级"]
    rows = [
        ["甲一", A1 + "42", "三级"],
        ["乙一", B1 + "43", "二级"],
        ["丙一", C1, "一级"],
        ["甲二", A2, "四级"],
        ["生人", id_number(9), "较重"],
    ]
    found = give(cast, *rows, headings=headings, topic="重度残疾")
    assert tally(found) == {"new": 2, "problems": 3}
    assert "以证号的2级为准" in reasons(found, "new")[0]
    said = reasons(found, "problems")
    assert "3级不属于“重度残疾人”（1至2级）" in said[0]
    assert "4级不属于" in said[1]
    assert "看不懂" in said[2]


def test_a_list_may_leave_the_category_to_the_grade(cast, disabled):
    mild = category(
        cast.year, "普通残疾人", by="县残联", amount="190",
        grade_kind="残疾等级", grade_from=3, grade_to=4,
    )  # fmt: skip
    rows = [["甲一", A1 + "42", ""], ["乙一", B1, "三级"], ["丙一", C1, ""]]
    found = give(cast, *rows, headings=["姓名", "残疾人证号", "等级"], topic="按残疾等级")
    assert tally(found) == {"new": 2, "problems": 1}
    assert (holders(disabled), holders(mild)) == ({"甲一"}, {"乙一"})


def test_titles_totals_and_footnotes_are_passed_over(cast, poor):
    rows = [
        ["甲一", A1, "东风镇", "红星村"],
        ["小计", "", "", "1"],
        ["......", "......", "......", "......"],
        ["合  计", "", "", "1"],
        ["填报人：某某", "", "", ""],
    ]
    assert tally(give(cast, *rows)) == {"new": 1, "ignored": 4}


# Exit lists


def test_an_exit_list_ends_whom_it_names(cast, poor):
    give(cast, *[[name, number, "", ""] for name, number in (("甲一", A1), ("乙一", B1))])
    rows = [["甲一", A1, "2023-10-20"], ["丙一", C1, ""]]
    found = look(
        cast, *rows, mode=Mode.EXIT, headings=["姓名", "身份证号", "退出时间"],
        as_of=date(2023, 11, 1),
    )  # fmt: skip
    assert tally(found) == {"would_end": 1, "problems": 1}
    assert "不在“低保对象”名单内" in reasons(found, "problems")[0]
    assert "占现有 2 人的 50.0%" in found.warning
    roster.apply(found, by=cast.county_officer, confirmed=True)
    assert holders(poor) == {"乙一"}
    assert Entitlement.objects.get(person__name="甲一").removed_on == date(2023, 10, 20)
    again = give(cast, ["甲一", A1, "", ""], mode=Mode.EXIT)
    assert tally(again) == {"unchanged": 1}


# The way back


def test_removing_a_list_restores_the_state_before_it(cast, poor, disabled):
    give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""], as_of=date(2023, 9, 1))
    before = handing.facts()
    second = give(
        cast,
        ["乙一", B1, "", "低保、重度残疾", "2023-10-01", ""],
        ["生人", id_number(9), "西河镇", "低保", "", ""],
        topic="",
        headings=BY_ROW,
    )
    assert tally(second) == {"new": 1, "changed": 1, "not_in_register": 1, "would_end": 1}
    roster.withdraw(second, by=cast.county_officer)
    assert handing.facts() == before
    assert not Person.objects.filter(name="生人").exists()


def test_what_a_later_list_wrote_stays(cast, poor):
    first = give(cast, ["甲一", A1, "", ""], ["乙一", B1, "", ""])
    give(cast, ["甲一", A1, "", ""], mode=Mode.EXIT)
    roster.withdraw(first, by=cast.county_officer)
    first.refresh_from_db()
    assert first.kept_back == 1
    assert holders(poor, all_of_them=True) == {"甲一"}


def test_an_exit_is_undone(cast, poor):
    give(cast, ["甲一", A1, "", ""])
    before = handing.facts()
    ended = give(cast, ["甲一", A1, "", ""], mode=Mode.EXIT)
    roster.withdraw(ended, by=cast.county_officer)
    assert handing.facts() == before


def test_a_move_takes_the_identity_along(cast, poor):
    give(cast, ["乙一", B1, "", ""])
    put_in(
        cast, "register", [["H9", "户主", "乙一", B1, "西河镇", "石桥村", "", ""]],
        mode=Mode.SUPPLEMENT,
    )  # fmt: skip
    assert Entitlement.objects.get().village == cast.bridge


# Who is offered what


def test_towns_are_not_offered_sensitive_categories(cast, poor):
    category(cast.year, "特扶对象", by="县卫健委", sensitive=True, public_word="计划生育家庭")
    assert identities.topics(cast.year, cast.county_officer) == ["低保对象", "特扶对象"]
    assert identities.topics(cast.year, cast.east_officer) == ["低保对象"]
    cast.department_user.department = poor.department
    assert identities.topics(cast.year, cast.department_user) == ["低保对象"]
