"""零申报 and 退补差 by the three counties' own policies."""

from datetime import date
from decimal import Decimal

import pytest

from enrollment.models import Enrollment, PolicyYear, Region
from enrollment.models.rules import Tier
from enrollment.tests.cast import id_number, make_payment, make_person
from subsidies import assessment, differences, zero
from subsidies.names import Names
from subsidies.tests import notices
from subsidies.tests.test_overlap import hold

years = notices.years
pytestmark = pytest.mark.django_db
ON = date(2023, 12, 20)


def somebody(year: PolicyYear, identity: str, *, tier: str = "", number: int = 1, **held):
    """A person of the county's first town with one identity, perhaps registered for a tier."""
    town = Region.objects.filter(county=year.county, level="town", placeholder=False).first()
    village, _ = Region.objects.get_or_create(
        key=f"{town.key}-t", defaults={
            "name": "试验村", "level": "village", "parent": town, "county": year.county,
            "town": town,
        },
    )  # fmt: skip
    person = make_person(village, f"某{number}", id_number(number))
    category = Names(year).named(identity)
    assert category is not None
    hold(person, category, **held)
    if tier:
        Enrollment.objects.create(
            policy_year=year, person=person, tier=Tier.objects.get(policy_year=year, name=tier),
            county_id=person.county_id, town_id=person.town_id, village_id=person.village_id,
        )  # fmt: skip
    year.bump()
    return person


def test_in_jinzhai_full_subsidies_are_declared_and_others_pay(years):
    year = years["J"]
    full = somebody(year, "特困")
    somebody(year, "低保", number=2)
    assessment.assess(year)
    (only,) = zero.lines(year, year.county, on=ON)
    assert (only.person, only.state, only.due) == (full.pk, "ready", 0)
    assert not year.proxy_office and zero.word(year) == "政府代缴"
    # 2024-02-15: nothing is written for who is no returning migrant (C101).
    assert zero.lines(year, year.county, on=date(2024, 2, 15))[0].state == "not_now"


def test_in_yueyang_whoever_is_added_after_the_window_is_next_year_s(years):
    year = years["Y"]
    somebody(year, "特困供养人员", recognised_on=date(2023, 12, 1))
    late = somebody(year, "特困供养人员", number=2, recognised_on=date(2024, 1, 5))
    assessment.assess(year)
    states = {one.person: one.state for one in zero.lines(year, year.county, on=ON)}
    assert sorted(states.values()) == ["not_now", "ready"]
    assert states[late.pk] == "not_now"


def test_in_yunyang_the_second_tier_leaves_375_to_pay(years):
    year = years["N"]
    first = somebody(year, "特困人员")
    second = somebody(year, "特困人员", number=2, tier="二档")
    soldier = somebody(year, "烈士遗属", number=3, tier="二档")  # full in the second tier
    assessment.assess(year)
    owing = {one.person for one in zero.lines(year, year.county, on=ON)}
    assert owing == {first.pk, soldier.pk} and second.pk not in owing
    assert "社保所" in year.proxy_office


@pytest.mark.parametrize(("county", "due"), [("Y", Decimal(190)), ("J", None)])
def test_recognised_after_paying_in_full(years, county, due):
    """Yueyang gives 190 back (C48), Jinzhai nothing (C23)."""
    year = years[county]
    word = "监测对象" if county == "Y" else "监测人口"
    person = somebody(year, word, recognised_on=date(2023, 12, 10))
    make_payment(person, year, "380.00")
    assessment.assess(year)
    found = {one.person: one.still_open for one in differences.lines(year, year.county)}
    assert found == ({person.pk: due} if due else {})
