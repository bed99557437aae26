"""A case: all that the rule wants to know about one person and one payment.

It comes from the notice's own words (``ask``), or from what is on record (``of_person``). Where a
question leaves something out: the only tier, or the first; the ordinary group (a special case for
one group brings its own); the last day of the main window as the day of payment, or the day of
the event where that comes later.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Min
from django.utils import timezone

from enrollment import insured
from enrollment.failure import Failure
from enrollment.models import Enrollment, EventRule, Payment, Person, PolicyYear
from enrollment.models.rules import Attribute, PopulationGroup, Tier, Window
from subsidies.models import AttributeRecord, Category, Entitlement, EventRecord, Subsidy
from subsidies.names import Meaning, Names
from subsidies.situation import BORN


@dataclass(frozen=True)
class Identity:
    """One identity that somebody holds, with the days that are known."""

    category: Category
    grade: int | None = None
    valid_from: datetime.date | None = None
    valid_to: datetime.date | None = None
    recognised_on: datetime.date | None = None
    removed_on: datetime.date | None = None


@dataclass(frozen=True)
class Case:
    """All that the rule wants to know about one person and one payment."""

    tier: Tier
    group: PopulationGroup
    paid_on: datetime.date
    arrived_on: datetime.date | None = None
    born: datetime.date | None = None
    event: EventRule | None = None
    event_date: datetime.date | None = None
    verified: bool = True
    hukou_here: bool = True
    insured_here: bool = True
    attributes: Sequence[Attribute] = ()
    identities: Sequence[Identity] = ()


@dataclass(frozen=True)
class Choices:
    """What can be chosen in a year, in the printed order."""

    tiers: list[Tier]
    groups: list[PopulationGroup]
    events: list[EventRule]
    categories: list[Category]
    attributes: list[Attribute]

    def as_dict(self) -> dict[str, list[str]]:
        return {
            name: [one.name for one in getattr(self, name)]
            for name in ("tiers", "groups", "events", "categories", "attributes")
        }


def choices(policy_year: PolicyYear) -> Choices:
    """The year's tiers, groups, events, categories and attributes.

    Raises Failure for a year without rules.
    """
    here = {"policy_year": policy_year}
    found = Choices(
        tiers=list(Tier.objects.filter(**here).order_by("order", "pk")),
        groups=list(PopulationGroup.objects.filter(**here).order_by("order", "pk")),
        events=list(EventRule.objects.filter(**here).order_by("order", "pk")),
        categories=list(Category.objects.filter(**here).order_by("order", "pk")),
        attributes=list(Attribute.objects.filter(**here).order_by("order", "pk")),
    )
    if not (found.tiers and found.groups):
        raise Failure("no_rules", f"{policy_year}还没有载入政策（没有档次或人群），请先载入政策包")
    return found


def ask(
    policy_year: PolicyYear,
    *,
    tier: str = "",
    group: str = "",
    categories: Sequence[str] = (),
    paid_on: datetime.date | None = None,
    arrived_on: datetime.date | None = None,
    born: datetime.date | None = None,
    event: str = "",
    event_date: datetime.date | None = None,
    recognised_on: datetime.date | None = None,
    removed_on: datetime.date | None = None,
    attributes: Sequence[str] = (),
    hukou_here: bool = True,
    insured_here: bool = True,
) -> Case:
    """A case from the notice's own words. Raises Failure where a word or a date is missing."""
    known = choices(policy_year)
    happened = _named(known.events, event, "event", "特殊情形") if event else None
    if happened and event_date is None and happened.event_date_name == BORN:
        event_date = born
    if happened and event_date is None and needs_date(happened):
        raise Failure(
            "event_date_missing",
            f"“{happened.name}”要看{happened.event_date_name or '事由日期'}，请写明事由日期",
        )
    members = known.groups[0]
    if group:
        members = _named(known.groups, group, "group", "人群")
    elif happened and happened.group_id:
        members = next(one for one in known.groups if one.pk == happened.group_id)
    exact = {one.name: Meaning(one) for one in known.categories}
    names = None if exact.keys() >= set(categories) else Names(policy_year)
    identities = []
    for word in categories:
        meaning = exact.get(word) or (names.find(word) if names else None)
        if meaning is None:
            listed = "、".join(one.name for one in known.categories)
            raise Failure("unknown_category", f"没有名为“{word}”的资助对象类别（有：{listed}）")
        identities.append(
            Identity(
                meaning.category,
                grade=meaning.grade,
                recognised_on=recognised_on,
                removed_on=removed_on,
            )
        )
    return Case(
        tier=_named(known.tiers, tier, "tier", "档次") if tier else known.tiers[0],
        group=members,
        paid_on=paid_on or usual_day(policy_year, event_date=event_date, born=born),
        arrived_on=arrived_on,
        born=born,
        event=happened,
        event_date=event_date,
        hukou_here=hukou_here,
        insured_here=insured_here,
        attributes=[_named(known.attributes, one, "attribute", "个人属性") for one in attributes],
        identities=identities,
    )


