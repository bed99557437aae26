"""退补差: who is due what, what settles it, and a refund that the tax bureau books as well."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.models.rules import Window
from enrollment.tests.cast import Cast, make_payment
from subsidies import assessment, differences
from subsidies.differences import Kind
from subsidies.models import DifferenceEntry, Entitlement, SubsidyRule
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold

ON = date(2024, 1, 15)
PAGE = reverse("subsidies:differences", args=["990001", 2024])


@pytest.fixture
def county(cast: Cast) -> Cast:
    """Yueyang's rule: 甲一 recognised after paying 380 in full; 丙一 paid 190 instead of 38."""
    Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal",
        pays_from=date(2023, 9, 1), pays_to=date(2023, 12, 31), subsidised=True,
        start="fixed", start_on=date(2024, 1, 1), order=1,
    )  # fmt: skip
    SubsidyRule.objects.create(
        policy_year=cast.year, identity="within_window", difference_due=True, several="highest"
    )
    cast.half = category(cast.year, "监测对象", amount="190")  # type: ignore[attr-defined]
    cast.low = category(cast.year, "低保对象", amount="342")  # type: ignore[attr-defined]
    hold(cast.people["甲一"], cast.half, recognised_on=date(2023, 12, 1))  # type: ignore[attr-defined]
    hold(cast.people["丙一"], cast.low)  # type: ignore[attr-defined]
    hold(cast.people["乙一"], cast.low)  # type: ignore[attr-defined]
    make_payment(cast.people["甲一"], cast.year, "380.00")
    make_payment(cast.people["丙一"], cast.year, "190.00")
    make_payment(cast.people["乙一"], cast.year, "30.00")
    assessment.assess(cast.year)
    return cast


def told(county: Cast) -> dict[str, tuple[str, Decimal]]:
    known = {person.pk: name for name, person in county.people.items()}
    return {
        known[one.person]: (one.kind.value, one.still_open)
        for one in differences.lines(county.year, county.county)
    }


def settle(county: Cast, *names: str, **more) -> differences.Done:
    return differences.settle(
        county.year, county.county, people=[county.people[name].pk for name in names],
        on=ON, by=county.county_officer, **({"document": "第3批"} | more),
    )  # fmt: skip


def test_each_stands_under_its_kind(county):
    assert told(county) == {
        "甲一": (Kind.GRANTED, Decimal(190)),
        "丙一": (Kind.OVERPAID, Decimal(152)),
        "乙一": (Kind.UNDERPAID, Decimal(-8)),
    }


def test_where_the_policy_does_not_grant_it_nothing_is_due(county):
    """Jinzhai (C23)."""
    SubsidyRule.objects.update(identity="at_payment", difference_due=False)
    county.year.bump()
    assessment.assess(county.year)
    assert "甲一" not in told(county)


def test_settled_on_one_document_with_day_and_name(county):
    done = settle(county, "甲一", "丙一", "乙一")
    assert (done.people, done.given_back, done.collected) == (3, Decimal(342), Decimal(8))
    assert {kind for kind, _ in told(county).values()} == {Kind.SETTLED}
    row = DifferenceEntry.objects.get(person=county.people["甲一"])
    assert (row.amount, row.settled_on, row.document) == (190, ON, "第3批")
    assert row.recorded_by == county.county_officer
    with pytest.raises(Failure, match="勾选待退补的人"):
        settle(county, "甲一")


def test_a_part_leaves_the_rest_open(county):
    settle(county, "甲一", amount=Decimal(100))
    assert told(county)["甲一"] == (Kind.GRANTED, Decimal(90))
    with pytest.raises(Failure, match="不超过待退补的 90"):
        settle(county, "甲一", amount=Decimal(91))
    with pytest.raises(Failure, match="一次只能勾选一个人"):
        settle(county, "甲一", "丙一", amount=Decimal(1))


