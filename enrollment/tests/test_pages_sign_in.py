"""Signing in and out: on record, friendly when it fails, closed to everybody else."""

import json

import pytest
from django.urls import reverse

from enrollment.models import AuditEvent
from enrollment.tests.cast import PASSWORD

SIGN_IN = reverse("enrollment:sign-in")


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def test_signing_in_and_out_is_on_record(cast, client):
    answer = client.post(SIGN_IN, {"username": "dongfeng", "password": PASSWORD})
    assert (answer.status_code, answer.url) == (302, "/")
    client.post(reverse("enrollment:sign-out"))
    assert actions() == ["sign_in", "sign_out"]
    assert AuditEvent.objects.filter(user=cast.east_officer, county=cast.county).count() == 2


def test_a_wrong_password_is_on_record_without_what_was_typed(cast, client):
    answer = client.post(SIGN_IN, {"username": "dongfeng", "password": "不对"})
    assert "用户名或密码不对" in answer.content.decode()
    client.post(SIGN_IN, {"username": "my-secret-in-the-wrong-field", "password": ""})
    failed = AuditEvent.objects.filter(action="sign_in_failed").order_by("pk")
    assert [one.user for one in failed] == [cast.east_officer, None]
    assert "my-secret" not in json.dumps(list(failed.values()), default=str)


def test_five_wrong_passwords_lock_the_account(cast, client):
    for _ in range(5):
        answer = client.post(SIGN_IN, {"username": "dongfeng", "password": "不对"})
    assert "暂时锁定" in answer.content.decode()
    answer = client.post(SIGN_IN, {"username": "dongfeng", "password": PASSWORD})
    assert "暂时锁定" in answer.content.decode()


def test_whoever_has_no_region_is_told_whom_to_ask(cast, signed_in):
    page = signed_in(cast.nobody).get("/").content.decode()
    assert "还没有分配地区" in page
    assert "xinlai" in page


def test_demonstration_logins_show_only_in_the_demonstration(cast, client, settings, tmp_path):
    settings.CANBAO_HOME = tmp_path
    login = {"role": "县级经办", "region": "示范县", "username": "xian", "password": "demo-7"}
    (tmp_path / "demo-logins.json").write_text(json.dumps([login]), encoding="utf-8")
    settings.CANBAO_EMBEDDED = False
    assert "demo-7" not in client.get(SIGN_IN).content.decode()
    settings.CANBAO_EMBEDDED = True
    page = client.get(SIGN_IN).content.decode()
    assert "demo-7" in page
    assert "演示数据，非真实统计" in page


def test_the_password_can_be_changed(cast, signed_in):
    browser = signed_in(cast.east_officer)
    new = "新的-密码-2024-a"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert browser.post(reverse("enrollment:password"), fields).status_code == 302
    cast.east_officer.refresh_from_db()
    assert cast.east_officer.check_password(new)
    assert actions() == ["change_password"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_opens_signed_out(cast, client, method):
    answer = getattr(client, method)("/990001/2024/residents/")
    assert answer.status_code == 302
    assert answer.url.startswith(SIGN_IN)
