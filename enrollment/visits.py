"""走访: calls on people, households shared out among a village's grid, and keys for paper.

A call is a row of its own and is never edited; the last one holds. A sheet filled in away from the
office names each person by a sealed key and each row's last call by its number (0: none yet), so
that nothing recorded meanwhile is ever overwritten.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from cryptography.exceptions import InvalidTag
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from enrollment import audit, people
from enrollment.failure import Failure
from enrollment.models import Assignment, Contact, PolicyYear, Region, User, Visit
from enrollment.models.people import PersonQuerySet
from enrollment.vault import KeyMissing, vault

NOTE_LIMIT = 200
FROZEN = (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED)


@transaction.atomic
def record(
    persons: Iterable[int],
    *,
    policy_year: PolicyYear,
    by: User,
    visited_on: date,
    method: str,
    result: str,
    visitor: str,
    note: str = "",
    next_on: date | None = None,
    address: str = "",
) -> int:
    """Write down one call on people of one household; returns how many people. Raises Failure."""
    _refuse(by, policy_year)
    visitor, note = " ".join(visitor.split()), " ".join(note.split())
    today = timezone.localdate()
    if visited_on > today:
        raise Failure("future", "走访日期晚于今天，请核对")
    if next_on is not None and next_on < visited_on:
        raise Failure("next", "下次走访不能早于本次走访")
    if result not in Visit.Result.values or method not in Visit.Method.values:
        raise Failure("result", "请选择走访的方式和结果")
    if not 0 < len(visitor) <= 60:
        raise Failure("visitor", "请写明走访人姓名")
    if result == Visit.Result.OTHER and not note:
        raise Failure("note", "结果是“其他”的，请写明说明")
    if len(note) > NOTE_LIMIT:
        raise Failure("note", f"说明请写在 {NOTE_LIMIT} 字以内")
    found = list(people.visible(by, policy_year).filter(pk__in=list(persons)))
    if not found:
        raise Failure("nobody", "请勾选这次走访到的人")
    Visit.objects.bulk_create(
        Visit(
            county_id=one.county_id,
            town_id=one.town_id,
            village_id=one.village_id,
            policy_year=policy_year,
            person=one,
            visited_on=visited_on,
            method=method,
            result=result,
            visitor=visitor,
            note=note,
            next_on=next_on,
            recorded_by=by,
        )
        for one in found
    )
    audit.record(
        "record_visit",
        by=by,
        county=policy_year.county,
        subject=Visit.Result(result).label,
        person_id=found[0].pk if len(found) == 1 else None,
        address=address,
        people=len(found),
        persons=[one.pk for one in found],
    )
    return len(found)


@transaction.atomic
def assign(
    persons: PersonQuerySet,
    *,
    policy_year: PolicyYear,
    contact: Contact | None,
    by: User,
    address: str = "",
) -> int:
    """Share out whole households: those of these people, all members; None takes them back.

    Returns how many people. Raises Failure.
    """
    _refuse(by, policy_year)
    if contact is not None and contact.left_on is not None:
        raise Failure("contact", f"{contact.name}已不再负责，请选择别人")
    chosen = persons.order_by().values("pk")
    homes = persons.order_by().exclude(household=None).values("household")
    members = (
        people.visible(by, policy_year)
        .filter(Q(pk__in=chosen) | Q(household__in=homes))
        .values_list("pk", "county_id", "town_id", "village_id")
    )
    rows = list(members)
    if not rows:
        raise Failure("nobody", "请勾选要分工的户")
    if contact is not None and not _answers_for(contact, {row[3] for row in rows}):
        raise Failure("contact", f"{contact.name}负责的不是这里，请选择本村网格的人")
    Assignment.objects.filter(policy_year=policy_year, person__in=[row[0] for row in rows]).delete()
    if contact is not None:
        Assignment.objects.bulk_create(
            Assignment(
                policy_year=policy_year,
                person_id=pk,
                county_id=county,
                town_id=town,
                village_id=village,
                contact=contact,
            )
            for pk, county, town, village in rows
        )
    audit.record(
        "assign_visits",
        by=by,
        county=policy_year.county,
        subject=str(contact) if contact else "收回分工",
        address=address,
        people=len(rows),
    )
    return len(rows)


def grid(village: Region) -> list[Contact]:
    """Who calls on the households of a village: its own contacts, then its town's."""
    places = [village.pk, village.parent_id]
    found = Contact.objects.filter(region__in=places, left_on=None).select_related("region")
    return sorted(found, key=lambda one: (one.region_id != village.pk, one.office, one.pk))


