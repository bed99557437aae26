from django.apps import AppConfig


class SubsidiesConfig(AppConfig):
    """资助: who is helped, by which rule, how much."""

    name = "subsidies"
    verbose_name = "参保资助"
    default_auto_field = "django.db.models.BigAutoField"
