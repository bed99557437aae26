from importlib import import_module

from django.apps import AppConfig


class TargetsConfig(AppConfig):
    """任务: goals, progress, official tables, policy packs."""

    name = "targets"
    verbose_name = "参保任务"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hand the pipeline our kind of roster; models must be loaded before it is described."""
        import_module("enrollment.roster").add(import_module("targets.assigned").KIND)
