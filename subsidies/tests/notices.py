"""The three counties with their policies, loaded once for all the tests of a module."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction

from enrollment.models import PolicyYear

POLICIES = Path(__file__).resolve().parents[2] / "policies"
KEYS = {"J": "341524", "Y": "430621", "N": "500235"}


@pytest.fixture(scope="module")
def years(django_db_setup, django_db_blocker) -> Iterator[dict[str, PolicyYear]]:
    """J 金寨县, Y 岳阳县, N 云阳县; undone when the module is through."""
    with django_db_blocker.unblock(), transaction.atomic():
        for name in ("jinzhai", "yueyang", "yunyang"):
            call_command("load_policy", str(POLICIES / f"{name}-2024.toml"), "--json")
        yield {
            letter: PolicyYear.objects.select_related("county").get(county__key=key, year=2024)
            for letter, key in KEYS.items()
        }
        transaction.set_rollback(True)


def day(text: str) -> datetime.date | None:
    return datetime.date.fromisoformat(text) if text else None
