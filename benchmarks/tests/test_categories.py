"""The eight rosters say what annex 2 says, and come out of the portal saying the same."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command

from benchmarks import categories, county
from benchmarks.categories import LINES, MATRIX, STANDARDS
from enrollment import roster
from enrollment.models import Department, PolicyYear
from subsidies.models import Entitlement
from targets import official

POLICY = Path(__file__).resolve().parents[2] / "policies" / "jinzhai-2024.toml"


def test_people_with_several_identities_add_up_to_annex_2():
    found = categories.combinations(MATRIX)
    cells: Counter[tuple[int, int]] = Counter()
    for who, count in found.items():
        for line in who:
            cells[who[0], line] += count
    assert [[cells[row, column] for column in range(8)] for row in range(8)] == [*map(list, MATRIX)]
    assert sum(cells.values()) == 120_964
    assert sum(found.values()) == 107_581
    assert sum(MATRIX[i][i] * STANDARDS[i] for i in range(8)) == 25_898_292
    sizes = Counter(len(who) for who in found.elements())
    assert sizes[3] > 1000
    assert sizes[4] > 200


@pytest.mark.django_db
def test_spoilt_rosters_give_the_table_cell_for_cell(tmp_path):
    call_command("load_policy", str(POLICY), "--json")
    year = PolicyYear.objects.get(county__key="341524", year=2024)
    county.write("jinzhai", tmp_path, 0.005)
    truth = json.loads(categories.write(tmp_path, 0.005).read_text(encoding="utf-8"))

    def put(name: str, kind: str, **more):
        with (tmp_path / name).open("rb") as file:
            found = roster.hand_in(file, file_name=name, year=year, kind=kind, by=None, **more)
        found = roster.read(found)
        assert found.state == "waiting", found.refusal
        return roster.apply(found, by=None, confirmed=True)

    put("register.xlsx", "register")
    for told in truth["files"]:
        by = Department.objects.get(county=year.county, name=told["department"])
        found = put(
            told["name"], "category", topic=told["category"], department=by,
            as_of=date(2023, 9, 1),
        )  # fmt: skip
        assert found.new + found.not_in_register == told["held"], told["name"]
        assert found.unchanged == told["mess"].get("repeated", 0)
        assert found.problems == told["mess"].get("wrong_number", 0)
        assert found.unknown_words == []
    made = official.table(year, "overlap")
    assert made.rows == [
        [
            LINES[i],
            truth["raw"][i],
            truth["duplicates"][i],
            truth["distinct"][i],
            *truth["matrix"][i],
            STANDARDS[i],
            truth["amounts"][i],
        ]
        for i in range(8)
    ]
    total = truth["total"]
    assert made.total[1:4] == [total["raw"], total["duplicates"], total["distinct"]]
    assert made.total[-2:] == [None, total["amount"]]
    assert Entitlement.objects.count() == total["raw"]
    certified = Entitlement.objects.filter(category__name="重度残疾人", grade__isnull=False)
    assert certified.count() == truth["raw"][6]
