"""A village clerk's cash day and forms, on a desk and on a telephone.

Cash from somebody's page to the second person's signature; annexes 4 and 5 taken and opened; a
visit sheet out and in. Registering and going from door to door have tests of their own.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from enrollment import second_factor
from enrollment.models import AuditEvent, Visit
from enrollment.models.rules import CashRule, Window
from enrollment.tests.cast import PASSWORD, Cast, build_cast, id_number, make_status
from subsidies.models import CashDay, CashReceipt, SubsidyRule
from subsidies.tests.rules import tier

HERE = "/990001/2024"
SCREENS = {"desk": {"width": 1366, "height": 768}, "phone": {"width": 390, "height": 844}}


@pytest.fixture
def county(transactional_db: None) -> Cast:
    """The cast with a window that is open, cash allowed, and somebody insured elsewhere."""
    cast = build_cast()
    today = timezone.localdate()
    Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal", order=1,
        pays_from=today - timedelta(days=60), pays_to=today + timedelta(days=2),
        subsidised=True, start="fixed", start_on="2024-01-01", cites="三",
    )  # fmt: skip
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    CashRule.objects.create(policy_year=cast.year, text="可代收现金", cites="五")
    tier(cast.year)
    cast.kinds["职工参保"].bucket = "elsewhere"
    cast.kinds["职工参保"].save()
    make_status(cast.people["乙一"], cast.kinds["职工参保"], note="杭州某厂")
    return cast


def sign_in(page: Page, username: str) -> None:
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("button", name="登录", exact=True)).to_have_count(0)


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("screen", SCREENS)
def test_a_cash_day(
    browser: Browser, live_server: Any, county: Cast, browser_context_args: Any, screen: str
) -> None:
    size = {"viewport": SCREENS[screen], "base_url": live_server.url}
    page = browser.new_context(**browser_context_args | size).new_page()
    person = county.people["甲一"]
    page.goto(f"{HERE}/residents/{person.pk}/quotes/")
    sign_in(page, "hongxing")
    page.get_by_role("link", name="收现金").click()
    expect(page.get_by_text("应收 380.00 元，不多收，不少收。")).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name=re.compile("收到现金 380.00 元")).click()
    expect(page.get_by_role("heading", name="收据 2024-000001")).to_be_visible()
    assert fits(page)
    page.goto(f"{HERE}/cash/")
    expect(page.get_by_text(re.compile("24:00 截止.*政策未规定"))).to_be_visible()
    page.get_by_label("收据 2024-000001").check()
    page.get_by_role("button", name="勾选的已线上缴费").click()
    expect(page.get_by_text("已记 1 人线上缴费")).to_be_visible()
    assert fits(page)
    page.get_by_role("button", name=re.compile("日日清$")).click()
    expect(page.get_by_text("等待另一人复核")).to_be_visible()
    assert page.get_by_role("button", name=re.compile("复核通过")).count() == 0
    assert fits(page)
    day = CashDay.objects.get()
    assert (day.entries, str(day.total)) == (1, "380.00")
    town = browser.new_context(**browser_context_args | size).new_page()
    town.goto(f"{HERE}/cash/days/{day.pk}/")
    sign_in(town, "dongfeng")
    town.get_by_role("button", name=re.compile("人、款、票相符")).click()
    expect(town.get_by_text("东风镇经办已复核")).to_be_visible()
    assert CashReceipt.objects.get().day == day


@pytest.mark.parametrize("screen", SCREENS)
def test_annexes_4_and_5_are_taken_and_opened(
    page: Page, live_server: Any, county: Cast, tmp_path: Path, screen: str
) -> None:
    page.set_viewport_size(SCREENS[screen])
    page.goto(f"{live_server.url}{HERE}/reports/out-of-county/")
    sign_in(page, "dongfeng")
    expect(page.get_by_role("cell", name="乙一")).to_be_visible()

    def take(name: str) -> Any:
        with page.expect_download() as taken:
            page.get_by_role("link", name="Excel", exact=True).first.click()
        path = tmp_path / f"{name}.xlsx"
        taken.value.save_as(path)
        return load_workbook(path).worksheets[0]

    assert fits(page)
    masked = take("annex-4")
    [row] = [row for row in masked.values if row[0] == 1]
    assert row[3] == "乙一" and row[4].endswith("*" * 12) and row[7] == "杭州某厂"
    assert masked.data_validations.dataValidation[0].type == "list"
    # Full numbers only for those who have signed in in two steps.
    page.get_by_label("含完整证件号码").check()
    page.get_by_role("button", name="查看").click()
    page.get_by_role("link", name="Excel", exact=True).first.click()
    expect(page.get_by_text("请先开通两步验证")).to_be_visible()
    assert not second_factor.has_one(county.east_officer)
    assert id_number(3, birth="19751231") not in page.content()
    page.goto(f"{live_server.url}{HERE}/reports/summary/")
    expect(page.get_by_role("cell", name="柳林村")).to_be_visible()
    values = [row for row in take("annex-5").values if row[0] == "柳林村"]
    assert values[0][:4] == ("柳林村", 1, 1, 1)
    assert AuditEvent.objects.filter(action="download_table").count() == 2


def test_a_visit_sheet_goes_out_and_comes_back_on_a_phone(
    page: Page, live_server: Any, county: Cast, tmp_path: Path
) -> None:
    page.set_viewport_size(SCREENS["phone"])
    page.goto(f"{live_server.url}{HERE}/visits/")
    sign_in(page, "hongxing")
    assert fits(page)
    with page.expect_download() as taken:
        page.get_by_role("link", name="下载走访表（Excel）").click()
    path = tmp_path / "走访表.xlsx"
    taken.value.save_as(path)
    book = load_workbook(path)
    sheet = book.active
    rows = {sheet.cell(row, 3).value: row for row in range(4, 6)}
    sheet.cell(rows["甲一"], 6, "2023-11-05")
    sheet.cell(rows["甲一"], 7, "李干部")
    sheet.cell(rows["甲一"], 9, "同意参保，自行缴费")
    book.save(path)
    page.get_by_label("填好的走访表").set_input_files(path)
    page.get_by_role("button", name="交回并核对").click()
    expect(page.locator(".answer")).to_contain_text("可记下走访 1 人", timeout=30_000)
    assert fits(page)
    page.get_by_role("button", name="确认记下 1 人的走访").click()
    expect(page.locator("main")).to_contain_text("走访已记下")
    assert Visit.objects.get().person == county.people["甲一"]
