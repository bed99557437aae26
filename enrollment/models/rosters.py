"""Rosters: what was handed in, the fate of every row, and the questions that came of it."""

# In staging NULL means "the file does not say".
# ruff: noqa: DJ001

from typing import Self

from django.db import models
from django.db.models import Q

from enrollment.scope import NOTHING, Placed, PlacedQuerySet, within


class Fate(models.TextChoices):
    """What becomes of a row: the preview's tabs and the command's counts are this one list."""

    NEW = "new", "新增"
    CHANGED = "changed", "变更"
    UNCHANGED = "unchanged", "不变"
    WOULD_END = "would_end", "退出"
    PROBLEMS = "problems", "问题"
    NOT_IN_REGISTER = "not_in_register", "未在册"
    OUTSIDE_AREA = "outside_area", "不在本辖区"
    IGNORED = "ignored", "忽略"


class RosterState(models.TextChoices):
    RECEIVED = "received", "已收到"
    WAITING = "waiting", "待确认"
    HEADINGS = "headings", "待对应表头"
    APPLIED = "applied", "已入库"
    WITHDRAWN = "withdrawn", "已撤回"
    REFUSED = "refused", "无法读取"
    CANCELLED = "cancelled", "已取消"
    EXPIRED = "expired", "已过期"


class Mode(models.TextChoices):
    FULL = "full", "全量"
    SUPPLEMENT = "supplement", "补充"
    EXIT = "exit", "退出名单"


class RosterQuerySet(models.QuerySet):
    def visible_to(self, user) -> Self:
        """Rosters for the user's area; a department's uploader sees its own hand-ins only.

        Lists of a sensitive status are the county's: below it not even their names are seen.
        """
        if not getattr(user, "is_authenticated", False) or not user.is_active:
            return self.none()
        job = user.job
        if not job.sees_rosters:
            return self.none()
        if job.own_department:
            return self.filter(
                within(user), department__isnull=False, department=user.department_id
            )
        mine = self.filter(within(user) if user.region_id else NOTHING)
        if job.level != "county":
            mine = mine.exclude(status_kind__sensitive=True)
        return mine


class Roster(models.Model):
    """名册: one file somebody handed in, and what became of it."""

    county = models.ForeignKey("enrollment.Region", models.PROTECT, related_name="+")
    town = models.ForeignKey(
        "enrollment.Region", models.PROTECT, null=True, blank=True, related_name="+"
    )
    village = models.ForeignKey(
        "enrollment.Region", models.PROTECT, null=True, blank=True, related_name="+"
    )
    region = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="rosters", verbose_name="名册范围"
    )
    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="rosters")
    kind = models.CharField("名册种类", max_length=20)
    status_kind = models.ForeignKey(
        "enrollment.StatusKind",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="人员状态",
    )
    topic = models.CharField(
        "细类",
        max_length=60,
        blank=True,
        help_text="状态或类别名称；同一细类的全量名册以后交的为准",
    )
    mode = models.CharField("方式", max_length=12, choices=Mode, default=Mode.FULL)
    as_of = models.DateField("数据日期", null=True, blank=True)
    department = models.ForeignKey(
        "enrollment.Department",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="rosters",
        verbose_name="报送部门",
    )
    uploaded_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    uploaded_at = models.DateTimeField("交来时间", auto_now_add=True)
    file_name = models.CharField("文件名", max_length=200)
    file_size = models.BigIntegerField("字节数", default=0)
    sha256 = models.CharField(max_length=64)
    stored_as = models.CharField("保存位置", max_length=200, blank=True)
    problems_as = models.CharField("问题文件位置", max_length=200, blank=True)
    sheet = models.CharField("工作表", max_length=100, blank=True)
    mapping = models.JSONField("表头对应", default=dict, blank=True)
    headings = models.JSONField("文件中的表头", default=list, blank=True)
    unread = models.JSONField("未读的工作表", default=list, blank=True)
    unknown_words = models.JSONField(
        "没有认出的叫法", default=list, blank=True, help_text="[{word, count}]，多的在前"
    )
    state = models.CharField(
        "状态", max_length=12, choices=RosterState, default=RosterState.RECEIVED
    )
    refusal = models.TextField("不能读取的原因", blank=True)
    refusal_code = models.CharField(max_length=40, blank=True)

    people = models.IntegerField("人数", null=True, blank=True)
    new = models.IntegerField("新增", null=True, blank=True)
    changed = models.IntegerField("变更", null=True, blank=True)
    unchanged = models.IntegerField("不变", null=True, blank=True)
    would_end = models.IntegerField("退出", null=True, blank=True)
    problems = models.IntegerField("问题", null=True, blank=True)
    not_in_register = models.IntegerField("未在册", null=True, blank=True)
    outside_area = models.IntegerField("不在本辖区", null=True, blank=True)
    ignored = models.IntegerField("忽略", null=True, blank=True)
    warning = models.TextField("需再次确认的原因", blank=True)
    proposals = models.JSONField(
        "拟新建的村",
        default=list,
        blank=True,
        help_text="[{id, town, name}]；编号已预留，入库时建立",
    )
    read_revision = models.BigIntegerField(
        "核对时的修订号", null=True, blank=True, help_text="入库前有别的改动则重新核对"
    )

    read_at = models.DateTimeField("核对时间", null=True, blank=True)
    applied_at = models.DateTimeField("入库时间", null=True, blank=True)
    applied_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField("撤回时间", null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    kept_back = models.IntegerField(
        "撤回时未动", default=0, help_text="撤回时因后来又有改动而保留的行数"
    )

    objects = RosterQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "名册"
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["applied", "withdrawn"]) | Q(applied_at__isnull=False),
                name="roster_applied_when",
                violation_error_message="已入库的名册必须有入库时间",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["waiting", "applied"]) | Q(new__isnull=False),
                name="roster_read_has_counts",
                violation_error_message="核对过的名册必须有各项人数",
            ),
        ]
        indexes = [
            models.Index(fields=["county", "policy_year", "kind", "-id"], name="roster_slice"),
        ]

    def __str__(self) -> str:
        return f"{self.file_name}（{self.get_state_display()}）"

    @property
    def rows(self) -> int | None:
        """The sum of all fates, titles and blank rows included."""
        if self.new is None:
            return None
        return sum(self.counts.values())

    @property
    def counts(self) -> dict[str, int]:
        """Entries per fate, in the order of the preview's tabs."""
        return {fate: getattr(self, fate) or 0 for fate in Fate.values}


