"""零申报: declaring people who owe 0, taking it back, and the county's word on who is held back.

A declaration is a payment of 0.00 with a record of who declared, where and when. Payments are
never edited: a wrong declaration is withdrawn, and both stay on record.
"""

import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import pghistory
from django.db import connection, transaction
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, User
from subsidies import freeze, zero
from subsidies.models import Clearance, Declaration

MOST_WORDS = 200

# An enrolment made here counts where the person is registered, and follows them.
ENROL = """
INSERT INTO enrollment_enrollment
    (county_id, town_id, village_id, policy_year_id, person_id, tier_id, place_follows, created_at)
SELECT person.county_id, person.town_id, person.village_id, %(year)s, person.id, asked.tier_id,
       TRUE, now()
FROM unnest(%(people)s::bigint[], %(tiers)s::bigint[]) AS asked (person_id, tier_id)
JOIN enrollment_person person ON person.id = asked.person_id
WHERE NOT EXISTS (SELECT FROM enrollment_enrollment enrolment
                  WHERE enrolment.policy_year_id = %(year)s AND enrolment.person_id = person.id)
RETURNING person_id
"""
PAY = """
INSERT INTO enrollment_payment
    (county_id, town_id, village_id, policy_year_id, person_id, amount, paid_at, channel,
     created_at)
SELECT enrolment.county_id, enrolment.town_id, enrolment.village_id, %(year)s,
       enrolment.person_id, 0, %(at)s, %(channel)s, now()
FROM enrollment_enrollment enrolment
WHERE enrolment.policy_year_id = %(year)s AND enrolment.person_id = ANY(%(people)s)
RETURNING id, person_id
"""
DECLARE = """
INSERT INTO subsidies_declaration
    (county_id, town_id, village_id, policy_year_id, person_id, payment_id, category_id, subsidy,
     office, declared_on, document, enrolled, recorded_by_id, recorded_at, withdrawn_reason)
SELECT payment.county_id, payment.town_id, payment.village_id, %(year)s, payment.person_id,
       payment.id, asked.category_id, asked.subsidy, %(office)s, %(on)s, %(document)s,
       asked.person_id = ANY(%(enrolled)s), %(by)s, now(), ''
FROM unnest(%(people)s::bigint[], %(categories)s::bigint[], %(subsidies)s::numeric[])
    AS asked (person_id, category_id, subsidy)
JOIN enrollment_payment payment
    ON payment.person_id = asked.person_id AND payment.id = ANY(%(payments)s)
"""


@dataclass(frozen=True)
class Done:
    """How many were declared, and who of those asked for was not, with the reason."""

    declared: int
    left: list[tuple[int, str]]


@transaction.atomic
def declare(
    policy_year: PolicyYear,
    region: Region,
    *,
    on: datetime.date,
    by: User,
    people: Collection[int] | None = None,
    office: str = "",
    document: str = "",
    address: str = "",
) -> Done:
    """Declare these people of a region, or all who are ready. Whoever is not ready is told.

    The office is the one the policy names; where it names none, ``office`` says who declared.
    Raises Failure where nobody can be declared.
    """
    if not by.job.may_declare:
        raise Failure("role", f"“{by.job.title}”岗位不能登记申报，请交乡镇或县级经办人员")
    policy_year = freeze.begin(policy_year, what="不能再登记申报", bulk=True)
    word = zero.word(policy_year)
    if on > timezone.localdate():
        raise Failure("later", "申报日期不能晚于今天")
    office = policy_year.proxy_office or _clean(office)
    if not office:
        raise Failure("no_office", f"政策没有规定由哪个单位办理{word}，请填写实际办理申报的单位")
    found = zero.lines(policy_year, region, on=on, among=people)
    ready = [one for one in found if one.state == zero.State.READY]
    left = [
        (
            one.person,
            "名单对此人有疑义，须先经县级核对" if one.state == zero.State.HELD else one.reason,
        )
        for one in found
        if one.state != zero.State.READY
    ]
    known = {one.person for one in found}
    left += [
        (one, "已经参保或申报，或不属于个人应缴 0 元")
        for one in dict.fromkeys(people or ())
        if one not in known
    ]
    if not ready:
        raise Failure("nobody", "没有可以申报的人：请勾选“待申报”中的人，或换一个申报日期")
    given: dict[str, Any] = {
        "year": policy_year.pk,
        "people": [one.person for one in ready],
        "tiers": [one.tier for one in ready],
        "categories": [one.category for one in ready],
        "subsidies": [one.subsidy for one in ready],
        "at": _moment(on),
        "on": on,
        "channel": word[:40],
        "office": office,
        "document": _clean(document),
        "by": by.pk,
    }
    with pghistory.context(user=by.pk), connection.cursor() as cursor:
        cursor.execute(ENROL, given)
        given["enrolled"] = [person for (person,) in cursor.fetchall()]
        cursor.execute(PAY, given)
        given["payments"] = [payment for payment, _ in cursor.fetchall()]
        cursor.execute(DECLARE, given)
    audit.record(
        "declare_zero",
        by=by,
        county=policy_year.county,
        subject=f"{region.path} {word}",
        person_id=ready[0].person if len(ready) == 1 else None,
        address=address,
        people=len(ready),
        declared_on=f"{on}",
        office=office,
        document=given["document"],
        left=len(left),
    )
    policy_year.bump()
    return Done(len(ready), left)


