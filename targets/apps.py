"""Targets, progress, official tables, and the pages that need everything."""

from django.apps import AppConfig


class TargetsConfig(AppConfig):
    name = "targets"
    verbose_name = "目标任务"
