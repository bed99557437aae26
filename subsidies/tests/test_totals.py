"""测算与结算: two tables side by side, laid on their purses, open to names; as a file."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models import Person
from enrollment.models.rules import Tier
from enrollment.tests.cast import Cast, make_payment
from subsidies import assessment, totals
from subsidies.models import Category, FundingPart, Standard, Subsidy
from subsidies.tests import test_zero
from subsidies.words import Words

county = test_zero.county
PAGE = reverse("subsidies:totals", args=["990001", 2024])


@pytest.fixture
def paid(county: Cast) -> Cast:
    """特困: 甲一, 丙一 expected; 低保: 乙一 expected and paid. 低保 is borne 70 to 30."""
    make_payment(county.people["乙一"], county.year, "38.00")
    low = Standard.objects.get(category=county.low)
    FundingPart.objects.create(standard=low, fund="中央财政", share=70, order=1)
    FundingPart.objects.create(standard=low, fund="县财政", share=30, order=2)
    assessment.assess(county.year)
    return county


def test_expected_and_real_stand_side_by_side(paid):
    found = totals.lines(paid.year, paid.county, viewer=None, words=Words(paid.year, None))
    told = {
        one.identity: (one.estimate.people, one.estimate.amount, one.settled.people)
        for one in found
    }
    assert told == {"特困人员": (2, Decimal(760), 0), "低保对象": (1, Decimal(342), 1)}
    estimate, settled = totals.summed(found)
    assert (estimate.amount, settled.amount) == (1102, 342)
    assert settled.funds == {"中央财政": Decimal("239.40"), "县财政": Decimal("102.60")}
    assert estimate.funds[totals.NOT_STATED] == 760


def test_purses_add_up_to_the_amount(paid):
    FundingPart.objects.filter(fund="中央财政").update(share=Decimal("33.33"))
    FundingPart.objects.filter(fund="县财政").update(share=Decimal("66.67"))
    found = totals.lines(paid.year, paid.county, viewer=None, words=Words(paid.year, None))
    _, settled = totals.summed(found)
    assert sum(settled.funds.values()) == settled.amount
    assert totals.NOT_STATED not in settled.funds


def test_the_page_opens_to_the_ledger(paid, signed_in, django_assert_max_num_queries):
    browser = signed_in(paid.county_officer)
    with django_assert_max_num_queries(34):
        answer = browser.get(PAGE)
    assert "测算资助 3 人 1,102.00 元；按实际缴费结算 1 人 342.00 元" in answer.context["answer"]
    page = answer.content.decode()
    assert "basis=estimate&amp;category=%E7%89%B9%E5%9B%B0" in page and "东风镇" in page
    below = signed_in(paid.west_officer).get(PAGE)
    assert "测算资助 1 人 380.00 元" in below.context["answer"]


def test_below_the_county_a_sensitive_identity_and_its_purse_are_hidden(paid, signed_in):
    Category.objects.filter(pk=paid.low.pk).update(sensitive=True, public_word="困难家庭")
    browser = signed_in(paid.east_officer)
    assert "低保对象" not in browser.get(PAGE).content.decode()
    answer = browser.get(reverse("subsidies:totals-export", args=["990001", 2024]))
    lines = list(load_workbook(BytesIO(answer.getvalue())).active.iter_rows(values_only=True))
    row = next(dict(zip(lines[2], line, strict=True)) for line in lines if line[1] == "困难家庭")
    assert (row["测算人数"], row["结算资助金额"]) == (1, 342)
    assert not row["测算资金来源"] and not row["结算资金来源"]


def test_no_purse_of_a_hidden_identity_stands_on_a_town_s_page(paid, signed_in):
    Category.objects.filter(pk=paid.low.pk).update(sensitive=True, public_word="困难家庭")
    page = signed_in(paid.east_officer).get(PAGE)
    assert "中央财政" not in page.content.decode()
    assert totals.HIDDEN in [one["fund"] for one in page.context["funds"]]
    assert "中央财政" in signed_in(paid.county_officer).get(PAGE).content.decode()


def test_a_figure_opens_to_the_people_of_its_tier(paid, signed_in):
    second = Tier.objects.create(policy_year=paid.year, name="二档", order=9)
    one = Subsidy.objects.filter(policy_year=paid.year, subsidy__gt=0).first()
    other = Person.objects.exclude(pk=one.person_id).filter(county=paid.county).first()
    Subsidy.objects.filter(policy_year=paid.year).exclude(pk=one.pk).delete()
    one.pk, one.person, one.tier = None, other, second
    one.save()
    browser = signed_in(paid.county_officer)
    told = browser.get(PAGE).context["lines"]
    assert len(told) > 1
    for line in told:
        if figure := line["line"].settled.people:
            ledger = browser.get(line["settled_url"])
            assert ledger.context["page"].paginator.count == figure
            assert next(tab["count"] for tab in ledger.context["tabs"] if tab["active"]) == figure
