"""Who did or looked at what."""

from typing import Self

import pgtrigger
from django.db import models

from enrollment.scope import NOTHING, within


class AuditQuerySet(models.QuerySet):
    def visible_to(self, user) -> Self:
        """The trail of the auditor's own county."""
        if not getattr(user, "is_authenticated", False) or not user.job.reads_audit:
            return self.none()
        return self.filter(within(user) if user.region_id else NOTHING)


class AuditEvent(models.Model):
    """操作记录: append-only (a trigger refuses change), written in the change's own transaction."""

    at = models.DateTimeField("时间", auto_now_add=True)
    county = models.ForeignKey(
        "enrollment.Region", models.PROTECT, null=True, blank=True, related_name="+"
    )
    user = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    username = models.CharField("账号", max_length=150, blank=True)
    action = models.CharField("操作", max_length=40)
    subject = models.CharField("对象", max_length=80, blank=True)
    person_id = models.BigIntegerField("人员", null=True, blank=True)
    details = models.JSONField("说明", default=dict, blank=True)
    address = models.CharField("来源地址", max_length=60, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "操作记录"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["county", "-id"], name="audit_county"),
            models.Index(fields=["person_id", "-id"], name="audit_person"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]


class AuditSeal(models.Model):
    """封条: the hash of an event and of the seal before it. Made by the tick, in order of event."""

    event = models.OneToOneField(AuditEvent, models.PROTECT, related_name="seal")
    hash = models.CharField(max_length=64)

    class Meta:
        verbose_name = verbose_name_plural = "操作记录封条"
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]
