"""已参保: the one definition, used by every figure, list of names and person page.

Somebody is insured in a benefit year, as of a cut-off, when the payments of that year that are
not withdrawn and were paid at or before the cut-off either sum to more than 0, or sum to 0
without a negative row: a zero declaration counts, a payment given back in full does not. An
amount that disagrees with the rules is a question, not a reason to uncount.

People are counted, not rows, and where their enrolment stands (or the register, where the year's
rule of attribution says so).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils import timezone

from enrollment.models import Enrollment, Payment, Person, PolicyYear, Region
from enrollment.models.people import PersonQuerySet
from enrollment.scope import PlacedQuerySet

# The definition. `payment` is the group of one person's rows that are not withdrawn, `cut` the
# cut-off. No row before the cut-off makes the sums NULL, which is "no".
RULE = """
coalesce(
    sum(payment.amount) FILTER (WHERE payment.paid_at <= {cut}) > 0
    OR (
        sum(payment.amount) FILTER (WHERE payment.paid_at <= {cut}) = 0
        AND min(payment.amount) FILTER (WHERE payment.paid_at <= {cut}) >= 0
    ),
    FALSE
)
"""

# {place} and {scope} are columns of ours and {facts} one of two tables; every value is bound.
# Grouping by place and person in one step lets the two indexes be merged, without a hash.
COUNT = """
SELECT person.place, {counts}
FROM (
    SELECT fact.{place} AS place, payment.person_id, {rules}
    FROM enrollment_payment payment
    JOIN {facts} ON fact.person_id = payment.person_id
    WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
      AND payment.paid_at <= %(last)s AND fact.{scope} = %(region)s
    GROUP BY fact.{place}, payment.person_id
) person
GROUP BY person.place
"""

MEMBERS = """
SELECT payment.person_id
FROM enrollment_payment payment
WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
  AND payment.paid_at <= %(cut)s
"""
MEMBERS_HAVING = """
GROUP BY payment.person_id
HAVING {rule}
"""

BY_ENROLMENT = """
(SELECT person_id, county_id, town_id, village_id FROM enrollment_enrollment
 WHERE policy_year_id = %(year)s) fact
"""
BY_REGISTER = """
(SELECT id AS person_id, county_id, town_id, village_id FROM enrollment_person
 WHERE county_id = %(county)s) fact
"""


def counts(
    policy_year: PolicyYear, region: Region, *, cuts: Sequence[datetime]
) -> dict[int, list[int]]:
    """Insured people per unit below a region (per village itself for a village), at each cut-off.

    Returns {region id: [people at cuts[0], people at cuts[1], …, of those at cuts[0] who were not
    at cuts[1], …]}; units without any are missing. ``gained_in`` lists the latter.
    """
    names = [f"cut{number}" for number in range(len(cuts))]
    counted = [f"count(*) FILTER (WHERE person.{name})" for name in names]
    counted += [f"count(*) FILTER (WHERE person.cut0 AND NOT person.{one})" for one in names[1:]]
    sql = COUNT.format(
        rules=", ".join(f"{RULE.format(cut=f'%({name})s')} AS {name}" for name in names),
        counts=", ".join(counted),
        place=place_below(region),
        scope=f"{region.level}_id",
        facts=facts_of(policy_year),
    )
    values: dict[str, Any] = dict(zip(names, cuts, strict=True)) | {
        "year": policy_year.pk,
        "county": policy_year.county_id,
        "region": region.pk,
        "last": max(cuts),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return {row[0]: list(row[1:]) for row in cursor.fetchall()}


def facts_of(policy_year: PolicyYear) -> str:
    """Where insured people count, as a subquery named ``fact``: enrolments or the register."""
    if policy_year.attribution == PolicyYear.Attribution.REGISTER:
        return BY_REGISTER
    return BY_ENROLMENT


def place_below(region: Region) -> str:
    """The column that tells the units below a region apart."""
    return {"county": "town_id", "town": "village_id", "village": "village_id"}[region.level]


def members(
    policy_year: PolicyYear,
    *,
    until: datetime | None = None,
    among: PersonQuerySet | None = None,
) -> RawSQL:
    """The ids of everybody insured, for ``pk__in=``; for somewhere, see ``insured_in``.

    ``among`` changes nothing but the work: of whom the question is asked, where those are few.
    """
    values = {"year": policy_year.pk, "cut": until or timezone.now()}
    text, ordered = positional(MEMBERS, values)
    if among is not None:
        try:
            inner, inner_values = among.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:  # asked of nobody, as of the holders of no category
            inner, inner_values = "SELECT NULL::bigint WHERE FALSE", ()
        text += f"AND payment.person_id IN ({inner})"
        ordered += inner_values
    having, more = positional(MEMBERS_HAVING.format(rule=RULE.format(cut="%(cut)s")), values)
    return RawSQL(text + having, [*ordered, *more])


def insured_in(
    policy_year: PolicyYear,
    region: Region,
    *,
    until: datetime | None = None,
    viewer: Any = None,
) -> PersonQuerySet:
    """The people behind the figure "insured" of a region; its length is the figure.

    With a viewer, only those whose *enrolment* lies in the viewer's area: somebody registered in
    one town and enrolled in another belongs to the second one's list.
    """
    here = counting_in(policy_year, region, viewer=viewer)
    return here.filter(pk__in=members(policy_year, until=until, among=few(here, region)))


def gained_in(
    policy_year: PolicyYear,
    region: Region,
    *,
    until: datetime,
    since: datetime,
    viewer: Any = None,
) -> PersonQuerySet:
    """Insured people of a region at ``until`` who were not at ``since``.

    With the moments the other way round: who no longer is, because of a refund.
    """
    here = insured_in(policy_year, region, until=until, viewer=viewer)
    before = members(policy_year, until=since, among=few(here, region))
    return here.exclude(pk__in=before)


def few(people: PersonQuerySet, region: Region) -> PersonQuerySet | None:
    """The people of a town or village; a county's are so many that asking of all is quicker."""
    return people if region.level in ("town", "village") else None


