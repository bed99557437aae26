"""The landing page's one cache: figures are computed once per revision, and never behind it."""

import io

import pytest
from django.core.cache import cache
from django.urls import reverse

from enrollment import roster
from enrollment.tests.cast import id_number, make_payment
from targets import progress as figures

PROGRESS = reverse("targets:progress", args=["990001", 2024])


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """The regions whose progress was really computed, in order."""
    cache.clear()
    regions: list[str] = []
    of = figures.of

    def counting(policy_year, region=None, **options):
        regions.append(region.name)
        return of(policy_year, region, **options)

    monkeypatch.setattr(figures, "of", counting)
    return regions


def insured(answer) -> int:
    return answer.context["total"]["row"].insured


def test_the_second_look_costs_nothing_and_says_when_it_was_made(cast, signed_in, computed):
    first = signed_in(cast.county_officer).get(PROGRESS)
    second = signed_in(cast.county_viewer).get(PROGRESS)
    assert computed == ["示范县"]
    assert first.context["as_of"] == second.context["as_of"]


def test_what_is_applied_shows_at_the_next_look(cast, signed_in, computed):
    browser = signed_in(cast.county_officer)
    assert insured(browser.get(PROGRESS)) == 0
    make_payment(cast.people["甲一"], cast.year)
    assert insured(browser.get(PROGRESS)) == 1
    assert computed == ["示范县", "示范县"]


def test_a_payment_list_applied_by_its_verb_shows_at_the_next_look(cast, signed_in, computed):
    from_office = (
        "姓名,身份证件号码,缴费金额,缴费时间,电子税票号码\n"
        f"甲一,{id_number(1)},380.00,2023-11-20 10:00:00,T1\n"
    )
    browser = signed_in(cast.county_officer)
    assert insured(browser.get(PROGRESS)) == 0
    given = roster.hand_in(
        io.BytesIO(from_office.encode()),
        file_name="缴费明细.csv",
        year=cast.year,
        kind="payments",
        by=cast.county_officer,
    )
    applied = roster.apply(roster.read(given), by=cast.county_officer, confirmed=True)
    assert insured(browser.get(PROGRESS)) == 1
    roster.withdraw(applied, by=cast.county_officer)
    assert insured(browser.get(PROGRESS)) == 0


def test_each_region_and_cut_off_has_its_own_figures(cast, signed_in, computed):
    make_payment(cast.people["丙一"], cast.year, when="2023-12-05 09:00")
    assert insured(signed_in(cast.county_officer).get(PROGRESS)) == 1
    assert insured(signed_in(cast.east_officer).get(PROGRESS)) == 0
    assert insured(signed_in(cast.county_officer).get(f"{PROGRESS}?as_of=2023-11-30")) == 0
    assert computed == ["示范县", "东风镇", "示范县"]


def test_kept_figures_open_nothing_to_a_stranger(cast, signed_in, computed):
    signed_in(cast.county_officer).get(PROGRESS)
    assert signed_in(cast.stranger).get(PROGRESS).status_code == 404
    foreign = signed_in(cast.west_officer).get(f"{PROGRESS}?region={cast.east.key}")
    assert foreign.status_code == 404
