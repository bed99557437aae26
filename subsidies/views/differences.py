"""退补差: who is to be given back or is short, what was settled on which document."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Person, PolicyYear, Region
from subsidies import differences, differences_export, freeze
from subsidies.differences import Kind, Line
from subsidies.models import DifferenceEntry, SubsidyRule
from subsidies.views import desk
from subsidies.views.fresh import fresh
from subsidies.words import Words

ENTRIES = "entries"


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Open differences by kind, and the entries that settle them; the county settles."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _do(request, place)
    policy_year = place.policy_year
    lines = differences.lines(policy_year, place.region)
    told: dict[Kind, list[Line]] = {kind: [] for kind in Kind}
    for one in lines:
        told[one.kind].append(one)
    entries = (
        DifferenceEntry.objects.visible_to(place.user)
        .in_region(place.region)
        .filter(policy_year=policy_year)
    )
    wanted = request.GET.get("tab", "")
    tab = wanted if wanted in {*Kind, ENTRIES} else next((k for k in Kind if told[k]), Kind.GRANTED)
    rule = SubsidyRule.objects.filter(policy_year=policy_year).first()
    closed = policy_year.state == PolicyYear.State.CLOSED
    context: dict[str, Any] = {
        "page_title": "退补差",
        "answer": _answer(place, told),
        "policy_year": policy_year,
        "region": place.region,
        "desk": desk.tabs(place, "differences"),
        "frozen": freeze.is_frozen(policy_year),
        "desk_open": not closed,
        "rule": rule,
        "tab": tab,
        "ticks": place.user.job.may_settle and not closed and tab != Kind.SETTLED,
        "today": timezone.localdate(),
        "units": desk.units(place, told, "subsidies:differences"),
        "export_url": desk.url(place, "subsidies:differences-export"),
    }
    context |= fresh(policy_year)
    context["tabs"] = [_tab(place, kind, kind.label, len(told[kind]), tab) for kind in Kind] + [
        _tab(place, ENTRIES, "退补记录", entries.count(), tab)
    ]
    context |= (
        _entries(request, entries) if tab == ENTRIES else _lines(request, place, told[Kind(tab)])
    )
    desk.opened(request, place, "退补差", context["page"].paginator.count)
    return render(request, "subsidies/differences.html", context)


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """All differences of the region as Excel, settled and open."""
    place = enter(request, county, year, may="sees_people")
    return desk.download(
        request,
        place,
        title="退补差名单",
        back=desk.url(place, "subsidies:differences"),
        write=lambda target: differences_export.write(
            target, place.policy_year, place.region, viewer=place.user
        ),
    )


def _do(request: HttpRequest, place: Place) -> HttpResponse:
    """Settle who is ticked on one document, or reverse ticked entries."""
    given = request.POST
    try:
        match given.get("do"):
            case "settle":
                done = differences.settle(
                    place.policy_year,
                    place.region,
                    people=desk.ticked(request),
                    on=desk.day(given.get("settled_on", "")),
                    document=given.get("document", ""),
                    amount=desk.yuan(given.get("amount", "")),
                    note=given.get("note", ""),
                    by=place.user,
                    address=desk.address(request),
                )
                parts = [
                    f"{word} {amount:,.2f} 元"
                    for word, amount in (("已退", done.given_back), ("已补", done.collected))
                    if amount
                ]
                messages.success(request, f"已登记 {done.people:,} 人：{'，'.join(parts)}。")
            case "reverse":
                count = differences.reverse(
                    place.policy_year,
                    desk.ticked(request),
                    note=given.get("note", ""),
                    by=place.user,
                    address=desk.address(request),
                )
                messages.success(request, f"已冲销 {count:,} 条退补记录，原记录保留。")
            case _:
                raise Failure("do", "没有这种操作，数据没有变化")
    except Failure as failure:
        messages.error(request, failure.message)
    return redirect(desk.url(place, "subsidies:differences", tab=given.get("tab", "")))


def _tab(place: Place, key: str, label: str, count: int, current: str) -> dict[str, Any]:
    return {
        "label": label,
        "count": count,
        "url": desk.url(place, "subsidies:differences", tab=key),
        "active": key == current,
        "kind": {"settled": "done", ENTRIES: ""}.get(key, "behind"),
    }  # fmt: skip


def _answer(place: Place, told: dict[Kind, list[Line]]) -> str:
    back = [*told[Kind.GRANTED], *told[Kind.OVERPAID]]
    parts = [
        f"{word} {len(found):,} 人 {abs(_sum(found)):,.2f} 元"
        for word, found in (("待退", back), ("待补", told[Kind.UNDERPAID]))
        if found
    ]
    name = place.region.path
    if not parts:
        return f"{name} 没有待退补的差额；已结清 {len(told[Kind.SETTLED]):,} 人。"
    return f"{name} {'，'.join(parts)}；已结清 {len(told[Kind.SETTLED]):,} 人。"


def _sum(found: list[Line]) -> Decimal:
    return sum((one.still_open for one in found), Decimal(0))


def _lines(request: HttpRequest, place: Place, found: list[Line]) -> dict[str, Any]:
    page_ = Paginator(found, desk.PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page_.object_list)
    persons = Person.objects.in_bulk([one.person for one in shown])
    regions = Region.objects.in_bulk({one.village for one in shown} | {one.town for one in shown})
    words = Words(place.policy_year, place.user)
    return {
        "page": page_,
        "rows": [
            {
                "line": one,
                "person": persons[one.person],
                "masked": persons[one.person].masked(),
                "town": regions[one.town].name,
                "village": regions[one.village].name,
                "category": words.name(one.category),
                "reason": words.veiled(one.reason),
                "amount": abs(one.still_open),
            }
            for one in shown
        ],
    }


def _entries(request: HttpRequest, entries: Any) -> dict[str, Any]:
    found = entries.select_related(
        "person", "town", "village", "recorded_by", "reverses", "reversed_by"
    ).order_by("-pk")
    return {"page": Paginator(found, desk.PER_PAGE).get_page(request.GET.get("page"))}
