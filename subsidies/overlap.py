"""政府代缴保费测算表: who is on which list, who pays for those on several, and how much.

Row = the identity that pays, column = also held. Somebody with three identities stands in two
cells beside the diagonal, so a row's sum is not people; a column's sum is the department's list
(Jinzhai, annex 2; C26–C30). An estimate over the lists, never a settlement.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection

from enrollment.failure import Failure
from enrollment.models import Level, PolicyYear, Region
from subsidies import standards
from subsidies.models import Category, CategoryLine, SubsidyRule

MATRIX = """
WITH held AS (
    SELECT DISTINCT e.person_id, line.place, line.rank
    FROM subsidies_entitlement e
    JOIN unnest(%(categories)s::bigint[], %(places)s::int[], %(ranks)s::int[])
        AS line (category_id, place, rank) ON line.category_id = e.category_id
    WHERE e.policy_year_id = %(year)s
        AND CASE WHEN %(on)s::date IS NULL THEN e.removed_on IS NULL
            ELSE (e.removed_on IS NULL OR e.removed_on > %(on)s)
                AND (e.recognised_on IS NULL OR e.recognised_on <= %(on)s) END
        AND (%(town)s::bigint IS NULL OR e.town_id = %(town)s)
        AND (%(village)s::bigint IS NULL OR e.village_id = %(village)s)
), people AS (
    SELECT array_agg(place) AS places, (array_agg(place ORDER BY rank))[1] AS pays
    FROM held GROUP BY person_id
)
SELECT pays, place, count(*) FROM people CROSS JOIN LATERAL unnest(places) AS place
GROUP BY pays, place
"""


@dataclass(frozen=True)
class Line:
    """One row and column: a line of the county's form, or a category of its own.

    ``standard`` in yuan; None where the tier has none or the categories of a line differ.
    """

    name: str
    note_name: str
    categories: tuple[Category, ...]
    standard: Decimal | None
    rank: int


@dataclass(frozen=True)
class Row:
    """``held`` are the people this line pays for, by what they also hold; None = not known."""

    line: Line
    raw: int
    duplicates: int
    distinct: int
    held: tuple[int, ...]
    amount: Decimal | None


@dataclass
class Overlap:
    """The table: its rows and the sums under them."""

    rows: list[Row]
    raw: int = 0
    duplicates: int = 0
    distinct: int = 0
    held: tuple[int, ...] = ()
    amount: Decimal = Decimal(0)
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def overlap(
    policy_year: PolicyYear,
    *,
    region: Region | None = None,
    tier: str = "",
    on: date | None = None,
) -> Overlap:
    """The table over the lists as they stand, or as they stood on a day, for a tier (the first).

    Raises Failure where the year has no category that gives money.
    """
    region = region or policy_year.county
    lines = lines_of(policy_year, tier=tier)
    if not lines:
        raise Failure("no_categories", f"{policy_year}没有资助对象类别，无表可制")
    cells = _cells(policy_year, lines, region, on)
    found = Overlap([])
    for place, line in enumerate(lines):
        raw = sum(cells.get((row, place), 0) for row in range(len(lines)))
        distinct = cells.get((place, place), 0)
        held = tuple(cells.get((place, column), 0) for column in range(len(lines)))
        # Nobody costs nothing, whatever the standard.
        amount = Decimal(0) if not distinct else None
        if line.standard is not None:
            amount = distinct * line.standard
        found.rows.append(Row(line, raw, raw - distinct, distinct, held, amount))
    found.raw = sum(row.raw for row in found.rows)
    found.duplicates = sum(row.duplicates for row in found.rows)
    found.distinct = sum(row.distinct for row in found.rows)
    found.held = tuple(map(sum, zip(*(row.held for row in found.rows), strict=True)))
    found.amount = sum((row.amount or Decimal(0) for row in found.rows), Decimal(0))
    found.notes = notes(found, policy_year.proxy_word or "代缴")
    if unpriced := [row.line.name for row in found.rows if row.amount is None]:
        found.remarks.append(f"没有单一的补贴标准，金额未计：{'、'.join(unpriced)}")
    if empty := [row.line.name for row in found.rows if not row.raw]:
        found.remarks.append(f"还没有名单：{'、'.join(empty)}")
    return found


def notes(found: Overlap, proxy_word: str) -> list[str]:
    """说明 in the notice's wording: each list, who of it another one pays for, what is left.

    In the order of the columns, without overlaps of nobody.
    """
    word = proxy_word.removeprefix("政府")
    said = []
    for place, row in enumerate(found.rows):
        others = [
            f"{other.held[place]} 人是{other.line.note_name}"
            for other in found.rows
            if other is not row and other.held[place]
        ]
        text = f"{place + 1}.{row.line.note_name} {row.raw} 人"
        if others:
            text += f"，其中 {'、'.join(others)}、实际{word} {row.distinct} 人"
        said.append(text + ("；" if place + 1 < len(found.rows) else "。"))
    return said


def lines_of(policy_year: PolicyYear, *, tier: str = "") -> list[Line]:
    """The table's lines in printed order, ranked by who pays for somebody on several.

    The county's own lines; where it has none, every category that gives money is one.
    """
    categories = list(
        Category.objects.filter(policy_year=policy_year, purpose="subsidy")
        .select_related("line")
        .order_by("order", "pk")
    )
    if not categories:
        return []
    chosen = standards.find_tier(policy_year, tier)
    amounts = {
        one.category.pk: one.subsidy
        for one in standards.worth(policy_year, categories, chosen)
        if one.category
    }
    drawn: list[tuple[str, str, tuple[Category, ...]]] = []
    printed = list(CategoryLine.objects.filter(policy_year=policy_year).order_by("order", "pk"))
    for line in printed:
        members = tuple(one for one in categories if one.line_id == line.pk)
        if members:
            drawn.append((line.name, line.note_name or line.name, members))
    for one in categories:
        if one.line_id is None:
            name = one.printed_name or one.name
            drawn.append((name, name, (one,)))
    if not printed:
        drawn.sort(key=lambda line: line[2][0].printed_order or 1_000 + line[2][0].order)
    by_priority = SubsidyRule.objects.filter(
        policy_year=policy_year, several=SubsidyRule.Several.PRIORITY
    ).exists()

    def wins(place: int) -> tuple[Any, ...]:
        members = drawn[place][2]
        if by_priority:
            ranked = [one.priority for one in members if one.priority is not None]
            return (min(ranked, default=1_000), place)
        return (-max(amounts.get(one.pk) or Decimal(0) for one in members), place)

    order = sorted(range(len(drawn)), key=wins)
    found = []
    for place, (name, note_name, members) in enumerate(drawn):
        worth = {amounts.get(one.pk) for one in members}
        standard = worth.pop() if len(worth) == 1 else None
        found.append(Line(name, note_name, members, standard, order.index(place)))
    return found


def _cells(
    policy_year: PolicyYear, lines: list[Line], region: Region, on: date | None
) -> dict[tuple[int, int], int]:
    told = [
        (category.pk, place, line.rank)
        for place, line in enumerate(lines)
        for category in line.categories
    ]
    categories, places, ranks = zip(*told, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            MATRIX,
            {
                "year": policy_year.pk,
                "categories": list(categories),
                "places": list(places),
                "ranks": list(ranks),
                "on": on,
                "town": region.pk if region.level == Level.TOWN else None,
                "village": region.pk if region.level == Level.VILLAGE else None,
            },
        )
        return {(pays, place): count for pays, place, count in cursor.fetchall()}
