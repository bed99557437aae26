"""The county's subsidy rules of one year: whom it helps, how much, from which purse."""

# NULL is a statement here: the notice does not say.
# ruff: noqa: DJ001

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from enrollment.models.rules import Rule


class CategoryLine(Rule):
    """测算表类别: a row and column of the overlap table; categories may share one (计生)."""

    name = models.TextField("类型", help_text="表中行、列的名称")
    note_name = models.TextField("说明用语", help_text="表下说明里的叫法，如 下岗职工")

    class Meta(Rule.Meta):
        verbose_name = "测算表类别"
        verbose_name_plural = "测算表类别"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="categoryline_name_once",
                violation_error_message="同一年度内测算表类别重复",
            )
        ]

    def __str__(self) -> str:
        return self.name


class Category(Rule):
    """资助对象类别: an identity some department recognises.

    ``order`` is the printed order; ``priority`` (small number first) decides who pays where the
    notice or its table ranks identities; NULL = not stated. Categories that only must be covered,
    or that only exclude others, carry no standard.
    """

    class Purpose(models.TextChoices):
        SUBSIDY = "subsidy", "参保资助"
        COVERED = "covered", "只计参保率"
        EXCLUSION = "exclusion", "仅作排除依据"

    name = models.TextField("类别")
    aliases = ArrayField(models.TextField(), verbose_name="别名", default=list, blank=True)
    purpose = models.TextField("用途", choices=Purpose.choices, default=Purpose.SUBSIDY)
    department = models.ForeignKey(
        "enrollment.Department",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="认定部门",
    )
    priority = models.PositiveSmallIntegerField("优先次序", null=True, blank=True)
    grade_kind = models.TextField("等级名称", blank=True, help_text="如 残疾等级；空 = 不分等级")
    grade_from = models.PositiveSmallIntegerField("等级自", null=True, blank=True)
    grade_to = models.PositiveSmallIntegerField("等级至", null=True, blank=True)
    definition = models.TextField("定义", blank=True)
    printed_name = models.TextField("表式名称", blank=True, help_text="对照表里印的名称")
    printed_order = models.PositiveSmallIntegerField("表式顺序", null=True, blank=True)
    sensitive = models.BooleanField("敏感", default=False)
    public_word = models.TextField("页面用语", blank=True)
    line = models.ForeignKey(
        CategoryLine, on_delete=models.SET_NULL, null=True, blank=True, verbose_name="测算表类别"
    )
    events = models.ManyToManyField(
        "enrollment.EventRule", related_name="categories", blank=True, verbose_name="可适用的情形"
    )
    focus_groups = models.ManyToManyField(
        "enrollment.FocusGroup", related_name="categories", blank=True, verbose_name="所属重点人群"
    )

    class Meta(Rule.Meta):
        verbose_name = "资助对象类别"
        verbose_name_plural = "资助对象类别"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="category_name_once",
                violation_error_message="同一年度内资助对象类别重复",
            ),
            models.CheckConstraint(
                condition=~Q(purpose="subsidy") | Q(department__isnull=False),
                name="category_paid_has_department",
                violation_error_message="有资助的类别必须写明认定部门",
            ),
            models.CheckConstraint(
                condition=Q(grade_from__isnull=True, grade_to__isnull=True)
                | Q(grade_from__lte=F("grade_to")),
                name="category_grades_in_order",
                violation_error_message="等级起止应同时填写，且起不大于止",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DepartmentAlias(models.Model):
    """部门叫法: what one department calls a category in its own lists (C31)."""

    category = models.ForeignKey(
        Category, on_delete=models.CASCADE, related_name="department_aliases", verbose_name="类别"
    )
    department = models.ForeignKey(
        "enrollment.Department", on_delete=models.CASCADE, related_name="+", verbose_name="部门"
    )
    name = models.TextField("叫法")

    class Meta:
        verbose_name = "部门叫法"
        verbose_name_plural = "部门叫法"
        ordering = ["category_id", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["category", "department", "name"],
                name="departmentalias_once",
                violation_error_message="该部门的这一叫法已经登记",
            )
        ]

    def __str__(self) -> str:
        return self.name


