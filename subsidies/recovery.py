"""资助收回: what the state paid for somebody whom a later list calls dead, insured elsewhere ….

``follow`` finds them with each assessment and writes them down, so that they stay when the
entitlement ends or the list is handed in anew. The county then says what came of it: got back,
with day and amount, or not to be got back, with the reason. Nobody is taken off but those of a
list that was withdrawn, while nothing was decided about them.
"""

import datetime
from collections.abc import Collection
from decimal import Decimal

import pghistory
from django.db import connection, transaction
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, User
from subsidies import freeze, grounds
from subsidies.models import Recovery

MOST_WORDS = 200

# Whom the state paid for: the ledger, and declarations that it does not (or no longer) hold.
PAID_FOR = """
SELECT person_id, county_id, town_id, village_id, subsidy, category_id, department
FROM subsidies_subsidy WHERE policy_year_id = %(year)s AND subsidy > 0
UNION ALL
SELECT declaration.person_id, declaration.county_id, declaration.town_id, declaration.village_id,
       declaration.subsidy, declaration.category_id, coalesce(department.name, '')
FROM subsidies_declaration declaration
JOIN subsidies_category category ON category.id = declaration.category_id
LEFT JOIN enrollment_department department ON department.id = category.department_id
WHERE declaration.policy_year_id = %(year)s AND declaration.withdrawn_at IS NULL
  AND declaration.subsidy > 0
  AND NOT EXISTS (SELECT FROM subsidies_subsidy ledger
                  WHERE ledger.policy_year_id = %(year)s AND ledger.subsidy > 0
                    AND ledger.person_id = declaration.person_id)
"""
# Two numbers of one person, probably, and both were paid for.
TWICE = """
SELECT one.person_id, 'double:' || other.person_id AS ground, NULL::bigint AS roster_id
FROM (
    SELECT array_agg(paid_for.person_id) AS persons
    FROM paid_for JOIN enrollment_person person ON person.id = paid_for.person_id
    WHERE person.birth IS NOT NULL
    GROUP BY person.name, person.birth HAVING count(*) > 1
) alike
CROSS JOIN LATERAL unnest(alike.persons) AS one (person_id)
CROSS JOIN LATERAL unnest(alike.persons) AS other (person_id)
WHERE one.person_id <> other.person_id
"""
FOUND = """
CREATE TEMPORARY TABLE found ON COMMIT DROP AS
WITH paid_for AS MATERIALIZED ({paid_for})
SELECT paid_for.*, against.grounds, against.roster_id
FROM (
    SELECT said.person_id, array_agg(DISTINCT said.ground ORDER BY said.ground) AS grounds,
           max(said.roster_id) AS roster_id
    FROM ({status} UNION ALL {twice}) said
    LEFT JOIN ({cleared}) cleared ON cleared.person_id = said.person_id
    WHERE said.ground <> ALL (coalesce(cleared.grounds, '{{}}'))
    GROUP BY said.person_id
) against
JOIN paid_for ON paid_for.person_id = against.person_id
"""
ADD = """
INSERT INTO subsidies_recovery
    (policy_year_id, county_id, town_id, village_id, person_id, grounds, amount, category_id,
     department, roster_id, found_at, state, reason)
SELECT %(year)s, county_id, town_id, village_id, person_id, grounds, subsidy, category_id,
       department, roster_id, now(), 'open', ''
FROM found
WHERE NOT EXISTS (SELECT FROM subsidies_recovery old
                  WHERE old.policy_year_id = %(year)s AND old.person_id = found.person_id)
"""
# What is decided holds for the grounds it was decided on; a further one opens the case again.
AGAIN = """
UPDATE subsidies_recovery old SET
    grounds = ARRAY(SELECT DISTINCT one FROM unnest(old.grounds || found.grounds) one ORDER BY 1),
    amount = found.subsidy, category_id = found.category_id, department = found.department,
    roster_id = coalesce(found.roster_id, old.roster_id),
    state = CASE WHEN old.state = 'waived' THEN 'open' ELSE old.state END,
    closed_on = CASE WHEN old.state = 'waived' THEN NULL ELSE old.closed_on END,
    closed_by_id = CASE WHEN old.state = 'waived' THEN NULL ELSE old.closed_by_id END,
    closed_at = CASE WHEN old.state = 'waived' THEN NULL ELSE old.closed_at END
FROM found
WHERE old.policy_year_id = %(year)s AND old.person_id = found.person_id
  AND old.state <> 'recovered'
  AND (NOT found.grounds <@ old.grounds
       OR (old.state = 'open' AND old.amount <> found.subsidy))
"""
# As if the list had never come (撤回), unless something was decided or another list says so too.
GONE = """
DELETE FROM subsidies_recovery old
USING enrollment_roster roster
WHERE old.policy_year_id = %(year)s AND old.state = 'open' AND roster.id = old.roster_id
  AND roster.state = 'withdrawn'
  AND NOT EXISTS (SELECT FROM found WHERE found.person_id = old.person_id)
"""


