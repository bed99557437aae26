"""资助台账 on screen: settled and estimated apart, narrowed, and with what a reader may read."""

import io

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models.rules import Window
from enrollment.tests.cast import make_payment
from subsidies import assessment, tasks
from subsidies.models import FundingPart, Standard, SubsidyRule
from subsidies.tests.rules import category
from subsidies.tests.test_overlap import hold

PAGE = reverse("subsidies:ledger", args=["990001", 2024])
EXPORT = reverse("subsidies:ledger-export", args=["990001", 2024])
QUERIES = 19


@pytest.fixture
def county(cast):
    """甲一 pays what the rule says, 乙一 too much, 丙一 holds something sensitive, 甲二 nothing."""
    Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal", order=1,
        pays_from="2023-09-01", pays_to="2023-12-31", subsidised=True, start="fixed",
        start_on="2024-01-01", cites="三",
    )  # fmt: skip
    SubsidyRule.objects.create(policy_year=cast.year, identity="at_payment", several="highest")
    low = category(cast.year, "低保对象", amount="342")
    half = category(cast.year, "监测对象", amount="190", by="县乡村振兴局")
    kin = category(
        cast.year, "特扶对象", by="县卫健委", amount="190", sensitive=True,
        public_word="计划生育家庭",
    )  # fmt: skip
    part = FundingPart(standard=Standard.objects.get(category=low), fund="医疗救助资金", share=100)
    part.save()
    hold(cast.people["甲一"], low, half)
    hold(cast.people["乙一"], low)
    hold(cast.people["丙一"], kin)
    make_payment(cast.people["甲一"], cast.year, "38.00")
    make_payment(cast.people["乙一"], cast.year, "190.00")
    make_payment(cast.people["丙一"], cast.year, "190.00")
    make_payment(cast.people["甲二"], cast.year, "190.00")
    assessment.assess(cast.year)
    return cast


def test_a_row_says_identities_winner_standard_money_and_paragraph(county, signed_in):
    page = signed_in(county.county_officer).get(PAGE).content.decode()
    assert "台账 4 人，受资助 3 人、874.00 元" in page
    assert "金额与规则不一致 2 人" in page
    for text in ("甲一", "低保对象", "县民政局", "定额 342.00", "医疗救助资金 342.00（100%）"):
        assert text in page
    assert page.count(">√<") == 4
    assert "不在资助名单" in page
    assert reverse("targets:person", args=["990001", 2024, county.people["甲一"].pk]) in page


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"only": "difference"}, {"乙一", "甲二"}),
        ({"only": "subsidised"}, {"甲一", "乙一", "丙一"}),
        ({"category": "低保对象"}, {"甲一", "乙一"}),
        ({"department": "县卫健委"}, {"丙一"}),
        ({"department": "没有的局"}, {"甲一", "甲二", "乙一", "丙一"}),
        ({"region": "990001101202"}, {"乙一"}),
        ({"basis": "estimate"}, {"甲一", "乙一", "丙一"}),
        ({"basis": "estimate", "only": "difference"}, {"甲一", "乙一", "丙一"}),
    ],
)
def test_the_list_is_narrowed_and_its_file_with_it(county, signed_in, query, names):
    browser = signed_in(county.county_officer)
    page = browser.get(PAGE, query).context["rows"]
    assert {row["line"].name for row in page} == names
    answer = browser.get(EXPORT, query)
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert {row[3] for row in sheet.iter_rows(min_row=4, values_only=True)} == names
    assert ("已缴金额" in [cell.value for cell in sheet[3]]) == ("basis" not in query)


def test_estimate_and_settlement_are_told_apart(county, signed_in):
    page = signed_in(county.county_officer).get(PAGE, {"basis": "estimate"}).content.decode()
    assert "测算不是结算" in page
    assert "已缴</th>" not in page


def test_sums_open_to_lists_of_that_length(county, signed_in):
    browser = signed_in(county.county_officer)
    sums = browser.get(PAGE, {"view": "sums"}).context
    assert [(row["label"], row["people"], row["amount"]) for row in sums["units"]] == [
        ("东风镇", 3, 684), ("西河镇", 1, 190),
    ]  # fmt: skip
    assert [row["label"] for row in sums["by_category"]] == [
        "低保对象", "特扶对象", "没有资助身份或政策未规定",
    ]  # fmt: skip
    for row in (*sums["units"], *sums["by_category"]):
        for figure in row["figures"]:
            opened = browser.get(figure["url"]).context["page"].paginator.count
            assert opened == figure["value"]


@pytest.mark.parametrize(("who", "sees"), [("county_officer", True), ("west_officer", False)])
def test_below_the_county_a_sensitive_identity_has_no_name_office_or_paragraph(
    county, signed_in, who, sees
):
    browser = signed_in(getattr(county, who))
    page = browser.get(PAGE).content.decode()
    assert ("特扶对象" in page) == sees
    assert ("县卫健委" in page) == sees
    assert ("计划生育家庭" in page) != sees
    assert len(browser.get(PAGE, {"department": "县卫健委"}).context["rows"]) == 1
    answer = b"".join(browser.get(EXPORT).streaming_content)
    sheet = load_workbook(io.BytesIO(answer)).active
    text = "".join(str(cell) for row in sheet.iter_rows(values_only=True) for cell in row)
    assert ("特扶对象" in text, "县卫健委" in text) == (sees, sees)


def test_an_old_assessment_says_so_and_is_rung_for(
    county, signed_in, monkeypatch, django_capture_on_commit_callbacks
):
    rung: list[int] = []
    monkeypatch.setattr(
        tasks.assess_year, "delay_on_commit", lambda pk: rung.append(pk), raising=False
    )
    browser = signed_in(county.county_officer)
    assert "核定" in browser.get(PAGE).context["as_of"]
    assert not rung
    county.year.bump()
    page = browser.get(PAGE)
    assert "正在重新核定" in page.context["as_of"]
    assert rung == [county.year.pk]


def test_a_page_costs_the_same_however_many_stand_on_it(
    county, signed_in, django_assert_num_queries
):
    browser = signed_in(county.county_officer)
    with django_assert_num_queries(QUERIES):
        browser.get(PAGE)
