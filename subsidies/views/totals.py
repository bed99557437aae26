"""测算与结算: expected and real side by side, by identity and tier, by purse and by unit."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from enrollment.access import Place, enter
from enrollment.models import Level, Region
from subsidies import freeze, settlement, totals
from subsidies.views import desk
from subsidies.views.fresh import fresh
from subsidies.words import Words


@require_safe
def page(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The two tables beside each other; each figure opens to the ledger's names."""
    place = enter(request, county, year, may="sees_people")
    policy_year = place.policy_year
    words = Words(policy_year, place.user)
    found = totals.lines(policy_year, place.region, viewer=place.user, words=words)
    estimate, settled = totals.summed(found)
    context: dict[str, Any] = {
        "page_title": "测算与结算",
        "answer": (
            f"{place.region.path} 按名单测算资助 {estimate.people:,} 人 {estimate.amount:,.2f} 元；"
            f"按实际缴费结算 {settled.people:,} 人 {settled.amount:,.2f} 元。"
        ),
        "policy_year": policy_year,
        "region": place.region,
        "desk": desk.tabs(place, "totals"),
        "settlement": settlement.current(policy_year),
        "frozen": freeze.is_frozen(policy_year),
        "lines": [
            {
                "line": one,
                "estimate_url": _names(place, "estimate", one),
                "settled_url": _names(place, "settled", one),
            }
            for one in found
        ],
        "estimate": estimate,
        "settled": settled,
        "funds": [
            {
                "fund": fund,
                "estimate": estimate.funds.get(fund, 0),
                "settled": settled.funds.get(fund, 0),
            }
            for fund in {**estimate.funds, **settled.funds}
        ],
        "units": _units(place, words),
        "export_url": desk.url(place, "subsidies:totals-export"),
    }
    return render(request, "subsidies/totals.html", context | fresh(policy_year))


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """Units × identities × tiers as Excel."""
    place = enter(request, county, year, may="sees_people")
    return desk.download(
        request,
        place,
        title="资助测算和结算",
        back=desk.url(place, "subsidies:totals"),
        write=lambda target: totals.write(
            target, place.policy_year, place.region, viewer=place.user
        ),
    )


def _names(place: Place, basis: str, line: totals.Line) -> str:
    return desk.url(
        place, "subsidies:ledger",
        basis=basis, category=line.identity, tier=line.tier, only="subsidised",
    )  # fmt: skip


def _units(place: Place, words: Words) -> list[dict[str, Any]]:
    """Each unit below, all identities together; a village has none."""
    if place.region.level == Level.VILLAGE:
        return []
    by_unit: dict[int, list[totals.Line]] = {}
    for one in totals.lines(
        place.policy_year, place.region, viewer=place.user, words=words, by_unit=True
    ):
        by_unit.setdefault(one.unit or 0, []).append(one)
    regions = Region.objects.in_bulk(by_unit)
    found = []
    for unit, members in by_unit.items():
        estimate, settled = totals.summed(members)
        region = regions[unit]
        found.append(
            {
                "region": region,
                "estimate": estimate,
                "settled": settled,
                "url": desk.url(place, "subsidies:totals", region=region.key),
            }
        )
    return found
