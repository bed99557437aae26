"""重点人群参保率: groups against their goals, unit by unit, and who is not covered, by name."""

import tempfile
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from enrollment import audit, people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Level, Region
from subsidies.coverage import Coverage, Figures, Group
from subsidies.coverage import coverage as counted
from subsidies.coverage import uncovered as missing_of
from subsidies.words import Words
from targets import exports, uncovered

PER_PAGE = 50


@require_safe
def coverage(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Each goal by unit, then every category as a whole; what is missing opens to names."""
    place = enter(request, county, year, may="sees_people")
    goals, kinds = uncovered.groups(place.policy_year, Words(place.policy_year, place.user))
    found = counted(place.policy_year, [*goals, *kinds], region=place.region)
    by_goal, by_kind = found[: len(goals)], found[len(goals) :]
    here = place.region
    context = {
        "page_title": "重点人群参保率",
        "as_of": f"截至 {timezone.localtime():%Y-%m-%d %H:%M}",
        "answer": _answer(place, by_goal, by_kind),
        "policy_year": place.policy_year,
        "region": here,
        "goals": [
            {
                "group": one.group,
                "rows": [_shown(place, one, unit, figures) for unit, figures in one.units]
                if here.level != Level.VILLAGE
                else [],
                "total": _shown(place, one, here, one.total, "合计"),
                "remarks": one.remarks,
            }
            for one in by_goal
        ],
        "kinds": [
            _shown(place, one, here, one.total, one.group.name)
            for one in by_kind
            if one.total.people
        ],
        "without": [one.group.name for one in by_kind if not one.total.people],
        "download_url": _url(place, "targets:table", "coverage"),
        "names_url": _url(place, "targets:coverage-names"),
    }
    return render(request, "targets/coverage.html", context)


@require_safe
def names(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Who of a group is not covered; as many as the figure says."""
    place = enter(request, county, year, may="sees_people")
    group = _group(request, place)
    found = missing_of(place.policy_year, group, place.region, viewer=place.user)
    ordered = found.select_related("town", "village", "household").order_by(
        "town_id", "village_id", "household_id", "pk"
    )
    page = Paginator(ordered, PER_PAGE).get_page(request.GET.get("page"))
    count = page.paginator.count
    audit.record(
        "open_names",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {group.name}未参保",
        address=request.META.get("REMOTE_ADDR", ""),
        people=count,
    )
    context = {
        "page_title": "重点人群未参保名单",
        "answer": f"{place.region.path} {group.name}未参保 {count:,} 人。",
        "policy_year": place.policy_year,
        "region": place.region,
        "page": page,
        "names": people.lines(page.object_list, place.policy_year, place.user),
        "export_url": _url(place, "targets:coverage-names-export", group=group.name),
        "back_url": _url(place, "targets:coverage"),
    }
    return render(request, "targets/coverage_names.html", context)


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """The same as a file; ``?form`` says as what."""
    place = enter(request, county, year, may="sees_people")
    form = request.GET.get("form", "xlsx")
    if form not in exports.FORMS:
        raise Http404
    group = _group(request, place)
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        count = uncovered.write(
            target,
            place.policy_year,
            place.region,
            group,
            words=Words(place.policy_year, place.user),
            viewer=place.user,
            form=form,
        )
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        return redirect(_url(place, "targets:coverage"))
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {group.name}未参保",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=count,
        form=form,
    )
    target.seek(0)
    ending, _ = exports.FORMS[form]
    name = f"{place.region.name}{place.policy_year.year}年度{group.name}未参保名单.{ending}"
    return FileResponse(target, as_attachment=True, filename=name)


def _group(request: HttpRequest, place: Place) -> Group:
    """The group asked for, as this reader knows it; 404 for what there is not."""
    words = Words(place.policy_year, place.user)
    try:
        return uncovered.find(place.policy_year, words, request.GET.get("group", ""))
    except Failure as failure:
        raise Http404 from failure


def _shown(
    place: Place, one: Coverage, unit: Region, figures: Figures, label: str = ""
) -> dict[str, Any]:
    covered = figures.covered(one.group)
    reached = figures.reached(one.group)
    state = "" if reached is None else "done" if reached else "behind"
    goal = one.group.goal
    return {
        "label": label or unit.name,
        "people": figures.people,
        "here": figures.here,
        "other": figures.other,
        "covered": covered,
        "missing": figures.people - covered,
        "rate": figures.rate(one.group),
        "goal": goal,
        "mark": int(goal * figures.people) if goal and figures.people else None,
        "state": state,
        "reached": reached,
        "url": _url(place, "targets:coverage-names", region=unit, group=one.group.name),
    }


def _answer(place: Place, goals: list[Coverage], kinds: list[Coverage]) -> str:
    told = []
    for one in goals:
        if not one.total.people:
            told.append(f"{one.group.name}：还没有名单")
            continue
        rate = one.total.rate(one.group)
        missing = one.total.people - one.total.covered(one.group)
        word = "已达到" if one.total.reached(one.group) else "未达到"
        assert rate is not None
        assert one.group.goal is not None
        told.append(
            f"{one.group.name} {rate:.2%}，{word}目标 {one.group.goal:.0%}，未参保 {missing:,} 人"
        )
    if told:
        return f"{place.region.path}：{'；'.join(told)}。"
    listed = sum(1 for one in kinds if one.total.people)
    if not listed:
        return f"{place.region.path}还没有重点人群名单。"
    return f"本年度政策没有规定重点人群参保率目标；{place.region.path}有名单的人群 {listed} 类。"


def _url(place: Place, name: str, *args: str, region: Region | None = None, **query: str) -> str:
    url = reverse(name, args=[place.county.key, place.policy_year.year, *args])
    return f"{url}?{urlencode({'region': (region or place.region).key} | query)}"
