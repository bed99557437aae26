"""What each category is worth on its own, for an ordinary resident: what the printed tables show.

The rule itself answers (``quote``), so a table never says another amount than the ledger pays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.models.rules import Tier
from subsidies.case import Case, Identity, ask
from subsidies.models import Category, Standard
from subsidies.quote import quote


@dataclass(frozen=True)
class Worth:
    """One category in one tier, yuan; None = 政策未规定."""

    category: Category | None
    tier: Tier
    subsidy: Decimal | None
    due: Decimal | None


def tiers(policy_year: PolicyYear) -> list[Tier]:
    """The year's tiers in printed order. Raises Failure where the policy has none."""
    found = list(Tier.objects.filter(policy_year=policy_year).order_by("order", "pk"))
    if not found:
        raise Failure("no_tiers", f"{policy_year}还没有缴费档次，请先载入政策包")
    return found


def find_tier(policy_year: PolicyYear, name: str = "") -> Tier:
    """A tier by its name; the first one without."""
    known = tiers(policy_year)
    for tier in known:
        if not name or tier.name == name:
            return tier
    listed = "、".join(tier.name for tier in known)
    raise Failure("unknown_tier", f"没有名为“{name}”的档次（有：{listed}）")


def worth(policy_year: PolicyYear, categories: Sequence[Category], tier: Tier) -> list[Worth]:
    """Each category that has a standard in the tier, in the order given."""
    offered = set(
        Standard.objects.filter(policy_year=policy_year, tier=tier).values_list(
            "category", flat=True
        )
    )
    plain = ask(policy_year, tier=tier.name)
    return [_one(policy_year, plain, one, tier) for one in categories if one.pk in offered]


def ordinary(policy_year: PolicyYear, tier: Tier) -> Worth:
    """What somebody without any identity pays."""
    return _one(policy_year, ask(policy_year, tier=tier.name), None, tier)


def _one(policy_year: PolicyYear, plain: Case, category: Category | None, tier: Tier) -> Worth:
    identities = [Identity(category)] if category else []
    case = Case(tier=plain.tier, group=plain.group, paid_on=plain.paid_on, identities=identities)
    answer = quote(policy_year, case)
    return Worth(category, tier, answer.subsidy, answer.due)
