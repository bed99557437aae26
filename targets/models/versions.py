"""政策版本: what a year's policy said after each change, who changed it and why."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models


class PolicyVersion(models.Model):
    """政策版本: the whole policy of a year as a pack, after one change of it.

    Append-only. ``text`` is what ``dump_policy`` would have printed then; what changed is computed
    from two texts, so it can always be said in today's words. ``username`` is empty where a
    command wrote it.
    """

    class Source(models.TextChoices):
        BASE = "base", "开始记录时"
        PACK = "pack", "载入政策包"
        PAGE = "page", "页面修改"
        ROSTER = "roster", "名册、区划等其他页面"
        RESTORED = "restored", "恢复以前的版本"
        CLONED = "cloned", "由上年复制"
        ACTIVATED = "activated", "启用"

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        on_delete=models.PROTECT,
        related_name="versions",
        verbose_name="参保年度",
    )
    number = models.PositiveIntegerField("版本号")
    at = models.DateTimeField("时间", auto_now_add=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="修改人",
    )
    source = models.TextField("来源", choices=Source.choices)
    why = models.TextField("原因", blank=True)
    text = models.TextField("政策包")
    digest = models.TextField("摘要")

    class Meta:
        verbose_name = "政策版本"
        verbose_name_plural = "政策版本"
        ordering = ["policy_year_id", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "number"],
                name="policyversion_number_once",
                violation_error_message="政策在这期间又有修改，请刷新后再试",
            )
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"第 {self.number} 版"


class PolicyDraft(models.Model):
    """修改稿: changes that only hold together, kept aside until all of them take effect at once.

    ``text`` is the pack as it would be, ``base`` the one in force when it was last changed: what
    changed in force since stays. It is well-formed, but may still disagree with itself (a
    new fee whose subsidies have yet to follow). ``renames`` are [table, old name, new name], so
    that a renamed rule keeps the facts that point at it. ``step`` counts the changes.
    """

    policy_year = models.OneToOneField(
        "enrollment.PolicyYear",
        on_delete=models.CASCADE,
        related_name="policy_draft",
        verbose_name="参保年度",
    )
    base = models.TextField("起草时的政策包")
    text = models.TextField("修改后的政策包")
    renames = models.JSONField("改名", default=list)
    step = models.PositiveIntegerField("改动次数", default=0)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="最后修改人",
    )
    changed_at = models.DateTimeField("最后修改时间", auto_now=True)

    class Meta:
        verbose_name = "修改稿"
        verbose_name_plural = "修改稿"

    def __str__(self) -> str:
        return f"{self.policy_year} 修改稿"


class CarriedRule(models.Model):
    """沿用上年，待核对: a rule copied from the year before that nobody has looked at yet.

    It is settled when somebody confirms it, or when the rule is changed: ``digest`` is that of the
    rule as it was copied.
    """

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        on_delete=models.CASCADE,
        related_name="carried_rules",
        verbose_name="参保年度",
    )
    table = models.TextField("表")
    label = models.TextField("规定")
    digest = models.TextField("摘要")
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="核对人",
    )
    confirmed_at = models.DateTimeField("核对时间", null=True, blank=True)

    class Meta:
        verbose_name = "沿用上年的规定"
        verbose_name_plural = "沿用上年的规定"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "table", "label"],
                name="carriedrule_once",
                violation_error_message="这一条已经标为沿用上年",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | models.Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="carriedrule_confirmed_by_and_at",
                violation_error_message="核对人和核对时间应同时填写",
            ),
        ]

    def __str__(self) -> str:
        return self.label
