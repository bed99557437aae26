"""任务 and 政策: what was set beside what the register says; issuing; nothing by accident."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment.models import AuditEvent
from enrollment.tests.cast import make_status
from targets import comparison
from targets.models import Target, TargetRule, TargetVersion

TARGETS = reverse("targets:targets", args=["990001", 2024])


@pytest.fixture
def rule(cast):
    return TargetRule.objects.create(
        policy_year=cast.year, method="rate", rate=Decimal("0.95"), total="from_base", cites="二"
    )


def draft(browser) -> TargetVersion:
    answer = browser.post(reverse("targets:targets-draft", args=["990001", 2024]))
    version = TargetVersion.objects.get(state="draft")
    assert answer.url.endswith(f"/targets/{version.pk}/issue/")
    return version


def test_the_draft_stands_beside_the_issued_numbers(cast, rule, signed_in):
    make_status(cast.people["甲二"], cast.kinds["服刑"])
    browser = signed_in(cast.county_officer)
    answer = browser.get(TARGETS)
    assert "任务还没有单独下达；按现在的户籍册测算是 3 人" in answer.context["answer"]
    assert [(item["word"], item["people"]) for item in answer.context["items"]] == [("服刑", 1)]
    below = signed_in(cast.east_officer).get(TARGETS)
    assert [(one["word"], one["people"]) for one in below.context["items"]] == [("特殊情形", 1)]
    assert "服刑" not in below.content.decode()


@pytest.mark.parametrize("who", ["county_officer", "east_officer", "red_star_clerk"])
def test_what_the_register_says_opens_to_as_many_names(cast, rule, signed_in, who):
    make_status(cast.people["甲二"], cast.kinds["服刑"])
    make_status(cast.people["甲二"], cast.kinds["服役"])
    make_status(cast.people["甲一"], cast.kinds["职工参保"])
    browser = signed_in(getattr(cast, who))
    page = browser.get(TARGETS).context
    for line in [*page["rows"], page["total"]]:
        for name, url in line["urls"].items():
            figure = getattr(line["row"].computed, name)
            assert browser.get(url).context["page"].paginator.count == figure
    assert sum(item["people"] for item in page["items"]) == 2
    for item in page["items"]:
        listed = browser.get(item["url"])
        assert listed.context["page"].paginator.count == item["people"]
        assert f"已扣减（{item['word']}）" in listed.context["answer"]
        assert browser.get(listed.context["export_url"]).status_code == 200
    names = reverse("targets:progress-names", args=["990001", 2024, "deductions"])
    assert browser.get(f"{names}?kind=没有这一类").status_code == 404
    if who != "county_officer":
        assert browser.get(f"{names}?kind=服刑").status_code == 404


def test_who_sees_no_people_gets_no_way_to_names(cast, rule, signed_in):
    page = signed_in(cast.auditor).get(TARGETS)
    assert "names/" not in page.content.decode()


def issued(cast, number: int, east: int, *, population: int | None = None) -> TargetVersion:
    version = TargetVersion.objects.create(
        policy_year=cast.year,
        set_by=cast.county,
        number=number,
        state="issued",
        source="list",
        document=f"示政办〔2023〕{number}号",
        issued_on=date(2023, 9, number),
    )
    for region, target in ((cast.east, east), (cast.west, 1), (cast.county, east + 1)):
        Target.objects.create(
            version=version,
            region=region,
            target=target,
            population=population,
            deductions=population and 0,
            base=population,
        )
    return version


def test_an_older_version_stays_readable_with_what_came_after(cast, signed_in):
    issued(cast, 1, 4)
    issued(cast, 2, 6)
    browser = signed_in(cast.auditor)
    first = browser.get(f"{TARGETS}?version=1")
    assert "示政办〔2023〕1号：合计 5 人。这是第一次下达" in first.context["answer"]
    assert "已被后来的版本代替" in first.content.decode()
    second = browser.get(f"{TARGETS}?version=2")
    assert "与第 1 版相比，1 个单位有变动，合计增加 2 人" in second.context["answer"]
    changes = {row.region.name: (row.target, row.reason) for row in second.context["rows"]}
    assert changes == {"东风镇": (2, comparison.NO_BASE), "西河镇": (0, "")}
    assert browser.get(f"{TARGETS}?version=3").status_code == 404
    assert "version=1" in browser.get(TARGETS).content.decode()


def test_a_draft_is_a_version_only_for_who_may_issue_it(cast, rule, signed_in):
    browser = signed_in(cast.county_officer)
    version = draft(browser)
    url = f"{TARGETS}?version={version.number}"
    assert "草稿，尚未下达" in browser.get(url).content.decode()
    assert signed_in(cast.auditor).get(url).status_code == 404


def test_the_difference_says_where_it_comes_from(cast, rule, signed_in):
    issued(cast, 1, 4, population=10)
    make_status(cast.people["甲二"], cast.kinds["服刑"])
    rows = signed_in(cast.county_officer).get(TARGETS).context["rows"]
    found = {line["row"].region.name: line["row"].reason for line in rows}
    assert found["东风镇"] == "户籍少 7 人，扣减多 1 人"


def test_issuing_says_first_what_it_will_do(cast, rule, signed_in):
    browser = signed_in(cast.county_officer)
    version = draft(browser)
    url = reverse("targets:targets-issue", args=["990001", 2024, version.pk])
    page = browser.get(url).content.decode()
    assert "确认下达：2 个单位，4 人" in page
    assert "下达后不能修改" in page
    assert TargetVersion.objects.get().state == "draft"

    answer = browser.post(url, {"document": "示政办〔2023〕1号", "issued_on": "2023-09-01"})
    assert answer.status_code == 302
    version.refresh_from_db()
    assert (version.state, version.issued_on, version.issued_by) == (
        "issued",
        date(2023, 9, 1),
        cast.county_officer,
    )
    assert AuditEvent.objects.filter(action="issue_targets", user=cast.county_officer).exists()
    assert "示政办〔2023〕1号" in browser.get(TARGETS).content.decode()
    assert browser.get(url).status_code == 404


def test_targets_cannot_be_issued_for_a_day_to_come(cast, rule, signed_in):
    browser = signed_in(cast.county_officer)
    url = reverse("targets:targets-issue", args=["990001", 2024, draft(browser).pk])
    tomorrow = timezone.localdate() + timezone.timedelta(days=1)
    assert "不能晚于今天" in browser.post(url, {"issued_on": f"{tomorrow}"}).content.decode()
    assert TargetVersion.objects.get().state == "draft"


def test_a_draft_can_be_thrown_away(cast, rule, signed_in):
    browser = signed_in(cast.county_officer)
    version = draft(browser)
    browser.post(reverse("targets:targets-discard", args=["990001", 2024, version.pk]))
    assert not TargetVersion.objects.exists()


def test_only_who_may_issue_issues(cast, rule, signed_in):
    version = draft(signed_in(cast.county_officer))
    for user in (cast.east_officer, cast.county_viewer, cast.auditor):
        browser = signed_in(user)
        assert (
            browser.post(reverse("targets:targets-draft", args=["990001", 2024])).status_code == 403
        )
        url = reverse("targets:targets-issue", args=["990001", 2024, version.pk])
        assert browser.post(url, {"issued_on": "2023-09-01"}).status_code == 403
    assert TargetVersion.objects.get().state == "draft"


@pytest.mark.parametrize("name", ["targets", "progress"])
def test_the_official_table_comes_as_a_workbook(cast, rule, signed_in, name):
    browser = signed_in(cast.county_officer)
    url = reverse("targets:table", args=["990001", 2024, name])
    answer = browser.get(f"{url}?draft=1" if name == "targets" else url)
    assert answer["Content-Type"].startswith("application/vnd.openxmlformats")
    assert answer.content[:2] == b"PK"
    assert AuditEvent.objects.filter(action="download_table").exists()


def test_the_policy_cites_and_says_what_is_not_stated(cast, rule, signed_in):
    url = reverse("targets:policy", args=["990001", 2024])
    for user in (cast.red_star_clerk, cast.auditor, cast.department_user):
        page = signed_in(user).get(url).content.decode()
        assert "95%" in page
        assert "政策未规定" in page
    pack = signed_in(cast.county_officer).get(f"{url}pack/")
    assert "990001" in pack.content.decode()
    assert "attachment" in pack["Content-Disposition"]
