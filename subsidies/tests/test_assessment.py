"""The county-year assessed: who stands in which table, with what, and what a second run does."""

import json
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command

from enrollment.failure import Failure
from enrollment.models import Enrollment, PolicyYear
from enrollment.models.rules import Fee, PopulationGroup, Tier, Window
from enrollment.tests.cast import Cast, make_payment
from subsidies import assessment, tasks
from subsidies.models import Entitlement, Estimate, ExtraHelp, Standard, Subsidy, SubsidyRule
from subsidies.tests.rules import category, tier


@pytest.fixture
def county(cast: Cast) -> Cast:
    """The cast's county with one tier of 380, a main window and Jinzhai's rule of timing."""
    tier(cast.year)
    Window.objects.create(
        policy_year=cast.year,
        name="集中参保缴费期",
        pays_from="2023-09-01",
        pays_to="2023-12-31",
        main=True,
        price="personal",
        start="fixed",
        start_on="2024-01-01",
        subsidised=True,
    )
    SubsidyRule.objects.create(
        policy_year=cast.year, identity="at_payment", difference_due=False, several="highest"
    )
    cast.low = category(cast.year, "低保对象", amount="342")  # type: ignore[attr-defined]
    cast.severe = category(cast.year, "重度残疾人", amount="190", by="县残联")  # type: ignore[attr-defined]
    return cast


def entitle(cast: Cast, name: str, kind, **fields) -> Entitlement:
    person = cast.people[name]
    cast.year.bump()
    return Entitlement.objects.create(
        policy_year=cast.year,
        person=person,
        category=kind,
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
        **fields,
    )


def test_the_estimate_is_over_lists_and_the_ledger_over_payers(county):
    entitle(county, "甲一", county.low)
    entitle(county, "乙一", county.low)
    make_payment(county.people["甲一"], county.year, "38.00")
    assessment.assess(county.year)
    assert Estimate.objects.count() == 2
    row = Subsidy.objects.get()
    assert (row.person.name, row.fee, row.subsidy, row.due, row.paid, row.difference) == (
        "甲一",
        Decimal(380),
        Decimal(342),
        Decimal(38),
        Decimal(38),
        Decimal(0),
    )
    assert (row.category, row.department, row.paid_on) == (
        county.low,
        "县民政局",
        date(2023, 11, 20),
    )
    assert "低保对象（县民政局认定）" in row.reason


def test_the_highest_identity_pays_and_the_other_is_told(county):
    entitle(county, "甲一", county.severe)
    entitle(county, "甲一", county.low)
    assessment.assess(county.year)
    row = Estimate.objects.get()
    assert (row.category, row.subsidy) == (county.low, Decimal(342))
    assert "同时属于重度残疾人，按就高由低保对象资助" in row.reason


def test_who_has_left_the_lists_is_not_estimated(county):
    entitle(county, "甲一", county.low, removed_on=date(2023, 10, 1))
    assessment.assess(county.year)
    assert not Estimate.objects.exists()


def test_without_the_grant_of_the_difference_a_late_identity_brings_nothing(county):
    entitle(county, "甲一", county.low, recognised_on=date(2023, 12, 1))
    make_payment(county.people["甲一"], county.year, "380.00")
    assessment.assess(county.year)
    row = Subsidy.objects.get()
    assert (row.subsidy, row.difference, row.recognised_after) == (0, 0, False)
    assert "缴费时尚未认定" in row.reason


def test_where_the_policy_grants_it_the_difference_is_due(county):
    """Yueyang: 190 to give back (C48)."""
    SubsidyRule.objects.update(identity="within_window", difference_due=True)
    entitle(county, "甲一", county.severe, recognised_on=date(2023, 12, 1))
    make_payment(county.people["甲一"], county.year, "380.00")
    assessment.assess(county.year)
    row = Subsidy.objects.get()
    assert (row.subsidy, row.due, row.difference, row.recognised_after) == (190, 190, 190, True)


def test_extra_help_is_capped_at_what_is_left_to_pay(county):
    entitle(county, "甲一", county.low)
    person = county.people["甲一"]
    ExtraHelp.objects.create(
        policy_year=county.year,
        person=person,
        giver="红星村集体",
        amount=100,
        recorded_by=county.county_officer,
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
    )
    make_payment(person, county.year, "0.00")
    assessment.assess(county.year)
    row = Subsidy.objects.get()
    assert (row.subsidy, row.due, row.extra, row.difference) == (342, 38, 38, 0)


