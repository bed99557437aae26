"""人员状态: what a clerk says somebody is instead of enrolled, and residents who object.

The kinds are the policy's, and their order decides in which column somebody with several counts.
A deduction takes effect at once, needs reason and proof, and stands on the county's list until
somebody there has looked at it: no denominator shrinks unseen.
"""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from enrollment import people
from enrollment.failure import Failure
from enrollment.models import (
    Objection,
    Person,
    PolicyYear,
    Region,
    Status,
    StatusKind,
    StatusRecord,
    User,
)
from enrollment.registration import common
from enrollment.scope import PlacedQuerySet

OTHER = "其他"


def deducts(kind: StatusKind) -> bool:
    """Whether a status takes its holder out of the base."""
    return kind.bucket in StatusKind.OUT_OF_BASE


def wants_proof(kind: StatusKind) -> bool:
    """Cover elsewhere and deductions need a proof; 本人暂不参保 is the person's own word."""
    return deducts(kind) or bool(kind.insurance)


@transaction.atomic
def record(
    policy_year: PolicyYear,
    person: Person,
    *,
    kind: StatusKind,
    by: User,
    since: date | None = None,
    insured_at: str = "",
    text: str = "",
    evidence: str = "",
    address: str = "",
) -> StatusRecord:
    """Write down what somebody is in the year. Raises Failure where reason or proof is missing."""
    common.require_open(policy_year)
    common.require_person(policy_year, person, by)
    if kind.policy_year_id != policy_year.pk:
        raise Failure("kind", "请选择本年度的状态")
    now = common.lock(person)
    word = people.public_word(kind)
    text = common.sentence(
        text,
        most=200,
        what=f"“{word}”的情况说明",
        required=deducts(kind) or kind.name.startswith(OTHER),
    )
    evidence = common.sentence(
        evidence, most=200, what=f"“{word}”的凭据", required=wants_proof(kind)
    )
    insured_at = common.sentence(
        insured_at,
        most=100,
        what="现参保地或单位",
        required=kind.insurance in (kind.Insurance.EMPLOYEE, kind.Insurance.RESIDENT),
    )
    if since and since > timezone.localdate():
        raise Failure("since", "起始日期不能晚于今天")
    standing = StatusRecord.objects.filter(
        policy_year=policy_year, person=now, kind=kind, ended_at__isnull=True
    )
    if standing.exists():
        raise Failure("known", f"本年度已登记过“{word}”")
    row = StatusRecord.objects.create(
        **common.same_place(now),
        policy_year=policy_year,
        person=now,
        kind=kind,
        since=since,
        insured_at=insured_at,
        text=text,
        evidence=evidence,
        recorded_by=by,
    )
    # A list may say so already; then the list's row stands.
    Status.objects.get_or_create(
        policy_year=policy_year,
        person=now,
        kind=kind,
        defaults={
            **common.same_place(now),
            "since": since,
            "note": "；".join(filter(None, (insured_at, text)))[:200],
        },
    )
    common.record(
        "set_status",
        now,
        by=by,
        address=address,
        subject=word,
        reason=text,
    )
    common.bump(now.county_id)
    return row


@transaction.atomic
def end(row: StatusRecord, *, reason: str, by: User, address: str = "") -> StatusRecord:
    """Say that a status is over or was wrong; who set it, or the county, may.

    What a list says of the same person and kind stays until that list changes.
    """
    now = StatusRecord.objects.select_for_update(of=("self",)).select_related("kind").get(pk=row.pk)
    common.require_person(now.policy_year, now.person, by)
    if now.ended_at:
        raise Failure("ended", f"这项状态已终止：{now.ended_reason}")
    now.ended_reason = common.sentence(reason, most=200, what="终止的原因")
    now.ended_by, now.ended_at = by, timezone.now()
    now.save(update_fields=["ended_reason", "ended_by", "ended_at"])
    Status.objects.filter(
        policy_year=now.policy_year, person=now.person, kind=now.kind, written_by__isnull=True
    ).delete()
    common.record("end_status", now.person, by=by, address=address, reason=now.ended_reason)
    common.bump(now.county_id)
    return now


