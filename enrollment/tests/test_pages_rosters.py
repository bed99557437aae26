"""The pages about rosters, from the list to a withdrawal, by those who may and those who may not.

The worker's part is played by ``work``: the queued job's verb, run in the test's own transaction.
"""

import hashlib
import html
import io
import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from enrollment import audit, store, workbook
from enrollment.failure import Failure
from enrollment.jobs import Watch
from enrollment.models import AuditEvent, Job, Person, Roster, RosterRow, Status, StatusKind
from enrollment.models.rules import Duty
from enrollment.roster import pipeline
from enrollment.roster.receiving import statuses_for
from enrollment.tasks import VERBS
from enrollment.tests import corpus
from enrollment.tests.cast import Cast, id_number, make_person, make_status
from enrollment.views.rosters import entries, listing

REGISTER = ["户号", "姓名", "身份证号", "乡镇", "村"]
LIST = ["姓名", "身份证号"]
A1, A2 = id_number(1), id_number(22, birth="20100506")
B1, C1 = id_number(3, birth="19751231"), id_number(4, birth="19660708")


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.CANBAO_FILES = str(tmp_path)


def url(name: str, *args: object, **query: object) -> str:
    tail = "&".join(f"{key}={value}" for key, value in query.items())
    return reverse(f"enrollment:{name}", args=["990001", 2024, *args]) + (
        f"?{tail}" if tail else ""
    )


def text(answer: HttpResponse) -> str:
    return answer.content.decode()


def excel(*rows: list[object], name: str = "名册.xlsx") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, corpus.workbook(corpus.sheet(rows)))


def upload(browser: Client, kind: str, file: SimpleUploadedFile, **given: object) -> HttpResponse:
    data = {"mode": "full", "as_of": "2023-08-31", "file": file} | given
    return browser.post(url("rosters-new", kind=kind), data)


def work(roster: Roster) -> None:
    """What a worker does with the roster's queued job."""
    job = roster.jobs.get(state="queued")
    state, error = "done", ""
    try:
        VERBS[job.verb](job, Watch())
    except Failure as failure:
        state, error = "failed", failure.message
    Job.objects.filter(pk=job.pk).update(state=state, error=error, finished_at=timezone.now())
    roster.refresh_from_db()


def handed_in(browser: Client, kind: str, *rows: list[object], **given: object) -> Roster:
    """A file handed in through the page and read."""
    answer = upload(browser, kind, excel(*rows), **given)
    assert answer.status_code == 302, text(answer)
    roster = Roster.objects.latest("pk")
    work(roster)
    return roster


def status_list(browser: Client, cast: Cast, *rows: list[object], name="服役", **given) -> Roster:
    given = {"region": cast.county.pk} | given
    return handed_in(browser, "status", LIST, *rows, status=cast.kinds[name].pk, **given)


def confirm(browser: Client, roster: Roster, **more: object) -> HttpResponse:
    """Press the button as the page offers it."""
    return browser.post(url("rosters-apply", roster.pk), roster.counts | more, follow=True)


@pytest.fixture
def officer(cast: Cast, signed_in) -> Client:
    return signed_in(cast.county_officer)


# ---------------------------------------------------------------- handing in


def test_a_roster_goes_from_the_upload_to_applied_and_back(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1], ["乙一", B1], ["错号", "123"])
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "读了 4 行、2 人：新增 2 人；问题 1 行" in page
    assert "确认入库：新增 2 人" in page
    assert Status.objects.count() == 0
    confirm(officer, roster)
    work(roster)
    assert Status.objects.count() == 2
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "已入库：新增 2 人；问题 1 行" in page and "确认入库" not in page
    assert "撤回以后" in text(officer.get(url("rosters-withdraw", roster.pk)))
    officer.post(url("rosters-withdraw", roster.pk))
    work(roster)
    assert Status.objects.count() == 0
    assert "数据已恢复原样" in text(officer.get(url("rosters-one", roster.pk)))


