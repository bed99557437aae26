"""名册: what was handed in, what waits for somebody, and what is still missing."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from enrollment.access import Place, enter
from enrollment.models import Job, RosterState
from enrollment.models.rosters import RosterQuerySet
from enrollment.roster.kinds import KINDS
from enrollment.roster.receiving import OPEN, kinds_for, statuses_for
from enrollment.views.rosters.common import address, job_line, listed, title

PER_PAGE = 50
STATES: dict[str, tuple[str, tuple[str, ...]]] = {
    "waiting": ("待确认", OPEN),
    "applied": ("已入库", (RosterState.APPLIED,)),
    "withdrawn": ("已撤回", (RosterState.WITHDRAWN,)),
}
MARKS = {
    RosterState.WAITING: "behind",
    RosterState.HEADINGS: "behind",
    RosterState.APPLIED: "done",
    RosterState.REFUSED: "problem",
}


@require_safe
def rosters(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The rosters of where we stand, by state; or the newest of each kind."""
    place = enter(request, county, year, may="sees_rosters")
    here = listed(place)
    if place.region.level in ("town", "village"):
        here = here.filter(**{place.region.level: place.region})
    counts = here.aggregate(
        all=Count("pk"),
        **{key: Count("pk", filter=Q(state__in=states)) for key, (_, states) in STATES.items()},
    )
    state = request.GET.get("state", "")
    newest = _newest(place, here)
    missing = sum(1 for row in newest if row["roster"] is None)
    context: dict[str, Any] = {
        "page_title": "名册",
        "answer": _answer(place, counts, missing),
        "tabs": _tabs(place, counts, missing, state),
        "tabs_label": "状态",
        "state": state,
        "may_hand_in": place.user.job.hands_in,
        "new_url": address("rosters-new", place),
        "policy_year": place.policy_year,
        "region": place.region,
    }
    if state == "newest":
        context["newest"] = newest
    else:
        context |= _page(request, place, here, state)
    return render(request, "enrollment/rosters.html", context)


def _page(request: HttpRequest, place: Place, here: RosterQuerySet, state: str) -> dict[str, Any]:
    found = here.filter(state__in=STATES[state][1]) if state in STATES else here
    kind, topic = request.GET.get("kind", ""), request.GET.get("topic", "")
    if kind in KINDS:
        found = found.filter(kind=kind)
        if topic:
            found = found.filter(topic=topic)
    found = found.select_related("region", "policy_year", "department", "uploaded_by")
    page = Paginator(found.order_by("-pk"), PER_PAGE).get_page(request.GET.get("page"))
    active = {
        job.roster_id: job
        for job in Job.objects.active().filter(roster__in=[one.pk for one in page.object_list])
    }
    rows = [
        {
            "roster": one,
            "title": title(one, place),
            "url": address("rosters-one", place, one.pk),
            "state": job_line(active[one.pk]) if one.pk in active else one.get_state_display(),
            "mark": "" if one.pk in active else MARKS.get(RosterState(one.state), ""),
            "counts": _counts(one),
        }
        for one in page.object_list
    ]
    kinds = {one.key: one.title for one in KINDS.values()}
    return {
        "page": page,
        "rows": rows,
        "filtered": f"{kinds[kind]}{f'（{topic}）' if topic else ''}" if kind in kinds else "",
    }


def _counts(roster: Any) -> str:
    """新增 12 · 变更 3 · 问题 1: what is not nothing, in the order of the preview."""
    if roster.new is None:
        return ""
    shown = [
        (label, getattr(roster, field) or 0)
        for field, label in (
            ("new", "新增"), ("changed", "变更"), ("would_end", "退出"), ("problems", "问题"),
        )
    ]  # fmt: skip
    return " · ".join(f"{label} {count:,}" for label, count in shown if count) or "没有变动"


def _newest(place: Place, here: RosterQuerySet) -> list[dict[str, Any]]:
    """Per kind and status the newest one applied this year; ``roster`` None where none is."""
    applied = here.filter(state=RosterState.APPLIED, policy_year=place.policy_year)
    found = {
        (one.kind, one.topic): one
        for one in applied.select_related("region")
        .order_by("kind", "topic", "-as_of", "-pk")
        .distinct("kind", "topic")
    }
    times = {
        (one["kind"], one["topic"]): one
        for one in applied.order_by()
        .values("kind", "topic")
        .annotate(times=Count("pk"), towns=Count("town", distinct=True))
    }
    wanted: list[tuple[str, str]] = []
    for kind in kinds_for(place.user):
        if kind.key == "status":
            statuses = statuses_for(place.user, place.policy_year)
            wanted += [("status", name) for name in statuses.values_list("name", flat=True)]
        elif kind.topics:
            wanted += [(kind.key, name) for name in kind.topics(place.policy_year, place.user)]
        else:
            wanted.append((kind.key, ""))
    if place.user.job.level != "county" or place.region.level != "county":
        # What the county hands in for everybody is not missing from a town.
        wanted = [one for one in wanted if one in found]
    wanted += sorted(set(found) - set(wanted))
    return [
        {
            "title": (KINDS[kind].title if kind in KINDS else kind)
            + (f"（{topic}）" if topic else ""),
            "roster": found.get((kind, topic)),
            "times": times.get((kind, topic), {}).get("times", 0),
            "towns": times.get((kind, topic), {}).get("towns", 0),
            "url": address("rosters", place, kind=kind, topic=topic),
            "new_url": address("rosters-new", place, kind=kind, topic=topic),
        }
        for kind, topic in wanted
    ]


def _tabs(place: Place, counts: dict[str, int], missing: int, state: str) -> list[dict[str, Any]]:
    tabs: list[dict[str, Any]] = [
        {"label": "全部", "count": counts["all"], "key": ""},
        *({"label": label, "count": counts[key], "key": key} for key, (label, _) in STATES.items()),
        {"label": "各类最近一次", "count": None, "key": "newest"},
    ]
    for tab in tabs:
        key = tab.pop("key")
        tab["url"] = address("rosters", place, **({"state": key} if key else {}))
        tab["active"] = state == key
        if key == "waiting" and tab["count"]:
            tab["kind"] = "behind"
    return tabs


def _answer(place: Place, counts: dict[str, int], missing: int) -> str:
    year = place.policy_year.year
    if not counts["all"]:
        return f"{place.region.path} {year} 年度还没有交来名册。"
    said = f"{place.region.path} {year} 年度交来名册 {counts['all']:,} 份"
    said += f"，其中 {counts['waiting']:,} 份待确认" if counts["waiting"] else "，没有待确认的"
    return said + (f"；还有 {missing} 类没有入库。" if missing else "。")
