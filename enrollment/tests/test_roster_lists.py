"""人员状态名单, 平台参保名单 and 缴费明细: who is meant, what is written, what is asked."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from enrollment import insured, roster
from enrollment.failure import Failure
from enrollment.models import (
    Cover,
    Enrollment,
    Payment,
    Person,
    PolicyYear,
    Question,
    Status,
)
from enrollment.registration import statuses
from enrollment.tests import handing
from enrollment.tests.cast import SHANGHAI, id_number
from enrollment.tests.handing import put_in, read, reasons, tally

A1, A2 = id_number(1), id_number(22, birth="20100506")
B1, C1 = id_number(3, birth="19751231"), id_number(4, birth="19660708")
DAY = "2023-11-20 10:00:00"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    handing.read_in_process(monkeypatch)


def serving(cast) -> set[str]:
    return set(
        Status.objects.filter(kind=cast.kinds["服役"]).values_list("person__name", flat=True)
    )


def listed(cast, *rows: list[str], **more):
    return put_in(cast, "status", rows, status="服役", **more)


# Status lists


def test_a_full_list_brings_in_changes_and_ends(cast):
    rows = [["甲一", A1, "东风镇", "2020-01-01", ""], ["乙一", B1, "", "", "旧"]]
    assert tally(listed(cast, *rows)) == {"new": 2}
    found = listed(cast, ["乙一", B1, "", "2021.3.5", "新"], ["丙一", C1, "", "", ""])
    assert tally(found) == {"new": 1, "changed": 1, "would_end": 1}
    assert serving(cast) == {"乙一", "丙一"}
    told = Status.objects.get(person__name="乙一")
    assert (told.since, told.note, told.village) == (date(2021, 3, 5), "新", cast.willow)


def test_a_full_list_ends_nothing_that_a_clerk_has_proof_of(cast):
    listed(cast, ["甲一", A1, "", "", ""], ["丙一", C1, "", "", ""])
    statuses.record(
        cast.year,
        cast.people["甲一"],
        kind=cast.kinds["服役"],
        text="九月入伍",
        evidence="入伍通知书",
        by=cast.red_star_clerk,
    )
    assert tally(listed(cast, ["乙一", B1, "", "", ""])) == {"new": 1, "would_end": 1}
    assert serving(cast) == {"甲一", "乙一"}


def test_a_supplement_and_another_kind_end_nobody(cast):
    listed(cast, ["甲一", A1, "", "", ""])
    assert tally(listed(cast, ["乙一", B1, "", "", ""], mode="supplement")) == {"new": 1}
    put_in(cast, "status", [["丙一", C1, "", "", ""]], status="服刑")
    assert serving(cast) == {"甲一", "乙一"}


def test_the_same_list_again_writes_nothing(cast):
    rows = [["甲一", A1, "", "2020-01-01", "x"], ["生人", id_number(9), "西河镇", "", ""]]
    listed(cast, *rows)
    before, versions = handing.facts(), handing.versions("enrollment_status", "enrollment_person")
    assert tally(listed(cast, *rows)) == {"unchanged": 2}
    assert handing.facts() == before
    assert handing.versions("enrollment_status", "enrollment_person") == versions


@pytest.mark.parametrize(
    ("row", "fate", "reason"),
    [
        (["", A1, "", "", ""], "new", ""),
        (["甲壹", A1, "", "", ""], "problems", "在册姓名为“甲一”"),
        (["生人", id_number(9), "西河镇", "", ""], "not_in_register", "记入未落实"),
        (["生人", id_number(9), "乌有镇", "", ""], "not_in_register", "记入未落实"),
        (["甲一", A1[:17] + "?", "", "", ""], "problems", "身份证号"),
        (["甲一", A1, "", "那年", ""], "problems", "起始日期“那年”"),
    ],
)
def test_a_row_has_the_fate_that_fits(cast, row, fate, reason):
    found = listed(cast, row)
    assert tally(found) == {fate: 1}
    assert reason in reasons(found, fate)[0]
    assert Status.objects.count() == (fate != "problems")


@pytest.mark.parametrize(
    ("town", "place"), [("西河镇", "west_unplaced"), ("", "unplaced"), ("乌有镇", "unplaced")]
)
def test_a_stranger_stands_in_the_named_town_and_not_in_the_base(cast, town, place):
    listed(cast, ["生人", id_number(9), town, "", ""])
    stranger = Person.objects.get(name="生人")
    assert stranger.village == getattr(cast, place)
    assert not Person.objects.on_roll(cast.year.base_date).filter(pk=stranger.pk).exists()
    assert Status.objects.get().village == stranger.village


def test_a_name_that_differs_is_a_question_and_nothing_else(cast):
    listed(cast, ["甲一", A1, "", "", ""])
    found = listed(cast, ["甲壹", A1, "", "2020-01-01", ""])
    assert tally(found) == {"problems": 1}, "and the person is not ended either"
    asked = Question.objects.get()
    assert (asked.kind, asked.given, asked.known) == ("name_differs", "甲壹", "甲一")
    assert (asked.person.name, asked.town, asked.row) == ("甲一", cast.east, 2)
    assert Status.objects.get().since is None
    listed(cast, ["甲壹", A1, "", "", ""])
    assert Question.objects.count() == 1


def test_a_towns_list_leaves_other_towns_alone(cast):
    listed(cast, ["甲一", A1, "", "", ""], ["丙一", C1, "", "", ""])
    found = listed(cast, ["丙一", C1, "", "", ""], ["生人", id_number(9), "", "", ""],
                   region=cast.east)  # fmt: skip
    assert tally(found) == {"outside_area": 1, "not_in_register": 1, "would_end": 1}
    assert serving(cast) == {"丙一", "生人"}
    assert Person.objects.get(name="生人").village == cast.east_unplaced


@pytest.mark.parametrize(
    ("second", "fate"), [("甲一", "unchanged"), ("", "unchanged"), ("甲二", "problems")]
)
def test_one_person_twice_in_a_list_counts_once(cast, second, fate):
    found = listed(cast, ["甲一", A1, "", "", ""], [second, A1, "", "", ""])
    assert tally(found) == {"new": 1, fate: 1}


def test_an_unreadable_number_ends_nobody_of_that_name(cast):
    listed(cast, ["甲一", A1, "", "", ""], ["乙一", B1, "", "", ""])
    found = listed(cast, ["甲一", A1[:-1], "东风镇", "", ""])
    assert tally(found) == {"problems": 1, "would_end": 1}
    assert serving(cast) == {"甲一"}


def test_an_earlier_years_list_needs_no_policy(cast):
    last = PolicyYear.objects.create(county=cast.county, year=2022, state="history")
    rows = [["甲一", A1, "", "2022-01-01", ""], ["生人", id_number(9), "西河镇", "", ""]]
    found = put_in(cast, "insured", rows, year=last)
    assert tally(found) == {"new": 1, "not_in_register": 1}
    assert set(Cover.objects.values_list("policy_year__year", "person__name")) == {
        (2022, "甲一"), (2022, "生人"),
    }  # fmt: skip
    assert tally(put_in(cast, "insured", rows, year=last)) == {"unchanged": 2}
    assert tally(put_in(cast, "insured", rows[:1], year=last)) == {"unchanged": 1, "would_end": 1}
    assert not insured.counts(cast.year, cast.county, cuts=[datetime.now(tz=SHANGHAI)])


# Payments


def paid(cast, *rows: list[object], **more):
    return put_in(cast, "payments", rows, **more)


def total(name: str) -> Decimal | None:
    amounts = Payment.objects.counted().filter(person__name=name).values_list("amount", flat=True)
    return sum(amounts) if amounts else None


def is_insured(cast, name: str) -> bool:
    return insured.verdict(cast.year, Person.objects.get(name=name)).insured


def test_rows_add_up_refunds_count_back_and_zero_is_a_declaration(cast):
    found = paid(
        cast,
        ["甲一", A1, "", 200, DAY, "S1"],
        ["甲一", A1, "", "180元", "2023-11-21", "S2"],
        ["甲二", A2, "", 380, DAY, "S3"],
        ["甲二", A2, "", "-380.00", "2023-12-01", "S4"],
        ["乙一", B1, "", 0, DAY, "S5"],
        ["丙一", C1, "", "", DAY, "S6"],
    )
    assert tally(found) == {"new": 5, "problems": 1}
    assert found.people == 4
    assert [total(name) for name in ("甲一", "甲二", "乙一", "丙一")] == [380, 0, 0, None]
    told = [is_insured(cast, name) for name in ("甲一", "甲二", "乙一", "丙一")]
    assert told == [True, False, True, False]
    assert "零申报请填 0" in reasons(found, "problems")[0]


@pytest.mark.parametrize(
    ("row", "fate", "code"),
    [
        (["甲一", A1, "", 380, DAY, "S1"], "unchanged", ""),
        (["甲一", A1, "", 381, DAY, "S1"], "problems", "serial_differs"),
        (["甲一", A1, "", 380, "2023-11-20 10:00:01", "S1"], "problems", "serial_differs"),
        (["甲一", A1, "", 380, DAY, "S2"], "new", ""),
        (["甲二", A2, "", 380, DAY, "S1"], "new", ""),  # a family pays at once
        (["甲一", A1, "", 380, DAY, ""], "problems", "paid_again"),
        (["甲一", A1, "", 380, "2023-11-20 10:00:01", ""], "new", ""),
    ],
)
@pytest.mark.parametrize("together", [False, True])
def test_a_serial_seen_again_is_harmless(cast, row, fate, code, together):
    first = ["甲一", A1, "", 380, DAY, "S1"]
    if together and row[5] == "":
        pytest.skip("inside one file rows without a serial add up")
    if together:
        found = paid(cast, first, row)
        assert tally(found) == ({"new": 2} if fate == "new" else {"new": 1, fate: 1})
    else:
        paid(cast, first)
        found = paid(cast, row)
        assert tally(found) == {fate: 1}
    assert list(Question.objects.values_list("kind", flat=True)) == ([code] if code else [])
    assert Payment.objects.count() == (2 if fate == "new" else 1)


def test_without_serials_rows_add_up_inside_a_file_and_are_asked_about_in_the_next(cast):
    row = ["甲一", A1, "", 190, DAY, ""]
    assert tally(paid(cast, row, row)) == {"new": 2}
    assert total("甲一") == 380
    assert tally(paid(cast, row, row)) == {"problems": 2}
    assert total("甲一") == 380
    assert Question.objects.get().given.startswith("190.00元 2023-11-20 10:00:00")


def test_a_stranger_pays_in_the_town_that_is_named(cast):
    found = paid(cast, ["新生儿", id_number(9), "西河镇", 380, DAY, "S1"])
    assert reasons(found, "not_in_register") == ["户籍册中没有此人，记入西河镇/未落实"]
    stranger = Person.objects.get(name="新生儿")
    assert stranger.village == cast.west_unplaced and stranger.on_roll_from is None
    assert Enrollment.objects.get(person=stranger).village == cast.west_unplaced
    cut = [datetime(2024, 1, 1, tzinfo=SHANGHAI)]
    assert insured.counts(cast.year, cast.county, cuts=cut) == {cast.west.pk: [1]}


@pytest.mark.parametrize(
    ("attribution", "town", "follows"), [("enrolment", "west", False), ("register", "east", True)]
)
def test_where_a_payment_counts_is_the_years_rule(cast, attribution, town, follows):
    PolicyYear.objects.filter(pk=cast.year.pk).update(attribution=attribution)
    cast.year.refresh_from_db()
    paid(cast, ["甲一", A1, "西河镇", 380, DAY, "S1"])
    enrolment = Enrollment.objects.get()
    assert (enrolment.town, enrolment.place_follows) == (getattr(cast, town), follows)
    assert Payment.objects.get().town == enrolment.town
    cut = [datetime(2024, 1, 1, tzinfo=SHANGHAI)]
    assert insured.counts(cast.year, cast.county, cuts=cut) == {enrolment.town_id: [1]}


def test_a_payers_other_name_is_asked_about_and_the_money_counts(cast):
    found = paid(cast, ["甲壹", A1, "", 380, DAY, "S1"])
    assert tally(found) == {"new": 1}
    assert is_insured(cast, "甲一")
    assert Question.objects.get().given == "甲壹"


def test_payments_cannot_be_a_full_list(cast):
    with pytest.raises(Failure, match="不能按“全量”方式上传"):
        handing.handed(cast, "payments", [], mode="full")


def test_a_later_supplement_of_payments_ends_nothing(cast):
    paid(cast, ["甲一", A1, "", 380, DAY, "S1"])
    assert tally(paid(cast, ["乙一", B1, "", 380, DAY, "S2"])) == {"new": 1}
    assert total("甲一") == 380


# All kinds


def test_numbers_in_the_wrong_column_are_not_kept_in_clear(cast):
    found = read(cast, "status", [[A1, "甲一", "", "", ""], ["甲一", A1, "", A1, ""]],
                 status="服役")  # fmt: skip
    assert tally(found) == {"problems": 2}
    said = list(found.entries.values_list("name", "reason"))
    assert not any(A1[:14] in text for pair in said for text in pair)


def test_a_file_without_headings_is_asked_about_without_its_numbers(cast):
    found = roster.read(
        handing.handed(cast, "status", [["乙一", B1]], status="服役", headings=["甲一", A1])
    )
    assert (found.state, found.refusal_code) == ("headings", "headings_unknown")
    assert A1[:14] not in found.refusal + str(found.headings)


def test_somebody_of_the_neighbour_county_is_a_stranger_here(cast):
    found = listed(cast, ["丁一", id_number(5, birth="19900303"), "", "", ""])
    assert tally(found) == {"not_in_register": 1}
    assert Person.objects.filter(name="丁一").count() == 2
