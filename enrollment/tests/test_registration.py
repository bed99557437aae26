"""Registering: people, households, statuses, papers, moves, and two rows made one."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import Error, transaction
from django.utils import timezone

from enrollment import people, store
from enrollment.documents import check_digit
from enrollment.failure import Failure
from enrollment.models import (
    AuditEvent,
    Enrollment,
    FormerDocument,
    Household,
    Paper,
    Payment,
    Person,
    PolicyYear,
    Question,
    RegistrationRecord,
    Relocation,
    Roster,
    RosterRow,
    Status,
    StatusKind,
    StatusRecord,
)
from enrollment.registration import (
    enrolling,
    households,
    joining,
    moves,
    papers,
    persons,
    statuses,
)
from enrollment.tests.cast import (
    Cast,
    id_number,
    make_payment,
    make_person,
    make_status,
    place,
)


def refused(code: str, verb, *args, **kwargs) -> str:
    """The sentence of the Failure this ends in, which has this code."""
    with pytest.raises(Failure) as failure:
        verb(*args, **kwargs)
    assert failure.value.code == code, failure.value.message
    return failure.value.message


# People


def test_a_person_of_elsewhere_is_registered_where_they_live(cast: Cast):
    person = persons.add(
        cast.year,
        name="戊一",
        number=id_number(9, birth="19900101"),
        village=cast.red_star,
        hukou="outside",
        hukou_place="河南省固始县",
        permit=True,
        by=cast.red_star_clerk,
    )
    assert person.on_roll_from is None
    assert person.residences.get().hukou_place == "河南省固始县"


def test_a_permit_of_hong_kong_needs_no_hukou(cast: Cast):
    number = "81000019900101123"
    person = persons.add(
        cast.year,
        name="戊二",
        number=number + check_digit(number),
        village=cast.red_star,
        hukou="here",
        by=cast.red_star_clerk,
    )
    assert person.doc_type == "hk-macao-taiwan-permit"
    assert person.residences.get().hukou == "none"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"number": id_number(1)}, "known"),
        ({"number": "341599198001020010"}, "number"),
        ({"number": id_number(9), "birth": date(1981, 1, 1)}, "differs"),
        ({"number": id_number(9), "sex": "女"}, "differs"),
        ({"name": "张?", "number": id_number(9)}, "name"),
        ({"name": "   ", "number": id_number(9)}, "name"),
        ({"phone": "123", "number": id_number(9)}, "phone"),
        ({}, "birth"),
        ({"number": id_number(9), "hukou": "none"}, "hukou"),
    ],
)
def test_what_a_new_person_may_not_be(cast: Cast, fields, code):
    given = {"name": "戊三", **fields}
    refused(code, persons.add, cast.year, village=cast.red_star, by=cast.red_star_clerk, **given)
    assert not Person.objects.filter(name__startswith="戊").exists()


def test_a_clerk_adds_nobody_in_another_village_and_a_viewer_nobody_at_all(cast: Cast):
    given = {"name": "戊三", "number": id_number(9)}
    refused("area", persons.add, cast.year, village=cast.willow, by=cast.red_star_clerk, **given)
    refused("role", persons.add, cast.year, village=cast.willow, by=cast.county_viewer, **given)


def test_the_second_of_two_clerks_sees_what_the_first_changed(cast: Cast):
    person, year = cast.people["甲一"], cast.year
    seen = persons.version(person)
    persons.correct(year, person, changes={"name": "甲壹"}, seen=seen, by=cast.east_officer)
    with pytest.raises(persons.Changed) as stale:
        persons.correct(
            year,
            person,
            changes={"name": "甲乙", "phone": "13811112222"},
            seen=seen,
            by=cast.red_star_clerk,
        )
    (one,) = stale.value.differences
    assert (one.base, one.theirs, one.mine, one.both) == ("甲一", "甲壹", "甲乙", True)
    person.refresh_from_db()
    assert person.name == "甲壹"
    persons.correct(
        year,
        person,
        changes={"name": "甲乙", "phone": "13811112222"},
        seen=persons.version(person),
        by=cast.red_star_clerk,
    )
    person.refresh_from_db()
    assert (person.name, person.phone) == ("甲乙", "13811112222")


def test_a_change_of_other_people_s_rows_is_no_conflict(cast: Cast):
    person = cast.people["甲一"]
    seen = persons.version(person)
    Person.objects.filter(village=cast.red_star).update(relation="户主")
    Person.objects.filter(pk=person.pk).update(on_roll_from=date(2020, 1, 1))
    persons.correct(cast.year, person, changes={"name": "甲壹"}, seen=seen, by=cast.red_star_clerk)


def test_birth_and_sex_follow_an_identity_number(cast: Cast):
    refused(
        "derived",
        persons.correct,
        cast.year,
        cast.people["甲一"],
        changes={"birth": date(1970, 1, 1)},
        seen=0,
        by=cast.red_star_clerk,
    )


def test_another_number_leaves_the_old_one_to_be_found_by(cast: Cast):
    person = make_person(cast.red_star, "戊四")
    number = id_number(11, birth="20231201")
    persons.give_number(
        cast.year, person, number="A123456789", reason="出生医学证明", by=cast.red_star_clerk
    )
    persons.give_number(cast.year, person, number=number, reason="已落户", by=cast.red_star_clerk)
    person.refresh_from_db()
    assert (person.number(), person.birth) == (number, date(2023, 12, 1))
    assert FormerDocument.objects.get().doc_type == "birth-certificate"
    assert persons.holder(cast.county, persons.read_number("A123456789")) == person
    assert persons.holder(cast.county, persons.read_number(number)) == person


# Joining


@pytest.fixture
def twice(cast: Cast) -> tuple[Person, Person]:
    """A newborn registered without a number, and the same child from the police register."""
    without = make_person(cast.red_star, "甲小宝", phone="13800009999")
    Person.objects.filter(pk=without.pk).update(birth=date(2023, 12, 1), sex="女")
    without.refresh_from_db()
    registered = make_person(cast.red_star, "甲小宝", id_number(22, birth="20231201"))
    return without, registered


def test_joining_loses_nothing(cast: Cast, twice):
    without, registered = twice
    make_payment(without, cast.year, serial="S1")
    make_status(without, cast.kinds["服役"])
    question = Question.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        kind="name_differs",
        person=without,
        text="姓名不一致",
        given="甲小保",
        known="甲小宝",
    )
    RegistrationRecord.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        person=without,
        recorded_by=cast.red_star_clerk,
    )
    done = joining.join(cast.year, without, registered, reason="已查户口簿", by=cast.red_star_clerk)
    assert done.person == registered
    assert done.gone_id == without.pk
    assert done.moved == {
        "enrollment": 1,
        "payment": 1,
        "question": 1,
        "registrationrecord": 1,
        "status": 1,
    }
    for model in (Enrollment, Payment, Status, RegistrationRecord):
        assert model.objects.get().person == registered
    question.refresh_from_db()
    assert question.person == registered
    registered.refresh_from_db()
    assert registered.phone == "13800009999"
    assert not Person.objects.filter(pk=without.pk).exists()
    assert AuditEvent.objects.get(action="join_people").person_id == registered.pk
    assert "13800009999" not in str(done.before)


def test_where_both_hold_the_same_fact_one_stays_and_the_other_is_told(cast: Cast, twice):
    without, registered = twice
    make_payment(without, cast.year, Decimal("380"), serial="S1")
    make_payment(registered, cast.year, Decimal("0"), serial="S2")
    make_status(without, cast.kinds["服役"])
    make_status(registered, cast.kinds["服役"], note="在册")
    done = joining.join(cast.year, registered, without, reason="同一人", by=cast.red_star_clerk)
    assert Enrollment.objects.get().person == registered
    assert Status.objects.get().note == "在册"
    assert set(done.left) == {"enrollment", "status"}
    assert Payment.objects.filter(person=registered).count() == 2


def test_the_trail_of_the_rosters_follows(cast: Cast, twice):
    without, registered = twice
    roster = Roster.objects.create(
        county=cast.county,
        region=cast.county,
        policy_year=cast.year,
        kind="births",
        file_name="出生.xlsx",
        sha256="1" * 64,
        uploaded_by=cast.county_officer,
    )
    RosterRow.objects.create(roster=roster, fate="new", person_id=without.pk)
    joining.join(cast.year, registered, without, reason="同一人", by=cast.red_star_clerk)
    assert RosterRow.objects.get().person_id == registered.pk


def test_two_people_are_not_joined(cast: Cast, twice):
    without, registered = twice
    give = {"reason": "同一人", "by": cast.red_star_clerk}
    refused("two", joining.join, cast.year, cast.people["甲一"], cast.people["甲二"], **give)
    refused("same", joining.join, cast.year, registered, registered, **give)
    refused("area", joining.join, cast.year, registered, cast.people["乙一"], **give)
    refused("missing", joining.join, cast.year, registered, without, reason=" ",
            by=cast.red_star_clerk)  # fmt: skip
    Person.objects.filter(pk=without.pk).update(birth=date(2023, 12, 2))
    without.refresh_from_db()
    refused("birth", joining.join, cast.year, registered, without, **give)


def test_one_serial_on_both_rows_is_a_question_first(cast: Cast, twice):
    without, registered = twice
    make_payment(without, cast.year, serial="S1")
    make_payment(registered, cast.year, serial="S1")
    refused("serial", joining.join, cast.year, registered, without, reason="同一人",
            by=cast.red_star_clerk)  # fmt: skip
    assert Person.objects.filter(pk=without.pk).exists()


def test_a_payment_cannot_be_edited_outside_of_joining(cast: Cast):
    payment = make_payment(cast.people["甲一"], cast.year)
    with pytest.raises(Error), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(person=cast.people["甲二"])


# Households


def test_a_household_changes_its_head_parts_and_joins(cast: Cast):
    home = Household.objects.get(number="H001")
    head, child = cast.people["甲一"], cast.people["甲二"]
    who = {"by": cast.red_star_clerk}
    message = refused("head", households.arrange, cast.year, home,
                      relations={head.pk: "户主", child.pk: "户主"}, **who)  # fmt: skip
    assert "现有 2 位" in message
    households.arrange(cast.year, home, relations={head.pk: "父", child.pk: "户主"}, **who)
    child.refresh_from_db()
    assert child.relation == "户主"
    fresh = households.split(cast.year, home, people=[head.pk], head=head.pk, **who)
    head.refresh_from_db()
    assert (head.household, head.relation) == (fresh, "户主")
    refused("everybody", households.split, cast.year, home, people=[child.pk], head=child.pk, **who)
    assert households.merge(cast.year, fresh, into=home, **who) == 1
    head.refresh_from_db()
    assert (head.household, head.relation) == (home, "")
    changes = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert changes == ["arrange_household", "split_household", "merge_household"]


def test_a_household_of_another_village_is_not_touched(cast: Cast, signed_in):
    home = Household.objects.get(number="H001")
    refused("household", households.merge, cast.year, home, into=home, by=cast.west_officer)
    refused("village", households.put_in, cast.year, cast.people["乙一"], household=home,
            relation="子", by=cast.east_officer)  # fmt: skip


# Enrolling, taking back, refunds


def test_a_registration_is_taken_back_until_something_is_paid(cast: Cast):
    person = cast.people["甲一"]
    register = {
        "village": cast.red_star,
        "tier": None,
        "group": None,
        "registration": "",
        "clause": "",
        "not_stated": [],
        "details": enrolling.Details(),
        "by": cast.red_star_clerk,
    }
    enrolling.enrol(cast.year, person, **register)
    refused("enrolled", enrolling.enrol, cast.year, person, **register)
    enrolling.withdraw(cast.year, person, reason="登记错人", by=cast.red_star_clerk)
    assert not Enrollment.objects.exists()
    assert RegistrationRecord.objects.get().withdrawn_reason == "登记错人"
    enrolling.enrol(cast.year, person, **register)
    make_payment(person, cast.year)
    refused("paid", enrolling.withdraw, cast.year, person, reason="不要了", by=cast.red_star_clerk)
    request = enrolling.ask_refund(
        cast.year,
        person,
        reason="employee",
        text="十二月起参加职工医保",
        answer_by=timezone.localdate() + timedelta(days=10),
        by=cast.red_star_clerk,
    )
    refused("asked", enrolling.ask_refund, cast.year, person, reason="other", text="再问",
            answer_by=None, by=cast.red_star_clerk)  # fmt: skip
    refused("role", enrolling.answer_refund, request, outcome="granted", answer="同意",
            by=cast.east_officer)  # fmt: skip
    enrolling.answer_refund(request, outcome="granted", answer="转税务", by=cast.county_officer)
    request.refresh_from_db()
    assert request.answered_by == cast.county_officer


def test_a_refund_needs_money(cast: Cast):
    refused("not_paid", enrolling.ask_refund, cast.year, cast.people["甲一"], reason="other",
            text="想退", answer_by=None, by=cast.red_star_clerk)  # fmt: skip


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({}, "guardian"),
        ({"guardian": "甲一"}, "guardian_relation"),
        ({"guardian": "甲一", "guardian_relation": "父", "agent": "李四"}, "agent_relation"),
        ({"guardian": "甲一", "guardian_relation": "父", "shared_by": "王五"}, "shared_relation"),
        (
            {"guardian": "甲一", "guardian_relation": "父", "shared_by": "王五",
             "shared_relation": "叔父"},
            "shared_relation",
        ),
        ({"guardian": "甲一", "guardian_relation": "父", "guardian_phone": "12"}, "phone"),
    ],
)  # fmt: skip
def test_who_answers_for_a_child_and_whose_account_pays(cast: Cast, details, code):
    child = cast.people["甲二"]
    Person.objects.filter(pk=child.pk).update(birth=timezone.localdate() - timedelta(days=1000))
    refused(code, enrolling.enrol, cast.year, child, village=cast.red_star, tier=None, group=None,
            registration="", clause="", not_stated=[], details=enrolling.Details(**details),
            by=cast.red_star_clerk)  # fmt: skip


@pytest.mark.parametrize("state", ["settled", "closed"])
def test_a_settled_year_takes_nobody(cast: Cast, state):
    cast.year.state = state
    cast.year.save()
    refused("year", enrolling.enrol, cast.year, cast.people["甲一"], village=cast.red_star,
            tier=None, group=None, registration="", clause="", not_stated=[],
            details=enrolling.Details(), by=cast.red_star_clerk)  # fmt: skip


# Statuses


def test_a_deduction_needs_reason_and_proof_and_stands_on_the_county_s_list(cast: Cast):
    person, kind = cast.people["甲一"], cast.kinds["服役"]
    who = {"by": cast.red_star_clerk}
    refused("missing", statuses.record, cast.year, person, kind=kind, **who)
    refused("missing", statuses.record, cast.year, person, kind=kind, text="九月入伍", **who)
    row = statuses.record(
        cast.year, person, kind=kind, text="九月入伍", evidence="入伍通知书", **who
    )
    assert Status.objects.get().kind == kind
    listed = statuses.deductions(cast.year, cast.county, viewer=cast.county_officer)
    assert list(listed) == [row]
    assert list(statuses.deductions(cast.year, cast.west, viewer=cast.county_officer)) == []
    refused("role", statuses.review, row, by=cast.east_officer)
    statuses.review(row, by=cast.county_officer)
    statuses.end(row, reason="已退役", by=cast.red_star_clerk)
    assert not Status.objects.exists()
    assert StatusRecord.objects.get().ended_reason == "已退役"
    statuses.record(cast.year, person, kind=kind, text="又入伍", evidence="通知书", **who)
    assert StatusRecord.objects.count() == 2


def test_what_a_list_says_stays_when_a_clerk_s_status_ends(cast: Cast):
    roster = Roster.objects.create(
        county=cast.county,
        region=cast.county,
        policy_year=cast.year,
        kind="status",
        file_name="服役.xlsx",
        sha256="2" * 64,
        uploaded_by=cast.county_officer,
    )
    person = cast.people["甲一"]
    make_status(person, cast.kinds["服役"], written_by=roster)
    row = statuses.record(cast.year, person, kind=cast.kinds["服役"], text="入伍", evidence="证",
                          by=cast.red_star_clerk)  # fmt: skip
    statuses.end(row, reason="已退役", by=cast.red_star_clerk)
    assert Status.objects.get().written_by == roster


def test_of_several_statuses_the_first_in_the_policy_s_order_decides(cast: Cast):
    person = cast.people["甲一"]
    make_status(person, cast.kinds["服役"])
    make_status(person, cast.kinds["职工参保"])
    rows = list(Status.objects.select_related("kind"))
    assert statuses.deciding(rows).kind == cast.kinds["职工参保"]
    assert statuses.deciding([]) is None


def test_who_enrols_is_no_longer_not_enrolling(cast: Cast):
    kind = StatusKind.objects.create(
        policy_year=cast.year, order=20, name="本人暂不参保", bucket="none"
    )
    person = cast.people["甲一"]
    statuses.record(cast.year, person, kind=kind, by=cast.red_star_clerk)
    enrolling.enrol(cast.year, person, village=cast.red_star, tier=None, group=None,
                    registration="", clause="", not_stated=[], details=enrolling.Details(),
                    by=cast.red_star_clerk)  # fmt: skip
    assert StatusRecord.objects.get().ended_reason == "已登记参保"
    assert not Status.objects.exists()


def test_a_death_is_recorded_and_with_the_hukou_the_roll_ends(cast: Cast):
    StatusKind.objects.create(
        policy_year=cast.year, order=21, name="死亡未注销", bucket="deducted", public_word="已去世"
    )
    person = cast.people["甲一"]
    refused("day", statuses.record_death, cast.year, person, day=date(2023, 9, 9),
            cancelled_on=date(2023, 9, 1), evidence="证明", by=cast.red_star_clerk)  # fmt: skip
    statuses.record_death(cast.year, person, day=date(2023, 9, 9), cancelled_on=date(2023, 9, 20),
                          evidence="死亡医学证明", by=cast.red_star_clerk)  # fmt: skip
    person.refresh_from_db()
    assert person.on_roll_to == date(2023, 9, 20)
    assert StatusRecord.objects.get().since == date(2023, 9, 9)


def test_below_the_county_a_status_has_its_public_word(cast: Cast):
    kind = StatusKind.objects.create(
        policy_year=cast.year, order=22, name="失联", bucket="deducted", public_word="暂未联系上"
    )
    words = {
        who.username: people.status_word(kind, who)
        for who in (cast.red_star_clerk, cast.east_officer, cast.county_officer)
    }
    assert list(words.values()) == ["暂未联系上", "暂未联系上", "失联"]
    assert people.status_word(cast.kinds["服役"], cast.red_star_clerk) == "服役"
    assert people.status_word(cast.kinds["服刑"], cast.red_star_clerk) == "特殊情形"


def test_an_objection_is_answered_by_the_county(cast: Cast):
    row = statuses.object_to(cast.year, cast.people["甲一"], raised_by="甲一", text="我没有当兵",
                             by=cast.red_star_clerk)  # fmt: skip
    refused("role", statuses.answer, row, outcome="kept", text="无误", by=cast.east_officer)
    refused("outcome", statuses.answer, row, outcome="", text="无误", by=cast.county_officer)
    statuses.answer(row, outcome="upheld", text="名单有误，已更正", by=cast.county_officer)
    refused("answered", statuses.answer, row, outcome="kept", text="x", by=cast.county_officer)


# Papers

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


def test_a_paper_is_kept_sealed_and_goes_when_its_time_is_over(cast: Cast):
    person = cast.people["甲一"]
    paper = papers.attach(cast.year, person, file=SimpleUploadedFile("a.png", PNG),
                          title="入伍通知书", by=cast.red_star_clerk)  # fmt: skip
    assert b"".join(papers.look(paper, by=cast.county_officer)) == PNG
    assert AuditEvent.objects.filter(action="open_paper").count() == 1
    assert papers.forget() == 0
    kept = paper.stored
    assert kept in store.names()
    Paper.objects.filter(pk=paper.pk).update(keep_until=timezone.localdate() - timedelta(days=1))
    assert papers.forget() == 1
    paper.refresh_from_db()
    assert paper.deleted_at is not None
    refused("gone", papers.look, paper, by=cast.county_officer)
    assert kept not in store.names()


@pytest.mark.parametrize(
    "content",
    [b"", b"MZ\x90\x00", b"<svg onload=alert(1)>", b"PK\x03\x04", b"GIF89a", b" %PDF-1.7"],
)
def test_only_pictures_and_pdf_are_kept(cast: Cast, content):
    refused("file", papers.attach, cast.year, cast.people["甲一"],
            file=SimpleUploadedFile("照片.png", content), title="证",
            by=cast.red_star_clerk)  # fmt: skip
    assert not Paper.objects.exists()


def test_a_paper_has_a_size(cast: Cast, monkeypatch):
    monkeypatch.setattr(papers, "LIMIT", 50)
    refused("file", papers.attach, cast.year, cast.people["甲一"],
            file=SimpleUploadedFile("a.png", PNG), title="证", by=cast.red_star_clerk)  # fmt: skip


# Moves


def test_between_towns_one_side_proposes_and_the_other_agrees(cast: Cast):
    person = cast.people["甲一"]
    make_payment(person, cast.year)
    (row,) = moves.propose(cast.year, person, to=cast.bridge, reason="婚迁", by=cast.red_star_clerk)
    assert row.state == Relocation.State.OPEN
    refused("open", moves.propose, cast.year, person, to=cast.bridge, reason="x",
            by=cast.red_star_clerk)  # fmt: skip
    refused("side", moves.decide, row, agrees=True, text="", by=cast.east_officer)
    assert [one.pk for one in moves.waiting(cast.west_officer, county=cast.county)] == [row.pk]
    moves.decide(row, agrees=True, text="", by=cast.west_officer)
    person.refresh_from_db()
    assert person.village == cast.bridge
    assert (person.household, person.relation) == (None, "")
    assert Enrollment.objects.get().village == cast.bridge
    assert Payment.objects.get().village == cast.bridge
    assert Household.objects.get(number="H001").village == cast.red_star


def test_an_enrolment_with_a_place_of_its_own_stays(cast: Cast):
    person = cast.people["甲一"]
    make_payment(person, cast.year)
    Enrollment.objects.update(place_follows=False)
    moves.propose(cast.year, person, to=cast.bridge, reason="婚迁", by=cast.county_officer)
    assert Enrollment.objects.get().village == cast.red_star
    assert Payment.objects.get().village == cast.red_star


def test_what_a_settled_year_counted_stays_where_it_was(cast: Cast):
    """Its figures are printed; the open year's follow the person."""
    person = cast.people["甲一"]
    settled = PolicyYear.objects.create(county=cast.county, year=2023, state="settled")
    for year in (settled, cast.year):
        make_payment(person, year)
    moves.propose(cast.year, person, to=cast.bridge, reason="婚迁", by=cast.county_officer)
    for model in (Enrollment, Payment):
        assert model.objects.get(policy_year=settled).village == cast.red_star
        assert model.objects.get(policy_year=cast.year).village == cast.bridge


