"""The page of one roster: what it is, how far it is, what it would change, what it did."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from enrollment.access import Place
from enrollment.forms import Headings
from enrollment.models import Fate, Job, JobState, Level, Region, Roster, RosterState
from enrollment.roster.samples import samples
from enrollment.views.rosters import entries
from enrollment.views.rosters.common import address, kind_of, roster_or_404, title, writes

VERBS = {"read": "读取并核对", "apply": "入库", "withdraw": "撤回"}
# A queue that nobody serves is said after this.
PATIENCE = timedelta(seconds=45)
TAB_KINDS = {Fate.WOULD_END: "behind", Fate.PROBLEMS: "problem", Fate.OUTSIDE_AREA: "problem"}
MIB = 1 << 20


@require_safe
def one(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """The roster in whatever state it is."""
    # The job before the roster: one that ends in between must not leave its old state on a page
    # that no longer asks.
    job = latest_job(pk)
    place, roster = roster_or_404(request, county, year, pk)
    return render(request, "enrollment/roster.html", context_of(request, place, roster, job))


@require_safe
def progress(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """The job's fragment, polled; once it is over the page itself is asked for again."""
    place, roster = roster_or_404(request, county, year, pk)
    job = latest_job(pk)
    if job is None or not job.is_active:
        answer = HttpResponse(status=204)
        answer["HX-Refresh"] = "true"
        return answer
    return render(request, "_job.html", {"job": job_context(place, roster, job)})


def latest_job(pk: int) -> Job | None:
    """What was last done, or is being done, to the roster of this number."""
    return Job.objects.filter(roster=pk).order_by("-pk").first()


