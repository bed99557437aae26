"""Answers let rows in: decided anew, written under their roster's number, undone with it."""

import pytest
from django.db import connections

from enrollment import questions, roster
from enrollment.failure import Failure
from enrollment.models import (
    AuditEvent,
    Enrollment,
    HeldRow,
    Household,
    Payment,
    Person,
    PolicyYear,
    Question,
    Region,
    Relocation,
    Roster,
    RosterRow,
    Stage,
    Status,
)
from enrollment.registration import moves
from enrollment.roster import pipeline
from enrollment.tests import handing
from enrollment.tests.cast import id_number
from enrollment.tests.handing import check_counts, put_in, read, reasons, tally

A1, B1, C1 = id_number(1), id_number(3, birth="19751231"), id_number(4, birth="19660708")
DAY, LATER = "2023-11-20 10:00:00", "2023-12-01 09:00:00"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    handing.read_in_process(monkeypatch)


def answer(cast, decision: str, *, by=None, **which) -> int:
    asked = Question.objects.open().get(**which)
    return questions.answer(asked, decision=decision, text="已查", by=by or cast.county_officer)


def row(name: str, number: str, village: str = "红星村", town: str = "东风镇", house: str = ""):
    return [house, "", name, number, town, village, "", ""]


def listed(cast, *rows: list[str], **more) -> Roster:
    return put_in(cast, "status", rows, status="服役", **more)


def paid(cast, *rows: list[object]) -> Roster:
    return put_in(cast, "payments", rows)


def serving() -> set[str]:
    return set(Status.objects.values_list("person__name", flat=True))


def amounts() -> list[tuple[int, str | None]]:
    rows = Payment.objects.counted().order_by("pk")
    return [(int(amount), serial) for amount, serial in rows.values_list("amount", "serial")]


# Names


@pytest.mark.parametrize(("decision", "name"), [("keep", "甲一"), ("take", "甲壹")])
def test_the_same_person_goes_in_then_and_there(cast, decision, name):
    found = listed(cast, ["甲壹", A1, "", "2020-01-01", "现役"], ["乙一", B1, "", "", ""])
    assert tally(found) == {"new": 1, "problems": 1}
    before = PolicyYear.objects.get(pk=cast.year.pk).revision
    assert answer(cast, decision) == 1
    assert serving() == {name, "乙一"}
    told = Status.objects.get(person__name=name)
    assert (str(told.since), told.note, told.written_by_id) == ("2020-01-01", "现役", found.pk)
    found.refresh_from_db()
    assert tally(found) == {"new": 2}
    check_counts(found)
    assert "经核实入库" in reasons(found, "new")
    assert not HeldRow.objects.exists()
    assert not Stage.objects.filter(roster_id=found.pk).exists()
    assert PolicyYear.objects.get(pk=cast.year.pk).revision > before
    event = AuditEvent.objects.get(action="answer_question")
    assert (event.details["decision"], event.details["let_in"]) == (decision, 1)


@pytest.mark.parametrize("decision", ["keep", "take"])
def test_the_same_file_again_is_not_asked_again_and_changes_nothing(cast, decision):
    rows = [["甲壹", A1, "", "2020-01-01", ""], ["乙一", B1, "", "", ""]]
    listed(cast, *rows)
    answer(cast, decision)
    before = handing.facts()
    assert tally(listed(cast, *rows)) == {"unchanged": 2}
    # Nor is the other spelling, in whatever list.
    other = put_in(cast, "insured", [["甲一", A1, "", "", ""], ["甲壹", A1, "", "", ""]])
    assert "在册姓名为" not in str(reasons(other, "problems"))
    roster.withdraw(other, by=None)
    assert handing.facts() == before
    assert not Question.objects.open().exists()


def test_somebody_else_stays_out_and_is_not_asked_again(cast):
    rows = [["甲壹", A1, "", "", ""]]
    found = listed(cast, *rows)
    assert answer(cast, "other") == 0
    found.refresh_from_db()
    assert tally(found) == {"problems": 1}
    assert reasons(found, "problems") == ["经核实与在册的不是同一人，请改正证件号码"]
    assert not serving()
    assert tally(listed(cast, *rows)) == {"problems": 1}
    assert not Question.objects.open().exists()
    assert not HeldRow.objects.exists()


