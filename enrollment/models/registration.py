"""What clerks write down when they register somebody: how, where from, instead, and why not."""

from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from enrollment.documents import KINDS
from enrollment.models.people import Person, tracked
from enrollment.models.rules import Registration
from enrollment.scope import NOTHING, Placed, PlacedQuerySet, within


def _person(related_name: str) -> models.ForeignKey:
    return models.ForeignKey(
        Person, models.PROTECT, related_name=related_name, db_constraint=False, db_index=False
    )


def _by(label: str, *, null: bool = False) -> models.ForeignKey:
    return models.ForeignKey(
        "enrollment.User",
        models.PROTECT,
        related_name="+",
        verbose_name=label,
        null=null,
        blank=null,
        db_index=False,
    )


class HomeHukou(models.TextChoices):
    """户籍: where somebody's household register is kept, as they or their papers say."""

    HERE = "here", "本县户籍"
    CITY = "city", "本市其他区县户籍"
    OUTSIDE = "outside", "市外户籍"
    NONE = "none", "没有内地户籍（港澳台居民、外国人）"


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Residence(Placed):
    """居住登记: somebody whose hukou is not here, registered where they live."""

    person = _person("residences")
    hukou = models.CharField("户籍", max_length=10, choices=HomeHukou)
    hukou_place = models.CharField("户籍所在地", max_length=100, blank=True)
    permit = models.BooleanField("持有居住证", default=False)
    permit_until = models.DateField("居住证有效至", null=True, blank=True)
    recorded_by = _by("登记人", null=True)
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "居住登记"
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                name="residence_once",
                violation_error_message="这个人已有居住登记",
            )
        ]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class RegistrationRecord(Placed):
    """登记办理记录: how an enrolment was registered. The enrolment itself says where it counts.

    A room of its own, because enrolments are written by the hundred thousand from payments and
    none of those has any of this. Withdrawn ones stay; at most one stands per person and year.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = _person("registration_records")
    registration = models.CharField(
        "登记状态", max_length=10, choices=Registration.choices, blank=True
    )
    agent = models.CharField("代办人", max_length=60, blank=True)
    agent_relation = models.CharField("代办人与本人关系", max_length=20, blank=True)
    guardian = models.CharField("监护人", max_length=60, blank=True)
    guardian_relation = models.CharField("监护人与本人关系", max_length=20, blank=True)
    guardian_phone = models.CharField("监护人电话", max_length=30, blank=True)
    shared_by = models.CharField("共济账户持有人", max_length=60, blank=True)
    shared_relation = models.CharField("持有人是本人的", max_length=20, blank=True)
    clause = models.CharField("参保对象依据", max_length=300, blank=True)
    not_stated = ArrayField(
        models.CharField(max_length=300), verbose_name="政策未规定", default=list, blank=True
    )
    proof = models.CharField("与名单不符的凭据", max_length=200, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)
    recorded_by = _by("登记人", null=True)
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)
    withdrawn_by = _by("撤销人", null=True)
    withdrawn_at = models.DateTimeField("撤销时间", null=True, blank=True)
    withdrawn_reason = models.CharField("撤销原因", max_length=200, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "登记办理记录"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                condition=Q(withdrawn_at__isnull=True),
                name="registrationrecord_once",
                violation_error_message="这个人本年度已有登记办理记录",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | ~Q(withdrawn_reason=""),
                name="registrationrecord_withdrawn_says_why",
                violation_error_message="请写明撤销登记的原因",
            ),
        ]
        indexes = [models.Index(fields=["person"], name="registrationrecord_person")]


class RefundReason(models.TextChoices):
    """退费原因."""

    TWICE = "twice", "重复缴费或重复参保"
    EMPLOYEE = "employee", "参加职工医保"
    ELSEWHERE = "elsewhere", "在外地参保"
    SERVICE = "service", "服役等另有保障"
    DEATH = "death", "去世"
    MISTAKE = "mistake", "缴错人或缴错金额"
    OTHER = "other", "其他"


class RefundRequest(Placed):
    """退费申请: somebody asks for money back; the county answers, the tax bureau pays.

    ``answer_by`` is the day agreed with the person; the notices state none.
    """

    class Outcome(models.TextChoices):
        GRANTED = "granted", "同意，转税务办理"
        REFUSED = "refused", "不同意"

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = _person("refund_requests")
    reason = models.CharField("退费原因", max_length=12, choices=RefundReason)
    text = models.CharField("情况说明", max_length=200)
    answer_by = models.DateField("答复期限", null=True, blank=True)
    recorded_by = _by("登记人")
    recorded_at = models.DateTimeField("申请时间", auto_now_add=True)
    outcome = models.CharField("结果", max_length=10, choices=Outcome, blank=True)
    answer = models.CharField("答复", max_length=200, blank=True)
    answered_by = _by("答复人", null=True)
    answered_at = models.DateTimeField("答复时间", null=True, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "退费申请"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                condition=Q(answered_at__isnull=True),
                name="refundrequest_open_once",
                violation_error_message="这个人本年度已有一件待答复的退费申请",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | ~Q(outcome=""),
                name="refundrequest_answer_decides",
                violation_error_message="请选择是否同意退费",
            ),
        ]
        indexes = [
            models.Index(fields=["person"], name="refundrequest_person"),
            models.Index(fields=["county", "answered_at"], name="refundrequest_open"),
        ]


class StatusRecord(Placed):
    """状态登记: a clerk says what somebody is instead of enrolled, from what and by what proof.

    The status itself stands among those of the lists; this row keeps who said so and why, and
    stays when it ended. ``reviewed_*``: the county has looked at a deduction from the base.
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = _person("status_records")
    kind = models.ForeignKey("enrollment.StatusKind", models.PROTECT, related_name="+")
    since = models.DateField("起始日期", null=True, blank=True)
    insured_at = models.CharField("现参保地或单位", max_length=100, blank=True)
    text = models.CharField("情况说明", max_length=200, blank=True)
    evidence = models.CharField("凭据", max_length=200, blank=True)
    recorded_by = _by("登记人")
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)
    reviewed_by = _by("核对人", null=True)
    reviewed_at = models.DateTimeField("核对时间", null=True, blank=True)
    ended_by = _by("终止人", null=True)
    ended_at = models.DateTimeField("终止时间", null=True, blank=True)
    ended_reason = models.CharField("终止原因", max_length=200, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "状态登记"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person", "kind"],
                condition=Q(ended_at__isnull=True),
                name="statusrecord_once",
                violation_error_message="这个人本年度已登记过这种状态",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | ~Q(ended_reason=""),
                name="statusrecord_end_says_why",
                violation_error_message="请写明终止的原因",
            ),
        ]
        indexes = [
            models.Index(fields=["person"], name="statusrecord_person"),
            models.Index(
                fields=["policy_year", "kind"],
                name="statusrecord_standing",
                condition=Q(ended_at__isnull=True),
            ),
        ]