def job_context(place: Place, roster: Roster, job: Job) -> dict[str, Any]:
    """What `_job.html` wants to know of a job."""
    in_bytes = job.phase == "检查文件"
    per = MIB if in_bytes else 1
    phase = job.phase
    if job.state == JobState.QUEUED and timezone.now() - job.created_at > PATIENCE:
        phase = "后台还没有开始处理；如一直不动，请联系系统管理员"
    return {
        "title": f"{VERBS[job.verb]}：{title(roster, place)}",
        "state": "waiting" if job.state == JobState.QUEUED else job.state,
        "phase": phase,
        "done": job.done // per,
        "total": -(-job.total // per) if job.total else None,
        "unit": "MB" if in_bytes else "行",
        "left": left_in_words(job),
        "error": job.error,
        "poll_url": address("rosters-progress", place, roster.pk),
        "cancel_url": address("rosters-cancel", place, roster.pk)
        if place.user.job.hands_in and not job.cancel_asked
        else "",
        "cancelling": job.cancel_asked,
    }


def left_in_words(job: Job) -> str:
    """The time left at the pace so far, where the step under way has a known length."""
    if not job.total or not job.started_at or job.done < job.total / 20:
        return ""
    elapsed = (timezone.now() - job.started_at).total_seconds()
    left = elapsed * (job.total - job.done) / job.done
    if left < 10:
        return "几秒"
    return f"{round(left, -1):.0f} 秒" if left < 90 else f"{left / 60:.0f} 分钟"


def context_of(
    request: HttpRequest,
    place: Place,
    roster: Roster,
    job: Job | None,
    form: Headings | None = None,
) -> dict[str, Any]:
    """Everything the page shows; ``form`` holds what was answered about headings, if refused."""
    active = job is not None and job.is_active
    user = place.user
    context: dict[str, Any] = {
        "page_title": title(roster, place),
        "roster": roster,
        "kind": kind_of(roster),
        "policy_year": place.policy_year,
        "active": active,
        "answer": _answer(roster, active),
        "urls": _urls(place, roster),
        "may_hand_in": user.job.hands_in,
        "may_apply": user.job.may_apply,
        "may_explain": user.job.may_apply and user.job.level == Level.COUNTY,
        "may_open_files": may_open_files(place, roster),
        "size": _size(roster.file_size),
        "as_of": f"数据日期 {roster.as_of:%Y-%m-%d}" if roster.as_of else "",
    }
    if active and job:
        return context | {"job": job_context(place, roster, job), "refresh": 5}
    if job and job.state in (JobState.FAILED, JobState.CANCELLED):
        context["stopped"] = job
    if roster.state == RosterState.HEADINGS:
        context["form"] = form or Headings(roster=roster, shown=samples(roster))
    if roster.state in (RosterState.WAITING, RosterState.APPLIED, RosterState.WITHDRAWN):
        context |= _preview(request, place, roster)
    return context


def may_open_files(place: Place, roster: Roster) -> bool:
    """Files hold full numbers: for those who may see these, and the department that sent it."""
    user = place.user
    if user.job.own_department:
        sender = roster.uploaded_by
        return sender is not None and sender.job.own_department
    return user.job.may_reveal


def _preview(request: HttpRequest, place: Place, roster: Roster) -> dict[str, Any]:
    """The tabs, and what the chosen one shows: places with counts, or names."""
    names_seen = not place.user.job.own_department
    tab = request.GET.get("tab", "")
    choosable = {*Fate.values, *([entries.KEPT] if roster.kept_back else [])}
    tab = tab if tab in choosable else ""
    context: dict[str, Any] = {
        "tabs": _tabs(place, roster, tab),
        "tabs_label": "核对结果",
        "tab": tab,
        "writes": writes(roster),
        "names_seen": names_seen,
        "counts": roster.counts,
        "villages": _proposed(roster),
        "village_count": len(roster.proposals),
        "would_create": roster.state == RosterState.WAITING,
    }
    if not tab:
        if names_seen:
            context |= _places(place, roster)
        return context
    if tab == Fate.WOULD_END and not names_seen:
        return context | {"hidden": True}
    town, village = (_whole(request.GET.get(name)) for name in ("town", "village"))
    page, total = entries.chosen(
        roster, tab, town=town, village=village, page=request.GET.get("page")
    )
    context |= {
        "page": page,
        "total": total,
        "reach": entries.REACH,
        "rows": entries.shown(page.object_list, roster, place),
        "town": town,
        "village": village,
    }
    if names_seen:
        in_town = roster.region.level != Level.COUNTY
        towns = Region.objects.filter(
            county=roster.county, level=Level.TOWN, merged_into=None
        ).order_by("placeholder", "order", "key")
        context["towns"] = [] if in_town else list(towns.values_list("pk", "name"))
        of_town = roster.region.town_id if in_town else town
        context["town_villages"] = entries.villages(roster, of_town) if of_town else []
    return context


def _places(place: Place, roster: Roster) -> dict[str, Any]:
    listed, totals = entries.by_place(roster)
    unit = "village" if roster.region.level != Level.COUNTY else "town"
    fates = [fate for fate in Fate if fate != Fate.IGNORED and totals[fate]]

    def figures(counts: dict[str, int], **where: Any) -> list[dict[str, Any]]:
        return [
            {
                "label": fate.label,
                "value": counts.get(fate, 0),
                "url": address("rosters-one", place, roster.pk, tab=fate.value, **where),
            }
            for fate in fates
        ]

    return {
        "place_word": "村（社区）" if unit == "village" else "乡镇",
        "headings": [fate.label for fate in fates],
        "places": [
            {"name": row["name"], "figures": figures(row["counts"], **{unit: row["id"]})}
            for row in listed
        ],
        "place_totals": figures(totals),
    }


def _tabs(place: Place, roster: Roster, tab: str) -> list[dict[str, Any]]:
    here = [roster.pk]
    tabs: list[dict[str, Any]] = [
        {
            "label": "概览",
            "count": None,
            "url": address("rosters-one", place, *here),
            "active": not tab,
        }
    ]
    for fate in Fate:
        count = roster.counts[fate]
        tabs.append(
            {
                "label": fate.label,
                "count": count,
                "url": address("rosters-one", place, *here, tab=fate.value),
                "active": tab == fate,
                "kind": TAB_KINDS.get(fate, "") if count else "",
            }
        )
    if roster.kept_back:
        tabs.append(
            {
                "label": "撤回时保留",
                "count": roster.kept_back,
                "url": address("rosters-one", place, *here, tab=entries.KEPT),
                "active": tab == entries.KEPT,
                "kind": "behind",
            }
        )
    return tabs


def _proposed(roster: Roster) -> list[dict[str, Any]]:
    """The villages to be made, by town."""
    towns: dict[str, list[str]] = {}
    for village in roster.proposals:
        towns.setdefault(village["town_name"], []).append(village["name"])
    return [{"town": town, "names": names} for town, names in towns.items()]


def _answer(roster: Roster, active: bool) -> str:
    kind, counts = kind_of(roster), roster.counts
    # Those who would end have no row of their own.
    rows = (roster.rows or 0) - counts[Fate.WOULD_END]
    read = f"读了 {rows:,} 行、{roster.people or 0:,} 人"
    rest = f"问题 {counts[Fate.PROBLEMS]:,} 行" if counts[Fate.PROBLEMS] else "没有问题行"
    if foreign := counts[Fate.OUTSIDE_AREA]:
        rest += f"，不在本辖区 {foreign:,} 行"
    changes = writes(roster) or "没有变动"
    if active:
        return "正在办理，可以离开本页，稍后再回来看结果。"
    match roster.state:
        case RosterState.WAITING:
            return f"{read}：{changes}；{rest}。确认以后才会入库。"
        case RosterState.APPLIED:
            return f"已入库：{changes}；{rest}。"
        case RosterState.WITHDRAWN:
            kept = roster.kept_back
            said = f"其中 {kept:,} 行后来又有改动，保留未动" if kept else "数据已恢复原样"
            return f"已撤回，{said}。"
        case RosterState.HEADINGS:
            return "表头有不认识的写法，请指明各列的含义；同一部门下次交来同样的表头不再询问。"
        case RosterState.REFUSED:
            return "这份文件没有读成，数据没有变化。"
        case RosterState.CANCELLED:
            return "这份名册已放弃，数据没有变化。"
        case RosterState.EXPIRED:
            return "交来一周没有确认，已过期；数据没有变化。如仍需要，请重新上传。"
    return f"{kind.title}已收到，还没有读取。"


def _urls(place: Place, roster: Roster) -> dict[str, str]:
    named = ("apply", "discard", "retry", "headings", "withdraw", "problems", "original")
    urls = {name: address(f"rosters-{name}", place, roster.pk) for name in named}
    again = {"kind": roster.kind} | ({"topic": roster.topic} if roster.topic else {})
    return urls | {
        "again": address("rosters-new", place, **again),
        "list": address("rosters", place),
        "own": address("rosters-one", place, roster.pk),
    }


def _size(number: int) -> str:
    return f"{number / MIB:,.1f} MB" if number >= MIB else f"{max(number / 1024, 0.1):,.1f} KB"


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None
