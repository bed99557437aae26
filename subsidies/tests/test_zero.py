"""零申报名单: who owes 0, who is held back, and what a declaration does and undoes."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection

from enrollment import insured
from enrollment.failure import Failure
from enrollment.models import Enrollment, Payment, PolicyYear
from enrollment.models.rules import Fee, PopulationGroup, Tier, Window
from enrollment.tests.cast import Cast, id_number, make_payment, make_person, make_status
from subsidies import assessment, declarations, zero
from subsidies.models import Declaration, Standard, Subsidy, SubsidyRule
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold

ON = date(2023, 12, 20)


@pytest.fixture
def county(cast: Cast) -> Cast:
    """特困 (full) and 低保 (342), a main window, Jinzhai's rule of timing; 甲一, 丙一 are 特困."""
    Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal",
        pays_from=date(2023, 9, 1), pays_to=date(2023, 12, 31), subsidised=True,
        start="fixed", start_on=date(2024, 1, 1), order=1,
    )  # fmt: skip
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    cast.poor = category(cast.year, "特困人员", amount="380")  # type: ignore[attr-defined]
    cast.low = category(cast.year, "低保对象", amount="342")  # type: ignore[attr-defined]
    PolicyYear.objects.filter(pk=cast.year.pk).update(
        proxy_word="政府代缴", proxy_office="乡镇社保所"
    )
    cast.year.refresh_from_db()
    hold(cast.people["甲一"], cast.poor)  # type: ignore[attr-defined]
    hold(cast.people["丙一"], cast.poor, cast.low)  # type: ignore[attr-defined]
    hold(cast.people["乙一"], cast.low)  # type: ignore[attr-defined]
    cast.year.bump()
    assessment.assess(cast.year)
    return cast


def names(county: Cast, region=None, on=ON) -> dict[str, zero.State]:
    found = zero.lines(county.year, region or county.county, on=on)
    known = {person.pk: name for name, person in county.people.items()}
    return {known[one.person]: one.state for one in found}


def declare(county: Cast, **more) -> declarations.Done:
    return declarations.declare(county.year, county.county, on=ON, by=county.county_officer, **more)


def test_who_owes_something_is_not_on_the_list(county):
    assert names(county) == {"甲一": "ready", "丙一": "ready"}
    assert names(county, county.east) == {"甲一": "ready"}


def test_in_another_tier_there_is_something_to_pay(county):
    """特困 in tier two owes 375 (C91)."""
    second = Tier.objects.create(policy_year=county.year, name="二档", order=1)
    Fee.objects.create(
        policy_year=county.year, tier=second, personal=755,
        group=PopulationGroup.objects.get(policy_year=county.year),
    )  # fmt: skip
    Standard.objects.create(
        policy_year=county.year, category=county.poor, tier=second, method="fixed", amount=380
    )
    person = county.people["甲一"]
    Enrollment.objects.create(
        policy_year=county.year, person=person, tier=second, county_id=person.county_id,
        town_id=person.town_id, village_id=person.village_id,
    )  # fmt: skip
    county.year.bump()
    assessment.assess(county.year)
    assert names(county) == {"丙一": "ready"}


def test_a_day_the_rule_says_nothing_about_declares_nobody(county):
    assert set(names(county, on=date(2024, 2, 15)).values()) == {"not_now"}
    with pytest.raises(Failure, match="没有可以申报的人"):
        declarations.declare(
            county.year, county.county, on=date(2024, 2, 15), by=county.county_officer
        )


def test_who_was_recognised_later_cannot_be_declared_for_an_earlier_day(county):
    person = make_person(county.red_star, "甲三", id_number(31))
    county.people["甲三"] = person
    hold(person, county.poor, recognised_on=date(2023, 12, 25))
    county.year.bump()
    assessment.assess(county.year)
    assert names(county)["甲三"] == "not_now"
    assert names(county, on=date(2023, 12, 26))["甲三"] == "ready"


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        ({"bars_proxy": True}, True),
        ({"insurance": "employee"}, True),
        ({"insurance": "resident"}, True),
        ({}, False),  # 外嫁, 离婚, 失联: deducted, and yet nothing bars them (C109)
    ],
)
def test_lists_hold_back_before_the_state_pays(county, kind, held):
    status = county.kinds["职工参保"]
    type(status).objects.filter(pk=status.pk).update(**kind)
    make_status(county.people["甲一"], status)
    assert names(county)["甲一"] == ("held" if held else "ready")
    done = declare(county)
    assert done.declared == (1 if held else 2)
    assert [person for person, _ in done.left] == ([county.people["甲一"].pk] if held else [])


def test_whoever_has_left_the_register_is_held_back(county):
    person = county.people["甲一"]
    person.on_roll_to = date(2023, 10, 1)
    person.save()
    assert names(county)["甲一"] == "held"


