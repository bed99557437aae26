"""零申报名单: who owes 0 and has not been declared; decided by the rule as of the day of declaring.

Whoever chose a tier in which something is left to pay owes that and is not here (C91). The list
is held against the dead, the otherwise insured, those in prison and doubles (``grounds``): whom
one of them speaks against stands apart until the county has cleared it.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Q, Subquery

from enrollment import insured
from enrollment.models import PolicyYear, Region, User
from enrollment.scope import within
from subsidies import grounds, rule
from subsidies.models import Declaration
from subsidies.models import Subsidy as LedgerRow


class State(StrEnum):
    """Where somebody who owes 0 stands; the tabs of the page."""

    READY = "ready"
    HELD = "held"
    NOT_NOW = "not_now"
    DECLARED = "declared"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    State.READY: "待申报",
    State.HELD: "待核对",
    State.NOT_NOW: "当日不能申报",
    State.DECLARED: "已申报",
}

# Who owes 0 by the lists and is not insured; as they would pay on the day asked about, with the
# identities' true days. {scope} and {among} are of ours.
CANDIDATES = """
SELECT estimate.person_id, estimate.county_id, estimate.town_id, estimate.village_id,
       estimate.tier_id, estimate.group_id
FROM subsidies_estimate estimate
WHERE estimate.policy_year_id = %(year)s AND estimate.due = 0 AND estimate.subsidy > 0
  AND {scope} AND {among}
  AND NOT EXISTS (
      SELECT FROM enrollment_payment payment
      WHERE payment.policy_year_id = %(year)s AND payment.person_id = estimate.person_id
        AND payment.withdrawn_at IS NULL
      GROUP BY payment.person_id HAVING {insured}
  )
"""
HELD = """
SELECT entitlement.person_id AS case_id, entitlement.category_id, entitlement.grade,
       entitlement.valid_from, entitlement.valid_to, entitlement.recognised_on,
       entitlement.removed_on
FROM subsidies_entitlement entitlement
WHERE entitlement.policy_year_id = %(year)s
  AND entitlement.person_id IN (SELECT person_id FROM candidate)
"""
CASES = """
SELECT candidate.person_id AS id, candidate.*, %(on)s::date AS paid_on, NULL::date AS arrived_on,
       person.birth AS born, event.event_id, event.event_date,
       event.verified_at IS NOT NULL AS verified,
       person.on_roll_from IS NOT NULL AND person.on_roll_to IS NULL AS hukou_here,
       TRUE AS insured_here, coalesce(record.attributes, '{}') AS attributes
FROM candidate
JOIN enrollment_person person ON person.id = candidate.person_id
LEFT JOIN subsidies_eventrecord event
    ON event.policy_year_id = %(year)s AND event.person_id = candidate.person_id
LEFT JOIN (
    SELECT person_id, array_agg(attribute_id ORDER BY attribute_id) AS attributes
    FROM subsidies_attributerecord WHERE policy_year_id = %(year)s GROUP BY person_id
) record ON record.person_id = candidate.person_id
"""
LINES = """
SELECT cases.person_id, cases.town_id, cases.village_id, cases.tier_id, verdict.category_id,
       coalesce(verdict.department, ''), verdict.fee, verdict.subsidy, verdict.due,
       verdict.allowed, coalesce(verdict.cites, ''), coalesce(verdict.reason, ''),
       coalesce(against.grounds, '{{}}'), coalesce(cleared.grounds, '{{}}')
FROM verdict
JOIN cases ON cases.id = verdict.id
LEFT JOIN ({against}) against ON against.person_id = cases.person_id
LEFT JOIN ({cleared}) cleared ON cleared.person_id = cases.person_id
JOIN enrollment_region town ON town.id = cases.town_id
JOIN enrollment_region village ON village.id = cases.village_id
ORDER BY town.placeholder, town."order", town.id, village.placeholder, village."order", village.id,
         cases.person_id
