"""退补差: who paid more or less than the rule says, what has been settled of it, what is open.

The difference itself is the ledger's (``Subsidy.difference``); settling never changes it. What
was given back or collected stands in entries of its own, and what is open is the difference less
those. A refund that the tax bureau books arrives later as a negative payment and moves the
difference: it then takes the place of the entry, so that nothing counts twice.
"""

import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, User
from subsidies import freeze
from subsidies.models import DifferenceEntry

MOST_WORDS = 200


class Kind(StrEnum):
    """Why something is open; the tabs of the page."""

    GRANTED = "granted"
    OVERPAID = "overpaid"
    UNDERPAID = "underpaid"
    SETTLED = "settled"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    Kind.GRANTED: "认定后应退",
    Kind.OVERPAID: "多缴应退",
    Kind.UNDERPAID: "少缴应补",
    Kind.SETTLED: "已结清",
}

# A payment that comes in after an entry says that the tax bureau booked it as well, and takes the
# place of what stands then; an entry made after it stands in full. Each side (given back 1,
# collected -1) is a running sum in the order of coming in that never falls below 0: the last sum
# less the lowest one. Reversed entries stand for nothing.
LINES = """
WITH entry AS (
    SELECT person_id, sum(amount) AS settled,
           max(settled_on) AS last_on, max(county_id) AS county_id, max(town_id) AS town_id,
           max(village_id) AS village_id,
           string_agg(DISTINCT document, '、' ORDER BY document) AS documents
    FROM subsidies_differenceentry WHERE policy_year_id = %(year)s
    GROUP BY person_id
),
move AS (
    SELECT one.person_id, sign(one.amount) AS side, abs(one.amount) AS moved, one.recorded_at AS at
    FROM subsidies_differenceentry one
    LEFT JOIN subsidies_differenceentry reversal ON reversal.reverses_id = one.id
    WHERE one.policy_year_id = %(year)s AND one.reverses_id IS NULL AND reversal.id IS NULL
    UNION ALL
    SELECT payment.person_id, -sign(payment.amount), -abs(payment.amount), payment.created_at
    FROM entry
    JOIN enrollment_payment payment
        ON payment.policy_year_id = %(year)s AND payment.person_id = entry.person_id
    LEFT JOIN subsidies_subsidy subsidy
        ON subsidy.policy_year_id = %(year)s AND subsidy.person_id = entry.person_id
    WHERE payment.withdrawn_at IS NULL
      AND (payment.amount < 0
           OR payment.amount > 0
              AND (payment.paid_at AT TIME ZONE 'Asia/Shanghai')::date > subsidy.paid_on)
),
standing AS (
    SELECT person_id, sum(side * stands) AS counted
    FROM (
        SELECT person_id, side, sum(moved) - least(min(so_far), 0) AS stands
        FROM (
            SELECT move.*, sum(moved) OVER (PARTITION BY person_id, side ORDER BY at, moved)
                       AS so_far
            FROM move
        ) summed
        GROUP BY person_id, side
    ) sides
    GROUP BY person_id
),
asked AS (
    SELECT person_id FROM subsidies_subsidy
    WHERE policy_year_id = %(year)s AND difference <> 0
    UNION SELECT person_id FROM entry
),
line AS (
    SELECT asked.person_id,
           coalesce(subsidy.county_id, entry.county_id) AS county_id,
           coalesce(subsidy.town_id, entry.town_id) AS town_id,
           coalesce(subsidy.village_id, entry.village_id) AS village_id,
           subsidy.category_id, subsidy.due, subsidy.extra, subsidy.paid,
           coalesce(subsidy.difference, 0) AS difference,
           coalesce(subsidy.recognised_after, FALSE) AS recognised_after,
           coalesce(subsidy.reason, '') AS reason,
           coalesce(entry.settled, 0) AS settled, entry.last_on,
           coalesce(entry.documents, '') AS documents, entry.person_id IS NOT NULL AS touched,
           coalesce(standing.counted, 0) AS counted
    FROM asked
    LEFT JOIN subsidies_subsidy subsidy
        ON subsidy.policy_year_id = %(year)s AND subsidy.person_id = asked.person_id
    LEFT JOIN entry ON entry.person_id = asked.person_id
    LEFT JOIN standing ON standing.person_id = asked.person_id
)
SELECT line.person_id, line.town_id, line.village_id, line.category_id, line.due, line.extra,
       line.paid, line.difference, line.recognised_after, line.reason, line.settled, line.last_on,
       line.documents, line.difference - line.counted AS still_open
FROM line
JOIN enrollment_region town ON town.id = line.town_id
JOIN enrollment_region village ON village.id = line.village_id
WHERE line.{scope}_id = %(region)s AND {among}
ORDER BY town.placeholder, town."order", town.id, village.placeholder, village."order", village.id,
         line.person_id
"""