def test_one_person_under_two_numbers_is_held_back_twice(county):
    twin = make_person(county.willow, "甲一", id_number(77))
    county.people["另"] = twin
    assert names(county)["甲一"] == "ready"
    make_payment(twin, county.year)
    assert names(county)["甲一"] == "held"


def test_the_county_s_word_clears_what_it_was_given_for(county):
    status = county.kinds["服刑"]
    status.bars_proxy = True
    status.save()
    person = county.people["甲一"]
    make_status(person, status)
    ask = {"people": [person.pk], "on": ON, "conclusion": "已刑满释放，有释放证明"}
    with pytest.raises(Failure, match="县级经办"):
        declarations.clear(county.year, county.east, by=county.east_officer, **ask)
    assert declarations.clear(county.year, county.county, by=county.county_officer, **ask) == 1
    assert names(county)["甲一"] == "ready"
    type(status).objects.filter(name="服役").update(bars_proxy=True)
    make_status(person, county.kinds["服役"])
    assert names(county)["甲一"] == "held"


def test_a_declaration_is_a_payment_of_nothing_and_makes_insured(county):
    done = declare(county, document="第1批")
    assert (done.declared, done.left) == (2, [])
    row = Declaration.objects.get(person=county.people["甲一"])
    assert (row.office, row.declared_on, row.document) == ("乡镇社保所", ON, "第1批")
    assert (row.payment.amount, row.payment.channel) == (0, "政府代缴")
    assert row.enrolled and Enrollment.objects.filter(person=row.person).exists()
    assert insured.verdict(county.year, row.person).insured
    assert names(county) == {}
    county.year.refresh_from_db()
    assessment.assess(county.year)
    told = Subsidy.objects.get(person=row.person)
    assert (told.paid, told.due, told.subsidy, told.difference) == (0, 0, Decimal(380), 0)
    assert told.paid_on == ON
    assert {one.person for one in zero.declared(county.year, county.east, viewer=None)} == {
        row.person_id
    }


def test_nobody_is_declared_twice(county):
    declare(county)
    with pytest.raises(Failure, match="没有可以申报的人"):
        declare(county, people=[county.people["甲一"].pk])
    assert Payment.objects.count() == 2


def test_withdrawn_both_stay_on_record(county):
    declare(county)
    row = Declaration.objects.get(person=county.people["甲一"])
    with pytest.raises(Failure, match="写明撤回"):
        declarations.withdraw(county.year, [row.pk], by=county.county_officer, reason=" ")
    declarations.withdraw(county.year, [row.pk], by=county.county_officer, reason="申报错人")
    row.refresh_from_db()
    assert row.withdrawn_reason == "申报错人" and row.payment.withdrawn_at
    assert not insured.verdict(county.year, row.person).insured
    assert not Enrollment.objects.filter(person=row.person).exists()
    assert names(county) == {"甲一": "ready"}
    assert declare(county).declared == 1


def test_a_town_withdraws_its_own_only(county):
    declare(county)
    ours = Declaration.objects.get(person=county.people["甲一"])
    with pytest.raises(Failure):
        declarations.withdraw(county.year, [ours.pk], by=county.west_officer, reason="错")


def test_where_the_policy_names_no_office_somebody_says_who_declared(county):
    PolicyYear.objects.filter(pk=county.year.pk).update(proxy_office="")
    county.year.refresh_from_db()
    with pytest.raises(Failure, match="没有规定由哪个单位"):
        declare(county)
    declare(county, office="县医保中心")
    assert set(Declaration.objects.values_list("office", flat=True)) == {"县医保中心"}


def test_a_village_clerk_declares_nobody(county):
    with pytest.raises(Failure, match="岗位"):
        declarations.declare(county.year, county.red_star, on=ON, by=county.red_star_clerk)


def test_a_settled_year_takes_no_declaration(county):
    PolicyYear.objects.filter(pk=county.year.pk).update(state="settled")
    with pytest.raises(Failure, match="已结算"):
        declare(county)


def test_the_list_is_one_query(county, django_assert_num_queries):
    with django_assert_num_queries(5), connection.cursor():  # savepoint, two settings, the query
        zero.lines(county.year, county.county, on=ON)


def test_a_double_in_another_town_holds_back_in_both(county):
    """Else either town declares its own, before the county has looked."""
    first = county.people["甲一"]
    other = make_person(county.people["丙一"].village, first.name, id_number(881))
    hold(other, county.poor)
    county.year.bump()
    assessment.assess(county.year)
    for region, person in ((county.east, first), (county.west, other)):
        found = {one.person: one.state for one in zero.lines(county.year, region, on=ON)}
        assert found[person.pk] == zero.State.HELD