@transaction.atomic
def withdraw(
    policy_year: PolicyYear,
    declarations: Iterable[int],
    *,
    by: User,
    reason: str,
    address: str = "",
) -> int:
    """Take declarations back: marked, not deleted, and their payments with them.

    Returns how many. An enrolment that was made with one goes unless another payment needs it.
    """
    if not by.job.may_declare:
        raise Failure("role", f"“{by.job.title}”岗位不能撤回申报，请交乡镇或县级经办人员")
    policy_year = freeze.begin(policy_year, what="申报不能再撤回", bulk=True)
    reason = _clean(reason)
    if not reason:
        raise Failure("no_reason", "请写明撤回申报的原因")
    rows = list(
        Declaration.objects.visible_to(by)
        .filter(policy_year=policy_year, pk__in=list(declarations), withdrawn_at=None)
        .values_list("pk", "person", "payment", "enrolled")
    )
    if not rows:
        raise Failure("nobody", "请勾选要撤回的申报；税务缴费明细中的零申报随明细名册撤回")
    with pghistory.context(user=by.pk), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE enrollment_payment SET withdrawn_at = now() WHERE id = ANY(%s)",
            [[payment for _, _, payment, _ in rows]],
        )
        Declaration.objects.filter(pk__in=[pk for pk, *_ in rows]).update(
            withdrawn_at=timezone.now(), withdrawn_by=by, withdrawn_reason=reason
        )
        cursor.execute(
            """
            DELETE FROM enrollment_enrollment enrolment
            WHERE enrolment.policy_year_id = %s AND enrolment.person_id = ANY(%s)
              AND enrolment.written_by_id IS NULL
              AND NOT EXISTS (
                  SELECT FROM enrollment_payment payment
                  WHERE payment.policy_year_id = enrolment.policy_year_id
                    AND payment.person_id = enrolment.person_id AND payment.withdrawn_at IS NULL
              )
            """,
            [policy_year.pk, [person for _, person, _, enrolled in rows if enrolled]],
        )
    audit.record(
        "withdraw_declaration",
        by=by,
        county=policy_year.county,
        subject=zero.word(policy_year),
        person_id=rows[0][1] if len(rows) == 1 else None,
        address=address,
        people=len(rows),
        reason=reason,
    )
    policy_year.bump()
    return len(rows)


@transaction.atomic
def clear(
    policy_year: PolicyYear,
    region: Region,
    *,
    people: Collection[int],
    on: datetime.date,
    conclusion: str,
    by: User,
    address: str = "",
) -> int:
    """The county's word that these people may be paid for after all; holds for today's grounds.

    Returns how many. Raises Failure for anybody below the county.
    """
    if not by.job.may_settle:
        raise Failure("role", "与部门名单有疑义的人，由县级经办人员核对后才能申报")
    policy_year = freeze.begin(policy_year, what="不能再登记申报")
    conclusion = _clean(conclusion)
    if not conclusion:
        raise Failure("no_conclusion", "请写明核对结论和依据，如 经与人社核对，已停保")
    held = [
        one
        for one in zero.lines(policy_year, region, on=on, among=people)
        if one.state == zero.State.HELD
    ]
    if not held:
        raise Failure("nobody", "请勾选“待核对”中的人；可能已被他人核对，请刷新本页")
    Clearance.objects.bulk_create(
        Clearance(
            county_id=policy_year.county_id,
            town_id=one.town,
            village_id=one.village,
            policy_year=policy_year,
            person_id=one.person,
            grounds=list(one.open_grounds),
            conclusion=conclusion,
            cleared_by=by,
        )
        for one in held
    )
    audit.record(
        "clear_declaration",
        by=by,
        county=policy_year.county,
        subject=f"{region.path} {zero.word(policy_year)}",
        person_id=held[0].person if len(held) == 1 else None,
        address=address,
        people=sorted(one.person for one in held),
        conclusion=conclusion,
    )
    policy_year.bump()
    return len(held)


def _moment(on: datetime.date) -> datetime.datetime:
    """The payment's time on a day: now for today, else noon, which is in whatever the day is."""
    now = timezone.localtime()
    return (
        now
        if on == now.date()
        else now.replace(
            year=on.year, month=on.month, day=on.day, hour=12, minute=0, second=0, microsecond=0
        )
    )


def _clean(text: str) -> str:
    return " ".join(text.split())[:MOST_WORDS]
