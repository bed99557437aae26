"""Cash taken by agents, receipt by receipt, and the close of each agent's day."""

import pgtrigger
from django.db import models
from django.db.models import Q

from enrollment.scope import NOTHING, Placed, PlacedQuerySet, within
from subsidies.models.people import person_key


class CashDayQuerySet(models.QuerySet):
    """Days of agents, for the agents themselves and those above them."""

    def visible_to(self, user) -> "CashDayQuerySet":
        """The days of whoever works in the user's area."""
        region = getattr(user, "region", None)
        if region is None or not user.is_active or not user.job.sees_people:
            return self.filter(NOTHING)
        return self.filter(_taken_in(user))


def _taken_in(user) -> Q:
    """Taken by whoever works in this user's area."""
    if user.region.level == "village":
        return Q(agent__region=user.region)
    return within(user, "agent__region__")


class CashReceiptQuerySet(PlacedQuerySet):
    """Receipts, for those of the person's place and those of the agent's."""

    def visible_to(self, user) -> "CashReceiptQuerySet":
        """Of people in the user's area, or taken by whoever works there."""
        if not getattr(user, "is_authenticated", False) or not user.job.sees_people:
            return self.none()
        if user.region is None or not user.is_active:
            return self.none()
        return self.filter(within(user) | _taken_in(user))


class CashDay(models.Model):
    """日清: what an agent had taken on one day when it was closed; nothing is added afterwards.

    ``entries`` counts receipts and reversals, ``total`` is their sum in yuan. ``seen_by`` is the
    second person, never the agent.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    agent = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="代收人"
    )
    day = models.DateField("日期")
    entries = models.PositiveIntegerField("笔数")
    total = models.DecimalField("金额（元）", max_digits=12, decimal_places=2)
    closed_at = models.DateTimeField("日清时间", auto_now_add=True)
    seen_by = models.ForeignKey(
        "enrollment.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="复核人",
    )
    seen_at = models.DateTimeField("复核时间", null=True, blank=True)

    objects = CashDayQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "现金日清"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "agent", "day"],
                name="cashday_once",
                violation_error_message="这一天已经日清",
            ),
            models.CheckConstraint(
                condition=Q(seen_by__isnull=True, seen_at__isnull=True)
                | (Q(seen_by__isnull=False, seen_at__isnull=False) & ~Q(seen_by=models.F("agent"))),
                name="cashday_seen_by_another",
                violation_error_message="日清须由代收人以外的另一个人复核",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="cashday_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="cashday_unchanged",
                fields=["policy_year", "agent", "day", "entries", "total"],
            ),
        ]


class CashReceipt(Placed):
    """现金收据: cash an agent took from one person; a wrong one is reversed, never edited.

    ``taken_on`` is the day of the cash, ``remitted_on`` the day it was paid online: which one
    counts is the policy's to say (C16). Neither makes anybody insured; the tax bureau's detail
    does. The place is the person's.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("cash_receipts")
    agent = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="代收人"
    )
    number = models.PositiveIntegerField("收据号")
    amount = models.DecimalField("金额（元）", max_digits=10, decimal_places=2)
    tier = models.TextField("档次", blank=True)
    group = models.TextField("人群", blank=True)
    taken_on = models.DateField("收款日期")
    taken_at = models.DateTimeField("登记时间", auto_now_add=True)
    day = models.ForeignKey(
        CashDay, models.PROTECT, null=True, blank=True, related_name="receipts", verbose_name="日清"
    )
    reverses = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reversal",
        verbose_name="冲销收据",
    )
    reason = models.TextField("冲销原因", blank=True)
    reversed_at = models.DateTimeField("被冲销时间", null=True, blank=True)
    remitted_on = models.DateField("线上缴费日期", null=True, blank=True)
    serial = models.CharField("缴费流水号", max_length=60, blank=True)

    objects = CashReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "现金收据"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "number"],
                name="cashreceipt_number_once",
                violation_error_message="收据号重复",
            ),
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                condition=Q(reverses__isnull=True, reversed_at__isnull=True),
                name="cashreceipt_one_in_force",
                violation_error_message="这个人的现金已经收过",
            ),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True, amount__gt=0)
                | (Q(reverses__isnull=False, amount__lt=0) & ~Q(reason="")),
                name="cashreceipt_reversal_is_negative",
                violation_error_message="收据金额应大于 0；冲销为负数并写明原因",
            ),
            models.CheckConstraint(
                condition=Q(remitted_on__isnull=True)
                | Q(remitted_on__gte=models.F("taken_on"), reverses__isnull=True),
                name="cashreceipt_remitted_after_taken",
                violation_error_message="线上缴费日期不能早于收款日期",
            ),
        ]
        indexes = [
            models.Index(fields=["policy_year", "agent", "taken_on"], name="cashreceipt_agent"),
            models.Index(fields=["person"], name="cashreceipt_person"),
        ]
        triggers = [
            pgtrigger.Protect(name="cashreceipt_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="cashreceipt_unchanged",
                fields=[
                    "policy_year",
                    "person",
                    "agent",
                    "number",
                    "amount",
                    "taken_on",
                    "reverses",
                ],
            ),
        ]

    @property
    def shown(self) -> str:
        """The number as it is printed: 2024-000123."""
        return f"{self.policy_year.year}-{self.number:06}"
