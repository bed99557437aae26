"""参保年度: a county's benefit year, the row that every rule and every yearly fact hangs from."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class PolicyYear(models.Model):
    """参保年度: one county × one benefit year.

    ``year`` is always the benefit year, never the calendar year of a payment. A year without
    rules (state ``history``) only carries the list of who was insured then.
    ``revision`` counts changes of anything figures are derived from; whoever changes an input
    bumps it last in the same transaction.
    """

    class State(models.TextChoices):
        HISTORY = "history", "仅历史名单"
        DRAFT = "draft", "起草"
        ACTIVE = "active", "执行中"
        SETTLED = "settled", "已结算"
        CLOSED = "closed", "已关闭"

    class Attribution(models.TextChoices):
        """归属: in which unit a person counts."""

        ENROLMENT = "enrolment", "参保登记地，其次缴费所报地，其次户籍册"
        REGISTER = "register", "户籍册（非本县户籍按居住登记）"

    county = models.ForeignKey(
        "enrollment.Region", on_delete=models.PROTECT, related_name="+", verbose_name="县"
    )
    year = models.PositiveSmallIntegerField("待遇年度")
    state = models.TextField("状态", choices=State.choices, default=State.DRAFT)

    title = models.TextField("文件标题", blank=True)
    document = models.TextField("文号", blank=True, help_text="照文件原样，不作格式校验")
    issued_on = models.DateField("成文日期", null=True, blank=True)
    organ = models.TextField("发文机关", blank=True)
    based_on = models.TextField("依据文件", blank=True)
    source_note = models.TextField("录入说明", blank=True)

    benefit_from = models.DateField("待遇起始日", null=True, blank=True)
    benefit_to = models.DateField("待遇终止日", null=True, blank=True)
    benefit_cites = models.TextField("待遇期出处", blank=True)
    benefit_source = models.TextField(
        "待遇期来源", blank=True, help_text="文件没有写、由县补录的依据"
    )

    midyear_refused = models.BooleanField(
        "未在缴费期内参保的不得中途参保",
        null=True,
        blank=True,
        help_text="空 = 文件没有写，缴费期以外既不受理也不拒绝",
    )
    midyear_cites = models.TextField("中途参保出处", blank=True)

    base_date = models.DateField("基数时点", null=True, blank=True)
    base_cites = models.TextField("基数时点出处", blank=True)

    attribution = models.TextField(
        "归属规则", choices=Attribution.choices, default=Attribution.ENROLMENT
    )
    attribution_cites = models.TextField("归属规则出处", blank=True)
    attribution_source = models.TextField("归属规则来源", blank=True)

    proxy_word = models.TextField(
        "代缴用语", blank=True, help_text="本县对个人应缴为零时登记的叫法，如 零申报、政府代缴"
    )
    proxy_office = models.TextField("代缴办理单位", blank=True)
    proxy_cites = models.TextField("代缴出处", blank=True)

    regions = models.ManyToManyField(
        "enrollment.Region", related_name="+", blank=True, verbose_name="政策包载明的单位"
    )
    departments = models.ManyToManyField(
        "enrollment.Department", related_name="+", blank=True, verbose_name="政策包载明的部门"
    )

    revision = models.BigIntegerField("修订号", default=0)
    assessed_revision = models.BigIntegerField("已核定修订号", default=0)
    assessed_at = models.DateTimeField("核定时间", null=True, blank=True)
    pack_name = models.TextField("政策包文件名", blank=True)
    pack_text = models.TextField("最近载入的政策包", blank=True)
    pack_digest = models.TextField("政策包摘要", blank=True)
    notes = models.TextField("备注", blank=True)

    class Meta:
        verbose_name = "参保年度"
        verbose_name_plural = "参保年度"
        ordering = ["county_id", "-year"]
        constraints = [
            models.UniqueConstraint(
                fields=["county", "year"],
                name="policyyear_one_per_county_year",
                violation_error_message="该县这一待遇年度已经存在",
            ),
            models.CheckConstraint(
                condition=Q(year__gte=2000) & Q(year__lte=2100),
                name="policyyear_year_plausible",
                violation_error_message="待遇年度应在 2000 至 2100 之间",
            ),
            models.CheckConstraint(
                condition=Q(benefit_from__isnull=True)
                | Q(benefit_to__isnull=True)
                | Q(benefit_from__lte=F("benefit_to")),
                name="policyyear_benefit_in_order",
                violation_error_message="待遇起始日不能晚于待遇终止日",
            ),
            models.CheckConstraint(
                condition=Q(assessed_revision__lte=F("revision")),
                name="policyyear_assessed_not_ahead",
                violation_error_message="已核定修订号不能大于修订号",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.county} {self.year} 年度"

    @property
    def has_rules(self) -> bool:
        """Whether this year carries a policy, not just a list of who was insured."""
        return self.state != self.State.HISTORY

    def bump(self) -> None:
        """Say that an input of this year's figures changed; last statement of the transaction."""
        PolicyYear.objects.filter(pk=self.pk).update(revision=F("revision") + 1)
