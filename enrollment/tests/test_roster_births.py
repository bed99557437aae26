"""出生名单: children told by number, certificate or mother, once each, whatever is missing."""

from datetime import date

import pytest

from enrollment import roster
from enrollment.failure import Failure
from enrollment.models import Birth, Person, Stage
from enrollment.tests.cast import id_number, make_person
from enrollment.tests.handing import (
    facts,
    handed,
    put_in,
    read,
    read_in_process,
    reasons,
    tally,
)

HEADINGS = [
    "序号", "新生儿姓名", "性别", "出生日期", "出生医学证明编号", "母亲姓名", "母亲身份证号",
    "乡镇", "村", "家庭住址",
]  # fmt: skip
MOTHER = id_number(2, birth="19950808")
CERTIFICATE = "P340123456"


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    read_in_process(monkeypatch)


@pytest.fixture
def mother(cast) -> Person:
    home = cast.people["甲一"].household
    return make_person(cast.red_star, "甲母", MOTHER, household=home, relation="儿媳")


def row(name="", sex="男", day="2023-10-01", certificate="", mother=MOTHER, town="", village=""):
    return ["1", name, sex, day, certificate, "甲母", mother, town, village, ""]


def births(cast, rows, **more):
    return put_in(cast, "births", rows, headings=HEADINGS, **more)


def test_a_child_without_name_and_number_lives_with_its_mother(cast, mother):
    found = births(cast, [row()])
    assert tally(found) == {"new": 1}
    birth = Birth.objects.get()
    child = birth.person
    assert (child.name, child.doc_type, child.id_index) == ("姓名未报", "birth-certificate", None)
    assert (child.household, child.village) == (mother.household, cast.red_star)
    assert (child.birth, birth.born_on) == (date(2023, 10, 1), date(2023, 10, 1))
    assert (birth.mother, birth.mother_name) == (mother, "甲母")
    assert child.on_roll_from is None


def test_a_child_with_a_certificate_is_found_by_it(cast, mother):
    births(cast, [row("小宝", certificate=CERTIFICATE)])
    (child,) = Person.objects.numbered(CERTIFICATE)
    assert (child.name, child.number()) == ("小宝", CERTIFICATE)
    again = births(cast, [row("小宝", certificate=CERTIFICATE)])
    assert tally(again) == {"unchanged": 1}
    assert Birth.objects.count() == 1


def test_a_later_list_fills_in_name_and_certificate(cast, mother):
    births(cast, [row()])
    later = births(cast, [row("小宝", certificate=CERTIFICATE)])
    assert tally(later) == {"changed": 1}
    assert reasons(later, "changed") == ["补登姓名、补登出生医学证明编号"]
    child = Birth.objects.get().person
    assert (child.name, child.number()) == ("小宝", CERTIFICATE)


def test_withdrawing_takes_back_what_was_filled_in(cast, mother):
    first = births(cast, [row()])
    before = facts()
    later = births(cast, [row("小宝", certificate=CERTIFICATE)])
    assert roster.withdraw(later, by=cast.county_officer).kept_back == 0
    assert Birth.objects.get().certificate_index is None
    child = Birth.objects.get().person
    assert (child.name, child.id_index, child.id_cipher) == ("姓名未报", None, None)
    assert facts() == before
    roster.withdraw(first, by=cast.county_officer)
    assert not Birth.objects.exists()
    assert not Person.objects.filter(name="姓名未报").exists()


def test_the_first_list_stays_where_a_later_one_filled_in(cast, mother):
    first = births(cast, [row()])
    births(cast, [row("小宝")])
    assert roster.withdraw(first, by=cast.county_officer).kept_back == 1
    assert Birth.objects.get().person.name == "小宝"


def test_twins_are_two_and_a_repeated_line_is_one(cast, mother):
    found = births(
        cast,
        [row("大宝"), row("二宝", sex="女"), row("大宝")],
    )
    assert tally(found) == {"new": 2, "unchanged": 1}
    assert "双胞胎" in reasons(found, "unchanged")[0]
    assert sorted(Birth.objects.values_list("twin", flat=True)) == [1, 2]
    again = births(cast, [row("二宝", sex="女"), row("大宝")])
    assert tally(again) == {"unchanged": 2}


def test_a_twin_told_of_later_is_a_second_child(cast, mother):
    births(cast, [row("大宝")])
    found = births(cast, [row("大宝"), row("二宝", sex="女")])
    assert tally(found) == {"new": 1, "unchanged": 1}
    alone = read(cast, "births", [row("三宝")], headings=HEADINGS)
    assert tally(alone) == {"problems": 1}


