"""The people who work with the portal."""

from typing import Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from enrollment.roles import NO_ROLE, ROLE_CHOICES, ROLES, Role


class UserQuerySet(models.QuerySet):
    def visible_to(self, user) -> Self:
        """Accounts of the county, for those who open them and those who grant; nobody else's."""
        region = getattr(user, "region", None)
        if region is None or not user.is_active:
            return self.none()
        if not (user.job.keeps_accounts or user.job.may_grant):
            return self.none()
        return self.filter(region__county=region.county_id)


class AccountManager(UserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Named, so that migrations can find it."""


class User(AbstractUser):
    """经办人员: one account, one region, one role.

    Opened by the administrator with the role asked for, and stopped until another, the security
    administrator, has granted it (``granted_at``).
    """

    role = models.CharField("岗位", max_length=20, choices=ROLE_CHOICES, blank=True)
    region = models.ForeignKey(
        "enrollment.Region",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        verbose_name="所属区域",
    )
    department = models.ForeignKey(
        "enrollment.Department",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        verbose_name="所属部门",
    )
    full_name = models.CharField("姓名", max_length=60, blank=True)
    phone = models.CharField("联系电话", max_length=30, blank=True)
    must_change_password = models.BooleanField(
        "首次登录须改密码", default=False, help_text="密码由系统管理员给定，本人还没有改过"
    )
    password_set_at = models.DateTimeField("密码修改时间", null=True, blank=True)
    granted_by = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="授权人"
    )
    granted_at = models.DateTimeField("授权时间", null=True, blank=True)
    is_demo = models.BooleanField(
        "演示账号", default=False, help_text="只在内置数据库的演示环境中使用"
    )

    objects = AccountManager()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):
        verbose_name = verbose_name_plural = "经办人员"

    @property
    def job(self) -> Role:
        """What the role may do; no role may nothing."""
        return ROLES.get(self.role, NO_ROLE)

    @property
    def display_name(self) -> str:
        return self.full_name or self.username


class PastPassword(models.Model):
    """用过的密码: the hash of a password an account has had, so that it is not chosen again."""

    user = models.ForeignKey(User, models.CASCADE, related_name="past_passwords")
    password = models.CharField("密码摘要", max_length=128)
    set_at = models.DateTimeField("设置时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "用过的密码"
