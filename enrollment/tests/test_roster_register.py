"""户籍册: what becomes of every row, and of the people the register no longer names."""

from datetime import date

import pytest

from enrollment import roster
from enrollment.failure import Failure
from enrollment.models import Household, Person, Region, RosterRow, Stage
from enrollment.tests import handing
from enrollment.tests.cast import id_number, make_payment, make_status
from enrollment.tests.handing import put_in, read, reasons, tally

A1 = ["H001", "户主", "甲一", id_number(1), "东风镇", "红星村", "", "13800005678"]
A2 = ["H001", "子", "甲二", id_number(22, birth="20100506"), "东风镇", "红星村", "", ""]
B1 = ["", "", "乙一", id_number(3, birth="19751231"), "东风镇", "柳林村", "", ""]
C1 = ["", "", "丙一", id_number(4, birth="19660708"), "西河镇", "石桥村", "", "13900001234"]
EVERYBODY = [A1, A2, B1, C1]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    handing.read_in_process(monkeypatch)


def somebody(sequence: int, name: str = "新人", town: str = "东风镇", village: str = "红星村"):
    return ["", "", name, id_number(sequence, birth="19900909"), town, village, "", ""]


def person(row: list[str]) -> Person:
    return Person.objects.numbered(row[3]).get()


def but(row: list[str], **cells: str) -> list[str]:
    """The row with other cells, by heading."""
    return [cells.get(heading, cell) for heading, cell in zip(handing.REGISTER, row, strict=True)]


def test_the_same_people_again_change_nothing(cast):
    tables = ("enrollment_person", "enrollment_household")
    before, versions = handing.facts(), handing.versions(*tables)
    found = put_in(cast, "register", EVERYBODY)
    assert tally(found) == {"unchanged": 4}
    assert found.people == 4
    assert handing.facts() == before
    assert handing.versions(*tables) == versions


@pytest.mark.parametrize(
    ("row", "fate", "reason"),
    [
        (but(B1, 村="红星村"), "changed", "由柳林村迁来"),
        (but(C1, 乡镇="东风镇", 村="柳林村"), "changed", "由石桥村迁来"),
        (but(B1, 户号="H009"), "changed", "户号变更"),
        (but(A2, 与户主关系="女"), "changed", "与户主关系变更"),
        (but(C1, 联系电话="13900009999"), "changed", "联系电话变更"),
        (but(C1, 村=""), "unchanged", "没有村名，先放在该乡镇的未落实"),
        (but(A1, 联系电话="", 户号="", 与户主关系=""), "unchanged", ""),
        (but(C1, 姓名="丙壹"), "problems", "在册姓名为“丙一”"),
        (but(B1, 乡镇="乌有镇"), "problems", "乌有镇"),
        (but(B1, 乡镇=""), "problems", "缺少乡镇"),
        (but(B1, 姓名=""), "problems", "缺少姓名"),
        (but(B1, 身份证号=""), "problems", "证件号码为空"),
        (but(B1, 身份证号=id_number(3, birth="19751231")[:17]), "problems", "17位"),
        (somebody(9), "new", ""),
    ],
)
def test_a_row_has_the_fate_that_fits(cast, row, fate, reason):
    found = read(cast, "register", [row], mode="supplement")
    assert tally(found) == {fate: 1}
    assert reasons(found, fate)[0].startswith(reason) or reason in reasons(found, fate)[0]
    assert found.people == (0 if row[3][17:] == "" else 1)


def test_a_number_that_came_as_a_quantity_is_refused(cast):
    found = read(cast, "register", [[*A1[:3], 341599198001020000, *A1[4:]]], mode="supplement")
    assert "精度已丢失" in reasons(found, "problems")[0]


def test_a_change_is_written_and_the_name_never(cast):
    put_in(cast, "register", [but(B1, 村="红星村", 户号="H001", 与户主关系="妻", 联系电话="110")],
           mode="supplement")  # fmt: skip
    moved = person(B1)
    assert (moved.village, moved.household.number) == (cast.red_star, "H001")
    assert (moved.relation, moved.phone, moved.name) == ("妻", "110", "乙一")


def test_facts_follow_somebody_who_moves(cast):
    status = make_status(cast.people["乙一"], cast.kinds["服役"])
    payment = make_payment(cast.people["乙一"], cast.year)
    put_in(cast, "register", [but(B1, 乡镇="西河镇", 村="石桥村")], mode="supplement")
    for fact in (status, payment, payment.person.enrollments.get()):
        fact.refresh_from_db()
        assert (fact.town_id, fact.village_id) == (cast.west.pk, cast.bridge.pk)


def test_a_full_list_ends_who_is_missing_and_a_supplement_nobody(cast):
    found = put_in(cast, "register", EVERYBODY[:3], as_of=date(2023, 10, 1))
    assert tally(found) == {"unchanged": 3, "would_end": 1}
    assert person(C1).on_roll_to == date(2023, 10, 1)
    assert tally(put_in(cast, "register", [A1], mode="supplement")) == {"unchanged": 1}
    assert person(B1).on_roll_to is None
    assert Person.objects.get(name="丁一").on_roll_to is None


