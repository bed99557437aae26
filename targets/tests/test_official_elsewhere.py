"""汇总表 and 明细表: who is out of scope and who is insured elsewhere (Nongba, annexes 4 and 5)."""

import io
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from openpyxl import load_workbook

from enrollment import roster as verbs
from enrollment.models import AuditEvent, Person, PolicyYear, Region, Status, StatusKind
from enrollment.models.rules import StatusKind as Kind
from enrollment.tests.cast import id_number, make_payment, make_person, make_status
from targets import official
from targets.official.elsewhere import count

pytestmark = pytest.mark.django_db
PACK = Path(settings.BASE_DIR) / "policies" / "yunyang-2024.toml"


@pytest.fixture
def nongba(db):
    """农坝镇 with its pack, a few people in two of its villages."""
    call_command("load_policy", str(PACK), verbosity=0)
    town = Region.objects.get(key="500235116")
    year = PolicyYear.objects.get(county__key="500235", year=2024)
    villages = list(Region.objects.filter(parent=town, placeholder=False).order_by("order")[:2])
    people = [
        make_person(
            villages[number % 2], f"村民{number}", id_number(number + 1), phone="13800005678"
        )
        for number in range(12)
    ]
    return year, town, villages, people


def kind(year, name: str) -> Kind:
    return StatusKind.objects.get(policy_year=year, name=name)


def test_annex_5_has_its_thirteen_columns_and_adds_up(nongba):
    year, town, villages, people = nongba
    for person, name in zip(
        people,
        ["空挂户", "死亡", "出国", "县外市内居民医保", "县外市内职工医保", "市外居民医保",
         "市外职工医保", "参军", "服刑"],
        strict=False,
    ):  # fmt: skip
        make_status(person, kind(year, name))
    make_status(people[0], kind(year, "市外职工医保"))  # 空挂户 comes first
    made = official.table(year, "summary", region=town)
    assert len(made.columns) == 13 and made.annex == "附件5"
    first, second = (next(r for r in made.rows if r[0] == v.name) for v in villages)
    assert first == [villages[0].name, 6, 1, 0, 1, 2, 0, 1, 0, 1, 0, 1, 3]
    assert second == [villages[1].name, 6, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 3]
    assert made.total == ["合计", 12, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 6]


def test_the_longer_form_counts_everybody_once(nongba):
    year, town, _, people = nongba
    make_status(people[0], kind(year, "死亡"))
    make_status(people[1], kind(year, "市外职工医保"))
    make_payment(people[1], year)  # insured twice, counted once
    make_payment(people[2], year)
    made = official.table(year, "summary-long", region=town)
    heads = [column.heading[-1] for column in made.columns]
    total = dict(zip(heads, made.total, strict=True))
    assert (total["应参保人数"], total["县内居民"], total["县外合计"]) == (11, 1, 1)
    assert (total["已参保合计"], total["未参保"], total["参保率"]) == (2, 9, 0.182)
    _, whole = count(year, town)
    assert whole.population == 12


def test_a_county_without_the_form_gets_a_plain_one(cast):
    make_status(cast.people["甲一"], cast.kinds["服役"])
    made = official.table(cast.year, "summary", region=cast.county)
    assert made.plain
    assert [column.heading[-1] for column in made.columns] == ["单位", "户籍人数", "服役", "合计"]
    assert [row[:4] for row in made.rows] == [["东风镇", 3, 1, 1], ["西河镇", 1, 0, 0]]


def sheet_of(year, town, **given):
    made = official.table(year, "out-of-county", region=town, **given)
    return made, load_workbook(io.BytesIO(official.content(made))).worksheets[0]


def test_annex_4_blank_offers_the_words_of_the_policy(nongba):
    year, town, _, _ = nongba
    made, sheet = sheet_of(year, town)
    assert len(made.rows) == 14 and made.head_left == "填报单位：农坝镇"
    [rule] = sheet.data_validations.dataValidation
    assert rule.type == "list" and rule.formula1 == "选项!$A$1:$A$4"
    options = [row[0].value for row in sheet.parent["选项"].iter_rows()]
    assert options[0] == "县外市内参加居民医保（大学生医保）" and len(options) == 4
    assert sheet.parent["选项"].sheet_state == "hidden"


def test_annex_4_goes_out_filled_in_and_comes_back(nongba, tmp_path):
    """Out of the portal, filled in by the village, and in again through the rosters."""
    year, town, villages, people = nongba
    make_status(people[0], kind(year, "市外职工医保"), note="杭州某厂")
    made, _ = sheet_of(year, town)
    assert made.rows[0][4].endswith("*" * 12) and made.rows[0][5] == "138****5678"
    _, sheet = sheet_of(year, town, full=True)
    numbers = [row for row in sheet.iter_rows(values_only=True) if row[0] == 1]
    assert numbers[0][4] == people[0].number()
    at = next(row[0].row for row in sheet.iter_rows() if row[0].value == 1)
    sheet.cell(at, 8, "宁波某厂")  # changed place
    for below, (person, word, where) in enumerate(
        [
            (people[1], "县外市内参加居民医保(大学生医保)", "重庆大学"),
            (people[2], "市外参加居民医保（大学生医保）", "成都某街道"),
            (people[3], "不知道", "某处"),
        ],
        1,
    ):
        values = [below + 1, town.name, person.village.name, person.name, person.number(), "",
                  word, where]  # fmt: skip
        for column, value in enumerate(values, 1):
            sheet.cell(at + below, column, value)
    path = tmp_path / "附件4.xlsx"
    sheet.parent.save(path)
    with path.open("rb") as file:
        roster = verbs.hand_in(
            file, file_name=path.name, year=year, kind="out-of-county", by=None, region=town
        )
    roster = verbs.read(roster)
    assert roster.refusal == ""
    assert (roster.new, roster.changed, roster.problems) == (2, 1, 1)
    [problem] = verbs.entries(roster, "problems")
    assert "“不知道”不在本县的选项中" in problem.reason
    before = list(Status.objects.order_by("pk").values_list("person", "kind", "note"))
    verbs.apply(roster, by=None)
    told = {
        one.person.name: (one.kind.name, one.note)
        for one in Status.objects.select_related("person", "kind")
    }
    assert told == {
        "村民0": ("市外职工医保", "宁波某厂"),
        "村民1": ("县外市内居民医保", "重庆大学"),
        "村民2": ("市外居民医保", "成都某街道"),
    }
    verbs.withdraw(roster, by=None)
    assert list(Status.objects.order_by("pk").values_list("person", "kind", "note")) == before
    assert Person.objects.count() == 12


def test_full_numbers_leave_on_record_and_for_those_who_may(cast, signed_in, tmp_path):
    cast.kinds["职工参保"].bucket = "elsewhere"
    cast.kinds["职工参保"].save()
    make_status(cast.people["甲一"], cast.kinds["职工参保"])
    url = reverse("targets:table", args=["990001", 2024, "out-of-county"])

    def numbers(user, query: str) -> str:
        answer = signed_in(user).get(url + query)
        if answer.status_code != 200:
            return str(answer.status_code)
        return str(list(load_workbook(io.BytesIO(answer.content)).worksheets[0].values))

    assert id_number(1) not in numbers(cast.east_officer, "")
    assert id_number(1) in numbers(cast.east_officer, "?full=1")
    assert numbers(cast.county_viewer, "?full=1") == "302"
    assert "完整号码" in AuditEvent.objects.filter(action="download_table").first().subject
    assert id_number(1) not in numbers(cast.west_officer, "?full=1")
