"""The offices of a county, and the lists they owe."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from enrollment.models.rules.base import Rule, texts


class Department(models.Model):
    """部门: an office of the county that hands in lists; it outlives any one year."""

    county = models.ForeignKey(
        "enrollment.Region", on_delete=models.PROTECT, related_name="+", verbose_name="县"
    )
    name = models.TextField("名称")
    short = models.TextField("表式简称", blank=True, help_text="官方表格里印的名称")
    aliases = texts("别名")
    order = models.PositiveSmallIntegerField("顺序", default=0)

    class Meta:
        verbose_name = "部门"
        verbose_name_plural = "部门"
        ordering = ["county_id", "order", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["county", "name"],
                name="department_name_once_per_county",
                violation_error_message="该县已有同名部门",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Duty(Rule):
    """部门职责: which lists a department gives, and by which day of the month.

    Without ``due_day`` a department is never late (C110).
    """

    department = models.ForeignKey(Department, on_delete=models.CASCADE, verbose_name="部门")
    text = models.TextField("职责")
    lists = texts("提供的名单", help_text="资助对象类别或人员状态的名称")
    due_day = models.PositiveSmallIntegerField("每月几日以前", null=True, blank=True)

    class Meta(Rule.Meta):
        verbose_name = "部门职责"
        verbose_name_plural = "部门职责"
        constraints = [
            models.CheckConstraint(
                condition=Q(due_day__isnull=True) | Q(due_day__range=(1, 31)),
                name="duty_due_day_in_month",
                violation_error_message="报送日应在 1 至 31 之间",
            )
        ]

    def __str__(self) -> str:
        return f"{self.department} {self.text}"
