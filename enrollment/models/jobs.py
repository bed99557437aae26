"""Background work: the row is the truth about it, a Celery message is only a hint to look."""

from typing import Self

from django.db import models
from django.db.models import Q

MAX_ATTEMPTS = 3


class JobState(models.TextChoices):
    QUEUED = "queued", "排队中"
    RUNNING = "running", "进行中"
    DONE = "done", "已完成"
    FAILED = "failed", "未完成"
    CANCELLED = "cancelled", "已取消"


class JobQuerySet(models.QuerySet):
    def active(self) -> Self:
        return self.filter(state__in=[JobState.QUEUED, JobState.RUNNING])


class Job(models.Model):
    """任务进程: one piece of background work on one roster."""

    verb = models.CharField("做什么", max_length=20)
    roster = models.ForeignKey(
        "enrollment.Roster", models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    slot = models.CharField(max_length=120, help_text="同一县、年度、种类、范围同时只做一件")
    state = models.CharField("状态", max_length=10, choices=JobState, default=JobState.QUEUED)
    by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    options = models.JSONField(default=dict, blank=True)
    attempts = models.SmallIntegerField("次数", default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    cancel_asked = models.BooleanField(default=False)
    phase = models.CharField("步骤", max_length=60, blank=True)
    done = models.BigIntegerField("已处理", default=0)
    total = models.BigIntegerField("总数", null=True, blank=True)
    error = models.TextField("原因", blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField("提交时间", auto_now_add=True)
    started_at = models.DateTimeField("开始时间", null=True, blank=True)
    finished_at = models.DateTimeField("结束时间", null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "任务进程"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["slot"],
                condition=Q(state__in=["queued", "running"]),
                name="job_one_active_per_slot",
                violation_error_message="同一范围的同类名册正在处理，请等它完成",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=MAX_ATTEMPTS), name="job_attempts_capped"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | Q(state__in=["done", "failed", "cancelled"], finished_at__isnull=False),
                name="job_finished_when_over",
            ),
        ]

    @property
    def is_active(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)
