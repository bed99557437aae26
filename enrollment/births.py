"""新生儿: how long each child may be enrolled from birth, and how many were in time.

The county's event rule counts: the day of birth is day 0 and day N is inside; months are calendar
months, clipped at the month's end (C13). In time is who is insured by a payment on or before the
last of these days. A cohort's rate is taken of births whose days are over (C112): of the others
nothing can be said yet.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from enrollment import insured
from enrollment.models import PolicyYear, Region
from enrollment.models.rules import EventRule

BORN = "出生日期"

# {deadline} is an expression over `birth`; the day itself is still in time.
DEADLINE = (
    "(birth.born_on + make_interval(months => %(birth_months)s, days => %(birth_days)s))::date"
)

COHORT = """
WITH told AS (
    SELECT birth.{unit} AS unit, birth.person_id, {deadline} AS last
    FROM enrollment_birth birth
    WHERE birth.policy_year_id = %(year)s AND birth.{scope} = %(region)s
        AND (%(born_from)s::date IS NULL OR birth.born_on >= %(born_from)s)
        AND (%(born_to)s::date IS NULL OR birth.born_on <= %(born_to)s)
        AND NOT EXISTS (
            SELECT FROM enrollment_status s JOIN enrollment_statuskind k ON k.id = s.kind_id
            WHERE s.policy_year_id = %(year)s AND s.person_id = birth.person_id
                AND k.bucket IN ('deducted', 'out_of_scope')
        )
), paid AS (
    SELECT payment.person_id,
           min((payment.paid_at AT TIME ZONE 'Asia/Shanghai')::date)
               FILTER (WHERE payment.amount >= 0 AND payment.paid_at <= %(cut)s) AS first_day
    FROM enrollment_payment payment
    JOIN told USING (person_id)
    WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
    GROUP BY payment.person_id HAVING {rule}
)
SELECT told.unit, count(*), count(*) FILTER (WHERE told.last < %(day)s),
       count(*) FILTER (WHERE told.last < %(day)s AND paid.first_day <= told.last),
       count(paid.person_id)
FROM told LEFT JOIN paid USING (person_id)
GROUP BY told.unit
"""


def rule(policy_year: PolicyYear) -> EventRule | None:
    """The year's rule for the newborn; None where its notice sets no time from birth."""
    rules = EventRule.objects.filter(
        policy_year=policy_year, event_date_name=BORN, late_for__isnull=True
    ).order_by("order", "pk")
    return next((one for one in rules if one.within_days or one.within_months), None)


def term(event: EventRule) -> str:
    """How long a child may be enrolled, in words: 出生后 3 个月内."""
    if event.within_months:
        return f"出生后 {event.within_months} 个月内"
    return f"出生后 {event.within_days} 日内"


def bound(event: EventRule | None) -> dict[str, Any]:
    """What statements with ``DEADLINE`` bind; without a rule nobody's days are over."""
    return {
        "birth_months": event.within_months or 0 if event else 0,
        "birth_days": event.within_days or 0 if event else 0,
        "born_from": event.event_from if event else None,
        "born_to": event.event_to if event else None,
    }


@dataclass(frozen=True)
class Cohort:
    """Births of a place: all, those whose days are over, of these in time, all insured by now."""

    births: int = 0
    over: int = 0
    in_time: int = 0
    insured: int = 0

    def __add__(self, other: "Cohort") -> "Cohort":
        return Cohort(
            self.births + other.births,
            self.over + other.over,
            self.in_time + other.in_time,
            self.insured + other.insured,
        )

    @property
    def rate(self) -> Decimal | None:
        """Enrolled in time of those whose days are over, never rounded up to all; else None."""
        if not self.over:
            return None
        return (Decimal(self.in_time) / self.over).quantize(Decimal("0.0001"), ROUND_DOWN)


def cohorts(
    policy_year: PolicyYear, region: Region, *, until: datetime | None = None
) -> dict[int, Cohort]:
    """Cohorts per unit below a region; empty where the notice sets no time from birth."""
    event = rule(policy_year)
    if event is None:
        return {}
    at = until or timezone.now()
    sql = COHORT.format(
        unit=insured.place_below(region),
        scope=f"{region.level}_id",
        deadline=DEADLINE,
        rule=insured.RULE.format(cut="%(cut)s"),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                "year": policy_year.pk,
                "region": region.pk,
                "cut": at,
                "day": timezone.localdate(at),
                **bound(event),
            },
        )
        return {row[0]: Cohort(*row[1:]) for row in cursor.fetchall()}


def last_day(born: date, event: EventRule) -> date:
    """The last day in time, as ``DEADLINE`` counts it."""
    if not event.within_months:
        return born + timedelta(days=event.within_days or 0)
    months = born.year * 12 + born.month - 1 + event.within_months
    year, month = divmod(months, 12)
    longest = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(born.day, longest))


def days_left(last: date, on: date) -> int:
    """Days left with this one not counted: 0 is the last day, below 0 it is over."""
    return (last - on).days
