"""Visits: who answers for whom, and what came of calling on somebody."""

from django.db import models
from django.db.models import F, Q

from enrollment.models.people import Person
from enrollment.scope import Placed, PlacedQuerySet


class Contact(models.Model):
    """通讯录: somebody who answers for a unit; a village's are the people of its grid (网格)."""

    class Office(models.TextChoices):
        CADRE = "cadre", "包村干部"
        SECURITY = "security", "社保专干"
        HELPER = "helper", "协管员"
        TAX = "tax", "税务工作人员"
        CLERK = "clerk", "村（社区）代办员"
        TOWN = "town", "乡镇医保经办"
        COUNTY = "county", "县级医保经办"
        OTHER = "other", "其他"

    region = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="contacts", verbose_name="负责的单位"
    )
    name = models.CharField("姓名", max_length=60)
    office = models.CharField("身份", max_length=12, choices=Office)
    employer = models.CharField("工作单位", max_length=60, blank=True)
    phone = models.CharField("电话", max_length=30, blank=True)
    left_on = models.DateField("不再负责", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "通讯录"
        ordering = ["region_id", "office", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["region", "name", "office"],
                condition=Q(left_on__isnull=True),
                name="contact_once_per_unit",
                violation_error_message="通讯录里这个单位已有这个人",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}（{self.get_office_display()}）"


class Assignment(Placed):
    """走访分工: who of the grid calls on somebody in a year; households are shared out whole."""

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    contact = models.ForeignKey(Contact, models.PROTECT, related_name="assignments")

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "走访分工"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="assignment_once_per_year",
                violation_error_message="这个人本年度已分给别人走访",
            )
        ]
        indexes = [models.Index(fields=["person"], name="assignment_person")]


class Visit(Placed):
    """走访记录: one call on one person, by whom, and what came of it. Never edited: the last one
    holds, and its number is the version that a sheet carried out of the office must name."""

    class Method(models.TextChoices):
        DOOR = "door", "上门"
        PHONE = "phone", "电话"
        MESSAGE = "message", "微信、短信"
        OFFICE = "office", "来办事时"

    class Result(models.TextChoices):
        PAID = "paid", "已缴费，待税务数据"
        WILL_PAY = "will_pay", "同意参保，自行缴费"
        NOT_NOW = "not_now", "本人暂不参保（已告知政策）"
        NOT_REACHED = "not_reached", "暂未联系上"
        ELSEWHERE = "elsewhere", "称已在外地或职工参保，待取得凭证"
        MOVED = "moved", "称已迁出或登记有误，待核实"
        OTHER = "other", "其他（见说明）"

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="visits")
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="visits", db_constraint=False, db_index=False
    )
    visited_on = models.DateField("走访日期")
    method = models.CharField("方式", max_length=10, choices=Method)
    result = models.CharField("结果", max_length=12, choices=Result)
    visitor = models.CharField("走访人", max_length=60)
    note = models.CharField("说明", max_length=200, blank=True)
    next_on = models.DateField("下次走访", null=True, blank=True)
    recorded_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    recorded_at = models.DateTimeField("记录时间", auto_now_add=True)
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
        verbose_name = verbose_name_plural = "走访记录"
        constraints = [
            models.CheckConstraint(
                condition=Q(next_on__isnull=True) | Q(next_on__gte=F("visited_on")),
                name="visit_next_not_before",
                violation_error_message="下次走访不能早于本次走访",
            ),
            models.CheckConstraint(
                condition=~Q(result="other") | ~Q(note=""),
                name="visit_other_says_what",
                violation_error_message="结果是“其他”的，请写明说明",
            ),
        ]
        indexes = [
            models.Index(fields=["person"], name="visit_person"),
            models.Index(fields=["policy_year", "town", "village"], name="visit_place"),
        ]