"""


@dataclass(frozen=True)
class Line:
    """One person who owes 0 by the lists. ``grounds``: what speaks against paying, cleared or not.

    ``due`` and ``allowed`` as of the day asked about; NULL = 政策未规定.
    """

    person: int
    town: int
    village: int
    tier: int
    category: int | None
    department: str
    fee: Decimal | None
    subsidy: Decimal | None
    due: Decimal | None
    allowed: bool | None
    cites: str
    reason: str
    grounds: list[str]
    cleared: list[str]

    @property
    def open_grounds(self) -> list[str]:
        return [one for one in self.grounds if one not in self.cleared]

    @property
    def state(self) -> State:
        if not self.allowed or self.due != 0:
            return State.NOT_NOW
        return State.HELD if self.open_grounds else State.READY


def lines(
    policy_year: PolicyYear,
    region: Region,
    *,
    on: datetime.date,
    among: Collection[int] | None = None,
) -> list[Line]:
    """Who owes 0 in a region and is not insured, as of a day; in printed order.

    Whoever asks: the region is within their area (``access.enter``). ``among`` narrows it to some.
    """
    candidates = CANDIDATES.format(
        scope=f"estimate.{region.level}_id = %(region)s",
        among="TRUE" if among is None else "estimate.person_id = ANY(%(among)s)",
        insured=insured.RULE.format(cut="now()"),
    )
    statement = rule.statement(cases=CASES, held=HELD).replace(
        "WITH held", f"WITH candidate AS MATERIALIZED ({candidates}), held", 1
    )
    tail = LINES.format(against=grounds.before_paying("candidate"), cleared=grounds.CLEARED)
    values: dict[str, Any] = rule.parameters(policy_year.pk) | {
        "region": region.pk,
        "on": on,
        "among": list(among or ()),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '32MB'")
        cursor.execute(f"{statement} {tail}", values)
        return [Line(*row) for row in cursor.fetchall()]


@dataclass(frozen=True)
class Declared:
    """Somebody insured by a zero declaration; ``declaration`` None = the tax bureau's own row."""

    person: int
    town: int
    village: int
    declaration: int | None
    on: datetime.date
    office: str
    category: int | None
    document: str = ""
    by: str = ""
    due: Decimal | None = None
    """What the ledger says somebody owes whom the tax bureau has at zero; None for our own."""


def declared(policy_year: PolicyYear, region: Region, *, viewer: User | None) -> list[Declared]:
    """Who has been declared at zero, here or by the tax bureau's own details; in printed order."""
    here = Q(**{region.level: region.pk})
    if viewer is not None:
        here &= within(viewer)
    order = ("town__placeholder", "town__order", "town", "village__order", "village", "person")
    own = [
        Declared(*row)
        for row in Declaration.objects.filter(here, policy_year=policy_year, withdrawn_at=None)
        .order_by(*order)
        .values_list(
            *("person", "town", "village", "pk", "declared_on", "office", "category", "document"),
            "recorded_by__full_name",
        )
    ]
    ours = Declaration.objects.filter(
        policy_year=policy_year, withdrawn_at=None, person=OuterRef("person")
    )
    rows = LedgerRow.objects.filter(here, policy_year=policy_year, paid=0).annotate(
        ours=Subquery(ours.values("pk")[:1])
    )
    theirs = rows.filter(ours=None).order_by(*order)
    return own + [
        Declared(
            person=row.person_id,
            town=row.town_id,
            village=row.village_id,
            declaration=None,
            on=row.paid_on,
            office="税务缴费明细",
            category=row.category_id,
            due=row.due,
        )
        for row in theirs.defer("reason", "cites", "department")
    ]


def word(policy_year: PolicyYear) -> str:
    """What the county calls it: 零申报, 政府代缴, 全额资助 (C107)."""
    return policy_year.proxy_word or "零申报"
