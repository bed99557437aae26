"""参保进度: insured people against the target, unit by unit, now or as of any past cut-off.

任务完成率 = insured ÷ target, a fraction to four places (0.5784 is 57.8%). 参保率 is another
figure: people covered ÷ the population the policy names; see ``participation``. As of a cut-off
means payments made by then, under today's register and the targets in force then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, models
from django.db.models import Exists, Max, OuterRef, Q, Subquery
from django.utils import timezone

from enrollment import insured, questions
from enrollment.failure import Failure
from enrollment.models import (
    Level,
    Payment,
    Person,
    PolicyYear,
    Region,
    Roster,
    RosterState,
    Status,
    StatusKind,
)
from enrollment.models.people import PersonQuerySet
from enrollment.shares import share
from targets import target as targets
from targets.models import Denominator, Goal, PopulationFigure

DAY, WEEK = timedelta(days=1), timedelta(days=7)


@dataclass
class Row:
    """One unit, or the total."""

    region: Region
    target: int | None
    insured: int
    since_yesterday: int | None = None
    """Insured now less insured 24 hours before the cut-off."""
    since_last_week: int | None = None
    joined_since_yesterday: int | None = None
    """Of those insured now, who was not then; less ``since_yesterday``: who left by a refund."""
    joined_since_last_week: int | None = None
    missing: int | None = None
    """应参未参: on the roll, not deducted, not insured; where it was asked for."""
    population: int | None = None
    """Of the issued target, with deductions and base; NULL where the notice gives none."""
    deductions: int | None = None
    base: int | None = None
    summed: bool = False
    """The target is only the sum of the units below."""
    note: str = ""
    """What the issued target says about itself, as why a total is not the sum of its rows."""
    draft: int | None = None
    """The target computed from the register, where none was issued and it was asked for."""

    @property
    def rate(self) -> Decimal | None:
        """任务完成率 as a fraction; None without a target, or with a target of 0."""
        return share(self.insured, self.target)

    @property
    def gap(self) -> int | None:
        """People still missing to the target; 0 when it is reached."""
        return None if self.target is None else max(self.target - self.insured, 0)

    @property
    def left_since_yesterday(self) -> int | None:
        """Insured 24 hours before the cut-off and no longer."""
        return _less(self.joined_since_yesterday, self.since_yesterday)

    @property
    def left_since_last_week(self) -> int | None:
        return _less(self.joined_since_last_week, self.since_last_week)


@dataclass
class Progress:
    """A table of progress: rows in printed order, and the region itself as the total."""

    policy_year: PolicyYear
    region: Region
    as_of: datetime
    rows: list[Row]
    total: Row

    def behind_first(self) -> list[Row]:
        """进度由低到高, by the draft where nothing was issued; units without either come last."""

        def pace(row: Row) -> tuple[bool, Decimal]:
            rate = row.rate if row.rate is not None else share(row.insured, row.draft)
            return rate is None, rate or Decimal(0)

        return sorted(self.rows, key=pace)

    @property
    def remark(self) -> str:
        """Why the total target differs from the sum of the rows; empty where it does not."""
        added = sum(row.target or 0 for row in self.rows)
        if self.total.target is None or self.total.target == added or self.total.summed:
            return ""
        return (
            self.total.note or f"合计任务数 {self.total.target} 是本级下达数，各单位相加是 {added}"
        )


def of(
    policy_year: PolicyYear,
    region: Region | None = None,
    *,
    until: datetime | None = None,
    changes: bool = False,
    drafts: bool = False,
    missing: bool = False,
) -> Progress:
    """Progress of a region (the county without one) by its children.

    ``changes`` adds the change since yesterday and last week; ``drafts`` the computed target of
    units that have no issued one; ``missing`` how many should be insured and are not.
    """
    region = region or policy_year.county
    at = until or timezone.now()
    cuts = [at, at - DAY, at - WEEK] if changes else [at]
    counted = insured.counts(policy_year, region, cuts=cuts)
    absent = _missing(policy_year, region, at) if missing else None
    plan = targets.in_force(policy_year, on=timezone.localdate(at))
    below = targets.units(region)
    tasked = {unit.pk for unit in below if plan.target(unit.pk) is not None}
    quiet = [unit for unit in below if unit.pk not in tasked and unit.pk not in counted]
    shown = targets.stand(below, tasked=tasked, peopled={*counted, *_peopled(quiet)})
    width = 2 * len(cuts) - 1
    rows = [_row(unit, counted.get(unit.pk) or [0] * width, plan) for unit in shown]
    added = [sum(row[place] for row in counted.values()) for place in range(width)]
    total = _row(region, added, plan)
    if absent is not None:
        for row in rows:
            row.missing = absent.get(row.region.pk, 0)
        total.missing = sum(absent.values())
    if drafts and (total.target is None or any(row.target is None for row in rows)):
        _add_drafts(policy_year, rows, total)
    return Progress(policy_year, region, at, rows, total)


def _row(region: Region, people: list[int], plan: targets.InForce) -> Row:
    row = Row(region, plan.target(region.pk), people[0], summed=plan.summed(region.pk))
    if len(people) > 1:
        now, yesterday, last_week, *joined = people
        row.since_yesterday, row.since_last_week = now - yesterday, now - last_week
        row.joined_since_yesterday, row.joined_since_last_week = joined
    if own := plan.own.get(region.pk):
        row.population, row.deductions, row.base = own.population, own.deductions, own.base
        row.note = own.note
    return row


# The list ``Figure.MISSING`` counted per unit, as anti-joins: the planner then hashes each side
# once, where counting the list itself would ask per person. {place}, {scope} are columns of ours.
ABSENT = """
SELECT person.{place}, count(*)
FROM enrollment_person person
WHERE person.county_id = %(county)s AND person.{scope} = %(region)s
  AND person.on_roll_from <= %(day)s
  AND (person.on_roll_to IS NULL OR person.on_roll_to > %(day)s)
  AND NOT EXISTS (
    SELECT 1 FROM enrollment_status status
    JOIN enrollment_statuskind kind ON kind.id = status.kind_id
    WHERE status.person_id = person.id AND status.policy_year_id = %(year)s
      AND kind.bucket = ANY(%(buckets)s))
  AND NOT EXISTS (
    SELECT 1 FROM ({members} {few} {having}) paid WHERE paid.person_id = person.id)
