"""一户一户: the people of a list as households, so that one sees who in the family is missing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import BigIntegerField, Case, Count, F, Min, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce
from django.db.models.query import QuerySet
from django.utils import timezone

from enrollment import births, visits
from enrollment import people as persons
from enrollment.models import (
    Birth,
    Contact,
    Enrollment,
    Household,
    Person,
    PolicyYear,
    Region,
    User,
    Visit,
)
from enrollment.models.people import PersonQuerySet
from enrollment.people import Line
from subsidies.models import Entitlement

HOUSE, MOST, BORN = "house", "most", "born"
SORTS = {HOUSE: "按户号", MOST: "未参保人数多的在前", BORN: "出生早的在前"}
HIDDEN = "特殊情形"


@dataclass
class Member:
    """Somebody of a household, and why they are on the list or not."""

    line: Line
    listed: bool
    identities: list[str] = field(default_factory=list)
    last_day: date | None = None
    """Of a newborn: the last day in time."""
    days_left: int | None = None
    mother: str = ""
    """Of a newborn, as the birth list names her."""
    visit: Visit | None = None
    """The last call."""
    contact: Contact | None = None
    """Who of the grid calls."""
    registered: bool = False
    """Registered this year and not yet paid for."""

    @property
    def person(self) -> Person:
        return self.line.person


@dataclass
class Home:
    """One household, or one person who is in none; ``anchor`` is a person on the list."""

    key: int
    anchor: int
    village: Region
    household: Household | None
    members: list[Member]

    @property
    def listed(self) -> list[Member]:
        return [one for one in self.members if one.listed]

    @property
    def others(self) -> list[Member]:
        return [one for one in self.members if not one.listed]

    @property
    def name(self) -> str:
        """The head's name, else that of the first member."""
        heads = [one for one in self.members if one.person.relation == "户主"]
        return (heads or self.members)[0].person.name

    @property
    def contact(self) -> Contact | None:
        """Who calls on this household; a newcomer is called on by whoever calls on the rest."""
        return next((one.contact for one in self.members if one.contact), None)

    @property
    def visit(self) -> Visit | None:
        """The last call on somebody of the list."""
        calls = [one.visit for one in self.listed if one.visit]
        return max(calls, key=lambda one: one.pk, default=None)


def keys(listed: PersonQuerySet, policy_year: PolicyYear, *, sort: str = HOUSE) -> QuerySet:
    """The homes of the people of a list, in order: {home, anchor, listed, people} each."""
    home = Coalesce("household_id", F("pk") * -1, output_field=BigIntegerField())
    found = (
        listed.order_by()
        .annotate(home=home)
        .values("home")
        .annotate(
            anchor=Min("pk"),
            listed=Count("pk"),
            people=ArrayAgg("pk"),
            place=Min("town_id"),
            spot=Min("village_id"),
            number=Min("household__number"),
        )
    )
    if sort == MOST:
        return found.order_by("-listed", "place", "spot", "number", "home")
    if sort == BORN:
        days = Birth.objects.filter(policy_year=policy_year, person=OuterRef("pk"))
        found = found.annotate(day=Min(Subquery(days.values("born_on")[:1])))
        return found.order_by(F("day").asc(nulls_last=True), "place", "spot", "number", "home")
    return found.order_by("place", "spot", "number", "home")


def homes(
    rows: Iterable[dict[str, Any]],
    policy_year: PolicyYear,
    viewer: User,
    *,
    until: datetime | None = None,
) -> list[Home]:
    """The homes of one page with all members the viewer may see, whatever their number."""
    wanted = list(rows)
    households = [row["home"] for row in wanted if row["home"] > 0]
    alone = [-row["home"] for row in wanted if row["home"] < 0]
    here = Q(household__in=households) | Q(pk__in=alone)
    found = list(
        Person.objects.filter(here, pk__in=persons.visible(viewer, policy_year).values("pk"))
        .select_related("village", "town", "household")
        .order_by(Case(When(relation="户主", then=0), default=1), "birth", "pk")
    )
    on_list = {pk for row in wanted for pk in row["people"]}
    day = timezone.localdate(until or timezone.now())
    event = births.rule(policy_year)
    lines = persons.lines(found, policy_year, viewer, until=until)
    ids = [one.pk for one in found]
    told = _births(policy_year, ids)
    calls = visits.last(policy_year, ids)
    callers = visits.contacts_of(policy_year, ids)
    registered = set(
        Enrollment.objects.filter(policy_year=policy_year, person__in=ids).values_list(
            "person", flat=True
        )
    )
    words = identities(policy_year, ids, viewer, on=day)
    by_home: dict[int, list[Member]] = {}
    for line in lines:
        person = line.person
        birth = told.get(person.pk)
        last = births.last_day(birth.born_on, event) if birth and event else None
        if line.left and person.pk not in on_list:
            continue
        by_home.setdefault(person.household_id or -person.pk, []).append(
            Member(
                line,
                person.pk in on_list,
                words.get(person.pk, []),
                last,
                births.days_left(last, day) if last and not line.insured else None,
                birth.mother_name if birth else "",
                calls.get(person.pk),
                callers.get(person.pk),
                # A payment makes the enrolment too: of a past moment it says nothing.
                until is None and person.pk in registered and not line.insured,
            )
        )
    return [
        Home(row["home"], row["anchor"], members[0].person.village, members[0].person.household,
             members)
        for row in wanted
        if (members := by_home.get(row["home"]))
    ]  # fmt: skip


def identities(
    policy_year: PolicyYear, ids: Iterable[int], viewer: User, *, on: date
) -> dict[int, list[str]]:
    """The subsidised identities people hold, in words fit for the viewer (C116)."""
    held = (
        Entitlement.objects.filter(
            policy_year=policy_year,
            person__in=list(ids),
            removed_on=None,
            category__purpose="subsidy",
        )
        .exclude(valid_to__lt=min(on, policy_year.benefit_to or on))
        .select_related("category")
        .order_by("category__order", "pk")
    )
    open_words = persons.sees_sensitive(viewer)
    found: dict[int, list[str]] = {}
    for one in held:
        category = one.category
        word = category.name
        if category.sensitive and not open_words:
            word = category.public_word or HIDDEN
        if word not in found.setdefault(one.person_id, []):
            found[one.person_id].append(word)
    return found


def _births(policy_year: PolicyYear, ids: list[int]) -> dict[int, Birth]:
    found = Birth.objects.filter(policy_year=policy_year, person__in=ids)
    return {one.person_id: one for one in found}
