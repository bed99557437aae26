"""年度结算: what is still open, settling, and undoing it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from subsidies import assessment, freeze, settlement
from subsidies.models import Settlement
from subsidies.views import desk

# Where an open item is worked on; the others stand on no page of their own.
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "rosters": ("enrollment:rosters", {}),
    "questions": ("enrollment:questions", {}),
    "checks": ("subsidies:checks", {}),
    "not_stated": ("subsidies:ledger", {"only": "not_stated"}),
    "differences": ("subsidies:differences", {}),
    "recoveries": ("subsidies:recoveries", {}),
}


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Everybody at the county and below reads whether the year is settled; the county does it."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _do(request, place)
    policy_year = place.policy_year
    made = settlement.current(policy_year)
    whole = place.user.job.level == "county"
    left = settlement.open_items(policy_year) if whole else []
    frozen = freeze.is_frozen(policy_year)
    context: dict[str, Any] = {
        "page_title": "年度结算",
        "answer": _answer(policy_year, made),
        "policy_year": policy_year,
        "region": place.region,
        "desk": desk.tabs(place, "settlement"),
        "settlement": made,
        "items": [_item(place, one) for one in left],
        "any_open": any(one.count for one in left),
        "totals": assessment.totals(policy_year)["settled"] if whole else None,
        "may_settle": place.user.job.may_settle and policy_year.state == PolicyYear.State.ACTIVE,
        "may_undo": place.user.job.may_settle and policy_year.state == PolicyYear.State.SETTLED,
        "frozen": False,
        "fixed": frozen,
        "earlier": Settlement.objects.filter(policy_year=policy_year, undone_at__isnull=False)
        .select_related("settled_by", "undone_by")
        .order_by("-pk"),
    }
    return render(request, "subsidies/settlement.html", context)


def _do(request: HttpRequest, place: Place) -> HttpResponse:
    given = request.POST
    year = place.policy_year
    try:
        match given.get("do"):
            case "settle":
                made = settlement.settle(
                    year,
                    by=place.user,
                    confirmed="confirmed" in given,
                    note=given.get("note", ""),
                    address=desk.address(request),
                )
                people = made.figures["totals"]["people"]
                messages.success(request, f"{year.year} 年度已结算，资助台账 {people:,} 人已固定。")
            case "undo":
                settlement.unsettle(
                    year,
                    by=place.user,
                    reason=given.get("reason", ""),
                    address=desk.address(request),
                )
                messages.success(request, f"已撤销 {year.year} 年度的结算，台账重新随名册核定。")
            case _:
                raise Failure("do", "没有这种操作，数据没有变化")
    except Failure as failure:
        messages.error(request, failure.message)
    return redirect(desk.url(place, "subsidies:settlement"))


def _item(place: Place, one: settlement.Open) -> dict[str, Any]:
    name, query = PAGES.get(one.key, ("", {}))
    return {"item": one, "url": desk.url(place, name, **query) if name else ""}


def _answer(policy_year: PolicyYear, made: Settlement | None) -> str:
    name = f"{policy_year.county.name} {policy_year.year} 年度"
    if made is not None:
        who = made.settled_by.display_name if made.settled_by else "命令行"
        return f"{name}已结算，{timezone.localtime(made.settled_at):%Y-%m-%d %H:%M}，{who}。"
    if freeze.is_frozen(policy_year):
        return f"{name}{policy_year.get_state_display()}。"
    return f"{name}还没有结算，资助台账随名册和缴费每次变动重新核定。"
