"""导出: the file holds the people of the figure, masked, within the area, and is on record."""

import csv
import io

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment import sheets
from enrollment.models import AuditEvent, Enrollment, Person
from enrollment.tests.cast import make_payment, make_person, make_status

HEADINGS = 3


def address(figure: str, query: str = "") -> str:
    return reverse("targets:progress-names-export", args=["990001", 2024, figure]) + f"?{query}"


def rows(answer) -> list[dict[str, object]]:
    """The list in a downloaded workbook, by heading."""
    page = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    lines = list(page.iter_rows(values_only=True))
    headings = lines[HEADINGS - 1]
    return [dict(zip(headings, line, strict=True)) for line in lines[HEADINGS:]]


def lines_of(answer, encoding: str) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode(encoding)
    return list(csv.reader(io.StringIO(text)))


@pytest.fixture
def paid(cast):
    make_payment(cast.people["甲一"], cast.year, serial="1")
    make_payment(cast.people["甲一"], cast.year, "-80.00", serial="2")
    make_payment(cast.people["丙一"], cast.year, "0.00", "2023-12-05 09:00")
    return cast


def test_a_list_says_who_and_how_they_stand(paid, signed_in):
    make_status(paid.people["甲二"], paid.kinds["服役"])
    made = rows(signed_in(paid.county_officer).get(address("population")))
    assert [row["姓名"] for row in made] == ["甲一", "甲二", "乙一", "丙一"]
    first = made[0]
    assert (first["序号"], first["乡镇"], first["村"]) == (1, "东风镇", "红星村")
    assert (first["户号"], first["性别"]) == ("H001", "男")
    assert f"{first['出生日期']:%Y-%m-%d}" == "1980-01-02"
    assert (first["参保情况"], first["已缴金额"]) == ("已参保", 300)
    assert (made[1]["参保情况"], made[1]["人员状态"]) == ("未参保", "服役")
    assert (made[3]["参保情况"], made[3]["已缴金额"]) == ("已参保", 0)


def test_who_counts_elsewhere_stands_there_with_the_registers_place_beside(paid, signed_in):
    Enrollment.objects.filter(person=paid.people["甲一"]).update(
        town=paid.west, village=paid.bridge, place_follows=False
    )
    made = rows(signed_in(paid.county_officer).get(address("insured")))
    told = {row["姓名"]: (row["乡镇"], row["村"], row["户籍地（归属不同时）"]) for row in made}
    assert told == {
        "甲一": ("西河镇", "石桥村", "东风镇 红星村"), "丙一": ("西河镇", "石桥村", None),
    }  # fmt: skip
    page = signed_in(paid.west_officer).get(
        reverse("targets:progress-names", args=["990001", 2024, "insured"])
    )
    assert "户籍 东风镇 红星村" in page.content.decode()


def test_no_full_number_leaves_the_portal(paid, signed_in):
    for form in ("xlsx", "csv", "csv-utf-8"):
        answer = signed_in(paid.county_officer).get(address("population", f"form={form}"))
        content = b"".join(answer.streaming_content)
        for person in Person.objects.all():
            assert person.number().encode() not in content
            assert not person.phone or person.phone.encode() not in content
    made = rows(signed_in(paid.county_officer).get(address("insured")))
    assert made[0]["证件号码"] == "341599************"
    assert made[0]["联系电话"] == "138****5678"


@pytest.mark.parametrize(
    ("who", "figure", "people"),
    [
        ("county_officer", "insured", ["甲一", "丙一"]),
        ("west_officer", "insured", ["丙一"]),
        ("east_officer", "missing", ["甲二", "乙一"]),
        ("red_star_clerk", "missing", ["甲二"]),
        ("red_star_clerk", "population", ["甲一", "甲二"]),
    ],
)
def test_everybody_gets_the_part_in_their_own_area(paid, signed_in, who, figure, people):
    made = rows(signed_in(getattr(paid, who)).get(address(figure)))
    assert [row["姓名"] for row in made] == people


def test_the_file_is_as_long_as_the_page_says(paid, signed_in):
    browser = signed_in(paid.county_officer)
    for figure in ("insured", "missing", "population", "base", "deductions"):
        page = browser.get(reverse("targets:progress-names", args=["990001", 2024, figure]))
        assert len(rows(browser.get(address(figure)))) == page.context["page"].paginator.count


def test_the_page_leads_to_the_file(paid, signed_in):
    browser = signed_in(paid.county_officer)
    page = browser.get(
        reverse("targets:progress-names", args=["990001", 2024, "insured"]) + "?as_of=2023-11-30"
    )
    url = page.context["export_url"]
    assert url.replace("&", "&amp;") in page.content.decode()
    assert [row["姓名"] for row in rows(browser.get(url))] == ["甲一"]


def test_a_cut_off_that_is_not_understood_gives_no_file(paid, signed_in):
    answer = signed_in(paid.county_officer).get(address("insured", "as_of=gestern"), follow=True)
    assert answer.resolver_match.view_name == "targets:progress-names"
    assert "读不懂" in answer.content.decode()


def test_unknown_forms_and_figures_are_not_there(paid, signed_in):
    browser = signed_in(paid.county_officer)
    assert browser.get(address("insured", "form=exe")).status_code == 404
    assert browser.get(address("everything")).status_code == 404


def test_an_export_is_on_record_with_its_length(paid, signed_in):
    signed_in(paid.west_officer).get(address("insured", "form=csv"))
    event = AuditEvent.objects.get(action="export")
    assert (event.user, event.county) == (paid.west_officer, paid.county)
    assert event.subject == "西河镇 已参保"
    assert event.details["rows"] == 1
    assert event.details["filter"] == {"figure": "insured", "region": "990001102", "until": None}


def test_rare_characters_and_formulas_pass_through_unharmed(paid, signed_in):
    make_person(paid.bridge, "流波䃥")
    make_person(paid.bridge, "=HYPERLINK(1)")
    browser = signed_in(paid.west_officer)
    made = rows(browser.get(address("missing")))
    assert [row["姓名"] for row in made] == ["流波䃥", "=HYPERLINK(1)"]
    answer = browser.get(address("missing", "form=csv"))
    assert [line[4] for line in lines_of(answer, "gb18030")[HEADINGS:]] == [
        "流波䃥",
        "'=HYPERLINK(1)",
    ]
    answer = browser.get(address("missing", "form=csv-utf-8"))
    assert lines_of(answer, "utf-8-sig")[HEADINGS][4] == "流波䃥"


def test_sensitive_statuses_have_their_name_at_the_county_only(paid, signed_in):
    make_status(paid.people["甲二"], paid.kinds["服刑"])
    county = rows(signed_in(paid.county_officer).get(address("deductions")))
    village = rows(signed_in(paid.red_star_clerk).get(address("deductions")))
    assert county[0]["人员状态"] == "服刑"
    assert village[0]["人员状态"] == "特殊情形"


def test_a_list_costs_a_fixed_number_of_queries(paid, signed_in, django_assert_max_num_queries):
    for number in range(30):
        make_person(paid.bridge, f"人{number}")
    browser = signed_in(paid.county_officer)
    with django_assert_max_num_queries(22):
        browser.get(address("missing"))


def test_a_list_too_long_for_a_sheet_is_refused_in_a_sentence(paid, signed_in, monkeypatch):
    monkeypatch.setattr(sheets, "MOST", sheets.TOPS + 1)
    answer = signed_in(paid.county_officer).get(address("population"), follow=True)
    assert "放不下" in answer.content.decode()
    assert not AuditEvent.objects.filter(action="export").exists()
