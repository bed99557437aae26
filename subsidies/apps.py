from importlib import import_module

from django.apps import AppConfig


class SubsidiesConfig(AppConfig):
    """资助: who is helped, by which rule, how much."""

    name = "subsidies"
    verbose_name = "参保资助"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hand the pipeline our kind of roster; models must be loaded before it is described."""
        import_module("enrollment.roster").add(import_module("subsidies.lists").KIND)
