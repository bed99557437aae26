from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    """Places, years, people, rosters and payments: who is where, and who has paid."""

    name = "enrollment"
    verbose_name = "参保登记"
    default_auto_field = "django.db.models.BigAutoField"
