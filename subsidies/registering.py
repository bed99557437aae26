"""登记一个人: the policy asked first, then person, enrolment and special case in one transaction.

The answer says at once what is owed, why, and from when somebody is covered.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from enrollment.failure import Failure
from enrollment.models import Enrollment, Person, PolicyYear, Region, User
from enrollment.models.rules import Channel, EventRule, PopulationGroup, Tier
from enrollment.registration import common, eligibility, enrolling, persons
from subsidies import case, quote, records
from subsidies.models import EventRecord
from subsidies.situation import BORN


@dataclass(frozen=True)
class Wish:
    """What somebody is to be registered as, and what the policy has to know about them."""

    tier: Tier
    group: PopulationGroup
    event: EventRule | None = None
    event_date: datetime.date | None = None
    event_evidence: str = ""
    registration: str = ""
    employed: bool | None = None
    studies: bool = False
    talent: bool = False
    details: enrolling.Details = field(default_factory=enrolling.Details)


@dataclass(frozen=True)
class Registered:
    """What came of it."""

    person: Person
    enrollment: Enrollment
    eligible: eligibility.Eligibility
    quote: quote.Quote


@transaction.atomic
def register(
    policy_year: PolicyYear,
    *,
    village: Region,
    wish: Wish,
    by: User | None,
    person: Person | None = None,
    newcomer: dict[str, Any] | None = None,
    address: str = "",
) -> Registered:
    """Register somebody on record (``person``) or somebody new (``newcomer``, as `persons.add`).

    Raises Failure where a clause of the notice, an enrolment elsewhere or a missing answer stands
    against it; nothing is written then, the new person neither.
    """
    common.require_open(policy_year)
    if person is None:
        if newcomer is None:
            raise Failure("nobody", "请写明登记的是谁")
        person = persons.add(policy_year, village=village, by=by, address=address, **newcomer)
    enrolling.refuse_double(policy_year, person, village)
    eligible = check(policy_year, person, village=village, wish=wish, by=by)
    if not eligible.allowed:
        raise Failure("not_eligible", "；".join(eligible.refusals))
    if wish.event is not None:
        _note_event(policy_year, person, wish, by=by, address=address)
    asked = case_of(policy_year, person, wish)
    answer = quote.quote(policy_year, asked)
    enrollment = enrolling.enrol(
        policy_year,
        person,
        village=village,
        tier=wish.tier,
        group=wish.group,
        registration=wish.registration or eligibility.known_registration(policy_year, person),
        clause=eligible.clause,
        not_stated=[*eligible.not_stated, *answer.not_stated],
        details=wish.details,
        by=by,
        address=address,
    )
    return Registered(person, enrollment, eligible, answer)


def check(
    policy_year: PolicyYear, person: Person, *, village: Region, wish: Wish, by: User | None
) -> eligibility.Eligibility:
    """The policy's clauses held against somebody on record and what is wished for them."""
    applicant = eligibility.of_person(
        policy_year,
        person,
        group=wish.group,
        registration=wish.registration,
        employed=wish.employed,
        studies=wish.studies,
        talent=wish.talent,
        proof=wish.details.proof,
    )
    return eligibility.check(policy_year, applicant, village=village, by=by)


def case_of(policy_year: PolicyYear, person: Person, wish: Wish) -> case.Case:
    """What the rule is asked: what is on record, with what is wished instead."""
    known = case.of_person(policy_year, person)
    happened = wish.event_date or (person.birth if wish.event and _from_birth(wish.event) else None)
    return replace(
        known,
        paid_on=max(known.paid_on, happened) if happened else known.paid_on,
        tier=wish.tier,
        group=wish.group,
        event=wish.event or known.event,
        event_date=wish.event_date if wish.event else known.event_date,
        verified=known.verified if wish.event is None else not wish.event.needs_verification,
    )


def standing_case(policy_year: PolicyYear, person: Person) -> case.Case:
    """What is on record; nobody pays before what their case rests on has happened."""
    known = case.of_person(policy_year, person)
    happened = known.event_date or (
        person.birth if known.event and _from_birth(known.event) else None
    )
    return replace(known, paid_on=max(known.paid_on, happened)) if happened else known


def preview(
    policy_year: PolicyYear, wish: Wish, *, born: datetime.date | None, hukou_here: bool
) -> quote.Quote:
    """What somebody who is not yet on record would owe; no identity is known of them."""
    return quote.quote(
        policy_year,
        case.Case(
            tier=wish.tier,
            group=wish.group,
            paid_on=case.likely_day(policy_year, born=born, event_date=wish.event_date),
            born=born,
            event=wish.event,
            event_date=wish.event_date
            or (born if wish.event and _from_birth(wish.event) else None),
            verified=wish.event is None or not wish.event.needs_verification,
            hukou_here=hukou_here,
        ),
    )


def _from_birth(event: EventRule) -> bool:
    return event.event_date_name == BORN


def _note_event(
    policy_year: PolicyYear, person: Person, wish: Wish, *, by: User | None, address: str
) -> None:
    """The special case of a registration; an earlier record of the same case is left as it is."""
    event = wish.event
    assert event is not None
    known = EventRecord.objects.filter(policy_year=policy_year, person=person).first()
    if known is not None and known.event_id == event.pk:
        return
    if by is None:
        raise Failure("user", "登记特殊情形要写明登记人，请用 --user 指定账号")
    records.record_event(
        policy_year,
        person,
        event,
        event_date=wish.event_date,
        evidence=wish.event_evidence,
        by=by,
        address=address,
    )


def channels(policy_year: PolicyYear, registration: str = "") -> Sequence[Channel]:
    """Where to pay and the steps to click, for whoever is registered like this."""
    rows = Channel.objects.filter(policy_year=policy_year).order_by("order", "pk")
    return [one for one in rows if not one.registration or one.registration == registration]
