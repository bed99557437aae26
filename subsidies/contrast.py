"""筹资对照表: what the state pays and what is left, for each category and tier.

Generated from the policy's rows. A cell merged downwards holds for all it spans: in Nongba's
annex 1 a blank means "as above", never 0 (C89).
"""

from dataclasses import dataclass
from decimal import Decimal

from enrollment.models import PolicyYear
from subsidies import standards
from subsidies.models import Category
from subsidies.standards import Worth

ORDINARY = ("居民自筹", "普通人员")


@dataclass(frozen=True)
class Row:
    """One printed row; None in money = 政策未规定."""

    department: str
    category: str
    tier: str
    subsidy: Decimal | None
    due: Decimal | None


@dataclass
class Contrast:
    """The rows, and what is printed once for several: (column, first row, last row) from 0."""

    rows: list[Row]
    merges: list[tuple[int, int, int]]


def contrast(policy_year: PolicyYear) -> Contrast:
    """The year's table. Raises Failure where the policy has no tiers."""
    categories = list(
        Category.objects.filter(policy_year=policy_year, purpose="subsidy").select_related(
            "department"
        )
    )
    categories.sort(key=lambda one: (one.printed_order or 1_000 + one.order, one.pk))
    tiers = standards.tiers(policy_year)
    found: dict[int | None, list[Worth]] = {None: []}
    for tier in tiers:
        found[None].append(standards.ordinary(policy_year, tier))
        for one in standards.worth(policy_year, categories, tier):
            if one.category:
                found.setdefault(one.category.pk, []).append(one)
    rows = [Row(*ORDINARY, one.tier.name, Decimal(0), one.due) for one in found[None]]
    # Departments in the order of their first category, each one's categories together.
    departments: dict[str, list[Category]] = {}
    for category in categories:
        if category.pk in found:
            department = category.department
            name = (department.short or department.name) if department else ""
            departments.setdefault(name, []).append(category)
    for name, members in departments.items():
        for category in members:
            shown = category.printed_name or category.name
            rows += [
                Row(name, shown, one.tier.name, one.subsidy, one.due) for one in found[category.pk]
            ]
    return Contrast(rows, merges(rows))


def merges(rows: list[Row]) -> list[tuple[int, int, int]]:
    """Which cells are one: a department's, a category's, an amount that does not change.

    Categories that only one tier serves, with one amount, share that tier and amount too.
    """
    spans = _runs([row.department for row in rows], 0)
    blocks = _runs([(row.department, row.category) for row in rows], 1)
    spans += blocks
    inside = {at: (first, last) for _, first, last in blocks for at in range(first, last + 1)}

    def amount(at: int) -> object:
        row = rows[at]
        if row.department == ORDINARY[0]:
            return at  # the ordinary resident's two noughts stand apart
        if at in inside:
            return (inside[at], row.subsidy)
        return (row.department, row.tier, row.subsidy)

    def tier(at: int) -> object:
        row = rows[at]
        return at if at in inside else (row.department, row.tier, row.subsidy)

    spans += _runs([tier(at) for at in range(len(rows))], 2)
    return spans + _runs([amount(at) for at in range(len(rows))], 3)


def _runs(keys: list, column: int) -> list[tuple[int, int, int]]:
    """Where neighbours share a key: (column, first, last), runs of one left out."""
    found, first = [], 0
    for at in range(1, len(keys) + 1):
        if at == len(keys) or keys[at] != keys[first]:
            if at - first > 1:
                found.append((column, first, at - 1))
            first = at
    return found
