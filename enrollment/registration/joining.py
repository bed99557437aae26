"""合并建档: two rows that turn out to be one person become one, and nothing of either is lost.

The classic: a newborn registered without a number, and the same child brought in later by the
police register with it. Payments, enrolments, statuses, identities, questions and papers go over
to the row that stays; where both rows hold the same fact, the staying one's is kept and the
other's is written down. The row that goes leaves its history, its number among the former ones,
and an entry that says which row it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pgtrigger
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, models, transaction
from django.db.models import Count, OuterRef, Subquery
from django.forms.models import model_to_dict

from enrollment import people
from enrollment.documents import KINDS
from enrollment.failure import Failure
from enrollment.models import (
    Enrollment,
    Joining,
    Payment,
    Person,
    PolicyYear,
    RosterRow,
    User,
)
from enrollment.registration import common, persons


@transaction.atomic
def join(
    policy_year: PolicyYear,
    keep: Person,
    gone: Person,
    *,
    reason: str,
    by: User,
    address: str = "",
) -> Joining:
    """Make ``gone`` part of ``keep``; the row with an identity number stays, whichever it is.

    Raises Failure where they cannot be one person.
    """
    if gone.doc_type == "resident-id" and gone.id_index and keep.id_index is None:
        keep, gone = gone, keep
    reason = common.sentence(reason, most=200, what="合并的依据，如 已查户口簿，是同一个孩子")
    for one in (keep, gone):
        common.require_person(policy_year, one, by)
    if keep.pk == gone.pk:
        raise Failure("same", "是同一份档案，不用合并")
    first, second = sorted((keep, gone), key=lambda one: one.pk)
    locked = {one.pk: common.lock(one) for one in (first, second)}
    keep, gone = locked[keep.pk], locked[gone.pk]
    _refuse_two_people(keep, gone)
    _refuse_paid_twice(keep, gone)
    _refuse_settled(gone)
    before = _told(gone)
    moved: dict[str, int] = {}
    left: dict[str, list[Any]] = {}
    # What is never edited is, save here: the fact stays, whose row it stands on is corrected.
    facts = common.facts_of_people()
    try:
        with transaction.atomic(), pgtrigger.ignore(*_read_only(model for model, _ in facts)):
            for model, key in facts:
                _carry(model, key, keep=keep, gone=gone, moved=moved, left=left)
    except DatabaseError as error:
        raise Failure(
            "kept", "两份档案各有一项不能改动的同类记录（如收据），请联系县级核对后再合并"
        ) from error
    moved["rosterrow"] = RosterRow.objects.filter(person_id=gone.pk).update(person_id=keep.pk)
    _fill_gaps(keep, gone)
    if gone.id_index is not None:
        persons.keep_former(gone, reason=reason, by=by, of=keep)
    Person.objects.filter(pk=gone.pk).delete()
    _payments_stand_with_their_enrolment(keep)
    joining = Joining.objects.create(
        **common.same_place(keep),
        person=keep,
        gone_id=gone.pk,
        moved={name: number for name, number in moved.items() if number},
        left=left,
        before=before,
        reason=reason,
        recorded_by=by,
    )
    common.record(
        "join_people",
        keep,
        by=by,
        address=address,
        reason=reason,
        before=f"第 {gone.pk} 号档案",
        people=sum(moved.values()),
    )
    common.bump(keep.county_id)
    return joining


def candidates(policy_year: PolicyYear, person: Person, *, viewer: User) -> list[Person]:
    """Who may be the same person: same birth date and the same name, or one without a number."""
    visible = people.visible(viewer, policy_year).exclude(pk=person.pk)
    if person.birth is None:
        return []
    alike = visible.filter(birth=person.birth)
    alike = alike.filter(name=person.name) | alike.filter(
        household=person.household_id, household__isnull=False
    )
    found = alike.select_related("village", "village__parent").order_by("pk")[:20]
    return [one for one in found if person.id_index is None or one.id_index is None]


def _refuse_two_people(keep: Person, gone: Person) -> None:
    if keep.county_id != gone.county_id:
        raise Failure("county", "只能合并本县的档案")
    both = keep.id_index is not None and gone.id_index is not None
    if both and keep.doc_type == gone.doc_type and keep.doc_type == "resident-id":
        raise Failure("two", "两份档案各有一个居民身份证号码，不是同一个人")
    if keep.birth and gone.birth and keep.birth != gone.birth:
        raise Failure("birth", "两份档案的出生日期不同，请先更正后再合并")
    if keep.sex and gone.sex and keep.sex != gone.sex:
        raise Failure("sex", "两份档案的性别不同，请先更正后再合并")


def _refuse_settled(gone: Person) -> None:
    """A settled ledger names its people; it is not rewritten afterwards."""
    over = Payment.objects.filter(
        person=gone, policy_year__state__in=(PolicyYear.State.SETTLED, PolicyYear.State.CLOSED)
    ).select_related("policy_year")
    if (one := over.first()) is not None:
        raise Failure("settled", f"要并入的档案在{one.policy_year}有缴费，该年度已结算，不能再合并")


def _read_only(tables: Iterable[type[models.Model]]) -> list[str]:
    """The triggers that keep a person's key unchanged, as pgtrigger names them."""
    return sorted(
        {
            f"{model._meta.label}:{trigger.name}"
            for model in tables
            for trigger in getattr(model._meta, "triggers", [])
            if isinstance(trigger, pgtrigger.ReadOnly)
        }
    )


