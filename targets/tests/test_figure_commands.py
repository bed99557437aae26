"""compute_targets, progress and export_table as a script sees them: JSON, exit codes, sentences."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command, load_command_class
from django.db import connections
from openpyxl import load_workbook

from enrollment.commands import aligned
from enrollment.failure import Failure
from enrollment.models import Region
from enrollment.tests.cast import make_payment
from targets import target
from targets.models import TargetRule, TargetVersion

PLACE = ("--county", "990001", "--year", "2024")


@pytest.fixture
def run(cast, capsys, monkeypatch):
    """Run a command with --json; returns its JSON, or the error's code and the exit status."""
    # A command that ends closes its connections; the test's transaction must survive.
    monkeypatch.setattr(connections, "close_all", lambda: None)

    def run(name: str, *words: str) -> Any:
        command = load_command_class("targets", name)
        try:
            command.run_from_argv(["manage.py", name, *words, "--json"])
        except SystemExit as stop:
            out = capsys.readouterr().out
            return json.loads(out)["error"]["code"], stop.code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def rule(cast) -> TargetRule:
    return TargetRule.objects.create(
        policy_year=cast.year, method="rate", rate=Decimal("0.95"), total="from_base"
    )


def test_compute_targets(cast, rule, run):
    found = run("compute_targets", *PLACE)
    assert found["rows"] == [
        {
            "name": "东风镇",
            "code": "990001101",
            "population": 3,
            "deductions": 0,
            "base": 3,
            "target": 3,
            "items": {},
        },
        {
            "name": "西河镇",
            "code": "990001102",
            "population": 1,
            "deductions": 0,
            "base": 1,
            "target": 1,
            "items": {},
        },
    ]
    assert found["total"]["target"] == 4
    assert found["as_of"] == "2023-08-31"
    assert not TargetVersion.objects.exists()


def test_compute_targets_issues_a_new_version_each_time(cast, rule, run):
    words = ("--issue", "--document", "示政办〔2023〕1号", "--issued-on", "2023-09-01")
    assert run("compute_targets", *PLACE, *words)["version"] == 1
    assert run("compute_targets", *PLACE, "--issue")["version"] == 2
    first = TargetVersion.objects.get(number=1)
    assert (first.document, first.issued_on) == ("示政办〔2023〕1号", date(2023, 9, 1))
    assert target.in_force(cast.year, on=date(2023, 9, 1)).target(cast.county.pk) == 4


def test_progress(cast, run):
    version = target.assign(cast.year, {cast.east: 3, cast.west: 2}, by=None)
    target.issue(version, by=None, issued_on=date(2023, 9, 1))
    make_payment(cast.people["甲一"], cast.year, when="2023-12-31 23:59")
    found = run("progress", *PLACE, "--as-of", "2023-12-31")
    assert found["as_of"] == "2023-12-31T23:59:59+08:00"
    row = {key: found["rows"][0][key] for key in ("code", "name", "target", "insured", "rate")}
    assert row == {
        "code": "990001101",
        "name": "东风镇",
        "target": 3,
        "insured": 1,
        "rate": 0.3333,
    }
    assert (found["total"]["target"], found["total"]["insured"]) == (5, 1)
    assert run("progress", *PLACE, "--as-of", "2023-12-31T12:00:00")["total"]["insured"] == 0
    found = run("progress", *PLACE, "--region", "东风镇")
    assert [row["name"] for row in found["rows"]] == ["红星村", "柳林村"]
    assert found["total"]["target"] == 3


def test_export_table(cast, run, tmp_path):
    path = tmp_path / "进度.xlsx"
    found = run("export_table", "progress", *PLACE, "--out", str(path))
    assert found["rows"] == 2
    assert load_workbook(path).worksheets[0]["B3"].value == "东风镇"
    assert [one["name"] for one in run("export_table", "--list")["tables"]] == [
        "targets",
        "progress",
        "overlap",
        "contrast",
        "coverage",
        "summary",
        "summary-long",
        "out-of-county",
        "insured",
        "missing",
        "population",
        "deductions",
        "base",
        "deducted_insured",
        "lapsed",
        "never",
        "hardship",
        "newborn",
        "register-book",
        "batch-file",
        "ledger",
        "uncovered",
        "zero-declaration",
        "differences",
        "recovery",
        "subsidy-totals",
    ]


def test_a_list_of_people_by_command(cast, run, tmp_path):
    path = tmp_path / "名单.csv"
    found = run("export_table", "missing", *PLACE, "--region", "东风镇", "--out", str(path))
    assert (found["title"], found["rows"]) == ("应参未参名单", 3)
    assert "乙一" in path.read_text(encoding="utf-8-sig")
    pdf = str(tmp_path / "名单.pdf")
    assert run("export_table", "missing", *PLACE, "--out", pdf) == ("bad_name", 1)
    draft = run("export_table", "missing", *PLACE, "--draft", "--out", str(path))
    assert draft == ("arguments", 1)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("progress", "--county", "1", "--year", "2024"), "unknown_county"),
        (("progress", "--county", "990001", "--year", "2031"), "unknown_year"),
        (("progress", *PLACE, "--region", "无此镇"), "unknown_region"),
        (("progress", *PLACE, "--region", "990002"), "unknown_region"),
        (("progress", *PLACE, "--region", "990002101"), "unknown_region"),
        (("progress", *PLACE, "--as-of", "昨天"), "bad_time"),
        (("progress", *PLACE, "--as-of", "2023-13-40"), "bad_time"),
        (("progress", "--year", "2024"), "arguments"),
        (("compute_targets", *PLACE, "--issue"), "no_rule"),
        (("compute_targets", *PLACE, "--document", "x"), "arguments"),
        (("export_table", "targets", *PLACE), "arguments"),
        (("export_table", "targets", *PLACE, "--out", "x.xlsx"), "not_issued"),
        (("export_table", "targets", *PLACE, "--draft", "--out", "x.xlsx"), "no_rule"),
        (("export_table", "none", *PLACE, "--out", "x.xlsx"), "unknown_table"),
    ],
)
def test_failures_exit_with_1_and_a_code(run, words, code):
    assert run(*words) == (code, 1)


def test_a_county_by_name_and_a_failure_as_an_exception(cast, capsys):
    call_command("progress", county="示范县", year=2024)
    assert "西河镇" in capsys.readouterr().out
    Region.objects.create(key="990003", name="示范县", level="county")
    with pytest.raises(Failure, match="没有代码为 示范县"):
        call_command("progress", county="示范县", year=2024)


def test_a_table_for_the_terminal_counts_wide_characters_twice():
    text = aligned(["单位", "人数"], [["流波䃥镇", 11088], ["合计", None]])
    assert text.splitlines() == ["单位        人数", "流波䃥镇  11,088", "合计           —"]
