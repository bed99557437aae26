"""The written files, read back with openpyxl, must say what truth.json says."""

import json
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from benchmarks import county
from benchmarks.payments import CASES
from benchmarks.places import JINZHAI_UNITS, NONGBA_UNITS, YUEYANG_UNITS

ALL_CHECKS = "10X98765432"


@cache
def read(path: Path, headings_in: int = 0) -> list[dict[str, Any]]:
    """Rows of the first sheet by heading; `headings_in` is the heading row's position."""
    lines = list(load_workbook(path).worksheets[0].iter_rows(values_only=True))
    headings = lines[headings_in]
    return [dict(zip(headings, line, strict=True)) for line in lines[headings_in + 1 :]]


def valid(number: str) -> bool:
    total = sum(int(digit) * (2 ** (17 - i) % 11) for i, digit in enumerate(number[:17]))
    return len(number) == 18 and number[17] == ALL_CHECKS[total % 11]


def is_insured(amounts: list[Decimal]) -> bool:
    if not amounts:
        return False
    return sum(amounts) > 0 or (sum(amounts) == 0 and not any(a < 0 for a in amounts))


@pytest.fixture(scope="module", params=["jinzhai", "yueyang", "nongba"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp(request.param)
    truth = json.loads(county.write(request.param, folder, 0.005).read_text(encoding="utf-8"))
    return folder, truth


def test_people_of_every_village_are_the_register(made):
    folder, truth = made
    people = read(folder / "register.xlsx")
    numbers = [row["公民身份号码"] for row in people]
    assert len(set(numbers)) == len(numbers) == truth["total"]["population"]
    assert all(valid(number) and number[:6] == truth["address_code"] for number in numbers)
    assert all(row["出生日期"].replace("-", "") == row["公民身份号码"][6:14] for row in people)
    assert all((int(r["公民身份号码"][16]) % 2 == 1) == (r["性别"] == "男") for r in people)
    heads = Counter(row["户号"] for row in people if row["与户主关系"] == "户主")
    assert set(heads.values()) == {1} and set(heads) == {row["户号"] for row in people}
    found = Counter((row["乡镇"], row["村（居）"]) for row in people)
    for unit in truth["units"]:
        for village in unit["villages"]:
            assert found[unit["name"], village["name"]] == village["population"]


def test_deducted_people_are_counted_once(made):
    folder, truth = made
    places = {row["公民身份号码"]: row for row in read(folder / "register.xlsx")}
    column = "村（居）" if truth["town"] else "乡镇"
    deducted = defaultdict(set)
    lines = 0
    for path in folder.glob("status-*.xlsx"):
        for row in read(path, 2):
            number = next(v for k, v in row.items() if k and ("身份" in k or "证件" in k))
            deducted[places[number][column]].add(number)
            lines += 1
    for unit in truth["units"]:
        assert len(deducted[unit["name"]]) == unit["deductions"]
        assert unit["base"] == unit["population"] - unit["deductions"]
    assert lines == truth["lists"]["sum"] > truth["lists"]["distinct"]


@pytest.mark.parametrize("cutoff", ["2023-11-20T23:59:59", "2023-12-31T23:59:59", "end"])
def test_insured_people_follow_from_the_payments(made, cutoff):
    folder, truth = made
    places = {row["公民身份号码"]: row for row in read(folder / "register.xlsx")}
    amounts = defaultdict(list)
    towns = {}
    for row in read(folder / "payments.xlsx", 2):
        towns[row["身份证件号码"]] = row["街道乡镇"]
        if cutoff == "end" or row["缴费时间"].replace(" ", "T") <= cutoff:
            amounts[row["身份证件号码"]].append(Decimal(str(row["缴费金额"])))
    insured = {number for number, rows in amounts.items() if is_insured(rows)}

    def figure(record: dict) -> int:
        return record["insured"] if cutoff == "end" else record["insured_at"][cutoff]

    by_village = Counter(
        (places[number]["乡镇"], places[number]["村（居）"]) for number in insured & places.keys()
    )
    assert len(insured) == figure(truth["total"])
    for unit in truth["units"]:
        if truth["town"]:
            assert by_village[truth["town"], unit["name"]] == figure(unit)
            continue
        assert sum(towns[number] == unit["name"] for number in insured) == figure(unit)
        for village in unit["villages"]:
            assert by_village[unit["name"], village["name"]] == figure(village)
    assert len(towns.keys() - places.keys()) == truth["unknown_people"]
    loose = sum(figure(record) for record in truth["unplaced"].values())
    assert len(insured - places.keys()) == loose


def test_last_years_list_gives_renewed_new_and_lapsed(made):
    folder, truth = made
    amounts = defaultdict(list)
    for row in read(folder / "payments.xlsx", 2):
        amounts[row["身份证件号码"]].append(Decimal(str(row["缴费金额"])))
    now = {number for number, rows in amounts.items() if is_insured(rows)}
    before = {row["证件号码"] for row in read(folder / "insured-2023.xlsx")}
    total = truth["total"]
    assert len(before) == total["insured_before"]
    assert len(before & now) == total["renewed"]
    assert len(now - before) == total["new"]
    assert len(before - now) == total["lapsed"]


def test_every_way_of_paying_occurs(made):
    folder, truth = made
    assert truth["cases"].keys() >= set(CASES)
    times = {row["缴费时间"] for row in read(folder / "payments.xlsx", 2)}
    assert times >= {
        "2023-11-20 23:59:59",
        "2023-11-21 00:00:00",
        "2023-12-31 23:59:59",
        "2024-01-01 00:00:00",
    }


def test_serials_repeat_only_within_a_family(made):
    folder, truth = made
    rows = read(folder / "payments.xlsx", 2)
    keys = [(row["电子税票号码"], row["身份证件号码"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert truth["files"]["payments.xlsx"]["serials"] < len(keys)
    early = {row["电子税票号码"] for row in read(folder / "payments-1120.xlsx", 2)}
    assert early < {row["电子税票号码"] for row in rows}


def test_assigned_targets_stand_in_printed_order(made):
    folder, truth = made
    if truth["rate"]:
        assert not (folder / "targets.xlsx").exists()
        return
    lines = list(load_workbook(folder / "targets.xlsx").active.iter_rows(values_only=True))[2:]
    assert [name for name, _ in lines[:-1]] == [unit["printed"] for unit in truth["units"]]
    assert lines[-1][1] == sum(number for _, number in lines[:-1]) == truth["total"]["target"]


def test_printed_numbers_are_the_notices():
    assert sum(unit.population for unit in JINZHAI_UNITS) == 673442
    assert sum(unit.deductions for unit in JINZHAI_UNITS) == 72360
    assert sum(unit.target or 0 for unit in YUEYANG_UNITS) == 535350
    assert sum(unit.target or 0 for unit in NONGBA_UNITS) == 22958
    rate = Decimal("0.95")
    rows = [
        ((unit.population - unit.deductions) * rate).quantize(Decimal(1), ROUND_HALF_UP)
        for unit in JINZHAI_UNITS
    ]
    assert sum(rows) == 571027
    assert (Decimal(673442 - 72360) * rate).quantize(Decimal(1), ROUND_HALF_UP) == 571028


def test_mess_accounts_for_every_line_and_keeps_the_truth(tmp_path):
    clean = json.loads(county.write("jinzhai", tmp_path / "clean", 0.003).read_text("utf-8"))
    messy = json.loads(county.write("jinzhai", tmp_path / "messy", 0.003, mess=True).read_text())
    assert messy["total"] == clean["total"] and messy["units"] == clean["units"]
    assert {"register.xlsx", "payments.xlsx", "status-服役.xlsx"} <= messy["mess"].keys()
    for name, counts in messy["mess"].items():
        book = load_workbook(tmp_path / "messy" / name)
        assert book.worksheets[0].max_row == sum(counts.values())
        assert counts["number_as_number"] >= 1 and counts["total"] == 1
    states = [sheet.sheet_state for sheet in load_workbook(tmp_path / "messy/register.xlsx")]
    assert states == ["visible", "hidden"]


def test_one_seed_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        county.write("nongba", tmp_path / name, 0.01, 7, True)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_inline_strings_say_the_same(tmp_path):
    county.write("nongba", tmp_path / "a", 0.01)
    county.write("nongba", tmp_path / "b", 0.01, shared=False)
    assert read(tmp_path / "a/register.xlsx") == read(tmp_path / "b/register.xlsx")
