"""The second step of signing in: codes, recovery codes, and what wants them."""

import re
import time

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from enrollment import second_factor
from enrollment.failure import Failure
from enrollment.models import AuditEvent
from enrollment.tests.cast import PASSWORD

pytestmark = pytest.mark.django_db

SET_UP = "enrollment:second-factor"
CODE = "enrollment:second-factor-code"


def shown(device: TOTPDevice, steps: int = 0) -> str:
    """What the telephone shows, now or some steps from now."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + steps * device.step
    return f"{totp.token():06}"


@pytest.fixture
def device(cast) -> TOTPDevice:
    """The clerk's telephone, set up a moment ago with the step before this one."""
    device = second_factor.begin(cast.red_star_clerk)
    second_factor.confirm(cast.red_star_clerk, shown(device, -1))
    device.refresh_from_db()
    return device


def sign_in(client: Client) -> str:
    answer = client.post(
        reverse("enrollment:sign-in"), {"username": "hongxing", "password": PASSWORD}
    )
    return answer["Location"]


def test_whoever_has_it_is_asked_before_any_page(cast, client, device):
    assert sign_in(client) == reverse(CODE)
    assert client.get("/")["Location"] == reverse(CODE)
    assert client.post(reverse(CODE), {"code": "000000"}).status_code == 400
    assert client.get("/")["Location"] == reverse(CODE)


def test_the_present_code_opens_and_only_once(cast, client, device):
    sign_in(client)
    code = shown(device)
    assert client.post(reverse(CODE), {"code": f"{code[:3]} {code[3:]}"}).status_code == 302
    assert AuditEvent.objects.filter(action="sign_in", user=cast.red_star_clerk).count() == 1
    again = Client()
    sign_in(again)
    assert again.post(reverse(CODE), {"code": code}).status_code == 400


def test_a_recovery_code_opens_once(cast, client):
    device = second_factor.begin(cast.red_star_clerk)
    codes = second_factor.confirm(cast.red_star_clerk, shown(device))
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    sign_in(client)
    assert client.post(reverse(CODE), {"code": codes[0].upper()}).status_code == 302
    assert second_factor.complaint(cast.red_star_clerk, codes[0])
    # A wrong entry slows the next one down, the right one included.
    assert "等一会儿" in second_factor.complaint(cast.red_star_clerk, codes[1])


def test_guessing_is_slowed_down(cast, device):
    assert "不对" in second_factor.complaint(cast.red_star_clerk, "000000")
    assert "等一会儿" in second_factor.complaint(cast.red_star_clerk, shown(device))


def test_setting_it_up_on_the_page(cast, signed_in):
    browser = signed_in(cast.red_star_clerk)
    page = browser.get(reverse(SET_UP)).content.decode()
    assert 'class="qr"' in page and "您的岗位可以查看完整证件号码" in page
    device = TOTPDevice.objects.get(user=cast.red_star_clerk)
    assert browser.post(reverse(SET_UP), {"code": "1"}).status_code == 400
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    page = browser.post(reverse(SET_UP), {"code": shown(device)}).content.decode()
    assert len(re.findall(r"<li><code>", page)) == second_factor.RECOVERY_CODES
    assert 'class="qr"' not in browser.get(reverse(SET_UP)).content.decode()


def test_full_numbers_want_it(cast, client):
    """With the password alone somebody who may reveal is sent to set it up."""
    client.force_login(cast.red_star_clerk, backend="django.contrib.auth.backends.ModelBackend")
    reveal = reverse("targets:reveal", args=["990001", 2024, cast.people["甲一"].pk])
    asked = {"field": "number", "reason": "核对证件"}
    assert client.post(reveal, asked)["Location"] == reverse(SET_UP)
    assert client.post(reveal, asked, headers={"HX-Request": "1"})["HX-Redirect"] == reverse(SET_UP)
    assert not AuditEvent.objects.filter(action="reveal").exists()
    cast.red_star_clerk.is_demo = True
    cast.red_star_clerk.save()
    assert client.post(reveal, asked).status_code == 200


def test_the_security_administrator_takes_a_lost_telephone_away(cast, client, device):
    with pytest.raises(Failure, match="安全管理员"):
        second_factor.remove(cast.red_star_clerk, by=cast.administrator)
    second_factor.remove(cast.red_star_clerk, by=cast.security)
    assert not second_factor.has_one(cast.red_star_clerk)
    assert sign_in(client) == "/"