def test_withdrawing_the_roster_undoes_what_answers_let_in(cast):
    listed(cast, ["甲一", A1, "", "2019-01-01", "旧"])
    before = handing.facts(without=["enrollment_question"])
    found = listed(cast, ["甲壹", A1, "", "2020-01-01", "新"], mode="supplement")
    answer(cast, "keep")
    assert handing.facts(without=["enrollment_question"]) != before
    found = roster.withdraw(Roster.objects.get(pk=found.pk), by=None)
    assert found.kept_back == 0
    assert handing.facts(without=["enrollment_question"]) == before
    again = listed(cast, ["甲壹", A1, "", "2020-01-01", "新"], mode="supplement")
    assert tally(again) == {"changed": 1}, "what was answered still holds"


def test_one_answer_serves_every_roster_that_waits_for_it(cast):
    other = PolicyYear.objects.create(county=cast.county, year=2023, state="history")
    first = listed(cast, ["甲壹", A1, "", "", ""], ["甲壹", A1, "", "", ""])
    second = put_in(cast, "status", [["甲壹", A1, "", "", ""]], status="服刑")
    third = put_in(cast, "insured", [["甲壹", A1, "", "", ""]], year=other)
    assert Question.objects.open().count() == 2, "one for each year"
    assert answer(cast, "keep", policy_year=cast.year) == 3
    assert not Question.objects.open().exists()
    for found, fates in ((first, {"new": 1, "unchanged": 1}), (second, {"new": 1}),
                         (third, {"new": 1})):  # fmt: skip
        found.refresh_from_db()
        assert tally(found) == fates
        check_counts(found)


def test_a_question_outlives_the_roster_that_asked_first(cast):
    first = listed(cast, ["甲壹", A1, "", "", ""])
    second = put_in(cast, "status", [["甲壹", A1, "", "", ""]], status="服刑")
    roster.withdraw(first, by=None)
    assert Question.objects.open().get().roster_id == second.pk
    assert answer(cast, "keep") == 1
    assert Status.objects.get().kind == cast.kinds["服刑"]
    assert tally(Roster.objects.get(pk=first.pk)) == {"problems": 1}


def test_what_waits_to_be_applied_is_decided_by_the_answer(cast):
    listed(cast, ["甲壹", A1, "", "", ""])
    waiting = read(cast, "status", [["甲壹", A1, "", "", ""]], status="服刑")
    answer(cast, "keep")
    with pytest.raises(Failure) as changed:
        roster.apply(waiting, by=None)
    assert changed.value.code == "preview_changed"
    waiting.refresh_from_db()
    assert tally(waiting) == {"new": 1}


def test_a_later_full_list_is_not_undone_by_an_older_row(cast):
    older = listed(cast, ["甲壹", A1, "", "2020-01-01", "旧"])
    newer = listed(cast, ["甲一", A1, "", "2021-01-01", "新"])
    assert answer(cast, "keep") == 0
    assert Status.objects.get().note == "新"
    older.refresh_from_db()
    assert f"第 {newer.pk} 号" in reasons(older, "problems")[0]
    check_counts(older)


def test_a_settled_year_takes_nothing_more_and_says_so(cast):
    found = listed(cast, ["甲壹", A1, "", "", ""])
    PolicyYear.objects.filter(pk=cast.year.pk).update(state="settled")
    assert answer(cast, "take") == 0
    assert not serving()
    assert Person.objects.filter(name="甲壹").exists()
    assert "已结算或关闭，没有入库" in reasons(found, "problems")[0]
    assert not HeldRow.objects.exists()


def test_a_register_row_moves_its_household_into_the_village_it_proposed(cast):
    paid(cast, ["甲一", A1, "", 380, DAY, "S1"])
    before = handing.facts(without=["enrollment_question"])
    rows = [row("甲壹", A1, "新建村", house="H9"), row("子一", id_number(7))]
    found = put_in(cast, "register", rows, mode="supplement")
    assert not Region.objects.filter(name="新建村").exists(), "nobody lives there yet"
    assert answer(cast, "keep") == 1
    person = Person.objects.select_related("village", "household").get(name="甲一")
    assert (person.village.name, person.household.number) == ("新建村", "H9")
    assert Payment.objects.get().village == Enrollment.objects.get().village == person.village
    found.refresh_from_db()
    assert tally(found) == {"new": 1, "changed": 1}
    roster.withdraw(found, by=None)
    assert handing.facts(without=["enrollment_question"]) == before
    assert not Household.objects.filter(number="H9").exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_answered_while_the_county_is_being_written(cast):
    found = listed(cast, ["甲壹", A1, "", "", ""])
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [pipeline.LOCK, cast.county.pk])
            with pytest.raises(Failure) as busy:
                answer(cast, "keep")
    finally:
        other.close()
    assert busy.value.code == "busy"
    assert answer(cast, "keep") == 1
    assert RosterRow.objects.get(roster=found, fate="new").name == "甲壹"


