"""测算与结算: what is expected by the lists beside what was really given, by identity and tier.

Two tables that are never added up: 测算 counts everybody on the lists as if paying in the main
window, 结算 those who paid or were declared. Each amount is laid on its purses as the standard
says; where a standard names several without shares, that part is 未规定.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import IO

from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from enrollment import sheets
from enrollment.models import Level, PolicyYear, Region, User
from enrollment.models.rules import Tier
from enrollment.sheets import MONEY, WHOLE, Column, Sheet
from subsidies import assessment
from subsidies.models import Estimate, FundingPart, Subsidy
from subsidies.words import Words

YUAN = Decimal("0.01")
NOT_STATED = "资金来源未规定"
HIDDEN = "特殊情形的资金"
COLUMNS = (
    Column("单位", 16), Column("资助身份", 20), Column("档次", 12),
    Column("测算人数", 10, WHOLE), Column("测算资助金额", 14, MONEY), Column("测算资金来源", 34),
    Column("结算人数", 10, WHOLE), Column("结算资助金额", 14, MONEY), Column("结算资金来源", 34),
)  # fmt: skip


@dataclass
class Figures:
    """People, yuan, and the yuan of each purse."""

    people: int = 0
    amount: Decimal = Decimal(0)
    funds: dict[str, Decimal] = field(default_factory=dict)

    def add(self, people: int, amount: Decimal, funds: dict[str, Decimal]) -> None:
        self.people += people
        self.amount += amount
        for fund, part in funds.items():
            self.funds[fund] = self.funds.get(fund, Decimal(0)) + part

    @property
    def said(self) -> str:
        """县财政 1,200.00；中央财政 …"""
        return "；".join(f"{fund} {part:,.2f}" for fund, part in self.funds.items() if part)


@dataclass
class Line:
    """One identity in one tier, of one unit or of all: expected and real."""

    unit: int | None
    identity: str
    tier: str
    estimate: Figures = field(default_factory=Figures)
    settled: Figures = field(default_factory=Figures)


def lines(
    policy_year: PolicyYear,
    region: Region,
    *,
    viewer: User | None,
    words: Words,
    by_unit: bool = False,
) -> list[Line]:
    """Subsidised people of a region by identity and tier, in printed order; per unit if asked."""
    at = "town" if region.level == Level.COUNTY else "village"
    parts = _parts(policy_year)
    tiers = dict(Tier.objects.filter(policy_year=policy_year).values_list("pk", "name"))
    found: dict[tuple[int | None, str, str], Line] = {}
    for name, model in (("estimate", Estimate), ("settled", Subsidy)):
        rows = model.objects.filter(policy_year=policy_year, subsidy__gt=0).in_region(region)
        if viewer is not None:
            rows = rows.visible_to(viewer)
        keys = (at, "category", "tier", "standard") if by_unit else ("category", "tier", "standard")
        told = rows.order_by().values_list(*keys).annotate(people=Count("pk"), sum=Sum("subsidy"))
        for *unit, category, tier, standard, people, amount in told:
            key = (unit[0] if unit else None, words.name(category), tiers.get(tier, ""))
            line = found.setdefault(key, Line(*key))
            figures: Figures = getattr(line, name)
            laid = _laid(parts.get(standard, []), people, amount)
            # The purse would give a hidden identity away.
            figures.add(people, amount, {HIDDEN: amount} if category in words.hidden else laid)
    order = {words.name(one.pk): rank for rank, one in enumerate(words.categories)}
    units = {
        pk: rank
        for rank, pk in enumerate(
            Region.objects.filter(county=policy_year.county, level=at)
            .order_by("placeholder", "parent__order", "parent", "order", "key")
            .values_list("pk", flat=True)
        )
    }
    ranks = {name: rank for rank, name in enumerate(tiers.values())}
    return sorted(
        found.values(),
        key=lambda one: (
            units.get(one.unit or 0, -1),
            order.get(one.identity, 999),
            ranks.get(one.tier, 999),
        ),
    )


def summed(found: Iterable[Line]) -> tuple[Figures, Figures]:
    """Expected and real, of all lines together."""
    estimate, settled = Figures(), Figures()
    for one in found:
        estimate.add(one.estimate.people, one.estimate.amount, one.estimate.funds)
        settled.add(one.settled.people, one.settled.amount, one.settled.funds)
    return estimate, settled


def write(
    target: IO[bytes], policy_year: PolicyYear, region: Region, *, viewer: User | None = None
) -> int:
    """Write units × identities × tiers as a workbook; returns its lines."""
    if viewer is None:
        assessment.catch_up(policy_year)
    words = Words(policy_year, viewer)
    found = lines(policy_year, region, viewer=viewer, words=words, by_unit=True)
    places = dict(Region.objects.filter(county=policy_year.county).values_list("pk", "name"))
    state = policy_year.get_state_display()
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险资助测算和结算",
        f"测算按名单，结算按实际缴费或零申报，两者不能相加；年度{state}　"
        f"导出 {timezone.localtime():%Y-%m-%d %H:%M}",
        COLUMNS,
        _cells(found, places, set(words.hidden.values())),
    )
    with transaction.atomic():
        return sheets.write_xlsx(target, sheet)


def _cells(
    found: list[Line], places: dict[int, str], hidden: set[str]
) -> Iterator[list[sheets.Value]]:
    """The purse would give a hidden identity away."""
    for one in found:
        veiled = one.identity in hidden
        yield [
            places.get(one.unit or 0, ""),
            one.identity,
            one.tier,
            one.estimate.people,
            one.estimate.amount,
            "" if veiled else one.estimate.said,
            one.settled.people,
            one.settled.amount,
            "" if veiled else one.settled.said,
        ]


def _parts(policy_year: PolicyYear) -> dict[int, list[FundingPart]]:
    found: dict[int, list[FundingPart]] = {}
    for part in FundingPart.objects.filter(standard__policy_year=policy_year).order_by(
        "standard", "order", "pk"
    ):
        found.setdefault(part.standard_id, []).append(part)
    return found


def _laid(parts: list[FundingPart], people: int, amount: Decimal) -> dict[str, Decimal]:
    """An amount on its purses; what no purse is named for stays 未规定, so that sums agree."""
    if len(parts) == 1 and parts[0].share is None and parts[0].amount is None:
        return {parts[0].fund: amount}
    found: dict[str, Decimal] = {}
    for part in parts:
        if part.share is not None:
            found[part.fund] = (amount * part.share / 100).quantize(YUAN, ROUND_HALF_UP)
        elif part.amount is not None:
            found[part.fund] = min(part.amount * people, amount)
    rest = amount - sum(found.values(), Decimal(0))
    if parts and sum(part.share or 0 for part in parts) == 100:
        # Shares that make up the whole: the last takes the odd fen.
        found[parts[-1].fund] += rest
        return found
    return found | ({NOT_STATED: rest} if rest > 0 else {})
