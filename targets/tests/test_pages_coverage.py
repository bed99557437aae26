"""重点人群参保率 on screen: goals by unit, the uncovered by name, and words for each reader."""

import io
import json

import pytest
from django.core.management import load_command_class
from django.db import connections
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models import AuditEvent, StatusKind
from enrollment.tests.cast import make_payment, make_status
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold
from targets.models import Goal

PAGE = reverse("targets:coverage", args=["990001", 2024])
NAMES = reverse("targets:coverage-names", args=["990001", 2024])
EXPORT = reverse("targets:coverage-names-export", args=["990001", 2024])
GOAL = "农村低收入人口参保率"
QUERIES = 16


@pytest.fixture
def county(cast):
    """甲一 is insured, 乙一 works elsewhere, 丙一 is nowhere; 甲二 holds something sensitive."""
    low = category(cast.year, "低保对象")
    stable = category(cast.year, "稳定脱贫人口", amount=None, by="")
    kin = category(
        cast.year, "特扶对象", by="县卫健委", amount="190", sensitive=True,
        public_word="计划生育家庭",
    )  # fmt: skip
    goal = Goal.objects.create(
        policy_year=cast.year, kind="group", name=GOAL, rate="0.99", elsewhere_counts=True,
        cites="五（二）", order=1,
    )  # fmt: skip
    goal.categories.set([low, stable])
    hold(cast.people["甲一"], low, stable)
    hold(cast.people["乙一"], low)
    hold(cast.people["丙一"], stable)
    hold(cast.people["甲二"], kin)
    make_payment(cast.people["甲一"], cast.year)
    employed = StatusKind.objects.create(
        policy_year=cast.year, order=9, name="职工医保", bucket="covered", insurance="employee"
    )
    make_status(cast.people["乙一"], employed)
    return cast


def test_people_are_counted_once_and_cover_elsewhere_as_the_policy_says(county, signed_in):
    page = signed_in(county.county_officer).get(PAGE)
    assert "66.67%，未达到目标 99%，未参保 1 人" in page.context["answer"]
    (goal,) = page.context["goals"]
    assert [(row["label"], row["people"], row["covered"]) for row in goal["rows"]] == [
        ("东风镇", 2, 2), ("西河镇", 1, 0),
    ]  # fmt: skip
    assert [row["reached"] for row in (*goal["rows"], goal["total"])] == [True, False, False]
    assert "五（二）" in page.content.decode()


def test_every_figure_opens_to_a_list_of_that_length(county, signed_in):
    browser = signed_in(county.county_officer)
    context = browser.get(PAGE).context
    rows = [*context["goals"][0]["rows"], context["goals"][0]["total"], *context["kinds"]]
    for row in rows:
        assert browser.get(row["url"]).context["page"].paginator.count == row["missing"]
    opened = AuditEvent.objects.filter(action="open_names")
    assert opened.count() == len(rows)


@pytest.mark.parametrize(
    ("who", "word"), [("county_officer", "特扶对象"), ("east_officer", "计划生育家庭")]
)
def test_below_the_county_a_sensitive_group_has_its_public_word(county, signed_in, who, word):
    browser = signed_in(getattr(county, who))
    page = browser.get(PAGE).content.decode()
    for one in ("特扶对象", "计划生育家庭"):
        assert (one in page) == (one == word)
        status = browser.get(NAMES, {"group": one}).status_code
        assert status == (200 if one == word else 404)
    answer = browser.get(EXPORT, {"group": word})
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert [cell.value for cell in sheet[4]][4] == "甲二"
    assert [cell.value for cell in sheet[4]][9] == word
    table = browser.get(reverse("targets:table", args=["990001", 2024, "coverage"]))
    named = [cell.value for cell in load_workbook(io.BytesIO(table.content)).active["A"]]
    assert word in named
    assert len({"特扶对象", "计划生育家庭"} & set(named)) == 1


def test_a_village_sees_its_own(county, signed_in):
    browser = signed_in(county.red_star_clerk)
    context = browser.get(PAGE).context
    assert context["goals"][0]["total"]["people"] == 1
    assert browser.get(NAMES).context["names"] == []


def test_without_lists_it_says_whose_they_are(cast, signed_in):
    page = signed_in(cast.county_officer).get(PAGE).content.decode()
    assert "还没有重点人群名单" in page


def test_the_command_writes_the_uncovered(county, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(connections, "close_all", lambda: None)
    path = tmp_path / "未参保.xlsx"
    words = ["uncovered", "--county", "990001", "--year", "2024", "--out", str(path), "--json"]
    for more, names in (([], ["丙一"]), (["--group", "低保对象"], ["乙一"])):
        command = load_command_class("targets", "export_table")
        command.run_from_argv(["manage.py", "export_table", *words, *more])
        assert json.loads(capsys.readouterr().out)["rows"] == len(names)
        rows = load_workbook(path).active.iter_rows(min_row=4, values_only=True)
        assert [row[4] for row in rows] == names


def test_a_page_costs_the_same_however_many_stand_on_it(
    county, signed_in, django_assert_num_queries
):
    browser = signed_in(county.county_officer)
    with django_assert_num_queries(QUERIES):
        browser.get(PAGE)
