"""任务: computing it from the register, issuing it, and which numbers are in force.

参保基数 = people on the police register on the base date − those whom a deduction list takes out;
任务数 = base × rate, half up (C4–C6). The total row is computed from the total base where the
notice does so: 571028 over rows that sum to 571027 (C7). Issued numbers are frozen; a revision
is a new version, and what the register says later stands beside them as a difference.
"""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, StatusKind, User
from targets.models import Target, TargetDeduction, TargetRule, TargetVersion


def half_up(base: int, rate: Decimal) -> int:
    """Base × rate to whole people, half up: 23854.5 is 23855 (C6)."""
    return int((base * rate).quantize(Decimal(1), ROUND_HALF_UP))


# Units


def is_current(region: Region, *, on: date) -> bool:
    """Whether a unit stands in tables whatever it holds: real, begun, neither ended nor merged."""
    ended = region.valid_to is not None and region.valid_to <= on
    begun = region.valid_from is None or region.valid_from <= on
    return begun and not (region.placeholder or ended or region.merged_into_id)


def units(region: Region) -> list[Region]:
    """The rows of a table about a region, in printed order: its children, or a village itself."""
    if region.level == "village":
        return [region]
    return list(Region.objects.filter(parent=region).select_related("parent"))


def stand(among: list[Region], *, tasked: Container[int], peopled: Container[int]) -> list[Region]:
    """Which units stand in a table: those with a task or with people in them.

    A notice that gives tasks names its units, and an addressee without any (a school, a zone) is
    no row (C34); where none of them has a task, every current unit is one, empty or not.
    """
    found = [unit for unit in among if unit.pk in tasked or unit.pk in peopled]
    if any(unit.pk in tasked for unit in among):
        return found
    today = timezone.localdate()
    return [unit for unit in among if unit in found or is_current(unit, on=today)]


# The draft


@dataclass
class DraftRow:
    """One unit as the register has it. Without a rate in the rules base and target are None."""

    region: Region
    population: int = 0
    deductions: int = 0
    base: int | None = None
    target: int | None = None
    items: dict[str, int] = field(default_factory=dict)
    """Deductions by status: each person once, in the column that comes first in the policy."""


@dataclass
class Draft:
    """Targets computed from the register and the deduction lists."""

    policy_year: PolicyYear
    region: Region
    rule: TargetRule | None
    as_of: date
    as_of_stated: bool
    """Whether the policy names the base date; else it is the day of computing."""
    rows: list[DraftRow]
    total: DraftRow

    @property
    def basis(self) -> str:
        """What was counted, in a sentence."""
        when = f"{self.as_of:%Y-%m-%d} 在册人口"
        if not self.as_of_stated:
            when += "（政策未规定基数时点，按计算当日）"
        if self.rule is None or self.rule.rate is None:
            return f"{when}及扣减名册；政策没有按比例计算任务的规则，基数和任务数不作测算"
        return f"{when}减去扣减名册人数，乘以 {percent(self.rule.rate)}，四舍五入"

    @property
    def remark(self) -> str:
        """Why the total differs from the sum of the rows; empty where it does not."""
        return _remark(self.total.target, [row.target for row in self.rows], self.total.base)


def compute(policy_year: PolicyYear, *, region: Region | None = None) -> Draft:
    """The draft for the units of a region (the county without one). Writes nothing."""
    region = region or policy_year.county
    day = policy_year.base_date or timezone.localdate()
    rule = TargetRule.objects.filter(policy_year=policy_year).first()
    rate = rule.rate if rule is not None else None
    counted = _count(policy_year, region, day)
    tasked = in_force(policy_year, on=timezone.localdate()).own
    shown = stand(units(region), tasked=tasked, peopled=counted)
    rows = [_row(unit, counted.get(unit.pk, {}), rate) for unit in shown]
    merged: dict[str | None, int] = defaultdict(int)
    for items in counted.values():
        for kind, people in items.items():
            merged[kind] += people
    total = _row(region, merged, rate)
    if rate is not None and rule is not None and rule.total == TargetRule.Total.SUM:
        total.target = sum(row.target or 0 for row in rows)
    return Draft(policy_year, region, rule, day, policy_year.base_date is not None, rows, total)


