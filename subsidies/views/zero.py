"""零申报名单: who owes nothing, whom a list holds back, who has been declared."""

import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Person, Region
from subsidies import case, declarations, freeze, grounds, tasks, zero, zero_export
from subsidies.models import Clearance
from subsidies.views import desk
from subsidies.words import Words
from subsidies.zero import State


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The four lists as tabs, one open; counts of the units below beside them."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _do(request, place)
    word = zero.word(place.policy_year)
    context: dict[str, Any] = {
        "page_title": f"{word}名单",
        "policy_year": place.policy_year,
        "region": place.region,
        "word": word,
        "desk": desk.tabs(place, "zero"),
        "frozen": freeze.is_frozen(place.policy_year),
    }
    try:
        on, problem = _day(request, place)
        context |= {"on": on, "problem": problem} | _lists(request, place, on)
    except Failure as failure:
        context["problem"] = failure.message
    return render(request, "subsidies/zero.html", context)


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """All who owe nothing in the region as Excel, with where each stands."""
    place = enter(request, county, year, may="sees_people")
    try:
        on, _ = _day(request, place)
    except Failure as failure:
        messages.error(request, failure.message)
        return redirect(desk.url(place, "subsidies:zero"))
    return desk.download(
        request,
        place,
        title=f"{zero.word(place.policy_year)}名单",
        back=desk.url(place, "subsidies:zero"),
        write=lambda target: zero_export.write(
            target, place.policy_year, place.region, on=on, viewer=place.user
        ),
        on=f"{on}",
    )


def _do(request: HttpRequest, place: Place) -> HttpResponse:
    """Declare, take back or clear whom the page's form says; back to the same list."""
    year, region, by = place.policy_year, place.region, place.user
    tab = request.POST.get("tab", "")
    try:
        on, problem = _day(request, place, given=request.POST)
        if problem:
            raise Failure("date", problem)
        match request.POST.get("do"):
            case "declare" | "declare_all" as do:
                done = declarations.declare(
                    year,
                    region,
                    on=on,
                    by=by,
                    people=desk.ticked(request) if do == "declare" else None,
                    office=request.POST.get("office", ""),
                    document=request.POST.get("document", ""),
                    address=desk.address(request),
                )
                word = zero.word(year)
                messages.success(request, f"已登记{word} {done.declared:,} 人，日期 {on}。")
                if done.left:
                    messages.warning(
                        request,
                        f"另有 {len(done.left):,} 人没有登记，仍在“待核对”或“当日不能申报”中。",
                    )
            case "withdraw":
                count = declarations.withdraw(
                    year,
                    desk.ticked(request),
                    by=by,
                    reason=request.POST.get("reason", ""),
                    address=desk.address(request),
                )
                messages.success(request, f"已撤回 {count:,} 人的申报，记录保留。")
            case "clear":
                count = declarations.clear(
                    year,
                    region,
                    people=desk.ticked(request),
                    on=on,
                    conclusion=request.POST.get("conclusion", ""),
                    by=by,
                    address=desk.address(request),
                )
                messages.success(request, f"已记下 {count:,} 人的核对结论，现在可以申报。")
            case _:
                raise Failure("do", "没有这种操作，数据没有变化")
        tasks.assess_year.delay_on_commit(year.pk)
    except Failure as failure:
        messages.error(request, failure.message)
    return redirect(desk.url(place, "subsidies:zero", tab=tab, on=request.POST.get("on", "")))


def _day(request: HttpRequest, place: Place, given: Any = None) -> tuple[datetime.date, str]:
    """The day of declaring asked about, else the likely one; and why it could not be read."""
    text = (request.GET if given is None else given).get("on", "").strip()
    if not text:
        return min(case.likely_day(place.policy_year), timezone.localdate()), ""
    try:
        return datetime.date.fromisoformat(text), ""
    except ValueError:
        usual = min(case.likely_day(place.policy_year), timezone.localdate())
        return usual, f"日期“{text[:20]}”读不懂，请写作 2023-12-31；现在按 {usual} 计算。"


