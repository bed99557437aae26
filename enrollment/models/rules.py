"""The year's rules as rows, each citing the paragraph of the notice it comes from.

NULL in a column that a notice could have filled means that it does not say (政策未规定); the
open question itself stands as a ``NotStated`` row. A new value is a row; a new method is code.
"""

# NULL is a statement here: the notice does not say.
# ruff: noqa: DJ001

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

__all__ = [
    "Attribute",
    "CashRule",
    "Channel",
    "Department",
    "Duty",
    "EventRule",
    "Fee",
    "FocusGroup",
    "Hukou",
    "NotStated",
    "Participant",
    "PaymentRule",
    "PlaceRule",
    "PopulationGroup",
    "RegistrarRule",
    "Registration",
    "Rule",
    "StatusKind",
    "Tier",
    "WaitingRule",
    "Window",
]


def _texts(label: str, help_text: str = "") -> ArrayField:
    return ArrayField(
        models.TextField(), verbose_name=label, default=list, blank=True, help_text=help_text
    )


def _money(label: str) -> models.DecimalField:
    return models.DecimalField(label, max_digits=10, decimal_places=2, null=True, blank=True)


class Department(models.Model):
    """部门: an office of the county that hands in lists; it outlives any one year."""

    county = models.ForeignKey(
        "enrollment.Region", on_delete=models.PROTECT, related_name="+", verbose_name="县"
    )
    name = models.TextField("名称")
    short = models.TextField("表式简称", blank=True, help_text="官方表格里印的名称")
    aliases = _texts("别名")
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


class Duty(Rule):
    """部门职责: which lists a department gives, and by which day of the month.

    Without ``due_day`` a department is never late (C110).
    """

    department = models.ForeignKey(Department, on_delete=models.CASCADE, verbose_name="部门")
    text = models.TextField("职责")
    lists = _texts("提供的名单", help_text="资助对象类别或人员状态的名称")
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


class Tier(Rule):
    """参保档次."""

    name = models.TextField("档次")
    aliases = _texts("别名")

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
    aliases = _texts("别名")
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
    fiscal = _money("财政补助")
    fiscal_prior = _money("上年财政补助")
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
    aliases = _texts("别名")
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


class PaymentRule(Rule):
    """What a window and a special case have in common: price, start and end of the benefit."""

    class Price(models.TextChoices):
        PERSONAL = "personal", "按个人缴费标准"
        FULL = "full", "全额（个人缴费＋财政补助）"
        NONE = "none", "不再缴费"

    class Start(models.TextChoices):
        FIXED = "fixed", "固定日期"
        PAYMENT_DAY = "payment_day", "缴费之日"
        NEXT_DAY = "next_day", "缴费次日"
        NEXT_MONTH = "next_month", "完清费用的次月1日"
        WAIT_DAYS = "wait_days", "缴费后等待若干日"
        WAIT_MONTHS = "wait_months", "缴费后等待若干个月"
        AFTER_ARRIVAL = "after_arrival", "到账之日起若干日后"
        EVENT_DATE = "event_date", "事由发生之日"

    class Counting(models.TextChoices):
        """Payment on day 0: FULL starts on day N + 1, PLUS on day N (C76)."""

        FULL = "full", "缴费当日不计，等待期满次日起"
        PLUS = "plus", "缴费当日加等待日数"

    name = models.TextField("名称")
    price = models.TextField("缴费标准", choices=Price.choices, null=True, blank=True)
    start = models.TextField("待遇起算", choices=Start.choices, null=True, blank=True)
    start_on = models.DateField("固定起始日", null=True, blank=True)
    wait = models.PositiveSmallIntegerField("等待日数或月数", null=True, blank=True)
    counting = models.TextField("等待期计算", choices=Counting.choices, null=True, blank=True)
    counting_source = models.TextField("等待期计算依据", blank=True)
    benefit_to = models.DateField("待遇终止日", null=True, blank=True)
    subsidised = models.BooleanField("可享受参保资助", null=True, blank=True)
    group = models.ForeignKey(
        PopulationGroup, on_delete=models.CASCADE, null=True, blank=True, verbose_name="限人群"
    )
    attribute = models.ForeignKey(
        Attribute, on_delete=models.PROTECT, null=True, blank=True, verbose_name="限个人属性"
    )

    class Meta(Rule.Meta):
        abstract = True

    def __str__(self) -> str:
        return self.name


def _start_constraints(prefix: str) -> list[models.BaseConstraint]:
    """The start rule and its parameters agree; one set for each concrete PaymentRule."""
    waiting = Q(start__in=["wait_days", "wait_months", "after_arrival"])
    return [
        models.CheckConstraint(
            condition=Q(start="fixed", start_on__isnull=False)
            | (~Q(start="fixed") & Q(start_on__isnull=True))
            | Q(start__isnull=True, start_on__isnull=True),
            name=f"{prefix}_fixed_start_has_date",
            violation_error_message="待遇起算为固定日期时必须填写日期，其他情形不填",
        ),
        models.CheckConstraint(
            condition=(waiting & Q(wait__isnull=False))
            | (~waiting & Q(wait__isnull=True, counting__isnull=True))
            | Q(start__isnull=True, wait__isnull=True, counting__isnull=True),
            name=f"{prefix}_waiting_has_length",
            violation_error_message="有等待期的须填写等待日数或月数，其他情形不填",
        ),
    ]


