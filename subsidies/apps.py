"""Who is helped with the contribution, by which rule, how much."""

from django.apps import AppConfig


class SubsidiesConfig(AppConfig):
    name = "subsidies"
    verbose_name = "参保资助"
