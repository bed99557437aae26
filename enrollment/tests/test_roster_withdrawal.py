"""Withdrawing: everything as before, what was touched since stays and is counted."""

from datetime import date

import pytest

from enrollment import roster, store
from enrollment.failure import Failure
from enrollment.models import (
    Enrollment,
    Household,
    Payment,
    Person,
    PolicyYear,
    Question,
    Region,
    Roster,
    RosterRow,
    Stage,
    Status,
)
from enrollment.tests import handing
from enrollment.tests.cast import id_number
from enrollment.tests.handing import put_in, read, tally

A1, A2 = id_number(1), id_number(22, birth="20100506")
B1, C1 = id_number(3, birth="19751231"), id_number(4, birth="19660708")
DAY = "2023-11-20 10:00:00"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    handing.read_in_process(monkeypatch)


def row(name: str, number: str, village: str = "红星村", town: str = "东风镇", house: str = ""):
    return [house, "", name, number, town, village, "", ""]


def listed(cast, *rows: list[str], **more) -> Roster:
    return put_in(cast, "status", rows, status="服役", **more)


def paid(cast, *rows: list[object]) -> Roster:
    return put_in(cast, "payments", rows)


# (what stood before, what is handed in and withdrawn)
CASES = {
    "register, full": (
        [],
        ("register", [row("甲一", A1, "柳林村"), row("乙一", B1, house="H7"),
                      row("新人", id_number(9), "新建村", house="H8")], {}),
    ),
    "register, supplement that moves people with facts": (
        [("status", [["乙一", B1, "", "", ""]], {"status": "服役"}),
         ("payments", [["乙一", B1, "", 380, DAY, "S0"]], {})],
        ("register", [row("乙一", B1, "石桥村", "西河镇", "H7")], {"mode": "supplement"}),
    ),
    "register that puts a stranger on the roll": (
        [("payments", [["新人", id_number(9), "西河镇", 380, DAY, "S0"]], {})],
        ("register", [row("新人", id_number(9), "新建村", house="H8")], {"mode": "supplement"}),
    ),
    "register that brings somebody back": (
        [("register", [row("甲一", A1)], {})],
        ("register", [row("甲一", A1), row("丙一", C1, "石桥村", "西河镇")], {}),
    ),
    "status, full": (
        [("status", [["甲一", A1, "", "2020-01-01", "旧"], ["丙一", C1, "", "", ""]],
          {"status": "服役"})],
        ("status", [["甲一", A1, "", "2021-01-01", "新"], ["生人", id_number(9), "西河镇", "", ""],
                    ["乙壹", B1, "", "", ""]], {"status": "服役"}),
    ),
    "insured": (
        [("insured", [["甲一", A1, "", "", ""]], {})],
        ("insured", [["乙一", B1, "", "", ""], ["生人", id_number(9), "", "", ""]], {}),
    ),
    "payments": (
        [("payments", [["甲一", A1, "", 380, DAY, "S0"]], {})],
        ("payments", [["甲一", A1, "", -380, DAY, "S1"],
                      ["乙壹", B1, "西河镇", 380, DAY, "S2"]], {}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_everything_is_as_before(cast, case):
    earlier, (kind, rows, more) = CASES[case]
    for stood in earlier:
        put_in(cast, stood[0], stood[1], **stood[2])
    before = handing.facts(without=["enrollment_payment"])
    payments = Payment.objects.counted().count()
    found = put_in(cast, kind, rows, **more)
    assert handing.facts(without=["enrollment_payment"]) != before, "the case does something"
    found = roster.withdraw(found, by=cast.county_officer)
    assert (found.state, found.kept_back) == ("withdrawn", 0)
    assert handing.facts(without=["enrollment_payment"]) == before
    assert Payment.objects.counted().count() == payments
    put_in(cast, kind, rows, **more)
    assert handing.facts(without=["enrollment_payment"]) != before, "and may be handed in again"


def test_withdrawn_payments_are_kept_and_marked_with_whom_they_name(cast):
    found = paid(cast, ["甲一", A1, "", 380, DAY, "S1"], ["生人", id_number(9), "", 380, DAY, "S2"])
    roster.withdraw(found, by=None)
    assert Payment.objects.filter(withdrawn_at__isnull=False).count() == 2
    assert not Enrollment.objects.exists()
    assert Person.objects.filter(name="生人", on_roll_from=None).exists()
    assert tally(paid(cast, ["甲一", A1, "", 380, DAY, "S1"])) == {"new": 1}


def test_rows_a_later_roster_wrote_stay_and_are_counted(cast):
    first = put_in(cast, "register", [row("子一", id_number(7)), row("子二", id_number(8))],
                   mode="supplement")  # fmt: skip
    put_in(cast, "register", [row("子一", id_number(7), "柳林村")], mode="supplement")
    first = roster.withdraw(first, by=None)
    assert first.kept_back == 1
    assert RosterRow.objects.get(roster=first, code="kept_back").name == "子一"
    assert Person.objects.get(name="子一").village == cast.willow
    assert not Person.objects.filter(name="子二").exists()


def test_a_status_a_later_list_wrote_stays_and_is_counted(cast):
    first = listed(cast, ["甲一", A1, "", "2020-01-01", ""], ["乙一", B1, "", "", ""])
    listed(cast, ["甲一", A1, "", "2021-01-01", ""], mode="supplement")
    first = roster.withdraw(first, by=None)
    assert first.kept_back == 1
    assert Status.objects.get().person.name == "甲一"


def test_somebody_who_has_paid_since_leaves_the_roll_and_stays_insured(cast):
    first = put_in(cast, "register", [row("子一", id_number(7), house="H7")], mode="supplement")
    paid(cast, ["子一", id_number(7), "", 380, DAY, "S1"])
    roster.withdraw(first, by=None)
    child = Person.objects.get(name="子一")
    assert (child.on_roll_from, child.household_id) == (None, None)
    assert Enrollment.objects.filter(person=child).exists()


def test_the_first_of_two_registers_then_the_second(cast):
    """The second leads back to a village and a household that only the first had made."""
    first = put_in(cast, "register", [row("子一", id_number(7), "新建村", house="H7")],
                   mode="supplement")  # fmt: skip
    second = put_in(cast, "register", [row("子一", id_number(7), "红星村", house="H8")],
                    mode="supplement")  # fmt: skip
    assert roster.withdraw(first, by=None).kept_back == 1
    roster.withdraw(second, by=None)
    child = Person.objects.select_related("village", "household").get(name="子一")
    assert (child.village.name, child.household.number) == ("新建村", "H7")
    assert not Household.objects.filter(number="H8").exists()


def test_a_village_that_a_waiting_roster_names_is_still_there_to_be_applied(cast):
    first = put_in(cast, "register", [row("子一", id_number(7), "新建村")], mode="supplement")
    waiting = read(cast, "register", [row("子二", id_number(8), "新建村")], mode="supplement")
    roster.withdraw(first, by=None)
    roster.apply(waiting, by=None)
    assert Person.objects.get(name="子二").village.name == "新建村"


def test_nobody_is_left_over_when_both_lists_that_name_a_stranger_are_withdrawn(cast):
    before = handing.facts()
    first = listed(cast, ["生人", id_number(9), "", "", ""])
    second = put_in(cast, "status", [["生人", id_number(9), "", "", ""]], status="服刑")
    roster.withdraw(first, by=None)
    assert Person.objects.filter(name="生人").exists()
    roster.withdraw(second, by=None)
    assert handing.facts() == before


def test_no_enrolment_is_left_over_when_both_payments_are_withdrawn(cast):
    first = paid(cast, ["甲一", A1, "", 190, DAY, "S1"])
    second = paid(cast, ["甲一", A1, "", 190, DAY, "S2"])
    assert roster.withdraw(first, by=None).kept_back == 1
    assert Enrollment.objects.count() == 1
    roster.withdraw(second, by=None)
    assert not Enrollment.objects.exists()


def test_open_questions_go_and_answered_ones_stay(cast):
    found = listed(cast, ["甲壹", A1, "", "", ""], ["乙壹", B1, "", "", ""])
    asked = Question.objects.get(given="甲壹")
    Question.objects.filter(pk=asked.pk).update(answer="已核", answered_at=found.applied_at)
    roster.withdraw(found, by=None)
    assert list(Question.objects.values_list("pk", flat=True)) == [asked.pk]


@pytest.mark.parametrize("state", ["settled", "closed"])
def test_a_settled_year_takes_and_gives_nothing_back(cast, state):
    applied = listed(cast, ["甲一", A1, "", "", ""])
    waiting = read(cast, "status", [["乙一", B1, "", "", ""]], status="服役")
    PolicyYear.objects.filter(pk=cast.year.pk).update(state=state)
    cast.year.refresh_from_db()
    before = handing.facts()
    for refused in (
        lambda: roster.withdraw(applied, by=None),
        lambda: roster.apply(waiting, by=None),
        lambda: handing.handed(cast, "register", []),
    ):
        with pytest.raises(Failure) as failure:
            refused()
        assert failure.value.code == "year_closed"
    assert handing.facts() == before


@pytest.mark.parametrize("verb", ["withdraw", "apply", "read", "discard"])
def test_no_verb_works_twice(cast, verb):
    found = listed(cast, ["甲一", A1, "", "", ""])
    if verb == "withdraw":
        roster.withdraw(found, by=None)
    before = handing.facts()
    with pytest.raises(Failure):
        if verb == "read":
            roster.read(found)
        else:
            getattr(roster, verb)(found, by=None)
    assert handing.facts() == before


# What waits while others are applied


def test_an_earlier_full_list_does_not_undo_a_later_one(cast):
    earlier = read(cast, "status", [["甲一", A1, "", "", ""]], status="服役")
    elsewhere = read(cast, "status", [["甲一", A1, "", "", ""]], status="服役", region=cast.east)
    added = read(cast, "status", [["乙一", B1, "", "", ""]], status="服役", mode="supplement")
    later = listed(cast, ["丙一", C1, "", "", ""])
    with pytest.raises(Failure) as refused:
        roster.apply(earlier, by=None, confirmed=True)
    assert refused.value.code == "superseded"
    roster.apply(elsewhere, by=None)
    roster.apply(added, by=None)
    roster.withdraw(later, by=None)
    with pytest.raises(Failure) as changed:
        roster.apply(earlier, by=None, confirmed=True)
    assert changed.value.code == "preview_changed"
    assert roster.apply(earlier, by=None, confirmed=True).state == "applied"


def test_where_counts_no_longer_hold_nothing_is_applied_and_the_new_preview_stands(cast):
    waiting = read(cast, "register", [row("子一", id_number(7))], mode="supplement")
    put_in(cast, "register", [row("子一", id_number(7))], mode="supplement")
    before = handing.facts()
    with pytest.raises(Failure) as refused:
        roster.apply(waiting, by=None, expected=waiting.counts)
    assert refused.value.code == "preview_changed"
    assert handing.facts() == before
    waiting.refresh_from_db()
    assert (waiting.state, tally(waiting)) == ("waiting", {"unchanged": 1})
    handing.check_counts(waiting)
    assert roster.apply(waiting, by=None, expected=waiting.counts).state == "applied"


def test_where_counts_still_hold_it_is_applied_without_a_word(cast):
    waiting = read(cast, "register", [row("子一", id_number(7))], mode="supplement")
    put_in(cast, "register", [row("子二", id_number(8))], mode="supplement")
    assert roster.apply(waiting, by=None, expected=waiting.counts).state == "applied"
    assert Person.objects.filter(name__in=["子一", "子二"]).count() == 2
    handing.check_counts(waiting)


def test_counts_somebody_else_saw_are_not_these(cast):
    waiting = read(cast, "register", [row("子一", id_number(7))], mode="supplement")
    with pytest.raises(Failure) as refused:
        roster.apply(waiting, by=None, expected={**waiting.counts, "new": 2})
    assert refused.value.code == "preview_changed"
    assert not Person.objects.filter(name="子一").exists()


def test_an_emptied_stage_is_read_again_before_it_is_applied(cast):
    """As after a crash of the database, which empties unlogged tables."""
    waiting = read(cast, "register", [row("子一", id_number(7), "新建村")], mode="supplement")
    Stage.objects.all().delete()
    assert roster.apply(waiting, by=None).state == "applied"
    assert Person.objects.get(name="子一").village.name == "新建村"
    assert Region.objects.filter(name="新建村").count() == 1


def test_an_emptied_stage_whose_file_is_gone_changes_nothing(cast):
    waiting = read(cast, "register", [row("子一", id_number(7))])
    Stage.objects.all().delete()
    Roster.objects.filter(pk=waiting.pk).update(stored_as=f"990001/2024/{'0' * 32}.sealed")
    waiting.refresh_from_db()
    before = handing.facts()
    with pytest.raises(Failure, match="已不在"):
        roster.apply(waiting, by=None, confirmed=True)
    assert handing.facts() == before
    waiting.refresh_from_db()
    assert waiting.state == "refused"
    assert not RosterRow.objects.filter(roster=waiting).exists()


def test_previews_lapse_and_files_go_on_schedule(cast):
    waiting = read(cast, "status", [["甲一", A1[:5], "", "", ""]], status="服役")
    applied = listed(cast, ["甲一", A1, "", "", ""])
    Roster.objects.update(uploaded_at=date(2020, 1, 1).isoformat() + "T00:00Z")
    assert (roster.expire(), roster.forget_files()) == (1, 2)
    for found in (waiting, applied):
        found.refresh_from_db()
        assert (found.stored_as, found.problems_as) == ("", "")
    assert (waiting.state, applied.state) == ("expired", "applied")
    assert RosterRow.objects.filter(roster=applied).count() == applied.rows
    assert applied.pages.exists() and not waiting.pages.exists()
    assert roster.withdraw(applied, by=None).state == "withdrawn"


def test_the_problem_file_goes_with_the_preview(cast):
    """甲壹 is a problem until somebody else's answer makes the row one to go in."""
    waiting = read(cast, "status", [["甲壹", A1, "", "", ""]], status="服役")
    stale = waiting.problems_as
    assert stale
    Person.objects.filter(name="甲一").update(name="甲壹")
    cast.year.bump()
    with pytest.raises(Failure, match="没有入库"):
        roster.apply(waiting, by=None)
    waiting.refresh_from_db()
    assert (tally(waiting), waiting.problems_as) == ({"new": 1}, "")
    assert stale not in set(store.names())
