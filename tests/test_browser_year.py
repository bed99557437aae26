"""A new year in a real browser: copied, changed, compared, tried on last year's people, opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Page, expect

from enrollment.models import PolicyYear
from enrollment.models.rules import Window
from enrollment.tests.cast import PASSWORD, Cast, build_cast, make_payment
from subsidies.models import Category, Entitlement
from targets import pack
from targets.tests.test_policy_pages import own_pack

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def county(transactional_db: None) -> Cast:
    """Two towns with a policy for 2024; 甲一 pays half of it, 乙一 pays it whole."""
    cast = build_cast()
    pack.load([pack.read(own_pack(), file="示范.toml")])
    Window.objects.filter(main=True).update(subsidised=True)
    cast.year.refresh_from_db()
    person = cast.people["甲一"]
    Entitlement.objects.create(
        policy_year=cast.year,
        person=person,
        category=Category.objects.get(),
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
    )
    make_payment(person, cast.year, "190.00")
    make_payment(cast.people["乙一"], cast.year, "380.00")
    return cast


def sign_in(page: Page, server: Any, username: str) -> None:
    page.goto(f"{server.url}/")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_label("密码")).to_have_count(0)


def fits(page: Page) -> bool:
    """Whether nothing makes the page wider than the screen."""
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_a_new_year_is_opened(
    page: Page, live_server: Any, county: Cast, tmp_path: Path, browser: Any
) -> None:
    sign_in(page, live_server, "xian")
    page.get_by_role("link", name="政策", exact=True).click()
    page.get_by_role("link", name="复制到新年度").click()
    expect(page.get_by_label("新的待遇年度")).to_have_value("2025")
    page.get_by_role("button", name="复制，开始起草").click()
    expect(page.locator(".answer")).to_contain_text("沿用上年的规定待核对")
    expect(page.get_by_text("不能启用")).to_be_visible()

    the_new_fee_waits_for_its_subsidies(page)
    the_difference_names_each_rule(page)
    the_trial_counts_last_years_people(page, tmp_path)
    nobody_else_sees_it_yet(browser, live_server, opened=False)
    it_is_looked_through_and_opened(page)
    nobody_else_sees_it_yet(browser, live_server, opened=True)
    assert PolicyYear.objects.get(year=2025).state == PolicyYear.State.ACTIVE


def the_new_fee_waits_for_its_subsidies(page: Page) -> None:
    page.get_by_role("link", name="筹资标准").first.click()
    page.get_by_role("link", name="一档 · 普通居民").click()
    expect(page.get_by_text("沿用上年，待核对。")).to_be_visible()
    page.get_by_label("个人缴费").fill("400")
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_text("与别的规定对不上")).to_be_visible()
    page.get_by_role("button", name="先存入修改稿").click()
    page.get_by_role("link", name="查看差别，使它生效或放弃").click()
    expect(page.get_by_role("heading", name="还不能生效")).to_be_visible()
    page.get_by_role("button", name="按缴费标准重算").click()
    row = page.locator("tr", has_text="金额").filter(has_text="190")
    expect(row.first).to_contain_text("200")
    page.get_by_label("原因").fill("示政〔2024〕1号")
    page.get_by_role("button", name="处改动生效").click()
    expect(page.get_by_text("修改稿已全部生效")).to_be_visible()


def the_difference_names_each_rule(page: Page) -> None:
    page.get_by_role("link", name="与上年的差别").click()
    row = page.locator("tr", has_text="筹资标准").filter(has_text="个人缴费")
    expect(row).to_contain_text("380")
    expect(row).to_contain_text("400")
    page.set_viewport_size(PHONE)
    assert fits(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.get_by_role("link", name="政策", exact=True).last.click()


def the_trial_counts_last_years_people(page: Page, tmp_path: Path) -> None:
    page.get_by_role("link", name="核对、试算、启用").click()
    page.get_by_role("link", name="试算", exact=True).click()
    expect(page.locator(".answer")).to_contain_text("2024年度的 2 人")
    expect(page.locator(".answer")).to_contain_text("570.00 → 600.00")
    page.set_viewport_size(PHONE)
    assert fits(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    with page.expect_download() as download:
        page.get_by_role("link", name="下载有变化的人员").click()
    file = tmp_path / "trial.xlsx"
    download.value.save_as(file)
    sheet = load_workbook(file).active
    assert [row[3] for row in sheet.iter_rows(values_only=True) if row[3]][1:] == ["甲一", "乙一"]


def nobody_else_sees_it_yet(browser: Any, live_server: Any, *, opened: bool) -> None:
    """The village's clerk, on a telephone."""
    context = browser.new_context(locale="zh-CN", viewport=PHONE, base_url=live_server.url)
    other = context.new_page()
    sign_in(other, live_server, "hongxing")
    answer = other.goto("/990001/2025/policy/")
    assert answer.status == (200 if opened else 404)
    context.close()


def it_is_looked_through_and_opened(page: Page) -> None:
    page.get_by_role("link", name="政策", exact=True).last.click()
    page.get_by_role("link", name="核对、试算、启用").click()
    buttons = page.get_by_role("button", name="都已核对，与本年度一致")
    for _ in range(buttons.count()):
        buttons.first.click()
        expect(page.get_by_text("与本年度一致。")).to_be_visible()
    expect(page.get_by_text("已全部核对")).to_be_visible()
    page.get_by_label("依据").fill("示政〔2024〕1号")
    page.get_by_role("button", name="启用本年度").click()
    expect(page.get_by_text("2025 年度已启用")).to_be_visible()
