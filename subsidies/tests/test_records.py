"""属性登记 and 情形登记: recorded, verified, taken back; the quote and the ledger follow."""

from datetime import date

import pytest
from django.apps import apps
from django.urls import reverse

from enrollment.failure import Failure
from enrollment.models import AuditEvent, EventRule, PolicyYear
from enrollment.models.rules import Attribute, Window
from enrollment.tests.cast import Cast, make_payment
from subsidies import assessment, case, quote, records
from subsidies.models import AttributeRecord, EventRecord, Subsidy, SubsidyRule
from subsidies.tests.rules import category, tier
from subsidies.tests.test_overlap import hold

RETURNING = "春节返乡的外出务工人员"


@pytest.fixture
def county(cast: Cast) -> Cast:
    """A window for all, one for returning migrants, a break of 90 days, and objective reasons."""
    tier(cast.year)
    returning = Attribute.objects.create(
        policy_year=cast.year, name=RETURNING, evidence="本人声明", order=1
    )
    common = {"policy_year": cast.year, "price": "personal"}
    Window.objects.create(
        **common, name="集中参保缴费期", pays_from="2023-09-01", pays_to="2023-12-31", main=True,
        start="fixed", start_on="2024-01-01", subsidised=True, order=1,
    )  # fmt: skip
    Window.objects.create(
        **common, name="延长期", pays_from="2024-01-01", pays_to="2024-02-28", start="next_day",
        attribute=returning, subsidised=True, order=2,
    )  # fmt: skip
    EventRule.objects.create(
        **common, name="职工医保断保", event_date_name="断保日期", within_days=90,
        start="event_date", evidence="参保凭证", subsidised=True, order=1,
    )  # fmt: skip
    EventRule.objects.create(
        **common, name="客观原因未参保", needs_verification=True, start="payment_day",
        subsidised=True, order=2,
    )  # fmt: skip
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    hold(cast.people["甲一"], category(cast.year, "低保对象", amount="342"))
    return cast


def event(cast: Cast, name: str) -> EventRule:
    return EventRule.objects.get(policy_year=cast.year, name=name)


def asked(cast: Cast, on: str) -> quote.Quote:
    of = case.of_person(cast.year, cast.people["甲一"], paid_on=date.fromisoformat(on))
    return quote.quote(cast.year, of)


def revision(cast: Cast) -> int:
    return PolicyYear.objects.get(pk=cast.year.pk).revision


def test_an_attribute_opens_the_window_that_asks_for_it(county):
    """C11: without the record 15 February is 政策未规定, with it the extension applies."""
    assert asked(county, "2024-02-15").allowed is None
    before = revision(county)
    made = records.record_attribute(
        county.year, county.people["甲一"], Attribute.objects.get(), evidence="本人声明",
        by=county.red_star_clerk,
    )  # fmt: skip
    assert revision(county) > before
    answer = asked(county, "2024-02-15")
    assert (answer.allowed, answer.due, answer.benefit_from) == (True, 38, date(2024, 2, 16))
    records.remove(made, reason="不是本人", by=county.red_star_clerk)
    assert asked(county, "2024-02-15").allowed is None
    history = apps.get_model("subsidies", "AttributeRecordEvent").objects.get()
    assert (history.pgh_label, history.evidence) == ("delete", "本人声明")
    actions = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["record_attribute", "remove_attribute"]


def test_the_ledger_follows_a_record(county):
    make_payment(county.people["甲一"], county.year, "38.00", when="2024-02-15 10:00")
    assessment.assess(county.year)
    assert Subsidy.objects.get().difference is None
    records.record_attribute(
        county.year, county.people["甲一"], Attribute.objects.get(), evidence="名单",
        by=county.county_officer,
    )  # fmt: skip
    assert county.year in assessment.waiting()
    assessment.catch_up(county.year)
    assert Subsidy.objects.get().difference == 0


