"""An officer's morning in a real browser: files in, progress out, and what others may not see.

The county is generated at a five-hundredth of its size; `truth.json`, counted while the files were
made, is what the pages must show.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from benchmarks import county as generator
from enrollment.models import AuditEvent, Region
from enrollment.tests.cast import PASSWORD, build_cast, make_user
from targets import pack

ROOT = Path(__file__).resolve().parent.parent
PHONE = {"width": 390, "height": 844}
JINZHAI = "/341524/2024"
NOTICE = ("571,028", "90,440", "11,088")


@dataclass(frozen=True)
class Office:
    """The generated files, and the answers to them."""

    files: Path
    truth: dict[str, Any]

    def unit(self, name: str) -> dict[str, Any]:
        return next(unit for unit in self.truth["units"] if unit["name"] == name)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("jinzhai")
    truth = generator.write("jinzhai", folder, scale=0.002)
    return Office(folder, json.loads(truth.read_text(encoding="utf-8")))


@pytest.fixture
def jinzhai(transactional_db: None) -> Region:
    """The county as its pack describes it, with one officer; no register yet."""
    pack.load([pack.read_file(ROOT / "policies" / "jinzhai-2024.toml")])
    county = Region.objects.counties().get(key="341524")
    make_user("xian", "county_officer", county, "县经办")
    return county


@pytest.fixture
def at(page: Page, live_server: Any) -> Callable[[str], Page]:
    """Open an address of the portal."""

    def open_page(path: str) -> Page:
        page.goto(live_server.url + path)
        return page

    return open_page


@pytest.fixture
def phone(browser: Browser, live_server: Any, browser_context_args: dict[str, Any]) -> Iterator:
    """A second person's telephone."""
    context = browser.new_context(
        **browser_context_args
        | {"viewport": PHONE, "has_touch": True, "is_mobile": True, "base_url": live_server.url}
    )
    yield context.new_page()
    context.close()


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()


def hand_in(page: Page, file: Path, kind: str, **answers: str) -> None:
    """Upload a file, wait for its preview, and apply it."""
    upload(page, file, kind, **answers)
    confirm = page.get_by_role("button", name=re.compile("^确认入库"))
    expect(confirm).to_be_visible(timeout=30_000)
    confirm.click()
    expect(page.locator(".job")).to_have_count(0, timeout=30_000)
    expect(page.get_by_text(re.compile("已入库")).first).to_be_visible(timeout=30_000)


def upload(page: Page, file: Path, kind: str, **answers: str) -> None:
    page.get_by_role("link", name="名册", exact=True).click()
    page.get_by_role("link", name="上传名册").first.click()
    page.get_by_label("名册种类").get_by_role("link", name=kind).click()
    page.get_by_label("文件", exact=True).set_input_files(file)
    for label, answer in answers.items():
        page.get_by_label(label).select_option(label=answer)
    page.get_by_role("button", name="上传并核对").click()


def cells(page: Page, first: str) -> list[str]:
    """A table's row by its first cell."""
    row = page.locator("tr", has=page.get_by_role("rowheader", name=first, exact=True))
    return [text.strip() for text in row.locator("th, td").all_inner_texts()]


def fits(page: Page) -> bool:
    """Whether nothing makes the page wider than the screen."""
    return page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


def test_an_officers_morning(
    at: Any, phone: Page, worker: Any, jinzhai: Region, office: Office, tmp_path: Path
) -> None:
    page = at("/")
    sign_in(page, "xian")
    expect(page.get_by_role("heading", name="参保进度")).to_be_visible()

    # The register: a preview first, which changes nothing, then everybody is there.
    population = office.truth["total"]["population"]
    upload(page, office.files / "register.xlsx", "户籍")
    confirm = page.get_by_role("button", name=f"确认入库：新增 {population:,} 人")
    expect(confirm).to_be_visible(timeout=30_000)
    expect(page.locator(".tabs").get_by_role("link", name="新增")).to_contain_text(
        f"{population:,}"
    )
    confirm.click()
    expect(page.locator("main")).to_contain_text("已入库", timeout=30_000)

    for kind in office.truth["lists"]["people"]:
        hand_in(page, office.files / f"status-{kind}.xlsx", "人员状态", 人员状态=kind)
    hand_in(page, office.files / "payments.xlsx", "缴费")

    progress_equals_the_truth(page, office)
    the_notice_is_beside_the_draft(page, office)
    an_official_table_opens_in_excel(page, tmp_path)
    down_to_a_person(page, office)
    on_a_phone(phone, office)


