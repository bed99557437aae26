"""What departments say when nothing changed."""

from django.db import models


class NilReturn(models.Model):
    """本月无变动: a department says that one of its lists did not change in a month."""

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.CASCADE, related_name="+")
    department = models.ForeignKey("enrollment.Department", models.CASCADE, related_name="+")
    topic = models.TextField("名单")
    month = models.DateField("月份", help_text="该月1日")
    declared_by = models.ForeignKey(
        "enrollment.User", models.PROTECT, null=True, blank=True, related_name="+"
    )
    declared_at = models.DateTimeField("报送时间", auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = "无变动报告"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "department", "topic", "month"],
                name="nilreturn_once_a_month",
                violation_error_message="这份名单本月已报无变动",
            )
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.month:%Y-%m} 无变动"
