"""我的村: the clerk's landing page, its lists, one household after the other."""

import json

import pytest
from django.core.management import load_command_class
from django.db import connections
from django.urls import reverse

from enrollment.models import AuditEvent
from enrollment.tests.cast import id_number, make_payment, make_person
from targets import target

VILLAGE = reverse("targets:village", args=["990001", 2024])
MISSING = reverse("targets:worklist", args=["990001", 2024, "missing"])


def home_url(person, key: str = "missing") -> str:
    return reverse("targets:worklist-home", args=["990001", 2024, key, person.pk])


def test_a_village_clerk_begins_in_the_village(cast, signed_in):
    answer = signed_in(cast.red_star_clerk).get("/", follow=True)
    assert answer.request["PATH_INFO"] == VILLAGE
    page = answer.content.decode()
    assert "<h1>我的村</h1>" in page
    answer = signed_in(cast.east_officer).get("/", follow=True)
    assert answer.request["PATH_INFO"] == reverse("targets:progress", args=["990001", 2024])


def test_the_first_line_says_how_far_the_village_is(cast, signed_in):
    version = target.assign(cast.year, {cast.red_star: 2}, by=None, set_by=cast.east)
    target.issue(version, by=None)
    make_payment(cast.people["甲一"], cast.year)
    answer = signed_in(cast.red_star_clerk).get(VILLAGE)
    assert answer.context["answer"] == (
        "东风镇/红星村 已参保 1 / 任务 2（50.0%），还差 1；应参未参 1 人，在 1 户。"
    )


def test_the_town_sees_the_same_summed_by_village(cast, signed_in):
    answer = signed_in(cast.east_officer).get(VILLAGE)
    assert "<h1>待办名单</h1>" in answer.content.decode()
    shown = {unit["region"].name: unit["cells"][0]["number"] for unit in answer.context["units"]}
    assert shown == {"红星村": 2, "柳林村": 1}
    assert answer.context["lists"].asked["missing"].people == 3


def test_a_list_by_household_masked_and_on_record(cast, signed_in):
    answer = signed_in(cast.red_star_clerk).get(MISSING)
    page = answer.content.decode()
    assert answer.context["answer"] == "东风镇/红星村 应参未参 2 人，在 1 户。"
    assert "甲一" in page
    assert "甲二" in page
    assert "乙一" not in page
    assert id_number(1) not in page
    event = AuditEvent.objects.get(action="open_names")
    assert event.details["people"] == 2


def test_a_list_is_narrowed_by_name_and_ordered(cast, signed_in):
    browser = signed_in(cast.county_officer)
    assert [row["home"].name for row in browser.get(MISSING).context["rows"]] == [
        "甲一",
        "乙一",
        "丙一",
    ]
    found = browser.get(f"{MISSING}?q=甲二").context
    assert [row["home"].name for row in found["rows"]] == ["甲一"]
    make_person(cast.bridge, "庚一", id_number(70))
    home = cast.people["丙一"]
    home.household = None
    found = browser.get(f"{MISSING}?sort=most").context["rows"]
    assert found[0]["home"].name == "甲一"


def test_a_page_of_the_list_keeps_its_number_of_queries(
    cast, signed_in, django_assert_max_num_queries
):
    for number in range(20):
        make_person(cast.red_star, f"己{number}", id_number(100 + number))
    browser = signed_in(cast.red_star_clerk)
    browser.get(MISSING)
    with django_assert_max_num_queries(36):
        browser.get(MISSING)


def test_the_landing_page_keeps_its_number_of_queries(
    cast, signed_in, django_assert_max_num_queries
):
    browser = signed_in(cast.east_officer)
    with django_assert_max_num_queries(60):
        browser.get(VILLAGE)


def test_one_household_after_the_other(cast, signed_in):
    second = make_person(cast.red_star, "己一", id_number(60))
    browser = signed_in(cast.red_star_clerk)
    answer = browser.get(home_url(cast.people["甲一"]))
    assert answer.context["answer"] == "这一户 2 人，应参未参 2 人：甲一、甲二。"
    assert (answer.context["at"], answer.context["of"]) == (1, 2)
    assert answer.context["next_url"].startswith(home_url(second))
    answer = browser.get(answer.context["next_url"])
    assert answer.context["next_url"] == ""
    assert answer.context["previous_url"].startswith(home_url(cast.people["甲一"]))


def test_a_household_that_is_done_leads_on_to_the_rest(cast, signed_in):
    second = make_person(cast.red_star, "己一", id_number(60))
    for name in ("甲一", "甲二"):
        make_payment(cast.people[name], cast.year)
    answer = signed_in(cast.red_star_clerk).get(home_url(cast.people["甲一"]))
    assert "已经没有" in answer.context["answer"]
    assert answer.context["next_url"].startswith(home_url(second))


def test_foreign_households_and_unknown_lists_are_not_there(cast, signed_in):
    browser = signed_in(cast.red_star_clerk)
    assert browser.get(home_url(cast.people["乙一"])).status_code == 404
    assert browser.get(MISSING.replace("missing", "nobody")).status_code == 404


@pytest.fixture
def run(cast, capsys, monkeypatch):
    monkeypatch.setattr(connections, "close_all", lambda: None)

    def run(*words: str):
        command = load_command_class("targets", "worklist")
        place = ("--county", "990001", "--year", "2024")
        try:
            command.run_from_argv(["manage.py", "worklist", *place, *words, "--json"])
        except SystemExit as stop:
            return json.loads(capsys.readouterr().out)["error"]["code"], stop.code
        return json.loads(capsys.readouterr().out)

    return run


def test_the_command_gives_the_page_s_list(cast, run):
    found = run("--region", "东风镇/红星村", "--list", "missing")
    assert (found["people"], found["homes"]) == (2, 1)
    assert [one["name"] for one in found["persons"]] == ["甲一", "甲二"]
    assert found["persons"][0]["id"] == "341599************"
    found = run()
    assert {one["list"]: one["people"] for one in found["lists"]}["missing"] == 4
    assert found["units"][0]["missing"] == 3
    assert run("--list", "nobody") == ("unknown_list", 1)
    assert run("--region", "西河镇", "--list", "newborn")["people"] is None