def progress_equals_the_truth(page: Page, office: Office) -> None:
    page.get_by_role("link", name="参保进度").click()
    page.wait_for_url("**/progress/**")
    for unit in office.truth["units"]:
        assert cells(page, unit["name"])[2] == f"{unit['insured']:,}", unit["name"]
    total = cells(page, "合计")
    assert total[1:3] == [NOTICE[0], f"{office.truth['total']['insured']:,}"]

    page.get_by_label("统计时点").fill("2023-11-20T23:59:59")
    page.get_by_role("button", name="按此时点").click()
    page.wait_for_url("**as_of=2023-11-20**")
    interim = office.truth["total"]["insured_at"]["2023-11-20T23:59:59"]
    assert cells(page, "合计")[2] == f"{interim:,}"


def the_notice_is_beside_the_draft(page: Page, office: Office) -> None:
    page.get_by_role("link", name="任务", exact=True).click()
    page.wait_for_url("**/targets/**")
    assert cells(page, "合计")[1] == NOTICE[0]
    assert cells(page, "梅山镇")[1] == NOTICE[1]
    assert cells(page, "流波䃥镇")[1] == NOTICE[2]
    expect(page.locator("main")).to_contain_text("571027")
    for unit in office.truth["units"]:
        drafted = [unit["population"], unit["deductions"], unit["base"], unit["target"]]
        assert cells(page, unit["name"])[5:9] == [f"{number:,}" for number in drafted]


def an_official_table_opens_in_excel(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="下载任务表").click()
    path = tmp_path / "targets.xlsx"
    download.value.save_as(path)
    values = [
        cell for row in load_workbook(path).active.iter_rows(values_only=True) for cell in row
    ]
    assert 571028 in values
    assert "流波䃥镇" in values


