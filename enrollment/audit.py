"""The trail: record an event inside the change's transaction, seal it later, verify the whole.

Sealing is the tick's work, so that no long import holds the chain's lock; ``verify`` checks the
hashes and that nothing sealed has gone.
"""

import hashlib
import json

from django.db import connection, transaction

from enrollment.models import AuditEvent, AuditSeal, Region, User

CHAIN_LOCK = 4_021_001


def record(
    action: str,
    *,
    by: User | None,
    county: Region | None,
    subject: object = "",
    person_id: int | None = None,
    address: str = "",
    **details: object,
) -> AuditEvent:
    """Write down that ``by`` did ``action``. Call it inside the transaction of the change."""
    return AuditEvent.objects.create(
        action=action,
        user=by,
        username=by.username if by else "系统",
        county=county,
        subject=str(subject)[:80],
        person_id=person_id,
        address=address,
        details=details,
    )


@transaction.atomic
def seal() -> int:
    """Seal what is not yet sealed, in order. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
    last = AuditSeal.objects.order_by("-pk").first()
    previous = last.hash if last else ""
    fresh = AuditEvent.objects.filter(seal__isnull=True).order_by("pk")
    seals = []
    for event in fresh.iterator(chunk_size=2000):
        previous = digest(event, previous)
        seals.append(AuditSeal(event=event, hash=previous))
    AuditSeal.objects.bulk_create(seals, batch_size=2000)
    return len(seals)


def verify() -> list[str]:
    """What is wrong with the trail, in sentences; an empty list means it is whole."""
    previous, faults = "", []
    for one in AuditSeal.objects.select_related("event").order_by("pk").iterator(chunk_size=2000):
        expected = digest(one.event, previous)
        if one.hash != expected:
            faults.append(f"第 {one.event_id} 条操作记录与封条不符，可能被改动或其前有记录被删除")
        previous = one.hash
    return faults


def digest(event: AuditEvent, previous: str) -> str:
    """The hash of an event in canonical form, chained to the one before."""
    canonical = json.dumps(
        [
            event.pk,
            event.at.isoformat(),
            event.county_id,
            event.user_id,
            event.username,
            event.action,
            event.subject,
            event.person_id,
            event.details,
            event.address,
        ],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256((previous + canonical).encode()).hexdigest()
