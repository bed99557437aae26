"""重点人群参保率: unions of groups against their goals, people and not memberships counted.

Covered is who is insured here by the one rule of ``enrollment.insured``; where the policy says
that cover elsewhere counts (C42), also who stands on a list of another basic medical insurance.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from enrollment import insured
from enrollment.models import Person, PolicyYear, Region, Status
from enrollment.models.people import PersonQuerySet
from enrollment.shares import share
from subsidies.models import Category, Entitlement
from subsidies.words import Words

# Armies and prisons care for their own, which is no basic medical insurance.
BASIC = ("resident", "employee")

COUNT = """
WITH held AS (
    SELECT DISTINCT ON (part.place, e.person_id) part.place, e.person_id, e.{unit} AS unit
    FROM subsidies_entitlement e
    JOIN unnest(%(parts)s::int[], %(categories)s::bigint[]) AS part (place, category_id)
        ON part.category_id = e.category_id
    WHERE e.policy_year_id = %(year)s AND e.{scope} = %(region)s AND e.removed_on IS NULL
        AND (e.valid_to IS NULL OR e.valid_to >= %(day)s)
    ORDER BY part.place, e.person_id
), here AS MATERIALIZED (
    {members}
), other AS MATERIALIZED (
    SELECT DISTINCT s.person_id FROM enrollment_status s
    JOIN enrollment_statuskind k ON k.id = s.kind_id
    WHERE s.policy_year_id = %(year)s AND k.insurance = ANY(%(basic)s)
)
SELECT held.place, held.unit, count(*), count(here.person_id),
       count(other.person_id) FILTER (WHERE here.person_id IS NULL)
FROM held
LEFT JOIN here ON here.person_id = held.person_id
LEFT JOIN other ON other.person_id = held.person_id
GROUP BY held.place, held.unit
"""


@dataclass(frozen=True)
class Group:
    """People of any of these categories, once each; ``elsewhere`` None = the policy does not say.

    ``goal`` is the share to be covered, from 0 to 1; None where the policy sets none.
    """

    name: str
    categories: tuple[Category, ...]
    goal: Decimal | None = None
    elsewhere: bool | None = None
    cites: str = ""


@dataclass(frozen=True)
class Figures:
    """``other`` are covered elsewhere and not here, whether the policy counts them or not."""

    people: int = 0
    here: int = 0
    other: int = 0

    def covered(self, group: Group) -> int:
        return self.here + (self.other if group.elsewhere else 0)

    def rate(self, group: Group) -> Decimal | None:
        """The share covered, as ``shares.share``; None of nobody."""
        return share(self.covered(group), self.people)

    def reached(self, group: Group) -> bool | None:
        """Whether the goal is met, exactly; None without goal or people."""
        if group.goal is None or not self.people:
            return None
        return self.covered(group) >= group.goal * self.people


@dataclass
class Coverage:
    """One group in one region: its units in printed order, and all of them together."""

    group: Group
    units: list[tuple[Region, Figures]]
    total: Figures
    remarks: list[str] = field(default_factory=list)


def every_category(policy_year: PolicyYear, words: Words | None = None) -> list[Group]:
    """Each category as a group of its own, without a goal.

    For a reader, those that share a public word are one group under it.
    """
    words = words or Words(policy_year, None)
    found: dict[str, list[Category]] = {}
    for one in words.categories:
        if one.purpose != Category.Purpose.EXCLUSION:
            found.setdefault(words.name(one.pk), []).append(one)
    return [
        Group(name, tuple(members), cites="" if members[0].pk in words.hidden else members[0].cites)
        for name, members in found.items()
    ]


def coverage(
    policy_year: PolicyYear,
    groups: Iterable[Group],
    *,
    region: Region | None = None,
    until: datetime | None = None,
) -> list[Coverage]:
    """Every group in a region and its units, in one pass over the lists."""
    region = region or policy_year.county
    wanted = list(groups)
    cut = until or timezone.now()
    told = [(at, one.pk) for at, group in enumerate(wanted) for one in group.categories]
    counted: dict[int, dict[int, Figures]] = {at: {} for at in range(len(wanted))}
    if told:
        sql = COUNT.format(
            unit=insured.place_below(region),
            scope=f"{region.level}_id",
            members=insured.MEMBERS
            + insured.MEMBERS_HAVING.format(rule=insured.RULE.format(cut="%(cut)s")),
        )
        with connection.cursor() as cursor:
            cursor.execute(
                sql,
                {
                    "year": policy_year.pk,
                    "region": region.pk,
                    "cut": cut,
                    "day": _day(policy_year, cut),
                    "parts": [at for at, _ in told],
                    "categories": [pk for _, pk in told],
                    "basic": list(BASIC),
                },
            )
            for at, unit, people, here, other in cursor.fetchall():
                counted[at][unit] = Figures(people, here, other)
    places = {unit for figures in counted.values() for unit in figures}
    listed = Region.objects.filter(pk__in=places).order_by("placeholder", "order", "key")
    order = list(listed)
    held = set(
        Entitlement.objects.filter(policy_year=policy_year, removed_on=None)
        .order_by()
        .values_list("category", flat=True)
        .distinct()
    )
    return [
        _one(
            group, [(unit, counted[at][unit.pk]) for unit in order if unit.pk in counted[at]], held
        )
        for at, group in enumerate(wanted)
    ]


def uncovered(
    policy_year: PolicyYear,
    group: Group,
    region: Region,
    *,
    viewer: object = None,
    until: datetime | None = None,
) -> PersonQuerySet:
    """Who of a group is not covered, by name; as many as the figure says."""
    cut = until or timezone.now()
    here = Entitlement.objects.filter(
        policy_year=policy_year, category__in=group.categories, removed_on=None
    ).exclude(valid_to__lt=_day(policy_year, cut))
    here = here.in_region(region)
    if viewer is not None:
        here = here.visible_to(viewer)
    people = Person.objects.filter(pk__in=here.values("person"))
    people = people.exclude(pk__in=insured.members(policy_year, until=cut, among=people))
    if group.elsewhere:
        others = Status.objects.filter(policy_year=policy_year, kind__insurance__in=BASIC)
        people = people.exclude(pk__in=others.values("person"))
    return people


def _one(group: Group, units: list[tuple[Region, Figures]], held: set[int]) -> Coverage:
    total = Figures(
        sum(one.people for _, one in units),
        sum(one.here for _, one in units),
        sum(one.other for _, one in units),
    )
    found = Coverage(group, units, total)
    if without := [one.name for one in group.categories if one.pk not in held]:
        found.remarks.append(f"{group.name}：还没有{'、'.join(without)}的名单，未计在内")
    if group.elsewhere is None and group.goal is not None and total.other:
        found.remarks.append(
            f"{group.name}：政策未规定职工医保或异地参保是否算参保，"
            f"有这种情形的 {total.other:,} 人未计为已参保"
        )
    return found


def _day(policy_year: PolicyYear, cut: datetime) -> date:
    """The day on which identities must hold: today, or the year's last day once it is over."""
    day = timezone.localdate(cut)
    return min(day, policy_year.benefit_to) if policy_year.benefit_to else day
