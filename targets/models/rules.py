"""How targets are set, what is aimed at, how it is reported, and how the official forms look."""

# NULL is a statement here: the notice does not say.
# ruff: noqa: DJ001

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from enrollment.models.rules import Rule, StatusKind


class TargetRule(Rule):
    """任务规则: rate × base, half up, or numbers assigned as they are.

    ``total`` says where the total row comes from: Jinzhai's 571028 is round(601082 × 0.95), not
    the sum of its rows, 571027 (C7).
    """

    class Method(models.TextChoices):
        RATE = "rate", "基数乘以比例"
        ASSIGNED = "assigned", "直接下达"

    class Rounding(models.TextChoices):
        HALF_UP = "half_up", "四舍五入"

    class Total(models.TextChoices):
        FROM_BASE = "from_base", "由合计基数计算"
        SUM = "sum", "各单位相加"

    class Deductions(models.TextChoices):
        LUMPED = "lumped", "合并一个数"
        ITEMISED = "itemised", "分项"

    method = models.TextField("方法", choices=Method.choices)
    rate = models.DecimalField("比例", max_digits=5, decimal_places=4, null=True, blank=True)
    rounding = models.TextField("取整", choices=Rounding.choices, default=Rounding.HALF_UP)
    rounding_source = models.TextField("取整依据", blank=True)
    total = models.TextField("合计", choices=Total.choices, default=Total.SUM)
    total_source = models.TextField("合计依据", blank=True)
    base_formula = models.TextField("基数公式", blank=True)
    deductions = models.TextField("扣减", choices=Deductions.choices, null=True, blank=True)
    deductions_open = models.BooleanField("扣减项目未列尽", default=False)
    base_word = models.TextField("文件对基数的叫法", blank=True)
    target_word = models.TextField("文件对任务的叫法", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "任务规则"
        verbose_name_plural = "任务规则"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year"],
                name="targetrule_one_per_year",
                violation_error_message="一个年度只有一条任务规则",
            ),
            models.CheckConstraint(
                condition=Q(method="rate", rate__gt=0) | Q(method="assigned", rate__isnull=True),
                name="targetrule_rate_fits_method",
                violation_error_message="按比例计算时须填写比例，直接下达时不填",
            ),
        ]

    def __str__(self) -> str:
        return self.get_method_display()


class Denominator(Rule):
    """参保率分母: the population a participation rate is measured against."""

    class Kind(models.TextChoices):
        REGISTERED = "registered", "户籍人口"
        RESIDENT = "resident", "常住人口"
        BASE = "base", "参保基数"
        GROUP = "group", "该类人员"

    kind = models.TextField("口径", choices=Kind.choices)
    name = models.TextField("名称")
    department = models.ForeignKey(
        "enrollment.Department",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="提供部门",
    )
    definition = models.TextField("定义", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "参保率分母"
        verbose_name_plural = "参保率分母"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="denominator_name_once",
                violation_error_message="同一年度内参保率分母重复",
            )
        ]

    def __str__(self) -> str:
        return self.name


class PopulationFigure(models.Model):
    """人口数: a published number for one region, entered by hand with its source; no pack part."""

    denominator = models.ForeignKey(
        Denominator, on_delete=models.CASCADE, related_name="figures", verbose_name="分母"
    )
    region = models.ForeignKey(
        "enrollment.Region", on_delete=models.PROTECT, related_name="+", verbose_name="单位"
    )
    people = models.PositiveIntegerField("人数")
    as_of = models.DateField("截至")
    source = models.TextField("来源")

    class Meta:
        verbose_name = "人口数"
        verbose_name_plural = "人口数"
        ordering = ["denominator_id", "region_id", "-as_of"]
        constraints = [
            models.UniqueConstraint(
                fields=["denominator", "region", "as_of"],
                name="populationfigure_once",
                violation_error_message="该单位这一时点的人口数已经录入",
            )
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.people}"