def test_the_upload_page_says_its_limits_and_asks_what_the_kind_needs(cast, officer):
    page = text(officer.get(url("rosters-new", kind="status")))
    assert workbook.limits_sentence() in page.replace("&quot;", '"')
    assert 'name="status"' in page and 'name="mode"' in page and 'name="year"' not in page
    page = text(officer.get(url("rosters-new", kind="payments")))
    assert 'name="mode"' not in page and "不使任何人退出" in page
    assert 'name="year"' in text(officer.get(url("rosters-new", kind="insured")))
    assert officer.get(url("rosters-new", kind="nonsense")).status_code == 404


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (SimpleUploadedFile("a.xlsx", b"%PDF-1.4" + b"x" * 500), "内容却是 PDF"),
        (SimpleUploadedFile("a.xls", corpus.xls(password=True)), "密码"),
        (SimpleUploadedFile("a.docx", b"PK\x03\x04" + b"x" * 500), ".xlsx"),
        (SimpleUploadedFile("a.xlsx", b""), "文件是空的"),
    ],
)
def test_what_is_plainly_no_roster_is_said_beside_the_field(cast, officer, file, sentence):
    file.seek(0)
    answer = upload(officer, "register", file, region=cast.county.pk)
    assert answer.status_code == 400 and sentence in text(answer)
    assert not Roster.objects.exists()
    assert not list(store.names())


def test_a_file_beyond_the_limit_is_not_kept_and_its_size_said(cast, officer, monkeypatch):
    tight = workbook.Limits(size=1 << 20)
    monkeypatch.setattr("enrollment.uploads.LIMITS", tight)
    monkeypatch.setattr(workbook, "LIMITS", tight)
    large = SimpleUploadedFile("a.csv", b"x" * (3 << 20))
    answer = upload(officer, "register", large, region=cast.county.pk)
    assert answer.status_code == 400 and "文件有 3 MB，超过上限 1 MB" in text(answer)


def test_files_on_their_way_in_lie_closed_and_are_gone_afterwards(cast, officer, tmp_path):
    handed_in(officer, "register", REGISTER, ["H1", "甲一", A1, "东风镇", "红星村"],
              region=cast.county.pk, mode="supplement")  # fmt: skip
    assert list((tmp_path / store.PLAIN).iterdir()) == []
    assert (tmp_path / store.PLAIN).stat().st_mode & 0o077 == 0


def test_the_same_file_again_is_the_roster_it_already_is(cast, officer):
    rows = [LIST, ["甲一", A1]]
    given = {"status": cast.kinds["服役"].pk, "region": cast.county.pk}
    first = upload(officer, "status", excel(*rows), **given)
    again = upload(officer, "status", excel(*rows), **given)
    assert first.url == again.url
    assert (Roster.objects.count(), Job.objects.count(), len(list(store.names()))) == (1, 1, 1)
    other = upload(officer, "status", excel(*rows, ["乙一", B1]), **given)
    assert other.status_code == 400 and "正在处理" in text(other)
    assert (Roster.objects.count(), len(list(store.names()))) == (1, 1)


def test_an_earlier_year_needs_no_policy(cast, officer):
    roster = handed_in(officer, "insured", LIST, ["甲一", A1], year=2022, region=cast.county.pk)
    assert (roster.policy_year.year, roster.policy_year.state) == (2022, "history")
    page = officer.get(url("rosters-one", roster.pk))
    assert "平台参保名单（2022年度）" in text(page)
    assert "2022年度" in text(officer.get(url("rosters")))


@pytest.mark.parametrize("day", ["", "2023-13-01", "2999-01-01"])
def test_a_day_that_cannot_be_is_asked_again(cast, officer, day):
    file = excel(REGISTER, ["H1", "甲一", A1, "东风镇", "红星村"])
    answer = upload(officer, "register", file, region=cast.county.pk, as_of=day)
    assert answer.status_code == 400
    assert "as_of" in answer.context["form"].errors


# ---------------------------------------------------------------- the preview


