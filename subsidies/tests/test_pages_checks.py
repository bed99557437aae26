"""金额待核查 on screen: sent in one click, answered in two, counted where clerks look."""

import io

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models import AuditEvent
from subsidies import assessment, checks
from subsidies.models import AmountCheck, CheckAnswer
from subsidies.tests.test_overlap import hold
from subsidies.tests.test_pages_ledger import county  # noqa: F401

PAGE = reverse("subsidies:checks", args=["990001", 2024])
ACT = reverse("subsidies:checks-act", args=["990001", 2024])
QUERIES = 17


def one(name: str) -> str:
    check = AmountCheck.objects.open().get(person__name=name)
    return reverse("subsidies:checks-one", args=["990001", 2024, check.pk])


def names(page) -> set[str]:
    return {row["person"].name for row in page.context["rows"]}


@pytest.fixture
def sent(county):  # noqa: F811
    checks.send(county.year, county.county, by=county.county_officer, note="月底前")
    return county


def test_the_county_sends_everybody_in_one_click(county, signed_in):  # noqa: F811
    browser = signed_in(county.county_officer)
    page = browser.get(PAGE)
    assert (page.context["state"], names(page)) == ("unsent", {"乙一", "甲二"})
    assert "全部下发 2 人" in page.content.decode()
    answer = browser.post(ACT, {"act": "send_all", "text": "月底前"}, follow=True)
    assert "已下发 2 人" in answer.content.decode()
    assert AuditEvent.objects.get(action="send_checks").details["people"] == 2


def test_only_the_ticked_are_sent_and_nothing_ticked_says_so(county, signed_in):  # noqa: F811
    browser = signed_in(county.county_officer)
    page = browser.post(ACT, {"act": "send"}, follow=True).content.decode()
    assert "请先勾选" in page
    browser.post(ACT, {"act": "send", "row": county.people["甲二"].pk})
    assert AmountCheck.objects.get().person == county.people["甲二"]


def test_a_village_answers_and_the_county_reads_and_closes(sent, signed_in):
    village = signed_in(sent.red_star_clerk)
    page = village.get(PAGE)
    assert names(page) == {"甲二"}
    assert "未下发" not in page.content.decode()
    answer = village.post(one("甲二"), {"finding": "list_lacks", "text": "低保证在家"}, follow=True)
    assert "已记下答复" in answer.content.decode()
    office = signed_in(sent.county_officer)
    page = office.get(PAGE)
    assert page.context["state"] == "answered"
    assert "有资助身份，名单漏列：低保证在家" in page.content.decode()
    row = page.context["rows"][0]["pk"]
    done = office.post(ACT, {"act": "close", "row": row, "text": "下月补报"}, follow=True)
    assert "已办结 1 人" in done.content.decode()
    closed = office.get(PAGE, {"state": "closed"}).content.decode()
    assert "县级办结" in closed
    assert "下月补报" in closed


def test_save_and_next_goes_on_to_whoever_waits(sent, signed_in):
    town = signed_in(sent.east_officer)
    answer = town.post(one("甲二"), {"finding": "short", "next": "1"})
    assert answer.url == one("乙一")
    answer = town.post(one("乙一"), {"finding": "overpaid", "next": "1"})
    assert answer.url.startswith(PAGE)


def test_other_has_to_be_explained_and_nothing_is_lost(sent, signed_in):
    village = signed_in(sent.red_star_clerk)
    answer = village.post(one("甲二"), {"finding": "other"})
    assert answer.status_code == 400
    assert "请写明情况" in answer.content.decode()
    assert not CheckAnswer.objects.exists()


def test_recalled_a_village_can_no_longer_answer(sent, signed_in):
    address, check = one("甲二"), AmountCheck.objects.get(person__name="甲二")
    signed_in(sent.county_officer).post(ACT, {"act": "recall", "row": check.pk})
    page = signed_in(sent.red_star_clerk).get(address).content.decode()
    assert "已由县级收回" in page
    assert "保存" not in page


def test_then_and_now_stand_beside_each_other(sent, signed_in):
    hold(sent.people["甲二"], sent.year.category_set.get(name="低保对象"))
    assessment.assess(sent.year)
    page = signed_in(sent.county_officer).get(PAGE, {"state": "sent"}).content.decode()
    assert "现应缴 38.00" in page


def test_the_count_stands_where_clerks_look(sent, signed_in):
    address = reverse("subsidies:checks-count", args=["990001", 2024])
    assert "<b>1</b> 人待您答复" in signed_in(sent.red_star_clerk).get(address).content.decode()
    assert "人" not in signed_in(sent.west_officer).get(address).content.decode()
    questions = reverse("enrollment:questions", args=["990001", 2024])
    page = signed_in(sent.red_star_clerk).get(questions).content.decode()
    assert f'hx-get="{address}' in page


@pytest.mark.parametrize("state", ["unsent", "sent", "answered", "closed"])
def test_each_state_can_be_taken_along_as_a_file(county, signed_in, state):  # noqa: F811
    office = county.county_officer
    checks.send(county.year, county.county, by=office, people=[county.people["甲二"].pk])
    check = AmountCheck.objects.get()
    if state in ("answered", "closed"):
        checks.answer(check, finding="short", text="已通知", by=county.red_star_clerk)
    if state == "closed":
        checks.close(county.year, county.county, by=office, checks=[check.pk])
    address = reverse("subsidies:checks-export", args=["990001", 2024])
    answer = signed_in(office).get(address, {"state": state})
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    found = [dict(zip([cell.value for cell in sheet[3]], row, strict=True))
             for row in sheet.iter_rows(min_row=4, values_only=True)]  # fmt: skip
    assert [row["姓名"] for row in found] == ["乙一" if state == "unsent" else "甲二"]
    if state in ("answered", "closed"):
        assert (found[0]["核查结果"], found[0]["说明"]) == ("少缴属实，应补缴", "已通知")


def test_a_page_costs_the_same_however_many_stand_on_it(
    sent,
    signed_in,
    django_assert_num_queries,
):
    browser = signed_in(sent.county_officer)
    with django_assert_num_queries(QUERIES):
        browser.get(PAGE, {"state": "sent"})


def test_opening_the_list_is_on_record(sent, signed_in):
    signed_in(sent.east_officer).get(PAGE, {"state": "sent"})
    told = AuditEvent.objects.get(action="open_names")
    assert told.user == sent.east_officer and "金额待核查（待答复）" in told.subject