class RosterRow(models.Model):
    """名册行: one person (or place) of one row, its fate and the reason; see RosterPage for cells.

    ``would_end`` entries have no row: they are people a full list no longer names.
    """

    roster = models.ForeignKey(
        Roster, models.CASCADE, related_name="entries", db_index=False, db_constraint=False
    )
    sheet = models.SmallIntegerField("工作表序号", default=0)
    row = models.IntegerField("行号", null=True, blank=True)
    part = models.SmallIntegerField("行内第几人", default=0)
    fate = models.CharField("结果", max_length=16, choices=Fate)
    code = models.CharField("原因代码", max_length=20, blank=True)
    reason = models.CharField("原因", max_length=300, blank=True)
    person_id = models.BigIntegerField("人员", null=True, blank=True)
    town_id = models.BigIntegerField("乡镇", null=True, blank=True)
    village_id = models.BigIntegerField("村", null=True, blank=True)
    name = models.CharField("姓名", max_length=120, blank=True)
    before = models.JSONField("改动前", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "名册行"
        indexes = [
            models.Index(
                fields=["roster", "fate", "town_id", "village_id", "id"], name="rosterrow_fate"
            ),
            models.Index(
                fields=["person_id", "roster"],
                name="rosterrow_person",
                condition=Q(person_id__isnull=False),
            ),
        ]


class RosterPage(models.Model):
    """名册原文: the declared cells of a run of rows as they came, compressed and sealed.

    Kept when the file itself is long gone. A run, not a row, because a county's register is
    700,000 of them, and a seal for each would cost more than reading the file.
    """

    roster = models.ForeignKey(Roster, models.CASCADE, related_name="pages")
    sheet = models.SmallIntegerField("工作表序号")
    first_row = models.IntegerField("首行行号")
    sealed = models.BinaryField("内容（密文）")

    class Meta:
        verbose_name = verbose_name_plural = "名册原文"
        constraints = [
            models.UniqueConstraint(fields=["roster", "sheet", "first_row"], name="rosterpage_once")
        ]


class Stage(models.Model):
    """Staged values of a roster between reading and applying. UNLOGGED, swept, never shown.

    Whatever kind: one row per person of a row. ``facts`` holds what only one kind knows.
    """

    roster_id = models.BigIntegerField()
    sheet = models.SmallIntegerField()
    row = models.IntegerField()
    part = models.SmallIntegerField()
    fate = models.CharField(max_length=16, null=True)
    code = models.CharField(max_length=20, default="")
    reason = models.CharField(max_length=300, default="")
    doc_type = models.CharField(max_length=24, null=True)
    id_index = models.UUIDField(null=True)
    tail_index = models.UUIDField(null=True)
    id_cipher = models.BinaryField(null=True)
    name = models.CharField(max_length=120, null=True)
    sex = models.CharField(max_length=1, null=True)
    birth = models.DateField(null=True)
    phone = models.CharField(max_length=30, null=True)
    household_number = models.CharField(max_length=40, null=True)
    relation = models.CharField(max_length=20, null=True)
    address = models.CharField(max_length=200, null=True)
    day = models.DateField(null=True)
    note = models.CharField(max_length=200, null=True)
    amount = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    paid_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)
    channel = models.CharField(max_length=40, null=True)
    serial = models.CharField(max_length=60, null=True)
    number = models.IntegerField(null=True)
    facts = models.JSONField(null=True)
    town_id = models.BigIntegerField(null=True)
    village_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = verbose_name_plural = "名册暂存"
        indexes = [models.Index(fields=["roster_id"], name="stage_roster")]


