"""The bulk run and the single quote never disagree, over random policies and people.

More of them: CANBAO_EXAMPLES=500.
"""

import dataclasses
import datetime
import os
import random
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrollment.models import Enrollment, Payment, Person, PolicyYear
from enrollment.models.rules import (
    Attribute,
    EventRule,
    Fee,
    NotStated,
    PopulationGroup,
    Tier,
    Window,
)
from enrollment.tests.cast import SHANGHAI, build_cast
from subsidies import assessment, case, quote
from subsidies.models import (
    AttributeRecord,
    Category,
    Entitlement,
    Estimate,
    EventRecord,
    Standard,
    Subsidy,
    SubsidyRule,
)
from subsidies.tests.rules import department

EXAMPLES = int(os.environ.get("CANBAO_EXAMPLES", "12"))
PEOPLE = 60


def policy_of(chance: random.Random) -> dict[str, Any]:
    """A year's rules as plain values; every question is now and then left open."""
    pick = chance.choice
    identity = pick([*SubsidyRule.Identity.values, None])
    return {
        "tiers": chance.randint(1, 3),
        "groups": chance.randint(1, 2),
        "fees": [(money(chance), pick([None, money(chance)])) for _ in range(6)],
        "prices": ["personal", *(pick(["personal", "full", None]) for _ in range(2))],
        "subsidised": [pick([True, None]), *(pick([True, False, None]) for _ in range(2))],
        "group_open": pick([True, False]),
        "rule": {
            "identity": identity,
            "cut_off": datetime.datetime(2023, 11, 15, 12, tzinfo=SHANGHAI)
            if identity == "cut_off"
            else None,
            "difference_due": pick([True, False, None]),
            "removed": pick([*SubsidyRule.Removed.values, None]),
            "several": pick(["highest", "priority", None]),
            "late_windows": pick([True, False, None]),
            "fiscal_part": pick([True, False, None]),
        },
        "standards": [
            standard_of(chance, category, tier)
            for category in range(4)
            for tier in range(3)
            for _ in range(pick([0, 1, 1, 1, 2]))
        ],
    }


def standard_of(chance: random.Random, category: int, tier: int) -> dict[str, Any]:
    method = chance.choice(["full", "fixed", "fixed", "percent", "percent", "not_stated"])
    values: dict[str, Any] = {"method": method}
    if method == "fixed":
        values["amount"] = money(chance)
    if method == "percent":
        values |= {
            "percent": Decimal(chance.randint(1, 10000)) / 100,
            "base": chance.choice(Standard.Base.values),
        }
    if chance.random() < 0.2:
        values |= {"max_age": chance.randrange(80), "age_on": datetime.date(2023, 12, 31)}
    if chance.random() < 0.2:
        values["grade_to"] = chance.randint(1, 4)
    return {
        "category": category,
        "tier": tier,
        "group": chance.choice([None, None, 0, 1]),
        "excludes": chance.choice([None, None, None, *range(5)]),
        "hukou_here": chance.choice([None, None, True, False]),
        "values": values,
    }


def money(chance: random.Random) -> Decimal:
    return Decimal(chance.randrange(80000)) / 100


def people_of(chance: random.Random) -> list[dict[str, Any]]:
    """Who there is, what they hold and when they paid."""

    def day(start: str, days: int) -> datetime.date:
        return datetime.date.fromisoformat(start) + datetime.timedelta(chance.randrange(days))

    def maybe(value: Any, often: float) -> Any:
        return value if chance.random() < often else None

    return [
        {
            "birth": maybe(
                day("2023-08-01", 480) if chance.random() < 0.1 else day("1930-01-01", 33000), 0.9
            ),
            "on_roll": chance.random() < 0.8,
            "tier": maybe(chance.randrange(3), 0.6),
            "group": maybe(chance.randrange(2), 0.5),
            "paid": maybe(
                (
                    day("2023-09-01", 120) if chance.random() < 0.8 else day("2023-08-01", 480),
                    money(chance),
                ),
                0.9,
            ),
            "attribute": chance.random() < 0.3,
            "event": maybe(day("2023-08-01", 480), 0.2),
            "held": [
                (
                    number,
                    maybe(chance.randrange(1, 5), 0.5),
                    maybe(day("2023-07-01", 240), 0.5),
                    maybe(day("2023-10-01", 300), 0.2),
                )
                for number in chance.sample(range(5), chance.choice([1, 1, 1, 2, 2, 3]))
            ],
        }
        for _ in range(PEOPLE)
    ]