def test_a_household_moves_as_one_and_the_receiver_may_ask_for_it(cast: Cast):
    person = cast.people["甲一"]
    rows = moves.propose(cast.year, person, to=cast.bridge, reason="搬迁", whole_household=True,
                         by=cast.west_officer)  # fmt: skip
    assert {row.person.name for row in rows} == {"甲一", "甲二"}
    assert all(row.by_receiver for row in rows)
    moves.decide(rows[0], agrees=True, text="", by=cast.red_star_clerk)
    person.refresh_from_db()
    assert person.village == cast.bridge


def test_a_move_is_refused_with_a_reason_or_taken_back(cast: Cast):
    person = cast.people["甲一"]
    (row,) = moves.propose(cast.year, person, to=cast.bridge, reason="婚迁", by=cast.red_star_clerk)
    refused("missing", moves.decide, row, agrees=False, text="", by=cast.west_officer)
    moves.decide(row, agrees=False, text="人没有来", by=cast.west_officer)
    person.refresh_from_db()
    assert person.village == cast.red_star
    (row,) = moves.propose(cast.year, person, to=cast.bridge, reason="婚迁", by=cast.red_star_clerk)
    refused("cancel", moves.cancel, row, by=cast.west_officer)
    moves.cancel(row, by=cast.red_star_clerk)
    row.refresh_from_db()
    assert row.state == Relocation.State.CANCELLED


