"""走访: calls at a household, sharing out, papers to take along, sheets that come back."""

import io
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import load_workbook

from enrollment import directory, visits
from enrollment.models import Assignment, AuditEvent, Contact, Visit
from enrollment.models.rules import Channel, Fee, PopulationGroup, Tier
from enrollment.tests.cast import id_number, make_payment, make_person
from enrollment.tests.handing import read_in_process

YEAR = ["990001", 2024]
VISITS = reverse("targets:visits", args=YEAR)
MISSING = reverse("targets:worklist", args=[*YEAR, "missing"])


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    read_in_process(monkeypatch)


@pytest.fixture
def cadre(cast) -> Contact:
    return directory.add(
        cast.red_star, name="李干部", office="cadre", phone="13700001111", by=cast.red_star_clerk
    )


def home_url(person) -> str:
    return reverse("targets:worklist-home", args=[*YEAR, "missing", person.pk])


def filled(cast, names=("甲一",), **fields) -> dict[str, object]:
    return {
        "persons": [cast.people[name].pk for name in names],
        "result": "will_pay",
        "method": "door",
        "visited_on": "2023-11-05",
        "visitor": "李干部",
        "next_on": "",
        "note": "",
    } | fields


def test_a_call_is_recorded_and_the_next_household_follows(cast, signed_in):
    second = make_person(cast.red_star, "己一", id_number(60))
    browser = signed_in(cast.red_star_clerk)
    here = home_url(cast.people["甲一"])
    answer = browser.post(here, filled(cast, ("甲一", "甲二"), next="1"))
    assert answer.status_code == 302
    assert answer.url.startswith(home_url(second))
    assert Visit.objects.count() == 2
    page = browser.get(here).content.decode()
    assert "同意参保，自行缴费" in page


def test_what_is_wrong_is_said_and_nothing_typed_is_lost(cast, signed_in):
    browser = signed_in(cast.red_star_clerk)
    here = home_url(cast.people["甲一"])
    answer = browser.post(here, filled(cast, result="other", visitor="老王"))
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "请写明说明" in page
    assert "老王" in page
    assert browser.post(here, filled(cast, ())).status_code == 400
    # Somebody else's people cannot be put in by hand.
    assert browser.post(here, filled(cast, ("乙一",))).status_code == 400
    assert not Visit.objects.exists()


def test_a_viewer_looks_and_records_nothing(cast, signed_in):
    browser = signed_in(cast.county_viewer)
    page = browser.get(home_url(cast.people["甲一"])).content.decode()
    assert "记一次走访" not in page
    browser.post(home_url(cast.people["甲一"]), filled(cast))
    assert not Visit.objects.exists()


def test_households_are_shared_out_from_the_list(cast, cadre, signed_in):
    browser = signed_in(cast.red_star_clerk)
    answer = browser.post(
        reverse("targets:visits-assign", args=YEAR),
        {"home": [cast.people["甲一"].pk], "contact": cadre.pk, "here": MISSING},
    )
    assert answer.url == MISSING
    assert Assignment.objects.count() == 2
    assert len(browser.get(f"{MISSING}?by={cadre.pk}").context["rows"]) == 1
    assert len(browser.get(f"{MISSING}?by=none").context["rows"]) == 0
    shares = browser.get(VISITS).context["shares"]
    assert [one["share"].people for one in shares] == [2, 0]
    # Not to another page, and nobody else's households.
    answer = browser.post(
        reverse("targets:visits-assign", args=YEAR),
        {
            "home": [cast.people["乙一"].pk],
            "contact": cadre.pk,
            "here": "https://elsewhere.example",
        },
    )
    assert answer.url.startswith(MISSING)
    assert Assignment.objects.count() == 2


def test_the_list_is_narrowed_by_calls(cast, signed_in):
    make_person(cast.red_star, "己一", id_number(60))
    browser = signed_in(cast.red_star_clerk)
    browser.post(home_url(cast.people["甲一"]), filled(cast, next_on="2023-11-09"))
    shown = {
        word: [row["home"].name for row in browser.get(f"{MISSING}?visit={word}").context["rows"]]
        for word in ("none", "done", "due")
    }
    assert shown == {"none": ["甲一", "己一"], "done": ["甲一"], "due": ["甲一"]}
    assert browser.get(reverse("targets:village", args=YEAR)).context["due"] == 1


def test_the_printed_sheet_has_neither_numbers_nor_identities(cast, cadre, signed_in):
    page = signed_in(cast.red_star_clerk).get(reverse("targets:visits-sheet", args=YEAR))
    text = page.content.decode()
    assert text.count('class="tear"') == 1
    assert "□ 本人暂不参保（已告知政策）" in text
    assert "甲二" in text
    assert id_number(1) not in text
    assert AuditEvent.objects.filter(subject__contains="走访表（打印）").exists()


def test_slips_name_the_county_s_channels_and_whom_to_ask(cast, cadre, signed_in):
    tier = Tier.objects.create(policy_year=cast.year, name="居民医保")
    group = PopulationGroup.objects.create(policy_year=cast.year, name="普通居民")
    Fee.objects.create(policy_year=cast.year, tier=tier, group=group, personal=380)
    Channel.objects.create(
        policy_year=cast.year, name="皖事通APP", kind="online", steps=["打开", "缴费"]
    )
    url = reverse("targets:visits-slips", args=YEAR)
    text = signed_in(cast.red_star_clerk).get(url).content.decode()
    for words in ("皖事通APP", "打开 → 缴费", "380.00 元", "李干部", "13700001111"):
        assert words in text
    assert id_number(1) not in text
    one = f"{url}?home={cast.people['甲一'].pk}"
    assert signed_in(cast.red_star_clerk).get(one).status_code == 200
    assert signed_in(cast.red_star_clerk).get(f"{url}?home=999999").status_code == 404


