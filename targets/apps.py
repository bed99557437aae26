from django.apps import AppConfig


class TargetsConfig(AppConfig):
    """任务: goals, progress, official tables, policy packs."""

    name = "targets"
    verbose_name = "参保任务"
    default_auto_field = "django.db.models.BigAutoField"
