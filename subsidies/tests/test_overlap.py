"""The overlap table: annex 2's arithmetic, its wording, and any county's own categories."""

from datetime import date
from decimal import Decimal

import pytest

from enrollment.failure import Failure
from enrollment.models.rules import Window
from subsidies import overlap
from subsidies.models import Category, Entitlement, SubsidyRule
from subsidies.tests.rules import category

NAMES = ("特困人员", "孤儿", "优抚", "下岗职工", "低保", "监测户", "残疾", "计生")
# Annex 2 of Jinzhai: row = who pays, column = also held.
MATRIX = (
    (6447, 0, 101, 0, 0, 27, 2048, 195),
    (0, 213, 1, 0, 0, 15, 11, 0),
    (0, 0, 4555, 0, 287, 10, 318, 268),
    (0, 0, 0, 126, 2, 0, 3, 0),
    (0, 0, 0, 0, 21731, 994, 5149, 3056),
    (0, 0, 0, 0, 0, 683, 15, 49),
    (0, 0, 0, 0, 0, 0, 9676, 834),
    (0, 0, 0, 0, 0, 0, 0, 64150),
)
# Its 说明, the two lines written otherwise (3: “其中有”, a comma for “、”) in the others' wording.
NOTES = [
    "1.特困人员 6447 人；",
    "2.孤儿 213 人；",
    "3.优抚 4657 人，其中 101 人是特困人员、1 人是孤儿、实际代缴 4555 人；",
    "4.下岗职工 126 人；",
    "5.低保 22020 人，其中 287 人是优抚、2 人是下岗职工、实际代缴 21731 人；",
    "6.监测户 1729 人，其中 27 人是特困人员、15 人是孤儿、10 人是优抚、994 人是低保、"
    "实际代缴 683 人；",
    "7.残疾 17220 人，其中 2048 人是特困人员、11 人是孤儿、318 人是优抚、3 人是下岗职工、"
    "5149 人是低保、15 人是监测户、实际代缴 9676 人；",
    "8.计生 68552 人，其中 195 人是特困人员、268 人是优抚、3056 人是低保、49 人是监测户、"
    "834 人是残疾、实际代缴 64150 人。",
]


def hold(person, *categories: Category, **fields) -> None:
    for one in categories:
        Entitlement.objects.create(
            county_id=person.county_id, town_id=person.town_id, village_id=person.village_id,
            policy_year=one.policy_year, person=person, category=one, **fields,
        )  # fmt: skip


def by_priority(year) -> None:
    SubsidyRule.objects.create(policy_year=year, several="priority", identity="at_payment")


def test_the_notes_say_what_annex_2_says():
    found = overlap.Overlap([])
    for place, (name, cells) in enumerate(zip(NAMES, MATRIX, strict=True)):
        line = overlap.Line(name, name, (), None, place)
        raw = sum(row[place] for row in MATRIX)
        distinct = cells[place]
        found.rows.append(overlap.Row(line, raw, raw - distinct, distinct, cells, None))
    assert overlap.notes(found, "政府代缴") == NOTES


@pytest.fixture
def three(cast, window):
    by_priority(cast.year)
    return [
        category(cast.year, "特困人员", amount="380", line="特困"),
        category(cast.year, "低保对象", line="低保"),
        category(cast.year, "重度残疾人", by="县残联", amount="190", line="残疾"),
    ]


@pytest.fixture
def window(cast):
    return Window.objects.create(
        policy_year=cast.year, name="集中参保缴费期", main=True, price="personal",
        pays_from=date(2023, 9, 1), pays_to=date(2023, 12, 31), subsidised=True,
    )  # fmt: skip


def test_three_identities_stand_in_two_cells(cast, three):
    poor, low, disabled = three
    hold(cast.people["甲一"], poor, low, disabled)
    hold(cast.people["乙一"], low, disabled)
    hold(cast.people["丙一"], disabled)
    found = overlap.overlap(cast.year)
    assert [row.held for row in found.rows] == [(1, 1, 1), (0, 1, 1), (0, 0, 1)]
    assert [(row.raw, row.duplicates, row.distinct) for row in found.rows] == [
        (1, 0, 1),
        (2, 1, 1),
        (3, 2, 1),
    ]
    assert [row.line.standard for row in found.rows] == [380, 342, 190]
    assert (found.raw, found.duplicates, found.distinct) == (6, 3, 3)
    assert found.held == (1, 2, 3)
    assert found.amount == Decimal(912)


def test_a_line_of_several_kinds_counts_people_once(cast, window):
    by_priority(cast.year)
    one = category(cast.year, "领证户夫妇", amount="190", line="计生", priority=8)
    other = category(cast.year, "双女户夫妇", amount="190", line="计生", priority=8)
    hold(cast.people["甲一"], one, other)
    (row,) = overlap.overlap(cast.year).rows
    assert (row.raw, row.distinct, row.amount) == (1, 1, 190)


def test_who_has_left_is_not_counted_and_a_day_may_be_asked(cast, three):
    poor, low, _ = three
    hold(cast.people["甲一"], poor, removed_on=date(2023, 11, 1))
    hold(cast.people["乙一"], low, recognised_on=date(2023, 10, 1))
    assert overlap.overlap(cast.year).raw == 1
    assert overlap.overlap(cast.year, on=date(2023, 9, 15)).raw == 1
    assert overlap.overlap(cast.year, on=date(2023, 10, 15)).raw == 2


def test_a_region_has_its_own(cast, three):
    poor, low, _ = three
    hold(cast.people["甲一"], poor)
    hold(cast.people["丙一"], low)
    assert overlap.overlap(cast.year, region=cast.east).raw == 1
    assert overlap.overlap(cast.year, region=cast.bridge).rows[1].distinct == 1


def test_without_a_ranking_the_highest_amount_pays(cast, window):
    """Yueyang and Nongba print no such table; their categories are its lines."""
    less = category(cast.year, "监测对象", amount="190", priority=None)
    more = category(cast.year, "特困供养人员", amount="380", priority=None)
    hold(cast.people["甲一"], less, more)
    found = overlap.overlap(cast.year)
    assert [row.line.name for row in found.rows] == ["监测对象", "特困供养人员"]
    assert [row.held for row in found.rows] == [(0, 0), (1, 1)]
    assert [row.distinct for row in found.rows] == [0, 1]


def test_no_categories_no_table(cast):
    with pytest.raises(Failure, match="没有资助对象类别"):
        overlap.overlap(cast.year)