@transaction.atomic
def review(row: StatusRecord, *, by: User, address: str = "") -> StatusRecord:
    """The county has looked at a deduction and lets it stand."""
    if not by.job.reviews:
        raise Failure("role", "扣减由县级经办核对")
    now = StatusRecord.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if now.ended_at or now.reviewed_at:
        raise Failure("done", "这一项已核对或已终止，请刷新本页")
    now.reviewed_by, now.reviewed_at = by, timezone.now()
    now.save(update_fields=["reviewed_by", "reviewed_at"])
    common.record("review_status", now.person, by=by, address=address)
    return now


def deductions(policy_year: PolicyYear, region: Region, *, viewer: User) -> PlacedQuerySet:
    """Deductions that clerks set and that stand, those nobody at the county has seen first."""
    rows = StatusRecord.objects.visible_to(viewer).in_region(region)
    rows = rows.filter(
        policy_year=policy_year,
        ended_at__isnull=True,
        kind__bucket__in=StatusKind.OUT_OF_BASE,
    )
    return rows.select_related(
        "person", "kind", "village", "town", "recorded_by", "reviewed_by"
    ).order_by("reviewed_at", "town__order", "village__order", "pk")


def deciding(statuses: list[Status]) -> Status | None:
    """Of several statuses the one in whose column somebody counts: the first in policy's order."""
    return min(statuses, key=lambda one: (one.kind.order, one.pk), default=None)


# Death


def death_kind(policy_year: PolicyYear) -> StatusKind | None:
    """What the year's policy calls somebody who died, by name, alias or public word."""
    for kind in StatusKind.objects.filter(policy_year=policy_year).order_by("order"):
        names = (kind.name, *kind.aliases, kind.public_word)
        if any(word in name for name in names for word in ("死亡", "去世")):
            return kind
    return None


@transaction.atomic
def record_death(
    policy_year: PolicyYear,
    person: Person,
    *,
    day: date,
    cancelled_on: date | None,
    evidence: str,
    by: User,
    address: str = "",
) -> None:
    """Somebody died; with the day their hukou was cancelled they also leave the register.

    Payments and enrolment stay as they are: a refund is asked for by the family.
    """
    kind = death_kind(policy_year)
    if day > timezone.localdate() or (cancelled_on and cancelled_on < day):
        raise Failure("day", "去世日期不能晚于今天，户口注销日期不能早于去世日期")
    if person.birth and day < person.birth:
        raise Failure("day", "去世日期不能早于出生日期")
    if kind is not None:
        record(
            policy_year,
            person,
            kind=kind,
            by=by,
            since=day,
            text="去世" + (f"，户口 {cancelled_on} 注销" if cancelled_on else "，户口尚未注销"),
            evidence=evidence,
            address=address,
        )
    else:
        common.require_person(policy_year, person, by)
        common.sentence(evidence, most=200, what="凭据")
    now = common.lock(person)
    if cancelled_on and now.on_roll_from and now.on_roll_to is None:
        now.on_roll_to = max(cancelled_on, now.on_roll_from)
        now.save(update_fields=["on_roll_to"])
    common.record("record_death", now, by=by, address=address, day=day.isoformat())
    common.bump(now.county_id)


# Objections


@transaction.atomic
def object_to(
    policy_year: PolicyYear,
    person: Person,
    *,
    raised_by: str,
    text: str,
    by: User,
    address: str = "",
) -> Objection:
    """Write down that somebody, or who speaks for them, says a record is wrong."""
    common.require_person(policy_year, person, by)
    row = Objection.objects.create(
        **common.same_place(person),
        policy_year=policy_year,
        person=person,
        raised_by=common.sentence(raised_by, most=60, what="提出人"),
        text=common.sentence(text, most=300, what="异议内容"),
        recorded_by=by,
    )
    common.record("raise_objection", person, by=by, address=address)
    return row


@transaction.atomic
def answer(row: Objection, *, outcome: str, text: str, by: User, address: str = "") -> Objection:
    """The county's answer; correcting what was wrong is done with the verbs for that."""
    if not by.job.reviews:
        raise Failure("role", "异议由县级经办答复")
    now = Objection.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if now.answered_at:
        raise Failure("answered", f"已答复：{now.answer}")
    if outcome not in Objection.Outcome.values:
        raise Failure("outcome", "请选择异议是否成立")
    now.outcome = outcome
    now.answer = common.sentence(text, most=300, what="答复")
    now.answered_by, now.answered_at = by, timezone.now()
    now.save(update_fields=["outcome", "answer", "answered_by", "answered_at"])
    common.record(
        "answer_objection",
        now.person,
        by=by,
        address=address,
        subject=now.get_outcome_display(),
    )
    return now
