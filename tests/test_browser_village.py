"""A village clerk's round in a real browser: from the village to a household, a call, a sheet out
and in; on a PC by keyboard, on a phone by thumb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from enrollment import directory
from enrollment.models import Visit
from enrollment.tests.cast import PASSWORD, Cast, build_cast, id_number, make_person

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def county(transactional_db: None) -> Cast:
    """红星村 with two households: 甲一 and 甲二, and 己一."""
    cast = build_cast()
    make_person(cast.red_star, "己一", id_number(60))
    directory.add(
        cast.red_star, name="李干部", office="cadre", phone="13700001111", by=cast.red_star_clerk
    )
    return cast


@pytest.fixture
def phone(browser: Browser, live_server: Any, browser_context_args: dict[str, Any]) -> Iterator:
    context = browser.new_context(
        **browser_context_args
        | {"viewport": PHONE, "has_touch": True, "is_mobile": True, "base_url": live_server.url}
    )
    yield context.new_page()
    context.close()


def sign_in(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("用户名").fill("hongxing")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_label("密码").press("Enter")
    expect(page.get_by_role("heading", name="我的村")).to_be_visible()


def fits(page: Page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_household_by_household_with_the_keyboard(
    page: Page, live_server: Any, county: Cast, tmp_path: Path
) -> None:
    sign_in(page, live_server.url + "/")
    expect(page.locator(".answer")).to_contain_text("应参未参 3 人，在 2 户")
    page.get_by_role("link", name="应参未参", exact=True).click()
    expect(page.get_by_role("heading", name="应参未参")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="甲一 一户")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("甲一、甲二")
    page.get_by_label("暂未联系上").check()
    page.get_by_role("textbox", name=re.compile("^说明")).fill("外出务工")
    page.get_by_role("button", name="保存，到下一户").click()
    expect(page.get_by_role("heading", name="己一 一户")).to_be_visible()
    assert Visit.objects.filter(result="not_reached", note="外出务工").count() == 2
    page.keyboard.press("p")
    expect(page.get_by_role("heading", name="甲一 一户")).to_be_visible()
    expect(page.locator(".steps")).to_contain_text("外出务工")
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="己一 一户")).to_be_visible()

    share_out(page)
    out_and_in(page, tmp_path)


def share_out(page: Page) -> None:
    page.get_by_role("link", name="回到名单").click()
    page.get_by_label("选择 甲一 一户").check()
    page.get_by_label("把勾选的户").select_option(label="李干部（包村干部）")
    page.get_by_role("button", name="分工").click()
    expect(page.locator("main")).to_contain_text("已把 2 人（整户）分给李干部")


def out_and_in(page: Page, tmp_path: Path) -> None:
    """The sheet is filled in away from the office and handed in; the office is not overwritten."""
    page.get_by_role("link", name="我的村", exact=True).first.click()
    page.get_by_role("link", name="走访", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载走访表（Excel）").click()
    path = tmp_path / "走访表.xlsx"
    download.value.save_as(path)
    book = load_workbook(path)
    sheet = book.active
    rows = {sheet.cell(row, 3).value: row for row in range(4, 7)}
    for name in ("己一", "甲二"):
        sheet.cell(rows[name], 6, "2023-11-05")
        sheet.cell(rows[name], 7, "李干部")
        sheet.cell(rows[name], 9, "同意参保，自行缴费")
    book.save(path)
    # Meanwhile somebody records a call on 甲一's household.
    page.get_by_role("link", name=re.compile("李干部")).first.click()
    page.get_by_role("link", name="甲一").first.click()
    page.get_by_label("已缴费，待税务数据").check()
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator("main")).to_contain_text("已记下 2 人的走访")

    page.get_by_role("link", name="我的村", exact=True).first.click()
    page.get_by_role("link", name="走访", exact=True).click()
    page.get_by_label("填好的走访表").set_input_files(path)
    page.get_by_role("button", name="交回并核对").click()
    expect(page.locator(".answer")).to_contain_text("可记下走访 1 人", timeout=30_000)
    expect(page.locator("main")).to_contain_text("又记过走访")
    page.get_by_role("button", name="确认记下 1 人的走访").click()
    expect(page.locator("main")).to_contain_text("走访已记下")
    assert Visit.objects.filter(person__name="己一", result="will_pay").count() == 1
    assert Visit.objects.filter(person__name="甲二").order_by("-pk")[0].result == "paid"


def test_on_a_phone(phone: Page, county: Cast) -> None:
    sign_in(phone, "/")
    assert fits(phone)
    phone.get_by_role("link", name="一户一户看").click()
    expect(phone.locator(".answer")).to_contain_text("应参未参 3 人")
    assert fits(phone)
    phone.get_by_role("link", name="从第一户开始").click()
    expect(phone.get_by_role("heading", name="甲一 一户")).to_be_visible()
    assert fits(phone)
    phone.get_by_text("同意参保，自行缴费").first.click()
    phone.get_by_role("button", name="保存，到下一户").click()
    expect(phone.get_by_role("heading", name="己一 一户")).to_be_visible()
    for name in ("走访", "通讯录"):
        phone.goto("/")
        phone.locator(".action").get_by_role("link", name=name, exact=True).click()
        expect(phone.get_by_role("heading", name=name, exact=True)).to_be_visible()
        assert fits(phone), name
    assert Visit.objects.count() == 2
