"""两步验证: a code from the telephone beside the password (TOTP; works without a network).

Anybody may set it up; whoever may see full ID numbers must have, before the first one is shown.
Recovery codes are shown once, each opens once. Wrong codes are slowed down by django-otp.
"""

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import User

RECOVERY_CODES = 8
DUE, PASSED = "due", "passed"
SESSION_KEY = "second_factor"


def has_one(user: User) -> bool:
    """Whether this account asks for a code after the password."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def enough(user: User, session: SessionBase) -> bool:
    """Whether full numbers may be shown in this session; demonstration accounts are exempt."""
    return user.is_demo or session.get(SESSION_KEY) == PASSED


class Missing(Exception):
    """Full numbers were asked for with the password alone; the middleware leads to the page."""


def require(user: User, session: SessionBase) -> None:
    """Raise Missing where full numbers may not be shown in this session."""
    if not enough(user, session):
        raise Missing


def is_due(session: SessionBase) -> bool:
    """Whether the password was right and the code is still to come."""
    return session.get(SESSION_KEY) == DUE


def begin(user: User) -> TOTPDevice:
    """The device being set up: a secret not yet in force. Raises Failure where one is."""
    if has_one(user):
        raise Failure("has_one", "两步验证已经开通；换手机请先请安全管理员解除")
    device, _ = TOTPDevice.objects.get_or_create(
        user=user, confirmed=False, defaults={"name": "手机验证器"}
    )
    return device


@transaction.atomic
def confirm(user: User, code: str, *, address: str = "") -> list[str]:
    """Put the device into force with its first code; the recovery codes, to be shown once."""
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None:
        raise Failure("not_begun", "请先扫描二维码")
    if not device.verify_token(_cleaned(code)):
        raise Failure("wrong_code", "验证码不对。请看手机上现在显示的 6 位数字，并核对手机时间")
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    StaticDevice.objects.filter(user=user).delete()
    static = StaticDevice.objects.create(user=user, name="备用码")
    codes = [StaticToken.random_token() for _ in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=static, token=code) for code in codes)
    _note("start_second_factor", user, by=user, address=address)
    return codes


@transaction.atomic
def complaint(user: User, code: str) -> str:
    """What is wrong with ``code``: "" for the present one or an unused recovery code.

    Returned, not raised: what a wrong code slows down has to be kept.
    """
    code = _cleaned(code)
    devices = [
        *TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True),
        *StaticDevice.objects.select_for_update().filter(user=user, confirmed=True),
    ]
    if not all(device.verify_is_allowed()[0] for device in devices):
        return "验证码输错多次，请等一会儿再试。"
    # Six digits are the telephone's, anything else a recovery code: one wrong entry slows one.
    wanted = TOTPDevice if len(code) == 6 and code.isdecimal() else StaticDevice
    if any(device.verify_token(code) for device in devices if isinstance(device, wanted)):
        return ""
    return "验证码不对，或者已经用过；请等手机显示下一个再试。"


@transaction.atomic
def remove(user: User, *, by: User, address: str = "") -> None:
    """Take the second factor away, for a lost telephone; by another than its owner."""
    if user.pk == by.pk:
        raise Failure("oneself", "不能解除自己的两步验证；请安全管理员办理")
    if not by.job.may_grant or not User.objects.visible_to(by).filter(pk=user.pk).exists():
        raise Failure("not_allowed", "两步验证只能由本县的安全管理员解除")
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    _note("stop_second_factor", user, by=by, address=address)


def _cleaned(code: str) -> str:
    return "".join(code.split()).lower()


def _note(action: str, user: User, *, by: User, address: str) -> None:
    audit.record(
        action,
        by=by,
        county=user.region.county if user.region else None,
        subject=user.username,
        address=address,
    )