class Goal(Rule):
    """工作目标: a rate to be reached, for everybody or for a union of groups (distinct people)."""

    class Kind(models.TextChoices):
        PARTICIPATION = "participation", "参保率"
        COMPLETION = "completion", "任务完成率"
        GROUP = "group", "重点人群参保率"
        COHORT = "cohort", "时限内参保率"

    name = models.TextField("目标")
    kind = models.TextField("种类", choices=Kind.choices)
    rate = models.DecimalField("不低于", max_digits=5, decimal_places=4)
    denominator = models.ForeignKey(
        Denominator, on_delete=models.PROTECT, null=True, blank=True, verbose_name="分母"
    )
    categories = models.ManyToManyField(
        "subsidies.Category", related_name="goals", blank=True, verbose_name="包含的类别"
    )
    event = models.ForeignKey(
        "enrollment.EventRule",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="特殊情形",
    )
    elsewhere_counts = models.BooleanField("职工医保或异地参保算参保", null=True, blank=True)

    class Meta(Rule.Meta):
        verbose_name = "工作目标"
        verbose_name_plural = "工作目标"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="goal_name_once",
                violation_error_message="同一年度内工作目标重复",
            ),
            models.CheckConstraint(
                condition=Q(rate__gt=0),
                name="goal_rate_positive",
                violation_error_message="目标比例应大于 0",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Cadence(Rule):
    """推进机制: three instruments, not one at three periods (C35). 旬 = 1–10, 11–20, 21–end."""

    class Period(models.TextChoices):
        WEEK = "week", "周"
        XUN = "xun", "旬"
        MONTH = "month", "月"

    class Instrument(models.TextChoices):
        CIRCULAR = "circular", "通报"
        DISPATCH = "dispatch", "调度"
        INSPECTION = "inspection", "督查"

    period = models.TextField("周期", choices=Period.choices, null=True, blank=True)
    instrument = models.TextField("形式", choices=Instrument.choices)
    text = models.TextField("规定", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "推进机制"
        verbose_name_plural = "推进机制"

    def __str__(self) -> str:
        return f"{self.get_period_display() or ''}{self.get_instrument_display()}"


class Ranking(Rule):
    """排名: who is commended after the window; without weights the formula is not stated."""

    text = models.TextField("规定")
    commend_first = models.PositiveSmallIntegerField("表彰前几名", null=True, blank=True)
    follow_up = models.TextField("跟踪问效", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "排名规则"
        verbose_name_plural = "排名规则"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year"],
                name="ranking_one_per_year",
                violation_error_message="一个年度只有一条排名规则",
            )
        ]

    def __str__(self) -> str:
        return self.text


class RankingWeight(models.Model):
    """排名权重: one indicator of the composite; its weight may still be open."""

    ranking = models.ForeignKey(
        Ranking, on_delete=models.CASCADE, related_name="weights", verbose_name="排名规则"
    )
    order = models.PositiveSmallIntegerField("顺序", default=0)
    goal = models.ForeignKey(Goal, on_delete=models.CASCADE, verbose_name="指标")
    weight = models.DecimalField("权重", max_digits=5, decimal_places=2, null=True, blank=True)

    class Meta:
        verbose_name = "排名权重"
        verbose_name_plural = "排名权重"
        ordering = ["ranking_id", "order", "pk"]

    def __str__(self) -> str:
        return f"{self.goal} {self.weight}"


class Form(Rule):
    """表式: an official table as the county prints it."""

    class Orientation(models.TextChoices):
        PORTRAIT = "portrait", "纵向"
        LANDSCAPE = "landscape", "横向"

    key = models.TextField(
        "表名", help_text="targets progress overlap contrast out-of-county summary batch-file"
    )
    region = models.ForeignKey(
        "enrollment.Region",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="制表单位",
    )
    title = models.TextField("标题", help_text="照原样，含标题内的换行")
    annex = models.TextField("附件", blank=True, help_text="如 附件1")
    head_left = models.TextField("表头左", blank=True)
    head_right = models.TextField("表头右", blank=True)
    orientation = models.TextField(
        "纸张方向", choices=Orientation.choices, default=Orientation.PORTRAIT
    )
    total_label = models.TextField("合计行", blank=True)
    printed_names = models.BooleanField("用文件所印单位名", default=False)
    sample_rows = models.PositiveSmallIntegerField("空白行数", default=0)
    rows_per_file = models.PositiveIntegerField(
        "每个文件行数", null=True, blank=True, help_text="报盘按这个行数分成几个文件"
    )
    notes = ArrayField(models.TextField(), verbose_name="备注", default=list, blank=True)

    class Meta(Rule.Meta):
        verbose_name = "表式"
        verbose_name_plural = "表式"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "key"],
                name="form_key_once",
                violation_error_message="同一年度内表名重复",
            )
        ]

    def __str__(self) -> str:
        return self.title