def write_policy(year: PolicyYear, policy: dict[str, Any]) -> dict[str, list[Any]]:
    tiers = [
        Tier.objects.create(policy_year=year, name=f"{number}档", order=number)
        for number in range(policy["tiers"])
    ]
    groups = [
        PopulationGroup.objects.create(policy_year=year, name=f"人群{number}", order=number)
        for number in range(policy["groups"])
    ]
    fees = iter(policy["fees"])
    for tier in tiers:
        for group in groups:
            personal, fiscal = next(fees)
            Fee.objects.create(
                policy_year=year, tier=tier, group=group, personal=personal, fiscal=fiscal
            )
    attribute = Attribute.objects.create(policy_year=year, name="返乡")
    spans = [
        ("2023-09-01", "2023-12-31"),
        ("2024-01-01", "2024-02-28"),
        ("2024-03-01", "2024-08-31"),
    ]
    for number, (start, end) in enumerate(spans):
        Window.objects.create(
            policy_year=year,
            name=f"窗口{number}",
            order=number,
            pays_from=start,
            pays_to=end,
            main=number == 0,
            price=policy["prices"][number],
            start="payment_day",
            subsidised=policy["subsidised"][number],
            attribute=attribute if number == 1 else None,
        )
    newborn = EventRule.objects.create(
        policy_year=year,
        name="新生儿",
        event_date_name="出生日期",
        within_days=90,
        price="personal",
        start="event_date",
    )
    objective = EventRule.objects.create(
        policy_year=year,
        name="客观原因",
        order=1,
        price="personal",
        start="payment_day",
        needs_verification=True,
    )
    office = department(year, "县民政局")
    categories = [
        Category.objects.create(
            policy_year=year,
            name=f"类别{number}",
            order=number,
            priority=[2, 1, None, 3, 1][number],
            department=office,
            purpose="covered" if number == 4 else "subsidy",
        )
        for number in range(5)
    ]
    objective.categories.add(*categories[:2])
    for number, one in enumerate(policy["standards"]):
        if one["tier"] >= len(tiers) or one["category"] == 4:
            continue
        made = Standard.objects.create(
            policy_year=year,
            order=number,
            category=categories[one["category"]],
            tier=tiers[one["tier"]],
            group=groups[one["group"]] if one["group"] in range(len(groups)) else None,
            hukou_here=one["hukou_here"],
            **one["values"],
        )
        if one["excludes"] is not None:
            made.excludes.add(categories[one["excludes"]])
    SubsidyRule.objects.create(policy_year=year, **policy["rule"])
    if policy["group_open"]:
        NotStated.objects.create(policy_year=year, topic="student-subsidy", question="学生？")
    return {
        "tiers": tiers,
        "groups": groups,
        "categories": categories,
        "attributes": [attribute],
        "events": [newborn, objective],
    }


def write_people(cast, rules: dict[str, list[Any]], everybody: list[dict[str, Any]]) -> None:
    place = {
        "county_id": cast.county.pk,
        "town_id": cast.east.pk,
        "village_id": cast.red_star.pk,
    }
    here = place | {"policy_year": cast.year}
    made = Person.objects.bulk_create(
        Person(
            **place,
            name=f"人{number}",
            birth=one["birth"],
            on_roll_from=datetime.date(2020, 1, 1) if one["on_roll"] else None,
        )
        for number, one in enumerate(everybody)
    )
    rows: dict[type, list[Any]] = {
        Enrollment: [],
        Payment: [],
        Entitlement: [],
        AttributeRecord: [],
        EventRecord: [],
    }
    for person, one in zip(made, everybody, strict=True):
        mine = here | {"person": person}
        if one["paid"] is not None:
            day, amount = one["paid"]
            rows[Enrollment].append(
                Enrollment(
                    **mine,
                    tier=_at(rules["tiers"], one["tier"]),
                    group=_at(rules["groups"], one["group"]),
                )
            )
            when = datetime.datetime.combine(day, datetime.time(23, 59, 59), SHANGHAI)
            rows[Payment].append(Payment(**mine, amount=amount, paid_at=when))
        for number, grade, since, until in one["held"]:
            rows[Entitlement].append(
                Entitlement(
                    **mine,
                    category=rules["categories"][number],
                    grade=grade,
                    recognised_on=since,
                    removed_on=until,
                )
            )
        recorded = {"recorded_by": cast.county_officer}
        if one["attribute"]:
            rows[AttributeRecord].append(
                AttributeRecord(**mine, **recorded, attribute=rules["attributes"][0])
            )
        if one["event"]:
            rows[EventRecord].append(
                EventRecord(
                    **mine,
                    **recorded,
                    event=rules["events"][one["event"].day % 2],
                    event_date=one["event"],
                    verified_by=cast.county_officer,
                    verified_at=datetime.datetime.now(SHANGHAI),
                )
            )
    for model, batch in rows.items():
        model.objects.bulk_create(batch)


@pytest.mark.django_db(transaction=False)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=EXAMPLES == 12,
)
@given(seed=st.integers(0, 2**32))
def test_bulk_and_quote_never_disagree(seed):
    chance = random.Random(seed)
    with transaction.atomic():
        cast = build_cast()
        year = cast.year
        year.benefit_from, year.benefit_to = datetime.date(2024, 1, 1), datetime.date(2024, 12, 31)
        year.save()
        rules = write_policy(year, policy_of(chance))
        write_people(cast, rules, people_of(chance))
        assessment.assess(year)
        for row in Subsidy.objects.filter(policy_year=year).select_related("person", "category"):
            asked = case.of_person(year, row.person)
            agrees(row, quote.quote(year, asked))
            assert asked.paid_on == row.paid_on
        estimated = Estimate.objects.filter(policy_year=year, person__name__endswith="7")
        for row in estimated.select_related("person", "category"):
            asked = case.of_person(year, row.person, paid_on=datetime.date(2023, 12, 31))
            if (
                row.tier_id != asked.tier.pk
                or AttributeRecord.objects.filter(person=row.person).exists()
            ):
                continue
            held = [
                case.Identity(one.category, grade=one.grade)
                for one in asked.identities
                if one.removed_on is None
            ]
            plain = dataclasses.replace(asked, identities=held, event=None, event_date=None)
            agrees(row, quote.quote(year, plain))
        transaction.set_rollback(True)


def _at(rows: list[Any], number: int | None) -> Any:
    return rows[number] if number in range(len(rows)) else None


def agrees(row: Subsidy | Estimate, answer: quote.Quote) -> None:
    """The row says what the quote says, and both keep within what can be owed."""
    assert (row.fee, row.subsidy) == (answer.fee, answer.subsidy), answer.reason
    if answer.allowed:
        assert row.due == answer.due
    assert (row.category.name if row.category else None) == answer.category
    assert row.department == (answer.department or "")
    if row.subsidy is None or row.due is None:
        return
    assert row.subsidy >= 0
    assert row.due >= 0
    assert row.subsidy == row.subsidy.quantize(Decimal("0.01"))
