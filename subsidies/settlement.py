"""年度结算: the ledger is fixed as it stands; nothing of the year is assessed or taken in again.

Settling assesses once more, looks at what is still open, writes down the totals and a checksum of
the ledger, and turns the year's state; every verb that would change the year asks that state
(``freeze``). Differences are still paid out and recoveries still closed. Undoing needs a reason.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Question, Roster, RosterState, User
from subsidies import assessment, differences, freeze
from subsidies.models import AmountCheck, Recovery, Settlement, Subsidy

# Every column but the number of the row.
LEDGER_TEXT = """
SELECT (ledger.*)::text FROM (
    SELECT {columns} FROM subsidies_subsidy WHERE policy_year_id = %s ORDER BY person_id
) ledger
"""


@dataclass(frozen=True)
class Open:
    """Something that is not yet done: what it is, and of how many. ``key`` says where to go."""

    key: str
    label: str
    count: int


def current(policy_year: PolicyYear) -> Settlement | None:
    """The settlement that holds; None where the year is not settled, or was settled elsewhere."""
    return (
        Settlement.objects.filter(policy_year=policy_year, undone_at=None)
        .select_related("settled_by")
        .first()
    )


def open_items(policy_year: PolicyYear) -> list[Open]:
    """What is still open before settling; those with 0 too, so that one sees it was looked at."""
    waiting = (RosterState.RECEIVED, RosterState.WAITING, RosterState.HEADINGS)
    fresh = PolicyYear.objects.get(pk=policy_year.pk)
    ledger = Subsidy.objects.filter(policy_year=policy_year)
    lines = differences.lines(policy_year, policy_year.county)
    return [
        Open(
            "stale",
            "有变动还没有核定（结算时先核定）",
            int(fresh.revision > fresh.assessed_revision and not freeze.is_frozen(fresh)),
        ),
        Open(
            "rosters",
            "名册还没有入库或放弃",
            Roster.objects.filter(policy_year=policy_year, state__in=waiting).count(),
        ),
        Open(
            "questions",
            "待核实事项",
            Question.objects.open().filter(policy_year=policy_year).count(),
        ),
        Open(
            "checks",
            "金额待核查",
            AmountCheck.objects.filter(policy_year=policy_year).open().count(),
        ),
        Open(
            "not_stated",
            "资助金额政策未规定",
            ledger.filter(subsidy__isnull=True).count(),
        ),
        Open(
            "differences",
            "退补差没有结清",
            sum(one.kind != differences.Kind.SETTLED for one in lines),
        ),
        Open(
            "recoveries",
            "资助收回待处理",
            Recovery.objects.filter(policy_year=policy_year, state=Recovery.State.OPEN).count(),
        ),
    ]


@transaction.atomic
def settle(
    policy_year: PolicyYear,
    *,
    by: User | None,
    confirmed: bool = False,
    note: str = "",
    address: str = "",
) -> Settlement:
    """Fix the year's ledger. ``confirmed`` answers that something is still open.

    Raises Failure where the year is not in force, something is open and unconfirmed, or somebody
    changed an input in the meantime.
    """
    _refuse_role(by)
    freeze.queue(policy_year)
    policy_year = PolicyYear.objects.select_related("county").get(pk=policy_year.pk)
    if policy_year.state != PolicyYear.State.ACTIVE:
        raise Failure(
            "not_active",
            f"{policy_year}{policy_year.get_state_display()}，只有执行中的年度可以结算",
        )
    assessed = assessment.assess(policy_year)
    left = [one for one in open_items(policy_year) if one.count]
    if left and not confirmed:
        listed = "；".join(f"{one.label} {one.count:,}" for one in left)
        raise Failure("confirmation_needed", f"还有未办结的事项：{listed}。确认后才能结算")
    locked = PolicyYear.objects.select_for_update(no_key=True, of=("self",)).get(pk=policy_year.pk)
    if locked.revision != assessed.revision:
        raise Failure("changed", "刚才又有变动，台账还没有结算；请再办一次")
    made = Settlement.objects.create(
        policy_year=policy_year,
        settled_by=by,
        note=" ".join(note.split()),
        checksum=checksum(policy_year),
        figures={
            "totals": _plain(assessment.totals(policy_year)["settled"]),
            "open": {one.label: one.count for one in left},
            "revision": assessed.revision,
        },
    )
    PolicyYear.objects.filter(pk=policy_year.pk).update(state=PolicyYear.State.SETTLED)
    audit.record(
        "settle_year",
        by=by,
        county=policy_year.county,
        subject=str(policy_year),
        address=address,
        people=made.figures["totals"]["people"],
        amount=made.figures["totals"]["amount"],
        checksum=made.checksum[:16],
    )
    return made


@transaction.atomic
def unsettle(
    policy_year: PolicyYear, *, by: User | None, reason: str, address: str = ""
) -> Settlement:
    """Open a settled year again, for a reason; the settlement stays on record as undone."""
    _refuse_role(by)
    freeze.queue(policy_year)
    locked = (
        PolicyYear.objects.select_for_update(no_key=True, of=("self",))
        .select_related("county")
        .get(pk=policy_year.pk)
    )
    if locked.state != PolicyYear.State.SETTLED:
        raise Failure("not_settled", f"{locked}{locked.get_state_display()}，不需要撤销结算")
    reason = " ".join(reason.split())
    if not reason:
        raise Failure("no_reason", "请写明撤销结算的原因")
    made = current(locked) or Settlement(policy_year=locked, checksum=checksum(locked))
    made.undone_by, made.undone_at, made.undone_reason = by, timezone.now(), reason
    made.save()
    PolicyYear.objects.filter(pk=locked.pk).update(state=PolicyYear.State.ACTIVE)
    locked.bump()
    audit.record(
        "unsettle_year",
        by=by,
        county=locked.county,
        subject=str(locked),
        address=address,
        reason=reason,
    )
    return made


def checksum(policy_year: PolicyYear) -> str:
    """SHA-256 over the year's ledger, row by row, whatever numbers the rows have."""
    columns = ", ".join(
        str(field.column) for field in Subsidy._meta.concrete_fields if not field.primary_key
    )
    digest = hashlib.sha256()
    with connection.cursor() as cursor:
        cursor.execute(LEDGER_TEXT.format(columns=columns), [policy_year.pk])
        for (line,) in cursor.fetchall():
            digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Money as text, for JSON."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, int | str) else str(value)


def _refuse_role(by: User | None) -> None:
    """A command (nobody) may; below the county nobody does."""
    if by is not None and not by.job.may_settle:
        raise Failure("role", "年度结算由县级经办人员办理，数据没有变化")
