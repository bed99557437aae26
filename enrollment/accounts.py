"""Accounts: who works with the portal, in which role and region, granted by somebody else.

Three people share this (三员分立): the administrator opens and stops accounts, the security
administrator grants each its role and region, the auditor reads what both did. Nobody holds two
of these offices, and nobody decides about their own account.

Passwords made here are used once: they are shown to the administrator, never stored in clear, and
the first sign-in asks for a new one.
"""

import secrets
from datetime import timedelta
from typing import Any

from axes.utils import reset as unlock
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from enrollment import audit, directory
from enrollment.failure import Failure
from enrollment.models import Region, User
from enrollment.models.rules import Department
from enrollment.roles import OFFICES, ROLES

# Nothing that is easily mistaken for something else when read out over the phone.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
PASSWORD_LASTS = timedelta(days=90)
PASSWORD_WARNS = timedelta(days=7)


@transaction.atomic
def create(
    *,
    username: str,
    role: str,
    region: Region,
    by: User | None,
    department: Department | None = None,
    full_name: str = "",
    phone: str = "",
    password: str = "",
    address: str = "",
) -> tuple[User, str]:
    """A new account with its one-time password (or the ``password`` given).

    It cannot sign in until the security administrator has granted it (``grant``). ``by`` is None
    only for accounts made on the machine itself, which are granted at once. Raises Failure.
    """
    _refuse_keeping(by, region)
    user = User(
        username=username.strip(), full_name=full_name.strip(), phone=phone.strip(), is_staff=False
    )
    _assign(user, role=role, region=region, department=department)
    if User.objects.filter(username__iexact=user.username).exists():
        raise Failure("username_taken", f"用户名“{user.username}”已经有人用，请换一个")
    _refuse_two_offices(user)
    password = password or one_time_password()
    _set_password(user, password)
    if by is None:
        user.granted_at = timezone.now()
    else:
        user.is_active = False
    try:
        user.clean_fields()
    except ValidationError as error:
        sentences = [sentence for messages in error.message_dict.values() for sentence in messages]
        raise Failure("field", "；".join(sentences)) from error
    user.save()
    _note("create_account", user, by=by, address=address, **_grant(user))
    return user, password


@transaction.atomic
def grant(user: User, *, by: User, address: str = "") -> User:
    """Let a new account sign in, in the role and region that were asked for. Raises Failure."""
    user = _locked(user)
    _refuse_oneself(user, by, "给自己授权")
    if user.granted_at is not None:
        raise Failure("granted", f"{user.display_name}的账号已经授权")
    _refuse_granting(by, user.region)
    user.granted_at, user.granted_by, user.is_active = timezone.now(), by, True
    user.save(update_fields=["granted_at", "granted_by", "is_active"])
    _note("grant_account", user, by=by, address=address, **_grant(user))
    return user


@transaction.atomic
def assign(
    user: User,
    *,
    role: str,
    region: Region,
    by: User,
    department: Department | None = None,
    address: str = "",
) -> User:
    """Give an account another role or region. Nobody does that for themselves."""
    user = _locked(user)
    _refuse_oneself(user, by, "修改自己的岗位和区域")
    _refuse_granting(by, region)
    before = _grant(user)
    _assign(user, role=role, region=region, department=department)
    _refuse_two_offices(user)
    user.save(update_fields=["role", "region", "department"])
    _note("assign_account", user, by=by, address=address, before=before, after=_grant(user))
    return user


@transaction.atomic
def deactivate(user: User, *, by: User, address: str = "") -> User:
    """Stop an account: it cannot sign in and what is signed in ends. Its record stays."""
    user = _locked(user)
    _refuse_oneself(user, by, "停用自己的账号")
    _refuse_keeping(by, user.region)
    user.is_active = False
    user.save(update_fields=["is_active"])
    _note("stop_account", user, by=by, address=address)
    return user


@transaction.atomic
def activate(user: User, *, by: User, address: str = "") -> tuple[User, str]:
    """Let a stopped account sign in again, with a new one-time password."""
    user = _locked(user)
    _refuse_oneself(user, by, "启用自己的账号")
    _refuse_keeping(by, user.region)
    if user.granted_at is None:
        raise Failure("not_granted", "这个账号还没有授权，请安全管理员先授权")
    password = one_time_password()
    _set_password(user, password)
    user.is_active = True
    user.save(update_fields=["is_active", "password", "must_change_password", "password_set_at"])
    _note("start_account", user, by=by, address=address)
    return user, password


@transaction.atomic
def reset_password(user: User, *, by: User, address: str = "") -> str:
    """A new one-time password for somebody else; also opens an account locked by wrong ones."""
    user = _locked(user)
    _refuse_oneself(user, by, "重置自己的密码，请用右上角的“修改密码”")
    _refuse_keeping(by, user.region)
    if not user.is_active:
        raise Failure("inactive", "这个账号已停用，请先启用")
    password = one_time_password()
    _set_password(user, password)
    user.save(update_fields=["password", "must_change_password", "password_set_at"])
    unlock(username=user.username)
    _note("reset_password", user, by=by, address=address)
    return password


