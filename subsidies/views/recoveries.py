"""资助收回: whom the state paid for and should not have, and what came of it."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from subsidies import freeze, grounds, recovery, recovery_export
from subsidies.models import Recovery
from subsidies.views import desk
from subsidies.views.fresh import fresh
from subsidies.words import Words


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The list by what came of it; the county decides."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _do(request, place)
    rows = (
        Recovery.objects.visible_to(place.user)
        .in_region(place.region)
        .filter(policy_year=place.policy_year)
    )
    counted = {
        state: (number, amount, back)
        for state, number, amount, back in rows.order_by()
        .values_list("state")
        .annotate(number=Count("pk"), amount=Sum("amount"), back=Sum("recovered"))
    }
    wanted = request.GET.get("tab", "")
    tab = wanted if wanted in Recovery.State.values else Recovery.State.OPEN.value
    listed = rows.filter(state=tab).select_related("person", "town", "village", "closed_by")
    found = Paginator(listed.order_by(*recovery_export.ORDER), desk.PER_PAGE).get_page(
        request.GET.get("page")
    )
    words = Words(place.policy_year, place.user)
    say = grounds.words(place.policy_year, place.user)
    closed = place.policy_year.state == PolicyYear.State.CLOSED
    desk.opened(request, place, "资助收回", found.paginator.count)
    context: dict[str, Any] = {
        "page_title": "资助收回",
        "answer": _answer(place, counted),
        "policy_year": place.policy_year,
        "region": place.region,
        "desk": desk.tabs(place, "recoveries"),
        "frozen": freeze.is_frozen(place.policy_year),
        "desk_open": not closed,
        "tab": tab,
        "tabs": [
            {
                "label": state.label,
                "count": counted.get(state.value, (0,))[0],
                "url": desk.url(place, "subsidies:recoveries", tab=state.value),
                "active": state.value == tab,
                "kind": "behind" if state == Recovery.State.OPEN else "",
            }
            for state in Recovery.State
        ],
        "page": found,
        "rows": [
            {
                "row": one,
                "masked": one.person.masked(),
                "grounds": say(one.grounds),
                "category": words.name(one.category_id),
                "department": "" if one.category_id in words.hidden else one.department,
            }
            for one in found
        ],
        "ticks": place.user.job.may_settle and not closed,
        "today": timezone.localdate(),
        "export_url": desk.url(place, "subsidies:recoveries-export"),
    }
    context |= fresh(place.policy_year)
    return render(request, "subsidies/recoveries.html", context)


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """The whole list of the region as Excel."""
    place = enter(request, county, year, may="sees_people")
    return desk.download(
        request,
        place,
        title="资助收回名单",
        back=desk.url(place, "subsidies:recoveries"),
        write=lambda target: recovery_export.write(
            target, place.policy_year, place.region, viewer=place.user
        ),
    )


def _do(request: HttpRequest, place: Place) -> HttpResponse:
    given = request.POST
    ticked, year, by = desk.ticked(request), place.policy_year, place.user
    try:
        match given.get("do"):
            case "recovered":
                count = recovery.close(
                    year,
                    ticked,
                    state=Recovery.State.RECOVERED,
                    on=desk.day(given.get("closed_on", "")),
                    amount=desk.yuan(given.get("amount", "")),
                    reason=given.get("reason", ""),
                    by=by,
                    address=desk.address(request),
                )
                messages.success(request, f"已登记 {count:,} 人的资助已收回。")
            case "waived":
                count = recovery.close(
                    year,
                    ticked,
                    state=Recovery.State.WAIVED,
                    reason=given.get("reason", ""),
                    by=by,
                    address=desk.address(request),
                )
                messages.success(request, f"已登记 {count:,} 人不予收回。")
            case "reopen":
                count = recovery.reopen(
                    year,
                    ticked,
                    reason=given.get("reason", ""),
                    by=by,
                    address=desk.address(request),
                )
                messages.success(request, f"已重新打开 {count:,} 人，原处理留在记录里。")
            case _:
                raise Failure("do", "没有这种操作，数据没有变化")
    except Failure as failure:
        messages.error(request, failure.message)
    return redirect(desk.url(place, "subsidies:recoveries", tab=given.get("tab", "")))


def _answer(place: Place, counted: dict[str, tuple[int, Any, Any]]) -> str:
    name = place.region.path
    number, amount, _ = counted.get(Recovery.State.OPEN, (0, 0, 0))
    done, _, back = counted.get(Recovery.State.RECOVERED, (0, 0, 0))
    if not counted:
        return f"{name} 没有资助后又在其他名单里的人。"
    waiting = f"待处理 {number:,} 人，资助 {amount:,.2f} 元" if number else "没有待处理的人"
    got = f"；已收回 {done:,} 人 {back:,.2f} 元" if done else ""
    return f"{name} 资助后又在其他名单里（已去世、在外参保等）的，{waiting}{got}。"
