"""The person page: masked, explained, and every look at a full number on record."""

from django.urls import reverse

from enrollment.models import AuditEvent, Enrollment, Roster, RosterRow
from enrollment.tests.cast import id_number, make_payment, make_status, place


def page_of(person, name="person"):
    return reverse(f"targets:{name}", args=["990001", 2024, person.pk])


def test_it_says_why_somebody_is_insured(cast, signed_in):
    somebody = cast.people["甲一"]
    browser = signed_in(cast.east_officer)
    assert "没有缴费记录" in browser.get(page_of(somebody)).content.decode()
    make_payment(somebody, cast.year)
    page = browser.get(page_of(somebody)).content.decode()
    assert "已参保：2023-11-20 缴费 380.00 元" in page
    assert "红星村一组1号" in page
    assert "甲二" in page


def test_numbers_are_masked_until_a_reason_is_given(cast, signed_in):
    somebody, number = cast.people["甲一"], id_number(1)
    browser = signed_in(cast.east_officer)
    page = browser.get(page_of(somebody)).content.decode()
    assert "341599************" in page
    assert "138****5678" in page
    assert number not in page
    assert "13800005678" not in page

    refused = browser.post(page_of(somebody, "reveal"), {"field": "number", "reason": " "})
    assert refused.status_code == 400
    assert number not in refused.content.decode()
    assert not AuditEvent.objects.filter(action="reveal").exists()

    shown = browser.post(
        page_of(somebody, "reveal"),
        {"field": "number", "reason": "核对身份"},
        headers={"HX-Request": "true"},
    )
    assert number in shown.content.decode()
    assert "<html" not in shown.content.decode()
    event = AuditEvent.objects.get(action="reveal")
    assert (event.user, event.person_id, event.subject) == (
        cast.east_officer,
        somebody.pk,
        "证件号码",
    )
    assert event.details == {"reason": "核对身份"}
    assert number not in str(event.details)

    without_script = browser.post(
        page_of(somebody, "reveal"), {"field": "phone", "reason": "办理缴费"}
    )
    assert "13800005678" in without_script.content.decode()
    assert number not in without_script.content.decode()


def test_a_viewer_sees_no_eye_and_reveals_nothing(cast, signed_in):
    browser = signed_in(cast.county_viewer)
    somebody = cast.people["甲一"]
    assert page_of(somebody, "reveal") not in browser.get(page_of(somebody)).content.decode()
    answer = browser.post(page_of(somebody, "reveal"), {"field": "number", "reason": "好奇"})
    assert answer.status_code == 403
    assert not AuditEvent.objects.filter(action="reveal").exists()


def test_opening_a_page_is_on_record(cast, signed_in):
    signed_in(cast.red_star_clerk).get(page_of(cast.people["甲一"]))
    event = AuditEvent.objects.get(action="open_person")
    assert (event.user, event.person_id) == (cast.red_star_clerk, cast.people["甲一"].pk)


def test_a_sensitive_status_keeps_its_name_at_the_county(cast, signed_in):
    somebody = cast.people["甲二"]
    status = make_status(somebody, cast.kinds["服刑"], note="判决书")
    roster = Roster.objects.create(
        county=cast.county,
        region=cast.county,
        policy_year=cast.year,
        kind="status",
        status_kind=status.kind,
        file_name="服刑人员.xlsx",
        sha256="0" * 64,
    )
    RosterRow.objects.create(roster=roster, fate="new", person_id=somebody.pk, reason="服刑在押")
    below = signed_in(cast.east_officer).get(page_of(somebody)).content.decode()
    assert "特殊情形" in below
    for word in ("服刑", "判决书"):
        assert word not in below
    assert "服刑" in signed_in(cast.county_officer).get(page_of(somebody)).content.decode()


def test_changes_are_told_from_the_history(cast, signed_in):
    somebody = cast.people["甲一"]
    somebody.phone = "13911112222"
    somebody.save()
    page = signed_in(cast.east_officer).get(page_of(somebody)).content.decode()
    assert "联系电话：138****5678 → 139****2222" in page


def test_deducted_and_insured_after_all_is_said(cast, signed_in):
    somebody = cast.people["乙一"]
    make_status(somebody, cast.kinds["服役"])
    make_payment(somebody, cast.year)
    assert "扣减后又参保" in signed_in(cast.east_officer).get(page_of(somebody)).content.decode()


def test_a_household_shows_only_whom_one_may_see(cast, signed_in):
    """甲二 of 红星村 is moved to 柳林村's list: the clerk of 红星村 sees 甲一 alone."""
    other = cast.people["甲二"]
    other.village = cast.willow
    other.save()
    page = signed_in(cast.red_star_clerk).get(page_of(cast.people["甲一"])).content.decode()
    assert "甲二" not in page
    Enrollment.objects.create(policy_year=cast.year, person=other, **place(cast.red_star))
    page = signed_in(cast.red_star_clerk).get(page_of(cast.people["甲一"])).content.decode()
    assert "甲二" in page