def test_an_entry_is_reversed_and_never_changed(county):
    settle(county, "甲一")
    row = DifferenceEntry.objects.get()
    for change in (row.delete, lambda: DifferenceEntry.objects.update(amount=1)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    differences.reverse(county.year, [row.pk], by=county.county_officer, note="批次错")
    assert told(county)["甲一"] == (Kind.GRANTED, Decimal(190))
    assert sorted(DifferenceEntry.objects.values_list("amount", flat=True)) == [-190, 190]
    with pytest.raises(Failure, match="不能再冲销"):
        differences.reverse(county.year, [row.pk], by=county.county_officer, note="再冲")


def test_a_refund_the_tax_bureau_books_as_well_counts_once(county):
    settle(county, "甲一")
    make_payment(county.people["甲一"], county.year, "-190.00", when="2024-01-10 10:00")
    assessment.assess(county.year)
    assert told(county)["甲一"] == (Kind.SETTLED, Decimal(0))


def test_a_late_collection_the_tax_bureau_books_as_well_counts_once(county):
    settle(county, "乙一")
    make_payment(county.people["乙一"], county.year, "8.00", when="2024-01-10 10:00")
    assessment.assess(county.year)
    assert told(county)["乙一"] == (Kind.SETTLED, Decimal(0))


@pytest.mark.parametrize("before", ["reversed", "part"])
def test_what_is_given_back_after_a_booked_refund_counts_in_full(county, before):
    """The refund takes the place of what was on record when it came in, not of later entries."""
    if before == "reversed":
        settle(county, "甲一")
        wrong = DifferenceEntry.objects.get()
        differences.reverse(county.year, [wrong.pk], by=county.county_officer, note="批次错")
    else:
        settle(county, "甲一", amount=Decimal(40))
    make_payment(county.people["甲一"], county.year, "-60.00", when="2024-01-10 10:00")
    assessment.assess(county.year)
    assert told(county)["甲一"] == (Kind.GRANTED, Decimal(130))
    assert settle(county, "甲一").given_back == 130
    assert told(county)["甲一"] == (Kind.SETTLED, Decimal(0))


def test_given_back_and_then_struck_off_the_list_is_short(county):
    settle(county, "甲一")
    Entitlement.objects.filter(person=county.people["甲一"]).delete()
    county.year.bump()
    assessment.assess(county.year)
    assert told(county)["甲一"] == (Kind.UNDERPAID, Decimal(-190))


def test_only_the_county_settles(county):
    with pytest.raises(Failure, match="县级"):
        differences.settle(
            county.year, county.east, people=[county.people["甲一"].pk], on=ON,
            document="第1批", by=county.east_officer,
        )  # fmt: skip


def test_a_settled_year_is_still_paid_out_a_closed_one_not(county):
    PolicyYear.objects.filter(pk=county.year.pk).update(state="settled")
    settle(county, "甲一")
    PolicyYear.objects.filter(pk=county.year.pk).update(state="closed")
    with pytest.raises(Failure, match="已关闭"):
        settle(county, "丙一")


def test_the_page_settles_and_reverses(county, signed_in, django_assert_max_num_queries):
    browser = signed_in(county.county_officer)
    with django_assert_max_num_queries(32):
        answer = browser.get(PAGE)
    assert "待退 2 人 342.00 元，待补 1 人 8.00 元" in answer.context["answer"]
    assert "政策规定退补差额" in answer.content.decode()
    fields = {"do": "settle", "row": [county.people["甲一"].pk], "settled_on": "2024-01-15"}
    page = browser.post(PAGE, fields, follow=True).content.decode()
    assert "请填写退补的批次或凭证号" in page
    page = browser.post(PAGE, fields | {"document": "第3批"}, follow=True).content.decode()
    assert "已登记 1 人：已退 190.00 元" in page
    row = DifferenceEntry.objects.get()
    page = browser.get(PAGE, {"tab": "entries"}).content.decode()
    assert "第3批" in page and f'value="{row.pk}"' in page
    page = browser.post(PAGE, {"do": "reverse", "row": [row.pk], "note": "错"}, follow=True)
    assert "已冲销 1 条" in page.content.decode()


def test_a_town_sees_its_own_and_does_not_settle(county, signed_in):
    page = signed_in(county.east_officer).get(PAGE, {"tab": "granted"}).content.decode()
    assert "甲一" in page and "丙一" not in page and 'name="do"' not in page


def test_the_file_says_what_is_open(county, signed_in):
    settle(county, "甲一", amount=Decimal(100))
    answer = signed_in(county.county_officer).get(
        reverse("subsidies:differences-export", args=["990001", 2024])
    )
    lines = list(load_workbook(BytesIO(answer.getvalue())).active.iter_rows(values_only=True))
    row = next(dict(zip(lines[2], line, strict=True)) for line in lines if line[3] == "甲一")
    assert (row["差额"], row["已退补"], row["待退补"]) == (190, 100, 90)
    assert row["批次或凭证"] == "第3批"