def test_a_full_list_of_a_town_ends_nobody_elsewhere(cast):
    found = put_in(cast, "register", [A1, A2, C1], region=cast.east)
    assert tally(found) == {"unchanged": 2, "outside_area": 1, "would_end": 1}
    assert "西河镇" in reasons(found, "outside_area")[0]
    assert person(C1).on_roll_to is None and person(B1).on_roll_to is not None


def test_a_full_list_of_a_village_ends_nobody_elsewhere(cast):
    found = put_in(cast, "register", [A1, B1], region=cast.red_star)
    assert tally(found) == {"unchanged": 1, "outside_area": 1, "would_end": 1}
    assert person(A2).on_roll_to and not person(B1).on_roll_to


def test_somebody_with_a_problem_is_not_ended(cast):
    found = read(cast, "register", [*EVERYBODY[:3], but(C1, 姓名="丙壹")])
    assert tally(found) == {"unchanged": 3, "problems": 1}


def test_who_comes_back_is_on_the_roll_from_that_day(cast):
    put_in(cast, "register", EVERYBODY[:3], as_of=date(2023, 10, 1))
    found = put_in(cast, "register", EVERYBODY, as_of=date(2024, 1, 5))
    assert reasons(found, "changed") == ["原不在册"]
    assert (person(C1).on_roll_from, person(C1).on_roll_to) == (date(2024, 1, 5), None)


@pytest.mark.parametrize(
    ("birth", "as_of", "earlier", "since"),
    [
        ("19900909", date(2023, 9, 20), False, date(2023, 8, 31)),  # the first reaches back
        ("20230915", date(2023, 9, 20), False, date(2023, 9, 15)),  # not before the birth
        ("19900909", date(2023, 9, 20), True, date(2023, 9, 20)),  # a later one says its own day
        ("19900909", date(2023, 8, 1), False, date(2023, 8, 1)),
        ("19900909", None, False, date(2023, 8, 31)),
    ],
)
def test_people_are_on_the_roll_from_the_day_the_register_speaks_for(
    cast, birth, as_of, earlier, since
):
    if earlier:
        put_in(cast, "register", EVERYBODY)
    row = somebody(9)
    row[3] = id_number(9, birth=birth)
    put_in(cast, "register", [row], mode="supplement", as_of=as_of)
    assert person(row).on_roll_from == since
    assert Person.objects.on_roll(cast.year.base_date).filter(pk=person(row).pk).exists() == (
        since <= cast.year.base_date
    )


def test_new_villages_are_proposed_and_made_when_applied(cast):
    rows = [somebody(7, village="新建村"), somebody(8, village="新 建 村"),
            but(somebody(9, village="错村"), 身份证号="1")]  # fmt: skip
    found = read(cast, "register", rows, mode="supplement")
    assert [v["name"] for v in found.proposals][:1] == ["新建村"]
    assert not Region.objects.filter(name="新建村").exists()
    roster.apply(found, by=None)
    made = Region.objects.get(name="新建村")
    assert (made.parent, made.town, made.level) == (cast.east, cast.east, "village")
    assert set(Person.objects.filter(village=made)) == {person(rows[0]), person(rows[1])}
    assert not Region.objects.filter(name="错村").exists(), "nobody lives there"


def test_a_village_is_found_by_any_of_its_names(cast):
    Region.objects.filter(pk=cast.red_star.pk).update(aliases=["红星居委会"], printed_name="紅星村")
    rows = [somebody(6, village="红星居委会"), somebody(7, village="紅星村"),
            somebody(8, village="东风镇红星村"), somebody(9, town="示范县东风镇")]  # fmt: skip
    found = read(cast, "register", rows, mode="supplement")
    assert found.proposals == []
    assert set(found.entries.filter(row__gt=1).values_list("village_id", flat=True)) == {
        cast.red_star.pk
    }


def test_two_hand_ins_that_name_one_new_village_make_it_once(cast):
    first = read(cast, "register", [somebody(7, village="新建村")], mode="supplement")
    second = read(cast, "register", [somebody(8, village="新建村")], mode="supplement")
    roster.apply(first, by=None)
    roster.apply(second, by=None)
    assert Region.objects.get(name="新建村").pk == person(somebody(8)).village_id
    roster.withdraw(second, by=None)
    roster.withdraw(first, by=None)
    assert not Region.objects.filter(name="新建村").exists()


def test_an_address_is_enough_to_place_somebody(cast):
    rows = [
        ["甲九", id_number(7), "示范县东风镇柳林村3组"],
        ["甲八", id_number(8), "安徽省示范县西河镇石桥村"],
        ["甲七", id_number(9), "上海市某路1号"],
    ]
    found = put_in(cast, "register", rows, headings=["姓名", "身份证号", "住址"], mode="supplement")
    assert tally(found) == {"new": 2, "problems": 1}
    assert Person.objects.get(name="甲九").village == cast.willow
    assert Person.objects.get(name="甲八").village == cast.bridge