def test_each_tab_lists_its_rows_masked_with_row_and_reason(cast, officer):
    roster = status_list(
        officer, cast, ["甲壹", A1], ["乙一", B1], ["生人", id_number(9)], ["甲二", "12"]
    )
    page = text(officer.get(url("rosters-one", roster.pk, tab="problems")))
    assert "第 2 行" in page and "第 5 行" in page
    assert "在册姓名为“甲一”" in page
    strangers = text(officer.get(url("rosters-one", roster.pk, tab="not_in_register")))
    assert "生人" in strangers and "341599************" in strangers
    for number in (A1, B1, id_number(9)):
        assert number not in page + strangers
    new = officer.get(url("rosters-one", roster.pk, tab="new"))
    assert reverse("targets:person", args=["990001", 2024, cast.people["乙一"].pk]) in text(new)


def test_counts_per_town_open_to_names(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1], ["乙一", B1], ["丙一", C1])
    page = officer.get(url("rosters-one", roster.pk))
    counted = {row["name"]: row["figures"][0]["value"] for row in page.context["places"]}
    assert counted == {"东风镇": 2, "西河镇": 1}
    link = page.context["places"][1]["figures"][0]["url"]
    assert [row.name for row in officer.get(link).context["rows"]] == ["丙一"]
    village = url("rosters-one", roster.pk, tab="new", town=cast.east.pk, village=cast.willow.pk)
    assert [row.name for row in officer.get(village).context["rows"]] == ["乙一"]


def test_long_tabs_are_leafed_and_end_somewhere(cast, officer, monkeypatch):
    roster = status_list(officer, cast, ["甲一", A1], ["乙一", B1], ["丙一", C1])
    monkeypatch.setattr(entries, "PER_PAGE", 1)
    monkeypatch.setattr(entries, "REACH", 2)
    page = officer.get(url("rosters-one", roster.pk, tab="new", page=99))
    assert page.context["page"].number == 2
    assert "共 3 条，这里翻得到前 2 条" in text(page)


def test_new_villages_are_proposed_and_can_be_looked_at_again(cast, officer):
    roster = handed_in(officer, "register", REGISTER,
                       ["H1", "新人", id_number(9), "东风镇", "新建村"],
                       region=cast.county.pk, mode="supplement")  # fmt: skip
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "1 个村行政区划里还没有" in page and "新建村" in page
    officer.post(url("rosters-retry", roster.pk))
    work(roster)
    assert roster.state == "waiting"


def test_what_ends_many_needs_a_second_confirmation(cast, officer):
    for person in ("甲一", "乙一", "丙一"):
        make_status(cast.people[person], cast.kinds["服役"])
    roster = status_list(officer, cast, ["甲一", A1])
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "会使 2 人退出" in page and "文件完整无缺，确认使 2 人退出" in page
    assert "请勾选" in text(confirm(officer, roster))
    assert not roster.jobs.filter(verb="apply").exists()
    confirm(officer, roster, confirmed="1")
    work(roster)
    assert (roster.state, Status.objects.count()) == ("applied", 1)


def test_counts_that_no_longer_hold_bring_the_new_preview(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1], ["乙一", B1], mode="supplement")
    other = status_list(officer, cast, ["甲一", A1], mode="supplement")
    confirm(officer, other)
    work(other)
    confirm(officer, roster)
    work(roster)
    assert roster.state == "waiting"
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "数据有了新变化" in page and "确认入库：新增 1 人" in page


def test_an_incomplete_button_applies_nothing(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1])
    answer = officer.post(url("rosters-apply", roster.pk), {"new": "1"}, follow=True)
    assert "页面不完整" in text(answer)
    assert not roster.jobs.filter(verb="apply").exists()


def test_a_preview_may_be_put_aside(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1])
    answer = officer.post(url("rosters-discard", roster.pk), follow=True)
    assert "已放弃" in text(answer)
    roster.refresh_from_db()
    assert roster.state == "cancelled"
    assert not RosterRow.objects.filter(roster=roster).exists()


