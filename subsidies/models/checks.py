"""待核查: amounts that do not agree with the rule, sent to towns and villages, answered, closed."""

import pghistory
import pgtrigger
from django.db import models
from django.db.models import Q

from enrollment.models.people import tracked
from enrollment.scope import Placed, PlacedQuerySet
from subsidies.models.people import person_key


class CheckQuerySet(PlacedQuerySet):
    """Checks by where they are."""

    def open(self) -> "CheckQuerySet":
        """Sent, and neither recalled nor closed."""
        return self.filter(recalled_at__isnull=True, closed_at__isnull=True)


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class AmountCheck(Placed):
    """金额待核查: one person's amount, sent by the county to be looked at.

    ``due``, ``paid`` and ``difference`` (yuan, as in the ledger) are those of the day of sending
    and are never changed; the ledger's own stand beside them. The latest answer's word is kept
    for counting, all answers are rows of their own.
    """

    class Closed(models.TextChoices):
        RESOLVED = "resolved", "重新核定后已一致"
        BY_HAND = "by_hand", "县级办结"

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("amount_checks")
    due = models.DecimalField("下发时应缴", max_digits=10, decimal_places=2)
    paid = models.DecimalField("下发时已缴", max_digits=10, decimal_places=2)
    difference = models.DecimalField("下发时差额", max_digits=10, decimal_places=2)
    sent_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="下发人"
    )
    sent_at = models.DateTimeField("下发时间", auto_now_add=True)
    note = models.TextField("下发说明", blank=True)
    recalled_by = models.ForeignKey(
        "enrollment.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="收回人",
    )
    recalled_at = models.DateTimeField("收回时间", null=True, blank=True)
    answered_at = models.DateTimeField("答复时间", null=True, blank=True)
    closed = models.TextField("办结方式", choices=Closed.choices, blank=True)
    closed_by = models.ForeignKey(
        "enrollment.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="办结人",
    )
    closed_at = models.DateTimeField("办结时间", null=True, blank=True)
    conclusion = models.TextField("办结结论", blank=True)

    objects = CheckQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "金额待核查"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                condition=Q(recalled_at__isnull=True, closed_at__isnull=True),
                name="amountcheck_one_open",
                violation_error_message="这个人的金额已经下发核查",
            ),
            models.CheckConstraint(
                condition=Q(closed="", closed_at__isnull=True)
                | (~Q(closed="") & Q(closed_at__isnull=False)),
                name="amountcheck_closed_how_and_when",
                violation_error_message="办结方式和办结时间应同时填写",
            ),
            models.CheckConstraint(
                condition=Q(recalled_at__isnull=True) | Q(closed_at__isnull=True),
                name="amountcheck_recalled_or_closed",
                violation_error_message="已收回的核查不能再办结",
            ),
        ]
        indexes = [
            models.Index(fields=["policy_year", "town", "village"], name="amountcheck_place"),
            models.Index(fields=["person"], name="amountcheck_person"),
        ]


class CheckAnswer(models.Model):
    """核查答复: what a village or town found; a further one stands after it, never over it."""

    class Finding(models.TextChoices):
        LIST_LACKS = "list_lacks", "有资助身份，名单漏列"
        LIST_WRONG = "list_wrong", "名单有误，本人没有这一身份"
        RECOGNISED_LATER = "recognised_later", "缴费时还没有认定"
        OVERPAID = "overpaid", "多缴属实，应退费"
        SHORT = "short", "少缴属实，应补缴"
        PAYMENT_WRONG = "payment_wrong", "缴费记录有误，不是本人缴的"
        UNREACHABLE = "unreachable", "联系不上本人"
        OTHER = "other", "其他（请写明）"

    of = models.ForeignKey(AmountCheck, models.PROTECT, related_name="answers")
    finding = models.TextField("核查结果", choices=Finding.choices)
    text = models.TextField("说明", blank=True)
    by = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="答复人"
    )
    at = models.DateTimeField("答复时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "核查答复"
        ordering = ["pk"]
        triggers = [
            pgtrigger.Protect(
                name="checkanswer_append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(finding="other") | ~Q(text=""),
                name="checkanswer_other_is_explained",
                violation_error_message="选“其他”时请写明情况",
            )
        ]

    def __str__(self) -> str:
        return self.get_finding_display()