class HeadingMap(models.Model):
    """表头对应: what a department's headings mean, asked once and remembered."""

    county = models.ForeignKey("enrollment.Region", models.CASCADE, related_name="+")
    department = models.ForeignKey(
        "enrollment.Department", models.CASCADE, null=True, blank=True, related_name="+"
    )
    kind = models.CharField("名册种类", max_length=20)
    signature = models.CharField("表头指纹", max_length=64)
    mapping = models.JSONField("对应关系")
    created_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = verbose_name_plural = "表头对应"
        constraints = [
            models.UniqueConstraint(
                fields=["county", "department", "kind", "signature"],
                nulls_distinct=False,
                name="headingmap_once",
                violation_error_message="这种表头已有对应关系",
            )
        ]


class QuestionKind(models.TextChoices):
    NAME_DIFFERS = "name_differs", "姓名不一致"
    PAID_AGAIN = "paid_again", "疑似重复入库"
    SERIAL_DIFFERS = "serial_differs", "流水号相同但内容不同"
    MOVES_TOWN = "moves_town", "迁移待确认"


class Decision(models.TextChoices):
    """What an answer decides. The next file is read by it and asks no more."""

    KEEP = "keep", "同一人，姓名以在册为准"
    TAKE = "take", "同一人，姓名以名册为准"
    OTHER = "other", "不是同一人，名册的证件号码有误"
    ANOTHER = "another", "确是另一笔，入库"
    SAME = "same", "是同一笔，不再入库"
    MOVES = "moves", "同意迁出"
    STAYS = "stays", "仍在原处，不迁"


class QuestionQuerySet(PlacedQuerySet):
    def open(self) -> Self:
        return self.filter(answered_at__isnull=True)


class Question(Placed):
    """待核实事项: something a file says that the portal must not decide by itself."""

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear", models.PROTECT, related_name="questions"
    )
    kind = models.CharField("种类", max_length=20, choices=QuestionKind)
    person = models.ForeignKey(
        "enrollment.Person", models.CASCADE, null=True, blank=True, related_name="questions"
    )
    roster = models.ForeignKey(
        Roster, models.CASCADE, null=True, blank=True, related_name="questions"
    )
    row = models.IntegerField("行号", null=True, blank=True)
    text = models.CharField("问题", max_length=300)
    given = models.CharField("名册所写", max_length=120, blank=True)
    known = models.CharField("在册所记", max_length=120, blank=True)
    opened_at = models.DateTimeField("提出时间", auto_now_add=True)
    decision = models.CharField("决定", max_length=12, choices=Decision, blank=True)
    answer = models.CharField("结论", max_length=300, blank=True)
    answered_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField("核实时间", null=True, blank=True)
    objection = models.CharField(
        "不同意的理由", max_length=300, blank=True, help_text="所在乡镇不同意迁出，待县级决定"
    )
    objected_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    objected_at = models.DateTimeField("不同意的时间", null=True, blank=True)

    objects = QuestionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "待核实事项"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "kind", "person", "given"],
                condition=Q(answered_at__isnull=True),
                name="question_open_once",
                violation_error_message="同一问题已在待核实清单中",
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | ~Q(answer=""),
                name="question_answer_says_what",
                violation_error_message="请写明核实结论",
            ),
        ]
        indexes = [models.Index(fields=["county", "town", "village"], name="question_place")]


class HeldRow(models.Model):
    """待定行: a row that waits for the answer to a question, as it was staged.

    Without the number, which the person has. An answer takes it back to staging, where it is
    decided anew; then, or when its roster is withdrawn, it goes.
    """

    question = models.ForeignKey(Question, models.CASCADE, related_name="held")
    roster = models.ForeignKey(Roster, models.CASCADE, related_name="+", db_index=False)
    sheet = models.SmallIntegerField("工作表序号")
    row = models.IntegerField("行号")
    part = models.SmallIntegerField("行内第几人")
    line = models.JSONField("暂存内容")

    class Meta:
        verbose_name = verbose_name_plural = "待定行"
        constraints = [
            models.UniqueConstraint(
                fields=["roster", "sheet", "row", "part"],
                name="heldrow_once",
                violation_error_message="这一行已在等待核实",
            )
        ]
