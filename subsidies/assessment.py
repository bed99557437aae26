"""Assess a county-year: every identity against the rule, into two tables that never mix.

测算 (Estimate): everybody on a list of a category that gives money, as if paying on the main
window's last day, whenever they were recognised; who has left the lists is left out. 台账
(Subsidy): people who are insured and hold such an identity, as they really paid; and people on
no such list who paid something else than the rule says for them, for that is to be checked too.

Both are written from scratch by one statement each, and only where something differs. A settled
or closed year is frozen. The year's ``assessed_revision`` is set last, in the same transaction, so
that a killed worker leaves the work to the next tick.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from enrollment import insured
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from subsidies import checks, recovery, rule
from subsidies.freeze import FROZEN
from subsidies.models import Estimate, Subsidy

LOCK = 4_021_003

# Everybody whom this is about, read once for both tables. As tables of their own, because what
# the planner knows of them decides between one second and many.
LISTED = """
CREATE TEMPORARY TABLE listed ON COMMIT DROP AS
SELECT person_id, bool_or(named) AS named
FROM (
    SELECT entitlement.person_id, TRUE AS named
    FROM subsidies_entitlement entitlement
    JOIN subsidies_category category ON category.id = entitlement.category_id
    WHERE entitlement.policy_year_id = %(year)s AND category.purpose = 'subsidy'
    UNION ALL
    SELECT payment.person_id, FALSE
    FROM enrollment_payment payment
    WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
      AND payment.amount <> ALL (ARRAY({fees}))
    UNION ALL
    SELECT person_id, TRUE FROM subsidies_extrahelp WHERE policy_year_id = %(year)s
) found
GROUP BY person_id
"""
FEES = "SELECT personal FROM enrollment_fee WHERE policy_year_id = %(year)s"
# {insured} is the portal's one definition.
HOLDERS = """
CREATE TEMPORARY TABLE holder ON COMMIT DROP AS
SELECT person.id AS person_id, listed.named, person.birth AS born,
       person.on_roll_from IS NOT NULL AND person.on_roll_to IS NULL AS hukou_here,
       enrolment.tier_id, enrolment.group_id,
       coalesce(enrolment.county_id, person.county_id) AS county_id,
       coalesce(enrolment.town_id, person.town_id) AS town_id,
       coalesce(enrolment.village_id, person.village_id) AS village_id,
       payment.paid, payment.paid_on, coalesce(payment.insured, FALSE) AS insured
FROM listed
JOIN enrollment_person person ON person.id = listed.person_id
LEFT JOIN enrollment_enrollment enrolment
    ON enrolment.policy_year_id = %(year)s AND enrolment.person_id = listed.person_id
LEFT JOIN (
    SELECT payment.person_id, sum(payment.amount) AS paid, {insured} AS insured,
           (min(payment.paid_at) FILTER (WHERE payment.amount >= 0)
            AT TIME ZONE 'Asia/Shanghai')::date AS paid_on
    FROM enrollment_payment payment
    JOIN listed ON listed.person_id = payment.person_id
    WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
      AND payment.paid_at <= now()
    GROUP BY payment.person_id
) payment ON payment.person_id = listed.person_id
WHERE listed.named OR (payment.insured AND payment.paid <> ALL (ARRAY({fees})))
"""
TIERS = """
(SELECT id, row_number() OVER (ORDER BY "order", id) AS rank, count(*) OVER () AS tiers
 FROM enrollment_tier WHERE policy_year_id = %(year)s)
"""
# What is not on record is the year's first group.
GROUP = """
coalesce(holder.group_id, (SELECT id FROM enrollment_populationgroup
                           WHERE policy_year_id = %(year)s ORDER BY "order", id LIMIT 1))
