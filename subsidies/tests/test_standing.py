"""参保经历: what the county has on record of earlier years, and the wait that follows from it."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from enrollment.failure import Failure
from enrollment.models import Cover, Payment, PolicyYear
from enrollment.models.rules import EventRule, StatusKind, WaitingRule, Window
from enrollment.tests.cast import Cast, make_payment, make_status, place
from subsidies import standing
from subsidies.models import Entitlement, SubsidyRule
from subsidies.tests.rules import category, tier
from subsidies.waiting import Period, Standing

EARLIER = (2020, 2021, 2022, 2023)


@pytest.fixture
def county(cast: Cast) -> Cast:
    tier(cast.year)
    Window.objects.create(
        policy_year=cast.year,
        name="集中参保缴费期",
        pays_from="2023-09-01",
        pays_to="2023-12-31",
        main=True,
        price="personal",
        start="fixed",
        start_on="2024-01-01",
        subsidised=True,
    )
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    WaitingRule.objects.create(
        policy_year=cast.year,
        gap_from_year=2020,
        floor_missed=4,
        floor_months=6,
        repairable=True,
        employee_counts=True,
        runs_from="arrival",
        exempt="服役、特困人员",
        cites="六",
    )
    for year in EARLIER:
        PolicyYear.objects.get_or_create(
            county=cast.county, year=year, defaults={"state": PolicyYear.State.HISTORY}
        )
    return cast


def earlier(cast: Cast, year: int) -> PolicyYear:
    return PolicyYear.objects.get(county=cast.county, year=year)


def cover(cast: Cast, name: str, *years: int) -> None:
    person = cast.people[name]
    for year in years:
        Cover.objects.create(
            policy_year=earlier(cast, year), person=person, **place(person.village)
        )


def known(cast: Cast, name: str) -> dict[int, Standing]:
    rule = standing.rule_of(cast.year)
    assert rule
    return standing.history(cast.year, cast.people[name], rule)


def panel(cast: Cast, name: str) -> str:
    return reverse("subsidies:quotes-person", args=["990001", 2024, cast.people[name].pk])


def test_a_year_without_list_and_payments_is_unknown(county):
    assert known(county, "甲一") == dict.fromkeys(EARLIER, Standing.UNKNOWN)
    cover(county, "乙一", 2022)
    assert known(county, "甲一")[2022] is Standing.MISSED
    assert known(county, "乙一")[2022] is Standing.INSURED
    assert known(county, "甲一")[2021] is Standing.UNKNOWN


def test_a_payment_insures_and_a_withdrawn_one_makes_no_year_known(county):
    payment = make_payment(county.people["甲一"], earlier(county, 2023), "380.00")
    assert known(county, "甲一")[2023] is Standing.INSURED
    assert known(county, "乙一")[2023] is Standing.MISSED
    Payment.objects.filter(pk=payment.pk).update(withdrawn_at=payment.paid_at)
    assert known(county, "甲一")[2023] is Standing.UNKNOWN


def test_statuses_prove_employees_and_those_who_do_not_count(county):
    cover(county, "乙一", *EARLIER)
    worker = StatusKind.objects.create(
        policy_year=earlier(county, 2022),
        name="职工参保",
        bucket="covered",
        insurance="employee",
        order=90,
    )
    soldier = StatusKind.objects.create(
        policy_year=earlier(county, 2023), name="服役", bucket="deducted", order=91
    )
    make_status(county.people["甲一"], worker)
    make_status(county.people["甲一"], soldier)
    told = known(county, "甲一")
    assert (told[2022], told[2023]) == (Standing.EMPLOYEE, Standing.EXEMPT)


def test_years_before_birth_do_not_count(county):
    cover(county, "乙一", *EARLIER)
    child = county.people["甲一"]
    child.birth = "2022-06-01"
    child.save()
    child.refresh_from_db()
    assert list(known(county, "甲一").values()) == [
        Standing.EXEMPT,
        Standing.EXEMPT,
        Standing.BIRTH_YEAR,
        Standing.MISSED,
    ]


def test_the_history_costs_few_queries(county, django_assert_num_queries):
    cover(county, "乙一", *EARLIER)
    rule = standing.rule_of(county.year)
    with django_assert_num_queries(4):
        standing.history(county.year, county.people["甲一"], rule)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2023-08-31", Period.EARLY),
        ("2023-09-01", Period.MAIN),
        ("2023-12-31", Period.MAIN),
        ("2024-01-01", Period.EXTENSION),
        ("2024-02-29", Period.EXTENSION),
        ("2024-03-01", Period.LATE),
    ],
)
def test_the_period_of_a_day(county, day, expected):
    Window.objects.create(
        policy_year=county.year,
        name="延长期",
        pays_from="2024-01-01",
        pays_to="2024-06-30",
        price="personal",
    )
    paid = standing.datetime.date.fromisoformat(day)
    assert standing.period(county.year, paid) is expected


def test_the_panel_says_how_long_and_what_repair_costs(county, signed_in):
    cover(county, "乙一", *EARLIER)
    cover(county, "甲一", 2021)
    page = signed_in(county.red_star_clerk).get(panel(county, "甲一"), {"paid_on": "2023-12-31"})
    text = page.content.decode()
    assert "<b>5 个月</b>" in text
    assert "2022、2023年没有参加基本医保，连续断保 2 年" in text
    assert "最多 2 年，每年 380.00 元" in text
    assert "待遇期（不计等待期）" in text
    assert "2024-05-31" in text


def test_the_panel_offers_nothing_to_whoever_never_lapsed(county, signed_in):
    cover(county, "甲一", *EARLIER)
    page = signed_in(county.red_star_clerk).get(panel(county, "甲一"), {"paid_on": "2023-12-31"})
    text = page.content.decode()
    assert "2023年已参加居民医保，没有断保" in text
    assert "不等待" in text
    assert "少等 1 个月" not in text
    assert "不计等待期" not in text


def test_the_panel_is_silent_where_the_year_has_no_rule(county, signed_in):
    WaitingRule.objects.all().delete()
    page = signed_in(county.red_star_clerk).get(panel(county, "甲一"), {"paid_on": "2023-12-31"})
    assert "等待期" not in page.content.decode()


def test_a_hidden_identity_is_not_named_by_the_exemption(county, signed_in):
    kind = category(county.year, "手术并发症人员", sensitive=True, public_word="计划生育家庭")
    WaitingRule.objects.update(exempt="手术并发症人员")
    person = county.people["甲一"]
    Entitlement.objects.create(
        policy_year=county.year, person=person, category=kind, **place(person.village)
    )
    page = signed_in(county.red_star_clerk).get(panel(county, "甲一"), {"paid_on": "2023-12-31"})
    assert "计划生育家庭不受等待期限制" in page.content.decode()
    assert "手术并发症" not in page.content.decode()


def test_a_newborn_in_time_does_not_wait(county, signed_in):
    EventRule.objects.create(
        policy_year=county.year,
        name="新生儿",
        event_date_name="出生日期",
        within_days=90,
        price="personal",
        start="event_date",
    )
    child = county.people["甲一"]
    for born, paid in (("2024-05-01", "2024-06-01"), ("2023-07-01", "2023-08-01")):
        child.birth = born
        child.save()
        page = signed_in(county.red_star_clerk).get(panel(county, "甲一"), {"paid_on": paid})
        assert "新生儿不受等待期限制" in page.content.decode()


# ------------------------------------------------------------------ the command


def told(**options) -> dict:
    out = StringIO()
    call_command("waiting", county="990001", year=2024, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def test_the_command_answers_as_agreed(county):
    found = told(history="2020,2021", paid_on="2023-11-30", arrived_on="2023-12-01", repair=1)
    assert list(found)[:8] == [
        "missed", "fixed", "variable", "repaired", "months", "benefit_from", "reason", "rules",
    ]  # fmt: skip
    assert (found["missed"], found["fixed"], found["variable"]) == (2, 3, 2)
    assert (found["repaired"], found["months"], found["benefit_from"]) == (1, 4, "2024-04-01")
    assert (found["rules"], found["repair_years"], found["repair_price"]) == (["六"], 1, "380.00")


def test_the_command_without_a_history_knows_none(county):
    assert told()["months"] is None
    assert told(history="")["missed"] == 4
    assert told(history="2020", employee="2022", exempt_years="2023")["missed"] == 0
    assert told(exempt="新生儿")["months"] == 0


def test_the_command_where_the_policy_has_no_rule(county):
    WaitingRule.objects.all().delete()
    assert told(history="2020")["reason"].startswith("不适用")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"history": "2020,二"}, "bad_years"),
        ({"history": "2024"}, "bad_years"),
        ({"exempt": "低保对象"}, "unknown_exempt"),
        ({"repair": -1}, "bad_repair"),
        ({"paid_on": "2023-08-31"}, "before_window"),
        ({"paid_on": "2023-12-31", "arrived_on": "2023-12-30"}, "bad_arrival"),
    ],
)
def test_the_command_names_what_it_cannot_take(county, options, code):
    with pytest.raises(Failure) as refused:
        told(**options)
    assert refused.value.code == code
