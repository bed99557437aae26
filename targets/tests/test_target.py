"""Targets: the arithmetic of the notices, issuing, versions, and which number is in force."""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from enrollment.failure import Failure
from enrollment.models import AuditEvent, PolicyYear, StatusKind
from enrollment.tests.cast import SHANGHAI, Cast, make_person, make_status
from targets import comparison, target
from targets.models import TargetRule, TargetVersion
from targets.tests.annex import JINZHAI, JINZHAI_TOTAL, TIES

RATE = Decimal("0.95")


# Arithmetic


@pytest.mark.parametrize(("name", "population", "deducted", "base", "printed"), JINZHAI)
def test_every_town_of_annex_1(name, population, deducted, base, printed):
    assert population - deducted == base
    assert target.half_up(base, RATE) == printed


def test_the_total_comes_from_the_total_base_and_not_from_the_rows():
    population, deducted, base, printed = JINZHAI_TOTAL
    assert sum(row[1] for row in JINZHAI) == population
    assert sum(row[2] for row in JINZHAI) == deducted
    assert target.half_up(base, RATE) == printed == 571028
    assert sum(target.half_up(row[3], RATE) for row in JINZHAI) == 571027


def test_half_even_would_fail_three_of_the_four_ties():
    wrong = {
        name
        for name, _, _, base, printed in JINZHAI
        if int((base * RATE).quantize(Decimal(1), ROUND_HALF_EVEN)) != printed
    }
    assert wrong < TIES
    assert len(wrong) == 3


# Computing from the register


@pytest.fixture
def rule(cast: Cast) -> TargetRule:
    return TargetRule.objects.create(
        policy_year=cast.year, method="rate", rate=RATE, total="from_base"
    )


def fill(village, people: int, kinds: list[StatusKind] | None = None) -> None:
    """People of a village; as many of them deducted as there are kinds given."""
    for number in range(people):
        person = make_person(village, f"村民{number}")
        if kinds and number < len(kinds):
            make_status(person, kinds[number])


def test_draft_per_town_and_in_total(cast, rule):
    """Bases 10 and 30: 9.5 → 10 and 28.5 → 29, in total 38 and not 39."""
    army = cast.kinds["服役"]
    fill(cast.red_star, 4 - 2)  # 甲一, 甲二 stand there already
    fill(cast.willow, 8 - 1, [army, army])  # and 乙一
    fill(cast.bridge, 30 - 1)  # and 丙一

    draft = target.compute(cast.year)
    assert [(r.region.name, r.population, r.deductions, r.base, r.target) for r in draft.rows] == [
        ("东风镇", 12, 2, 10, 10),
        ("西河镇", 30, 0, 30, 29),
    ]
    total = draft.total
    assert (total.population, total.deductions, total.base, total.target) == (42, 2, 40, 38)
    assert "38" in draft.remark
    assert "39" in draft.remark
    assert draft.as_of == date(2023, 8, 31)

    villages = target.compute(cast.year, region=cast.east)
    assert [(r.region.name, r.base, r.target) for r in villages.rows] == [
        ("红星村", 4, 4),
        ("柳林村", 6, 6),
    ]
    assert villages.total.target == 10
    assert target.compute(cast.year, region=cast.willow).rows[0].target == 6


def test_sum_where_the_notice_adds_up(cast, rule):
    rule.total = "sum"
    rule.save()
    fill(cast.red_star, 10 - 3)
    fill(cast.bridge, 30 - 1)
    assert target.compute(cast.year).total.target == 39


def test_somebody_with_two_statuses_is_deducted_once_in_the_first_column(cast, rule):
    person = cast.people["甲一"]
    make_status(person, cast.kinds["服刑"])
    make_status(person, cast.kinds["职工参保"])
    row = target.compute(cast.year).rows[0]
    assert row.deductions == 1
    assert row.items == {"职工参保": 1}


@pytest.mark.parametrize(
    ("bucket", "deducted"),
    [("deducted", 1), ("out_of_scope", 1), ("elsewhere", 0), ("covered", 0), ("none", 0)],
)
def test_which_statuses_take_out_of_the_base(cast, rule, bucket, deducted):
    kind = StatusKind.objects.create(policy_year=cast.year, order=9, name="出国", bucket=bucket)
    make_status(cast.people["甲一"], kind)
    assert target.compute(cast.year).total.deductions == deducted


def test_only_who_is_on_the_roll_on_the_base_date(cast, rule):
    make_person(cast.bridge, "后来", on_roll_from=date(2023, 9, 1))
    make_person(cast.bridge, "未在册", on_roll_from=None)
    gone = make_person(cast.bridge, "已迁出")
    gone.on_roll_to = date(2023, 8, 31)
    gone.save()
    last = make_person(cast.bridge, "次日迁出", on_roll_from=date(2023, 8, 31))
    last.on_roll_to = date(2023, 9, 1)
    last.save()
    assert target.compute(cast.year).rows[1].population == 2  # 丙一, 次日迁出


def test_without_a_base_date_it_is_today_and_says_so(cast, rule):
    cast.year.base_date = None
    cast.year.save()
    draft = target.compute(cast.year)
    assert not draft.as_of_stated
    assert "政策未规定基数时点" in draft.basis


def test_unplaced_people_are_a_row_only_while_there_are_any(cast, rule):
    assert [row.region.name for row in target.compute(cast.year).rows] == ["东风镇", "西河镇"]
    make_person(cast.unplaced, "某人")
    assert [row.region.name for row in target.compute(cast.year).rows][-1] == "未落实"


