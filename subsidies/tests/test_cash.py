"""现金代收: exactly what is owed, two dates, a day closed and seen by two, and it agrees."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from enrollment.failure import Failure
from enrollment.models import AuditEvent, Enrollment, PolicyYear
from enrollment.models.rules import CashRule, Window
from enrollment.tests.cast import make_payment
from subsidies import cash
from subsidies.cash import State
from subsidies.models import CashReceipt, ExtraHelp, Standard, SubsidyRule
from subsidies.tests.rules import category, tier
from subsidies.tests.test_overlap import hold

PAGE = reverse("subsidies:cash", args=["990001", 2024])
TODAY = timezone.localdate
FULL = Decimal(380)


@pytest.fixture
def county(cast):
    """A window that closes the day after tomorrow; limits of three days and 500 yuan."""
    Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal", order=1,
        pays_from=TODAY() - timedelta(days=60), pays_to=TODAY() + timedelta(days=2),
        subsidised=True, start="fixed", start_on="2024-01-01", cites="三",
    )  # fmt: skip
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    CashRule.objects.create(
        policy_year=cast.year, text="可代收现金", days_limit=3, amount_limit=500, cites="五"
    )
    tier(cast.year)
    return cast


def take(cast, who="甲一", amount=FULL, **given):
    return cash.take(
        cast.people[who],
        **{"policy_year": cast.year, "amount": amount, "by": cast.red_star_clerk} | given,
    )


def test_exactly_what_is_owed_is_taken(county):
    hold(county.people["甲一"], category(county.year, "低保对象", amount="342"))
    for amount in ("380", "37.99", "38.01"):
        with pytest.raises(Failure, match="应收 38.00 元"):
            take(county, amount=Decimal(amount))
    receipt = take(county, amount=Decimal("38.00"))
    assert (receipt.number, receipt.shown, receipt.tier) == (1, "2024-000001", "居民医保")
    assert cash.state_of(receipt) == State.HELD
    assert AuditEvent.objects.get(action="take_cash").person_id == county.people["甲一"].pk


def test_help_on_top_is_taken_off_and_nothing_owed_takes_nothing(county):
    given = {"policy_year": county.year, "person": county.people["甲一"], "giver": "红星村"}
    where = {"county": county.county, "town": county.east, "village": county.red_star}
    ExtraHelp.objects.create(**given, **where, amount=80, recorded_by=county.east_officer)
    assert take(county, amount=Decimal(300)).amount == 300
    hold(county.people["甲二"], category(county.year, "特困人员", amount="380"))
    with pytest.raises(Failure, match="应缴 0 元"):
        take(county, "甲二")


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda c: take(c), "已由红星村代办"),
        (lambda c: make_payment(c.people["甲一"], c.year), "已缴费"),
        (lambda c: CashRule.objects.all().delete(), "没有写现金代收"),
        (lambda c: Window.objects.update(pays_to=TODAY() - timedelta(days=1)), "不能收现金"),
    ],
)
def test_no_cash_where_none_can_be_taken(county, prepare, sentence):
    prepare(county)
    with pytest.raises(Failure, match=sentence):
        take(county)


def test_only_agents_take_cash_and_never_for_tomorrow(county):
    for user in (county.county_officer, county.auditor, county.county_viewer):
        with pytest.raises(Failure, match="村级代办或乡镇经办"):
            take(county, by=user)
    with pytest.raises(Failure, match="晚于今天"):
        take(county, on=TODAY() + timedelta(days=1))


def test_a_receipt_is_reversed_and_never_edited(county):
    receipt = take(county)
    with pytest.raises(Failure, match="原因"):
        cash.reverse(receipt, reason=" ", by=county.red_star_clerk)
    with pytest.raises(Failure, match="本人冲销"):
        cash.reverse(receipt, reason="收错人", by=county.east_officer)
    entry = cash.reverse(receipt, reason="收错人", by=county.red_star_clerk)
    assert (entry.amount, entry.number) == (-FULL, 2)
    assert cash.state_of(receipt) == State.REVERSED
    with pytest.raises(Failure, match="已经冲销"):
        cash.reverse(receipt, reason="收错人", by=county.red_star_clerk)
    assert take(county).number == 3


@pytest.mark.parametrize("change", [{"amount": 1}, {"taken_on": "2024-01-01"}, {"number": 9}])
def test_the_database_refuses_to_change_a_receipt(county, change):
    receipt = take(county)
    with pytest.raises(DatabaseError, match="cashreceipt_unchanged|Cannot"):
        CashReceipt.objects.filter(pk=receipt.pk).update(**change)


def test_a_closed_day_takes_nothing_more(county):
    yesterday = TODAY() - timedelta(days=1)
    take(county, on=yesterday)
    take(county, "甲二")
    with pytest.raises(Failure, match="还没有日清"):
        cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk)
    closed = cash.close_day(county.year, day=yesterday, by=county.red_star_clerk)
    assert (closed.entries, closed.total) == (1, FULL)
    cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk)
    with pytest.raises(Failure, match="没有待日清"):
        cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk)
    with pytest.raises(Failure, match="已经日清"):
        cash.reverse(CashReceipt.objects.first(), reason="错", by=county.red_star_clerk)


def test_two_people_see_a_day_s_close(county):
    take(county)
    closed = cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk)
    with pytest.raises(Failure, match="另一个人"):
        cash.see_day(closed, by=county.red_star_clerk)
    for user in (county.west_officer, county.county_viewer, county.stranger):
        with pytest.raises(Failure):
            cash.see_day(closed, by=user)
    assert cash.see_day(closed, by=county.east_officer).seen_by == county.east_officer
    with pytest.raises(Failure, match="已经复核"):
        cash.see_day(closed, by=county.county_officer)


def test_paid_online_and_held_against_the_tax_file(county):
    one, two = take(county), take(county, "甲二")
    yesterday = TODAY() - timedelta(days=1)
    with pytest.raises(Failure, match="晚于缴费日期"):
        cash.remit(county.year, [one.pk], on=yesterday, by=county.red_star_clerk)
    with pytest.raises(Failure, match="一个流水号"):
        cash.remit(county.year, [one.pk, two.pk], on=TODAY(), serial="S1", by=county.red_star_clerk)
    cash.remit(county.year, [one.pk], on=TODAY(), serial="S1", by=county.red_star_clerk)
    cash.remit(county.year, [two.pk], on=TODAY(), by=county.red_star_clerk)
    assert cash.states([one.pk, two.pk]) == {one.pk: State.REMITTED, two.pk: State.REMITTED}
    with pytest.raises(Failure, match="不能冲销"):
        cash.reverse(one, reason="错", by=county.red_star_clerk)
    make_payment(county.people["甲一"], county.year, serial="S1")
    make_payment(county.people["甲二"], county.year, "350.00")
    assert cash.states([one.pk, two.pk]) == {one.pk: State.MATCHED, two.pk: State.DIFFERS}
    counted = cash.counted(county.year, county.county)
    assert counted[State.MATCHED] == (1, FULL) and counted[State.HELD] == (0, 0)
    assert cash.in_state(county.year, county.red_star, State.DIFFERS) == [two.pk]
    assert cash.in_state(county.year, county.willow, State.DIFFERS) == []


def test_a_payment_that_came_by_itself_settles_a_receipt(county):
    """The agent forgot to say so; the tax bureau's detail is enough."""
    receipt = take(county)
    make_payment(county.people["甲一"], county.year)
    assert cash.state_of(receipt) == State.MATCHED


