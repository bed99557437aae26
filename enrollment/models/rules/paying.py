"""When and how one pays, and from when it counts."""

# NULL is a statement here: the notice does not say.
# ruff: noqa: DJ001

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from enrollment.models.rules.base import Hukou, Registration, Rule, money, texts
from enrollment.models.rules.fees import Attribute, PopulationGroup


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

    aliases = texts("别名")
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


class Channel(Rule):
    """缴费渠道: where to pay and which steps to click, in order (C106)."""

    class Kind(models.TextChoices):
        ONLINE = "online", "网上"
        COUNTER = "counter", "窗口"
        AGENT = "agent", "代收"

    name = models.TextField("渠道")
    kind = models.TextField("方式", choices=Kind.choices)
    registration = models.TextField("适用对象", choices=Registration.choices, null=True, blank=True)
    steps = texts("步骤")

    class Meta(Rule.Meta):
        verbose_name = "缴费渠道"
        verbose_name_plural = "缴费渠道"

    def __str__(self) -> str:
        return self.name


class CashRule(Rule):
    """现金代收: what agents who take cash must keep to; NULL limits are not stated (C16, C62)."""

    class Counts(models.TextChoices):
        RECEIVED = "received", "收到现金之日"
        PAID = "paid", "系统缴费之日"

    text = models.TextField("规定")
    days_limit = models.PositiveSmallIntegerField("限几日内缴库", null=True, blank=True)
    amount_limit = money("限额")
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

    No row = not applicable in this year. ``counting`` says whether the day of payment counts, as
    with a window; ``extension_waits`` whether the extension in January and February is late.
    ``exempt`` names groups, special cases and statuses, one after another (、).
    """

    class Runs(models.TextChoices):
        ARRIVAL = "arrival", "缴费到账之日"
        YEAR_START = "year_start", "1月1日"

    class Unit(models.TextChoices):
        MONTHS = "months", "按日历月"
        DAYS = "days", "按日（每月折30日）"

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
    unit = models.TextField("等待期单位", choices=Unit.choices, default=Unit.MONTHS)
    counting = models.TextField(
        "等待期计算", choices=PaymentRule.Counting.choices, null=True, blank=True
    )
    extension_waits = models.BooleanField("延长期（1至2月）缴费也要等待", null=True, blank=True)
    exempt = models.TextField("不受限人员", blank=True, help_text="用顿号隔开，如 新生儿、服役")

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