class Window(PaymentRule):
    """缴费窗口: both days inclusive, for everybody or for those with an attribute."""

    pays_from = models.DateField("缴费起始日")
    pays_to = models.DateField("缴费截止日")
    main = models.BooleanField("集中参保缴费期", default=False)

    class Meta(PaymentRule.Meta):
        verbose_name = "缴费窗口"
        verbose_name_plural = "缴费窗口"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="window_name_once",
                violation_error_message="同一年度内缴费窗口名称重复",
            ),
            models.CheckConstraint(
                condition=Q(pays_from__lte=F("pays_to")),
                name="window_in_order",
                violation_error_message="缴费起始日不能晚于截止日",
            ),
            *_start_constraints("window"),
        ]


class EventRule(PaymentRule):
    """特殊情形: somebody to whom something happened (birth, a break of employee insurance …).

    The day of the event is day 0 and day ``within_days`` is inside; ``within_months`` are
    calendar months, clipped at the month's end (C13). Both NULL: no deadline is written.
    ``pays_from``/``pays_to`` bound the payment itself where the notice does.
    """

    aliases = _texts("别名")
    event_date_name = models.TextField("事由日期", blank=True, help_text="如 出生日期、断保日期")
    within_days = models.PositiveSmallIntegerField("多少日内", null=True, blank=True)
    within_months = models.PositiveSmallIntegerField("多少个月内", null=True, blank=True)
    event_from = models.DateField("事由不早于", null=True, blank=True)
    event_to = models.DateField("事由不晚于", null=True, blank=True)
    pays_from = models.DateField("缴费不早于", null=True, blank=True)
    pays_to = models.DateField("缴费不晚于", null=True, blank=True)
    hukou = models.TextField("户籍条件", choices=Hukou.choices, null=True, blank=True)
    evidence = models.TextField("凭据", blank=True)
    conditions = models.TextField("条件", blank=True)
    needs_verification = models.BooleanField("须经核实", default=False)
    exclusive = models.BooleanField(
        "不再适用一般窗口", default=False, help_text="适用本情形的人不按缴费窗口另行参保"
    )
    late_for = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, verbose_name="逾期所补的情形"
    )

    class Meta(PaymentRule.Meta):
        verbose_name = "特殊情形"
        verbose_name_plural = "特殊情形"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "name"],
                name="eventrule_name_once",
                violation_error_message="同一年度内特殊情形名称重复",
            ),
            models.CheckConstraint(
                condition=Q(within_days__isnull=True) | Q(within_months__isnull=True),
                name="eventrule_days_or_months",
                violation_error_message="期限只能按日或按月填写一种",
            ),
            *_start_constraints("eventrule"),
        ]


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
    aliases = _texts("别名")
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
    documents = _texts("所需证件")

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
    documents = _texts("所需证件")

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


class Channel(Rule):
    """缴费渠道: where to pay and which steps to click, in order (C106)."""

    class Kind(models.TextChoices):
        ONLINE = "online", "网上"
        COUNTER = "counter", "窗口"
        AGENT = "agent", "代收"

    name = models.TextField("渠道")
    kind = models.TextField("方式", choices=Kind.choices)
    registration = models.TextField("适用对象", choices=Registration.choices, null=True, blank=True)
    steps = _texts("步骤")

    class Meta(Rule.Meta):
        verbose_name = "缴费渠道"
        verbose_name_plural = "缴费渠道"

    def __str__(self) -> str:
        return self.name


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


class CashRule(Rule):
    """现金代收: what agents who take cash must keep to; NULL limits are not stated (C16, C62)."""

    class Counts(models.TextChoices):
        RECEIVED = "received", "收到现金之日"
        PAID = "paid", "系统缴费之日"

    text = models.TextField("规定")
    days_limit = models.PositiveSmallIntegerField("限几日内缴库", null=True, blank=True)
    amount_limit = _money("限额")
    counts = models.TextField("以哪一日为准", choices=Counts.choices, null=True, blank=True)

    class Meta(Rule.Meta):
        verbose_name = "现金代收规则"
        verbose_name_plural = "现金代收规则"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year"],
                name="cashrule_one_per_year",
                violation_error_message="一个年度只有一条现金代收规则",
            )
        ]

    def __str__(self) -> str:
        return self.text


class WaitingRule(Rule):
    """待遇等待期 (from 2025 on): fixed months plus one for each further missed year.

    No row = not applicable in this year.
    """

    class Runs(models.TextChoices):
        ARRIVAL = "arrival", "缴费到账之日"
        YEAR_START = "year_start", "1月1日"

    fixed_months = models.PositiveSmallIntegerField("固定等待期（月）", default=3)
    offset = models.PositiveSmallIntegerField(
        "变动等待期起算", default=0, help_text="断保年数减去此数后，每年增加一个月"
    )
    floor_missed = models.PositiveSmallIntegerField("连续断保满几年适用下限", null=True, blank=True)
    floor_months = models.PositiveSmallIntegerField("等待期下限（月）", null=True, blank=True)
    gap_from_year = models.PositiveSmallIntegerField("断保自哪一年起算", default=2025)
    repairable = models.BooleanField("可补缴修复", null=True, blank=True)
    employee_counts = models.BooleanField("职工参保计入连续", null=True, blank=True)
    runs_from = models.TextField("起算日", choices=Runs.choices, null=True, blank=True)
    exempt = models.TextField("不受限人员", blank=True)

    class Meta(Rule.Meta):
        verbose_name = "待遇等待期规则"
        verbose_name_plural = "待遇等待期规则"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year"],
                name="waitingrule_one_per_year",
                violation_error_message="一个年度只有一条等待期规则",
            )
        ]

    def __str__(self) -> str:
        return f"固定等待期 {self.fixed_months} 个月"