def test_balances_warn_of_days_yuan_and_the_last_midnight(county):
    agents = type(county.red_star_clerk).objects.filter(region=county.red_star)
    assert cash.balances(county.year, agents=agents) == []
    take(county, on=TODAY() - timedelta(days=4))
    [one] = cash.balances(county.year, agents=agents)
    assert (one.held, one.over_days, one.over_amount) == (FULL, True, False)
    take(county, "甲二")
    [one] = cash.balances(county.year, agents=agents)
    assert (one.held, one.receipts, one.over_amount) == (2 * FULL, 2, True)
    said = " ".join(cash.warnings(county.year, one))
    for word in ("超过限额 500.00 元", "超过 3 天", "24:00 截止", "政策未规定"):
        assert word in said
    CashRule.objects.update(counts="received")
    assert "以收到现金之日为准" in " ".join(cash.warnings(county.year, one))


class TestPages:
    def test_a_clerk_s_round(self, county, signed_in):
        browser = signed_in(county.red_star_clerk)
        here = reverse("subsidies:cash-take", args=["990001", 2024, county.people["甲一"].pk])
        assert "收到现金 380.00 元" in browser.get(here).content.decode()
        assert "应收 380.00 元，填写的是" in browser.post(here, {"amount": "38"}).content.decode()
        page = browser.post(here, {"amount": "380.00"}, follow=True).content.decode()
        assert "2024-000001" in page and "打印收据" in page
        listed = browser.get(PAGE).content.decode()
        assert "1 人的现金还没有线上缴费，共 380.00 元" in listed and "24:00 截止" in listed
        receipt = CashReceipt.objects.get()
        data = {"receipt": receipt.pk, "on": TODAY().isoformat(), "serial": ""}
        browser.post(reverse("subsidies:cash-remit", args=["990001", 2024]), data)
        close = reverse("subsidies:cash-close", args=["990001", 2024])
        page = browser.post(close, {"day": TODAY().isoformat()}, follow=True).content.decode()
        assert "1 笔，合计 380.00 元；等待另一人复核" in page and "复核通过" not in page
        day = reverse("subsidies:cash-day", args=["990001", 2024, receipt.agent_id])
        town = signed_in(county.east_officer)
        day = reverse("subsidies:cash-day", args=["990001", 2024, CashReceipt.objects.get().day_id])
        assert "复核通过" in town.get(day).content.decode()
        assert "东风镇经办已复核" in town.post(day, follow=True).content.decode()
        assert signed_in(county.west_officer).get(day).status_code == 404

    def test_the_list_costs_as_many_queries_for_many(
        self, county, signed_in, django_assert_max_num_queries
    ):
        take(county)
        take(county, "甲二")
        browser = signed_in(county.county_officer)
        with django_assert_max_num_queries(22):
            browser.get(PAGE)