def test_assigned_numbers_have_no_computed_base(cast):
    TargetRule.objects.create(policy_year=cast.year, method="assigned")
    draft = target.compute(cast.year)
    assert draft.total.population == 4
    assert draft.total.base is None
    assert draft.total.target is None
    with pytest.raises(Failure, match="没有按比例计算"):
        target.keep(draft, by=None)


# Versions


def test_issuing_freezes_the_numbers(cast, rule):
    fill(cast.red_star, 10)
    draft = target.compute(cast.year)
    version = target.keep(draft, by=cast.county_officer)
    issued = target.issue(
        version, by=cast.county_officer, document="示政办〔2023〕1号", issued_on=date(2023, 9, 1)
    )
    fill(cast.red_star, 5)

    assert (issued.number, issued.state, issued.source) == (1, "issued", "computed")
    frozen = issued.targets.get(region=cast.county)
    assert (frozen.population, frozen.target) == (14, 13)
    east, _, total = comparison.differences(cast.year)
    assert (east.population, total.population, total.target) == (5, 5, 5)
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["draft_targets", "issue_targets"]
    cast.year.refresh_from_db()
    assert cast.year.revision == 1
    with pytest.raises(Failure, match="不能再次下达"):
        target.issue(version, by=cast.county_officer)
    with pytest.raises(Failure, match="不能删除"):
        target.discard(version, by=cast.county_officer)


def assigned(cast: Cast, on: date | None, numbers, set_by=None) -> TargetVersion:
    version = target.assign(cast.year, numbers, by=None, set_by=set_by)
    return target.issue(version, by=None, issued_on=on) if on else version


def test_the_version_in_force_on_a_day(cast):
    assigned(cast, date(2023, 9, 1), {cast.east: 100, cast.west: 50})
    assigned(cast, date(2023, 11, 1), {cast.east: 120, cast.west: 50})
    assigned(cast, None, {cast.east: 999})

    def east(day: date) -> int | None:
        return target.in_force(cast.year, on=day).target(cast.east.pk)

    assert east(date(2023, 8, 31)) is None
    assert east(date(2023, 9, 1)) == east(date(2023, 10, 31)) == 100
    assert east(date(2023, 11, 1)) == 120


def test_a_draft_that_a_later_version_overtook_is_not_issued(cast):
    old = assigned(cast, None, {cast.east: 100})
    assigned(cast, date(2023, 11, 1), {cast.east: 120})
    with pytest.raises(Failure, match="第 2 版已经下达"):
        target.issue(old, by=cast.county_officer, issued_on=date(2023, 11, 2))


def test_a_regions_own_target_comes_before_the_sum_of_its_childrens(cast):
    assigned(cast, date(2023, 9, 1), {cast.east: 100, cast.west: 50, cast.county: 151})
    plan = target.in_force(cast.year, on=date(2023, 9, 1))
    assert plan.target(cast.county.pk) == 151
    assert target.remark(target.latest(cast.year, cast.county)).startswith("合计任务数 151")


def test_a_town_that_sets_the_tasks_counts_for_the_county(cast):
    assigned(cast, date(2023, 10, 24), {cast.red_star: 30, cast.willow: 12}, set_by=cast.east)
    plan = target.in_force(cast.year, on=date(2023, 10, 24))
    assert plan.target(cast.red_star.pk) == 30
    assert plan.target(cast.east.pk) == plan.target(cast.county.pk) == 42
    assert plan.summed(cast.county.pk)
    assert plan.target(cast.west.pk) is None


def test_the_superiors_number_comes_before_the_units_own_sum(cast):
    assigned(cast, date(2023, 9, 1), {cast.east: 40, cast.west: 50})
    assigned(cast, date(2023, 10, 24), {cast.red_star: 30, cast.willow: 12}, set_by=cast.east)
    assert target.in_force(cast.year, on=date(2023, 10, 24)).target(cast.east.pk) == 40


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (lambda cast: {}, "没有一个单位"),
        (lambda cast: {cast.red_star: 3}, "不是示范县直接下达任务的单位：东风镇/红星村"),
        (lambda cast: {cast.neighbour_town: 3}, "不是示范县直接下达任务的单位"),
        (lambda cast: {cast.east: -1}, "不能为负"),
    ],
)
def test_a_list_that_cannot_be_assigned(cast, numbers, words):
    with pytest.raises(Failure, match=words):
        target.assign(cast.year, numbers(cast), by=None)


def test_who_may_not_issue_and_when(cast):
    version = assigned(cast, None, {cast.east: 10})
    for user in (cast.east_officer, cast.county_viewer, cast.stranger):
        with pytest.raises(Failure, match="不能下达"):
            target.issue(version, by=user)
    PolicyYear.objects.filter(pk=cast.year.pk).update(state="settled")
    with pytest.raises(Failure, match="已结算"):
        target.issue(version, by=cast.county_officer)


def test_as_of_midnight_belongs_to_the_local_day(cast):
    """00:30 in Beijing on 1 November is still October in UTC."""
    assigned(cast, date(2023, 11, 1), {cast.east: 120})
    moment = datetime(2023, 11, 1, 0, 30, tzinfo=SHANGHAI)
    assert target.in_force(cast.year, on=moment.date()).target(cast.east.pk) == 120
