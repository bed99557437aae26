"""任务: the numbers themselves, version by version; issued ones are never edited."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class TargetVersion(models.Model):
    """任务版本: one set of targets, set by one region for its own units.

    Several drafts may stand beside the issued numbers; the issued version with the highest number
    is in force, a later revision is a new version.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "草稿"
        ISSUED = "issued", "已下达"

    class Source(models.TextChoices):
        PACK = "pack", "政策包"
        COMPUTED = "computed", "由名册计算"
        LIST = "list", "任务名单"
        EDITED = "edited", "页面录入"

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        on_delete=models.CASCADE,
        related_name="target_versions",
        verbose_name="参保年度",
    )
    set_by = models.ForeignKey(
        "enrollment.Region", on_delete=models.PROTECT, related_name="+", verbose_name="下达单位"
    )
    number = models.PositiveSmallIntegerField("版次")
    state = models.TextField("状态", choices=State.choices, default=State.DRAFT)
    source = models.TextField("来源", choices=Source.choices)
    document = models.TextField("文号", blank=True)
    title = models.TextField("文件标题", blank=True)
    issued_on = models.DateField("下达日期", null=True, blank=True)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="下达人",
    )
    roster = models.ForeignKey(
        "enrollment.Roster",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="任务名单",
    )
    cites = models.TextField("出处", blank=True)
    note = models.TextField("说明", blank=True)
    created_at = models.DateTimeField("建立时间", auto_now_add=True)

    class Meta:
        verbose_name = "任务版本"
        verbose_name_plural = "任务版本"
        ordering = ["policy_year_id", "set_by_id", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "set_by", "number"],
                name="targetversion_number_once",
                violation_error_message="该单位这一版次的任务已经存在",
            ),
            models.CheckConstraint(
                condition=~Q(state="issued") | Q(issued_on__isnull=False),
                name="targetversion_issued_has_date",
                violation_error_message="下达任务必须写明下达日期",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.set_by} 第 {self.number} 版（{self.get_state_display()}）"


class Target(models.Model):
    """任务数 of one region in one version; what a notice does not give is NULL.

    A region's own row comes before the sum of its children's.
    """

    version = models.ForeignKey(
        TargetVersion, on_delete=models.CASCADE, related_name="targets", verbose_name="版本"
    )
    region = models.ForeignKey(
        "enrollment.Region", on_delete=models.PROTECT, related_name="+", verbose_name="单位"
    )
    population = models.PositiveIntegerField("户籍人口数", null=True, blank=True)
    deductions = models.PositiveIntegerField("扣减人数", null=True, blank=True)
    base = models.PositiveIntegerField("参保基数", null=True, blank=True)
    rate = models.DecimalField("比例", max_digits=5, decimal_places=4, null=True, blank=True)
    target = models.PositiveIntegerField("任务数")
    note = models.TextField("说明", blank=True, help_text="如合计为何不等于各行相加")

    class Meta:
        verbose_name = "任务数"
        verbose_name_plural = "任务数"
        ordering = ["version_id", "region__order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "region"],
                name="target_once_per_region",
                violation_error_message="该单位在这一版任务中已有任务数",
            ),
            models.CheckConstraint(
                condition=Q(base__isnull=True)
                | Q(population__isnull=True)
                | Q(deductions__isnull=True)
                | Q(base=F("population") - F("deductions")),
                name="target_base_adds_up",
                violation_error_message="参保基数不等于户籍人口减扣减人数",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.target}"


class TargetDeduction(models.Model):
    """分项扣减: one item of a target's deductions, where they are itemised."""

    target = models.ForeignKey(
        Target, on_delete=models.CASCADE, related_name="items", verbose_name="任务数"
    )
    kind = models.TextField("项目")
    people = models.PositiveIntegerField("人数")

    class Meta:
        verbose_name = "分项扣减"
        verbose_name_plural = "分项扣减"
        ordering = ["target_id", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["target", "kind"],
                name="targetdeduction_kind_once",
                violation_error_message="同一单位的扣减项目重复",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.people}"