# Payments


def test_another_payment_goes_in_and_the_file_again_is_harmless(cast):
    paid(cast, ["甲一", A1, "", 380, DAY, "S1"])
    rows = [["甲一", A1, "", 380, DAY, ""], ["甲一", A1, "", 380, DAY, ""]]
    found = paid(cast, *rows)
    assert tally(found) == {"problems": 2}
    assert answer(cast, "another") == 2
    found.refresh_from_db()
    assert tally(found) == {"new": 2}
    check_counts(found)
    assert amounts() == [(380, "S1"), (380, None), (380, None)]
    assert tally(paid(cast, *rows)) == {"unchanged": 2}
    assert tally(paid(cast, ["甲一", A1, "", 380, DAY, "S1"])) == {"unchanged": 1}
    assert len(amounts()) == 3
    roster.withdraw(found, by=None)
    assert amounts() == [(380, "S1")]
    assert tally(paid(cast, *rows)) == {"new": 2}
    assert len(amounts()) == 3
    assert not Question.objects.open().exists()


def test_a_row_with_a_serial_beside_one_without(cast):
    paid(cast, ["甲一", A1, "", 380, DAY, ""])
    rows = [["甲一", A1, "", 380, DAY, "S1"]]
    paid(cast, *rows)
    assert answer(cast, "another") == 1
    assert amounts() == [(380, None), (380, "S1")]
    assert tally(paid(cast, *rows)) == {"unchanged": 1}


def test_another_payment_under_a_known_serial_says_so(cast):
    rows = [["甲一", A1, "", 380, DAY, "S1"], ["甲一", A1, "", -380, LATER, "S1"]]
    found = paid(cast, *rows)
    assert tally(found) == {"new": 1, "problems": 1}
    assert answer(cast, "another", kind="serial_differs") == 1
    assert amounts() == [(380, "S1"), (-380, "S1（另1笔）")]
    assert tally(paid(cast, *rows)) == {"unchanged": 2}
    third = [["甲一", A1, "", 20, LATER, "S1"]]
    paid(cast, *third)
    assert answer(cast, "another") == 1
    assert amounts()[-1] == (20, "S1（另2笔）")
    assert tally(paid(cast, *rows, *third)) == {"unchanged": 3}
    found.refresh_from_db()
    roster.withdraw(found, by=None)
    assert amounts() == [(20, "S1（另2笔）")]
    assert tally(paid(cast, *rows)) == {"new": 2}
    assert sorted(amount for amount, _ in amounts()) == [-380, 20, 380]


@pytest.mark.parametrize(
    ("known", "row"),
    [
        (["甲一", A1, "", 380, DAY, ""], ["甲一", A1, "", 380, DAY, "S1"]),
        (["甲一", A1, "", 380, DAY, "S1"], ["甲一", A1, "", 200, DAY, "S1"]),
    ],
)
def test_the_same_payment_stays_out_and_is_not_asked_again(cast, known, row):
    first = paid(cast, known)
    found = paid(cast, row)
    assert answer(cast, "same") == 0
    found.refresh_from_db()
    assert tally(found) == {"unchanged": 1}
    assert reasons(found, "unchanged") == ["经核实与已入库的是同一笔"]
    check_counts(found)
    assert tally(paid(cast, row)) == {"unchanged": 1}
    assert len(amounts()) == 1
    roster.withdraw(first, by=None)
    assert tally(paid(cast, row)) == {"new": 1}, "where that one is gone, this one counts"