def test_a_child_with_a_number_of_its_own(cast, mother):
    number = id_number(7, birth="20231001")
    headings = [*HEADINGS, "新生儿身份证号"]
    found = put_in(cast, "births", [[*row("小宝"), number]], headings=headings)
    assert tally(found) == {"new": 1}
    child = Person.objects.numbered(number).get()
    assert (child.doc_type, child.household) == ("resident-id", mother.household)
    # The register knows the child already: no second person.
    known = make_person(cast.willow, "乙宝", id_number(8, birth="20231002"))
    put_in(
        cast,
        "births",
        [[*row("乙宝", day="2023-10-02", mother=""), id_number(8, birth="20231002")]],
        headings=headings,
    )
    assert Birth.objects.get(person=known).village == cast.willow


def test_where_the_mother_is_unknown_the_row_s_own_place_holds(cast):
    found = births(
        cast,
        [
            row("一", town="东风镇", village="柳林村"),
            row("二", day="2023-10-02", town="东风镇"),
            row("三", day="2023-10-03"),
        ],
    )
    assert tally(found) == {"new": 3}
    places = dict(Birth.objects.values_list("person__name", "village"))
    assert places == {
        "一": cast.willow.pk,
        "二": cast.east_unplaced.pk,
        "三": cast.unplaced.pk,
    }


def test_what_cannot_be_told_is_a_problem_with_its_reason(cast, mother):
    found = read(
        cast,
        "births",
        [
            row("一", mother=""),
            row("二", day=""),
            row("三", certificate="12345"),
            row("四", mother="341599199508080000"),
            row("五", day="2093-01-01"),
        ],
        headings=HEADINGS,
    )
    assert tally(found) == {"problems": 5}
    one, two, three, four, five = reasons(found, "problems")
    assert "不能确定是哪个孩子" in one
    assert "缺少出生日期" in two
    assert "一个字母加九位数字" in three
    assert four.startswith("母亲身份证号：")
    assert "晚于今天" in five


def test_a_mother_s_number_ruined_by_excel_is_lost_not_guessed(cast, mother):
    found = read(
        cast,
        "births",
        [row("一", mother=110105194912310020), row("二", mother=1.1, certificate=CERTIFICATE)],
        headings=HEADINGS,
    )
    assert tally(found) == {"problems": 1, "new": 1}
    assert "精度已丢失" in reasons(found, "problems")[0]
    assert "未能对上母亲" in reasons(found, "new")[0]


def test_another_name_for_a_known_child_is_a_question(cast, mother):
    births(cast, [row("小宝", certificate=CERTIFICATE)])
    found = births(cast, [row("大宝", certificate=CERTIFICATE)])
    assert tally(found) == {"problems": 1}
    assert Birth.objects.get().person.name == "小宝"
    assert Birth.objects.get().person.questions.get().given == "大宝"


def test_a_town_hands_in_its_own(cast, mother):
    found = births(
        cast,
        [row("小宝"), row("远", day="2023-10-02", mother="", certificate=CERTIFICATE)],
        region=cast.west,
    )
    assert tally(found) == {"outside_area": 1, "new": 1}


def test_the_mother_s_number_stays_out_of_reasons_and_staging(cast, mother):
    found = read(cast, "births", [row("小宝")], headings=HEADINGS)
    staged = Stage.objects.filter(roster_id=found.pk, fate=None).get()
    assert MOTHER not in str(staged.facts)


def test_it_takes_supplements_only(cast):
    with pytest.raises(Failure):
        handed(cast, "births", [row()], headings=HEADINGS, mode="full")


def test_a_later_list_fills_in_the_child_s_own_number(cast, mother):
    births(cast, [row("小宝")])
    number = id_number(7, birth="20231001")
    later = put_in(cast, "births", [[*row("小宝"), number]], headings=[*HEADINGS, "新生儿身份证号"])
    assert reasons(later, "changed") == ["补登证件号码"]
    (child,) = Person.objects.numbered(number)
    assert (child.doc_type, child.number()) == ("resident-id", number)
    assert child.tail_index is not None
    roster.withdraw(later, by=cast.county_officer)
    child.refresh_from_db()
    assert (child.id_index, child.tail_index, child.doc_type) == (None, None, "birth-certificate")


def test_a_number_that_would_replace_a_certificate_is_not_passed_over_in_silence(cast, mother):
    births(cast, [row("小宝", certificate=CERTIFICATE)])
    number = id_number(7, birth="20231001")
    headings = [*HEADINGS, "新生儿身份证号"]
    later = put_in(
        cast, "births", [[*row("小宝", certificate=CERTIFICATE), number]], headings=headings
    )
    assert "身份证号没有写入" in reasons(later, "unchanged")[0]