def test_cash_of_somebody_registered_elsewhere_stays_with_its_agent(county, signed_in):
    """丙一 is of 西河镇's register and enrolled in 红星村; or has moved away since."""
    somebody = county.people["丙一"]
    Enrollment.objects.create(
        policy_year=county.year, person=somebody, tier=tier(county.year),
        county=county.county, town=county.east, village=county.red_star,
    )  # fmt: skip
    browser = signed_in(county.red_star_clerk)
    url = reverse("subsidies:cash-take", args=["990001", 2024, somebody.pk])
    answer = browser.post(url, {"amount": "380.00"}, follow=True)
    assert "收据 2024-000001" in answer.content.decode()
    held = cash.in_state(county.year, county.red_star, State.HELD)
    assert held == [CashReceipt.objects.get().pk]
    assert cash.counted(county.year, county.red_star)[State.HELD] == (1, FULL)
    assert "丙一" in browser.get(PAGE).content.decode()
    assert "丙一" in signed_in(county.east_officer).get(PAGE).content.decode()
    assert CashReceipt.objects.visible_to(county.west_officer).count() == 1
    assert not CashReceipt.objects.visible_to(county.stranger).exists()


def test_taking_and_closing_a_day_queue_behind_one_lock(county):
    """Else a receipt could come into a day while that is being closed, and never be closed."""
    receipt = take(county)

    def queues(work) -> bool:
        with CaptureQueriesContext(connection) as told:
            work()
        locks = [
            one["sql"] for one in told if "FOR UPDATE" in one["sql"] or "advisory" in one["sql"]
        ]
        return "pg_advisory_xact_lock" in locks[0]

    assert queues(lambda: take(county, "甲二"))
    assert queues(lambda: cash.reverse(receipt, reason="错", by=county.red_star_clerk))
    assert queues(lambda: cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk))


def test_why_no_cash_can_be_taken_names_no_sensitive_identity(county, signed_in):
    hidden = category(
        county.year, "特扶对象", amount="190", sensitive=True, public_word="计划生育家庭"
    )
    Standard.objects.filter(category=hidden).update(method="not_stated", amount=None)
    hold(county.people["甲一"], hidden)
    url = reverse("subsidies:cash-take", args=["990001", 2024, county.people["甲一"].pk])
    page = signed_in(county.red_star_clerk).get(url).content.decode()
    assert "不能收现金" in page and "计划生育家庭" in page and "特扶对象" not in page


def test_opening_a_list_of_cash_is_on_record(county, signed_in):
    take(county)
    closed = cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk)
    browser = signed_in(county.east_officer)
    browser.get(PAGE)
    browser.get(reverse("subsidies:cash-day", args=["990001", 2024, closed.pk]))
    told = AuditEvent.objects.filter(action="open_names", user=county.east_officer)
    assert ["现金代收" in one.subject for one in told.order_by("pk")] == [True, False]


def test_after_settling_no_cash_is_taken_and_what_is_in_hand_is_wound_up(county):
    first, second = take(county), take(county, "甲二")
    PolicyYear.objects.filter(pk=county.year.pk).update(state="settled")
    county.year.refresh_from_db()
    with pytest.raises(Failure, match="已结算，不能再收现金"):
        take(county, "乙一", by=county.east_officer)
    cash.reverse(second, reason="不再参保", by=county.red_star_clerk)
    assert cash.remit(county.year, [first.pk], on=TODAY(), by=county.red_star_clerk) == 1
    assert cash.close_day(county.year, day=TODAY(), by=county.red_star_clerk).entries == 3
    PolicyYear.objects.filter(pk=county.year.pk).update(state="closed")
    county.year.refresh_from_db()
    with pytest.raises(Failure, match="已关闭，现金记录不能再改动"):
        cash.remit(county.year, [first.pk], on=TODAY(), by=county.red_star_clerk)
