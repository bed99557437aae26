"""Who may enrol where, by whose hand; whom lists take out, whom to look after."""

# NULL is a statement here: the notice does not say.
# ruff: noqa: DJ001

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from enrollment.models.rules.base import Hukou, Registration, Rule, texts
from enrollment.models.rules.fees import Attribute, PopulationGroup
from enrollment.models.rules.offices import Department
from enrollment.models.rules.paying import EventRule


class StatusKind(Rule):
    """人员状态: what a person can be instead of enrolled.

    ``order`` decides in which column a person with several statuses counts; ``bucket`` says what
    the status does to base and cover (C97: 参军 is deducted in one county, covered elsewhere in
    another). ``insurance`` names the insurance it proves, for 疑似重复参保 (C109). Whoever is
    insured otherwise, or is of a kind that ``bars_proxy``, is held back before the state pays.
    """

    class Bucket(models.TextChoices):
        DEDUCTED = "deducted", "从基数中扣减"
        OUT_OF_SCOPE = "out_of_scope", "不在参保范围"
        ELSEWHERE = "elsewhere", "在县外参保"
        COVERED = "covered", "另有基本医保"
        NONE = "none", "不影响统计"

    OUT_OF_BASE = (Bucket.DEDUCTED, Bucket.OUT_OF_SCOPE)
    """Take their holder out of the base (C97). Being insured elsewhere does not: such people are
    in the base and are counted among the covered."""

    class Insurance(models.TextChoices):
        RESIDENT = "resident", "居民医保"
        EMPLOYEE = "employee", "职工医保"
        OTHER = "other", "其他保障"

    name = models.TextField("状态")
    aliases = texts("别名")
    bucket = models.TextField("统计口径", choices=Bucket.choices)
    insurance = models.TextField("所参保险", choices=Insurance.choices, null=True, blank=True)
    sensitive = models.BooleanField("敏感", default=False)
    public_word = models.TextField("页面用语", blank=True)
    bars_proxy = models.BooleanField(
        "代缴前须核对", default=False, help_text="如死亡、服刑；写明所参保险的不必再写"
    )
    department = models.ForeignKey(
        Department, on_delete=models.PROTECT, null=True, blank=True, verbose_name="提供部门"
    )
    form_column = models.TextField("表式栏目", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "人员状态"
        verbose_name_plural = "人员状态"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="statuskind_name_once",
                violation_error_message="同一年度内人员状态名称重复",
            ),
            models.UniqueConstraint(
                fields=["policy_year", "order"],
                name="statuskind_order_once",
                violation_error_message="同一年度内人员状态的先后顺序重复",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Participant(Rule):
    """参保对象: a clause saying who may, or need not, enrol.

    ``about`` empty: residents in general. Somebody is judged by the clauses that are about them.
    """

    class About(models.TextChoices):
        RESIDENT = "resident", "一般居民"
        STUDENT = "student", "在校学生和在园幼儿"
        NEWBORN = "newborn", "新生儿"
        TALENT = "talent", "引进人才的家属"
        COMPATRIOT = "compatriot", "港澳台居民"
        COMPATRIOT_STUDENT = "compatriot_student", "港澳台学生"
        FOREIGNER = "foreigner", "外国人"
        FOREIGN_STUDENT = "foreign_student", "外国留学生"

    text = models.TextField("对象")
    about = ArrayField(
        models.TextField(choices=About.choices), verbose_name="说的是谁", default=list, blank=True
    )
    excluded = models.BooleanField("不属参保对象", default=False)
    unemployed = models.BooleanField("须未就业", default=False)
    hukou = models.TextField("户籍条件", choices=Hukou.choices, null=True, blank=True)
    documents = texts("所需证件")

    class Meta(Rule.Meta):
        verbose_name = "参保对象"
        verbose_name_plural = "参保对象"

    def __str__(self) -> str:
        return self.text


class RegistrarRule(Rule):
    """登记办理: who registers whom (C105, C111). NULL condition = whoever."""

    class Office(models.TextChoices):
        VILLAGE = "village", "村（社区）"
        TOWNSHIP = "township", "乡镇（街道）"
        TOWN_OFFICE = "town_office", "乡镇（街道）社保所"
        COUNTY_HALL = "county_hall", "县行政服务大厅"
        SCHOOL = "school", "学校"
        SELF = "self", "本人自助"

    text = models.TextField("规定")
    offices = ArrayField(
        models.TextField(choices=Office.choices), verbose_name="办理单位", default=list
    )
    registration = models.TextField("登记状态", choices=Registration.choices, null=True, blank=True)
    hukou = models.TextField("户籍条件", choices=Hukou.choices, null=True, blank=True)
    group = models.ForeignKey(
        PopulationGroup, on_delete=models.CASCADE, null=True, blank=True, verbose_name="限人群"
    )
    documents = texts("所需证件")

    class Meta(Rule.Meta):
        verbose_name = "登记办理"
        verbose_name_plural = "登记办理"

    def __str__(self) -> str:
        return self.text


class PlaceRule(Rule):
    """参保地: where somebody enrols."""

    class Place(models.TextChoices):
        HUKOU = "hukou", "户籍所在地"
        RESIDENCE = "residence", "居住地"
        SCHOOL = "school", "学校所在地"

    text = models.TextField("规定")
    place = models.TextField("参保地", choices=Place.choices)
    hukou = models.TextField("户籍条件", choices=Hukou.choices, null=True, blank=True)
    group = models.ForeignKey(
        PopulationGroup, on_delete=models.CASCADE, null=True, blank=True, verbose_name="限人群"
    )
    only = models.BooleanField("只能在此参保", default=False)

    class Meta(Rule.Meta):
        verbose_name = "参保地规则"
        verbose_name_plural = "参保地规则"

    def __str__(self) -> str:
        return self.text


class FocusGroup(Rule):
    """重点人群: whom the notice asks to look after (C36).

    Defined by what is filled in: age at ``age_on``, population group, attribute, special case; a
    subsidy category points here from its own side.
    """

    name = models.TextField("重点人群")
    definition = models.TextField("定义", blank=True)
    min_age = models.PositiveSmallIntegerField("年龄不小于", null=True, blank=True)
    max_age = models.PositiveSmallIntegerField("年龄不大于", null=True, blank=True)
    age_on = models.DateField("年龄计算日", null=True, blank=True)
    group = models.ForeignKey(
        PopulationGroup, on_delete=models.CASCADE, null=True, blank=True, verbose_name="人群"
    )
    attribute = models.ForeignKey(
        Attribute, on_delete=models.CASCADE, null=True, blank=True, verbose_name="个人属性"
    )
    event = models.ForeignKey(
        EventRule, on_delete=models.CASCADE, null=True, blank=True, verbose_name="特殊情形"
    )

    class Meta(Rule.Meta):
        verbose_name = "重点人群"
        verbose_name_plural = "重点人群"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="focusgroup_name_once",
                violation_error_message="同一年度内重点人群名称重复",
            )
        ]

    def __str__(self) -> str:
        return self.name