def _row(region: Region, items: Mapping[str | None, int], rate: Decimal | None) -> DraftRow:
    population = sum(items.values())
    taken = {kind: people for kind, people in items.items() if kind is not None}
    row = DraftRow(region, population, sum(taken.values()), items=taken)
    if rate is not None:
        row.base = row.population - row.deductions
        row.target = half_up(row.base, rate)
    return row


# {place} and {scope} are columns of ours; every value is bound. Each person deducted is counted
# once, under the kind that comes first in the policy's order.
COUNT = """
WITH taken AS (
    SELECT DISTINCT ON (status.person_id) status.person_id, kind.name, kind."order"
    FROM enrollment_status status
    JOIN enrollment_statuskind kind ON kind.id = status.kind_id
    WHERE status.policy_year_id = %(year)s AND kind.policy_year_id = %(year)s
      AND kind.bucket = ANY(%(buckets)s)
    ORDER BY status.person_id, kind."order", kind.id
)
SELECT person.{place}, taken.name, count(*), min(taken."order")
FROM enrollment_person person
LEFT JOIN taken ON taken.person_id = person.id
WHERE person.county_id = %(county)s AND person.{scope} = %(region)s
  AND person.on_roll_from <= %(day)s
  AND (person.on_roll_to IS NULL OR person.on_roll_to > %(day)s)
GROUP BY person.{place}, taken.name
ORDER BY 4
"""


def _count(policy_year: PolicyYear, region: Region, day: date) -> dict[int, dict[str | None, int]]:
    """{unit: {kind of status, or None for those who stay in the base: people on the roll}}."""
    place = {"county": "town_id", "town": "village_id", "village": "village_id"}[region.level]
    sql = COUNT.format(place=place, scope=f"{region.level}_id")
    counted: dict[int, dict[str | None, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "year": policy_year.pk,
                "county": policy_year.county_id,
                "region": region.pk,
                "day": day,
                "buckets": [str(bucket) for bucket in StatusKind.OUT_OF_BASE],
            },
        )
        for unit, kind, people, _ in cursor.fetchall():
            counted[unit][kind] = people
    return counted


# Versions


@transaction.atomic
def keep(draft: Draft, *, by: User | None, note: str = "") -> TargetVersion:
    """Write a computed draft down as a version, so that it can be looked at and issued."""
    if draft.total.target is None:
        raise Failure("no_rule", "政策没有按比例计算任务的规则，请用任务名单直接下达任务数")
    if not draft.total.population:
        raise Failure(
            "no_register", f"{draft.region.name}还没有{draft.as_of:%Y-%m-%d}在册人口，先交户籍名册"
        )
    version = _new_version(
        draft.policy_year, draft.region, TargetVersion.Source.COMPUTED, note=note or draft.basis
    )
    rate = draft.rule.rate if draft.rule else None
    rows = [*draft.rows, draft.total] if draft.region.level != "village" else draft.rows
    targets = Target.objects.bulk_create(
        Target(
            version=version,
            region=row.region,
            population=row.population,
            deductions=row.deductions,
            base=row.base,
            rate=rate,
            target=row.target or 0,
            note=draft.remark if row is draft.total else "",
        )
        for row in rows
    )
    TargetDeduction.objects.bulk_create(
        TargetDeduction(target=target, kind=kind, people=people)
        for target, row in zip(targets, rows, strict=True)
        for kind, people in row.items.items()
    )
    _put_on_record("draft_targets", version, by=by)
    return version