def test_the_tier_is_read_from_the_money_where_none_is_on_record(county):
    """云阳: 低保 pays 38 in the first tier, 375 in the second."""
    second = Tier.objects.create(policy_year=county.year, name="二档", order=1)
    Fee.objects.create(
        policy_year=county.year,
        tier=second,
        group=PopulationGroup.objects.get(policy_year=county.year),
        personal=755,
    )
    Standard.objects.create(
        policy_year=county.year, category=county.low, tier=second, method="fixed", amount=380
    )
    for name, paid in (("甲一", "38.00"), ("乙一", "375.00"), ("丙一", "100.00")):
        entitle(county, name, county.low)
        make_payment(county.people[name], county.year, paid)
    Enrollment.objects.filter(person=county.people["丙一"]).update(tier=second)
    assessment.assess(county.year)
    told = {
        row.person.name: (row.tier.order, row.difference)
        for row in Subsidy.objects.select_related("person", "tier")
    }
    assert told == {"甲一": (0, 0), "乙一": (1, 0), "丙一": (1, -275)}
    assert "档次没有登记" in Subsidy.objects.get(person=county.people["乙一"]).reason


def test_only_what_differs_is_written(county):
    entitle(county, "甲一", county.low)
    one = entitle(county, "乙一", county.severe)
    make_payment(county.people["甲一"], county.year, "38.00")
    first = assessment.assess(county.year)
    assert (first.estimate.added, first.settled.added) == (2, 1)
    again = assessment.assess(county.year)
    assert again.estimate == again.settled == assessment.Written(0, 0, 0)
    one.delete()
    Standard.objects.filter(category=county.low).update(amount=300)
    third = assessment.assess(county.year)
    assert (third.estimate.changed, third.estimate.removed, third.settled.changed) == (1, 1, 1)


def test_the_tick_finds_the_years_that_are_behind(county):
    entitle(county, "甲一", county.low)
    tasks.assess_waiting()
    county.year.refresh_from_db()
    assert county.year.assessed_revision == county.year.revision > 0
    assert Estimate.objects.count() == 1
    assert county.year not in assessment.waiting()
    county.year.bump()
    tasks.assess_year(county.year.pk)
    county.year.refresh_from_db()
    assert county.year.assessed_revision == county.year.revision


def test_a_settled_year_is_frozen(county):
    PolicyYear.objects.filter(pk=county.year.pk).update(state="settled")
    county.year.refresh_from_db()
    with pytest.raises(Failure, match="已经固定"):
        assessment.assess(county.year)
    assert county.year not in assessment.waiting()


def test_the_command_tells_counts_and_totals(county):
    entitle(county, "甲一", county.low)
    make_payment(county.people["甲一"], county.year, "38.00")
    out = StringIO()
    call_command("assess", county="990001", year=2024, json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert told["estimate"]["people"] == told["settled"]["people"] == 1
    assert told["estimate"]["amount"] == told["settled"]["amount"] == "342.00"
    assert told["settled"]["categories"] == [
        {"category": "低保对象", "department": "县民政局", "people": 1, "amount": "342.00"}
    ]
    assert (told["settled"]["paid"], told["settled"]["short"]) == ("38.00", 0)


def test_the_quote_command_answers_as_agreed(county):
    out = StringIO()
    call_command("quote", county="990001", year=2024, category=["低保对象"], json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert list(told) == [
        "allowed", "fee", "fiscal", "subsidy", "due", "category", "department", "benefit_from",
        "benefit_to", "reason", "rules", "not_stated",
    ]  # fmt: skip
    assert (told["allowed"], told["fee"], told["fiscal"]) == (True, "380.00", "640.00")
    assert (told["subsidy"], told["due"], told["category"]) == ("342.00", "38.00", "低保对象")
    assert told["benefit_from"] == "2024-01-01"


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ({"tier": "三档"}, "unknown_tier"),
        ({"category": ["五保"]}, "unknown_category"),
        ({"event": "出国"}, "unknown_event"),
        ({"attribute": ["返乡"]}, "unknown_attribute"),
        ({"paid_on": "2024-13-01"}, "bad_date"),
    ],
)
def test_the_quote_command_names_what_it_does_not_know(county, option, code):
    with pytest.raises(Failure) as refused:
        call_command("quote", county="990001", year=2024, **option)
    assert refused.value.code == code


def test_on_no_list_only_a_wrong_amount_brings_somebody_into_the_ledger(county):
    """C61: who pays less than the fee without an identity has to be looked at."""
    make_payment(county.people["甲一"], county.year, "190.00")
    make_payment(county.people["甲二"], county.year, "380.00")
    make_payment(county.people["乙一"], county.year, "190.00")
    make_payment(county.people["乙一"], county.year, "190.00", when="2023-11-21 10:00")
    make_payment(county.people["丙一"], county.year, "0.00")
    assessment.assess(county.year)
    found = Subsidy.objects.values_list("person__name", "subsidy", "due", "difference", "category")
    assert set(found) == {("甲一", 0, 380, -190, None), ("丙一", 0, 380, -380, None)}
    assert not Estimate.objects.exists()
    assert assessment.assess(county.year).settled == assessment.Written(0, 0, 0)
    make_payment(county.people["甲一"], county.year, "190.00", when="2023-11-22 10:00")
    assessment.assess(county.year)
    assert [row.person.name for row in Subsidy.objects.all()] == ["丙一"]
