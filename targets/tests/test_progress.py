"""Progress: rates, gaps, cut-offs, and lists of names as long as their figures."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from enrollment.models import Enrollment
from enrollment.shares import share
from enrollment.tests.cast import SHANGHAI, Cast, make_payment, make_person, make_status
from targets import progress, target
from targets.models import Denominator, Goal, PopulationFigure, TargetRule
from targets.progress import Figure

NOW = datetime(2023, 11, 22, 10, 0, tzinfo=SHANGHAI)


def assign(cast: Cast, numbers, on: date = date(2023, 9, 1)) -> None:
    target.issue(target.assign(cast.year, numbers, by=None), by=None, issued_on=on)


def test_a_county_by_its_towns(cast):
    assign(cast, {cast.east: 3, cast.west: 1, cast.county: 5})
    make_payment(cast.people["甲一"], cast.year, when="2023-11-22 09:00")
    make_payment(cast.people["甲二"], cast.year, when="2023-11-18 09:00")
    make_payment(cast.people["丙一"], cast.year, when="2023-10-01 09:00")
    make_payment(make_person(cast.bridge, "丙二"), cast.year, when="2023-10-01 09:00")

    found = progress.of(cast.year, until=NOW, changes=True)
    assert [
        (r.region.name, r.target, r.insured, r.rate, r.gap, r.since_yesterday, r.since_last_week)
        for r in [*found.rows, found.total]
    ] == [
        ("东风镇", 3, 2, Decimal("0.6667"), 1, 1, 2),
        ("西河镇", 1, 2, Decimal("2.0000"), 0, 0, 0),
        ("示范县", 5, 4, Decimal("0.8000"), 1, 1, 2),
    ]
    assert "合计任务数 5" in found.remark
    assert [row.region.name for row in found.behind_first()] == ["东风镇", "西河镇"]


def test_the_target_of_a_county_without_one_is_the_sum(cast):
    target.issue(
        target.assign(cast.year, {cast.red_star: 2, cast.willow: 1}, by=None, set_by=cast.east),
        by=None,
        issued_on=date(2023, 10, 24),
    )
    found = progress.of(cast.year, until=NOW)
    assert [(row.region.name, row.target) for row in found.rows][0] == ("东风镇", 3)
    assert found.total.target == 3
    assert found.remark == ""


def test_as_of_uses_the_payments_and_the_targets_of_then(cast):
    assign(cast, {cast.east: 10}, on=date(2023, 9, 1))
    assign(cast, {cast.east: 20}, on=date(2023, 11, 1))
    make_payment(cast.people["甲一"], cast.year, when="2023-10-31 23:59")
    make_payment(cast.people["甲二"], cast.year, when="2023-11-01 00:00")

    def east(*at: int) -> tuple[int | None, int]:
        found = progress.of(cast.year, until=datetime(*at, tzinfo=SHANGHAI))
        return found.rows[0].target, found.rows[0].insured

    assert east(2023, 10, 31, 23, 59, 59) == (10, 1)
    assert east(2023, 11, 1, 0, 0, 0) == (20, 2)
    assert east(2023, 8, 31, 12, 0, 0) == (None, 0)


def test_a_county_without_targets_has_no_rate_and_shows_every_current_unit(cast):
    found = progress.of(cast.year, until=NOW)
    assert [row.region.name for row in found.rows] == ["东风镇", "西河镇"]
    assert found.total.rate is None
    assert found.total.gap is None


def test_units_without_a_task_are_rows_only_with_people_in_them(cast):
    """C34: addressees without tasks; an unplaced person is a row, never lost."""
    assign(cast, {cast.east: 3})
    assert [row.region.name for row in progress.of(cast.year).rows] == ["东风镇", "西河镇"]
    cast.people["丙一"].delete()
    assert [row.region.name for row in progress.of(cast.year).rows] == ["东风镇"]
    make_payment(make_person(cast.unplaced, "某人", on_roll_from=None), cast.year)
    found = progress.of(cast.year)
    assert [(row.region.name, row.insured) for row in found.rows][1:] == [("未落实", 1)]
    assert found.total.insured == 1


def test_villages_without_a_target_show_the_computed_draft(cast):
    TargetRule.objects.create(
        policy_year=cast.year, method="rate", rate=Decimal("0.95"), total="from_base"
    )
    assign(cast, {cast.east: 3})
    found = progress.of(cast.year, cast.east, drafts=True)
    assert [(row.region.name, row.target, row.draft) for row in found.rows] == [
        ("红星村", None, 2),
        ("柳林村", None, 1),
    ]
    assert (found.total.target, found.total.draft) == (3, None)


def test_a_village_is_its_own_row(cast):
    make_payment(cast.people["乙一"], cast.year)
    found = progress.of(cast.year, cast.willow)
    assert [(row.region.name, row.insured) for row in found.rows] == [("柳林村", 1)]


def test_a_rate_is_rounded_half_up_to_four_places():
    assert share(52310, 90440) == Decimal("0.5784")
    assert share(1, 32) == Decimal("0.0313")  # 0.03125
    assert share(1, 0) is None
    assert share(0, 5) == 0
    assert share(99_996, 100_000) == Decimal("0.9999")
    assert share(1, 100_000) == Decimal("0.0001")
    assert share(100_001, 100_000) == 1


# Names


@pytest.fixture
def busy(cast: Cast) -> Cast:
    """甲一 paid, 甲二 is deducted and paid, 乙一 is deducted twice, 丙一 has paid nothing."""
    make_payment(cast.people["甲一"], cast.year)
    make_payment(cast.people["甲二"], cast.year)
    make_status(cast.people["甲二"], cast.kinds["服役"])
    make_status(cast.people["乙一"], cast.kinds["服役"])
    make_status(cast.people["乙一"], cast.kinds["职工参保"])
    return cast


@pytest.mark.parametrize(
    ("figure", "people"),
    [
        (Figure.INSURED, {"甲一", "甲二"}),
        (Figure.POPULATION, {"甲一", "甲二", "乙一", "丙一"}),
        (Figure.DEDUCTED, {"甲二", "乙一"}),
        (Figure.BASE, {"甲一", "丙一"}),
        (Figure.MISSING, {"丙一"}),
        (Figure.DEDUCTED_INSURED, {"甲二"}),
    ],
)
def test_the_names_behind_a_figure(busy, figure, people):
    found = progress.names(busy.year, busy.county, figure)
    assert {person.name for person in found} == people
    assert found.count() == len(people)


def test_the_lists_are_as_long_as_the_figures(busy):
    draft = target.compute(busy.year).total
    now = progress.of(busy.year).total

    def length(figure: Figure) -> int:
        return progress.names(busy.year, busy.county, figure).count()

    assert length(Figure.INSURED) == now.insured
    assert length(Figure.POPULATION) == draft.population
    assert length(Figure.DEDUCTED) == draft.deductions


def test_a_viewer_sees_the_part_in_their_own_area(busy):
    found = progress.names(busy.year, busy.county, Figure.MISSING, viewer=busy.west_officer)
    assert [person.name for person in found] == ["丙一"]
    assert not progress.names(busy.year, busy.county, Figure.MISSING, viewer=busy.east_officer)
    # 甲一 enrols in 西河镇: that town's figure, and that town's list.
    Enrollment.objects.filter(person=busy.people["甲一"]).update(
        town=busy.west, village=busy.bridge
    )
    found = progress.names(busy.year, busy.west, Figure.INSURED, viewer=busy.west_officer)
    assert [person.name for person in found] == ["甲一"]


# 参保率


def test_participation_is_measured_against_its_own_denominator(busy):
    resident = Denominator.objects.create(
        policy_year=busy.year, kind="resident", name="常住人口", order=1
    )
    Goal.objects.create(
        policy_year=busy.year,
        name="参保率",
        kind="participation",
        rate=Decimal("0.95"),
        denominator=resident,
        elsewhere_counts=True,
    )
    kind = busy.kinds["职工参保"]
    kind.insurance = "employee"
    kind.save()

    (found,) = progress.participation(busy.year)
    assert (found.covered, found.people, found.rate) == (3, None, None)
    PopulationFigure.objects.create(
        denominator=resident, region=busy.county, people=4, as_of=date(2023, 8, 31), source="统计局"
    )
    (found,) = progress.participation(busy.year)
    assert found.rate == Decimal("0.75")


def test_participation_by_base_uses_the_issued_base(busy):
    TargetRule.objects.create(
        policy_year=busy.year, method="rate", rate=Decimal("0.95"), total="from_base"
    )
    Denominator.objects.create(policy_year=busy.year, kind="base", name="参保基数")
    draft = target.compute(busy.year)
    target.issue(target.keep(draft, by=None), by=None)
    (found,) = progress.participation(busy.year)
    assert (found.covered, found.people) == (2, 2)