def _lists(request: HttpRequest, place: Place, on: datetime.date) -> dict[str, Any]:
    year, region, user = place.policy_year, place.region, place.user
    open_ones = zero.lines(year, region, on=on)
    done = zero.declared(year, region, viewer=user)
    words = Words(year, user)
    told: dict[State, list[Any]] = {state: [] for state in State}
    for one in open_ones:
        told[one.state].append(one)
    told[State.DECLARED] = list(done)
    wanted = request.GET.get("tab", "")
    tab = State(wanted) if wanted in set(State) else State.READY
    category = request.GET.get("category", "")
    rows = told[tab]
    names = sorted({words.name(one.category) for one in rows if one.category})
    if category:
        rows = [one for one in rows if words.name(one.category) == category]
    found = Paginator(rows, desk.PER_PAGE).get_page(request.GET.get("page"))
    counts = {state: len(lines) for state, lines in told.items()}
    title = f"{zero.word(year)}名单（{tab.label}）"
    desk.opened(request, place, title, len(rows))
    mark = {State.READY: "", State.HELD: "behind", State.NOT_NOW: "", State.DECLARED: "done"}
    return {
        "answer": _answer(place, on, counts),
        "tab": tab,
        "tabs": [
            {
                "label": state.label,
                "count": counts[state],
                "url": desk.url(place, "subsidies:zero", tab=state.value, on=on),
                "active": state == tab,
                "kind": mark[state],
            }
            for state in State
        ],
        "categories": names,
        "category": category,
        "page": found,
        "rows": _people(place, list(found.object_list), words),
        "units": desk.units(place, told, "subsidies:zero", on=on),
        "counts": {state.value: number for state, number in counts.items()},
        "ready": counts[State.READY],
        "ticks": not freeze.is_frozen(year) and _may(tab, place),
        "export_url": desk.url(place, "subsidies:zero-export", on=on),
    }


def _may(tab: State, place: Place) -> bool:
    """Whether this role does something with the people of a tab."""
    job = place.user.job
    return {
        State.READY: job.may_declare,
        State.HELD: job.may_settle,
        State.NOT_NOW: False,
        State.DECLARED: job.may_declare,
    }[tab]


def _answer(place: Place, on: datetime.date, counts: dict[State, int]) -> str:
    word = zero.word(place.policy_year)
    total = sum(counts.values())
    parts = [f"{state.label} {counts[state]:,}" for state in State if counts[state]]
    if not total:
        return f"{place.region.path} 没有个人应缴 0 元的人。"
    return (
        f"{place.region.path} 个人应缴 0 元、应由政府{word.removeprefix('政府')} {total:,} 人："
        f"{'，'.join(parts)}（按 {on} 申报计算）。"
    )


def _people(place: Place, shown: list[Any], words: Words) -> list[dict[str, Any]]:
    """The rows of one page, with names and places read once."""
    persons = Person.objects.in_bulk([one.person for one in shown])
    regions = Region.objects.in_bulk({one.village for one in shown} | {one.town for one in shown})
    say = grounds.words(place.policy_year, place.user)
    cleared: dict[int, Clearance] = {
        one.person_id: one
        for one in Clearance.objects.filter(
            policy_year=place.policy_year, person__in=[one.person for one in shown]
        ).select_related("cleared_by")
    }
    rows = []
    for one in shown:
        person = persons[one.person]
        row = {
            "line": one,
            "person": person,
            "masked": person.masked(),
            "town": regions[one.town].name,
            "village": regions[one.village].name,
            "category": words.name(one.category),
            "clearance": cleared.get(one.person),
        }
        if isinstance(one, zero.Line):
            hidden = one.category in words.hidden
            row |= {
                "against": say(one.open_grounds),
                "department": "" if hidden else one.department,
                "cites": "" if hidden else one.cites,
                "reason": words.veiled(one.reason),
            }
        rows.append(row)
    return rows
