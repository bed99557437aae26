"""操作记录: the auditor finds who looked at somebody, and nobody else reads it."""

import re
from pathlib import Path

from django.urls import reverse

from enrollment.audit import record
from enrollment.models import AuditEvent
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