def down_to_a_person(page: Page, office: Office) -> None:
    """County → town → village → names → somebody, and their number for a reason."""
    page.get_by_role("link", name="参保进度").click()
    page.get_by_role("rowheader", name="梅山镇").get_by_role("link").click()
    page.wait_for_url("**region=341524100**")
    village = max(office.unit("梅山镇")["villages"], key=lambda one: one["insured"])
    assert cells(page, village["name"])[2] == f"{village['insured']:,}"
    page.get_by_role("rowheader", name=village["name"]).get_by_role("link").click()
    page.get_by_role("link", name=re.compile("^已参保 [0-9,]+，打开名单")).first.click()
    expect(page.get_by_role("heading", name="已参保名单")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text(f"已参保 {village['insured']:,} 人")
    names = page.locator("tbody td.name")
    assert names.count() == min(50, village["insured"])
    names.first.get_by_role("link").click()

    somebody = page.url
    ask_for_the_number(page)
    set_up_the_second_step(page)
    page.goto(somebody)
    ask_for_the_number(page)
    expect(page.locator(".masked .number").first).to_have_text(re.compile(r"341599[0-9]{11}[0-9X]"))
    reveal = AuditEvent.objects.get(action="reveal")
    assert "核对身份" in json.dumps(reveal.details, ensure_ascii=False)
    assert reveal.username == "xian"


def ask_for_the_number(page: Page) -> None:
    number = page.locator(".masked").first
    expect(number).to_contain_text("341599************")
    number.locator("summary").click()
    number.get_by_label("查看原因").select_option(label="核对身份")
    number.get_by_role("button", name="显示").click()


def set_up_the_second_step(page: Page) -> None:
    """Whoever may see full numbers shows a telephone first, once."""
    page.wait_for_url("**/second-factor/")
    page.get_by_label("验证码").fill(shown_on_the_telephone("xian"))
    page.get_by_role("button", name="开通两步验证").click()
    expect(page.get_by_role("heading", name="备用码")).to_be_visible()
    assert not AuditEvent.objects.filter(action="reveal").exists()


def shown_on_the_telephone(username: str) -> str:
    """The present code, or the next one where the present has been used."""
    device = TOTPDevice.objects.get(user__username=username)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = max(time.time(), (device.last_t + 1) * device.step)
    return f"{totp.token():06}"


def on_a_phone(phone: Page, office: Office) -> None:
    phone.goto("/")
    sign_in(phone, "xian")
    phone.get_by_label("验证码").fill(shown_on_the_telephone("xian"))
    phone.get_by_role("button", name="继续").click()
    expect(phone.get_by_role("heading", name="参保进度")).to_be_visible()
    assert fits(phone)
    phone.get_by_role("link", name="菜单").click()
    phone.get_by_role("link", name="居民").click()
    phone.get_by_label(re.compile("^姓名或首字母")).fill("王")
    phone.get_by_role("button", name="查找").click()
    expect(phone.locator("td.name").first).to_contain_text("王")
    assert fits(phone)


def test_the_keyboard_alone_uploads_a_file(
    at: Any, worker: Any, jinzhai: Region, office: Office
) -> None:
    page = at("/")
    page.get_by_label("用户名").focus()
    page.keyboard.type("xian")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="参保进度")).to_be_visible()

    tab_to(page, "名册")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="名册")).to_be_visible()
    tab_to(page, "上传名册")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="上传名册")).to_be_visible()
    tab_to(page, "文件")
    # The dialog itself is the system's, so the file is put where it would put it.
    page.locator("input[type=file]:focus").set_input_files(office.files / "register.xlsx")
    tab_to(page, "上传并核对")
    page.keyboard.press("Enter")
    confirm = page.get_by_role("button", name=re.compile("^确认入库：新增"))
    expect(confirm).to_be_visible(timeout=30_000)
    tab_to(page, "确认入库")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("已入库", timeout=30_000)


def tab_to(page: Page, name: str, presses: int = 120) -> None:
    """Press Tab until what is focused is called so; it must also be seen to be focused."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement;"
            " return [(e.labels && e.labels[0] ? e.labels[0] : e).innerText || '',"
            " getComputedStyle(e).outlineStyle + getComputedStyle(e).boxShadow]; }"
        )
        if focused[0].strip().startswith(name):
            assert focused[1] != "nonenone", f"“{name}” has the focus and does not show it"
            return
    raise AssertionError(f"“{name}” is not reached by Tab")


def test_wrong_passwords_are_told_and_then_lock(at: Any, transactional_db: None) -> None:
    build_cast()
    page = at("/sign-in/")
    for _ in range(4):
        sign_in(page, "xian", "不是这个密码")
        expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
    sign_in(page, "xian", "不是这个密码")
    expect(page.get_by_role("heading", name="暂时不能登录")).to_be_visible()
    page.get_by_role("link", name="返回登录").click()
    sign_in(page, "xian")
    expect(page.get_by_role("heading", name="暂时不能登录")).to_be_visible()


def test_a_stranger_finds_nothing(at: Any, transactional_db: None) -> None:
    cast = build_cast()
    person = cast.people["甲一"]
    page = at("/sign-in/")
    sign_in(page, "linxian")
    expect(page.get_by_role("heading", name="参保进度")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("东风镇")
    for path in (
        "/990001/2024/progress/",
        f"/990001/2024/residents/{person.pk}/",
        f"/990002/2024/residents/{person.pk}/",
        "/990002/2024/progress/?region=990001101",
        "/990001/2024/rosters/",
    ):
        answer = page.goto(page.url.split("/9900")[0] + path)
        assert answer is not None
        assert answer.status == 404, path
        expect(page.locator("body")).not_to_contain_text("甲一")
