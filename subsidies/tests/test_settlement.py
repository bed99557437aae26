"""年度结算: after it no row of the ledger changes, whatever comes; undoing needs a reason."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from enrollment import roster
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.tests.cast import Cast, id_number, make_payment
from enrollment.tests.handing import put_in, read
from subsidies import assessment, declarations, differences, settlement, tasks
from subsidies.models import Settlement, Standard, Subsidy
from subsidies.tests import test_differences
from subsidies.tests.test_overlap import hold

county = test_differences.county
PAGE = reverse("subsidies:settlement", args=["990001", 2024])
PAID = "2023-11-25 10:00:00"


def settle(county: Cast, **more) -> Settlement:
    return settlement.settle(county.year, by=county.county_officer, confirmed=True, **more)


def test_what_is_open_is_listed_and_asks_for_a_confirmation(county):
    left = {one.key: one.count for one in settlement.open_items(county.year)}
    assert (left["differences"], left["stale"], left["questions"]) == (3, 0, 0)
    with pytest.raises(Failure, match="退补差没有结清 3"):
        settlement.settle(county.year, by=county.county_officer)
    county.year.refresh_from_db()
    assert county.year.state == "active"


def test_settling_assesses_once_more_and_writes_down_who_and_what(county):
    hold(county.people["甲二"], county.low)
    make_payment(county.people["甲二"], county.year, "38.00")
    made = settle(county, note="与财政一致")
    assert Subsidy.objects.filter(person=county.people["甲二"]).exists()
    assert made.settled_by == county.county_officer
    assert made.figures["totals"]["people"] == 4
    assert made.figures["open"] == {"退补差没有结清": 3}
    assert made.checksum == settlement.checksum(county.year)


def test_after_settling_nothing_changes_the_ledger(county):
    """A roster that waited, one that comes, one to be withdrawn, a rule, a declaration."""
    number = id_number(22, birth="20100506")
    applied = put_in(
        county, "payments", [["乙一", id_number(3, birth="19751231"), "", 1, PAID, "S1"]]
    )
    waiting = read(county, "payments", [["甲二", number, "", "38", PAID, "S2"]])
    made = settle(county)
    county.year.refresh_from_db()
    for refused in (
        lambda: roster.apply(waiting, by=county.county_officer, confirmed=True),
        lambda: roster.withdraw(applied, by=county.county_officer),
        lambda: read(county, "payments", [["甲二", number, "", "38", PAID, "S3"]]),
        lambda: declarations.withdraw(county.year, [1], by=county.county_officer, reason="错"),
    ):
        with pytest.raises(Failure, match="已结算"):
            refused()
    Standard.objects.filter(category=county.low).update(amount=300)
    hold(county.people["甲二"], county.low)
    make_payment(county.people["甲二"], county.year, "38.00")
    county.year.refresh_from_db()
    with pytest.raises(Failure, match="已经固定"):
        assessment.assess(county.year)
    tasks.assess_waiting()
    tasks.assess_year(county.year.pk)
    assert settlement.checksum(county.year) == made.checksum


def test_an_assessment_that_waited_for_the_settling_writes_nothing(county):
    """It read the year's state before, and is told again once it has the lock."""
    stale = PolicyYear.objects.get(pk=county.year.pk)
    settle(county)
    assert stale.state == "active"
    with pytest.raises(Failure, match="已经固定"):
        assessment.assess(stale)


def test_only_a_year_in_force_is_settled_once_and_by_the_county(county):
    with pytest.raises(Failure, match="县级"):
        settlement.settle(county.year, by=county.east_officer, confirmed=True)
    settle(county)
    with pytest.raises(Failure, match="只有执行中的年度"):
        settle(county)


def test_undone_with_a_reason_the_year_follows_its_lists_again(county):
    settle(county)
    with pytest.raises(Failure, match="写明撤销"):
        settlement.unsettle(county.year, by=county.county_officer, reason="")
    settlement.unsettle(county.year, by=county.county_officer, reason="漏了一份名单")
    assert Settlement.objects.get().undone_reason == "漏了一份名单"
    assert settlement.current(county.year) is None
    Standard.objects.filter(category=county.low).update(amount=300)
    tasks.assess_waiting()
    assert Subsidy.objects.get(person=county.people["丙一"]).subsidy == 300


def test_differences_are_paid_out_after_it_and_the_ledger_stays(county):
    made = settle(county)
    differences.settle(
        county.year, county.county, people=[county.people["甲一"].pk],
        on=test_differences.ON, document="第9批", by=county.county_officer,
    )  # fmt: skip
    assert settlement.checksum(county.year) == made.checksum


def test_the_checksum_sees_every_column(county):
    before = settlement.checksum(county.year)
    Subsidy.objects.filter(person=county.people["甲一"]).update(cites="别处")
    assert settlement.checksum(county.year) != before


def test_the_page_asks_and_does(county, signed_in, django_assert_max_num_queries):
    browser = signed_in(county.county_officer)
    with django_assert_max_num_queries(40):
        page = browser.get(PAGE).content.decode()
    assert "还没有结算" in page and "退补差没有结清" in page
    told = browser.post(PAGE, {"do": "settle"}, follow=True).content.decode()
    assert "还有未办结的事项" in told
    told = browser.post(PAGE, {"do": "settle", "confirmed": "on"}, follow=True).content.decode()
    assert "2024 年度已结算" in told and "县经办" in told
    below = signed_in(county.east_officer).get(PAGE).content.decode()
    assert "已结算" in below and 'value="undo"' not in below
    told = browser.post(PAGE, {"do": "undo", "reason": "重算"}, follow=True).content.decode()
    assert "已撤销 2024 年度的结算" in told and "重算" in told


def test_the_command_shows_first_and_settles_with_apply(county):
    def run(**options):
        out = StringIO()
        call_command("settle_year", county="990001", year=2024, json=True, stdout=out, **options)
        return json.loads(out.getvalue())

    told = run()
    assert (told["state"], told["open"]["differences"]) == ("active", 3)
    with pytest.raises(Failure) as refused:
        run(apply=True)
    assert refused.value.code == "confirmation_needed"
    told = run(apply=True, yes=True)
    assert told["state"] == "settled"
    assert told["checksum"] == settlement.checksum(county.year)
    assert run(apply=True, undo=True, reason="重算")["state"] == "active"