"""
ESTIMATE_CASES = """
SELECT holder.person_id AS id, holder.person_id, coalesce(holder.tier_id, tier.id) AS tier_id,
       {group} AS group_id, coalesce(main.pays_to, year.benefit_from) AS paid_on,
       NULL::date AS arrived_on, holder.born, NULL::bigint AS event_id, NULL::date AS event_date,
       TRUE AS verified, holder.hukou_here, TRUE AS insured_here, '{{}}'::bigint[] AS attributes,
       holder.county_id, holder.town_id, holder.village_id
FROM (SELECT DISTINCT case_id FROM held) listed
JOIN holder ON holder.person_id = listed.case_id
JOIN enrollment_policyyear year ON year.id = %(year)s
LEFT JOIN {tiers} tier ON tier.rank = 1
LEFT JOIN LATERAL (
    SELECT pays_to FROM enrollment_window WHERE policy_year_id = %(year)s AND main
    ORDER BY "order", id LIMIT 1
) main ON TRUE
"""
ESTIMATE_HELD = """
SELECT entitlement.person_id AS case_id, entitlement.category_id, entitlement.grade,
       NULL::date AS valid_from, NULL::date AS valid_to, NULL::date AS recognised_on,
       NULL::date AS removed_on
FROM subsidies_entitlement entitlement
JOIN holder ON holder.person_id = entitlement.person_id
WHERE entitlement.policy_year_id = %(year)s AND entitlement.removed_on IS NULL
"""
# The day of arrival moves cover, not money. Where no tier is on record, every tier is tried:
# `wanted` takes the one that the money fits.
SETTLED_CASES = """
SELECT holder.person_id * 100 + tier.rank AS id, holder.person_id, tier.id AS tier_id,
       tier.rank AS tier_rank, holder.tier_id IS NULL AND tier.tiers > 1 AS tier_assumed,
       {group} AS group_id, holder.paid_on, NULL::date AS arrived_on, holder.born,
       event.event_id, event.event_date, event.verified_at IS NOT NULL AS verified,
       holder.hukou_here, TRUE AS insured_here, coalesce(record.attributes, '{{}}') AS attributes,
       holder.county_id, holder.town_id, holder.village_id, holder.paid, holder.named,
       coalesce(help.amount, 0) AS help
FROM holder
JOIN {tiers} tier ON holder.tier_id IS NULL OR tier.id = holder.tier_id
LEFT JOIN subsidies_eventrecord event
    ON event.policy_year_id = %(year)s AND event.person_id = holder.person_id
LEFT JOIN (
    SELECT person_id, array_agg(attribute_id ORDER BY attribute_id) AS attributes
    FROM subsidies_attributerecord WHERE policy_year_id = %(year)s GROUP BY person_id
) record ON record.person_id = holder.person_id
LEFT JOIN (
    SELECT person_id, sum(amount) AS amount
    FROM subsidies_extrahelp WHERE policy_year_id = %(year)s GROUP BY person_id
) help ON help.person_id = holder.person_id
WHERE holder.insured
"""
SETTLED_HELD = """
SELECT entitlement.person_id * 100 + tier.rank AS case_id, entitlement.category_id,
       entitlement.grade, entitlement.valid_from, entitlement.valid_to,
       entitlement.recognised_on, entitlement.removed_on