def test_an_answer_about_one_payment_is_none_about_another(cast):
    paid(cast, ["甲一", A1, "", 380, DAY, "S1"], ["甲一", A1, "", 200, DAY, "S2"])
    paid(cast, ["甲一", A1, "", 380, DAY, ""])
    answer(cast, "another")
    assert tally(paid(cast, ["甲一", A1, "", 200, DAY, ""])) == {"problems": 1}
    assert Question.objects.open().get().given.startswith("200.00元")


def test_a_decision_that_does_not_belong_to_the_question_is_refused(cast):
    listed(cast, ["甲壹", A1, "", "", ""])
    for decision in ("another", "moves", "", "nonsense"):
        with pytest.raises(Failure, match="请选择一种结论"):
            answer(cast, decision)


# From town to town


def moved(cast, *rows, region=None, **more) -> Roster:
    return put_in(cast, "register", rows, region=region or cast.west, mode="supplement", **more)


@pytest.fixture
def taken(cast):
    """西河镇 hands in 甲一 of 东风镇, who has paid and serves, beside a newborn of its own."""
    paid(cast, ["甲一", A1, "", 380, DAY, "S1"])
    listed(cast, ["甲一", A1, "", "", ""])
    return moved(
        cast,
        row("甲一", A1, "石桥村", "西河镇", "H9"),
        row("子一", id_number(7), "石桥村", "西河镇"),
    )


def test_a_town_takes_nobody_from_another_without_its_word(cast, taken):
    assert tally(taken) == {"new": 1, "problems": 1}
    assert reasons(taken, "problems") == ["现在册于东风镇，迁来须由东风镇确认"]
    assert Person.objects.get(name="甲一").village == cast.red_star
    assert Person.objects.get(name="子一").village == cast.bridge
    asked = Question.objects.open().get()
    assert (asked.kind, asked.given, asked.known) == (
        "moves_town", "西河镇/石桥村", "东风镇/红星村",
    )  # fmt: skip
    assert asked.town == cast.east
    moved(cast, row("甲一", A1, "石桥村", "西河镇", "H9"))
    assert Question.objects.open().count() == 1
    with pytest.raises(Failure, match="不在您的辖区"):
        answer(cast, "moves", by=cast.west_officer)


def test_the_other_town_lets_them_go_and_everything_goes_with_them(cast, taken):
    before = handing.facts(without=["enrollment_question"])
    assert answer(cast, "moves", by=cast.east_officer) == 1
    for model in (Enrollment, Payment, Status):
        assert model.objects.get().village == cast.bridge
    person = Person.objects.select_related("household").get(name="甲一")
    assert (person.village, person.household.number) == (cast.bridge, "H9")
    taken.refresh_from_db()
    assert tally(taken) == {"new": 1, "changed": 1}
    assert reasons(taken, "changed") == ["经核实入库；由红星村迁来、户号变更"]
    again = moved(cast, row("甲一", A1, "石桥村", "西河镇", "H9"))
    assert tally(again) == {"unchanged": 1}
    roster.withdraw(taken, by=None)
    after = handing.facts(without=["enrollment_question"])
    assert Person.objects.get(name="甲一").village == cast.red_star
    assert {k: v for k, v in after.items() if k != "enrollment_person"} == {
        k: v for k, v in before.items() if k != "enrollment_person"
    }
    assert tally(moved(cast, row("甲一", A1, "石桥村", "西河镇", "H9"))) == {"changed": 1}


def test_where_towns_disagree_the_county_decides(cast, taken):
    assert answer(cast, "stays", by=cast.east_officer) == 0
    asked = Question.objects.open().get()
    assert asked.objection == "仍在原处，不迁。已查"
    assert asked.objected_by == cast.east_officer
    assert "东风镇不同意迁出" in reasons(taken, "problems")[0]
    assert AuditEvent.objects.filter(action="object_to_move").count() == 1
    with pytest.raises(Failure, match="等待县级决定"):
        answer(cast, "stays", by=cast.east_officer)
    assert answer(cast, "moves", by=cast.county_officer) == 1
    assert Person.objects.get(name="甲一").village == cast.bridge


def test_who_stays_is_not_asked_about_again_this_year(cast, taken):
    answer(cast, "stays", by=cast.county_officer)
    assert reasons(taken, "problems") == ["经核实仍在东风镇，不迁"]
    again = moved(cast, row("甲一", A1, "石桥村", "西河镇", "H9"))
    assert reasons(again, "problems") == ["经核实仍在东风镇，不迁"]
    assert not Question.objects.open().exists()
    assert Person.objects.get(name="甲一").village == cast.red_star


