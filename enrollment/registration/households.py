"""户: who lives under one number, who heads it, how households part, join and move."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from enrollment.failure import Failure
from enrollment.models import Household, Person, PolicyYear, User
from enrollment.registration import common

HEAD = "户主"
OWN = "自编"
"""Numbers of households that the police register does not number."""


def start(person: Person, *, address: str = "") -> Household:
    """A household of a person's own, headed by them, under a number of ours."""
    number = f"{OWN}{person.pk}"
    taken = Household.objects.filter(county=person.county_id, number__startswith=number)
    if (count := taken.count()) > 0:
        number = f"{number}-{count + 1}"
    household = Household.objects.create(
        **common.same_place(person), number=number, address=address
    )
    person.household, person.relation = household, HEAD
    person.save(update_fields=["household", "relation"])
    return household


def members(household: Household) -> list[Person]:
    """Everybody of a household, its head first."""
    found = Person.objects.filter(household=household).select_related("village", "village__parent")
    return sorted(found.order_by("birth", "pk"), key=lambda one: one.relation != HEAD)


@transaction.atomic
def put_in(
    policy_year: PolicyYear,
    person: Person,
    *,
    household: Household | None,
    relation: str,
    by: User,
    address: str = "",
) -> Person:
    """Put somebody into a household of the same village; None: one of their own."""
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    before = now.household
    if household is None:
        start(now)
    else:
        _require_near(now, household, by)
        if relation.strip() == HEAD and _head(household) not in (None, now):
            raise Failure("head", "这户已有户主，请先填其他关系，再办理更换户主")
        now.household, now.relation = household, relation.strip()[:20]
        now.save(update_fields=["household", "relation"])
    common.record(
        "change_household",
        now,
        by=by,
        address=address,
        before=before.number if before else "",
        after=now.household.number if now.household else "",
    )
    common.bump(now.county_id)
    return now


@transaction.atomic
def arrange(
    policy_year: PolicyYear,
    household: Household,
    *,
    relations: Mapping[int, str],
    by: User,
    home: str | None = None,
    address: str = "",
) -> None:
    """Say anew what each member is to the head, the head among them: a change of head.

    Everybody's relation is asked for, because all of them depend on who heads the household.
    """
    _require_household(policy_year, household, by)
    people = {one.pk: one for one in members(household)}
    if set(relations) != set(people):
        raise Failure("members", "这户的成员已有变化，请刷新后再办")
    said = {pk: " ".join(word.split())[:20] for pk, word in relations.items()}
    heads = [pk for pk, word in said.items() if word == HEAD]
    if len(heads) != 1:
        raise Failure("head", f"一户须有一位户主，现有 {len(heads)} 位")
    before = _head(household)
    for pk, word in said.items():
        if people[pk].relation != word:
            Person.objects.filter(pk=pk).update(relation=word)
    if home is not None and home.strip() != household.address:
        Household.objects.filter(pk=household.pk).update(address=home.strip()[:200])
    head = people[heads[0]]
    common.record(
        "arrange_household",
        head,
        by=by,
        address=address,
        subject=household.number,
        before=before.name if before else "",
        after=head.name,
    )
    common.bump(household.county_id)


@transaction.atomic
def split(
    policy_year: PolicyYear,
    household: Household,
    *,
    people: list[int],
    head: int,
    by: User,
    address: str = "",
) -> Household:
    """Part some members off into a household of their own, headed by one of them."""
    _require_household(policy_year, household, by)
    known = {one.pk: one for one in members(household)}
    leaving = [known[pk] for pk in people if pk in known]
    if not leaving or len(leaving) != len(set(people)):
        raise Failure("members", "请勾选要分出去的成员；这户的成员可能已有变化")
    if len(leaving) == len(known):
        raise Failure("everybody", "全户都勾选了，不是分户")
    if head not in people:
        raise Failure("head", "请在分出去的成员里选一位户主")
    fresh = start(known[head], address=household.address)
    for one in leaving:
        if one.pk != head:
            Person.objects.filter(pk=one.pk).update(household=fresh, relation="")
    common.record(
        "split_household",
        known[head],
        by=by,
        address=address,
        subject=fresh.number,
        before=household.number,
        people=sorted(people),
    )
    common.bump(household.county_id)
    return fresh


@transaction.atomic
def merge(
    policy_year: PolicyYear, household: Household, *, into: Household, by: User, address: str = ""
) -> int:
    """Let a household go over into another of its village. Returns how many people went.

    Their relations to the other head are asked for afterwards; the empty household stays.
    """
    _require_household(policy_year, household, by)
    _require_household(policy_year, into, by)
    if household.pk == into.pk:
        raise Failure("same", "不能并入自己")
    if household.village_id != into.village_id:
        raise Failure("village", "只能并入同一个村的另一户；跨村的请先办理迁移")
    going = members(household)
    if not going:
        raise Failure("empty", "这户没有成员")
    Person.objects.filter(pk__in=[one.pk for one in going]).update(household=into, relation="")
    common.record(
        "merge_household",
        going[0],
        by=by,
        address=address,
        subject=into.number,
        before=household.number,
        people=sorted(one.pk for one in going),
    )
    common.bump(household.county_id)
    return len(going)


def _head(household: Household) -> Person | None:
    return Person.objects.filter(household=household, relation=HEAD).first()


def _require_near(person: Person, household: Household, by: User) -> None:
    if not Household.objects.visible_to(by).filter(pk=household.pk).exists():
        raise Failure("household", "这户不在您的辖区")
    if household.village_id != person.village_id:
        raise Failure("village", "只能编入同一个村的户；跨村的请先办理迁移")


def _require_household(policy_year: PolicyYear, household: Household, by: User) -> None:
    common.require_role(by)
    visible = Household.objects.visible_to(by).filter(county=policy_year.county)
    if not visible.select_for_update(of=("self",)).filter(pk=household.pk).exists():
        raise Failure("household", "这户不在您的辖区")
