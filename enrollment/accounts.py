"""Accounts: who works with the portal, in which role and region, granted by somebody else.

Passwords made here are used once: they are shown to the administrator, never stored in clear, and
the first sign-in asks for a new one.
"""

import secrets
from typing import Any

from axes.utils import reset as unlock
from django.core.exceptions import ValidationError
from django.db import transaction

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import Region, User
from enrollment.models.rules import Department
from enrollment.roles import ROLES

# Nothing that is easily mistaken for something else when read out over the phone.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


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
    """A new account. Returns it with its one-time password (or the ``password`` given).

    ``by`` is None only for the first administrator, made on the machine itself. Raises Failure.
    """
    _refuse_grant(by, region)
    user = User(
        username=username.strip(), full_name=full_name.strip(), phone=phone.strip(), is_staff=False
    )
    _assign(user, role=role, region=region, department=department)
    if User.objects.filter(username__iexact=user.username).exists():
        raise Failure("username_taken", f"用户名“{user.username}”已经有人用，请换一个")
    password = password or one_time_password()
    _set_password(user, password)
    try:
        user.clean_fields()
    except ValidationError as error:
        sentences = [sentence for messages in error.message_dict.values() for sentence in messages]
        raise Failure("field", "；".join(sentences)) from error
    user.save()
    _note("create_account", user, by=by, address=address, **_grant(user))
    return user, password


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
    _refuse_grant(by, region)
    before = _grant(user)
    _assign(user, role=role, region=region, department=department)
    user.save(update_fields=["role", "region", "department"])
    _note("assign_account", user, by=by, address=address, before=before, after=_grant(user))
    return user


@transaction.atomic
def deactivate(user: User, *, by: User, address: str = "") -> User:
    """Stop an account: it cannot sign in and what is signed in ends. Its record stays."""
    user = _locked(user)
    _refuse_oneself(user, by, "停用自己的账号")
    user.is_active = False
    user.save(update_fields=["is_active"])
    _note("stop_account", user, by=by, address=address)
    return user


@transaction.atomic
def activate(user: User, *, by: User, address: str = "") -> tuple[User, str]:
    """Let a stopped account sign in again, with a new one-time password."""
    user = _locked(user)
    _refuse_oneself(user, by, "启用自己的账号")
    password = one_time_password()
    _set_password(user, password)
    user.is_active = True
    user.save(update_fields=["is_active", "password", "must_change_password"])
    _note("start_account", user, by=by, address=address)
    return user, password


@transaction.atomic
def reset_password(user: User, *, by: User, address: str = "") -> str:
    """A new one-time password for somebody else; also opens an account locked by wrong ones."""
    user = _locked(user)
    _refuse_oneself(user, by, "重置自己的密码，请用右上角的“修改密码”")
    if not user.is_active:
        raise Failure("inactive", "这个账号已停用，请先启用")
    password = one_time_password()
    _set_password(user, password)
    user.save(update_fields=["password", "must_change_password"])
    unlock(username=user.username)
    _note("reset_password", user, by=by, address=address)
    return password


def one_time_password() -> str:
    """Sixteen letters and digits in groups of four, some 79 bits."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def must_change_password(user: User) -> bool:
    """Whether this account has to choose its own password first; demonstration accounts never."""
    return user.must_change_password and not user.is_demo


def _set_password(user: User, password: str) -> None:
    user.set_password(password)
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


def _refuse_grant(by: User | None, region: Region) -> None:
    if by is None:
        return
    if not by.job.may_grant or by.region is None or by.region.county_id != region.county_id:
        raise Failure("not_allowed", "只有本县的系统管理员可以管理账号")


def _refuse_oneself(user: User, by: User, what: str) -> None:
    if user.pk == by.pk:
        raise Failure("oneself", f"不能{what}；岗位和区域须由另一位系统管理员办理")
    if not User.objects.visible_to(by).filter(pk=user.pk).exists():
        raise Failure("not_allowed", "只有本县的系统管理员可以管理这个账号")


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
