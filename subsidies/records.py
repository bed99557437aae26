"""属性登记和情形登记: what somebody recorded about a person that no list says.

A returning migrant (C11) or a special case with its day (C52–C57) is on record with who, when and
on what evidence; some cases hold only once verified (C56). Everything here is an input of the
rule: each verb bumps the year, and quote and assessment follow.
"""

import datetime

from django.db import transaction
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import EventRule, Level, Person, PolicyYear, User
from enrollment.models.rules import Attribute
from subsidies import case, freeze
from subsidies.models import AttributeRecord, EventRecord
from subsidies.situation import BORN

TEXT_LIMIT = 200
FROZEN = "不能再改登记"


@transaction.atomic
def record_attribute(
    policy_year: PolicyYear,
    person: Person,
    attribute: Attribute,
    *,
    evidence: str,
    by: User,
    address: str = "",
) -> AttributeRecord:
    """Put an attribute of the year on record. Raises Failure where it already is."""
    year = _begin(policy_year, by)
    evidence = _evidence(evidence, attribute.evidence)
    known = AttributeRecord.objects.filter(policy_year=year, person=person, attribute=attribute)
    if known.exists():
        raise Failure("known", f"本年度已登记过“{attribute.name}”")
    made = AttributeRecord.objects.create(
        **_place_of(person),
        policy_year=year,
        person=person,
        attribute=attribute,
        evidence=evidence,
        recorded_by=by,
    )
    _note("record_attribute", made, attribute.name, by, address, reason=evidence)
    year.bump()
    return made


@transaction.atomic
def record_event(
    policy_year: PolicyYear,
    person: Person,
    event: EventRule,
    *,
    event_date: datetime.date | None = None,
    evidence: str,
    by: User,
    address: str = "",
) -> EventRecord:
    """Put a special case on record; one that counts from birth takes the person's own day.

    Raises Failure where the day is missing or to come, or another case stands for the year.
    """
    year = _begin(policy_year, by)
    if event.event_date_name == BORN:
        event_date = person.birth or event_date
    name = event.event_date_name or "事由日期"
    if event_date is None and (event.event_date_name or case.needs_date(event)):
        raise Failure("event_date_missing", f"“{event.name}”要看{name}，请填写")
    if event_date is not None and event_date > timezone.localdate():
        raise Failure("event_date", f"{name} {event_date} 还没有到，请核对")
    evidence = _evidence(evidence, event.evidence)
    known = EventRecord.objects.filter(policy_year=year, person=person).first()
    if known is not None:
        raise Failure("known", f"本年度已登记过“{known.event}”；登记有误的，请先撤销再登记")
    made = EventRecord.objects.create(
        **_place_of(person),
        policy_year=year,
        person=person,
        event=event,
        event_date=event_date,
        evidence=evidence,
        recorded_by=by,
    )
    _note(
        "record_event", made, event.name, by, address, reason=evidence,
        day=event_date.isoformat() if event_date else "",
    )  # fmt: skip
    year.bump()
    return made


@transaction.atomic
def verify_event(record: EventRecord, *, by: User, address: str = "") -> EventRecord:
    """Confirm a case that the policy wants verified; below the county, not one's own record."""
    if not may_verify(record, by):
        raise Failure("role", "须由县级，或登记人以外的乡镇经办人员核实；数据没有变化")
    year = freeze.begin(record.policy_year, what=FROZEN)
    record = EventRecord.objects.select_for_update(of=("self",)).get(pk=record.pk)
    if record.verified_at:
        raise Failure("verified", f"“{record.event}”已经核实")
    EventRecord.objects.filter(pk=record.pk).update(verified_by=by, verified_at=timezone.now())
    _note("verify_event", record, record.event.name, by, address)
    year.bump()
    record.refresh_from_db()
    return record


@transaction.atomic
def remove(
    record: AttributeRecord | EventRecord, *, reason: str, by: User, address: str = ""
) -> None:
    """Take a record back; row history and trail keep what stood there and why it went.

    What was verified is taken back by whoever may verify.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise Failure("reason", "请写明撤销原因")
    year = _begin(record.policy_year, by)
    if isinstance(record, EventRecord):
        if record.verified_at and not may_verify(record, by):
            raise Failure("verified", "已经核实的情形，由核实的一级撤销；数据没有变化")
        action, name = "remove_event", record.event.name
    else:
        action, name = "remove_attribute", record.attribute.name
    _note(action, record, name, by, address, reason=reason[:TEXT_LIMIT], before=record.evidence)
    record.delete()
    year.bump()


def may_verify(record: EventRecord, user: User) -> bool:
    """County officers, and a town's where somebody else recorded it."""
    if not user.job.may_answer:
        return False
    return user.job.level == Level.COUNTY or record.recorded_by_id != user.pk


def _begin(policy_year: PolicyYear, by: User) -> PolicyYear:
    if not by.job.may_reply:
        raise Failure("role", f"“{by.job.title}”岗位不能登记，数据没有变化")
    return freeze.begin(policy_year, what=FROZEN)


def _evidence(text: str, wanted: str) -> str:
    text = " ".join(text.split())
    if not text:
        raise Failure("evidence", f"请写明凭据{f'（{wanted}）' if wanted else ''}")
    if len(text) > TEXT_LIMIT:
        raise Failure("too_long", f"凭据请写在 {TEXT_LIMIT} 字以内")
    return text


def _place_of(person: Person) -> dict[str, int]:
    return {
        "county_id": person.county_id,
        "town_id": person.town_id,
        "village_id": person.village_id,
    }


def _note(
    action: str,
    record: AttributeRecord | EventRecord,
    name: str,
    by: User,
    address: str,
    **details: object,
) -> None:
    audit.record(
        action,
        by=by,
        county=record.county,
        subject=name,
        person_id=record.person_id,
        address=address,
        **details,
    )