def test_a_case_that_asks_verification_holds_only_once_verified(county):
    """C56, by somebody else than whoever recorded it; the county may verify anything."""
    made = records.record_event(
        county.year, county.people["甲一"], event(county, "客观原因未参保"), evidence="住院证明",
        by=county.east_officer,
    )  # fmt: skip
    assert asked(county, "2024-05-01").allowed is None
    for who in (county.red_star_clerk, county.east_officer, county.county_viewer):
        with pytest.raises(Failure):
            records.verify_event(made, by=who)
    records.verify_event(made, by=county.county_officer)
    assert asked(county, "2024-05-01").due == 38
    made.refresh_from_db()
    assert made.verified_by == county.county_officer
    with pytest.raises(Failure, match="已经核实"):
        records.verify_event(made, by=county.county_officer)
    with pytest.raises(Failure, match="撤销"):
        records.remove(made, reason="错了", by=county.red_star_clerk)
    records.remove(made, reason="错了", by=county.county_officer)
    assert asked(county, "2024-05-01").allowed is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"event_date": None}, "断保日期"),
        ({"event_date": date(2999, 1, 1)}, "还没有到"),
        ({"evidence": " "}, "参保凭证"),
        ({"evidence": "长" * 201}, "200 字"),
    ],
)
def test_what_is_missing_is_said(county, wrong, message):
    given = {"event_date": date(2024, 1, 10), "evidence": "凭证"} | wrong
    with pytest.raises(Failure, match=message):
        records.record_event(
            county.year, county.people["甲一"], event(county, "职工医保断保"),
            by=county.red_star_clerk, **given,
        )  # fmt: skip
    assert not EventRecord.objects.exists()


def test_one_case_a_year_and_none_in_a_settled_one(county):
    given = {"event_date": date(2024, 1, 10), "evidence": "凭证", "by": county.red_star_clerk}
    broken = event(county, "职工医保断保")
    records.record_event(county.year, county.people["甲一"], broken, **given)
    assert asked(county, "2024-04-09").due == 38
    with pytest.raises(Failure, match="先撤销"):
        records.record_event(county.year, county.people["甲一"], broken, **given)
    PolicyYear.objects.filter(pk=county.year.pk).update(state="settled")
    with pytest.raises(Failure, match="不能再改登记"):
        records.record_event(county.year, county.people["甲二"], broken, **given)


# On the person's page


def panel(cast: Cast) -> str:
    return reverse("subsidies:quotes-person", args=["990001", 2024, cast.people["甲一"].pk])


def act(cast: Cast) -> str:
    return reverse("subsidies:records", args=["990001", 2024, cast.people["甲一"].pk])


def test_a_clerk_records_and_takes_back_on_the_page(county, signed_in):
    browser = signed_in(county.red_star_clerk)
    assert "登记属性" in browser.get(panel(county)).content.decode()
    answer = browser.post(
        act(county), {"act": "attribute", "name": RETURNING, "evidence": "本人声明"}, follow=True
    )
    assert "已登记春节返乡的外出务工人员；应缴和台账随之重新核定" in answer.content.decode()
    page = browser.get(panel(county)).content.decode()
    assert "本人声明" in page
    record = AttributeRecord.objects.get()
    browser.post(act(county), {"act": "remove-attribute", "record": record.pk, "reason": ""})
    assert AttributeRecord.objects.exists()
    browser.post(act(county), {"act": "remove-attribute", "record": record.pk, "reason": "有误"})
    assert not AttributeRecord.objects.exists()


def test_what_cannot_be_done_says_why_and_changes_nothing(county, signed_in):
    browser = signed_in(county.red_star_clerk)
    for given, message in (
        ({"act": "event", "name": "没有的情形"}, "请选择要登记的情形"),
        ({"act": "event", "name": "职工医保断保", "event_date": "2024-02-31"}, "没有这一天"),
        ({"act": "verify", "record": "7"}, "已不在"),
        ({"act": "x"}, "没有这种办理"),
    ):
        page = browser.post(act(county), given, follow=True).content.decode()
        assert message in page
    assert not EventRecord.objects.exists()


def test_the_page_offers_verification_to_whoever_may(county, signed_in):
    records.record_event(
        county.year, county.people["甲一"], event(county, "客观原因未参保"), evidence="住院",
        by=county.red_star_clerk,
    )  # fmt: skip
    assert "核实无误" not in signed_in(county.red_star_clerk).get(panel(county)).content.decode()
    browser = signed_in(county.east_officer)
    assert "核实无误" in browser.get(panel(county)).content.decode()
    browser.post(act(county), {"act": "verify", "record": EventRecord.objects.get().pk})
    assert "已核实" in browser.get(panel(county)).content.decode()
    assert "登记属性" not in signed_in(county.county_viewer).get(panel(county)).content.decode()
