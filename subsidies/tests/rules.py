"""Categories, lines and standards for tests, in few words; the cast has none of its own."""

from decimal import Decimal
from typing import Any

from enrollment.models import Department, PolicyYear
from enrollment.models.rules import Fee, PopulationGroup, Tier
from subsidies.models import Category, CategoryLine, Standard


def department(year: PolicyYear, name: str) -> Department:
    found, _ = Department.objects.get_or_create(county=year.county, name=name)
    return found


def category(
    year: PolicyYear,
    name: str,
    *aliases: str,
    by: str = "县民政局",
    amount: str | None = "342",
    line: str = "",
    **fields: Any,
) -> Category:
    """A category with its fixed standard in the one tier; without an amount, one that is covered.

    With a line it stands in the overlap table; priorities count up as categories are made.
    """
    number = Category.objects.filter(policy_year=year).count() + 1
    stands = None
    if line:
        stands, _ = CategoryLine.objects.get_or_create(
            policy_year=year, name=line, defaults={"note_name": line, "order": number}
        )
    fields.setdefault("priority", number)
    made = Category.objects.create(
        policy_year=year,
        order=number,
        name=name,
        aliases=list(aliases),
        purpose="subsidy" if amount else "covered",
        department=department(year, by) if by else None,
        line=stands,
        **fields,
    )
    if amount:
        Standard.objects.create(
            policy_year=year, category=made, tier=tier(year), method="fixed", amount=Decimal(amount)
        )
    return made


def tier(year: PolicyYear) -> Tier:
    """The one tier, 380 yuan for everybody."""
    found, made = Tier.objects.get_or_create(policy_year=year, name="居民医保")
    if made:
        group = PopulationGroup.objects.create(policy_year=year, name="普通居民")
        Fee.objects.create(
            policy_year=year, tier=found, group=group, personal=Decimal(380), fiscal=Decimal(640)
        )
    return found
