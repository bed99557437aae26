"""Enrolments and payments of a benefit year, and the insurance platform's own list."""

from datetime import datetime
from typing import Self

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q

from enrollment.models.people import Person, tracked
from enrollment.scope import Placed, PlacedQuerySet


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Enrollment(Placed):
    """参保登记: one person in one benefit year, and the place they count for."""

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        models.PROTECT,
        related_name="enrollments",
        db_constraint=False,
        db_index=False,
    )
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="enrollments", db_constraint=False, db_index=False
    )
    tier = models.ForeignKey(
        "enrollment.Tier", models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    group = models.ForeignKey(
        "enrollment.PopulationGroup",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    place_follows = models.BooleanField(
        "随户籍变动", default=True, help_text="否：登记或缴费时写明了参保地，人员迁移时不跟着变"
    )
    written_by = models.ForeignKey(
        "enrollment.Roster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    created_at = models.DateTimeField("登记时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "参保登记"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="enrollment_once_per_year",
                violation_error_message="同一参保年度内该人员已登记",
            )
        ]
        indexes = [
            models.Index(fields=["person"], name="enrollment_by_person"),
            models.Index(fields=["policy_year", "town", "village"], name="enrollment_by_place"),
        ]


class PaymentQuerySet(PlacedQuerySet):
    def counted(self, *, until: datetime | None = None) -> Self:
        """Rows that count: not withdrawn with their hand-in, paid at or before the cut-off."""
        rows = self.filter(withdrawn_at__isnull=True)
        return rows.filter(paid_at__lte=until) if until else rows


class Payment(Placed):
    """缴费记录: one line of the tax bureau. Refunds are negative; 0.00 is a zero declaration.

    Never edited or deleted (a trigger refuses it): withdrawing a hand-in marks its rows.
    The place is that of the enrolment and is kept by the verbs that move people.
    """

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        models.PROTECT,
        related_name="payments",
        db_constraint=False,
        db_index=False,
    )
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="payments", db_constraint=False, db_index=False
    )
    amount = models.DecimalField("金额（元）", max_digits=10, decimal_places=2)
    paid_at = models.DateTimeField("缴费时间")
    arrived_at = models.DateTimeField("到账时间", null=True, blank=True)
    channel = models.CharField("缴费渠道", max_length=40, blank=True)
    # NULL, not "", where a file has none: the unique constraint must pass over it.
    serial = models.CharField("流水号", max_length=60, null=True, blank=True)  # noqa: DJ001
    roster = models.ForeignKey(
        "enrollment.Roster",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
    )
    withdrawn_at = models.DateTimeField("撤回时间", null=True, blank=True)
    created_at = models.DateTimeField("入库时间", auto_now_add=True)

    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "缴费记录"
        constraints = [
            models.UniqueConstraint(
                fields=["county", "policy_year", "serial", "person"],
                condition=Q(serial__isnull=False, withdrawn_at__isnull=True),
                name="payment_serial_unique",
                violation_error_message="这个流水号已经入库",
            )
        ]
        indexes = [
            models.Index(
                fields=["policy_year", "person"],
                name="payment_person",
                include=["amount", "paid_at"],
                condition=Q(withdrawn_at__isnull=True),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="payment_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="payment_unchanged",
                fields=["policy_year", "person", "amount", "paid_at", "arrived_at", "serial"],
            ),
        ]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Cover(Placed):
    """平台参保记录: somebody on the insurance platform's own list for a year, or an earlier one."""

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        models.PROTECT,
        related_name="covers",
        db_constraint=False,
        db_index=False,
    )
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="covers", db_constraint=False, db_index=False
    )
    since = models.DateField("参保日期", null=True, blank=True)
    note = models.CharField("说明", max_length=200, blank=True)
    written_by = models.ForeignKey(
        "enrollment.Roster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "平台参保记录"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="cover_once_per_year",
                violation_error_message="这个人本年度已在平台名单内",
            )
        ]
        indexes = [models.Index(fields=["person"], name="cover_person")]
