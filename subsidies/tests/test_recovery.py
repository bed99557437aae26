"""资助收回: what slips through is found, stays, and somebody says what came of it."""

from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment import roster
from enrollment.failure import Failure
from enrollment.tests.cast import Cast, id_number, make_payment, make_person, make_status
from enrollment.tests.handing import put_in
from subsidies import assessment, declarations, recovery
from subsidies.models import Category, Entitlement, Recovery
from subsidies.tests import test_zero
from subsidies.tests.test_overlap import hold

county = test_zero.county
PAGE = reverse("subsidies:recoveries", args=["990001", 2024])


@pytest.fixture
def paid(county: Cast) -> Cast:
    """甲一 and 丙一 declared, 乙一 paid 38; 服役 speaks against being paid for."""
    declarations.declare(county.year, county.county, on=test_zero.ON, by=county.county_officer)
    make_payment(county.people["乙一"], county.year, "38.00")
    status = county.kinds["服役"]
    status.bars_proxy = True
    status.save()
    assessment.assess(county.year)
    assert not Recovery.objects.exists()
    return county


def listed(county: Cast) -> dict[str, tuple[Decimal, str]]:
    assessment.assess(county.year)
    return {one.person.name: (one.amount, one.state) for one in Recovery.objects.all()}


def test_a_later_list_brings_declared_and_subsidised_alike(paid):
    make_status(paid.people["甲一"], paid.kinds["服役"])
    make_status(paid.people["乙一"], paid.kinds["服役"])
    make_status(paid.people["丙一"], paid.kinds["服刑"])  # does not bar here
    assert listed(paid) == {"甲一": (Decimal(380), "open"), "乙一": (Decimal(342), "open")}
    assert listed(paid) == {"甲一": (Decimal(380), "open"), "乙一": (Decimal(342), "open")}


def test_it_stays_after_the_entitlement_ends(paid):
    make_status(paid.people["乙一"], paid.kinds["服役"])
    listed(paid)
    Entitlement.objects.filter(person=paid.people["乙一"]).delete()
    assert listed(paid) == {"乙一": (Decimal(342), "open")}


def test_whom_the_county_had_cleared_is_not_on_it(county):
    status = county.kinds["服役"]
    status.bars_proxy = True
    status.save()
    person = county.people["甲一"]
    make_status(person, status)
    declarations.clear(
        county.year, county.county, people=[person.pk], on=test_zero.ON,
        conclusion="已退役", by=county.county_officer,
    )  # fmt: skip
    declarations.declare(county.year, county.county, on=test_zero.ON, by=county.county_officer)
    assert listed(county) == {}


def test_one_person_paid_for_under_two_numbers(paid):
    twin = make_person(paid.willow, "甲一", id_number(77))
    hold(twin, paid.low)
    make_payment(twin, paid.year, "38.00")
    assessment.assess(paid.year)
    assert sorted(Recovery.objects.values_list("amount", flat=True)) == [342, 380]


def test_removing_a_list_restores_the_state_before_it(paid):
    given = put_in(paid, "status", [["甲一", id_number(1), "", "", ""]], status="服役")
    assert listed(paid) == {"甲一": (Decimal(380), "open")}
    roster.withdraw(given, by=paid.county_officer)
    assert listed(paid) == {}


def test_what_was_decided_stays_whatever_becomes_of_the_list(paid):
    given = put_in(paid, "status", [["甲一", id_number(1), "", "", ""]], status="服役")
    listed(paid)
    row = Recovery.objects.get()
    recovery.close(
        paid.year, [row.pk], state="recovered", on=date(2024, 3, 1), by=paid.county_officer
    )
    roster.withdraw(given, by=paid.county_officer)
    assert listed(paid) == {"甲一": (Decimal(380), "recovered")}


def test_recovered_wants_a_day_a_part_and_a_waiver_a_reason(paid):
    make_status(paid.people["甲一"], paid.kinds["服役"])
    listed(paid)
    row = Recovery.objects.get()

    def close(**more):
        return recovery.close(paid.year, [row.pk], by=paid.county_officer, **more)

    with pytest.raises(Failure, match="收回日期"):
        close(state="recovered")
    with pytest.raises(Failure, match="其余部分"):
        close(state="recovered", on=date(2024, 3, 1), amount=Decimal(100))
    with pytest.raises(Failure, match="须写明原因"):
        close(state="waived")
    with pytest.raises(Failure, match="县级"):
        recovery.close(paid.year, [row.pk], state="waived", reason="错", by=paid.east_officer)
    close(state="waived", reason="名单有误")
    row.refresh_from_db()
    assert (row.state, row.reason, row.closed_by) == ("waived", "名单有误", paid.county_officer)
    recovery.reopen(paid.year, [row.pk], by=paid.county_officer, reason="又核实")
    close(state="recovered", on=date(2024, 3, 1), amount=Decimal(100), reason="余款已故无法收回")
    row.refresh_from_db()
    assert (row.recovered, row.closed_on) == (100, date(2024, 3, 1))


def test_a_further_ground_opens_a_waived_case_again(paid):
    make_status(paid.people["甲一"], paid.kinds["服役"])
    listed(paid)
    row = Recovery.objects.get()
    recovery.close(paid.year, [row.pk], state="waived", reason="已退役", by=paid.county_officer)
    assert listed(paid)["甲一"][1] == "waived"
    type(paid.kinds["服刑"]).objects.filter(name="服刑").update(bars_proxy=True)
    make_status(paid.people["甲一"], paid.kinds["服刑"])
    assert listed(paid)["甲一"][1] == "open"


def test_the_page_and_its_file(paid, signed_in, django_assert_max_num_queries):
    make_status(paid.people["甲一"], paid.kinds["服役"])
    type(paid.kinds["服役"]).objects.filter(name="服役").update(
        sensitive=True, public_word="特殊情形"
    )
    Category.objects.filter(pk=paid.poor.pk).update(sensitive=True, public_word="困难家庭")
    listed(paid)
    browser = signed_in(paid.county_officer)
    with django_assert_max_num_queries(32):
        answer = browser.get(PAGE)
    assert "待处理 1 人，资助 380.00 元" in answer.context["answer"]
    assert "服役" in answer.content.decode() and "特困人员" in answer.content.decode()
    below = signed_in(paid.east_officer).get(PAGE).content.decode()
    assert "特殊情形" in below and "困难家庭" in below
    assert ">服役" not in below and "特困人员" not in below and 'name="do"' not in below
    assert "甲一" not in signed_in(paid.west_officer).get(PAGE).content.decode()
    row = Recovery.objects.get()
    told = browser.post(
        PAGE, {"do": "recovered", "row": [row.pk], "closed_on": "2024-03-01"}, follow=True
    )
    assert "已登记 1 人的资助已收回" in told.content.decode()
    page = browser.get(PAGE, {"tab": "recovered"}).content.decode()
    assert "2024-03-01 收回 380.00 元" in page
    answer = browser.get(reverse("subsidies:recoveries-export", args=["990001", 2024]))
    lines = list(load_workbook(BytesIO(answer.getvalue())).active.iter_rows(values_only=True))
    line = dict(zip(lines[2], lines[3], strict=True))
    assert (line["姓名"], line["情况"], line["收回金额"]) == ("甲一", "已收回", 380)