class FormColumn(models.Model):
    """表式栏目: its heading (from the outermost merged head inward) and the figure it holds."""

    class Figure(models.TextChoices):
        INDEX = "index", "序号"
        REGION = "region", "单位"
        TOWN = "town", "乡镇"
        VILLAGE = "village", "村"
        POPULATION = "population", "户籍人口数"
        DEDUCTIONS = "deductions", "扣减人数"
        BASE = "base", "参保基数"
        TARGET = "target", "任务数"
        INSURED = "insured", "已参保人数"
        RATE = "rate", "完成率"
        STATUS = "status", "某一人员状态的人数"
        BUCKET = "bucket", "某一口径的人数合计"
        NAME = "name", "姓名"
        ID_NUMBER = "id_number", "身份证号"
        PHONE = "phone", "联系电话"
        DOC_TYPE = "doc_type", "证件类型"
        SEX = "sex", "性别"
        BIRTH = "birth", "出生日期"
        GROUP = "group", "人群"
        HOUSEHOLD = "household", "户号"
        RELATION = "relation", "与户主关系"
        ELSEWHERE_KIND = "elsewhere_kind", "县外参保情况"
        ELSEWHERE_PLACE = "elsewhere_place", "现参保地"
        LINE = "line", "类型"
        RAW = "raw", "原始人数"
        DUPLICATES = "duplicates", "重复人数"
        DISTINCT = "distinct", "去重复后人数"
        OVERLAP = "overlap", "多重身份分类"
        STANDARD = "standard", "补贴标准"
        SUBSIDY_TOTAL = "subsidy_total", "补贴金额"
        DEPARTMENT = "department", "资助部门"
        CATEGORY = "category", "特殊人员类别"
        TIER = "tier", "参保档次"
        SUBSIDY = "subsidy", "资助金额"
        SELF = "self", "自筹金额"

    class Total(models.TextChoices):
        SUM = "sum", "合计"
        OWN = "own", "本级数"
        LABEL = "label", "合计字样"
        BLANK = "blank", "空白"

    form = models.ForeignKey(
        Form, on_delete=models.CASCADE, related_name="columns", verbose_name="表式"
    )
    order = models.PositiveSmallIntegerField("顺序", default=0)
    heading = ArrayField(models.TextField(), verbose_name="栏目", help_text="由外到内")
    figure = models.TextField("内容", choices=Figure.choices)
    status = models.ForeignKey(
        "enrollment.StatusKind",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="人员状态",
    )
    bucket = models.TextField("统计口径", choices=StatusKind.Bucket.choices, null=True, blank=True)
    choices = ArrayField(models.TextField(), verbose_name="下拉选项", default=list, blank=True)
    number_format = models.TextField("数字格式", blank=True)
    width = models.PositiveSmallIntegerField("列宽", null=True, blank=True)
    total = models.TextField("合计行", choices=Total.choices, default=Total.BLANK)

    class Meta:
        verbose_name = "表式栏目"
        verbose_name_plural = "表式栏目"
        ordering = ["form_id", "order", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(figure="status") & Q(status__isnull=False))
                | (~Q(figure="status") & Q(status__isnull=True)),
                name="formcolumn_status_named",
                violation_error_message="人员状态栏目必须写明是哪一种状态",
            ),
            models.CheckConstraint(
                condition=(Q(figure="bucket") & Q(bucket__isnull=False))
                | (~Q(figure="bucket") & Q(bucket__isnull=True)),
                name="formcolumn_bucket_named",
                violation_error_message="口径合计栏目必须写明是哪一种口径",
            ),
        ]

    def __str__(self) -> str:
        return "/".join(self.heading)