def usual_day(
    policy_year: PolicyYear,
    *,
    event_date: datetime.date | None = None,
    born: datetime.date | None = None,
) -> datetime.date:
    """The day of payment to assume: the main window's last day, or a later day of the event."""
    windows = Window.objects.filter(policy_year=policy_year).order_by("-main", "order", "pk")
    main = windows.first()
    if main is None:
        raise Failure("no_window", f"{policy_year}没有缴费窗口，请用 --paid-on 写明缴费日期")
    newborn = (
        born if born and policy_year.benefit_from and born >= policy_year.benefit_from else None
    )
    return max(day for day in (main.pays_to, event_date, newborn) if day)


def needs_date(event: EventRule) -> bool:
    """Whether the rule of a special case cannot be asked without the day it happened on."""
    return bool(
        event.within_days
        or event.within_months
        or event.late_for_id
        or event.start == EventRule.Start.EVENT_DATE
    )


def _named(rows: Sequence[Any], text: str, code: str, what: str) -> Any:
    """The row of this name or alias; spaces set aside. Raises Failure naming what there is."""
    wanted = "".join(text.split())
    for row in rows:
        names = (row.name, *getattr(row, "aliases", ()))
        if wanted in ("".join(name.split()) for name in names):
            return row
    listed = "、".join(row.name for row in rows) or "无"
    raise Failure(f"unknown_{code}", f"没有名为“{text}”的{what}（有：{listed}）")


# ------------------------------------------------------------------ from what is on record


def of_person(
    policy_year: PolicyYear, person: Person, *, paid_on: datetime.date | None = None
) -> Case:
    """What is on record about somebody, as they paid; or as if they paid on a day.

    Without a day and without a payment: today where a window is open or was and another will be,
    else the usual day.
    """
    known = choices(policy_year)
    enrolment = Enrollment.objects.filter(policy_year=policy_year, person=person).first()
    tier_id = enrolment.tier_id if enrolment else None
    if tier_id is None:
        assessed = Subsidy.objects.filter(policy_year=policy_year, person=person)
        tier_id = assessed.values_list("tier", flat=True).first()
    group_id = enrolment.group_id if enrolment else None
    event = (
        EventRecord.objects.filter(policy_year=policy_year, person=person)
        .select_related("event")
        .first()
    )
    held = Entitlement.objects.filter(policy_year=policy_year, person=person)
    return Case(
        tier=next((one for one in known.tiers if one.pk == tier_id), known.tiers[0]),
        group=next((one for one in known.groups if one.pk == group_id), known.groups[0]),
        paid_on=paid_on or _paid_on(policy_year, person) or likely_day(policy_year),
        born=person.birth,
        event=event.event if event else None,
        event_date=event.event_date if event else None,
        verified=event is not None and event.verified_at is not None,
        hukou_here=person.on_roll_from is not None and person.on_roll_to is None,
        attributes=[
            record.attribute
            for record in AttributeRecord.objects.filter(
                policy_year=policy_year, person=person
            ).select_related("attribute")
        ],
        identities=[
            Identity(
                one.category,
                grade=one.grade,
                valid_from=one.valid_from,
                valid_to=one.valid_to,
                recognised_on=one.recognised_on,
                removed_on=one.removed_on,
            )
            for one in held.select_related("category").order_by("category__order", "pk")
        ],
    )


def _paid_on(policy_year: PolicyYear, person: Person) -> datetime.date | None:
    """The day of somebody's first payment or zero declaration, if they are insured by it."""
    if not insured.verdict(policy_year, person).insured:
        return None
    first = Payment.objects.filter(
        policy_year=policy_year, person=person, withdrawn_at__isnull=True, amount__gte=0
    ).aggregate(first=Min("paid_at"))["first"]
    return timezone.localtime(first).date() if first else None


def likely_day(
    policy_year: PolicyYear,
    *,
    event_date: datetime.date | None = None,
    born: datetime.date | None = None,
) -> datetime.date:
    """Today where collecting goes on or has only paused; else the usual day of payment."""
    days = Window.objects.filter(policy_year=policy_year).values_list("pays_from", "pays_to")
    today = timezone.localdate()
    if days and min(start for start, _ in days) <= today <= max(end for _, end in days):
        return today
    return usual_day(policy_year, event_date=event_date, born=born)