def counting_in(policy_year: PolicyYear, region: Region, *, viewer: Any = None) -> PersonQuerySet:
    """People whose enrolment counts in a region (whether they have paid or not)."""
    if policy_year.attribution == PolicyYear.Attribution.REGISTER:
        people = Person.objects.in_region(region).filter(county=policy_year.county)
        return people.visible_to(viewer) if viewer is not None else people
    facts: PlacedQuerySet = Enrollment.objects.filter(policy_year=policy_year).in_region(region)
    if viewer is not None:
        facts = facts.visible_to(viewer)
    return Person.objects.filter(pk__in=facts.values("person"))


def positional(sql: str, values: dict[str, Any]) -> tuple[str, list[Any]]:
    """The same statement with %s and a list, which is what RawSQL takes."""
    pieces, ordered = sql.split("%("), []
    text = pieces[0]
    for piece in pieces[1:]:
        name, rest = piece.split(")s", 1)
        ordered.append(values[name])
        text += "%s" + rest
    return text, ordered


# One person


@dataclass(frozen=True)
class Verdict:
    """Whether somebody is insured, and the sentence that says why."""

    insured: bool
    sentence: str
    paid: Decimal
    since: datetime | None
    """First payment or zero declaration that counts."""


ONE = """
SELECT {rule}, sum(payment.amount) FILTER (WHERE payment.paid_at <= %(cut)s)
FROM enrollment_payment payment
WHERE payment.policy_year_id = %(year)s AND payment.person_id = %(person)s
  AND payment.withdrawn_at IS NULL
"""


def verdict(policy_year: PolicyYear, person: Person, *, until: datetime | None = None) -> Verdict:
    """Why somebody is insured in the year, or is not."""
    at = until or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            ONE.format(rule=RULE.format(cut="%(cut)s")),
            {"year": policy_year.pk, "person": person.pk, "cut": at},
        )
        yes, total = cursor.fetchone()
    rows = list(
        Payment.objects.filter(policy_year=policy_year, person=person).order_by("paid_at", "pk")
    )
    counted = [row for row in rows if row.withdrawn_at is None and row.paid_at <= at]
    paid = total or Decimal(0)
    since = next((row.paid_at for row in counted if row.amount >= 0), None) if yes else None
    sentence = _why(policy_year, yes, paid, counted, rows, at)
    return Verdict(yes, sentence, paid, since)


def _why(
    policy_year: PolicyYear,
    yes: bool,
    paid: Decimal,
    counted: list[Payment],
    rows: list[Payment],
    at: datetime,
) -> str:
    refunds = [row for row in counted if row.amount < 0]
    zero_word = policy_year.proxy_word or "零申报"
    if yes and paid == 0:
        return f"已参保：{_day(counted[0].paid_at)} {zero_word}，个人应缴 0 元，已登记"
    if yes and len(counted) == 1:
        return f"已参保：{_day(counted[0].paid_at)} 缴费 {paid:,.2f} 元"
    if yes:
        back = f"（其中退费 {_sum(refunds):,.2f} 元）" if refunds else ""
        return (
            f"已参保：自 {_day(counted[0].paid_at)} 起缴费记录 {len(counted)} 笔，"
            f"合计 {paid:,.2f} 元{back}"
        )
    if refunds and paid == 0:
        return f"未参保：所缴费用已于 {_day(refunds[-1].paid_at)} 全额退费"
    if refunds:
        return f"未参保：退费多于缴费（合计 {paid:,.2f} 元），请核对税务明细"
    if later := [row for row in rows if row.withdrawn_at is None]:
        return f"截至 {_day(at)} 未参保：最早的缴费记录在 {_day(later[0].paid_at)}"
    if rows:
        return f"未参保：{len(rows)} 笔缴费记录已随名册撤回，不再计入"
    return f"未参保：本年度没有缴费记录，也没有{zero_word}记录"


def _day(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d}"


def _sum(rows: Iterable[Payment]) -> Decimal:
    return -sum((row.amount for row in rows), Decimal(0))
