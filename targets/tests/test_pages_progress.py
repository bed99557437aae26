"""The landing page: the answer in words, the table, and the names behind each figure."""

from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment.models.rules import Window
from enrollment.tests.cast import make_payment, make_status
from targets.models import Target, TargetVersion
from targets.views.progress import cut_off

PROGRESS = reverse("targets:progress", args=["990001", 2024])


@pytest.fixture
def issued(cast):
    """东风镇 4, 西河镇 1, the county 5; 甲一 and 丙一 have paid."""
    version = TargetVersion.objects.create(
        policy_year=cast.year,
        set_by=cast.county,
        number=1,
        state="issued",
        source="pack",
        issued_on=date(2023, 9, 1),
    )
    for region, target in ((cast.county, 5), (cast.east, 4), (cast.west, 1)):
        Target.objects.create(version=version, region=region, target=target)
    make_payment(cast.people["甲一"], cast.year)
    make_payment(cast.people["丙一"], cast.year, when="2023-12-05 09:00")
    return version


def names(answer) -> list[str]:
    return [line.person.name for line in answer.context["names"]]


def test_the_first_line_is_the_answer(cast, issued, signed_in):
    answer = signed_in(cast.county_officer).get(PROGRESS)
    assert answer.context["answer"] == "示范县 已参保 2 / 5（40.0%），还差 3。"
    answer = signed_in(cast.west_officer).get(PROGRESS)
    assert answer.context["answer"] == "西河镇 已参保 1 / 1（100.0%），任务已完成。"


def test_the_root_leads_to_ones_own_area(cast, issued, signed_in):
    answer = signed_in(cast.east_officer).get("/", follow=True)
    assert answer.context["region"] == cast.east
    assert [line["row"].region for line in answer.context["rows"]][:1] == [cast.red_star]


def test_slow_units_come_first_or_the_printed_order(cast, issued, signed_in):
    browser = signed_in(cast.county_officer)

    def order(query: str) -> list[str]:
        rows = browser.get(f"{PROGRESS}?{query}").context["rows"]
        return [line["row"].region.name for line in rows if line["target"]]

    assert order("") == ["东风镇", "西河镇"]
    make_payment(cast.people["甲二"], cast.year)
    Target.objects.filter(region=cast.east).update(target=2)
    Target.objects.filter(region=cast.west).update(target=3)
    assert order("") == ["西河镇", "东风镇"]
    assert order("sort=printed") == ["东风镇", "西河镇"]


def test_a_past_cut_off_counts_what_was_paid_by_then(cast, issued, signed_in):
    browser = signed_in(cast.county_officer)
    answer = browser.get(f"{PROGRESS}?as_of=2023-11-30")
    assert answer.context["total"]["row"].insured == 1
    listed = browser.get(
        reverse("targets:progress-names", args=["990001", 2024, "insured"])
        + "?as_of=2023-11-30T23:59"
    )
    assert names(listed) == ["甲一"]
    answer = browser.get(f"{PROGRESS}?as_of=gestern")
    assert "读不懂" in answer.content.decode()


def test_the_pace_of_seven_days_says_where_it_leads(cast, issued, signed_in):
    Window.objects.create(
        policy_year=cast.year,
        name="集中参保缴费期",
        pays_from=date(2023, 9, 1),
        pays_to=date(2023, 12, 31),
        main=True,
    )
    answer = signed_in(cast.county_officer).get(f"{PROGRESS}?as_of=2023-11-24")
    words = answer.context["answer"]
    assert words == (
        "示范县 已参保 1 / 5（20.0%），还差 4；按近七日进度，到 12月31日 预计 125.7%，"
        "集中期内可以完成。"
    )
    states = {line["row"].region.name: line["state"] for line in answer.context["rows"]}
    assert states["东风镇"] == "behind"


@pytest.mark.parametrize("figure", ["insured", "missing", "population", "base"])
def test_a_list_is_as_long_as_its_figure(cast, issued, signed_in, figure):
    url = reverse("targets:progress-names", args=["990001", 2024, figure])
    answer = signed_in(cast.county_officer).get(url)
    expected = {"insured": 2, "missing": 2, "population": 4, "base": 4}[figure]
    assert answer.context["page"].paginator.count == expected
    assert f"{expected} 人" in answer.context["answer"]