def test_a_household_row_has_as_many_people_as_names(cast):
    headings = ["户号", "乡镇", "村", "姓名", "身份证号", "姓名", "身份证号", "姓名", "身份证号"]
    rows = [
        ["H7", "东风镇", "红星村", "子一", id_number(6), "子二", id_number(7), "", ""],
        ["H8", "东风镇", "红星村", "丑一", id_number(8), "丑二", "1", "丑三", id_number(9)],
    ]
    found = put_in(cast, "register", rows, headings=headings, mode="supplement")
    assert tally(found) == {"new": 4, "problems": 1}
    assert set(Household.objects.get(number="H8").members.values_list("name", flat=True)) == {
        "丑一", "丑三"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("second", "fate", "reason"),
    [
        (somebody(9), "unchanged", "与第2行同一证件号，内容相同，只计一次"),
        (somebody(9, village="柳林村"), "problems", "内容不一致"),
        (somebody(9, name="别人"), "problems", "内容不一致"),
    ],
)
def test_one_person_twice_in_a_file_counts_once(cast, second, fate, reason):
    found = put_in(cast, "register", [somebody(9), second], mode="supplement")
    assert tally(found) == {"new": 1, fate: 1}
    assert reason in reasons(found, fate)[0]
    assert person(second).name == "新人"


def test_a_list_of_numbers_first_and_the_register_afterwards(cast):
    stranger = somebody(9)
    put_in(cast, "status", [["", stranger[3], "", "", ""]], status="服役", mode="supplement")
    before = handing.facts(without=["enrollment_region"])
    assert person(stranger).name == "姓名未报"
    found = put_in(cast, "register", [stranger], mode="supplement")
    assert tally(found) == {"changed": 1}
    assert (person(stranger).name, person(stranger).village) == ("新人", cast.red_star)
    assert person(stranger).statuses.get().village == cast.red_star
    roster.withdraw(found, by=None)
    assert handing.facts(without=["enrollment_region"]) == before


def test_somebody_known_by_number_only_is_asked_about_by_no_list(cast):
    put_in(cast, "status", [["", id_number(9), "", "", ""]], status="服役", mode="supplement")
    found = read(cast, "status", [["新人", id_number(9), "", "", ""]], status="服刑")
    assert tally(found) == {"not_in_register": 1}


def test_the_guard_asks_before_a_large_share_or_a_whole_town_leaves(cast):
    many = [somebody(n, village="柳林村") for n in range(100, 136)]
    put_in(cast, "register", [*EVERYBODY, *many])
    quiet = read(cast, "register", [A1, A2, B1, C1, *many[:-4]])
    assert (tally(quiet)["would_end"], quiet.warning) == (4, "")
    share = read(cast, "register", [A1, A2, B1, C1, *many[:-5]])
    assert "5 人退出，占现有 40 人的 12.5%" in share.warning
    town = read(cast, "register", [A1, A2, B1, *many])
    assert "西河镇的人员会全部退出" in town.warning
    with pytest.raises(Failure) as refused:
        roster.apply(town, by=None)
    assert refused.value.code == "confirmation_needed"
    assert person(C1).on_roll_to is None
    roster.apply(town, by=None, confirmed=True)
    assert person(C1).on_roll_to


def test_rows_that_cannot_be_read_still_keep_their_person_on_the_roll(cast):
    """A typing error in a number must not end the person whose number it was."""
    broken = but(C1, 身份证号=C1[3][:17])
    found = read(cast, "register", [*EVERYBODY[:3], broken])
    assert tally(found) == {"unchanged": 3, "problems": 1}


def test_staging_is_empty_once_a_roster_is_over(cast):
    applied = put_in(cast, "register", EVERYBODY)
    waiting = read(cast, "register", EVERYBODY)
    assert set(Stage.objects.values_list("roster_id", flat=True)) == {waiting.pk}
    roster.discard(waiting, by=cast.county_officer)
    assert not Stage.objects.exists()
    assert not RosterRow.objects.filter(roster=waiting).exists()
    assert RosterRow.objects.filter(roster=applied).count() == applied.rows


def test_a_household_numbered_by_a_document_is_not_kept_in_clear(cast):
    number, other = id_number(41), id_number(42)
    odd = number[:17] + ("0" if number[17] != "0" else "1")
    rows = [
        [number, "户主", "子一", number, "东风镇", "红星村", "", ""],
        [f" {number.lower()}", "子", "子二", other, "东风镇", "红星村", "", ""],
        [odd, "户主", "子三", id_number(43), "东风镇", "红星村", "", ""],
    ]
    found = put_in(cast, "register", rows, mode="supplement")
    assert reasons(found, "new")[0] == "户号是证件号码，不以明文保存，改用编号"
    homes = dict(
        Person.objects.filter(name__startswith="子").values_list("name", "household__number")
    )
    assert homes["子一"] == homes["子二"] and homes["子一"].startswith("证件户")
    assert number[6:14] not in homes["子一"]
    assert homes["子三"] == odd, "what is nobody's number is a number of the household"
    assert tally(put_in(cast, "register", rows, mode="supplement")) == {"unchanged": 3}
