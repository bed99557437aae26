"""报表: every table there is stands on the shelf, shows on the screen and leaves as each file."""

import io

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models import AuditEvent, PolicyYear
from enrollment.tests.cast import make_payment
from targets import official, shelf
from targets.tests.test_official import loaded
from targets.views.reports import drawn

REPORTS = reverse("targets:reports", args=["990001", 2024])


def address(name: str, query: str = "") -> str:
    return reverse("targets:report", args=["990001", 2024, name]) + f"?{query}"


def test_every_official_table_and_list_stands_on_the_shelf(cast, signed_in):
    page = signed_in(cast.county_officer).get(REPORTS)
    tables, lists = page.context["groups"]
    assert [line["title"] for line in tables["lines"]] == list(official.TABLES.values())
    assert [line["title"] for line in lists["lines"]] == [one.title for one in shelf.LISTS]


def test_everything_on_the_shelf_opens_and_leaves_as_each_file(cast, signed_in):
    make_payment(cast.people["甲一"], cast.year)
    browser = signed_in(cast.county_officer)
    for group in browser.get(REPORTS).context["groups"]:
        for line in group["lines"]:
            page = browser.get(line["url"])
            assert page.status_code == 200, line["title"]
            # Without targets or tiers some tables cannot be made: their page says so.
            unknown = page.context.get("todo") and page.context["todo"].people is None
            expected = 302 if page.context.get("problem") or unknown else 200
            for file in line["files"]:
                assert browser.get(file["url"]).status_code == expected, file


def test_a_list_of_whom_to_see_holds_ones_own_area(cast, signed_in):
    url = reverse("targets:list-file", args=["990001", 2024, "never"]) + "?form=csv"
    refused = signed_in(cast.west_officer).get(url, follow=True)
    assert "还没有 2023 年度参保名单" in refused.content.decode()
    past = PolicyYear.objects.create(county=cast.county, year=2023, state="history")
    make_payment(cast.people["乙一"], past, when="2022-11-20 10:00")
    words = b"".join(signed_in(cast.west_officer).get(url).streaming_content).decode("utf-8-sig")
    assert "丙一" in words
    assert "甲一" not in words
    event = AuditEvent.objects.get(action="export")
    assert (event.subject, event.details["rows"]) == ("西河镇 从未参保名单", 1)
    browser = signed_in(cast.county_officer)
    assert browser.get(url.replace("never", "ledger")).status_code == 404
    assert browser.get(url.replace("csv", "pdf")).status_code == 404


@pytest.mark.parametrize("who", ["department_user", "auditor", "administrator"])
def test_who_sees_no_people_finds_only_what_names_nobody(cast, signed_in, who):
    browser = signed_in(getattr(cast, who))
    groups = browser.get(REPORTS).context["groups"]
    assert [line["title"] for line in groups[0]["lines"]] == ["任务表", "筹资对照表"]
    assert groups[1]["lines"] == []
    assert browser.get(address("progress")).status_code == 403
    assert browser.get(address("targets")).status_code == 200


def test_the_screen_shows_the_printed_form(db):
    table = official.table(loaded("jinzhai"), "targets")
    shown = drawn(table)
    assert [cell["text"] for cell in shown.rows[16]][:3] == ["17", "流波䃥镇", "12382"]
    assert [cell["text"] for cell in shown.total][-1] == "571028"
    contrast = drawn(official.table(loaded("yunyang"), "contrast"))
    assert max(cell["down"] for row in contrast.rows for cell in row) > 1
    assert [len(row) for row in contrast.heads] == [5, 1]
    covered = sum(cell["down"] for row in contrast.rows for cell in row)
    assert covered == len(contrast.rows) * 5


def test_a_cut_off_and_a_draft_are_asked_for_on_the_page(cast, signed_in):
    make_payment(cast.people["甲一"], cast.year, when="2023-11-20 10:00")
    browser = signed_in(cast.county_officer)
    page = browser.get(address("progress", "as_of=2023-11-01"))
    assert page.context["table"].total[-2] == 0
    book = browser.get(page.context["files"][0]["url"]).content
    rows = list(load_workbook(io.BytesIO(book)).worksheets[0].values)
    assert rows[-1][3] == 0
    assert "没有按比例计算" in browser.get(address("targets", "draft=1")).content.decode()
    assert "读不懂" in browser.get(address("progress", "as_of=gestern")).content.decode()
    assert "不能选：档次" in browser.get(address("progress", "tier=一档")).content.decode()
    assert browser.get(address("nothing")).status_code == 404


def test_what_cannot_be_made_is_told_on_the_page_of_the_table(cast, signed_in):
    url = reverse("targets:table", args=["990001", 2024, "targets"])
    answer = signed_in(cast.county_officer).get(url, follow=True)
    assert answer.resolver_match.view_name == "targets:report"
    assert "没有下达" in answer.content.decode()


def test_the_shelf_costs_a_fixed_number_of_queries(cast, signed_in, django_assert_max_num_queries):
    browser = signed_in(cast.county_officer)
    with django_assert_max_num_queries(14):
        browser.get(REPORTS)