class PassedWord(models.Model):
    """不是资助身份的叫法: a word of a department's lists that means no category, asked once.

    Kept for the department beyond the year, as are the meanings of its headings.
    """

    county = models.ForeignKey("enrollment.Region", models.CASCADE, related_name="+")
    department = models.ForeignKey(
        "enrollment.Department", models.CASCADE, null=True, blank=True, related_name="+"
    )
    word = models.CharField("叫法", max_length=100)
    key = models.CharField("比对用", max_length=100, help_text="去掉写法差别之后")
    said_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    said_at = models.DateTimeField("说明时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "不是资助身份的叫法"
        constraints = [
            models.UniqueConstraint(
                fields=["county", "department", "key"],
                nulls_distinct=False,
                name="passedword_once",
                violation_error_message="这个叫法已经说明过",
            )
        ]

    def __str__(self) -> str:
        return self.word


class Standard(Rule):
    """资助标准, yuan per person: category × tier.

    ``method``: full = the whole personal fee; fixed = ``amount``; percent = ``percent`` of
    ``base``, half up, with ``amount`` holding the yuan the notice prints beside it. What is paid
    is always capped at the amount due and never negative. A tier without a row has no subsidy
    (在该档次不资助); ``not_stated`` says that the notice leaves it open. ``personal`` is the
    self-paid part as printed, kept to check the notice against itself.
    """

    class Method(models.TextChoices):
        FULL = "full", "全额"
        FIXED = "fixed", "定额"
        PERCENT = "percent", "按比例"
        NOT_STATED = "not_stated", "政策未规定"

    class Base(models.TextChoices):
        OWN_TIER = "own_tier", "所选档次个人缴费标准"
        FIRST_TIER = "first_tier", "第一档个人缴费标准"
        OWN_GROUP = "own_group", "本人群个人缴费标准"

    category = models.ForeignKey(
        Category, on_delete=models.CASCADE, related_name="standards", verbose_name="类别"
    )
    tier = models.ForeignKey(
        "enrollment.Tier", on_delete=models.CASCADE, related_name="+", verbose_name="档次"
    )
    group = models.ForeignKey(
        "enrollment.PopulationGroup",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="限人群",
    )
    method = models.TextField("方式", choices=Method.choices)
    amount = models.DecimalField("金额", max_digits=10, decimal_places=2, null=True, blank=True)
    percent = models.DecimalField("比例", max_digits=5, decimal_places=2, null=True, blank=True)
    base = models.TextField("比例基准", choices=Base.choices, null=True, blank=True)
    personal = models.DecimalField(
        "个人缴费", max_digits=10, decimal_places=2, null=True, blank=True
    )
    valid_from = models.DateField("起", null=True, blank=True)
    valid_to = models.DateField("止", null=True, blank=True)
    min_age = models.PositiveSmallIntegerField("年龄不小于", null=True, blank=True)
    max_age = models.PositiveSmallIntegerField("年龄不大于", null=True, blank=True)
    age_on = models.DateField("年龄计算日", null=True, blank=True)
    grade_from = models.PositiveSmallIntegerField("等级自", null=True, blank=True)
    grade_to = models.PositiveSmallIntegerField("等级至", null=True, blank=True)
    hukou_here = models.BooleanField("须本县户籍", null=True, blank=True)
    insured_here = models.BooleanField("须在本县参保", null=True, blank=True)
    requires = models.ManyToManyField(
        Category, related_name="+", blank=True, verbose_name="须同时属于"
    )
    excludes = models.ManyToManyField(Category, related_name="+", blank=True, verbose_name="不含")

    class Meta(Rule.Meta):
        verbose_name = "资助标准"
        verbose_name_plural = "资助标准"
        constraints = [
            models.CheckConstraint(
                condition=Q(method="full", percent__isnull=True, base__isnull=True)
                | Q(
                    method="fixed",
                    amount__isnull=False,
                    percent__isnull=True,
                    base__isnull=True,
                )
                | Q(method="percent", percent__isnull=False, base__isnull=False)
                | Q(
                    method="not_stated",
                    amount__isnull=True,
                    percent__isnull=True,
                    base__isnull=True,
                ),
                name="standard_method_has_values",
                violation_error_message="资助方式与金额、比例不一致",
            ),
            models.CheckConstraint(
                condition=(Q(amount__isnull=True) | Q(amount__gte=0))
                & (Q(percent__isnull=True) | Q(percent__gt=0, percent__lte=100)),
                name="standard_values_plausible",
                violation_error_message="资助金额不能为负，比例应大于 0 且不超过 100",
            ),
            models.CheckConstraint(
                condition=Q(min_age__isnull=True, max_age__isnull=True) | Q(age_on__isnull=False),
                name="standard_age_has_date",
                violation_error_message="有年龄条件的须写明按哪一天计算年龄",
            ),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_to__isnull=True)
                | Q(valid_from__lte=F("valid_to")),
                name="standard_validity_in_order",
                violation_error_message="资助标准的起始日不能晚于截止日",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.tier} {self.get_method_display()}"


