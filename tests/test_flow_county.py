"""A generated county, clean and as messy as real lists are, through the commands to its figures.

``truth.json`` was counted by the generator while it made the people, without this application.
"""

import io
import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from openpyxl import load_workbook

from benchmarks import county as generator
from enrollment import documents
from enrollment.documents import DocumentError
from enrollment.models import Person, Question, Region, RosterRow, Status
from enrollment.tests.cast import id_number

COUNTY = "341524"
SCALE = 0.004
BAD_NUMBERS = (
    "number_as_number", "wrong_check_digit", "no_such_date", "wrong_length", "number_missing",
)  # fmt: skip
NO_DATA = ("title", "heading", "blank", "dots", "subtotal", "total")
SPELT = ("as_it_was", "lower_case_x", "fifteen_digits", "full_width", "spaced", "apostrophe")


def ask(command: str, *arguments: str, year: int = 2024) -> dict[str, Any]:
    out = io.StringIO()
    call_command(command, *arguments, "--county", COUNTY, "--year", str(year), "--json", stdout=out)
    return json.loads(out.getvalue())


def hand_in(path: Path, kind: str, *more: str, year: int = 2024) -> dict[str, Any]:
    found = ask("import_roster", str(path), "--kind", kind, "--apply", "--yes", *more, year=year)
    fates = ("new", "changed", "unchanged", "would_end", "problems", "not_in_register",
             "outside_area", "ignored")  # fmt: skip
    assert found["applied"] and found["rows"] == sum(found[fate] for fate in fates)
    return found


def sums(counts: dict[str, int], *sorts: str) -> int:
    return sum(counts.get(sort, 0) for sort in sorts)


@pytest.fixture(params=[False, True], ids=["clean", "messy"])
def made(db, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, Any], bool]:
    call_command("load_policy", "policies/jinzhai-2024.toml", stdout=io.StringIO())
    truth = generator.write("jinzhai", tmp_path, SCALE, mess=request.param)
    return tmp_path, json.loads(truth.read_text(encoding="utf-8")), request.param


def test_a_county_from_its_files_to_its_figures(made):
    folder, truth, messy = made
    register(folder, truth, messy)
    status_lists(folder, truth, messy)
    payments(folder, truth, messy)
    insured_lists(folder, truth)
    short = wrongly_named(folder, truth) if messy else {}
    targets(truth, short)
    progress(truth)
    if messy:
        handed_in_again(folder)


def register(folder: Path, truth: dict[str, Any], messy: bool) -> None:
    found = hand_in(folder / "register.xlsx", "register", "--as-of", "2023-08-31")
    people = truth["total"]["population"]
    assert (found["new"], found["people"], found["outside_area"]) == (people, people, 0)
    if not messy:
        assert (found["rows"], found["problems"], found["ignored"]) == (people + 1, 0, 1)
        return
    spoilt = truth["mess"]["register.xlsx"]
    assert found["new"] == sums(spoilt, *SPELT)
    assert found["unchanged"] == spoilt["repeated"]
    assert found["problems"] == sums(spoilt, "name_differs", *BAD_NUMBERS)
    assert found["ignored"] == sums(spoilt, *NO_DATA)
    assert found["unread_sheets"] == ["字典（隐藏）"]


def status_lists(folder: Path, truth: dict[str, Any], messy: bool) -> None:
    for kind, people in truth["lists"]["people"].items():
        name = f"status-{kind}.xlsx"
        found = hand_in(folder / name, "status", "--status", kind)
        if not messy or not people:
            assert (found["new"], found["problems"]) == (people, 0)
            continue
        spoilt = truth["mess"][name]
        assert found["new"] == sums(spoilt, *SPELT)
        assert found["unchanged"] == spoilt["repeated"]
        assert found["not_in_register"] == spoilt["not_in_register"]
        assert found["problems"] == sums(spoilt, "name_differs", *BAD_NUMBERS)
        assert found["ignored"] == sums(spoilt, *NO_DATA)


def payments(folder: Path, truth: dict[str, Any], messy: bool) -> None:
    early = truth["files"]["payments-1120.xlsx"]["payments"]
    late = truth["files"]["payments.xlsx"]["payments"]
    first = hand_in(folder / "payments-1120.xlsx", "payments")
    assert (first["new"] + first["not_in_register"], first["problems"]) == (early, 0)
    found = hand_in(folder / "payments.xlsx", "payments")
    spoilt = truth["mess"].get("payments.xlsx", {})
    assert found["new"] + found["not_in_register"] == late - early
    assert found["unchanged"] == early + spoilt.get("repeated", 0)
    assert found["problems"] == sums(spoilt, "amount_unreadable", *BAD_NUMBERS)
    again = hand_in(folder / "payments.xlsx", "payments")
    assert (again["new"], again["not_in_register"]) == (0, 0)
    # Money that is in already asks nothing again, but every such row is told.
    told = RosterRow.objects.filter(roster=found["roster"], reason__contains="姓名待核实")
    assert told.count() == spoilt.get("name_differs", 0)
    fresh = told.exclude(fate="unchanged").values_list("person_id", flat=True)
    asked = Question.objects.filter(kind="name_differs", roster=found["roster"])
    assert set(asked.values_list("person_id", flat=True)) == set(fresh)