GROUP BY person.{place}
"""
FEW = """
AND payment.person_id IN (
    SELECT somebody.id FROM enrollment_person somebody WHERE somebody.{scope} = %(region)s)
"""


def _missing(policy_year: PolicyYear, region: Region, at: datetime) -> dict[int, int]:
    """The length of the list 应参未参 of each unit below a region."""
    scope = f"{region.level}_id"
    sql = ABSENT.format(
        place=insured.place_below(region),
        scope=scope,
        members=insured.MEMBERS,
        few="" if region.level == Level.COUNTY else FEW.format(scope=scope),
        having=insured.MEMBERS_HAVING.format(rule=insured.RULE.format(cut="%(cut)s")),
    )
    values: dict[str, Any] = {
        "year": policy_year.pk,
        "county": policy_year.county_id,
        "region": region.pk,
        "day": policy_year.base_date or timezone.localdate(at),
        "buckets": [str(bucket) for bucket in StatusKind.OUT_OF_BASE],
        "cut": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return dict(cursor.fetchall())


def _less(joined: int | None, net: int | None) -> int | None:
    return None if joined is None or net is None else joined - net


def _peopled(units: list[Region]) -> set[int]:
    """Which of these units, all of one level, hold people of the register."""
    if not units:
        return set()
    here = Person.objects.filter(county=OuterRef("county"), **{units[0].level: OuterRef("pk")})
    found = Region.objects.filter(Exists(here), pk__in=[unit.pk for unit in units])
    return set(found.order_by().values_list("pk", flat=True))


def _add_drafts(policy_year: PolicyYear, rows: list[Row], total: Row) -> None:
    draft = targets.compute(policy_year, region=total.region)
    computed = {row.region.pk: row.target for row in draft.rows}
    for row in rows:
        if row.target is None:
            row.draft = computed.get(row.region.pk)
    if total.target is None:
        total.draft = draft.total.target


# The people behind the figures


class Figure(models.TextChoices):
    """The figures that open to a list of names."""

    INSURED = "insured", "已参保"
    MISSING = "missing", "应参未参"
    POPULATION = "population", "在册人口"
    DEDUCTED = "deductions", "已扣减"
    BASE = "base", "参保基数"
    DEDUCTED_INSURED = "deducted_insured", "扣减后又参保"
    JOINED_DAY = "joined_day", "较昨日新增"
    LEFT_DAY = "left_day", "较昨日退费退出"
    JOINED_WEEK = "joined_week", "较上周新增"
    LEFT_WEEK = "left_week", "较上周退费退出"


CHANGES = {
    Figure.JOINED_DAY: DAY,
    Figure.LEFT_DAY: DAY,
    Figure.JOINED_WEEK: WEEK,
    Figure.LEFT_WEEK: WEEK,
}
"""The figures that compare two moments, and how far these lie apart."""
ALL_INSURED = (Figure.INSURED, Figure.DEDUCTED_INSURED, Figure.JOINED_DAY, Figure.JOINED_WEEK)
"""The lists that hold nobody but insured people."""
PARTLY_INSURED = (Figure.POPULATION, Figure.DEDUCTED, Figure.BASE)
"""The lists whose people may be insured or not; in the others nobody is."""


def names(
    policy_year: PolicyYear,
    region: Region,
    figure: str,
    *,
    until: datetime | None = None,
    viewer: Any = None,
    kinds: Sequence[StatusKind] | None = None,
) -> PersonQuerySet:
    """The people behind a figure of a region; the list's length is the figure.

    With a viewer, only what lies in the viewer's area, by the place the figure counts at: the
    enrolment for insured people, the register for all others. ``kinds`` narrows the deducted to
    those whom one of these takes out, each person under the first kind in the policy's order.
    """
    day = policy_year.base_date or timezone.localdate(until or timezone.now())
    if figure == Figure.INSURED:
        return insured.insured_in(policy_year, region, until=until, viewer=viewer)
    if figure in CHANGES:
        at = until or timezone.now()
        moments = {"until": at, "since": at - CHANGES[Figure(figure)]}
        if figure in (Figure.LEFT_DAY, Figure.LEFT_WEEK):
            moments = {"until": moments["since"], "since": at}
        return insured.gained_in(policy_year, region, **moments, viewer=viewer)
    if figure == Figure.DEDUCTED_INSURED:
        return questions.deducted_insured(policy_year, region, until=until, viewer=viewer)
    on_roll = Person.objects.filter(county=policy_year.county).in_region(region).on_roll(day)
    if viewer is not None:
        on_roll = on_roll.visible_to(viewer)
    taken = Q(pk__in=deducted(policy_year).values("person"))
    asked = insured.few(on_roll, region)
    paid = Q(pk__in=insured.members(policy_year, until=until, among=asked))
    match figure:
        case Figure.POPULATION:
            return on_roll
        case Figure.DEDUCTED if kinds is not None:
            own = deducted(policy_year).filter(person=OuterRef("pk"))
            first = own.order_by("kind__order", "kind_id").values("kind")[:1]
            among = on_roll.filter(taken).annotate(taken_by=Subquery(first))
            return among.filter(taken_by__in=[kind.pk for kind in kinds])
        case Figure.DEDUCTED:
            return on_roll.filter(taken)
        case Figure.BASE:
            return on_roll.exclude(taken)
        case Figure.MISSING:
            return on_roll.exclude(taken).exclude(paid)
    raise Failure("unknown_figure", f"没有“{figure}”这项数字")


def deducted(policy_year: PolicyYear) -> models.QuerySet[Status]:
    """The statuses that take their holders out of the base."""
    return Status.objects.filter(policy_year=policy_year, kind__bucket__in=StatusKind.OUT_OF_BASE)


# 参保率


@dataclass(frozen=True)
class Participation:
    """参保率 of one region by one denominator; ``rate`` is None while the population is unknown."""

    denominator: Denominator
    region: Region
    covered: int
    counted: str
    """Who is counted above the line, in words: it stands in print beside the rate."""
    people: int | None
    as_of: date | None
    source: str

    @property
    def rate(self) -> Decimal | None:
        return share(self.covered, self.people)


def participation(
    policy_year: PolicyYear, region: Region | None = None, *, until: datetime | None = None
) -> list[Participation]:
    """参保率 of a region by each denominator the policy names, never mixed with completion.

    Denominators of single groups (该类人员) belong to the group goals and are left out.
    """
    region = region or policy_year.county
    at = until or timezone.now()
    found = []
    for denominator in Denominator.objects.filter(policy_year=policy_year).exclude(
        kind=Denominator.Kind.GROUP
    ):
        covered, words = _covered(policy_year, region, denominator, until=at)
        people, as_of, source = _population(policy_year, region, denominator, at)
        found.append(Participation(denominator, region, covered, words, people, as_of, source))
    return found


def _covered(
    policy_year: PolicyYear, region: Region, denominator: Denominator, *, until: datetime
) -> tuple[int, str]:
    """Insured here, and those proved insured elsewhere unless the goal says they do not count.

    Measured against 参保基数, from which the others are deducted, only people insured here count.
    """
    here = insured.insured_in(policy_year, region, until=until)
    goal = Goal.objects.filter(
        policy_year=policy_year, denominator=denominator, kind=Goal.Kind.PARTICIPATION
    ).first()
    elsewhere = goal is None or goal.elsewhere_counts is not False
    if denominator.kind == Denominator.Kind.BASE or not elsewhere:
        return here.count(), "参加本县居民医保的人数"
    proved = Status.objects.filter(
        policy_year=policy_year, kind__insurance__in=["resident", "employee"]
    ).in_region(region)
    people = Person.objects.filter(Q(pk__in=here.values("pk")) | Q(pk__in=proved.values("person")))
    return people.count(), "参加居民医保和职工医保的人数（去重）"


def _population(
    policy_year: PolicyYear, region: Region, denominator: Denominator, at: datetime
) -> tuple[int | None, date | None, str]:
    """The published figure; else, for the register's own figures, that of the issued target."""
    day = timezone.localdate(at)
    figure = (
        PopulationFigure.objects.filter(denominator=denominator, region=region, as_of__lte=day)
        .order_by("-as_of")
        .first()
    )
    if figure is not None:
        return figure.people, figure.as_of, figure.source
    own = targets.in_force(policy_year, on=day).own.get(region.pk)
    if own is not None and denominator.kind == Denominator.Kind.BASE and own.base is not None:
        return own.base, policy_year.base_date, own.version.title or own.version.document
    if own is not None and denominator.kind == Denominator.Kind.REGISTERED and own.population:
        return own.population, policy_year.base_date, own.version.title or own.version.document
    return None, None, ""


# Freshness


@dataclass(frozen=True)
class Freshness:
    """How new the sources are, which is not when the table was computed."""

    payments: datetime | None
    """The last payment on record."""
    register: date | None
    """As-of date of the newest register handed in."""


def freshness(policy_year: PolicyYear) -> Freshness:
    """税务数据截至 … · 户籍 …"""
    last = Payment.objects.filter(policy_year=policy_year).counted().aggregate(at=Max("paid_at"))
    register = Roster.objects.filter(
        policy_year=policy_year, kind="register", state=RosterState.APPLIED
    ).aggregate(day=Max("as_of"))
    return Freshness(last["at"], register["day"])
