"""What every rule carries: its year, its printed order, its paragraph; what stays open."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


def texts(label: str, help_text: str = "") -> ArrayField:
    return ArrayField(
        models.TextField(), verbose_name=label, default=list, blank=True, help_text=help_text
    )


def money(label: str) -> models.DecimalField:
    return models.DecimalField(label, max_digits=10, decimal_places=2, null=True, blank=True)


class Rule(models.Model):
    """What every rule row carries: its year, its printed order, its paragraph."""

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear", on_delete=models.CASCADE, verbose_name="参保年度"
    )
    order = models.PositiveSmallIntegerField("顺序", default=0)
    cites = models.TextField("出处", blank=True, help_text="文件段落，如 二（五）第3款")
    source = models.TextField("来源", blank=True, help_text="文件没有写、由县补录的依据")
    note = models.TextField("说明", blank=True)

    class Meta:
        abstract = True
        ordering = ["policy_year_id", "order", "pk"]


class Hukou(models.TextChoices):
    """户籍条件."""

    HERE = "here", "本县户籍"
    CITY = "city", "本市户籍"
    ELSEWHERE = "elsewhere", "非本县户籍"
    OUTSIDE = "outside", "市外户籍"


class Registration(models.TextChoices):
    """登记状态: whether somebody was ever registered for the resident insurance (C17, C105)."""

    FIRST = "first", "新参保"
    RENEWAL = "renewal", "已登记"


class NotStated(Rule):
    """政策未规定: a question the notice leaves open."""

    topic = models.TextField("主题")
    question = models.TextField("未规定的事项")

    class Meta(Rule.Meta):
        verbose_name = "政策未规定事项"
        verbose_name_plural = "政策未规定事项"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "topic"],
                name="notstated_topic_once",
                violation_error_message="同一年度内该主题已列为未规定",
            )
        ]

    def __str__(self) -> str:
        return self.question
