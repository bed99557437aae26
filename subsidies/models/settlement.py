"""What is done with what was assessed: declared at zero, given back, got back, settled."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from enrollment.models.people import tracked
from enrollment.scope import Placed, PlacedQuerySet
from subsidies.models.people import person_key
from subsidies.models.rules import Category


def _by(word: str, *, empty: bool = False) -> models.ForeignKey:
    return models.ForeignKey(
        "enrollment.User",
        models.PROTECT,
        null=empty,
        blank=empty,
        related_name="+",
        verbose_name=word,
    )


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Declaration(Placed):
    """零申报登记: that an office declared somebody who owes 0 (C91, C107); its payment is 0.00.

    The payment makes the person insured (C25). Neither is ever deleted: a wrong declaration is
    withdrawn, which marks both.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("declarations")
    payment = models.OneToOneField(
        "enrollment.Payment", models.PROTECT, related_name="declaration", verbose_name="缴费记录"
    )
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="+", db_constraint=False, verbose_name="资助身份"
    )
    subsidy = models.DecimalField("资助金额", max_digits=10, decimal_places=2)
    office = models.TextField("办理单位")
    declared_on = models.DateField("申报日期")
    document = models.TextField("批次或凭证", blank=True)
    enrolled = models.BooleanField("同时登记参保", default=False)
    recorded_by = _by("登记人")
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)
    withdrawn_by = _by("撤回人", empty=True)
    withdrawn_at = models.DateTimeField("撤回时间", null=True, blank=True)
    withdrawn_reason = models.TextField("撤回原因", blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "零申报登记"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                condition=Q(withdrawn_at__isnull=True),
                name="declaration_once_per_year",
                violation_error_message="这个人本年度已经申报",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | (
                    Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False)
                    & ~Q(withdrawn_reason="")
                ),
                name="declaration_withdrawal_says_why",
                violation_error_message="撤回申报须写明原因",
            ),
        ]
        triggers = [pgtrigger.Protect(name="declaration_kept", operation=pgtrigger.Delete)]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Clearance(Placed):
    """代缴核对: the county's word that somebody may be paid for although a list speaks against it.

    It holds for the grounds named in it; one that comes later holds the person back again.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("clearances")
    grounds = ArrayField(models.TextField(), verbose_name="核对的原因")
    conclusion = models.TextField("核对结论")
    cleared_by = _by("核对人")
    cleared_at = models.DateTimeField("核对时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "代缴核对"
        constraints = [
            models.CheckConstraint(
                condition=~Q(conclusion=""),
                name="clearance_says_why",
                violation_error_message="请写明核对结论",
            )
        ]
        indexes = [models.Index(fields=["policy_year", "person"], name="clearance_person")]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Recovery(Placed):
    """资助收回: the state paid for somebody whom a later list calls dead, insured elsewhere ….

    Written by ``subsidies.recovery``; it stays when the entitlement ends. ``amount`` is what the
    state paid, in yuan. ``roster`` is the list that speaks against it, where there is one.
    """

    class State(models.TextChoices):
        OPEN = "open", "待处理"
        RECOVERED = "recovered", "已收回"
        WAIVED = "waived", "不予收回"

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("recoveries")
    grounds = ArrayField(models.TextField(), verbose_name="原因")
    amount = models.DecimalField("资助金额", max_digits=10, decimal_places=2)
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name="资助身份",
    )
    department = models.TextField("资助部门", blank=True)
    roster = models.ForeignKey(
        "enrollment.Roster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    found_at = models.DateTimeField("发现时间", auto_now_add=True)
    state = models.TextField("情况", choices=State.choices, default=State.OPEN)
    closed_on = models.DateField("收回日期", null=True, blank=True)
    recovered = models.DecimalField(
        "收回金额", max_digits=10, decimal_places=2, null=True, blank=True
    )
    reason = models.TextField("说明", blank=True)
    closed_by = _by("处理人", empty=True)
    closed_at = models.DateTimeField("处理时间", null=True, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "资助收回"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="recovery_once_per_year",
                violation_error_message="这个人本年度已在收回名单内",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_on=None, recovered=None, closed_at=None)
                | Q(
                    state="recovered",
                    closed_on__isnull=False,
                    recovered__gt=0,
                    recovered__lte=F("amount"),
                    closed_at__isnull=False,
                )
                | (Q(state="waived", recovered=None, closed_at__isnull=False) & ~Q(reason="")),
                name="recovery_state_has_values",
                violation_error_message="已收回须写日期和金额，不予收回须写原因",
            ),
        ]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class DifferenceEntry(Placed):
    """退补记录: what settles a difference, in yuan: more than 0 = 已退 to the person, less = 已补.

    Never changed: a wrong one is reversed by an entry of the opposite amount.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("difference_entries")
    amount = models.DecimalField("金额（元）", max_digits=10, decimal_places=2)
    settled_on = models.DateField("退补日期")
    document = models.TextField("批次或凭证")
    note = models.TextField("说明", blank=True)
    reverses = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reversed_by",
        verbose_name="冲销的记录",
    )
    recorded_by = _by("登记人")
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "退补记录"
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount=0),
                name="differenceentry_not_zero",
                violation_error_message="退补金额不能为 0",
            ),
            models.CheckConstraint(
                condition=~Q(document=""),
                name="differenceentry_has_document",
                violation_error_message="请填写退补的批次或凭证号",
            ),
        ]
        indexes = [models.Index(fields=["policy_year", "person"], name="differenceentry_person")]
        triggers = [
            pgtrigger.Protect(name="differenceentry_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="differenceentry_unchanged",
                fields=["policy_year", "person", "amount", "settled_on", "document", "reverses"],
            ),
        ]


class Settlement(models.Model):
    """年度结算: who settled the year, when, with what on its tables; undone only with a reason.

    ``figures`` holds totals and what was still open, ``checksum`` the ledger's, as they were.
    """

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear", models.PROTECT, related_name="settlements"
    )
    settled_by = _by("结算人", empty=True)
    settled_at = models.DateTimeField("结算时间", auto_now_add=True)
    note = models.TextField("说明", blank=True)
    figures = models.JSONField("结算时的数字", default=dict)
    checksum = models.TextField("台账校验码")
    undone_by = _by("撤销人", empty=True)
    undone_at = models.DateTimeField("撤销时间", null=True, blank=True)
    undone_reason = models.TextField("撤销原因", blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "年度结算"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year"],
                condition=Q(undone_at__isnull=True),
                name="settlement_once_per_year",
                violation_error_message="这个年度已经结算",
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True) | ~Q(undone_reason=""),
                name="settlement_undone_says_why",
                violation_error_message="撤销结算须写明原因",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_year}结算"