FROM subsidies_entitlement entitlement
JOIN holder ON holder.person_id = entitlement.person_id AND holder.insured
CROSS JOIN {tiers} tier
WHERE entitlement.policy_year_id = %(year)s
"""

# All names are ours. `wanted` is what the table should say, `differs` only what it does not. A full
# join is hashed or merged whatever the planner believes: probing the table row by row while
# filling it would take hours.
WRITE = """
, wanted AS (
    SELECT * FROM (
        {chosen}
        FROM verdict JOIN cases ON cases.id = verdict.id
        {order}
    ) best
    WHERE {kept}
),
differs AS MATERIALIZED (
    SELECT old.id AS old_id, wanted.*
    FROM (SELECT * FROM {table} WHERE policy_year_id = %(year)s) old
    FULL JOIN wanted ON wanted.person_id = old.person_id
    WHERE old.id IS NULL OR wanted.person_id IS NULL OR ({olds}) IS DISTINCT FROM ({news})
),
gone AS (
    DELETE FROM {table} old USING differs
    WHERE old.id = differs.old_id AND differs.person_id IS NULL
    RETURNING 1
),
changed AS (
    UPDATE {table} old SET {assignments} FROM differs
    WHERE old.id = differs.old_id AND differs.person_id IS NOT NULL
    RETURNING 1
),
added AS (
    INSERT INTO {table} (policy_year_id, person_id, {columns})
    SELECT %(year)s, person_id, {columns} FROM differs WHERE old_id IS NULL
    RETURNING 1
)
SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM changed), (SELECT count(*) FROM gone)
"""
COMMON = {
    "county_id": "cases.county_id",
    "town_id": "cases.town_id",
    "village_id": "cases.village_id",
    "tier_id": "verdict.tier_id",
    "group_id": "verdict.group_id",
    "fee": "verdict.fee",
    "subsidy": "verdict.subsidy",
    "due": "verdict.due",
    "category_id": "verdict.category_id",
    "standard_id": "verdict.standard_id",
    "department": "coalesce(verdict.department, '')",
    "cites": "coalesce(verdict.cites, '')",
    "reason": "coalesce(verdict.reason, '')",
}
PAID = {
    "reason": "concat(verdict.reason, CASE WHEN cases.tier_assumed"
    " THEN '；档次没有登记，按缴费金额核定' END)",
    "paid_on": "cases.paid_on",
    "paid": "cases.paid",
    "extra": "least(cases.help, greatest(coalesce(verdict.due, 0), 0))",
    # Help may be paid in for somebody or handed to them: anything between is right.
    "difference": "CASE WHEN verdict.due IS NOT NULL THEN cases.paid - least(greatest(cases.paid,"
    " verdict.due - least(cases.help, greatest(verdict.due, 0))), verdict.due) END",
    "recognised_after": "verdict.recognised_after",
}


BEST_TIER = f"ORDER BY cases.person_id, {PAID['difference']} = 0 DESC NULLS LAST, cases.tier_rank"


def _write(table: str, columns: dict[str, str], *, order: str = "") -> str:
    """The end of the statement: bring ``table`` in line with the verdicts.

    With an order, a case has a row for each tier tried, and a column ``named``.
    """
    values = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    once = "DISTINCT ON (cases.person_id) cases.named," if order else ""
    return WRITE.format(
        table=table,
        chosen=f"SELECT {once} cases.person_id, {values}",
        order=order,
        kept="named OR difference <> 0" if order else "TRUE",
        columns=", ".join(columns),
        assignments=", ".join(f"{name} = differs.{name}" for name in columns),
        olds=", ".join(f"old.{name}" for name in columns),
        news=", ".join(f"wanted.{name}" for name in columns),
    )


def _fill(sql: str) -> str:
    return sql.format(tiers=TIERS, group=GROUP, fees=FEES, insured=insured.RULE.format(cut="now()"))


ESTIMATE = rule.statement(cases=_fill(ESTIMATE_CASES), held=_fill(ESTIMATE_HELD)) + _write(
    Estimate._meta.db_table, COMMON
)
# A case's number is computed here, of which the planner knows nothing until it stands in a table.
SETTLED_TABLES = (
    ("settled_case", f"CREATE TEMPORARY TABLE settled_case ON COMMIT DROP AS {SETTLED_CASES}"),
    ("settled_held", f"CREATE TEMPORARY TABLE settled_held ON COMMIT DROP AS {SETTLED_HELD}"),
)
SETTLED = rule.statement(
    cases="SELECT * FROM settled_case", held="SELECT * FROM settled_held"
) + _write(Subsidy._meta.db_table, COMMON | PAID, order=BEST_TIER)


@dataclass(frozen=True)
class Written:
    """How many rows one table gained, changed and lost."""

    added: int
    changed: int
    removed: int


@dataclass(frozen=True)
class Assessment:
    """What an assessment did, and the revision it stands for."""

    revision: int
    estimate: Written
    settled: Written

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def assess(policy_year: PolicyYear) -> Assessment:
    """Bring both tables in line with the rule. Raises Failure for a frozen or rule-less year."""
    if not policy_year.has_rules:
        raise Failure("no_rules", f"{policy_year}只有历史名单，没有政策，无法核定")
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time; the row itself stays free for those who bump it meanwhile.
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, policy_year.pk])
        # As it is now: whoever settles the year holds this lock while doing so.
        now = PolicyYear.objects.select_related("county").get(pk=policy_year.pk)
        if now.state in FROZEN:
            raise Failure(
                "year_frozen",
                f"{now}{now.get_state_display()}，资助台账已经固定，不再重新核定",
            )
        revision = now.revision
        # Compiling would take longer than running; the county's cases fit in memory.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        for name, query in (("listed", LISTED), ("holder", HOLDERS), *SETTLED_TABLES):
            cursor.execute(_fill(query), {"year": policy_year.pk})
            cursor.execute(f"ANALYZE {name}")
        written = []
        for statement in (ESTIMATE, SETTLED):
            cursor.execute(statement, rule.parameters(policy_year.pk))
            written.append(Written(*cursor.fetchone()))
        cursor.execute("DROP TABLE settled_held, settled_case, holder, listed")
        checks.close_resolved(policy_year)
        recovery.follow(policy_year)
        PolicyYear.objects.filter(pk=policy_year.pk, assessed_revision__lte=revision).update(
            assessed_revision=revision, assessed_at=timezone.now()
        )
    return Assessment(revision, *written)


def catch_up(policy_year: PolicyYear) -> None:
    """Assess a year if it is behind; nothing to do is no error."""
    behind = waiting().filter(pk=policy_year.pk).first()
    if behind is not None:
        assess(behind)


def waiting() -> models.QuerySet[PolicyYear]:
    """Years whose tables are behind their inputs; found by a query, not remembered."""
    return (
        PolicyYear.objects.exclude(state__in=(*FROZEN, PolicyYear.State.HISTORY))
        .filter(revision__gt=F("assessed_revision"))
        .select_related("county")
        .order_by("pk")
    )


def totals(policy_year: PolicyYear) -> dict[str, Any]:
    """People and yuan of both tables, with the categories that pay in their printed order."""
    return {
        "estimate": _totals(Estimate, policy_year),
        "settled": _totals(Subsidy, policy_year)
        | Subsidy.objects.filter(policy_year=policy_year).aggregate(
            paid=Sum("paid", default=Decimal("0.00")),
            extra=Sum("extra", default=Decimal("0.00")),
            to_give_back=Count("pk", filter=Q(difference__gt=0)),
            short=Count("pk", filter=Q(difference__lt=0)),
            recognised_after=Count("pk", filter=Q(recognised_after=True)),
        ),
    }


def _totals(model: type[Estimate] | type[Subsidy], policy_year: PolicyYear) -> dict[str, Any]:
    rows = model.objects.filter(policy_year=policy_year)
    found = rows.aggregate(
        people=Count("pk"),
        subsidised=Count("pk", filter=Q(subsidy__gt=0)),
        fully=Count("pk", filter=Q(due=0)),
        not_stated=Count("pk", filter=Q(subsidy__isnull=True)),
        amount=Sum("subsidy", default=Decimal("0.00")),
    )
    found["categories"] = [
        {"category": name, "department": department, "people": people, "amount": amount}
        for name, department, people, amount in rows.filter(category__isnull=False)
        .values_list("category__name", "department")
        .annotate(people=Count("pk"), amount=Sum("subsidy"))
        .order_by("category__order", "category__pk")
        .values_list("category__name", "department", "people", "amount")
    ]
    return found