def test_a_county_moves_people_freely_and_a_town_whom_nobody_has(cast):
    found = put_in(cast, "register", [row("甲一", A1, "石桥村", "西河镇")], mode="supplement")
    assert tally(found) == {"changed": 1}
    Person.objects.filter(name="乙一").update(on_roll_to="2023-01-01")
    assert tally(moved(cast, row("乙一", B1, "石桥村", "西河镇"))) == {"changed": 1}
    listed(cast, ["生人", id_number(9), "东风镇", "", ""])
    assert tally(moved(cast, row("生人", id_number(9), "石桥村", "西河镇"))) == {"changed": 1}


def test_a_villages_supplement_asks_the_other_town_too(cast):
    found = moved(cast, row("丙一", C1), region=cast.red_star)
    assert tally(found) == {"problems": 1}
    assert Question.objects.get().town == cast.west
    within = moved(cast, row("乙一", B1), region=cast.red_star)
    assert tally(within) == {"changed": 1}, "within one town nobody else is asked"


def test_a_move_and_a_question_of_one_person_do_not_stand_open_together(cast, taken):
    person = cast.people["甲一"]
    with pytest.raises(Failure, match="迁移待确认.*迁往西河镇/石桥村"):
        moves.propose(cast.year, person, to=cast.bridge, reason="婚迁", by=cast.red_star_clerk)
    roster.withdraw(taken, by=None)
    (move,) = moves.propose(
        cast.year, person, to=cast.bridge, reason="婚迁", by=cast.red_star_clerk
    )
    again = moved(cast, row("甲一", A1, "石桥村", "西河镇", "H9"))
    assert reasons(again, "problems") == ["此人迁往石桥村的办理待对方确认，办结后再交这一行"]
    assert not Question.objects.open().exists()
    moves.decide(move, agrees=True, text="", by=cast.west_officer)
    assert tally(moved(cast, row("甲一", A1, "石桥村", "西河镇", "H9"))) == {"changed": 1}


def open_move(cast, to):
    person = cast.people["甲一"]
    return Relocation.objects.create(
        county=cast.county, town=cast.east, village=cast.red_star, person=person,
        to_town=to.town, to_village=to, reason="婚迁", proposed_by=cast.red_star_clerk,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("decision", "to", "state"),
    [
        ("moves", "bridge", "done"),
        ("moves", "willow", "cancelled"),
        ("stays", "bridge", "refused"),
        ("stays", "willow", "open"),
    ],
)
def test_an_answer_closes_the_move_that_stood_open_beside_it(cast, taken, decision, to, state):
    move = open_move(cast, getattr(cast, to))
    answer(cast, decision, by=cast.county_officer)
    move.refresh_from_db()
    assert move.state == state


def test_a_move_that_is_agreed_to_answers_the_question_beside_it(cast, taken):
    moves.decide(open_move(cast, cast.bridge), agrees=True, text="", by=cast.west_officer)
    asked = Question.objects.get(kind="moves_town")
    assert (asked.decision, asked.answer) == ("moves", f"已按迁移办理到{cast.bridge.path}")
    person = Person.objects.select_related("household").get(name="甲一")
    assert (person.village, person.household.number) == (cast.bridge, "H9")
    check_counts(Roster.objects.get(pk=taken.pk))


def test_a_move_to_elsewhere_keeps_the_row_out_for_good(cast, taken):
    moves.decide(open_move(cast, cast.willow), agrees=True, text="", by=cast.east_officer)
    asked = Question.objects.get(kind="moves_town")
    assert asked.decision == "stays" and not asked.held.exists()
    assert "没有入库" in reasons(taken, "problems")[0]
    assert Person.objects.get(name="甲一").village == cast.willow


def test_a_name_and_a_move_are_asked_one_after_the_other(cast):
    found = moved(cast, row("甲壹", A1, "石桥村", "西河镇"))
    assert answer(cast, "keep", by=cast.east_officer) == 0
    assert Question.objects.open().get().kind == "moves_town"
    assert answer(cast, "moves", by=cast.east_officer) == 1
    assert Person.objects.get(name="甲一").village == cast.bridge
    check_counts(Roster.objects.get(pk=found.pk))
