"""待核查: sent in bulk, answered beside the ledger, recalled, closed by hand or by itself."""

import pytest

from enrollment.failure import Failure
from enrollment.models import AuditEvent, PolicyYear
from enrollment.tests.cast import make_payment
from subsidies import assessment, checks
from subsidies.models import AmountCheck, CheckAnswer, Entitlement
from subsidies.tests.test_overlap import hold
from subsidies.tests.test_pages_ledger import county  # noqa: F401


def told(cast, viewer=None) -> tuple[int, ...]:
    found = checks.counts(cast.year, cast.county, viewer=viewer or cast.county_officer)
    return tuple(found[state] for state in checks.State.values)


def send(cast) -> int:
    return checks.send(cast.year, cast.county, by=cast.county_officer)


def test_only_what_disagrees_is_sent_and_once(county):  # noqa: F811
    assert told(county) == (2, 0, 0, 0)
    assert send(county) == 2
    assert told(county) == (0, 2, 0, 0)
    with pytest.raises(Failure):
        send(county)
    one = AmountCheck.objects.get(person=county.people["乙一"])
    assert (one.due, one.paid, one.difference, one.village) == (38, 190, 152, county.willow)


def test_a_village_sees_and_answers_its_own_and_the_county_decides(county):  # noqa: F811
    send(county)
    clerk = county.red_star_clerk
    mine = checks.sent(county.year, county.red_star, "sent", viewer=clerk)
    assert [one.person.name for one in mine] == ["甲二"]
    assert told(county, county.west_officer) == (0, 0, 0, 0)
    assert checks.waiting_for(county.year, county.red_star, viewer=clerk) == 1
    checks.answer(mine[0], finding="list_lacks", text="低保证在家", by=clerk)
    assert told(county) == (0, 1, 1, 0)
    assert checks.waiting_for(county.year, county.county, viewer=county.county_officer) == 1
    with pytest.raises(Failure):
        checks.close(county.year, county.county, by=clerk, checks=[mine[0].pk])


def test_a_further_answer_stands_after_the_first_and_none_can_be_changed(county):  # noqa: F811
    send(county)
    one = AmountCheck.objects.get(person=county.people["甲二"])
    checks.answer(one, finding="list_lacks", by=county.red_star_clerk)
    checks.answer(one, finding="short", text="已通知补缴", by=county.east_officer)
    answers = list(CheckAnswer.objects.filter(of=one).values_list("finding", flat=True))
    assert answers == ["list_lacks", "short"]
    with pytest.raises(Failure, match="写明"):
        checks.answer(one, finding="other", by=county.red_star_clerk)
    with pytest.raises(Exception, match="append_only"):
        CheckAnswer.objects.filter(of=one).update(text="改")


def test_recalled_it_is_unsent_again_and_its_answers_stay(county):  # noqa: F811
    send(county)
    one = AmountCheck.objects.get(person=county.people["甲二"])
    checks.answer(one, finding="short", by=county.red_star_clerk)
    done = checks.recall(county.year, county.county, by=county.county_officer, checks=[one.pk])
    assert done == 1
    assert told(county) == (1, 1, 0, 0)
    with pytest.raises(Failure, match="收回"):
        checks.answer(one, finding="short", by=county.red_star_clerk)
    send(county)
    again = AmountCheck.objects.open().get(person=county.people["甲二"])
    assert [len(past.answers.all()) for past in checks.history(again)] == [0, 1]


def test_closed_by_hand_it_does_not_come_back_until_the_amount_is_another(county):  # noqa: F811
    send(county)
    one = AmountCheck.objects.get(person=county.people["甲二"])
    checks.close(
        county.year, county.county, by=county.county_officer, checks=[one.pk], conclusion="下年处理"
    )
    assessment.assess(county.year)
    assert told(county) == (0, 1, 0, 1)
    make_payment(county.people["甲二"], county.year, "100.00", when="2023-11-25 10:00")
    assessment.assess(county.year)
    assert told(county) == (1, 1, 0, 1)


def test_an_assessment_that_resolves_it_closes_it_and_says_so(county):  # noqa: F811
    send(county)
    hold(county.people["甲二"], county.year.category_set.get(name="监测对象"))
    assessment.assess(county.year)
    one = AmountCheck.objects.get(person=county.people["甲二"])
    assert (one.closed, one.get_closed_display()) == ("resolved", "重新核定后已一致")
    assert told(county) == (0, 1, 0, 1)
    assert AuditEvent.objects.get(action="resolve_checks").details["people"] == 1
    assert AmountCheck.objects.open().get().person.name == "乙一"


def test_where_the_policy_no_longer_says_what_is_due_the_question_stays(county):  # noqa: F811
    send(county)
    rule = county.year.subsidyrule_set.get()
    rule.identity = None
    rule.save()
    Entitlement.objects.filter(person=county.people["乙一"]).update(recognised_on="2023-12-20")
    assessment.assess(county.year)
    assert AmountCheck.objects.open().filter(person=county.people["乙一"]).exists()


def test_what_the_policy_gives_back_is_no_disagreement(county):  # noqa: F811
    rule = county.year.subsidyrule_set.get()
    rule.identity, rule.difference_due = "within_window", True
    rule.save()
    Entitlement.objects.filter(person=county.people["乙一"]).update(recognised_on="2023-12-20")
    assessment.assess(county.year)
    found = checks.mismatches(county.year, county.county, viewer=None)
    assert [row.person.name for row in found] == ["甲二"]


def test_a_closed_year_sends_nothing(county):  # noqa: F811
    PolicyYear.objects.filter(pk=county.year.pk).update(state="closed")
    with pytest.raises(Failure, match="已关闭，不能再下发核查"):
        send(county)
