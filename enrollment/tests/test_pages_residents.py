"""Finding residents: by all that is at hand, within one's area, never a number in an address."""

from django.urls import reverse

from enrollment.models import AuditEvent, Enrollment
from enrollment.tests.cast import id_number, make_payment, make_person, make_status, place


def look_for(browser, text: str, birth: str = "", county: str = "990001"):
    """Post a search and follow it to the page it leads to."""
    url = reverse("enrollment:residents", args=[county, 2024])
    return browser.post(url, {"q": text, "birth": birth}, follow=True)


def names(answer) -> list[str]:
    return [row.person.name for row in answer.context["rows"]]


def test_the_county_finds_by_name_number_phone_and_last_four(cast, signed_in):
    browser = signed_in(cast.county_officer)
    number = id_number(1)
    assert names(look_for(browser, "甲")) == ["甲一", "甲二"]
    assert names(look_for(browser, number)) == ["甲一"]
    assert names(look_for(browser, number[:6] + " " + number[6:].lower())) == ["甲一"]
    assert names(look_for(browser, "13800005678")) == ["甲一"]
    assert names(look_for(browser, number[-4:], "1980-01-02")) == ["甲一"]
    assert names(look_for(browser, f"{number[-4:]} 19800102")) == ["甲一"]
    assert names(look_for(browser, f"1980年1月2日 {number[-4:]}")) == ["甲一"]


def test_each_sees_their_own_area_only(cast, signed_in):
    everybody = "一"
    assert names(look_for(signed_in(cast.east_officer), everybody)) == ["乙一", "甲一"]
    assert names(look_for(signed_in(cast.west_officer), everybody)) == ["丙一"]
    assert names(look_for(signed_in(cast.red_star_clerk), everybody)) == ["甲一"]
    assert names(look_for(signed_in(cast.stranger), everybody, county="990002")) == ["丁一"]
    assert look_for(signed_in(cast.stranger), everybody).status_code == 404
    page = look_for(signed_in(cast.west_officer), id_number(1)).content.decode()
    assert "您的辖区内没有找到" in page
    assert "甲一" not in page


def test_whoever_is_enrolled_here_is_found_here(cast, signed_in):
    """丙一 stands in 西河镇's register and enrols with 红星村: both may open the page."""
    Enrollment.objects.create(
        policy_year=cast.year, person=cast.people["丙一"], **place(cast.red_star)
    )
    assert names(look_for(signed_in(cast.red_star_clerk), "丙一")) == ["丙一"]
    assert names(look_for(signed_in(cast.west_officer), "丙一")) == ["丙一"]


def test_no_number_stands_in_address_session_or_trail(cast, signed_in):
    browser = signed_in(cast.county_officer)
    number = id_number(1)
    answer = look_for(browser, number)
    [(address, _)] = answer.redirect_chain
    kept = str(dict(browser.session.items()))
    trail = str(list(AuditEvent.objects.filter(action="search").values()))
    for text in (address, kept, trail, answer.content.decode()):
        assert number not in text
        assert number[6:] not in text
    assert "341599************" in answer.content.decode()
    assert "138****5678" in answer.content.decode()


def test_what_cannot_be_looked_for_is_said(cast, signed_in):
    browser = signed_in(cast.county_officer)
    answer = look_for(browser, "34159919800102001")
    assert answer.status_code == 400
    assert "身份证号码应为18位" in answer.content.decode()
    assert "没有 19801399 这一天" in look_for(browser, "1234", "19801399").content.decode()


def test_a_village_lists_itself_and_says_who_is_insured(cast, signed_in):
    make_payment(cast.people["甲一"], cast.year)
    make_status(cast.people["甲二"], cast.kinds["服刑"])
    url = reverse("enrollment:residents", args=["990001", 2024])
    answer = signed_in(cast.red_star_clerk).get(url)
    assert "红星村" in answer.context["answer"]
    assert [(row.insured, row.words) for row in answer.context["rows"]] == [
        (True, []),
        (False, ["特殊情形"]),
    ]
    assert "服刑" not in answer.content.decode()
    county = signed_in(cast.county_officer).get(f"{url}?region=990001101201")
    assert "服刑" in county.content.decode()


def test_a_long_list_costs_as_many_queries_as_a_short_one(
    cast, signed_in, django_assert_max_num_queries
):
    for number in range(60):
        make_person(cast.red_star, f"戊{number}", id_number(100 + number))
    browser = signed_in(cast.red_star_clerk)
    with django_assert_max_num_queries(16):
        answer = browser.get(reverse("enrollment:residents", args=["990001", 2024]))
    assert len(answer.context["rows"]) == 50