def last(policy_year: PolicyYear, persons: Iterable[int]) -> dict[int, Visit]:
    """The last call on each of some people."""
    rows = Visit.objects.filter(policy_year=policy_year, person__in=list(persons))
    newest = rows.order_by("person_id", "-pk").distinct("person_id")
    return {one.person_id: one for one in newest}


def contacts_of(policy_year: PolicyYear, persons: Iterable[int]) -> dict[int, Contact]:
    """Who calls on each of some people."""
    rows = Assignment.objects.filter(policy_year=policy_year, person__in=list(persons))
    return {one.person_id: one.contact for one in rows.select_related("contact")}


def due(listed: PersonQuerySet, policy_year: PolicyYear, *, on: date) -> PersonQuerySet:
    """Of a list, whose last call asked for another one by this day."""
    own = Visit.objects.filter(policy_year=policy_year, person=OuterRef("pk")).order_by("-pk")
    return listed.annotate(next_on=Subquery(own.values("next_on")[:1])).filter(next_on__lte=on)


def called_on(policy_year: PolicyYear) -> Q:
    """The condition of having been called on in the year."""
    return Q(pk__in=Visit.objects.filter(policy_year=policy_year).values("person"))


def shared_to(policy_year: PolicyYear, contact: Contact | None) -> Q:
    """The condition of being somebody's to call on, by oneself or by household; None: nobody's."""
    rows = Assignment.objects.filter(policy_year=policy_year)
    if contact is not None:
        rows = rows.filter(contact=contact)
    homes = rows.filter(person__household__isnull=False).values("person__household")
    mine = Q(pk__in=rows.values("person")) | Q(household__in=homes)
    return mine if contact is not None else ~mine


@dataclass(frozen=True)
class Share:
    """How far one of the grid is with their part of a list, in people."""

    contact: Contact | None
    people: int
    called: int
    due: int


def shares(listed: PersonQuerySet, policy_year: PolicyYear, village: Region) -> list[Share]:
    """A list by who calls on whom; the last one is what nobody has been given."""
    called = set(listed.filter(called_on(policy_year)).values_list("pk", flat=True))
    waiting = set(due(listed, policy_year, on=timezone.localdate()).values_list("pk", flat=True))
    found = []
    for contact in [*grid(village), None]:
        part = set(listed.filter(shared_to(policy_year, contact)).values_list("pk", flat=True))
        found.append(Share(contact, len(part), len(part & called), len(part & waiting)))
    return found


# Keys for paper and workbooks


def key(policy_year: PolicyYear, person: int) -> str:
    """A person's key on a sheet: sealed, so that it says nothing and cannot be made up."""
    sealed = vault().seal(f"visit {policy_year.pk} {person}")
    return base64.b32encode(sealed).decode().rstrip("=")


def person_of(text: str) -> tuple[int, int]:
    """The policy year and person of a key. Raises ValueError for one we did not make."""
    word = "".join(text.split()).upper()
    try:
        sealed = base64.b32decode(word + "=" * (-len(word) % 8))
        kind, year, person = vault().open(sealed).split(" ")
    except (ValueError, InvalidTag, KeyMissing, IndexError) as error:
        raise ValueError("不是本系统发出的人员编码") from error
    if kind != "visit":
        raise ValueError("不是本系统发出的人员编码")
    return int(year), int(person)


def _answers_for(contact: Contact, villages: set[int]) -> bool:
    region = contact.region
    here = Region.objects.filter(pk__in=villages)
    return not here.exclude(
        Q(pk=region.pk) | Q(town=region.pk) | Q(county=region.pk) | Q(parent=region.pk)
    ).exists()


def _refuse(by: User, policy_year: PolicyYear) -> None:
    if not by.job.visits:
        raise Failure("role", f"“{by.job.title}”岗位不记录走访")
    if policy_year.state in FROZEN:
        raise Failure("year_closed", f"{policy_year}已结算或关闭，不再记录走访")