@dataclass(frozen=True)
class Line:
    """One person's difference, in yuan: more than 0 is to be given back, less than 0 is short.

    ``settled`` is what the entries come to, ``still_open`` what is left. ``due``, ``paid`` None:
    the ledger no longer has the person, and what was given back lost its ground.
    """

    person: int
    town: int
    village: int
    category: int | None
    due: Decimal | None
    extra: Decimal | None
    paid: Decimal | None
    difference: Decimal
    recognised_after: bool
    reason: str
    settled: Decimal
    last_on: datetime.date | None
    documents: str
    still_open: Decimal

    @property
    def kind(self) -> Kind:
        if self.still_open == 0:
            return Kind.SETTLED
        if self.still_open < 0:
            return Kind.UNDERPAID
        return Kind.GRANTED if self.recognised_after else Kind.OVERPAID


@dataclass(frozen=True)
class Done:
    """How many were settled, given back and collected, in yuan."""

    people: int
    given_back: Decimal
    collected: Decimal


def lines(
    policy_year: PolicyYear, region: Region, *, among: Collection[int] | None = None
) -> list[Line]:
    """Everybody of a region with a difference or an entry; in printed order.

    Whoever asks: the region is within their area (``access.enter``). ``among`` narrows it to some.
    """
    sql = LINES.format(
        scope=region.level, among="TRUE" if among is None else "line.person_id = ANY(%(among)s)"
    )
    values: dict[str, Any] = {
        "year": policy_year.pk,
        "region": region.pk,
        "among": list(among or ()),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [Line(*row) for row in cursor.fetchall()]


@transaction.atomic
def settle(
    policy_year: PolicyYear,
    region: Region,
    *,
    people: Collection[int],
    on: datetime.date,
    document: str,
    by: User,
    amount: Decimal | None = None,
    note: str = "",
    address: str = "",
) -> Done:
    """Record that what is open for these people was given back or collected, on one document.

    ``amount`` (yuan, without sign) settles a part, of one person; the rest stays open.
    """
    policy_year = _begin(policy_year, by)
    document, note = _clean(document), _clean(note)
    if not document:
        raise Failure("no_document", "请填写退补的批次或凭证号，如 财社〔2024〕第3批")
    if on > timezone.localdate():
        raise Failure("later", "退补日期不能晚于今天")
    found = [one for one in lines(policy_year, region, among=people) if one.still_open != 0]
    if not found:
        raise Failure("nobody", "请勾选待退补的人；可能已被他人登记，请刷新本页")
    if amount is not None:
        if len(found) != 1:
            raise Failure("several", "只退补一部分时，一次只能勾选一个人")
        if not 0 < amount <= abs(found[0].still_open):
            raise Failure(
                "amount", f"金额应大于 0，不超过待退补的 {abs(found[0].still_open):,.2f} 元"
            )
    entries = [
        DifferenceEntry(
            county_id=policy_year.county_id,
            town_id=one.town,
            village_id=one.village,
            policy_year=policy_year,
            person_id=one.person,
            amount=one.still_open if amount is None else amount.copy_sign(one.still_open),
            settled_on=on,
            document=document,
            note=note,
            recorded_by=by,
        )
        for one in found
    ]
    DifferenceEntry.objects.bulk_create(entries)
    back = sum((one.amount for one in entries if one.amount > 0), Decimal(0))
    collected = -sum((one.amount for one in entries if one.amount < 0), Decimal(0))
    audit.record(
        "settle_difference",
        by=by,
        county=policy_year.county,
        subject=f"{region.path} 退补差",
        person_id=entries[0].person_id if len(entries) == 1 else None,
        address=address,
        people=len(entries),
        amount=f"退 {back:.2f}，补 {collected:.2f}",
        document=document,
        settled_on=f"{on}",
    )
    return Done(len(entries), back, collected)


@transaction.atomic
def reverse(
    policy_year: PolicyYear,
    entries: Iterable[int],
    *,
    by: User,
    note: str,
    address: str = "",
) -> int:
    """Undo entries by entries of the opposite amount; both stay. Returns how many."""
    policy_year = _begin(policy_year, by)
    note = _clean(note)
    if not note:
        raise Failure("no_reason", "请写明冲销的原因")
    wrong = list(
        DifferenceEntry.objects.visible_to(by)
        .filter(policy_year=policy_year, pk__in=list(entries), reverses=None, reversed_by=None)
        .order_by("pk")
    )
    if not wrong:
        raise Failure("nobody", "请勾选要冲销的退补记录；冲销过的和冲销记录本身不能再冲销")
    DifferenceEntry.objects.bulk_create(
        DifferenceEntry(
            county_id=one.county_id,
            town_id=one.town_id,
            village_id=one.village_id,
            policy_year=policy_year,
            person_id=one.person_id,
            amount=-one.amount,
            settled_on=timezone.localdate(),
            document=one.document,
            note=note,
            reverses=one,
            recorded_by=by,
        )
        for one in wrong
    )
    audit.record(
        "reverse_difference",
        by=by,
        county=policy_year.county,
        subject="退补差",
        person_id=wrong[0].person_id if len(wrong) == 1 else None,
        address=address,
        people=len(wrong),
        reason=note,
    )
    return len(wrong)


def _begin(policy_year: PolicyYear, by: User) -> PolicyYear:
    if not by.job.may_settle:
        raise Failure("role", "退补由县级经办人员登记，数据没有变化")
    return freeze.begin(policy_year, what="不能再登记退补", settled_too=True)


def _clean(text: str) -> str:
    return " ".join(text.split())[:MOST_WORDS]
