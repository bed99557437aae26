"""What somebody was in each earlier benefit year, as the county has it on record (参保经历)."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from django.db import connection
from django.db.models import Exists, OuterRef

from enrollment import insured
from enrollment.failure import Failure
from enrollment.models import (
    Attribute,
    Cover,
    EventRule,
    Payment,
    Person,
    PolicyYear,
    PopulationGroup,
    Status,
    StatusKind,
    WaitingRule,
    Window,
)
from subsidies import waiting
from subsidies.case import Case
from subsidies.quote import Quote
from subsidies.situation import BORN
from subsidies.waiting import Period, Standing, Waiting

PAID = """
SELECT payment.policy_year_id
FROM enrollment_payment payment
WHERE payment.policy_year_id = ANY (%(years)s) AND payment.person_id = %(person)s
  AND payment.withdrawn_at IS NULL
GROUP BY payment.policy_year_id
HAVING {rule}
"""


def rule_of(policy_year: PolicyYear) -> WaitingRule | None:
    """The year's rule of waiting; None where its policy has none."""
    return WaitingRule.objects.filter(policy_year=policy_year).first()


def of_person(policy_year: PolicyYear, person: Person, case: Case, answer: Quote) -> Waiting | None:
    """How long somebody waits who pays as in the case; None in a year without the rule.

    Also None where the payment cannot be made at all: then there is nothing to wait for.
    """
    rule = rule_of(policy_year)
    if rule is None or not answer.way or not answer.allowed:
        return None
    return waiting.waiting(
        rule,
        year=policy_year.year,
        history=history(policy_year, person, rule),
        paid_on=case.paid_on,
        arrived_on=case.arrived_on,
        period=period(policy_year, case.paid_on, group=case.group, attributes=case.attributes),
        exempt=_exempt(policy_year, rule, case, answer),
        fee=answer.fee,
        starts_on=answer.benefit_from,
    )


def history(policy_year: PolicyYear, person: Person, rule: WaitingRule) -> dict[int, Standing]:
    """Each year from the first that counts to the one before this.

    Without a list of the insured and without any payment of a year the county knows nothing of
    who was insured then: the year is UNKNOWN, never a gap. An insurance on record beats whatever
    a list says besides; years before birth are not counted.
    """
    facts = {"policy_year": OuterRef("pk")}
    earlier = {
        one.pk: one
        for one in PolicyYear.objects.filter(
            county=policy_year.county_id, year__gte=rule.gap_from_year, year__lt=policy_year.year
        ).annotate(
            listed=Exists(Cover.objects.filter(**facts)),
            collected=Exists(Payment.objects.filter(**facts, withdrawn_at=None)),
        )
    }
    found = {
        one.year: Standing.MISSED if one.listed or one.collected else Standing.UNKNOWN
        for one in earlier.values()
    }
    found = {
        year: found.get(year, Standing.UNKNOWN)
        for year in range(rule.gap_from_year, policy_year.year)
    }
    born = person.birth
    for year, standing in found.items():
        if born and year < born.year:
            found[year] = Standing.EXEMPT
        elif born and year == born.year and standing is Standing.MISSED:
            found[year] = Standing.BIRTH_YEAR
    for year, standing in _statuses(earlier, person, rule):
        found[year] = standing
    for pk in _insured(list(earlier), person):
        found[earlier[pk].year] = Standing.INSURED
    return found


def _statuses(
    earlier: Mapping[int, PolicyYear], person: Person, rule: WaitingRule
) -> list[tuple[int, Standing]]:
    """What lists of statuses prove; the strongest of a year last."""
    exempt = set(waiting.exempt_names(rule))
    insurance = {
        StatusKind.Insurance.EMPLOYEE: Standing.EMPLOYEE,
        StatusKind.Insurance.RESIDENT: Standing.INSURED,
    }
    proved = []
    held = Status.objects.filter(policy_year__in=list(earlier), person=person)
    for one in held.select_related("kind"):
        year = earlier[one.policy_year_id].year
        if one.kind.insurance in insurance:
            proved.append((year, insurance[StatusKind.Insurance(one.kind.insurance)]))
        elif exempt & {one.kind.name, *one.kind.aliases}:
            proved.append((year, Standing.EXEMPT))
    strength = [Standing.EXEMPT, Standing.EMPLOYEE, Standing.INSURED]
    return sorted(proved, key=lambda pair: strength.index(pair[1]))


def _insured(years: list[int], person: Person) -> set[int]:
    """Of these policy years, those in which somebody paid or stands on the platform's list."""
    covers = Cover.objects.filter(policy_year__in=years, person=person)
    with connection.cursor() as cursor:
        cursor.execute(
            PAID.format(rule=insured.RULE.format(cut="now()")),
            {"years": years, "person": person.pk},
        )
        paid = {row[0] for row in cursor.fetchall()}
    return paid | set(covers.values_list("policy_year", flat=True))


def period(
    policy_year: PolicyYear,
    paid_on: datetime.date,
    *,
    group: PopulationGroup | None = None,
    attributes: Sequence[Attribute] = (),
) -> Period:
    """Whether a day lies in the main window, in an extension of it until February, or neither.

    Before the first window nobody is late yet; only a special case can be paid for then. Raises
    Failure where the year has no windows.
    """
    windows = list(Window.objects.filter(policy_year=policy_year).order_by("pays_from", "pk"))
    if not windows:
        raise Failure("no_window", f"{policy_year}没有缴费窗口，无法判断是否在集中期内缴费")
    if paid_on < windows[0].pays_from:
        return Period.EARLY
    mine = [
        one
        for one in windows
        if one.pays_from <= paid_on <= one.pays_to
        and one.group_id in (None, group and group.pk)
        and (one.attribute_id is None or one.attribute_id in {each.pk for each in attributes})
    ]
    if any(one.main for one in mine):
        return Period.MAIN
    march = datetime.date(policy_year.year, 3, 1)
    return Period.EXTENSION if mine and paid_on < march else Period.LATE


def _exempt(policy_year: PolicyYear, rule: WaitingRule, case: Case, answer: Quote) -> str:
    """The name by which the policy lets somebody off waiting; empty for most."""
    way = EventRule.objects.filter(policy_year=policy_year, name=answer.way).first()
    if way and way.event_date_name == BORN and not way.late_for_id:
        return waiting.NEWBORN
    mine = {one.name for one in case.attributes} | {case.group.name}
    if way and not way.late_for_id:
        mine |= {way.name, *way.aliases}
    for held in case.identities:
        gone = held.removed_on and held.removed_on <= case.paid_on
        over = held.valid_to and held.valid_to < case.paid_on
        if not (gone or over):
            mine |= {held.category.name, *held.category.aliases}
    # 新生儿 is said by the special case alone: its time may be over.
    listed = waiting.exempt_names(rule)[1:]
    return next((one for one in listed if one in mine), "")
