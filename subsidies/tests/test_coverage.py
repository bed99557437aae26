"""Groups against their goals: people once, cover elsewhere where the policy says so."""

from datetime import date
from decimal import Decimal

import pytest

from enrollment.models import StatusKind
from enrollment.tests.cast import make_payment, make_person, make_status
from subsidies.coverage import Figures, Group, coverage, every_category, uncovered
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold


@pytest.fixture
def groups(cast):
    low = category(cast.year, "低保对象")
    stable = category(cast.year, "稳定脱贫人口", amount=None, by="")
    return low, stable


def make(low, stable, elsewhere=None, goal="0.99") -> Group:
    return Group("农村低收入和脱贫人口", (low, stable), Decimal(goal), elsewhere)


def employed(cast, name):
    kind = StatusKind.objects.create(
        policy_year=cast.year, order=9, name="职工医保", bucket="covered", insurance="employee"
    )
    return make_status(cast.people[name], kind)


def test_a_union_counts_people_once(cast, groups):
    hold(cast.people["甲一"], *groups)
    hold(cast.people["丙一"], groups[1])
    make_payment(cast.people["甲一"], cast.year)
    (found,) = coverage(cast.year, [make(*groups)])
    assert found.total == Figures(2, 1, 0)
    assert [(unit.name, one.people, one.here) for unit, one in found.units] == [
        ("东风镇", 1, 1),
        ("西河镇", 1, 0),
    ]
    assert found.total.rate(found.group) == Decimal("0.5000")
    assert found.total.reached(found.group) is False
    missing = uncovered(cast.year, found.group, cast.county, viewer=cast.county_officer)
    assert [person.name for person in missing] == ["丙一"]
    assert not uncovered(cast.year, found.group, cast.county, viewer=cast.east_officer)


@pytest.mark.parametrize(("counts", "covered"), [(True, 2), (False, 1), (None, 1)])
def test_cover_elsewhere_counts_where_the_policy_says_so(cast, groups, counts, covered):
    hold(cast.people["甲一"], groups[0])
    hold(cast.people["丙一"], groups[1])
    make_payment(cast.people["甲一"], cast.year)
    employed(cast, "甲一")
    employed_elsewhere = StatusKind.objects.get(name="职工医保")
    make_status(cast.people["丙一"], employed_elsewhere)
    (found,) = coverage(cast.year, [make(*groups, elsewhere=counts)])
    assert found.total == Figures(2, 1, 1)
    assert found.total.covered(found.group) == covered
    missing = uncovered(cast.year, found.group, cast.county)
    assert missing.count() == found.total.people - covered
    assert any("政策未规定" in one for one in found.remarks) is (counts is None)


def test_nobody_is_no_rate_and_a_missing_list_is_said(cast, groups):
    hold(cast.people["甲一"], groups[0])
    found, alone = coverage(cast.year, [make(*groups), Group("空", (groups[1],), Decimal(1))])
    assert found.remarks == ["农村低收入和脱贫人口：还没有稳定脱贫人口的名单，未计在内"]
    assert alone.total.rate(alone.group) is None
    assert alone.total.reached(alone.group) is None


def test_a_rate_is_never_rounded_up_to_all():
    group = Group("x", (), Decimal(1))
    short = Figures(100_000, 99_999, 0)
    assert short.rate(group) == Decimal("0.9999")
    assert short.reached(group) is False
    assert Figures(3, 3, 0).rate(group) == 1


def test_who_has_left_or_whose_term_is_over_is_not_counted(cast, groups):
    hold(cast.people["甲一"], groups[0], removed_on=date(2023, 10, 1))
    hold(cast.people["乙一"], groups[0], valid_to=date(2023, 6, 30))
    hold(cast.people["丙一"], groups[0])
    (found,) = coverage(cast.year, [Group("低保", (groups[0],), None)])
    assert found.total.people == 1
    assert uncovered(cast.year, found.group, cast.county).count() == 1


def test_every_category_is_counted_and_the_unplaced_too(cast, groups):
    stranger = make_person(cast.unplaced, "无处", on_roll_from=None)
    hold(stranger, groups[0])
    found = coverage(cast.year, every_category(cast.year))
    assert [(one.group.name, one.total.people) for one in found] == [
        ("低保对象", 1),
        ("稳定脱贫人口", 0),
    ]
    assert [unit.name for unit, _ in found[0].units] == ["未落实"]
