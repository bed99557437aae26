"""The rows of a roster as its page shows them: masked, fifty at a time, within reach of an index.

A department sees of a list what it wrote itself, and what became of it; what the register knows
about the people on it is not told. Nor is it to a town, about people who are not its own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q
from django.db.models.query import QuerySet
from django.utils.functional import cached_property

from enrollment import people
from enrollment.access import Place
from enrollment.documents import mask, normalise
from enrollment.models import Fate, Level, Person, Region, Roster, RosterRow
from enrollment.roster import originals
from enrollment.roster.problems import discreet

PER_PAGE = 50
# No page lies deeper than this; towns and villages lead to the rest.
REACH = 10_000
KEPT = "kept_back"
_NUMBER = re.compile(r"\d{17}[\dXx]\w{0,4}|\d{15}")


@dataclass(frozen=True)
class Entry:
    """One line of a tab."""

    where: str
    name: str
    number: str
    place: str
    reason: str
    person_id: int | None


class Reachable(Paginator):
    """Pages of a list that may be longer than anybody leafs; the count is given, not counted."""

    def __init__(self, rows: QuerySet, total: int) -> None:
        super().__init__(rows, PER_PAGE)
        self.total = total

    @cached_property
    def count(self) -> int:
        return min(self.total, REACH)


def chosen(
    roster: Roster, tab: str, *, town: int | None, village: int | None, page: str | None
) -> tuple[Page, int]:
    """A page of the entries of one tab, and how many there are in all.

    Short lists stand in the order of the file, long ones in that of the index: by place.
    """
    rows = RosterRow.objects.filter(roster=roster)
    if tab == KEPT:
        rows = rows.filter(code=KEPT)
    else:
        rows = rows.filter(fate=tab)
    if town is not None:
        rows = rows.filter(town_id=town) if town else rows.filter(town_id__isnull=True)
    if village is not None:
        rows = rows.filter(village_id=village) if village else rows.filter(village_id__isnull=True)
    total = (
        roster.counts[tab]
        if tab != KEPT and town is None and village is None
        else rows.order_by().count()
    )
    in_file = ("sheet", "row", "part", "pk")
    in_place = ("town_id", "village_id", "pk")
    rows = rows.order_by(*(in_file if total <= REACH else in_place)).defer("before")
    return Reachable(rows, total).get_page(page), total


def shown(rows: Iterable[RosterRow], roster: Roster, place: Place) -> list[Entry]:
    """The rows of one page, in a few queries whatever their number."""
    lines = list(rows)
    own_file_only = place.user.job.own_department
    known = {}
    foreign: set[int] = set()
    names: dict[int, str] = {}
    if not own_file_only:
        ids = {line.person_id for line in lines if line.person_id}
        known = people.visible(place.user, place.policy_year).in_bulk(ids)
        if place.user.job.level != "county":
            foreign = set(
                Person.objects.filter(pk__in=ids - set(known)).values_list("pk", flat=True)
            )
        regions = Region.objects.in_bulk(
            {one for line in lines for one in (line.town_id, line.village_id) if one}
        )
        names = {village["id"]: f"{village['name']}（新）" for village in roster.proposals}
        names |= {pk: region.name for pk, region in regions.items()}
    several = any(line.sheet for line in lines)
    # Opening what came is the dear part: only where the register does not know the number.
    asked = {(line.sheet, line.row) for line in lines if line.row and line.person_id not in known}
    came = originals.cells(roster, asked) if asked else {}
    found = []
    for line in lines:
        cells = [
            cell for cell in came.get((line.sheet, line.row or 0), []) if isinstance(cell, str)
        ]
        person = known.get(line.person_id or 0)
        guarded = own_file_only or line.person_id in foreign
        where = ""
        if line.row:
            where = f"表{line.sheet + 1} 第 {line.row} 行" if several else f"第 {line.row} 行"
        found.append(
            Entry(
                where=where,
                name=line.name if not guarded or line.name in cells else "",
                number=person.masked() if person else _masked(cells),
                place=""
                if guarded
                else " ".join(
                    names[one] for one in (line.town_id, line.village_id) if one in names
                ),
                reason=discreet(line.reason) if guarded else line.reason,
                person_id=person.pk if person else None,
            )
        )
    return found


def by_place(roster: Roster) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Entries per town (in a town's roster: per village) and fate, in printed order; the totals.

    Each row: {"id", "name", "counts": {fate: n}}; id 0 stands for no place named.
    """
    in_town = roster.region.level != Level.COUNTY
    unit = "village_id" if in_town else "town_id"
    rows_of = RosterRow.objects.filter(roster=roster).exclude(fate=Fate.IGNORED)
    if in_town:
        # Who belongs elsewhere is not told by village.
        rows_of = rows_of.filter(Q(town_id=roster.region.town_id) | Q(town_id=None))
    counted = (
        rows_of.order_by()
        .values(unit, "fate")
        .annotate(n=Count("pk"))
        .values_list(unit, "fate", "n")
    )
    rows: dict[int, dict[str, int]] = {}
    for pk, fate, number in counted:
        rows.setdefault(pk or 0, {})[fate] = number
    places = Region.objects.in_bulk(set(rows) - {0})
    proposed = {village["id"]: village["name"] for village in roster.proposals}

    def order(pk: int) -> tuple:
        region = places.get(pk)
        if region is None:
            return (1 if pk else 2, 0, str(pk))
        return (0, region.placeholder * 1_000_000 + region.order, region.key)

    listed = [
        {
            "id": pk,
            "name": places[pk].name
            if pk in places
            else f"{proposed[pk]}（新）"
            if pk in proposed
            else "未写明",
            "counts": rows[pk],
        }
        for pk in sorted(rows, key=order)
    ]
    totals = {fate: sum(counts.get(fate, 0) for counts in rows.values()) for fate in Fate.values}
    return listed, totals


def villages(roster: Roster, town: int) -> list[tuple[int, str]]:
    """The villages of a town to choose from, those to be made included."""
    known = Region.objects.filter(parent=town, merged_into=None).order_by(
        "placeholder", F("order"), "key"
    )
    proposed = [(v["id"], f"{v['name']}（新）") for v in roster.proposals if v["town"] == town]
    found = list(known.values_list("pk", "name"))
    return found + [one for one in proposed if one[0] not in {pk for pk, _ in found}]


def _masked(cells: list[str]) -> str:
    """The one number of a row, starred; a row with several people does not say whose is whose."""
    numbers = [number for number in map(normalise, cells) if _NUMBER.fullmatch(number)]
    return mask(numbers[0]) if len(numbers) == 1 else ""
