"""缴费测算, for anybody who asks and on a person's own page."""

import pytest
from django.urls import reverse

from enrollment.models import AuditEvent
from enrollment.models.rules import Window
from enrollment.tests.cast import Cast, make_payment
from subsidies import assessment
from subsidies.models import Entitlement, Standard, SubsidyRule
from subsidies.tests.rules import category, tier

PAGE = reverse("subsidies:quotes", args=["990001", 2024])


@pytest.fixture
def county(cast: Cast) -> Cast:
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
        cites="三",
    )
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    category(cast.year, "低保对象", amount="342")
    category(
        cast.year,
        "手术并发症人员",
        amount="190",
        by="县卫健委",
        sensitive=True,
        public_word="计划生育家庭",
    )
    return cast


def entitle(cast: Cast, name: str, kind: str) -> None:
    person = cast.people[name]
    Entitlement.objects.create(
        policy_year=cast.year,
        person=person,
        category=cast.year.category_set.get(name=kind),
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
    )
    cast.year.bump()


def panel(cast: Cast, name: str) -> str:
    return reverse("subsidies:quotes-person", args=["990001", 2024, cast.people[name].pk])


def test_without_conditions_it_says_what_an_ordinary_resident_pays(county, signed_in):
    page = signed_in(county.red_star_clerk).get(PAGE).content.decode()
    assert "应缴 380.00 元" in page
    assert "2024-01-01" in page


def test_it_answers_with_the_paragraph_behind_it(county, signed_in):
    answer = signed_in(county.auditor).get(PAGE, {"categories": ["低保对象"]})
    page = answer.content.decode()
    assert "应缴 38.00 元" in page
    assert "低保对象（县民政局）" in page
    assert '<span class="help">三</span>' in page


def test_what_the_notice_does_not_say_is_said_so(county, signed_in):
    page = signed_in(county.auditor).get(PAGE, {"paid_on": "2024-02-15"}).content.decode()
    assert "政策未规定" in page
    assert "380.00" not in page


def test_a_wrong_date_is_told_beside_its_field(county, signed_in):
    page = signed_in(county.auditor).get(PAGE, {"paid_on": "2月15日"}).content.decode()
    assert "日期写作 2023-12-31" in page


def test_a_year_without_a_policy_says_what_to_do(cast, signed_in):
    page = signed_in(cast.auditor).get(PAGE).content.decode()
    assert "请先载入政策包" in page


def test_a_person_s_panel_tells_identities_ledger_and_quote(county, signed_in):
    entitle(county, "甲一", "低保对象")
    make_payment(county.people["甲一"], county.year, "190.00")
    assessment.assess(county.year)
    browser = signed_in(county.red_star_clerk)
    page = browser.get(panel(county, "甲一"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert "342.00 元 · 38.00 元 · 190.00 元" in page
    assert "与规则不符，待核查" in page
    assert not AuditEvent.objects.filter(action="open_person").exists()


def test_as_a_page_of_its_own_it_is_on_record(county, signed_in):
    page = signed_in(county.red_star_clerk).get(panel(county, "甲一")).content.decode()
    assert "<html" in page
    assert "本年度没有部门名单列有此人" in page
    assert AuditEvent.objects.filter(action="open_person").count() == 1


@pytest.mark.parametrize(
    ("who", "sees"), [("county_officer", True), ("east_officer", False), ("red_star_clerk", False)]
)
def test_below_the_county_a_sensitive_identity_has_no_name(county, signed_in, who, sees):
    entitle(county, "甲一", "手术并发症人员")
    Standard.objects.filter(category__name="手术并发症人员").update(cites="附件2第九行")
    make_payment(county.people["甲一"], county.year, "190.00")
    assessment.assess(county.year)
    page = signed_in(getattr(county, who)).get(panel(county, "甲一")).content.decode()
    assert ("手术并发症人员" in page) == sees
    assert ("县卫健委" in page) == sees
    assert ("附件2第九行" in page) == sees
    assert ("计划生育家庭" in page) != sees


def test_another_day_of_payment_may_be_tried(county, signed_in):
    browser = signed_in(county.county_officer)
    page = browser.get(panel(county, "甲一"), {"paid_on": "2024-02-15"}).content.decode()
    assert "2024-02-15 缴费" in page
    assert "政策未规定" in page


def test_another_town_s_person_is_not_there(county, signed_in):
    assert signed_in(county.west_officer).get(panel(county, "甲一")).status_code == 404


def test_the_person_page_takes_the_panel_by_address(county, signed_in):
    url = reverse("targets:person", args=["990001", 2024, county.people["甲一"].pk])
    page = signed_in(county.red_star_clerk).get(url).content.decode()
    assert f'hx-get="{panel(county, "甲一")}"' in page