def test_rows_kept_back_by_a_withdrawal_are_listed(cast, officer):
    first = status_list(officer, cast, ["甲一", A1], ["乙一", B1], mode="supplement")
    confirm(officer, first)
    work(first)
    Status.objects.filter(person=cast.people["甲一"]).update(written_by=None)
    officer.post(url("rosters-withdraw", first.pk))
    work(first)
    assert first.kept_back == 1
    page = officer.get(url("rosters-one", first.pk, tab="kept_back"))
    assert [row.name for row in page.context["rows"]] == ["甲一"]


# ---------------------------------------------------------------- headings, refusals, jobs


def test_headings_nobody_knows_are_asked_once_and_remembered(cast, officer):
    head = ["对象", "号码一栏", "其他"]
    given = {"status": cast.kinds["服役"].pk, "region": cast.county.pk,
             "department": cast.department.pk}  # fmt: skip
    roster = handed_in(officer, "status", head, ["甲一", A1, ""], **given)
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "请指明各列的含义" in page and "甲一" in page and "341*" in page and A1 not in page
    missing = officer.post(url("rosters-headings", roster.pk), {"heading-0": "name"})
    assert missing.status_code == 400 and "身份证号" in text(missing)
    twice = officer.post(
        url("rosters-headings", roster.pk),
        {"heading-0": "town", "heading-1": "id_number", "heading-2": "town"},
    )
    assert twice.status_code == 400 and "只能对应一列" in text(twice)
    officer.post(
        url("rosters-headings", roster.pk), {"heading-0": "name", "heading-1": "id_number"}
    )
    work(roster)
    assert (roster.state, roster.new) == ("waiting", 1)
    again = handed_in(officer, "status", head, ["乙一", B1, ""], **given)
    assert (again.state, again.new) == ("waiting", 1)


def test_a_refused_file_gets_its_sentence_and_the_way_out(cast, officer):
    answer = upload(officer, "register", excel(["", ""]), region=cast.county.pk)
    assert answer.status_code == 302
    roster = Roster.objects.latest("pk")
    work(roster)
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert roster.refusal in page and "重新上传" in page


def test_a_job_under_way_is_shown_polled_and_can_be_cancelled(cast, officer):
    given = {"status": cast.kinds["服役"].pk, "region": cast.county.pk}
    upload(officer, "status", excel(LIST, ["甲一", A1]), **given)
    roster = Roster.objects.latest("pk")
    Job.objects.update(
        state="running", started_at=timezone.now(), phase="读取并核对", done=600, total=1000
    )
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "600 / 1,000 行" in page and 'hx-trigger="every' in page and "取消任务" in page
    part = officer.get(url("rosters-progress", roster.pk))
    assert "600 / 1,000 行" in text(part) and "<html" not in text(part)
    assert "正在读取 60%" in text(officer.get(url("rosters")))
    assert "请先取消" in text(officer.post(url("rosters-discard", roster.pk), follow=True))
    officer.post(url("rosters-cancel", roster.pk))
    assert Job.objects.get().cancel_asked
    Job.objects.update(
        state="cancelled", finished_at=timezone.now(), error="已按要求取消，没有任何改动"
    )
    assert officer.get(url("rosters-progress", roster.pk))["HX-Refresh"] == "true"
    page = text(officer.get(url("rosters-one", roster.pk)))
    assert "已按要求取消" in page and "重新读取" in page
    officer.post(url("rosters-retry", roster.pk))
    work(roster)
    assert roster.state == "waiting"


# ---------------------------------------------------------------- files


def test_files_go_out_whole_to_those_who_may_and_on_record(cast, officer, signed_in):
    roster = status_list(officer, cast, ["甲壹", A1], ["错号", "123"])
    got = officer.get(url("rosters-problems", roster.pk))
    assert "no-store" in got["Cache-Control"] and "attachment" in got["Content-Disposition"]
    book = load_workbook(io.BytesIO(b"".join(got.streaming_content)))
    cells = [cell.value for row in book.active.iter_rows() for cell in row]
    assert {"结果", "原因", A1, "123"} <= set(cells)
    original = b"".join(officer.get(url("rosters-original", roster.pk)).streaming_content)
    assert hashlib.sha256(original).hexdigest() == roster.sha256
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"hand_in", "download_problems", "download_original"} <= actions
    viewer = signed_in(cast.county_viewer)
    assert viewer.get(url("rosters-one", roster.pk)).status_code == 200
    for name in ("rosters-problems", "rosters-original"):
        assert viewer.get(url(name, roster.pk)).status_code == 403
        assert signed_in(cast.east_officer).get(url(name, roster.pk)).status_code == 404