def insured_lists(folder: Path, truth: dict[str, Any]) -> None:
    for year in (2023, 2024):
        found = hand_in(folder / f"insured-{year}.xlsx", "insured", year=year)
        people = truth["files"][f"insured-{year}.xlsx"]["people"]
        assert (found["new"] + found["not_in_register"], found["problems"]) == (people, 0)


def wrongly_named(folder: Path, truth: dict[str, Any]) -> Counter[tuple[str, str]]:
    """Deducted people whom every list names wrongly, by town and village.

    The generator counts them as deducted; here the rows wait as questions, person by person.
    """
    named: dict[str, set[bool]] = {}
    known = {person.number(): person for person in Person.objects.select_related("town", "village")}
    for kind in truth["lists"]["people"]:
        page = load_workbook(folder / f"status-{kind}.xlsx").active
        _, _, headings, *lines = page.iter_rows(values_only=True)
        number_at = next(i for i, text in enumerate(headings) if "号码" in text or "证号" in text)
        name_at = headings.index("姓名")
        for line in lines:
            try:
                number = documents.check(line[number_at], today=date(2024, 3, 1)).number
            except DocumentError:
                continue
            named.setdefault(number, set()).add(known[number].name == line[name_at])
    wrong = {number for number, told in named.items() if told == {False}}
    asked = Question.objects.filter(kind="name_differs", roster__kind="status")
    assert wrong <= {question.person.number() for question in asked}
    assert len(wrong) >= 1
    for number in wrong:
        assert not Status.objects.filter(person=known[number]).exists()
    return Counter((known[n].town.name, known[n].village.name) for n in wrong)


def targets(truth: dict[str, Any], short: dict[tuple[str, str], int]) -> None:
    told = ask("compute_targets")
    rows = {row["name"]: row for row in told["rows"]}
    missing: Counter[str] = Counter()
    for (town, _), count in short.items():
        missing[town] += count
    for unit in truth["units"]:
        row = rows[unit["name"]]
        assert row["population"] == unit["population"]
        assert row["deductions"] == unit["deductions"] - missing[unit["name"]]
        assert row["base"] == unit["base"] + missing[unit["name"]]
        assert row["target"] == half_up(row["base"])
        if not missing[unit["name"]]:
            assert row["target"] == unit["target"]
    total = told["total"]
    assert total["population"] == truth["total"]["population"]
    assert total["deductions"] == truth["total"]["deductions"] - sum(missing.values())
    assert total["target"] == half_up(total["base"])
    if not short:
        assert total["target"] == truth["total"]["target"]
    for unit in truth["units"][:3]:
        villages = {row["name"]: row for row in ask("compute_targets", "--region", unit["name"])
                    ["rows"]}  # fmt: skip
        for village in unit["villages"]:
            if not village["population"]:
                continue
            row = villages[village["name"]]
            gap = short.get((unit["name"], village["name"]), 0)
            assert row["population"] == village["population"]
            assert row["deductions"] == village["deductions"] - gap


def half_up(base: int) -> int:
    return (base * 95 + 50) // 100


def progress(truth: dict[str, Any]) -> None:
    for cut in (*truth["total"]["insured_at"], None):
        at = ("--as-of", cut) if cut else ()

        def figure(counted: dict[str, Any], cut: str | None = cut) -> int:
            return counted["insured_at"][cut] if cut else counted["insured"]

        told = ask("progress", *at)
        rows = {row["name"]: row["insured"] for row in told["rows"]}
        assert told["total"]["insured"] == figure(truth["total"])
        for unit in truth["units"]:
            assert rows[unit["name"]] == figure(unit)
            if cut and unit is not truth["units"][0]:
                continue
            below = ask("progress", "--region", unit["name"], *at)
            villages = {row["name"]: row["insured"] for row in below["rows"]}
            assert below["total"]["insured"] == figure(unit)
            for village in unit["villages"]:
                assert villages.get(village["name"], 0) == figure(village)
            assert villages.get("未落实", 0) == figure(truth["unplaced"][unit["town"]])


def handed_in_again(folder: Path) -> None:
    """The problem file as it came back, first untouched, then with numbers put right in it."""
    source = folder / "register-核对结果.xlsx"
    book = load_workbook(source)
    page = book["户籍人口"]
    heading = next(row for row in page.iter_rows() if row[-2].value == "结果")
    assert heading[-1].value == "原因"
    problems = [row for row in page.iter_rows() if row[-2].value == "问题"]
    first = hand_in(source, "register", "--as-of", "2023-08-31")
    assert (first["new"], first["changed"], first["would_end"]) == (0, 0, 0)
    assert first["problems"] == len(problems)
    right = [row for row in problems if "精度已丢失" in row[-1].value]
    for at, row in enumerate(right):
        row[1].value, row[1].number_format = id_number(at, birth="19910203"), "@"
    assert right
    book.save(source)
    second = hand_in(source, "register", "--as-of", timezone.localdate().isoformat())
    assert (second["new"], second["would_end"]) == (len(right), 0)
    assert second["problems"] == first["problems"] - len(right)
    assert Region.objects.filter(county__key=COUNTY, level="village").count() < 400
