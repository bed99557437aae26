"""The one definition of insured, row by row, and everything that must agree with it."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from enrollment import insured
from enrollment.models import Enrollment, Payment, PolicyYear
from enrollment.tests.cast import SHANGHAI, Cast, make_payment, make_user

CUT = datetime(2023, 12, 31, 23, 59, 59, tzinfo=SHANGHAI)
BEFORE, AFTER = "2023-11-20 10:00", "2024-01-05 09:00"

TRUTH = [
    ("nothing", [], False, "没有缴费记录"),
    ("one payment", [("380", BEFORE)], True, "缴费 380.00 元"),
    ("zero declaration", [("0", BEFORE)], True, "政府代缴"),
    ("two zero declarations", [("0", BEFORE), ("0", BEFORE)], True, "政府代缴"),
    ("zero declaration and payment", [("0", BEFORE), ("38", BEFORE)], True, "合计 38.00 元"),
    ("amount that fits no rule", [("5", BEFORE)], True, "缴费 5.00 元"),
    ("two payments", [("190", BEFORE), ("190", BEFORE)], True, "2 笔，合计 380.00 元"),
    ("full refund", [("380", BEFORE), ("-380", BEFORE)], False, "全额退费"),
    ("part refund", [("380", BEFORE), ("-190", BEFORE)], True, "其中退费 190.00 元"),
    (
        "refund, then paid again",
        [("380", BEFORE), ("-380", BEFORE), ("380", BEFORE)],
        True,
        "合计 380.00 元",
    ),
    (
        "zero declaration beside full refund",
        [("0", BEFORE), ("380", BEFORE), ("-380", BEFORE)],
        False,
        "全额退费",
    ),
    ("negative only", [("-380", BEFORE)], False, "退费多于缴费"),
    ("refund larger than payment", [("190", BEFORE), ("-380", BEFORE)], False, "退费多于缴费"),
    ("paid after the cut-off", [("380", AFTER)], False, "最早的缴费记录在 2024-01-05"),
    ("refunded after the cut-off", [("380", BEFORE), ("-380", AFTER)], True, "缴费 380.00 元"),
]


@pytest.fixture
def year(cast: Cast) -> PolicyYear:
    cast.year.proxy_word = "政府代缴"
    cast.year.save()
    return cast.year


@pytest.mark.parametrize(("case", "rows", "expected", "words"), TRUTH, ids=[c[0] for c in TRUTH])
def test_truth_table(cast, year, case, rows, expected, words):
    person = cast.people["甲一"]
    for amount, when in rows:
        make_payment(person, year, amount, when)

    verdict = insured.verdict(year, person, until=CUT)
    assert verdict.insured is expected
    assert words in verdict.sentence
    assert verdict.sentence.startswith("已参保") is expected
    assert insured.counts(year, cast.county, cuts=[CUT]) == (
        {cast.east.pk: [1]} if expected else {cast.east.pk: [0]} if _paid_by(rows) else {}
    )
    listed = insured.insured_in(year, cast.county, until=CUT)
    assert list(listed) == ([person] if expected else [])


def _paid_by(rows) -> bool:
    return any(when == BEFORE for _, when in rows)


def test_withdrawn_rows_do_not_count(cast, year):
    person = cast.people["甲一"]
    payment = make_payment(person, year)
    Payment.objects.filter(pk=payment.pk).update(withdrawn_at=timezone.now())

    verdict = insured.verdict(year, person)
    assert not verdict.insured
    assert "已随名册撤回" in verdict.sentence
    assert insured.counts(year, cast.county, cuts=[CUT]) == {}
    assert not insured.insured_in(year, cast.county).exists()


@pytest.mark.parametrize(
    ("paid_at", "expected"),
    [
        (datetime(2023, 12, 31, 23, 59, 59, tzinfo=SHANGHAI), True),
        (datetime(2024, 1, 1, 0, 0, 0, tzinfo=SHANGHAI), False),
    ],
)
def test_a_payment_in_the_last_second_is_in(cast, year, paid_at, expected):
    person = cast.people["甲一"]
    place = {"county_id": cast.county.pk, "town_id": cast.east.pk, "village_id": cast.red_star.pk}
    Enrollment.objects.create(policy_year=year, person=person, **place)
    Payment.objects.create(
        policy_year=year, person=person, amount=Decimal(380), paid_at=paid_at, **place
    )
    assert insured.verdict(year, person, until=CUT).insured is expected
    assert insured.insured_in(year, cast.county, until=CUT).exists() is expected


def test_another_year_does_not_count(cast, year):
    other = PolicyYear.objects.create(county=cast.county, year=2023, state="history")
    make_payment(cast.people["甲一"], other)
    assert insured.counts(year, cast.county, cuts=[CUT]) == {}


def test_people_are_counted_not_rows_at_every_level_and_cut(cast, year):
    for name, when in [
        ("甲一", "2023-10-01 08:00"),
        ("甲一", "2023-10-02 08:00"),
        ("甲二", "2023-11-01 08:00"),
        ("乙一", "2023-11-02 08:00"),
        ("丙一", "2023-12-01 08:00"),
    ]:
        make_payment(cast.people[name], year, "190", when)
    cuts = [CUT, datetime(2023, 11, 1, 12, tzinfo=SHANGHAI), CUT - timedelta(days=100)]

    # People at each cut, then those of the first who were not there at the others.
    assert insured.counts(year, cast.county, cuts=cuts) == {
        cast.east.pk: [3, 2, 0, 1, 3],
        cast.west.pk: [1, 0, 0, 1, 1],
    }
    assert insured.counts(year, cast.east, cuts=cuts) == {
        cast.red_star.pk: [2, 2, 0, 0, 2],
        cast.willow.pk: [1, 0, 0, 1, 1],
    }
    assert insured.counts(year, cast.willow, cuts=cuts) == {cast.willow.pk: [1, 0, 0, 1, 1]}


def test_somebody_counts_where_the_enrolment_stands(cast, year):
    """Registered in 东风镇, enrolled in 西河镇: one insured person of 西河镇, visible there."""
    person = cast.people["甲一"]
    make_payment(person, year)
    Enrollment.objects.filter(person=person).update(town=cast.west, village=cast.bridge)

    assert insured.counts(year, cast.county, cuts=[CUT]) == {cast.west.pk: [1]}
    assert list(insured.insured_in(year, cast.west, viewer=cast.west_officer)) == [person]
    assert not insured.insured_in(year, cast.east).exists()
    assert not insured.insured_in(year, cast.west, viewer=cast.east_officer).exists()


def test_or_where_the_register_has_them_if_the_county_says_so(cast, year):
    year.attribution = PolicyYear.Attribution.REGISTER
    year.save()
    person = cast.people["甲一"]
    make_payment(person, year)
    Enrollment.objects.filter(person=person).update(town=cast.west, village=cast.bridge)

    assert insured.counts(year, cast.county, cuts=[CUT]) == {cast.east.pk: [1]}
    assert list(insured.insured_in(year, cast.east)) == [person]


def test_a_viewer_without_area_sees_nobody(cast, year):
    make_payment(cast.people["甲一"], year)
    for viewer in (cast.nobody, cast.auditor, cast.stranger, make_user("x", "", cast.county)):
        assert not insured.insured_in(year, cast.county, viewer=viewer).exists()