@transaction.atomic
def hand_over(
    user: User, *, username: str, full_name: str, phone: str, by: User, address: str = ""
) -> tuple[User, str]:
    """交接: somebody leaves; a successor's account in the same role and region takes over.

    The old account is stopped at once, the new one waits for its grant; the directory names the
    successor. Returns the successor with the one-time password. Raises Failure.
    """
    user = _locked(user)
    _refuse_oneself(user, by, "交接自己的账号")
    _refuse_keeping(by, user.region)
    if user.region is None:
        raise Failure("region", "这个账号没有区域，没有可交接的工作")
    user.is_active = False
    user.save(update_fields=["is_active"])
    successor, password = create(
        username=username,
        full_name=full_name,
        phone=phone,
        role=user.role,
        region=user.region,
        department=user.department,
        by=by,
        address=address,
    )
    listed = directory.succeed(user, successor)
    _note(
        "hand_over_account", user, by=by, address=address, successor=successor.username,
        contacts=listed,
    )  # fmt: skip
    return successor, password


def one_time_password() -> str:
    """Sixteen letters and digits in groups of four, some 79 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def must_change_password(user: User) -> bool:
    """Whether this account has to choose a password now: one it was given, or one too old.

    Demonstration accounts never have to.
    """
    if user.is_demo:
        return False
    return user.must_change_password or password_lasts(user) <= timedelta(0)


def password_lasts(user: User) -> timedelta:
    """How long the password may still be used; an account without a date has just begun."""
    since = user.password_set_at or user.date_joined
    return since + PASSWORD_LASTS - timezone.now()


def _set_password(user: User, password: str) -> None:
    user.set_password(password)
    user.password_set_at = timezone.now()
    user.must_change_password = not user.is_demo


def _assign(user: User, *, role: str, region: Region, department: Department | None) -> None:
    job = ROLES.get(role)
    if job is None:
        raise Failure("role", "请选择岗位")
    if region.level != job.level:
        level = {"county": "县", "town": "乡镇", "village": "村（社区）"}[job.level]
        raise Failure("region", f"“{job.title}”的区域应是{level}，请重新选择")
    if region.placeholder or region.valid_to:
        raise Failure("region", f"“{region.name}”不能作为账号的区域，请另选")
    if job.own_department and department is None:
        raise Failure("department", f"“{job.title}”要选所属部门")
    if department is not None and department.county_id != region.county_id:
        raise Failure("department", "部门不属于这个县")
    user.role, user.region = role, region
    user.department = department if job.own_department else None


def _refuse_keeping(by: User | None, region: Region | None) -> None:
    if by is not None and not (by.job.keeps_accounts and _same_county(by, region)):
        raise Failure("not_allowed", "只有本县的系统管理员可以建立、停用账号和重置密码")


def _refuse_granting(by: User, region: Region | None) -> None:
    if not (by.job.may_grant and _same_county(by, region)):
        raise Failure("not_allowed", "岗位和区域只能由本县的安全管理员授予")


def _same_county(by: User, region: Region | None) -> bool:
    return (
        by.is_active
        and by.region is not None
        and region is not None
        and by.region.county_id == region.county_id
    )


def _refuse_oneself(user: User, by: User, what: str) -> None:
    if user.pk == by.pk:
        raise Failure("oneself", f"不能{what}；须由另一位管理员办理")
    if not User.objects.visible_to(by).filter(pk=user.pk).exists():
        raise Failure("not_allowed", "只有本县的系统管理员和安全管理员可以管理这个账号")


def _refuse_two_offices(user: User) -> None:
    """Administrator, security administrator and auditor of a county are three people."""
    if user.role not in OFFICES or user.region is None:
        return
    others = User.objects.filter(
        region__county=user.region.county_id, role__in=set(OFFICES) - {user.role}
    ).exclude(pk=user.pk)
    for other in others.exclude(granted_at__isnull=False, is_active=False):
        same_name = user.full_name and user.full_name == other.full_name
        if same_name or (user.phone and user.phone == other.phone):
            raise Failure(
                "two_offices",
                f"{user.display_name}已经是{other.job.title}；系统管理员、安全管理员和审计"
                "须是三个人，请另选一人",
            )


def _locked(user: User) -> User:
    return User.objects.select_for_update(of=("self",)).select_related("region").get(pk=user.pk)


def _grant(user: User) -> dict[str, object]:
    return {
        "role": user.role,
        "region": user.region.key if user.region else "",
        "department": user.department.name if user.department else "",
    }


def _note(action: str, user: User, *, by: User | None, address: str, **details: Any) -> None:
    audit.record(
        action,
        by=by,
        county=user.region.county if user.region else None,
        subject=user.username,
        address=address,
        **details,
    )