@pytest.mark.parametrize("who", ["county_officer", "east_officer", "red_star_clerk"])
def test_every_figure_of_the_table_opens_to_as_many_names(cast, issued, signed_in, who):
    """Also the changes: 乙一 paid within the week, 甲一 was given back what had been paid."""
    make_payment(cast.people["乙一"], cast.year, when="2023-12-09 09:00", serial="a")
    make_payment(cast.people["甲一"], cast.year, "-380.00", when="2023-12-09 10:00", serial="b")
    make_payment(cast.people["甲二"], cast.year, when="2023-12-10 10:00", serial="c")
    browser = signed_in(getattr(cast, who))
    page = browser.get(f"{PROGRESS}?as_of=2023-12-10").context
    opened = []
    for line in [*page["rows"], page["total"]]:
        figures = [("insured_url", line["row"].insured), ("missing_url", line["row"].missing)]
        listed = [(line[name], figure) for name, figure in figures]
        for change in line["changes"]:
            listed += [(change[f"{one}_url"], change[one]) for one in ("joined", "left")]
            assert change["joined"] - change["left"] == change["net"]
        for url, figure in listed:
            answer = browser.get(url)
            assert answer.context["page"].paginator.count == figure, url
            opened.append(figure)
    assert sum(opened) > 0
    day, week = page["total"]["changes"]
    if who == "red_star_clerk":
        assert (day["joined"], day["left"], week["joined"], week["left"]) == (1, 0, 1, 1)


def test_a_list_of_who_left_is_of_those_who_were_insured(cast, issued, signed_in):
    make_payment(cast.people["甲一"], cast.year, "-380.00", when="2023-12-09 10:00", serial="b")
    browser = signed_in(cast.county_officer)
    url = reverse("targets:progress-names", args=["990001", 2024, "left_week"])
    answer = browser.get(f"{url}?as_of=2023-12-10")
    assert names(answer) == ["甲一"]
    assert [tab["label"] for tab in answer.context["tabs"]][-2:] == ["较上周新增", "较上周退费退出"]


def test_the_missing_are_told_from_the_gap_to_the_target(cast, issued, signed_in):
    url = reverse("targets:progress-names", args=["990001", 2024, "missing"])
    answer = signed_in(cast.county_officer).get(url).context["answer"]
    assert answer == "示范县 应参未参 2 人；完成任务还差 3 人。"


def test_who_was_deducted_and_paid_is_a_list_of_its_own(cast, issued, signed_in):
    make_status(cast.people["甲一"], cast.kinds["服刑"])
    url = reverse("targets:progress-names", args=["990001", 2024, "deducted_insured"])
    answer = signed_in(cast.red_star_clerk).get(url)
    assert names(answer) == ["甲一"]
    assert "特殊情形" in answer.content.decode()
    assert "服刑" not in answer.content.decode()


def test_a_village_sees_who_is_missing_at_once(cast, issued, signed_in):
    answer = signed_in(cast.red_star_clerk).get(PROGRESS)
    assert names(answer) == ["甲二"]
    assert "乙一" not in answer.content.decode()


def test_names_stay_within_the_area(cast, issued, signed_in):
    url = reverse("targets:progress-names", args=["990001", 2024, "insured"])
    assert names(signed_in(cast.west_officer).get(url)) == ["丙一"]
    foreign = signed_in(cast.west_officer).get(f"{url}?region={cast.east.key}")
    assert foreign.status_code == 404
    assert "甲一" not in foreign.content.decode()


def test_the_page_costs_a_fixed_number_of_queries(
    cast, issued, signed_in, django_assert_max_num_queries
):
    browser = signed_in(cast.county_officer)
    with django_assert_max_num_queries(24):
        browser.get(PROGRESS)


def test_a_minute_asked_for_is_all_of_that_minute(rf):
    until, problem = cut_off(rf.get("/", {"as_of": "2023-12-31T23:59"}))
    assert (f"{timezone.localtime(until):%H:%M:%S}", problem) == ("23:59:59", "")


@pytest.mark.parametrize("text", ["0001-01-01", "0001-01-01T00:00", "9999-12-31T00:00"])
def test_a_moment_no_calendar_reaches_is_said(rf, text):
    until, problem = cut_off(rf.get("/", {"as_of": text}))
    assert until is None
    assert "年份不合理" in problem
