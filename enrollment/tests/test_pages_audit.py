"""操作记录: the auditor finds who looked at somebody, and nobody else reads it."""

import io
import re
from pathlib import Path

from django.urls import reverse
from openpyxl import load_workbook

from enrollment.audit import record
from enrollment.models import AuditEvent, Roster
from enrollment.tests.cast import id_number
from enrollment.views.audit import ACTIONS

AUDIT = reverse("enrollment:audit", args=["990001", 2024])


def looks(cast) -> None:
    record(
        "reveal",
        by=cast.east_officer,
        county=cast.county,
        person_id=cast.people["甲一"].pk,
        subject="证件号码",
        reason="核对身份",
    )
    record("sign_in", by=cast.west_officer, county=cast.county)
    record("sign_in", by=cast.stranger, county=cast.neighbour)


def words(answer) -> list[str]:
    return [row["word"] for row in answer.context["rows"]]


def test_the_county_s_trail_newest_first(cast, signed_in):
    looks(cast)
    answer = signed_in(cast.auditor).get(AUDIT)
    assert words(answer) == ["登录", "查看完整号码"]
    assert "核对身份" in answer.content.decode()
    assert "邻县经办" not in answer.content.decode()


def test_by_account_action_and_day(cast, signed_in):
    looks(cast)
    browser = signed_in(cast.auditor)
    assert words(browser.get(AUDIT, {"user": "dongfeng"})) == ["查看完整号码"]
    assert words(browser.get(AUDIT, {"action": "sign_in"})) == ["登录"]
    assert words(browser.get(AUDIT, {"until": "2020-01-01"})) == []
    today = AuditEvent.objects.latest("at").at.date()
    assert len(words(browser.get(AUDIT, {"since": f"{today}"}))) == 2


def test_by_somebody_s_number_which_is_in_no_address(cast, signed_in):
    looks(cast)
    browser = signed_in(cast.auditor)
    answer = browser.post(AUDIT, {"number": id_number(1)}, follow=True)
    assert words(answer) == ["查看完整号码"]
    assert id_number(1) not in str(answer.redirect_chain)
    answer = browser.post(AUDIT, {"number": id_number(5, birth="19900303")})
    assert "本县没有这个人" in answer.content.decode()


def test_what_the_database_says_stands_in_words(cast, signed_in):
    roster = Roster.objects.create(
        county=cast.county,
        town=cast.east,
        region=cast.east,
        policy_year=cast.year,
        kind="register",
        file_name="东风镇户籍.xlsx",
        sha256="0" * 64,
        uploaded_by=cast.east_officer,
    )
    record(
        "apply_roster",
        by=cast.east_officer,
        county=cast.county,
        subject=f"roster {roster.pk}",
        kind="register",
        counts={"new": 3, "changed": 0, "problems": 1},
    )
    record(
        "assign_account",
        by=None,
        county=cast.county,
        subject="hongxing",
        before={"role": "village_clerk", "region": cast.red_star.key},
        after={"role": "town_officer", "region": cast.east.key},
    )
    record("export", by=None, county=cast.county, filter={"until": "2023-12-31T16:00:00+00:00"})
    looks(cast)
    lines = signed_in(cast.auditor).get(AUDIT).context["rows"]
    _, reveal, export, assigned, applied = lines
    assert applied["subject"] == f"名册 {roster.pk}《东风镇户籍.xlsx》"
    assert applied["details"] == "种类 户籍册；结果 新增 3、问题 1"
    assert assigned["details"] == (
        "原为 地区 东风镇/红星村、岗位 村级代办；改为 地区 东风镇、岗位 乡镇经办"
    )
    assert export["details"] == "条件 截至 2024-01-01 00:00"
    assert reveal["person"] == f"甲*（编号 {cast.people['甲一'].pk}）"


def test_another_county_s_roster_and_people_are_not_named(cast, signed_in):
    record("sign_in", by=None, county=cast.county, person_id=cast.people["丁一"].pk)
    line = signed_in(cast.auditor).get(AUDIT).context["rows"][0]
    assert line["person"].startswith("居民（编号")


def test_the_trail_leaves_as_a_workbook_and_that_is_on_record(cast, signed_in):
    looks(cast)
    browser = signed_in(cast.auditor)
    page = browser.get(AUDIT, {"user": "东风", "page": "1"})
    answer = browser.get(page.context["export_url"])
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    rows = list(sheet.iter_rows(min_row=4, values_only=True))
    assert [(row[3], row[5][:2]) for row in rows] == [("查看完整号码", "甲*")]
    event = AuditEvent.objects.get(action="export_audit")
    assert event.details == {"rows": 1, "filter": "账号 东风"}
    url = reverse("enrollment:audit-export", args=["990001", 2024])
    assert signed_in(cast.county_officer).get(url).status_code == 403


def test_a_page_of_the_trail_costs_a_fixed_number_of_queries(
    cast, signed_in, django_assert_max_num_queries
):
    for person in cast.people.values():
        record("reveal", by=cast.east_officer, county=cast.county, person_id=person.pk)
    browser = signed_in(cast.auditor)
    with django_assert_max_num_queries(20):
        browser.get(AUDIT)


def test_nobody_else_reads_the_trail(cast, signed_in):
    for user in (cast.county_officer, cast.east_officer, cast.administrator):
        assert signed_in(user).get(AUDIT).status_code == 403
    assert signed_in(cast.stranger).get(AUDIT).status_code == 404


def test_every_action_on_record_has_its_word():
    """Whatever any module writes down reads as Chinese on the auditor's page."""
    root = Path(__file__).resolve().parents[2]
    written = re.compile(r'(?:\brecord|_note|_put_on_record)\(\s*"([a-z_]+)"')
    found = {
        action
        for app in ("enrollment", "subsidies", "targets")
        for file in (root / app).rglob("*.py")
        if "tests" not in file.parts
        for action in written.findall(file.read_text(encoding="utf-8"))
    }
    assert found
    assert found <= set(ACTIONS)
