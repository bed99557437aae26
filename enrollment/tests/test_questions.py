"""Open questions: what is counted, who sees it, what an answer does."""

import pytest

from enrollment import questions
from enrollment.failure import Failure
from enrollment.models import AuditEvent, Enrollment, Payment, Person, PolicyYear, Question
from enrollment.tests.cast import make_payment, make_person, make_status, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def differs(cast):
    """A list calls 甲一 甲壹."""
    return Question.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        kind="name_differs",
        person=cast.people["甲一"],
        text="姓名与在册不一致",
        given="甲壹",
        known="甲一",
    )


@pytest.fixture
def lost(cast):
    """无名 has paid and stands in 未落实 of 东风镇; of 迷路, in the county's, nothing is left."""
    lost = make_person(cast.east_unplaced, "无名", on_roll_from=None)
    make_payment(lost, cast.year, serial="S9")
    PolicyYear.objects.update(revision=0)
    return lost, make_person(cast.unplaced, "迷路", on_roll_from=None)


def counted(cast, region, viewer):
    return questions.counts(cast.year, region, viewer=viewer)


def test_counts_per_unit_and_kind(cast, differs, lost):
    make_status(cast.people["甲一"], cast.kinds["服役"])
    make_status(cast.people["甲二"], cast.kinds["服役"])
    make_payment(cast.people["甲一"], cast.year)
    assert counted(cast, cast.county, cast.county_officer) == {
        cast.east.pk: {"name_differs": 1, "unplaced": 1, "deducted_insured": 1},
    }
    assert counted(cast, cast.east, cast.east_officer) == {
        cast.red_star.pk: {"name_differs": 1, "deducted_insured": 1},
        cast.east_unplaced.pk: {"unplaced": 1},
    }
    for viewer in (cast.stranger, cast.west_officer, cast.administrator, cast.nobody):
        assert counted(cast, cast.county, viewer) == {}


def test_somebody_enrolled_in_no_village_is_unplaced_there(cast):
    make_payment(cast.people["甲一"], cast.year)
    unplaced = {"town": cast.west, "village": cast.west_unplaced}
    Enrollment.objects.update(**unplaced)
    assert counted(cast, cast.county, cast.county_officer) == {cast.west.pk: {"unplaced": 1}}


class TestAnswer:
    def test_keeping_the_known_name(self, cast, differs):
        questions.answer(differs, text="查户口簿", decision="keep", by=cast.east_officer)
        differs.refresh_from_db()
        assert differs.answer == "同一人，姓名以在册为准。查户口簿"
        assert differs.answered_by == cast.east_officer
        assert Person.objects.get(pk=differs.person_id).name == "甲一"
        assert AuditEvent.objects.get().person_id == differs.person_id

    def test_taking_the_given_name_corrects_the_person(self, cast, differs):
        questions.answer(differs, text="查身份证", decision="take", by=cast.county_officer)
        assert Person.objects.get(pk=differs.person_id).name == "甲壹"
        assert PolicyYear.objects.get(pk=cast.year.pk).revision == 1

    def test_the_same_question_of_another_year_goes_with_it(self, cast, differs):
        other = PolicyYear.objects.create(county=cast.county, year=2023, state="history")
        copy = Question.objects.get(pk=differs.pk)
        copy.pk, copy.policy_year = None, other
        copy.save()
        questions.answer(differs, text="查身份证", decision="take", by=cast.county_officer)
        assert not Question.objects.open().exists()

    @pytest.mark.parametrize(
        ("text", "decision", "sentence"),
        [
            ("", "keep", "结论"),
            ("x", "", "选择一种结论"),
            ("x", "both", "选择一种结论"),
            ("x" * 300, "keep", "280"),
        ],
    )
    def test_refused(self, cast, differs, text, decision, sentence):
        with pytest.raises(Failure, match=sentence):
            questions.answer(differs, text=text, decision=decision, by=cast.county_officer)

    def test_only_once_and_only_by_those_who_may(self, cast, differs):
        for user in (cast.red_star_clerk, cast.county_viewer, cast.auditor):
            with pytest.raises(Failure, match="不能核实"):
                questions.answer(differs, text="x", decision="keep", by=user)
        questions.answer(differs, text="查户口簿", decision="keep", by=cast.county_officer)
        with pytest.raises(Failure, match="已由县经办核实"):
            questions.answer(differs, text="x", decision="take", by=cast.east_officer)

    def test_a_name_changed_meanwhile_is_not_overwritten(self, cast, differs):
        Person.objects.filter(pk=differs.person_id).update(name="甲三")
        with pytest.raises(Failure, match="甲三"):
            questions.answer(differs, text="x", decision="take", by=cast.county_officer)


class TestPlace:
    def test_a_person_and_what_stands_with_them_get_a_village(self, cast, lost):
        person, other = lost
        assert questions.place([person.pk], village=cast.willow, by=cast.east_officer) == 1
        assert Person.objects.get(pk=person.pk).village == cast.willow
        for model in (Enrollment, Payment):
            row = model.objects.get(person=person)
            assert (row.village, row.town, row.county) == (cast.willow, cast.east, cast.county)
        assert Person.objects.get(pk=other.pk).village == cast.unplaced
        assert PolicyYear.objects.get(pk=cast.year.pk).revision == 1
        with pytest.raises(Failure, match="勾选"):
            questions.place([person.pk], village=cast.red_star, by=cast.east_officer)

    def test_what_has_a_village_keeps_it(self, cast):
        make_payment(cast.people["甲一"], cast.year)
        Person.objects.filter(pk=cast.people["甲一"].pk).update(village=cast.east_unplaced)
        questions.place([cast.people["甲一"].pk], village=cast.willow, by=cast.county_officer)
        assert Enrollment.objects.get().village == cast.red_star
        assert Person.objects.get(pk=cast.people["甲一"].pk).village == cast.willow

    def test_only_within_ones_area(self, cast, lost):
        for village in (cast.bridge, cast.east_unplaced, cast.neighbour_village, cast.east):
            with pytest.raises(Failure, match="辖区"):
                questions.place([lost[0].pk], village=village, by=cast.east_officer)
        with pytest.raises(Failure, match="勾选"):
            questions.place([lost[1].pk], village=cast.willow, by=cast.east_officer)
        with pytest.raises(Failure, match="岗位"):
            questions.place([lost[0].pk], village=cast.red_star, by=cast.red_star_clerk)