def _refuse_paid_twice(keep: Person, gone: Person) -> None:
    """One serial on both rows is a doubled payment: the tax bureau has to say which holds."""
    rows = Payment.objects.filter(
        person__in=(keep, gone), serial__isnull=False, withdrawn_at__isnull=True
    )
    doubled = rows.values("policy_year", "serial").annotate(n=Count("person", distinct=True))
    if doubled.filter(n__gt=1).exists():
        raise Failure("serial", "两份档案有同一个流水号的缴费，请先在待核实事项里核对")


def _carry(
    model: type[models.Model],
    key: str,
    *,
    keep: Person,
    gone: Person,
    moved: dict[str, int],
    left: dict[str, list[Any]],
) -> None:
    """One table's rows over to who stays; a row that would stand there twice is told and goes."""
    name = str(model._meta.model_name)
    manager = model._default_manager
    if model is not Payment and key == "person":
        for row in manager.filter(person=gone):
            if _stands_already(model, row, keep):
                left.setdefault(name, []).append(_told(row))
                row.delete()
    count = manager.filter(**{key: gone}).update(**{key: keep})
    moved[name] = moved.get(name, 0) + count


def _stands_already(model: type[models.Model], row: models.Model, keep: Person) -> bool:
    for constraint in model._meta.constraints:
        if not isinstance(constraint, models.UniqueConstraint) or "person" not in constraint.fields:
            continue
        same = {name: getattr(row, name) for name in constraint.fields if name != "person"}
        rows = model._default_manager.filter(person=keep, **same)
        own = model._default_manager.filter(pk=row.pk)
        if constraint.condition is not None:
            rows, own = rows.filter(constraint.condition), own.filter(constraint.condition)
        if rows.exists() and own.exists():
            return True
    return False


def _fill_gaps(keep: Person, gone: Person) -> None:
    """What only the other row knew: phone, household, birth, sex; a number where there is none."""
    filled = []
    names = ["phone", "sex", "birth", "on_roll_from"]
    if keep.household_id is None:
        names += ["household", "relation"]
    for name in names:
        if not getattr(keep, name) and getattr(gone, name):
            setattr(keep, name, getattr(gone, name))
            filled.append(name)
    if filled:
        keep.save(update_fields=filled)


def _payments_stand_with_their_enrolment(keep: Person) -> None:
    own = Enrollment.objects.filter(person=keep, policy_year=OuterRef("policy_year"))
    Payment.objects.filter(person=keep).exclude(village__in=own.values("village")).filter(
        policy_year__in=Enrollment.objects.filter(person=keep).values("policy_year")
    ).update(town=Subquery(own.values("town")[:1]), village=Subquery(own.values("village")[:1]))


def _told(row: models.Model) -> dict[str, Any]:
    """A row in plain values, without ciphertext, keyed indexes and phone."""
    secret = {"id_cipher", "id_index", "tail_index", "phone", "guardian_phone"}
    told = {
        name: value
        for name, value in model_to_dict(row).items()
        if name not in secret and value not in (None, "", [])
    }
    if isinstance(row, Person):
        told["document"] = KINDS[row.doc_type] if row.id_index else "暂无证件号码"
    encoder = DjangoJSONEncoder()
    return {
        name: value if isinstance(value, str | int | bool) else encoder.encode(value).strip('"')
        for name, value in told.items()
    }