def test_a_file_that_is_gone_is_said(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1])
    store.remove(roster.stored_as)
    answer = officer.get(url("rosters-original", roster.pk), follow=True)
    assert "已不在" in text(answer)
    assert "没有这个文件" in text(officer.get(url("rosters-problems", roster.pk), follow=True))


# ---------------------------------------------------------------- who sees what


def test_a_town_hands_in_for_itself_and_is_told_nothing_of_others(cast, signed_in):
    east = signed_in(cast.east_officer)
    form = text(east.get(url("rosters-new", kind="status")))
    assert 'name="region"' not in form and "东风镇" in form and "服刑" not in form
    roster = handed_in(east, "status", LIST, ["甲一", A1], ["", C1], ["丙三", C1],
                       status=cast.kinds["服役"].pk)  # fmt: skip
    assert roster.region == cast.east
    pages = "".join(
        text(east.get(url("rosters-one", roster.pk, tab=tab)))
        for tab in ("", "outside_area", "problems")
    )
    assert "丙一" not in pages and "石桥村" not in pages and "西河镇" not in pages
    confirm(east, roster)
    work(roster)
    assert Status.objects.get().person == cast.people["甲一"]
    assert signed_in(cast.west_officer).get(url("rosters-one", roster.pk)).status_code == 404
    assert "服役" not in text(signed_in(cast.west_officer).get(url("rosters")))


def test_lists_of_a_sensitive_status_are_the_county_s(cast, officer, signed_in):
    roster = status_list(officer, cast, ["甲一", A1], name="服刑", region=cast.east.pk)
    east = signed_in(cast.east_officer)
    assert east.get(url("rosters-one", roster.pk)).status_code == 404
    assert "服刑" not in text(east.get(url("rosters")))
    assert "服刑" in text(signed_in(cast.county_viewer).get(url("rosters")))
    file = excel(LIST, ["甲一", A1])
    answer = upload(east, "status", file, status=cast.kinds["服刑"].pk)
    assert answer.status_code == 400


def test_a_department_hands_in_and_learns_nothing_from_the_register(cast, officer, signed_in):
    make_status(cast.people["丙一"], cast.kinds["服役"])
    office = signed_in(cast.department_user)
    assert office.get(url("rosters-new", kind="register")).status_code == 404
    roster = handed_in(office, "status", LIST, ["甲壹", A1], ["", B1],
                       status=cast.kinds["服役"].pk)  # fmt: skip
    assert (roster.department, roster.region) == (cast.department, cast.county)
    pages = "".join(
        text(office.get(url("rosters-one", roster.pk, tab=tab)))
        for tab in ("", "new", "would_end", "problems")
    )
    for told in ("甲一", "乙一", "丙一", "红星村", A1, B1):
        assert told not in pages
    assert "等待县级确认" in pages and "确认入库：" not in pages and "甲壹" in pages
    assert office.post(url("rosters-apply", roster.pk), roster.counts).status_code == 403
    file = b"".join(office.get(url("rosters-problems", roster.pk)).streaming_content)
    said = [cell.value for row in load_workbook(io.BytesIO(file)).active for cell in row]
    assert "甲一" not in "".join(str(value) for value in said)
    confirm(officer, roster, confirmed="1")
    work(roster)
    assert roster.state == "applied" and roster.applied_by == cast.county_officer


def test_a_department_sees_its_own_hand_ins_only(cast, officer, signed_in):
    roster = status_list(officer, cast, ["甲一", A1])
    office = signed_in(cast.department_user)
    assert office.get(url("rosters-one", roster.pk)).status_code == 404
    assert officer.get(url("rosters-one", roster.pk)).status_code == 200
    roster.department = cast.department
    roster.save()
    assert office.get(url("rosters-one", roster.pk)).status_code == 200
    assert office.get(url("rosters-original", roster.pk)).status_code == 403