@transaction.atomic
def assign(
    policy_year: PolicyYear,
    numbers: Mapping[Region, int],
    *,
    by: User | None,
    set_by: Region | None = None,
    document: str = "",
    title: str = "",
    note: str = "",
) -> TargetVersion:
    """Write assigned numbers (单位/任务数) down as a draft version; ``issue`` puts it in force.

    ``set_by`` (the county without one) sets them for its own units. The total row is its own
    number where the list has one, else the sum.
    """
    set_by = set_by or policy_year.county
    if not numbers:
        raise Failure("no_numbers", "任务名单里没有一个单位的任务数")
    allowed = {unit.pk for unit in units(set_by)} | {set_by.pk}
    if strange := [region.path for region in numbers if region.pk not in allowed]:
        raise Failure("outside", f"不是{set_by.name}直接下达任务的单位：{'、'.join(strange)}")
    if negative := [region.path for region in numbers if numbers[region] < 0]:
        raise Failure("negative", f"任务数不能为负：{'、'.join(negative)}")
    version = _new_version(
        policy_year,
        set_by,
        TargetVersion.Source.LIST,
        document=document,
        title=title,
        note=note,
    )
    added = sum(number for region, number in numbers.items() if region != set_by)
    rows = dict(numbers)
    rows.setdefault(set_by, added)
    remark = _remark(rows[set_by], [n for region, n in numbers.items() if region != set_by], None)
    Target.objects.bulk_create(
        Target(
            version=version,
            region=region,
            target=number,
            note=remark if region == set_by else "",
        )
        for region, number in rows.items()
    )
    _put_on_record("draft_targets", version, by=by)
    return version


@transaction.atomic
def issue(
    version: TargetVersion,
    *,
    by: User | None,
    document: str = "",
    issued_on: date | None = None,
) -> TargetVersion:
    """下达: put a draft in force from a day on (today without one). Its numbers are frozen then."""
    year = PolicyYear.objects.select_for_update(no_key=True).get(pk=version.policy_year_id)
    version = TargetVersion.objects.select_for_update().get(pk=version.pk)
    _refuse_closed(year)
    if by is not None and not (by.job.may_issue and by.region_id == year.county_id):
        raise Failure("role", "您的岗位不能下达任务，请联系县级经办人员")
    if version.state == TargetVersion.State.ISSUED:
        raise Failure("issued", f"{version}，不能再次下达；如有调整请另起一版")
    day = issued_on or timezone.localdate()
    later = TargetVersion.objects.filter(
        policy_year=year,
        set_by=version.set_by_id,
        number__gt=version.number,
        state=TargetVersion.State.ISSUED,
        issued_on__lte=day,
    )
    if newer := later.order_by("-number").first():
        # The highest number is in force: this one would be issued without any effect.
        raise Failure("overtaken", f"第 {newer.number} 版已经下达，这一版不再有效；请另起一版")
    version.state = TargetVersion.State.ISSUED
    version.issued_on = day
    version.issued_by = by
    version.document = document or version.document
    version.save(update_fields=["state", "issued_on", "issued_by", "document"])
    _put_on_record("issue_targets", version, by=by)
    year.bump()
    return version


@transaction.atomic
def discard(version: TargetVersion, *, by: User | None) -> None:
    """Throw a draft away; an issued version stays for good."""
    version = TargetVersion.objects.select_for_update().get(pk=version.pk)
    if version.state == TargetVersion.State.ISSUED:
        raise Failure("issued", f"{version}，不能删除；如有调整请另起一版")
    _put_on_record("discard_targets", version, by=by)
    version.delete()


def _new_version(
    policy_year: PolicyYear, set_by: Region, source: TargetVersion.Source, **fields: Any
) -> TargetVersion:
    year = PolicyYear.objects.select_for_update(no_key=True).get(pk=policy_year.pk)
    _refuse_closed(year)
    earlier = TargetVersion.objects.filter(policy_year=year, set_by=set_by)
    last = earlier.aggregate(last=Max("number"))["last"] or 0
    return TargetVersion.objects.create(
        policy_year=year, set_by=set_by, number=last + 1, source=source, **fields
    )


def _refuse_closed(policy_year: PolicyYear) -> None:
    if policy_year.state in (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED):
        raise Failure("closed", f"{policy_year}{policy_year.get_state_display()}，任务不能再改")
    if not policy_year.has_rules:
        raise Failure("no_rules", f"{policy_year}只有历史名单，没有政策，不能下达任务")