@transaction.atomic
def follow(policy_year: PolicyYear) -> int:
    """Write down whom the lists of today speak against although the state paid; part of assessing.

    Returns how many are new.
    """
    with connection.cursor() as cursor:
        found = FOUND.format(
            paid_for=PAID_FOR,
            status=grounds.OF_STATUS.format(people="paid_for"),
            twice=TWICE,
            cleared=grounds.CLEARED,
        )
        cursor.execute(found, {"year": policy_year.pk})
        cursor.execute(GONE, {"year": policy_year.pk})
        cursor.execute(AGAIN, {"year": policy_year.pk})
        cursor.execute(ADD, {"year": policy_year.pk})
        added = cursor.rowcount
        cursor.execute("DROP TABLE found")
    return added


@transaction.atomic
def close(
    policy_year: PolicyYear,
    rows: Collection[int],
    *,
    state: str,
    by: User,
    on: datetime.date | None = None,
    amount: Decimal | None = None,
    reason: str = "",
    address: str = "",
) -> int:
    """Say what came of open cases: recovered on a day (all of it, or ``amount`` of one), or waived.

    Returns how many. Raises Failure.
    """
    policy_year = _begin(policy_year, by)
    reason = _clean(reason)
    found = list(_mine(policy_year, rows, by).filter(state=Recovery.State.OPEN))
    if not found:
        raise Failure("nobody", "请勾选待处理的人；可能已被他人处理，请刷新本页")
    if state == Recovery.State.RECOVERED:
        if on is None or on > timezone.localdate():
            raise Failure("date", "请填写收回日期，不晚于今天")
        if amount is not None and len(found) != 1:
            raise Failure("several", "金额不是全数的，一次只能勾选一个人")
        if amount is not None and not 0 < amount <= found[0].amount:
            raise Failure("amount", f"收回金额应大于 0，不超过资助的 {found[0].amount:,.2f} 元")
        if amount is not None and amount < found[0].amount and not reason:
            raise Failure("no_reason", "没有全数收回的，请写明其余部分的情况")
    elif state == Recovery.State.WAIVED:
        on, amount = None, None
        if not reason:
            raise Failure("no_reason", "不予收回须写明原因，如 名单有误，经核实健在")
    else:
        raise Failure("state", "没有这种处理，数据没有变化")
    for one in found:
        one.state, one.closed_on, one.reason = state, on, reason
        one.recovered = (amount or one.amount) if state == Recovery.State.RECOVERED else None
        one.closed_by, one.closed_at = by, timezone.now()
    with pghistory.context(user=by.pk):
        Recovery.objects.bulk_update(
            found, ["state", "closed_on", "recovered", "reason", "closed_by", "closed_at"]
        )
    audit.record(
        "close_recovery",
        by=by,
        county=policy_year.county,
        subject=Recovery.State(state).label,
        person_id=found[0].person_id if len(found) == 1 else None,
        address=address,
        people=len(found),
        amount=f"{sum((one.recovered or Decimal(0) for one in found), Decimal(0)):.2f}",
        reason=reason,
    )
    return len(found)


@transaction.atomic
def reopen(
    policy_year: PolicyYear,
    rows: Collection[int],
    *,
    by: User,
    reason: str,
    address: str = "",
) -> int:
    """Take back what was said; what it was stays in the history. Returns how many."""
    policy_year = _begin(policy_year, by)
    reason = _clean(reason)
    if not reason:
        raise Failure("no_reason", "请写明重新打开的原因")
    found = list(
        _mine(policy_year, rows, by).exclude(state=Recovery.State.OPEN).values_list("pk", "person")
    )
    if not found:
        raise Failure("nobody", "请勾选已处理的人")
    with pghistory.context(user=by.pk):
        Recovery.objects.filter(pk__in=[pk for pk, _ in found]).update(
            state=Recovery.State.OPEN,
            closed_on=None,
            recovered=None,
            closed_by=None,
            closed_at=None,
            reason=reason,
        )
    audit.record(
        "reopen_recovery",
        by=by,
        county=policy_year.county,
        subject="资助收回",
        person_id=found[0][1] if len(found) == 1 else None,
        address=address,
        people=len(found),
        reason=reason,
    )
    return len(found)


def _begin(policy_year: PolicyYear, by: User) -> PolicyYear:
    if not by.job.may_settle:
        raise Failure("role", "资助收回由县级经办人员处理，数据没有变化")
    return freeze.begin(policy_year, what="不能再处理资助收回", settled_too=True)


def _mine(policy_year: PolicyYear, rows: Collection[int], by: User):
    return (
        Recovery.objects.visible_to(by)
        .filter(policy_year=policy_year, pk__in=list(rows))
        .select_for_update(of=("self",))
        .order_by("pk")
    )


def _clean(text: str) -> str:
    return " ".join(text.split())[:MOST_WORDS]
