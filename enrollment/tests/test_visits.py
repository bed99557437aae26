"""Calls, the grid, and sheets that come back: nothing recorded meanwhile is overwritten."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from enrollment import directory, roster, visits
from enrollment.failure import Failure
from enrollment.models import Assignment, AuditEvent, Contact, Person, PolicyYear, Visit
from enrollment.tests.cast import id_number, make_person
from enrollment.tests.handing import put_in, read, read_in_process, reasons, tally

HEADINGS = [
    "姓名", "走访日期", "走访人", "方式", "结果", "备注", "下次走访日期", "人员编码", "版本",
]  # fmt: skip


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    read_in_process(monkeypatch)


def call(cast, name="甲一", by=None, **fields) -> int:
    given = {
        "visited_on": date(2023, 11, 1),
        "method": "door",
        "result": "will_pay",
        "visitor": "李干部",
    } | fields
    return visits.record(
        [cast.people[name].pk], policy_year=cast.year, by=by or cast.red_star_clerk, **given
    )


def line(cast, name="甲一", day="2023-11-05", result="同意参保，自行缴费", version="0", **more):
    key = visits.key(cast.year, cast.people[name].pk)
    note, again = more.get("note", ""), more.get("again", "")
    visitor, method = more.get("visitor", "王协管"), more.get("method", "上门")
    return [name, day, visitor, method, result, note, again, more.get("key", key), version]


def sheet(cast, rows, **more):
    return read(cast, "visits", rows, headings=HEADINGS, **more)


def test_a_call_is_a_row_and_the_last_one_holds(cast):
    assert call(cast) == 1
    call(cast, result="not_now", visited_on=date(2023, 11, 2))
    person = cast.people["甲一"]
    assert Visit.objects.count() == 2
    assert visits.last(cast.year, [person.pk])[person.pk].result == "not_now"
    event = AuditEvent.objects.filter(action="record_visit").first()
    assert event.person_id == person.pk


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"visited_on": timezone.localdate() + timedelta(days=2)}, "future"),
        ({"next_on": date(2023, 10, 31)}, "next"),
        ({"result": "pressed"}, "result"),
        ({"visitor": " "}, "visitor"),
        ({"result": "other"}, "note"),
        ({"note": "长" * 201}, "note"),
    ],
)
def test_what_is_not_a_call(cast, fields, code):
    with pytest.raises(Failure) as failure:
        call(cast, **fields)
    assert failure.value.code == code


def test_nobody_outside_one_s_area_and_role(cast):
    with pytest.raises(Failure, match="勾选"):
        call(cast, "乙一")
    with pytest.raises(Failure, match="岗位"):
        call(cast, by=cast.county_viewer)
    PolicyYear.objects.filter(pk=cast.year.pk).update(state="settled")
    cast.year.refresh_from_db()
    with pytest.raises(Failure, match="结算"):
        call(cast)


def test_due_is_what_the_last_call_asked_for(cast):
    everybody = Person.objects.all()
    call(cast, next_on=date(2023, 11, 10))
    assert list(visits.due(everybody, cast.year, on=date(2023, 11, 9))) == []
    assert list(visits.due(everybody, cast.year, on=date(2023, 11, 10))) == [cast.people["甲一"]]
    call(cast, visited_on=date(2023, 11, 10))
    assert list(visits.due(everybody, cast.year, on=date(2023, 11, 30))) == []


@pytest.fixture
def cadre(cast) -> Contact:
    return directory.add(cast.red_star, name="李干部", office="cadre", by=cast.red_star_clerk)


def test_households_are_shared_out_whole(cast, cadre):
    one = Person.objects.filter(pk=cast.people["甲一"].pk)
    assert visits.assign(one, policy_year=cast.year, contact=cadre, by=cast.red_star_clerk) == 2
    assert Assignment.objects.count() == 2
    born = make_person(
        cast.red_star, "甲三", id_number(90), household=cast.people["甲一"].household
    )
    mine = Person.objects.filter(visits.shared_to(cast.year, cadre))
    assert {person.name for person in mine} == {"甲一", "甲二", "甲三"}
    nobody_s = Person.objects.filter(visits.shared_to(cast.year, None), village=cast.red_star)
    assert born not in nobody_s
    everybody = Person.objects.filter(village=cast.red_star)
    call(cast, next_on=date(2023, 11, 10))
    share, rest = visits.shares(everybody, cast.year, cast.red_star)
    assert (share.contact, share.people, share.called, share.due) == (cadre, 3, 1, 1)
    assert (rest.contact, rest.people) == (None, 0)
    visits.assign(one, policy_year=cast.year, contact=None, by=cast.red_star_clerk)
    assert not Assignment.objects.exists()


def test_a_grid_of_another_village_is_not_given_households(cast):
    other = directory.add(cast.willow, name="张", office="helper", by=cast.east_officer)
    with pytest.raises(Failure, match="不是这里"):
        visits.assign(
            Person.objects.filter(village=cast.red_star),
            policy_year=cast.year,
            contact=other,
            by=cast.red_star_clerk,
        )
    of_town = directory.add(cast.east, name="赵", office="tax", by=cast.east_officer)
    assert visits.assign(
        Person.objects.filter(village=cast.red_star),
        policy_year=cast.year,
        contact=of_town,
        by=cast.red_star_clerk,
    )
    assert visits.grid(cast.red_star) == [of_town]


def test_the_directory_is_kept_by_those_who_work_there(cast, cadre):
    with pytest.raises(Failure, match="已有"):
        directory.add(cast.red_star, name="李干部", office="cadre", by=cast.red_star_clerk)
    with pytest.raises(Failure, match="辖区"):
        directory.add(cast.willow, name="张", office="helper", by=cast.red_star_clerk)
    with pytest.raises(Failure, match="岗位"):
        directory.add(cast.east, name="张", office="helper", by=cast.county_viewer)
    directory.add(cast.county, name="县里的人", office="county", by=cast.county_officer)
    directory.add(cast.bridge, name="远处的人", office="helper", by=cast.west_officer)
    shown = [one.name for one in directory.of(cast.red_star)]
    assert shown == ["县里的人", "李干部"]
    visits.assign(
        Person.objects.filter(village=cast.red_star),
        policy_year=cast.year,
        contact=cadre,
        by=cast.red_star_clerk,
    )
    assert directory.leave(cadre, on=date(2024, 1, 1), by=cast.red_star_clerk) == 2
    assert list(directory.of(cast.red_star).values_list("name", flat=True)) == ["县里的人"]


# Sheets


def test_a_key_says_nothing_and_cannot_be_made_up(cast):
    person = cast.people["甲一"]
    key = visits.key(cast.year, person.pk)
    assert id_number(1) not in key
    assert visits.person_of(f" {key.lower()}\n") == (cast.year.pk, person.pk)
    altered = key[:20] + ("A" if key[20] != "A" else "B") + key[21:]
    for wrong in ("", "ABC", key[:-2], altered, "号" * 9):
        with pytest.raises(ValueError, match="编码"):
            visits.person_of(wrong)


def test_a_filled_sheet_becomes_calls(cast):
    found = put_in(
        cast,
        "visits",
        [
            line(cast, again="2023-11-20"),
            line(cast, "甲二", result="本人暂不参保", method="", note="已告知"),
            line(cast, "乙一", day="", result="", visitor="", method=""),
        ],
        headings=HEADINGS,
    )
    assert tally(found) == {"new": 2, "ignored": 1}
    one, two = Visit.objects.order_by("person__name")
    assert (one.result, one.visitor, one.next_on) == ("will_pay", "王协管", date(2023, 11, 20))
    assert (two.result, two.method, two.note) == ("not_now", "door", "已告知")
    assert one.village == cast.red_star
    roster.withdraw(found, by=cast.county_officer)
    assert not Visit.objects.exists()


def test_a_newer_call_on_record_is_never_overwritten(cast):
    call(cast, result="paid", visited_on=date(2023, 11, 8))
    found = put_in(cast, "visits", [line(cast), line(cast, "甲二")], headings=HEADINGS)
    assert tally(found) == {"problems": 1, "new": 1}
    assert "李干部 2023-11-08" in reasons(found, "problems")[0]
    assert "已缴费，待税务数据" in reasons(found, "problems")[0]
    person = cast.people["甲一"]
    assert visits.last(cast.year, [person.pk])[person.pk].result == "paid"


def test_a_sheet_made_after_the_last_call_goes_on_from_it(cast):
    call(cast)
    version = str(Visit.objects.get().pk)
    found = put_in(cast, "visits", [line(cast, version=version)], headings=HEADINGS)
    assert tally(found) == {"changed": 1}
    assert Visit.objects.count() == 2
    again = put_in(cast, "visits", [line(cast, version=version)], headings=HEADINGS)
    assert tally(again) == {"unchanged": 1}


def test_what_cannot_be_taken_is_said(cast):
    found = sheet(
        cast,
        [
            line(cast, key="ABC"),
            line(cast, "甲二", result="不肯"),
            line(cast, "乙一", day="2093-01-01"),
            line(cast, "丙一", visitor=""),
            line(cast, key=visits.key(cast.neighbour_year, cast.people["甲一"].pk)),
            line(cast, "丁一"),
        ],
    )
    assert tally(found) == {"problems": 6}
    said = "\n".join(reasons(found, "problems"))
    for words in (
        "编码",
        "“不肯”不在下拉选项中",
        "晚于今天",
        "缺少走访人",
        "别的年度",
        "没有这个人",
    ):
        assert words in said


def test_a_village_s_sheet_is_about_its_own_people(cast):
    found = sheet(cast, [line(cast, "乙一"), line(cast)], region=cast.red_star)
    assert tally(found) == {"outside_area": 1, "new": 1}


def test_a_version_that_no_call_can_have_is_refused(cast):
    """An altered cell is told in its row; the file as a whole is still read."""
    found = put_in(
        cast, "visits",
        [line(cast, version="9" * 25), line(cast, "甲二"), line(cast, "乙一", version="-1")],
        headings=HEADINGS,
    )  # fmt: skip
    assert tally(found) == {"new": 1, "problems": 2}
