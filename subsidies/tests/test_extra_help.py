"""另行扶持: recorded as given, counted up to what is left, kept apart; from a page or a list."""

from decimal import Decimal

import pytest
from django.urls import reverse

from enrollment.failure import Failure
from enrollment.models import AuditEvent, PolicyYear
from enrollment.tests.cast import Cast, id_number, make_payment
from enrollment.tests.handing import file
from subsidies import assessment, extra_help
from subsidies.models import ExtraHelp, Subsidy, SubsidyRule
from subsidies.tests import test_zero

county = test_zero.county
PAGE = reverse("subsidies:help", args=["990001", 2024])
NEW = reverse("subsidies:help-new", args=["990001", 2024])


def give(county: Cast, amount="30.00", *, giver="红星村集体", by=None, names=("乙一",)):
    return extra_help.give(
        county.year, {county.people[name].pk: Decimal(amount) for name in names},
        giver=giver, by=by or county.county_officer,
    )  # fmt: skip


def assessed(county: Cast, name: str) -> Subsidy:
    county.year.refresh_from_db()
    assert county.year.revision > county.year.assessed_revision
    assessment.assess(county.year)
    return Subsidy.objects.get(person=county.people[name])


def test_it_is_counted_up_to_what_is_left_and_kept_apart(county):
    """乙一 owes 38 after a subsidy of 342."""
    make_payment(county.people["乙一"], county.year, "8.00")
    assert give(county).added == 1
    row = assessed(county, "乙一")
    assert (row.subsidy, row.extra, row.difference) == (342, 30, 0)
    give(county, "30.00", giver="县总工会")
    assert assessed(county, "乙一").extra == 38


@pytest.mark.parametrize(
    ("paid", "difference"),
    [("8.00", 0), ("38.00", 0), ("20.00", 0), ("39.00", 1), ("7.00", -1)],
)
def test_whether_it_was_paid_in_or_handed_over_nothing_is_off(county, paid, difference):
    make_payment(county.people["乙一"], county.year, paid)
    give(county)
    assert assessed(county, "乙一").difference == difference


def test_who_is_on_no_list_stands_in_the_ledger_with_it(county):
    make_payment(county.people["甲二"], county.year, "380.00")
    give(county, names=["甲二"])
    row = assessed(county, "甲二")
    assert (row.category, row.subsidy, row.extra, row.difference) == (None, 0, 30, 0)


def test_the_same_giver_is_told_and_another_counts(county):
    give(county, names=["乙一", "甲二"])
    done = give(county, names=["乙一", "丙一"])
    assert done.added == 1
    assert [pk for pk, _ in done.left] == [county.people["乙一"].pk]
    with pytest.raises(Failure, match="已登记"):
        give(county)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"giver": " "}, "扶持单位"),
        ({"amount": "0"}, "大于 0"),
        ({"names": ["丁一"]}, "不在您的辖区内"),
    ],
)
def test_what_is_refused(county, more, sentence):
    with pytest.raises(Failure, match=sentence):
        give(county, **more)


def test_towns_record_their_own_villages_none_and_policies_may_forbid(county):
    with pytest.raises(Failure, match="不在您的辖区内"):
        give(county, by=county.west_officer)
    with pytest.raises(Failure, match="岗位"):
        give(county, by=county.red_star_clerk)
    SubsidyRule.objects.update(extra_help=False)
    with pytest.raises(Failure, match="不得另行扶持"):
        give(county)
    SubsidyRule.objects.update(extra_help=None)
    PolicyYear.objects.filter(pk=county.year.pk).update(state="settled")
    with pytest.raises(Failure, match="已结算"):
        give(county)


def test_removed_with_a_reason_on_record(county):
    give(county)
    row = ExtraHelp.objects.get()
    with pytest.raises(Failure, match="原因"):
        extra_help.remove(county.year, [row.pk], by=county.county_officer, reason="")
    assert extra_help.remove(county.year, [row.pk], by=county.county_officer, reason="错") == 1
    assert not ExtraHelp.objects.exists()
    event = AuditEvent.objects.get(action="remove_help")
    assert (event.details["giver"], event.details["amount"]) == ("红星村集体", "30.00")


def test_the_page_for_one_person_and_for_those_ticked(county, signed_in):
    browser = signed_in(county.east_officer)
    person = county.people["乙一"]
    page = browser.get(NEW, {"person": person.pk}).content.decode()
    assert f'value="{person.pk}" checked' in page
    assert browser.get(NEW, {"person": county.people["丙一"].pk}).status_code == 404
    listed = browser.get(NEW).content.decode()
    assert "乙一" in listed and "甲一" not in listed  # 甲一 owes nothing
    fields = {"do": "give", "row": [person.pk], "giver": "红星村集体", "amount": "30"}
    told = browser.post(NEW, fields, follow=True).content.decode()
    assert "已登记 1 人的扶持" in told and "红星村集体" in told
    row = ExtraHelp.objects.get()
    told = browser.post(PAGE, {"row": [row.pk], "reason": "错"}, follow=True).content.decode()
    assert "已删除 1 条扶持记录" in told


def test_a_small_list_is_checked_first_and_then_recorded(county, signed_in):
    browser = signed_in(county.county_officer)
    rows = [
        ["扶持名单", "", ""],
        ["姓名", "身份证号", "扶持金额"],
        ["乙一", id_number(3, birth="19751231"), 30],
        ["甲壹", id_number(1), 30],
        ["丙一", id_number(4, birth="19660708"), "很多"],
        ["某人", id_number(99), 30],
        ["乙一", id_number(3, birth="19751231"), 20],
        ["合计", "", 110],
    ]
    given = file(rows)
    given.name = "扶持.xlsx"
    page = browser.post(NEW, {"do": "read", "file": given}).content.decode()
    assert "可登记 1 人，合计 30.00 元；有问题 4 行" in page
    for problem in ("在册姓名为“甲一”", "不是金额", "没有这个证件号码的人", "前面已有此人"):
        assert problem.replace("“", "“") in page
    assert not ExtraHelp.objects.exists()
    pk = county.people["乙一"].pk
    fields = {"do": "give", "row": [pk], f"amount_{pk}": "30.00", "giver": "县总工会"}
    assert "已登记 1 人" in browser.post(NEW, fields, follow=True).content.decode()
    assert ExtraHelp.objects.get().amount == 30


def test_a_file_that_is_none_says_so(county, signed_in):
    given = file([["甲", "乙"]])
    given.name = "别的.xlsx"
    page = signed_in(county.county_officer).post(NEW, {"do": "read", "file": given})
    assert "列名写作 姓名、身份证号、扶持金额" in page.content.decode()


def test_the_pages_cost_the_same_for_one_and_many(county, signed_in, django_assert_max_num_queries):
    give(county, names=["乙一", "甲二"])
    browser = signed_in(county.county_officer)
    for url in (PAGE, NEW):
        with django_assert_max_num_queries(30):
            browser.get(url)


def test_a_nought_beside_a_name_is_refused_and_not_the_common_amount(county, signed_in):
    person = county.people["乙一"].pk
    fields = {"row": [person], f"amount_{person}": "0", "amount": "30", "giver": "红星村集体"}
    page = signed_in(county.county_officer).post(NEW, fields).content.decode()
    assert "扶持金额应大于 0 元" in page
    assert not ExtraHelp.objects.exists()
