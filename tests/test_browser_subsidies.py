"""The county's subsidies in a real browser: eight departments' lists in, annex 2 out.

Lists of our own making at a five-hundredth of Jinzhai, with triple and quadruple identities, dirty
numbers, repeated rows and 合计 rows; `categories.json`, counted while they were made, is what the
table must say. Withdrawing a list restores what stood before it. Then payments come: what does not
agree goes to a village's telephone and back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from benchmarks import categories
from benchmarks import county as generator
from enrollment.models import Department, Person, PolicyYear, Region, Roster
from enrollment.tests.cast import make_user
from subsidies.lists import find_topic
from subsidies.models import AmountCheck, Entitlement, Subsidy
from tests.test_browser_day import at, cells, fits, hand_in, jinzhai, phone, sign_in  # noqa: F401

SCALE = 0.002
LAST = "08-卫健-计生对象.xlsx"


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lists")
    generator.write("jinzhai", folder, scale=SCALE)
    categories.write(folder, SCALE)
    return folder


def truth(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "categories.json").read_text(encoding="utf-8"))


def annex_2(page: Page, folder: Path) -> list[list[Any]]:
    """The table's eight rows and its total, as downloaded."""
    page.get_by_role("link", name="名单报送").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载测算表").click()
    path = folder / "annex2.xlsx"
    download.value.save_as(path)
    rows = list(load_workbook(path).active.iter_rows(values_only=True))
    return [list(row[:14]) for row in rows if row[0] in (*categories.LINES, "合计")]


def expected(told: dict[str, Any]) -> list[list[Any]]:
    return [
        [line, told["raw"][i], told["duplicates"][i], told["distinct"][i], *told["matrix"][i],
         told["standards"][i], told["amounts"][i]]
        for i, line in enumerate(told["lines"])
    ]  # fmt: skip


def identities() -> set[tuple[Any, ...]]:
    """Who is recognised as what since when: what a withdrawn list must leave as it was."""
    return set(
        Entitlement.objects.values_list(
            "person__id_index", "category__name", "grade", "recognised_on", "removed_on"
        )
    )


def test_eight_lists_give_annex_2_and_a_withdrawn_one_leaves_no_trace(
    at: Callable[[str], Page],  # noqa: F811
    browser: Browser,
    worker: Any,
    jinzhai: Region,  # noqa: F811
    lists: Path,
    phone: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    year = PolicyYear.objects.get(county=jinzhai, year=2024)
    told = truth(lists)
    page = at("/")
    sign_in(page, "xian")
    hand_in(page, lists / "register.xlsx", "户籍")
    people = Person.objects.count()
    before: set[tuple[Any, ...]] = set()
    for file in told["files"]:
        if file["name"] == LAST:
            before, people = identities(), Person.objects.count()
        office = Department.objects.get(county=jinzhai, name=file["department"])
        topic = find_topic(year, office, file["category"]) if file["category"] else ""
        answers = {"资助对象类别": topic} if topic else {}
        hand_in(page, lists / file["name"], "资助对象", **answers, 报送部门=office.name)

    found = annex_2(page, tmp_path)
    assert found[:8] == expected(told)
    total = told["total"]
    assert found[8][1:4] == [total["raw"], total["duplicates"], total["distinct"]]
    assert found[8][-2:] == [None, total["amount"]]

    withdraw(page, LAST)
    assert identities() == before
    assert Person.objects.count() == people
    assert annex_2(page, tmp_path)[7][1] == 0

    hand_in(page, lists / "payments.xlsx", "缴费")
    the_ledger_follows_and_a_village_answers(page, phone, year)


def withdraw(page: Page, file_name: str) -> None:
    roster = Roster.objects.get(file_name=file_name)
    page.get_by_role("link", name="名册", exact=True).click()
    page.locator(f'a[href*="/rosters/{roster.pk}/"]').first.click()
    page.get_by_role("link", name="撤回").click()
    page.get_by_role("button", name="撤回这份名册").click()
    expect(page.locator(".help.about")).to_contain_text("撤回", timeout=30_000)


def the_ledger_follows_and_a_village_answers(page: Page, telephone: Page, year: PolicyYear) -> None:
    page.get_by_role("link", name="资助台账").click()
    page.wait_for_function(
        "() => !document.querySelector('.as-of').innerText.includes('正在') || location.reload()",
        timeout=30_000,
        polling=1500,
    )
    count = Subsidy.objects.filter(policy_year=year).count()
    expect(page.locator(".answer")).to_contain_text(f"台账 {count:,} 人")
    page.get_by_role("link", name="金额待核查").click()
    page.get_by_role("button", name="全部下发").click()
    expect(page.locator("main")).to_contain_text("已下发")
    check = AmountCheck.objects.exclude(village__placeholder=True).first()
    assert check is not None
    make_user("cun", "village_clerk", check.village, "村代办")
    telephone.goto("/")
    sign_in(telephone, "cun")
    telephone.goto(f"/341524/2024/checks/{check.pk}/")
    assert fits(telephone)
    telephone.get_by_label("有资助身份，名单漏列").check()
    telephone.get_by_label("说明").fill("低保证在家")
    telephone.get_by_role("button", name="保存", exact=True).click()
    expect(telephone.locator("main")).to_contain_text("已记下答复")
    page.goto(page.url.split("?")[0] + "?state=answered")
    expect(page.locator("main")).to_contain_text("有资助身份，名单漏列：低保证在家")
    assert fits(page)