class Objection(Placed):
    """异议: a resident says that something about them is wrong; the county answers."""

    class Outcome(models.TextChoices):
        UPHELD = "upheld", "异议成立，已更正"
        KEPT = "kept", "核对无误，维持原记录"

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = _person("objections")
    raised_by = models.CharField("提出人", max_length=60)
    text = models.CharField("异议内容", max_length=300)
    recorded_by = _by("登记人")
    recorded_at = models.DateTimeField("提出时间", auto_now_add=True)
    outcome = models.CharField("结果", max_length=10, choices=Outcome, blank=True)
    answer = models.CharField("答复", max_length=300, blank=True)
    answered_by = _by("答复人", null=True)
    answered_at = models.DateTimeField("答复时间", null=True, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "异议"
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | (~Q(answer="") & ~Q(outcome="")),
                name="objection_answer_says_what",
                violation_error_message="请选择结果并写明答复",
            )
        ]
        indexes = [
            models.Index(fields=["person"], name="objection_person"),
            models.Index(fields=["county", "answered_at"], name="objection_open"),
        ]


class Paper(Placed):
    """附件: a photo or PDF of a proof, sealed, and deleted on the day it says."""

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="+")
    person = _person("papers")
    status_record = models.ForeignKey(
        StatusRecord, models.SET_NULL, null=True, blank=True, related_name="papers"
    )
    objection = models.ForeignKey(
        Objection, models.SET_NULL, null=True, blank=True, related_name="papers"
    )
    refund = models.ForeignKey(
        RefundRequest, models.SET_NULL, null=True, blank=True, related_name="papers"
    )
    title = models.CharField("名称", max_length=60)
    stored = models.CharField("存放", max_length=120, blank=True)
    media_type = models.CharField("类型", max_length=30)
    size = models.PositiveIntegerField("大小（字节）")
    keep_until = models.DateField("保存至")
    uploaded_by = _by("上传人")
    uploaded_at = models.DateTimeField("上传时间", auto_now_add=True)
    deleted_at = models.DateTimeField("删除时间", null=True, blank=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "附件"
        indexes = [
            models.Index(fields=["person"], name="paper_person"),
            models.Index(
                fields=["keep_until"], name="paper_due", condition=Q(deleted_at__isnull=True)
            ),
        ]


class FormerDocument(Placed):
    """曾用证件: a number somebody was registered under before, still found by it."""

    person = _person("former_documents")
    doc_type = models.CharField("证件类型", max_length=24, choices=list(KINDS.items()))
    id_index = models.UUIDField("证件号检索码", null=True, blank=True)
    tail_index = models.UUIDField("出生日期和后四位检索码", null=True, blank=True)
    id_cipher = models.BinaryField("证件号密文", null=True, blank=True)
    birth = models.DateField("出生日期", null=True, blank=True)
    reason = models.CharField("更换原因", max_length=200, blank=True)
    recorded_by = _by("登记人")
    recorded_at = models.DateTimeField("登记时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    PERSONAL = ("id_cipher", "birth")

    class Meta:
        verbose_name = verbose_name_plural = "曾用证件"
        indexes = [
            models.Index(fields=["person"], name="formerdocument_person"),
            models.Index(fields=["county", "id_index"], name="formerdocument_number"),
        ]


class Joining(Placed):
    """合并建档: two rows of one person made one; what the other row held is told here.

    ``gone_id`` is the number of the row that is no more, so that the trail of it can be followed.
    """

    person = _person("joinings")
    gone_id = models.BigIntegerField("并入的编号")
    moved = models.JSONField("随转的记录", default=dict)
    left = models.JSONField("两边都有、未随转的记录", default=dict)
    before = models.JSONField("并入前", default=dict)
    reason = models.CharField("依据", max_length=200)
    recorded_by = _by("办理人")
    recorded_at = models.DateTimeField("办理时间", auto_now_add=True)

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "合并建档"
        indexes = [models.Index(fields=["person"], name="joining_person")]


class RelocationQuerySet(PlacedQuerySet):
    def visible_to(self, user) -> Self:
        """Moves out of, or into, the user's area."""
        if not getattr(user, "is_authenticated", False) or not user.job.sees_people:
            return self.none()
        region, into = user.region, NOTHING
        if region is not None and region.level in ("town", "village"):
            into = Q(**{f"to_{region.level}": region.pk})
        return self.filter(within(user) | into)

    def open(self) -> Self:
        return self.filter(state="open")


class Relocation(Placed):
    """迁移: somebody moves to another village of the county; the other side has to agree.

    The row stands where the person stood when it was proposed; ``to_*`` is where they go.
    """

    class State(models.TextChoices):
        OPEN = "open", "待对方确认"
        DONE = "done", "已迁移"
        REFUSED = "refused", "对方不同意"
        CANCELLED = "cancelled", "已撤回"

    person = _person("relocations")
    to_town = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="+", db_index=False
    )
    to_village = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="+", db_index=False
    )
    state = models.CharField("状态", max_length=10, choices=State, default=State.OPEN)
    by_receiver = models.BooleanField("由迁入地提出", default=False)
    reason = models.CharField("迁移原因", max_length=200)
    proposed_by = _by("提出人")
    proposed_at = models.DateTimeField("提出时间", auto_now_add=True)
    decided_by = _by("确认人", null=True)
    decided_at = models.DateTimeField("确认时间", null=True, blank=True)
    decision = models.CharField("确认意见", max_length=200, blank=True)

    objects = RelocationQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "迁移"
        constraints = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(state="open"),
                name="relocation_open_once",
                violation_error_message="这个人已有一件待确认的迁移",
            )
        ]
        indexes = [
            models.Index(fields=["person"], name="relocation_person"),
            models.Index(
                fields=["county", "town"], name="relocation_open", condition=Q(state="open")
            ),
        ]
