"""零申报名单 as clerks use it: tick, declare, take back; a town sees and does its own."""

from datetime import date
from io import BytesIO

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models import AuditEvent, Payment
from enrollment.tests.cast import make_status
from subsidies.models import Category, Clearance, Declaration
from subsidies.tests import test_zero

county = test_zero.county
PAGE = reverse("subsidies:zero", args=["990001", 2024])
EXPORT = reverse("subsidies:zero-export", args=["990001", 2024])
ON = "2023-12-20"


def post(browser, **fields):
    return browser.post(PAGE, {"on": ON, **fields}, follow=True).content.decode()


def test_the_first_line_says_how_many_stand_where(county, signed_in):
    answer = signed_in(county.county_officer).get(PAGE, {"on": ON})
    assert "个人应缴 0 元、应由政府代缴 2 人：待申报 2" in answer.context["answer"]
    page = answer.content.decode()
    assert "办理单位：乡镇社保所" in page
    assert "甲一" in page and "丙一" in page and "乙一" not in page
    assert AuditEvent.objects.filter(action="open_names", details__people=2).exists()


def test_a_town_ticks_and_declares_its_own(county, signed_in):
    browser = signed_in(county.east_officer)
    page = browser.get(PAGE, {"on": ON}).content.decode()
    assert "甲一" in page and "丙一" not in page
    both = [county.people["甲一"].pk, county.people["丙一"].pk]
    told = post(browser, do="declare", row=both)
    assert "已登记政府代缴 1 人" in told and "另有 1 人没有登记" in told
    assert [one.person.name for one in Declaration.objects.all()] == ["甲一"]


def test_all_at_once_and_back_again(county, signed_in):
    browser = signed_in(county.county_officer)
    assert "已登记政府代缴 2 人" in post(browser, do="declare_all", tab="ready")
    rows = [one.pk for one in Declaration.objects.all()]
    assert "请写明撤回申报的原因" in " ".join(post(browser, do="withdraw", row=rows).split())
    assert "已撤回 2 人" in post(browser, do="withdraw", row=rows, reason="申报错人")
    assert Payment.objects.filter(withdrawn_at=None).count() == 0
    assert Payment.objects.count() == 2


def test_who_is_held_back_says_why_and_the_county_clears(county, signed_in):
    status = county.kinds["服刑"]
    status.bars_proxy, status.public_word = True, "特殊情形"
    status.save()
    make_status(county.people["甲一"], status)
    held = {"on": ON, "tab": "held"}
    assert "服刑" in signed_in(county.county_officer).get(PAGE, held).content.decode()
    below = signed_in(county.east_officer).get(PAGE, held).content.decode()
    assert "特殊情形" in below and 'value="clear"' not in below
    assert ">服刑" not in below.replace("服刑等", "")
    pk = county.people["甲一"].pk
    refused = post(signed_in(county.east_officer), do="clear", row=[pk], conclusion="已释放")
    assert "由县级经办人员核对" in refused
    told = post(signed_in(county.county_officer), do="clear", row=[pk], conclusion="已释放")
    assert "已记下 1 人的核对结论" in told
    assert Clearance.objects.get().conclusion == "已释放"
    ready = signed_in(county.county_officer).get(PAGE, {"on": ON}).content.decode()
    assert "已释放" in ready


@pytest.mark.parametrize("who", ["county_viewer", "red_star_clerk"])
def test_who_only_looks_has_no_buttons(county, signed_in, who):
    page = signed_in(getattr(county, who)).get(PAGE, {"on": ON}).content.decode()
    assert 'name="do"' not in page and 'name="row"' not in page
    assert "岗位不能登记申报" in post(signed_in(getattr(county, who)), do="declare_all")


def test_below_the_county_a_sensitive_identity_has_no_name(county, signed_in):
    Category.objects.filter(pk=county.poor.pk).update(sensitive=True, public_word="困难家庭")
    page = signed_in(county.east_officer).get(PAGE, {"on": ON}).content.decode()
    assert "困难家庭" in page and "特困人员" not in page
    assert "特困人员" in signed_in(county.county_officer).get(PAGE, {"on": ON}).content.decode()


def test_a_date_that_cannot_be_read_is_said(county, signed_in):
    page = signed_in(county.county_officer).get(PAGE, {"on": "12月20日"}).content.decode()
    assert "读不懂" in page


def test_the_file_says_where_each_stands(county, signed_in):
    make_status(county.people["丙一"], county.kinds["职工参保"])
    type(county.kinds["职工参保"]).objects.filter(name="职工参保").update(insurance="employee")
    browser = signed_in(county.county_officer)
    post(browser, do="declare", row=[county.people["甲一"].pk], document="第1批")
    answer = browser.get(EXPORT, {"on": ON})
    lines = list(load_workbook(BytesIO(answer.getvalue())).active.iter_rows(values_only=True))
    rows = {line[3]: dict(zip(lines[2], line, strict=True)) for line in lines[3:]}
    assert rows["甲一"]["情况"] == "已申报"
    assert rows["甲一"]["申报日期"].date() == date(2023, 12, 20)
    assert (rows["甲一"]["办理单位"], rows["甲一"]["批次或凭证"]) == ("乡镇社保所", "第1批")
    assert (rows["丙一"]["情况"], rows["丙一"]["核对事项"]) == ("待核对", "职工参保")
    assert rows["丙一"]["证件号码"].endswith("****")
    assert AuditEvent.objects.filter(action="export").count() == 1


def test_the_page_costs_the_same_for_one_and_many(county, signed_in, django_assert_max_num_queries):
    browser = signed_in(county.county_officer)
    with django_assert_max_num_queries(32):
        browser.get(PAGE, {"on": ON})
