"""The page of deeds about one person, the household's page, and what waits for a word."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from enrollment.models import (
    AuditEvent,
    Household,
    Paper,
    Person,
    Relocation,
    StatusRecord,
)
from enrollment.registration import persons
from enrollment.tests.cast import Cast, id_number, make_person, make_status

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 64


def url(person: Person, do: str) -> str:
    return f"{reverse('targets:deed', args=['990001', 2024, person.pk])}?do={do}"


@pytest.fixture
def clerk(cast: Cast, signed_in):
    return signed_in(cast.red_star_clerk)


def test_a_status_with_its_paper_and_the_county_s_look_at_it(cast, clerk, signed_in):
    person = cast.people["甲一"]
    kind = cast.kinds["服役"]
    assert clerk.post(url(person, "status"), {"kind": kind.pk}).status_code == 400
    done = clerk.post(
        url(person, "status"),
        {
            "kind": kind.pk,
            "text": "九月入伍",
            "evidence": "入伍通知书",
            "file": SimpleUploadedFile("a.png", PNG),
        },
    )
    assert done.status_code == 302
    page = clerk.get(done.url).content.decode()
    assert "待县级核对" in page
    paper = Paper.objects.get()
    answer = clerk.get(reverse("targets:paper", args=["990001", 2024, paper.pk]))
    assert b"".join(answer.streaming_content) == PNG
    assert "attachment" in answer["Content-Disposition"]
    assert AuditEvent.objects.filter(action="open_paper").exists()

    reviews = "/990001/2024/reviews/"
    county = signed_in(cast.county_officer)
    page = county.get(reviews).content.decode()
    assert "扣减 1 件" in page
    assert "入伍通知书" in page
    assert 'value="review"' in page
    assert 'value="review"' not in clerk.get(reviews).content.decode()
    row = StatusRecord.objects.get()
    clerk.post(reviews, {"row": row.pk, "verb": "review"})
    row.refresh_from_db()
    assert row.reviewed_at is None
    county.post(reviews, {"row": row.pk, "verb": "review"})
    row.refresh_from_db()
    assert row.reviewed_by == cast.county_officer
    west = signed_in(cast.west_officer)
    assert west.post(reviews, {"row": row.pk, "verb": "end", "text": "x"}).status_code == 404


def test_a_sensitive_paper_is_the_county_s_and_its_sender_s(cast, clerk, signed_in):
    person = cast.people["甲一"]
    county = signed_in(cast.county_officer)
    county.post(
        url(person, "status"),
        {
            "kind": cast.kinds["服刑"].pk,
            "text": "判决",
            "evidence": "判决书",
            "file": SimpleUploadedFile("a.png", PNG),
        },
    )
    paper = Paper.objects.get()
    assert "服刑" not in paper.title
    address = reverse("targets:paper", args=["990001", 2024, paper.pk])
    assert clerk.get(address).status_code == 404
    assert signed_in(cast.east_officer).get(address).status_code == 404
    assert county.get(address).status_code == 200
    page = clerk.get(url(person, "object")).content.decode()
    assert "判决" not in page
    assert "特殊情形" in page
    # The form itself offers the policy's kinds by name: who fills it in knows which one.
    assert "服刑（从基数中扣减" in clerk.get(url(person, "status")).content.decode()


def test_two_clerks_lose_nothing(cast, clerk, signed_in):
    person = cast.people["甲一"]
    seen = persons.version(person)
    other = signed_in(cast.east_officer)
    other.post(url(person, "correct"), {"name": "甲壹", "seen": seen})
    stale = clerk.post(
        url(person, "correct"), {"name": "甲一", "phone": "13811112222", "seen": seen}
    )
    page = stale.content.decode()
    assert stale.status_code == 400
    assert "东风镇经办" in page
    assert "他人刚才的修改" in page
    # What I did not touch is theirs now, what I typed stays.
    assert 'value="甲壹"' in page
    assert 'value="13811112222"' in page
    form = stale.context["form"]
    done = clerk.post(
        url(person, "correct"),
        {"name": form.data["name"], "phone": "13811112222", "seen": form.data["seen"]},
    )
    assert done.status_code == 302
    person.refresh_from_db()
    assert (person.name, person.phone) == ("甲壹", "13811112222")


def test_both_changed_the_same_field(cast, clerk, signed_in):
    person = cast.people["甲一"]
    seen = persons.version(person)
    signed_in(cast.east_officer).post(url(person, "correct"), {"name": "甲壹", "seen": seen})
    stale = clerk.post(url(person, "correct"), {"name": "甲乙", "seen": seen})
    page = stale.content.decode()
    assert "两人都改了" in page
    assert 'value="甲乙"' in page
    assert stale.context["differences"] == [
        {"word": "姓名", "both": True, "base": "甲一", "theirs": "甲壹", "mine": "甲乙"}
    ]


def test_a_newborn_and_its_register_row_become_one(cast, clerk):
    without = make_person(cast.red_star, "甲小宝")
    Person.objects.filter(pk=without.pk).update(birth=date(2023, 12, 1))
    registered = make_person(cast.red_star, "甲小宝", id_number(22, birth="20231201"))
    page = clerk.get(url(without, "join"))
    assert [pk for pk, _ in page.context["form"].fields["other"].choices] == [str(registered.pk)]
    done = clerk.post(url(without, "join"), {"other": registered.pk, "reason": "已查户口簿"})
    assert done.status_code == 302
    assert str(registered.pk) in done.url
    assert "并入第" in clerk.get(done.url).content.decode()
    assert clerk.get(url(without, "join")).status_code == 404


@pytest.mark.parametrize(
    ("do", "data"),
    [
        ("household", {"household": "新立一户"}),
        ("leave", {"to": "湖北省", "on": "2023-10-01"}),
        ("death", {"day": "2023-10-01", "evidence": "死亡医学证明"}),
        ("object", {"raised_by": "甲一", "text": "名单有误"}),
        ("number", {"number": "A123456789", "reason": "测试"}),
    ],
)
def test_each_deed_is_done_from_its_form(cast, clerk, do, data):
    person = cast.people["甲一"]
    assert clerk.get(url(person, do)).status_code == 200
    empty = clerk.post(url(person, do), {})
    assert empty.status_code == 400
    assert clerk.post(url(person, do), data).status_code == 302


def test_a_residence_is_asked_only_of_people_from_elsewhere(cast, clerk):
    assert clerk.get(url(cast.people["甲一"], "residence")).status_code == 404
    guest = make_person(cast.red_star, "戊一", id_number(9), on_roll_from=None)
    assert clerk.get(url(guest, "leave")).status_code == 404
    done = clerk.post(
        url(guest, "residence"),
        {"hukou": "outside", "hukou_place": "河南省固始县", "permit": "on"},
    )
    assert done.status_code == 302
    assert guest.residences.get().permit


def test_a_move_waits_for_the_other_town(cast, clerk, signed_in):
    person = cast.people["甲一"]
    clerk.post(url(person, "move"), {"to": cast.bridge.pk, "reason": "婚迁"})
    row = Relocation.objects.get()
    west = signed_in(cast.west_officer)
    moves = "/990001/2024/reviews/?kind=moves"
    page = west.get(moves).content.decode()
    assert "甲一" in page
    assert f"/residents/{person.pk}/" not in page
    assert "同意" in page
    west.post(moves, {"row": row.pk, "verb": "agree"})
    person.refresh_from_db()
    assert person.village == cast.bridge
    assert clerk.get(url(person, "status")).status_code == 404


def test_an_objection_is_answered_on_the_county_s_page(cast, clerk, signed_in):
    person = cast.people["甲一"]
    clerk.post(url(person, "object"), {"raised_by": "甲一", "text": "我没有当兵"})
    page = "/990001/2024/reviews/?kind=objections"
    county = signed_in(cast.county_officer)
    assert "我没有当兵" in county.get(page).content.decode()
    row = person.objections.get()
    county.post(page, {"row": row.pk, "outcome": "upheld", "text": "名单有误"})
    assert "异议成立" in clerk.get(url(person, "object")).content.decode()


def test_the_household_s_page(cast, clerk, signed_in):
    home = Household.objects.get(number="H001")
    address = reverse("targets:household", args=["990001", 2024, home.pk])
    head, child = cast.people["甲一"], cast.people["甲二"]
    relations = {f"relation-{head.pk}": "父", f"relation-{child.pk}": "户主"}
    assert clerk.post(address, {"verb": "arrange", **relations}).status_code == 302
    child.refresh_from_db()
    assert child.relation == "户主"
    refused = clerk.post(address, {"verb": "split", "leaves": [head.pk]})
    assert "请在分出去的成员里选一位户主" in refused.content.decode()
    done = clerk.post(address, {"verb": "split", "leaves": [head.pk], "head": head.pk})
    fresh = Household.objects.exclude(pk=home.pk).get()
    assert str(fresh.pk) in done.url
    back = clerk.post(done.url, {"verb": "merge", "into": "H001"})
    assert back.status_code == 302
    assert signed_in(cast.west_officer).get(address).status_code == 404


def test_the_list_of_deductions_costs_the_same_however_long(
    cast, signed_in, django_assert_max_num_queries
):
    for number in range(30):
        person = make_person(cast.red_star, f"戊{number}", id_number(100 + number))
        make_status(person, cast.kinds["服役"])
        StatusRecord.objects.create(
            county=cast.county,
            town=cast.east,
            village=cast.red_star,
            policy_year=cast.year,
            person=person,
            kind=cast.kinds["服役"],
            text="入伍",
            evidence="证",
            recorded_by=cast.red_star_clerk,
        )
    county = signed_in(cast.county_officer)
    with django_assert_max_num_queries(26):
        page = county.get("/990001/2024/reviews/")
    assert len(page.context["rows"]) == 30
