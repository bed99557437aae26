"""Who was recognised as what, what happened to whom, and what was assessed for them."""

from __future__ import annotations

from decimal import Decimal

import pghistory
from django.db import models
from django.db.models import F, Q

from enrollment.models import Person
from enrollment.models.people import tracked
from enrollment.scope import Placed, PlacedQuerySet
from subsidies.models.rules import Category, Standard


def person_key(related_name: str) -> models.ForeignKey:
    """A fact's person: no constraint, no index of its own, as facts are written in bulk."""
    return models.ForeignKey(
        Person,
        models.PROTECT,
        related_name=related_name,
        db_constraint=False,
        db_index=False,
        verbose_name="人员",
    )


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Entitlement(Placed):
    """身份认定: one person holds one category in one benefit year; every identity is kept.

    ``valid_from``/``valid_to`` are the department's own dates, both days inclusive; NULL = the
    list gives none. ``recognised_on`` is the day on which the identity was recognised (NULL = no
    list says; it then counts from always), ``removed_on`` the first day it no longer held.
    """

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear", models.PROTECT, related_name="entitlements"
    )
    person = person_key("entitlements")
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        related_name="entitlements",
        db_constraint=False,
        db_index=False,
        verbose_name="类别",
    )
    grade = models.PositiveSmallIntegerField("等级", null=True, blank=True)
    valid_from = models.DateField("有效起", null=True, blank=True)
    valid_to = models.DateField("有效止", null=True, blank=True)
    recognised_on = models.DateField("认定日期", null=True, blank=True)
    removed_on = models.DateField("退出日期", null=True, blank=True)
    source_word = models.TextField("名单原文", blank=True)
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
        verbose_name = verbose_name_plural = "身份认定"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "category", "person"],
                name="entitlement_once_per_year",
                violation_error_message="这个人本年度已有这一类别的认定",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_to__isnull=True)
                | Q(valid_from__lte=F("valid_to")),
                name="entitlement_validity_in_order",
                violation_error_message="有效起不能晚于有效止",
            ),
        ]
        indexes = [
            models.Index(fields=["person"], name="entitlement_person"),
            models.Index(fields=["policy_year", "category", "village"], name="entitlement_place"),
        ]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class AttributeRecord(Placed):
    """属性登记: somebody recorded that a person has an attribute, such as 返乡务工 (C11)."""

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("attribute_records")
    attribute = models.ForeignKey("enrollment.Attribute", models.PROTECT, related_name="+")
    evidence = models.TextField("依据", blank=True)
    recorded_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="登记人"
    )
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "属性登记"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person", "attribute"],
                name="attributerecord_once",
                violation_error_message="这个人本年度已登记过这一属性",
            )
        ]
        indexes = [models.Index(fields=["person"], name="attributerecord_person")]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class EventRecord(Placed):
    """情形登记: a special case happened to a person on a day; verified where the rule asks it.

    ``verified_by`` and ``verified_at`` are both set or both empty (C56).
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("event_records")
    event = models.ForeignKey("enrollment.EventRule", models.PROTECT, related_name="+")
    event_date = models.DateField("事由日期", null=True, blank=True)
    evidence = models.TextField("凭据", blank=True)
    recorded_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="登记人"
    )
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)
    verified_by = models.ForeignKey(
        "enrollment.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="核实人",
    )
    verified_at = models.DateTimeField("核实时间", null=True, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "情形登记"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="eventrecord_once",
                violation_error_message="这个人本年度已登记过特殊情形",
            ),
            models.CheckConstraint(
                condition=Q(verified_by__isnull=True, verified_at__isnull=True)
                | Q(verified_by__isnull=False, verified_at__isnull=False),
                name="eventrecord_verified_by_and_at",
                violation_error_message="核实人和核实时间应同时填写",
            ),
        ]
        indexes = [models.Index(fields=["person"], name="eventrecord_person")]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class ExtraHelp(Placed):
    """另行扶持: help of a township, collective or unit on top of the subsidy, in yuan (C114)."""

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = person_key("extra_help")
    giver = models.TextField("扶持单位")
    amount = models.DecimalField("金额（元）", max_digits=10, decimal_places=2)
    recorded_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, related_name="+", verbose_name="登记人"
    )
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "另行扶持"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person", "giver"],
                name="extrahelp_once_per_giver",
                violation_error_message="这个单位本年度对此人的扶持已登记",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0),
                name="extrahelp_positive",
                violation_error_message="扶持金额应大于 0",
            ),
        ]
        indexes = [models.Index(fields=["person"], name="extrahelp_person")]


class Assessed(Placed):
    """What the rules say for one person: the identity that pays, how much, and why.

    Written by ``subsidies.assessment`` only, and only where something differs. Amounts in yuan;
    NULL = 政策未规定. ``due`` is what is left for the person after the subsidy. ``category`` is
    the identity that pays, with department, paragraph and sentence as they were when assessed.
    """

    # Derived and written by the hundred thousand: no constraint triggers, few indexes.
    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    person = person_key("+")
    tier = models.ForeignKey(
        "enrollment.Tier",
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    group = models.ForeignKey(
        "enrollment.PopulationGroup",
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    fee = models.DecimalField("应缴标准", max_digits=10, decimal_places=2, null=True)
    subsidy = models.DecimalField("资助金额", max_digits=10, decimal_places=2, null=True)
    due = models.DecimalField("个人应缴", max_digits=10, decimal_places=2, null=True)
    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name="资助身份",
    )
    standard = models.ForeignKey(
        Standard,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name="资助标准",
    )
    department = models.TextField("资助部门", blank=True)
    cites = models.TextField("出处", blank=True)
    reason = models.TextField("理由", blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        abstract = True


class Estimate(Assessed):
    """资助测算: everybody on a list of a category with money, as if paying in the main window."""

    class Meta:
        verbose_name = verbose_name_plural = "资助测算"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="estimate_once_per_year",
                violation_error_message="这个人本年度已有测算",
            )
        ]
        indexes = [
            models.Index(fields=["policy_year", "town", "village"], name="estimate_place"),
        ]


class Subsidy(Assessed):
    """资助台账: people actually paid (or declared at zero) for the year; frozen once settled.

    ``difference``: what was paid beyond ``due`` (more than 0, to be given back), or short of
    ``due`` less ``extra`` (less than 0). Between the two it is 0: help may be paid in for somebody
    or handed to them.
    ``recognised_after``: the identity that pays was recognised after the payment and the policy
    grants the difference (C48), so it is a settlement, not a disagreement.
    """

    paid_on = models.DateField("缴费日期")
    paid = models.DecimalField("已缴金额", max_digits=10, decimal_places=2)
    extra = models.DecimalField("另行扶持", max_digits=10, decimal_places=2, default=Decimal(0))
    difference = models.DecimalField("差额", max_digits=10, decimal_places=2, null=True)
    recognised_after = models.BooleanField("缴费后认定", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "资助台账"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="subsidy_once_per_year",
                violation_error_message="这个人本年度已在资助台账内",
            )
        ]
        indexes = [
            models.Index(fields=["policy_year", "town", "village"], name="subsidy_place"),
        ]