def test_a_town_s_officer_moves_inside_the_town_at_once_a_village_asks(cast: Cast):
    person = cast.people["甲一"]
    (row,) = moves.propose(cast.year, person, to=cast.willow, reason="婚迁", by=cast.red_star_clerk)
    assert row.state == Relocation.State.OPEN
    moves.cancel(row, by=cast.red_star_clerk)
    (row,) = moves.propose(cast.year, person, to=cast.willow, reason="婚迁", by=cast.east_officer)
    assert row.state == Relocation.State.DONE
    refused("area", moves.propose, cast.year, person, to=cast.red_star, reason="回迁",
            by=cast.west_officer)  # fmt: skip


def test_who_left_the_county_is_off_the_roll_and_stays_in_the_figures(cast: Cast):
    person = cast.people["甲一"]
    make_payment(person, cast.year)
    moves.leave(cast.year, person, on=date(2023, 10, 1), to="湖北省罗田县", by=cast.red_star_clerk)
    person.refresh_from_db()
    assert (person.on_roll_to, person.household) == (date(2023, 10, 1), None)
    assert Enrollment.objects.filter(person=person).exists()
    refused("off_roll", moves.leave, cast.year, person, on=date(2023, 10, 2), to="x",
            by=cast.red_star_clerk)  # fmt: skip
