"""Unknown words of a department's list: said once what they mean, read by it from then on."""

import pytest
from django.urls import reverse

from enrollment import roster
from enrollment.failure import Failure
from enrollment.models import AuditEvent, Job, Roster
from enrollment.tests import handing
from enrollment.tests.cast import id_number
from enrollment.tests.handing import put_in, read, reasons, tally
from subsidies import meanings
from subsidies.models import DepartmentAlias, Entitlement, PassedWord
from subsidies.tests.rules import category, department

A1, B1, C1 = id_number(1), id_number(3, birth="19751231"), id_number(4, birth="19660708")
BY_ROW = ["姓名", "身份证号", "医疗救助身份"]
LIST = (
    ["甲一", A1, "困难户"],
    ["乙一", B1, "低保、一般居民"],
    ["丙一", C1, "一般居民"],
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    handing.read_in_process(monkeypatch)


@pytest.fixture
def poor(cast):
    return category(cast.year, "低保对象", "低保", priority=2)


@pytest.fixture
def civil(cast, poor):
    return poor.department


def look(cast, civil, *rows) -> Roster:
    return read(cast, "category", rows or LIST, headings=BY_ROW, department=civil)


def again(found: Roster) -> Roster:
    return roster.read(Roster.objects.get(pk=found.pk))


def explain(cast, found, **said):
    return meanings.explain(found, said, by=cast.county_officer)


def test_words_are_shown_with_counts_then_answered_then_read(cast, poor, civil):
    found = look(cast, civil)
    assert {one["word"]: one["count"] for one in found.unknown_words} == {
        "困难户": 1, "一般居民": 2,
    }  # fmt: skip
    assert tally(found) == {"new": 1, "problems": 3}
    assert explain(cast, found, 困难户="低保对象", 一般居民=meanings.PASSED) == 2
    found = again(found)
    assert tally(found) == {"new": 2, "ignored": 1}
    assert not found.unknown_words
    assert "“一般居民”不是资助身份" in reasons(found, "ignored")
    assert "另写有“一般居民”，不是资助身份，不计" in reasons(found, "new")[1]
    roster.apply(found, by=cast.county_officer)
    assert set(Entitlement.objects.values_list("person__name", flat=True)) == {"甲一", "乙一"}
    said = AuditEvent.objects.get(action="explain_words").details["words"]
    assert said == {"困难户": "低保对象", "一般居民": "不是资助身份"}


def test_the_next_list_of_the_department_is_read_by_it_and_no_other_department_is(
    cast, poor, civil
):
    explain(cast, look(cast, civil), 困难户="低保对象", 一般居民=meanings.PASSED)
    assert not look(cast, civil, ["甲一", A1, " 困难户 "], ["乙一", B1, "一般居民"]).unknown_words
    other = department(cast.year, "县残联")
    words = look(cast, other, *LIST).unknown_words
    assert {one["word"] for one in words} == {"困难户", "一般居民"}


def test_who_is_on_a_full_list_without_an_identity_is_ended(cast, poor, civil):
    rows = (["甲一", A1, "低保"], ["乙一", B1, "低保"])
    put_in(cast, "category", rows, headings=BY_ROW, department=civil)
    found = look(cast, civil, ["甲一", A1, "低保"], ["乙一", B1, "一般居民"])
    explain(cast, found, 一般居民=meanings.PASSED)
    assert tally(again(found)) == {"unchanged": 1, "ignored": 1, "would_end": 1}


def test_a_list_of_no_department_teaches_everybody(cast, poor):
    found = look(cast, None)
    explain(cast, found, 困难户="低保对象")
    poor.refresh_from_db()
    assert "困难户" in poor.aliases
    assert not DepartmentAlias.objects.filter(name="困难户").exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"困难户": ""}, "至少说明一种"),
        ({"别的词": "低保对象"}, "不在这份名册"),
        ({"困难户": "乌有"}, "没有“乌有”"),
    ],
)
def test_nothing_half_is_kept(cast, poor, civil, said, sentence):
    found = look(cast, civil)
    with pytest.raises(Failure, match=sentence):
        explain(cast, found, 一般居民=meanings.PASSED if "乌有" in said.values() else "", **said)
    assert not PassedWord.objects.exists()
    assert not DepartmentAlias.objects.filter(name="困难户").exists()


def test_a_roster_that_was_applied_is_not_asked_about(cast, poor, civil):
    found = roster.apply(look(cast, civil), by=cast.county_officer, confirmed=True)
    with pytest.raises(Failure, match="已入库"):
        explain(cast, found, 困难户="低保对象")


def test_through_the_page(cast, poor, civil, signed_in):
    found = look(cast, civil)
    args = [cast.county.key, cast.year.year, found.pk]
    here = reverse("subsidies:words", args=args)
    county = signed_in(cast.county_officer)
    preview = county.get(reverse("enrollment:rosters-one", args=args)).content.decode()
    assert here in preview and "困难户" in preview
    page = county.get(here).content.decode()
    assert "困难户" in page and "不是资助身份" in page and "低保对象" in page
    refused = county.post(here, {"word": ["困难户"], "meaning": [""]})
    assert "请至少说明一种叫法" in refused.content.decode()
    sent = county.post(here, {"word": ["一般居民", "困难户"], "meaning": ["-", "低保对象"]})
    assert sent.url == reverse("enrollment:rosters-one", args=args)
    assert Job.objects.get().verb == "read"
    assert DepartmentAlias.objects.get(name="困难户").department == civil
    for user in (cast.east_officer, cast.county_viewer, cast.department_user):
        assert signed_in(user).get(here).status_code in (403, 404)
