"""What enrolling costs: tiers, population groups, fees, and what people are by record."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from enrollment.models.rules.base import Rule, money, texts


class Tier(Rule):
    """参保档次."""

    name = models.TextField("档次")
    aliases = texts("别名")

    class Meta(Rule.Meta):
        verbose_name = "参保档次"
        verbose_name_plural = "参保档次"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="tier_name_once",
                violation_error_message="同一年度内档次名称重复",
            )
        ]

    def __str__(self) -> str:
        return self.name


class PopulationGroup(Rule):
    """人群: people who pay a fee of their own, such as 大学生."""

    name = models.TextField("人群")
    aliases = texts("别名")
    definition = models.TextField("定义", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "人群"
        verbose_name_plural = "人群"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="populationgroup_name_once",
                violation_error_message="同一年度内人群名称重复",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Fee(Rule):
    """筹资标准, yuan per person and year: tier × population group.

    ``fiscal`` NULL: this year's fiscal part is not stated, so a full price cannot be quoted (C44).
    ``fiscal_prior`` is what the notice prints for the year before; it never enters a price.
    """

    tier = models.ForeignKey(Tier, on_delete=models.CASCADE, verbose_name="档次")
    group = models.ForeignKey(PopulationGroup, on_delete=models.CASCADE, verbose_name="人群")
    personal = models.DecimalField("个人缴费", max_digits=10, decimal_places=2)
    fiscal = money("财政补助")
    fiscal_prior = money("上年财政补助")
    fiscal_from = models.TextField("财政补助承担", blank=True)
    fiscal_cites = models.TextField("财政补助出处", blank=True)
    basis = models.TextField("依据", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "筹资标准"
        verbose_name_plural = "筹资标准"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "tier", "group"],
                name="fee_once_per_tier_and_group",
                violation_error_message="该档次、该人群的筹资标准已经存在",
            ),
            models.CheckConstraint(
                condition=Q(personal__gte=0) & (Q(fiscal__isnull=True) | Q(fiscal__gte=0)),
                name="fee_not_negative",
                violation_error_message="筹资标准不能为负数",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} {self.group} {self.personal}"


class Attribute(Rule):
    """个人属性: something a person is because somebody recorded it, with who and when (C11)."""

    name = models.TextField("属性")
    aliases = texts("别名")
    definition = models.TextField("定义", blank=True)
    evidence = models.TextField("认定依据", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "个人属性"
        verbose_name_plural = "个人属性"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="attribute_name_once",
                violation_error_message="同一年度内个人属性名称重复",
            )
        ]

    def __str__(self) -> str:
        return self.name
