"""参保登记: writing an enrolment down, taking it back, and asking for money back.

Registered is not insured: who is insured is decided by payments alone (`enrollment.insured`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone

from enrollment import insured, people
from enrollment.failure import Failure
from enrollment.models import (
    Enrollment,
    Payment,
    Person,
    PolicyYear,
    RefundReason,
    RefundRequest,
    Region,
    RegistrationRecord,
    Status,
    StatusKind,
    StatusRecord,
    Tier,
    User,
)
from enrollment.models.rules import PopulationGroup
from enrollment.registration import common, persons

CHILD = 14
"""Under this age (years) somebody else registers them, and is named."""
SHARED = ("配偶", "父母", "子女")
"""Whose employee account may pay for somebody (家庭共济, C63)."""


@dataclass(frozen=True)
class Details:
    """How a registration was done, beside where and what: all may be empty."""

    agent: str = ""
    agent_relation: str = ""
    guardian: str = ""
    guardian_relation: str = ""
    guardian_phone: str = ""
    shared_by: str = ""
    shared_relation: str = ""
    proof: str = ""
    note: str = ""


def refuse_double(policy_year: PolicyYear, person: Person, village: Region) -> None:
    """Raise Failure where somebody is enrolled with another unit, here or in another county.

    The sentence names the unit and whom to call, nothing more.
    """
    own = Enrollment.objects.filter(policy_year=policy_year, person=person)
    found = own.select_related("village", "village__parent", "town").first()
    if found is not None and found.village_id != village.pk:
        unit = found.village
        raise Failure(
            "enrolled_elsewhere",
            f"已在{unit.path}登记参保，请联系{persons.whom_to_call(unit)}核实，不要重复登记",
        )
    if person.id_index is None:
        return
    elsewhere = (
        Enrollment.objects.filter(
            policy_year__year=policy_year.year,
            person__id_index=person.id_index,
            person__doc_type=person.doc_type,
        )
        .exclude(county=person.county_id)
        .select_related("county")
        .first()
    )
    if elsewhere is not None:
        raise Failure(
            "enrolled_elsewhere",
            f"已在{elsewhere.county.name}登记参保，请联系{elsewhere.county.name}医保局核实，"
            "不要重复登记",
        )


@transaction.atomic
def enrol(
    policy_year: PolicyYear,
    person: Person,
    *,
    village: Region,
    tier: Tier | None,
    group: PopulationGroup | None,
    registration: str,
    clause: str,
    not_stated: Iterable[str],
    details: Details,
    by: User | None,
    address: str = "",
) -> Enrollment:
    """Register somebody for the year in a village.

    Who may is asked before (`eligibility`); here stands what holds in every county: a year that is
    open, no double enrolment, somebody who answers for a child. Raises Failure.
    """
    common.require_open(policy_year)
    common.require_village(village, by)
    now = common.lock(person)
    refuse_double(policy_year, now, village)
    details = _checked(now, details)
    standing = RegistrationRecord.objects.filter(
        policy_year=policy_year, person=now, withdrawn_at__isnull=True
    )
    if standing.exists():
        raise Failure("enrolled", f"{now.name}本年度已登记参保，不用再登记")
    where = common.place_of(village)
    enrollment, fresh = Enrollment.objects.get_or_create(
        policy_year=policy_year,
        person=now,
        defaults={
            **where,
            "tier": tier,
            "group": group,
            "place_follows": village.pk == now.village_id,
        },
    )
    if not fresh:
        enrollment.tier, enrollment.group = tier, group
        enrollment.save(update_fields=["tier", "group"])
    RegistrationRecord.objects.create(
        **where,
        policy_year=policy_year,
        person=now,
        registration=registration,
        clause=clause[:300],
        not_stated=[one[:300] for one in not_stated],
        recorded_by=by,
        **asdict(details),
    )
    _end_reasons(policy_year, now, by)
    common.record(
        "register",
        now,
        by=by,
        address=address,
        subject=village.path,
        village=village.key,
        tier=tier.name if tier else "",
        group=group.name if group else "",
        agent=details.agent,
        proof=details.proof,
    )
    common.bump(now.county_id)
    return enrollment


def _checked(person: Person, details: Details) -> Details:
    years = people.age(person, timezone.localdate())
    if years is not None and years < CHILD and not details.guardian.strip():
        raise Failure("guardian", f"未满 {CHILD} 周岁的，请填写监护人")
    if details.guardian.strip() and not details.guardian_relation.strip():
        raise Failure("guardian_relation", "请填写监护人与本人关系")
    if details.agent.strip() and not details.agent_relation.strip():
        raise Failure("agent_relation", "请填写代办人与本人关系")
    if details.shared_by.strip() and details.shared_relation not in SHARED:
        raise Failure(
            "shared_relation", "家庭共济账户只能用于配偶、父母、子女，请选择持有人是本人的什么人"
        )
    if details.guardian_phone:
        persons.checked_phone(details.guardian_phone)
    limits = {"agent_relation": 20, "guardian_relation": 20, "proof": 200, "note": 200}
    tidy = {
        name: common.sentence(value, most=limits.get(name, 60), what=name, required=False)
        for name, value in asdict(details).items()
    }
    return Details(**tidy)


def _end_reasons(policy_year: PolicyYear, person: Person, by: User | None) -> None:
    """Whoever enrols is no longer 本人暂不参保 or 暂未联系上; the record of it stays."""
    over = StatusRecord.objects.filter(
        policy_year=policy_year,
        person=person,
        ended_at__isnull=True,
        kind__bucket=StatusKind.Bucket.NONE,
        kind__insurance__isnull=True,
    )
    kinds = list(over.values_list("kind", flat=True))
    over.update(ended_at=timezone.now(), ended_by=by, ended_reason="已登记参保")
    Status.objects.filter(
        policy_year=policy_year, person=person, kind__in=kinds, written_by__isnull=True
    ).delete()


@transaction.atomic
def withdraw(
    policy_year: PolicyYear, person: Person, *, reason: str, by: User, address: str = ""
) -> None:
    """Take a registration back that nothing was paid for. Raises Failure where something was."""
    common.require_open(policy_year)
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    reason = common.sentence(reason, most=200, what="撤销登记的原因")
    record = RegistrationRecord.objects.filter(
        policy_year=policy_year, person=now, withdrawn_at__isnull=True
    ).first()
    if record is None:
        raise Failure("not_registered", f"{now.name}本年度没有可撤销的登记")
    if insured.verdict(policy_year, now).insured:
        raise Failure("paid", "已缴费或已零申报，不能撤销登记；要退费请登记退费申请")
    record.withdrawn_by, record.withdrawn_at = by, timezone.now()
    record.withdrawn_reason = reason
    record.save(update_fields=["withdrawn_by", "withdrawn_at", "withdrawn_reason"])
    # Where money came and was given back, the enrolment is what those payments stand on.
    if not Payment.objects.filter(policy_year=policy_year, person=now).exists():
        Enrollment.objects.filter(policy_year=policy_year, person=now).delete()
    common.record("withdraw_registration", now, by=by, address=address, reason=reason)
    common.bump(now.county_id)


# Refunds


@transaction.atomic
def ask_refund(
    policy_year: PolicyYear,
    person: Person,
    *,
    reason: str,
    text: str,
    answer_by: date | None,
    by: User,
    address: str = "",
) -> RefundRequest:
    """Write down that somebody wants their money back, and the day an answer was promised for."""
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    if reason not in RefundReason.values:
        raise Failure("reason", "请选择退费原因")
    text = common.sentence(text, most=200, what="退费的情况说明")
    if insured.verdict(policy_year, now).paid <= 0:
        raise Failure("not_paid", f"{now.name}本年度没有可退的缴费")
    if answer_by and answer_by < timezone.localdate():
        raise Failure("answer_by", "答复期限不能早于今天")
    if RefundRequest.objects.filter(
        policy_year=policy_year, person=now, answered_at__isnull=True
    ).exists():
        raise Failure("asked", "已有一件待答复的退费申请")
    request = RefundRequest.objects.create(
        **common.same_place(now),
        policy_year=policy_year,
        person=now,
        reason=reason,
        text=text,
        answer_by=answer_by,
        recorded_by=by,
    )
    common.record("ask_refund", now, by=by, address=address, subject=request.get_reason_display())
    return request


@transaction.atomic
def answer_refund(
    request: RefundRequest, *, outcome: str, answer: str, by: User, address: str = ""
) -> RefundRequest:
    """The county's answer; the money itself comes back through the tax bureau's file."""
    if not by.job.reviews:
        raise Failure("role", "退费申请由县级经办答复")
    now = RefundRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if now.answered_at:
        raise Failure("answered", f"已答复：{now.get_outcome_display()}")
    if outcome not in RefundRequest.Outcome.values:
        raise Failure("outcome", "请选择是否同意退费")
    now.outcome = outcome
    now.answer = common.sentence(answer, most=200, what="答复")
    now.answered_by, now.answered_at = by, timezone.now()
    now.save(update_fields=["outcome", "answer", "answered_by", "answered_at"])
    common.record(
        "answer_refund",
        now.person,
        by=by,
        address=address,
        subject=now.get_outcome_display(),
    )
    return now