def _put_on_record(action: str, version: TargetVersion, *, by: User | None) -> None:
    own = version.targets.filter(region=version.set_by_id).values_list("target", flat=True).first()
    audit.record(
        action,
        by=by,
        county=version.policy_year.county,
        subject=f"{version.set_by.path} {version.policy_year.year} 年度任务第 {version.number} 版",
        version=version.pk,
        source=version.source,
        document=version.document,
        issued_on=version.issued_on.isoformat() if version.issued_on else None,
        units=version.targets.exclude(region=version.set_by_id).count(),
        total=own,
    )


# What is in force


@dataclass(frozen=True)
class InForce:
    """The issued targets on a day, and what they come to at every place of the tree."""

    own: dict[int, Target]
    children: dict[int | None, list[int]]

    def target(self, region_id: int) -> int | None:
        """A region's own target, before the sum of its children's; None where there is none."""
        if region_id in self.own:
            return self.own[region_id].target
        parts = [self.target(child) for child in self.children.get(region_id, ())]
        known = [part for part in parts if part is not None]
        return sum(known) if known else None

    def summed(self, region_id: int) -> bool:
        """Whether a region's target is only the sum of those below it."""
        return region_id not in self.own


def in_force(policy_year: PolicyYear, *, on: date) -> InForce:
    """Issued targets on a day: of each setter the highest version issued by then.

    Where two set one region's target, its superior's number comes first, then its own.
    """
    versions = (
        TargetVersion.objects.filter(
            policy_year=policy_year, state=TargetVersion.State.ISSUED, issued_on__lte=on
        )
        .order_by("set_by_id", "-number")
        .distinct("set_by_id")
    )
    targets = Target.objects.filter(version__in=[version.pk for version in versions])
    chosen: dict[int, Target] = {}
    for target in targets.select_related("region", "version"):
        other = chosen.get(target.region_id)
        if other is None or _nearness(target) < _nearness(other):
            chosen[target.region_id] = target
    children: dict[int | None, list[int]] = defaultdict(list)
    tree = Region.objects.filter(county=policy_year.county_id)
    for region, parent in tree.order_by().values_list("pk", "parent_id"):
        children[parent].append(region)
    return InForce(chosen, children)


def _nearness(target: Target) -> int:
    setter = target.version.set_by_id
    if setter == target.region.parent_id:
        return 0
    return 1 if setter == target.region_id else 2


def latest(
    policy_year: PolicyYear, region: Region, *, on: date | None = None
) -> TargetVersion | None:
    """The version a region has set for its units that is in force on a day (today)."""
    return (
        TargetVersion.objects.filter(
            policy_year=policy_year,
            set_by=region,
            state=TargetVersion.State.ISSUED,
            issued_on__lte=on or timezone.localdate(),
        )
        .order_by("-number")
        .first()
    )


def remark(version: TargetVersion) -> str:
    """Why the issued total differs from the sum of its rows; empty where it does not."""
    rows = list(version.targets.select_related("region"))
    total = next((row for row in rows if row.region_id == version.set_by_id), None)
    if total is None:
        return ""
    parts = [row.target for row in rows if row is not total]
    return total.note or _remark(total.target, parts, total.base)


def _remark(total: int | None, parts: Sequence[int | None], base: int | None) -> str:
    added = sum(part or 0 for part in parts)
    if total is None or not parts or total == added:
        return ""
    if base is None:
        return f"合计任务数 {total} 为单独下达，各单位相加是 {added}，相差 {abs(total - added)}"
    return (
        f"合计任务数 {total} 由合计基数 {base} 乘以比例后四舍五入；"
        f"各单位分别四舍五入后相加是 {added}，相差 {abs(total - added)} 是取整所致"
    )


def percent(rate: Decimal) -> str:
    """0.95 as 95%."""
    return f"{(rate * 100).normalize():f}%"