def test_a_department_with_duties_is_offered_its_own_statuses(cast):
    assert statuses_for(cast.department_user, cast.year).count() == 3
    Duty.objects.create(
        policy_year=cast.year, department=cast.department, text="服役名单", lists=["服役"]
    )
    assert [one.name for one in statuses_for(cast.department_user, cast.year)] == ["服役"]
    assert statuses_for(cast.east_officer, cast.year).filter(sensitive=True).count() == 0


# ---------------------------------------------------------------- the list


def test_the_list_says_what_waits_and_what_is_missing(cast, officer):
    assert "还没有交来名册" in text(officer.get(url("rosters")))
    roster = status_list(officer, cast, ["甲一", A1])
    page = text(officer.get(url("rosters", state="waiting")))
    assert "1 份待确认" in page and "人员状态名单（服役）" in page
    assert "这里没有名册" in text(officer.get(url("rosters", state="applied")))
    confirm(officer, roster)
    work(roster)
    newest = officer.get(url("rosters", state="newest")).context["newest"]
    found = {row["title"]: row["roster"] and row["roster"].as_of for row in newest}
    assert found["人员状态名单（服役）"] == date(2023, 8, 31)
    assert found["户籍册"] is None and found["人员状态名单（职工参保）"] is None
    assert len(officer.get(url("rosters", kind="status", topic="服役")).context["rows"]) == 1
    assert officer.get(url("rosters", kind="payments")).context["rows"] == []
    at_west = officer.get(url("rosters", region=cast.west.key))
    assert at_west.context["rows"] == []


def test_the_number_of_queries_grows_with_nothing(
    cast, officer, django_assert_max_num_queries, monkeypatch
):
    kinds = [
        StatusKind.objects.create(
            policy_year=cast.year, order=9 + n, name=f"状态{n}", bucket="none"
        )
        for n in range(6)
    ]
    rows = [[f"生人{n}", id_number(100 + n)] for n in range(12)]
    for n in range(6):
        make_person(cast.willow, f"子{n}", id_number(200 + n))
        rows.append([f"子{n}", id_number(200 + n)])
    for kind in kinds:
        handed_in(officer, "status", LIST, *rows, status=kind.pk, region=cast.county.pk)
    roster = Roster.objects.latest("pk")
    with django_assert_max_num_queries(17):
        officer.get(url("rosters"))
    with django_assert_max_num_queries(13):
        officer.get(url("rosters-one", roster.pk))
    for tab in ("new", "not_in_register"):
        with django_assert_max_num_queries(17):
            page = officer.get(url("rosters-one", roster.pk, tab=tab))
        assert len(page.context["rows"]) >= 6
    assert len(officer.get(url("rosters")).context["rows"]) == 6
    monkeypatch.setattr(listing, "PER_PAGE", 2)
    assert len(officer.get(url("rosters", page=2)).context["rows"]) == 2


def test_what_is_done_on_the_pages_is_on_record(cast, officer):
    roster = status_list(officer, cast, ["甲一", A1])
    officer.post(url("rosters-discard", roster.pk))
    pipeline.expire()
    assert audit.seal() >= 2
    recorded = list(AuditEvent.objects.values_list("action", "username"))
    assert ("hand_in", "xian") in recorded and ("discard_roster", "xian") in recorded
    assert Person.objects.count() == 5


def test_a_department_is_not_led_to_places_it_may_not_open(cast, signed_in):
    """Every link of the frame of its own page opens."""
    browser = signed_in(cast.department_user)
    page = browser.get(reverse("enrollment:rosters", args=["990001", 2024])).content.decode()
    frame = page[: page.index("<main")]
    links = {
        html.unescape(link)
        for link in re.findall(r'href="(/[^"#]*)"', frame)
        if "static" not in link
    }
    assert links
    assert {link for link in links if browser.get(link).status_code == 403} == set()
    assert cast.east.key not in frame
