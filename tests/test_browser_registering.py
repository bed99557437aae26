"""A village clerk's registrations in a real browser, at a desk and on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from enrollment.models import Household, Person, PolicyYear, Region, RegistrationRecord
from enrollment.tests.cast import (
    PASSWORD,
    id_number,
    make_payment,
    make_person,
    make_user,
    make_village,
    place,
)
from targets import pack

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"desk": {"width": 1366, "height": 768}, "phone": {"width": 390, "height": 844}}
HERE = "/341524/2024/register/"


@pytest.fixture
def village(transactional_db: None) -> Region:
    """甲村 of 梅山镇 with one household, and 乙村 next door, where somebody is insured."""
    pack.load([pack.read_file(ROOT / "policies" / "jinzhai-2024.toml")])
    year = PolicyYear.objects.get(county__key="341524", year=2024)
    town = Region.objects.get(county=year.county, name="梅山镇")
    first = make_village(town, "341524100-jia", "甲村")
    second = make_village(town, "341524100-yi", "乙村")
    home = Household.objects.create(**place(first), number="H001", address="甲村一组")
    make_person(first, "甲一", id_number(1), household=home, relation="户主")
    make_payment(make_person(second, "丙一", id_number(3, birth="19660708")), year)
    make_user("cun", "village_clerk", first, "甲村代办")
    make_user("yi", "village_clerk", second, "乙村代办", phone="0564-7350000")
    return first


@pytest.fixture(params=list(SIZES))
def clerk(
    request: pytest.FixtureRequest,
    browser: Browser,
    live_server: Any,
    browser_context_args: dict[str, Any],
    village: Region,
):
    """The clerk's page, signed in, at either size."""
    touch = {"has_touch": True, "is_mobile": True} if request.param == "phone" else {}
    context = browser.new_context(
        **browser_context_args
        | {"viewport": SIZES[request.param], "base_url": live_server.url}
        | touch
    )
    page = context.new_page()
    page.goto("/")
    page.get_by_label("用户名").fill("cun")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(re.compile("341524"))
    yield page
    context.close()


def fits(page: Page) -> bool:
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def find(page: Page, text: str) -> None:
    page.goto(HERE)
    page.get_by_label("证件号码或姓名").fill(text)
    page.keyboard.press("Enter")


def registered(page: Page, name: str) -> None:
    expect(page.locator(".answer")).to_have_text(f"{name}已登记，待缴费。")
    expect(page.locator("main")).to_contain_text("应缴 380.00 元")
    expect(page.locator("main")).to_contain_text("安徽医保公共服务")
    assert fits(page)


def test_a_clerks_registrations(clerk: Page) -> None:
    page = clerk
    # Somebody on record, found by number; the number stands in no address.
    find(page, id_number(1))
    expect(page.locator("#owed")).to_contain_text("应缴 380.00 元")
    assert id_number(1) not in page.url
    assert fits(page)
    page.get_by_role("button", name="登记甲一").click()
    registered(page, "甲一")

    # Somebody from another province: the number is judged while it is typed.
    page.get_by_role("link", name="登记下一人").click()
    page.get_by_role("link", name="登记新人").click()
    number = page.locator("#id_number")
    number.fill(id_number(9)[:-1])
    number.blur()
    expect(page.locator("#number-says")).to_contain_text("18位")
    number.fill(id_number(9))
    number.blur()
    expect(page.locator("#number-says")).to_contain_text("1980-01-02 出生")
    page.get_by_label("姓名", exact=True).fill("戊一")
    page.get_by_label("户籍", exact=True).select_option(label="市外户籍")
    expect(page.locator("#owed")).to_contain_text("就近在居住地")
    assert fits(page)
    page.get_by_role("button", name="建档并登记").click()
    registered(page, "戊一")
    assert Person.objects.get(name="戊一").on_roll_from is None

    # A newborn without a number, added to its household; a guardian is asked for.
    find(page, "甲一")
    page.get_by_role("link", name="甲一").click()
    page.get_by_role("link", name="给这户加一个人", exact=True).click()
    page.get_by_label("姓名", exact=True).fill("甲小宝")
    page.get_by_label(re.compile("^出生日期")).fill("2023-11-20")
    page.get_by_label("与户主关系").fill("女")
    page.get_by_role("button", name="建档并登记").click()
    expect(page.locator("#enrol")).to_contain_text("请填写监护人")
    expect(page.get_by_label("姓名", exact=True)).to_have_value("甲小宝")
    page.get_by_label(re.compile("^监护人 ")).first.fill("甲一")
    page.get_by_label(re.compile("^监护人与本人关系")).fill("父")
    page.get_by_role("button", name="建档并登记").click()
    registered(page, "甲小宝")
    assert Person.objects.get(name="甲小宝").household == Household.objects.get(number="H001")

    # Double enrolment: the unit and whom to call, nothing more.
    find(page, id_number(3, birth="19660708"))
    expect(page.locator("main")).to_contain_text("已在梅山镇/乙村登记参保")
    expect(page.locator("main")).to_contain_text("0564-7350000")
    expect(page.locator("main")).not_to_contain_text("丙一")
    expect(page.locator("#enrol")).to_have_count(0)
    assert fits(page)
    assert RegistrationRecord.objects.count() == 3


def test_what_was_typed_outlives_a_reload_but_not_the_number(clerk: Page) -> None:
    page = clerk
    page.goto(f"{HERE}?new=1")
    page.locator("#id_number").fill(id_number(9))
    page.get_by_label("姓名", exact=True).fill("戊一")
    stored = page.evaluate("JSON.stringify(Object.assign({}, window.sessionStorage))")
    assert "戊一" in stored
    assert id_number(9) not in stored
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.get_by_label("姓名", exact=True)).to_have_value("戊一")
    expect(page.locator("#id_number")).to_have_value("")
    expect(page.locator("#enrol")).to_contain_text("已恢复上次没有保存的内容")
    page.evaluate("document.querySelector('[data-sign-out]').requestSubmit()")
    page.wait_for_url("**/sign-in/**")
    kept = page.evaluate("Object.keys(window.sessionStorage)")
    assert not [name for name in kept if name.startswith("canbao-draft:")]