def test_a_town_is_asked_for_a_village_first(cast, signed_in):
    browser = signed_in(cast.east_officer)
    answer = browser.get(reverse("targets:visits-sheet", args=YEAR), follow=True)
    assert "请先在上方选择村" in answer.content.decode()
    assert [unit["people"] for unit in answer.context["units"]] == [2, 1]


def test_the_telephones_without_numbers_and_identities(cast, signed_in):
    url = reverse("targets:visits-phones", args=YEAR)
    make_person(cast.red_star, "己一", id_number(60), phone="13800005678")
    make_payment(cast.people["甲二"], cast.year)
    answer = signed_in(cast.red_star_clerk).get(url)
    rows = list(load_workbook(io.BytesIO(b"".join(answer))).active.iter_rows(values_only=True))
    assert rows[3:] == [(1, "红星村", "13800005678", "甲一、己一")]
    assert AuditEvent.objects.get(action="export").details["people"] == 1
    assert signed_in(cast.county_viewer).get(url).status_code == 403


def book(browser) -> object:
    answer = browser.get(reverse("targets:visits-book", args=YEAR))
    return load_workbook(io.BytesIO(answer.content))


def hand_back(browser, workbook):
    content = io.BytesIO()
    workbook.save(content)
    upload = SimpleUploadedFile("走访表.xlsx", content.getvalue())
    return browser.post(reverse("targets:visits-return", args=YEAR), {"file": upload})


def test_the_workbook_is_locked_but_for_what_is_filled_in(cast, signed_in):
    page = book(signed_in(cast.red_star_clerk)).active
    assert page.protection.sheet
    assert page["C4"].value == "甲一"
    assert page["L4"].protection.locked
    assert not page["I4"].protection.locked
    assert page["M4"].value == "0"
    assert {rule.type for rule in page.data_validations.dataValidation} == {"list"}
    said = "".join(str(cell) for row in page.iter_rows(values_only=True) for cell in row)
    assert id_number(1) not in said


def test_a_sheet_out_and_in_with_a_conflict(cast, signed_in):
    browser = signed_in(cast.red_star_clerk)
    workbook = book(browser)
    page = workbook.active
    for row in (4, 5):
        page.cell(row, 6, date(2023, 11, 5))
        page.cell(row, 7, "王协管")
        page.cell(row, 9, "本人暂不参保（已告知政策）")
    # Somebody recorded a call on 甲一 while the sheet was away.
    browser.post(home_url(cast.people["甲一"]), filled(cast, result="paid"))
    answer = hand_back(browser, workbook)
    assert answer.status_code == 302
    answer = browser.get(answer.url)
    text = answer.content.decode()
    assert "又记过走访" in text
    assert "确认记下 1 人的走访" in text
    done = browser.post(answer.request["PATH_INFO"], follow=True)
    assert "走访已记下" in done.content.decode()
    newest = visits.last(cast.year, [one.pk for one in cast.people.values()])
    assert newest[cast.people["甲一"].pk].result == "paid"
    assert newest[cast.people["甲二"].pk].result == "not_now"
    assert newest[cast.people["甲二"].pk].recorded_by == cast.red_star_clerk


def test_what_is_no_sheet_of_ours_is_refused_in_words(cast, signed_in):
    browser = signed_in(cast.red_star_clerk)
    upload = SimpleUploadedFile("别的.xlsx", b"not a workbook")
    answer = browser.post(reverse("targets:visits-return", args=YEAR), {"file": upload})
    assert answer.status_code == 400
    assert browser.post(reverse("targets:visits-return", args=YEAR)).status_code == 400


def test_the_directory_on_a_page(cast, cadre, signed_in):
    url = reverse("enrollment:directory", args=YEAR)
    browser = signed_in(cast.red_star_clerk)
    assert "李干部" in browser.get(url).content.decode()
    entry = {"name": "孙协管", "office": "helper", "phone": "13600002222", "employer": ""}
    assert browser.post(url, entry).status_code == 302
    assert browser.post(url, entry).status_code == 400
    one = reverse("enrollment:directory-one", args=[*YEAR, cadre.pk])
    assert browser.post(one, {"phone": "13711112222", "employer": ""}).status_code == 302
    cadre.refresh_from_db()
    assert cadre.phone == "13711112222"
    browser.post(one, {"leave": "1", "phone": "", "employer": ""})
    cadre.refresh_from_db()
    assert cadre.left_on is not None
    assert signed_in(cast.county_viewer).post(url, entry).status_code == 403


def test_the_overview_keeps_its_number_of_queries(
    cast, cadre, signed_in, django_assert_max_num_queries
):
    for number in range(20):
        make_person(cast.red_star, f"己{number}", id_number(100 + number))
    browser = signed_in(cast.red_star_clerk)
    with django_assert_max_num_queries(60):
        browser.get(VISITS)
    with django_assert_max_num_queries(60):
        browser.get(reverse("targets:visits-sheet", args=YEAR))