class FundingPart(models.Model):
    """资金来源: one purse of a standard, by share (percent) or by amount (yuan); both NULL = all
    of it, or the split is not stated."""

    standard = models.ForeignKey(
        Standard, on_delete=models.CASCADE, related_name="funding", verbose_name="资助标准"
    )
    order = models.PositiveSmallIntegerField("顺序", default=0)
    fund = models.TextField("资金")
    share = models.DecimalField("比例", max_digits=5, decimal_places=2, null=True, blank=True)
    amount = models.DecimalField("金额", max_digits=10, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = "资金来源"
        verbose_name_plural = "资金来源"
        ordering = ["standard_id", "order", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["standard", "fund"],
                name="fundingpart_fund_once",
                violation_error_message="同一资助标准内资金名称重复",
            ),
            models.CheckConstraint(
                condition=Q(share__isnull=True) | Q(amount__isnull=True),
                name="fundingpart_share_or_amount",
                violation_error_message="资金来源只能填比例或金额中的一种",
            ),
        ]

    def __str__(self) -> str:
        return self.fund


class SubsidyRule(Rule):
    """资助规则: which identity counts, who wins, what happens to changes; NULL = not stated."""

    class Identity(models.TextChoices):
        AT_PAYMENT = "at_payment", "以参保缴费当时为准"
        WITHIN_WINDOW = "within_window", "集中参保缴费期内新增的当年享受，之后新增的下一年享受"
        CUT_OFF = "cut_off", "以规定时点为准"
        MONTH_OF_PAYMENT = "month_of_payment", "以缴费当月为准"

    class Several(models.TextChoices):
        HIGHEST = "highest", "就高"
        PRIORITY = "priority", "按优先次序"

    class Removed(models.TextChoices):
        KEEPS = "keeps", "当年仍享受"
        LOSES = "loses", "不再享受"

    class Tie(models.TextChoices):
        PRINTED_ORDER = "printed_order", "按文件所列顺序"

    identity = models.TextField("身份认定时点", choices=Identity.choices, null=True, blank=True)
    identity_cites = models.TextField("身份认定出处", blank=True)
    cut_off = models.DateTimeField("规定时点", null=True, blank=True)
    difference_due = models.BooleanField("缴费后认定的退补差额", null=True, blank=True)
    difference_cites = models.TextField("差额出处", blank=True)
    removed = models.TextField("期内退出", choices=Removed.choices, null=True, blank=True)
    removed_cites = models.TextField("期内退出出处", blank=True)
    several = models.TextField("多重身份", choices=Several.choices, null=True, blank=True)
    several_cites = models.TextField("多重身份出处", blank=True)
    several_source = models.TextField("多重身份来源", blank=True)
    tie = models.TextField("金额相同", choices=Tie.choices, null=True, blank=True)
    tie_cites = models.TextField("金额相同出处", blank=True)
    tie_source = models.TextField("金额相同来源", blank=True)
    extra_help = models.BooleanField("可另行扶持", null=True, blank=True)
    extra_help_text = models.TextField("另行扶持", blank=True)
    extra_help_cites = models.TextField("另行扶持出处", blank=True)
    late_windows = models.BooleanField("集中期后缴费仍资助", null=True, blank=True)
    late_windows_cites = models.TextField("集中期后资助出处", blank=True)
    fiscal_part = models.BooleanField("全额缴费时资助财政部分", null=True, blank=True)
    settlement = models.TextField("资金结算", blank=True)
    settlement_cites = models.TextField("资金结算出处", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "资助规则"
        verbose_name_plural = "资助规则"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year"],
                name="subsidyrule_one_per_year",
                violation_error_message="一个年度只有一条资助规则",
            ),
            models.CheckConstraint(
                condition=(Q(identity="cut_off") & Q(cut_off__isnull=False))
                | (~Q(identity="cut_off") & Q(cut_off__isnull=True))
                | Q(identity__isnull=True, cut_off__isnull=True),
                name="subsidyrule_cut_off_has_instant",
                violation_error_message="以规定时点为准时必须填写时点，其他情形不填",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_year} 资助规则"
