"""The lists of the demonstration go with what its people have paid."""

import json
from collections import Counter

import pytest
from django.core.management import call_command
from django.db.models import Count

from benchmarks import county, holders
from benchmarks.tests.test_categories import POLICY
from enrollment import roster
from enrollment.models import Department, PolicyYear
from subsidies import assessment
from subsidies.models import Subsidy
from targets.demonstration import LISTED_ON


@pytest.mark.django_db
def test_most_amounts_agree_some_do_not_and_some_are_recognised_afterwards(tmp_path):
    call_command("load_policy", str(POLICY.with_name("yueyang-2024.toml")), "--json")
    year = PolicyYear.objects.get(county__key="430621", year=2024)
    county.write("yueyang", tmp_path, 0.005)
    told = json.loads(holders.write("yueyang", tmp_path, 0.005).read_text(encoding="utf-8"))
    lists = [(one["name"], "category", one["category"], one["department"]) for one in told]
    for name, kind, topic, office in (
        ("register.xlsx", "register", "", ""),
        ("payments.xlsx", "payments", "", ""),
        *lists,
    ):
        by = Department.objects.filter(county=year.county, name=office).first()
        with (tmp_path / name).open("rb") as file:
            handed_in = roster.hand_in(
                file, file_name=name, year=year, kind=kind, by=None, topic=topic, department=by,
                as_of=LISTED_ON if topic else None,
            )  # fmt: skip
        read = roster.read(handed_in)
        assert read.state == "waiting", read.refusal
        roster.apply(read, by=None, confirmed=True)
    year.refresh_from_db()
    assessment.assess(year)
    assert len(lists) == 8
    ledger = Subsidy.objects.filter(policy_year=year)
    found = Counter(
        dict(ledger.values_list("difference").annotate(n=Count("pk")).order_by("difference"))
    )
    assert found[0] > 0.8 * sum(found.values())
    assert sum(count for difference, count in found.items() if difference) > 12
    assert ledger.filter(recognised_after=True, difference=190).count() == 12
