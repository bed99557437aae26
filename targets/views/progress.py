"""参保进度: the landing page, and the names behind its figures."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from enrollment import audit, people
from enrollment.access import Place, enter
from enrollment.models import PolicyYear, StatusKind
from enrollment.models.people import PersonQuerySet
from enrollment.models.rules import Window
from enrollment.shares import share
from enrollment.templatetags.figures import rate as percent
from targets import progress as figures
from targets.models import Goal
from targets.progress import CHANGES, Figure, Freshness, Participation, Progress, Row

PER_PAGE = 50
KEPT_SECONDS = 60
PRINTED, BEHIND_FIRST = "printed", "behind"
EARLIEST = 1900
_TO_THE_MINUTE = re.compile(r"[^T ]+[T ]\d{1,2}:\d{2}")


@require_safe
def progress(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Insured against target, unit by unit; a village shows who is still missing."""
    place = enter(request, county, year, may="sees_people")
    until, problem = cut_off(request)
    found, fresh, shares = _figures(place, until)
    plan = Plan.of(place.policy_year, timezone.localdate(found.as_of))
    sort = PRINTED if request.GET.get("sort") == PRINTED else BEHIND_FIRST
    rows = found.rows if sort == PRINTED else found.behind_first()
    context = {
        "page_title": "参保进度",
        "as_of": _as_of(found, fresh, asked=until is not None),
        "answer": _answer(place, found, plan),
        "place": place,
        "policy_year": place.policy_year,
        "region": place.region,
        "rows": [_shown(request, place, row, plan) for row in rows],
        "total": _shown(request, place, found.total, plan),
        "remark": found.remark,
        "participation": shares,
        "unplaced": next((row for row in found.rows if row.region.placeholder), None),
        "legend": plan.words,
        "sort": sort,
        "sort_tabs": _sort_tabs(request, place, sort),
        "until": timezone.localtime(until) if until else None,
        "moments": _moments(request, place, plan),
        "problem": problem,
        "download_url": _url(request, place, "targets:table", "progress"),
    }
    if place.region.level == "village":
        missing = figures.names(
            place.policy_year, place.region, Figure.MISSING, until=until, viewer=place.user
        )
        context |= _names_page(request, place, missing, until) | {
            "tabs": _tabs(request, place, Figure.MISSING)
        }
    return render(request, "targets/progress.html", context)


@require_safe
def names(request: HttpRequest, county: str, year: int, figure: str) -> HttpResponse:
    """The people behind a figure; the length of the list is the figure."""
    place = enter(request, county, year, may="sees_people")
    if figure not in Figure.values:
        raise Http404
    until, problem = cut_off(request)
    item, kinds = item_asked(request, place, figure)
    found = figures.names(
        place.policy_year, place.region, figure, until=until, viewer=place.user, kinds=kinds
    )
    listed = _names_page(request, place, found, until)
    count = listed["page"].paginator.count
    label = Figure(figure).label + (f"（{item}）" if item else "")
    audit.record(
        "open_names",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {label}",
        address=request.META.get("REMOTE_ADDR", ""),
        people=count,
    )
    at = timezone.localtime(until) if until else None
    context = listed | {
        "page_title": f"{label}名单",
        "as_of": f"截至 {at:%Y-%m-%d %H:%M}" if at else "",
        "answer": _names_answer(place, figure, label, count, until),
        "policy_year": place.policy_year,
        "region": place.region,
        "tabs": _tabs(request, place, figure),
        "export_url": _url(
            request,
            place,
            "targets:progress-names-export",
            figure,
            **({"kind": item} if item else {}),
        ),
        "problem": problem,
        "until": at,
    }
    return render(request, "targets/names.html", context)


def item_asked(
    request: HttpRequest, place: Place, figure: str
) -> tuple[str, list[StatusKind] | None]:
    """Which deduction the list is narrowed to: the viewer's word for it, and its kinds.

    Raises Http404 for a word none of the year's kinds goes by.
    """
    word = request.GET.get("kind", "")
    if not word:
        return "", None
    kinds = StatusKind.objects.filter(policy_year=place.policy_year)
    meant = [kind for kind in kinds if people.status_word(kind, place.user) == word]
    if figure != Figure.DEDUCTED or not meant:
        raise Http404
    return word, meant


def _figures(
    place: Place, until: datetime | None
) -> tuple[Progress, Freshness, list[Participation]]:
    """The table, how fresh its sources are, and a county's 参保率; once a minute per revision.

    Whoever changes an input bumps the revision, so what is kept is never behind the data; its own
    moment stands on the page.
    """
    policy_year, region = place.policy_year, place.region
    moment = until.isoformat() if until else "now"
    key = f"progress:{policy_year.pk}:{policy_year.revision}:{region.pk}:{moment}"
    kept = cache.get(key)
    if kept is None:
        found = figures.of(
            policy_year, region, until=until, changes=True, drafts=True, missing=True
        )
        whole = region.level == "county"
        shares = figures.participation(policy_year, until=until) if whole else []
        kept = (found, figures.freshness(policy_year), shares)
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def cut_off(request: HttpRequest) -> tuple[datetime | None, str]:
    """The moment asked for, and why it could not be read where it could not."""
    text = request.GET.get("as_of", "").strip()
    if not text:
        return None, ""
    try:
        moment = parse_datetime(text.replace(" ", "T") if "T" in text or ":" in text else "")
        if moment is None:
            moment = datetime.combine(date.fromisoformat(text), datetime.max.time())
    except ValueError:
        return None, f"时点“{text[:30]}”读不懂，请写作 2023-12-31 23:59；现在显示的是最新进度。"
    if not EARLIEST <= moment.year < EARLIEST + 200:
        return None, f"时点“{text[:30]}”的年份不合理；现在显示的是最新进度。"
    if _TO_THE_MINUTE.fullmatch(text):
        # 23:59 is all of that minute: who paid at 23:59:30 is in.
        moment = moment.replace(second=59, microsecond=999_999)
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    if moment > timezone.now():
        return None, "时点晚于现在，显示的是最新进度。"
    return moment, ""


# What the rules expect by a day


@dataclass(frozen=True)
class Plan:
    """The main payment window on a day: how much of the target should be reached by then."""

    window: Window | None
    day: date
    required: Decimal | None
    """完成率 the policy demands in the end, as a fraction."""

    @classmethod
    def of(cls, policy_year: PolicyYear, day: date) -> "Plan":
        window = Window.objects.filter(policy_year=policy_year, main=True).first()
        goal = Goal.objects.filter(policy_year=policy_year, kind=Goal.Kind.COMPLETION).first()
        return cls(window, day, goal.rate if goal else None)

    @property
    def elapsed(self) -> Decimal | None:
        """The share of the window that has passed, this day included; None without a window."""
        if self.window is None:
            return None
        whole = (self.window.pays_to - self.window.pays_from).days + 1
        passed = (self.day - self.window.pays_from).days + 1
        return Decimal(min(max(passed, 0), whole)) / whole

    @property
    def words(self) -> str:
        if self.window is None or not self.elapsed:
            return ""
        return f"按缴费期已过天数，到 {self.day:%Y-%m-%d} 应到的位置"

    def expected(self, target: int | None) -> int | None:
        """How many should be insured by now."""
        if target is None or self.elapsed is None:
            return None
        return int(target * self.elapsed)

    def state(self, insured: int, target: int | None) -> str:
        """done, on, behind or below, as `_bar.html` draws it; "" where there is no judgement."""
        if not target:
            return ""
        if insured >= target:
            return "done"
        expected = self.expected(target)
        if expected is None:
            return ""
        if insured >= expected:
            return "on"
        over = self.window is not None and self.day > self.window.pays_to
        if over and self.required is not None and Decimal(insured) / target < self.required:
            return "below"
        return "behind"

    def projection(self, total: Row) -> str:
        """Where the last seven days' pace leads by the end of the window, in words."""
        if self.window is None or not total.target or total.insured >= total.target:
            return ""
        if self.day > self.window.pays_to:
            return f"{self.window.name}已于 {self._words(self.window.pays_to)} 结束"
        if self.day < self.window.pays_from:
            return f"{self.window.name}自 {self._words(self.window.pays_from)} 开始"
        if not total.since_last_week:
            return "近七日没有新增，暂不预计"
        left = (self.window.pays_to - self.day).days
        reached = total.insured + Decimal(total.since_last_week) / 7 * left
        rate = min(reached / total.target, Decimal(10)) * 100
        verdict = "集中期内可以完成" if reached >= total.target else "集中期内完不成"
        end = self._words(self.window.pays_to)
        return f"按近七日进度，到 {end} 预计 {rate:.1f}%，{verdict}"

    def _words(self, day: date) -> str:
        """12月31日, with its year where that is another one."""
        return f"{day.month}月{day.day}日" if day.year == self.day.year else f"{day:%Y-%m-%d}"


# Words and rows


def _answer(place: Place, found: Progress, plan: Plan) -> str:
    """梅山镇 已参保 52,310 / 90,440（57.8%），还差 38,130；按近七日进度，…"""
    total = found.total
    target = total.target if total.target is not None else total.draft
    if target is None:
        return f"{place.region.path} 已参保 {total.insured:,} 人；任务还没有下达，无法计算完成率。"
    rate = share(total.insured, target)
    drafted = "任务按户籍册测算，尚未下达" if total.target is None else ""
    reached = "，".join(filter(None, [percent(rate) if rate is not None else "", drafted]))
    gap = max(target - total.insured, 0)
    missing = f"还差 {gap:,}" if gap else "任务已完成"
    counts = f"{total.insured:,} / {target:,}" + (f"（{reached}）" if reached else "")
    words = f"{place.region.path} 已参保 {counts}，{missing}"
    later = plan.projection(total)
    return f"{words}；{later}。" if later else f"{words}。"


def _names_answer(place: Place, figure: str, label: str, count: int, until: datetime | None) -> str:
    """How long the list is; of the missing also how many of them the target still wants."""
    words = f"{place.region.path} {label} {count:,} 人"
    if figure != Figure.MISSING:
        return f"{words}。"
    found = _figures(place, until)[0].total
    gap = Row(found.region, found.target or found.draft, found.insured).gap
    if gap is None:
        return f"{words}；任务还没有下达。"
    if not gap:
        return f"{words}；任务已完成，这些人仍可参保。"
    return f"{words}；完成任务还差 {gap:,} 人。"


def _as_of(found: Progress, fresh: Freshness, *, asked: bool) -> str:
    """How new each source is, and the cut-off where one was asked for."""
    payments = f"税务数据截至 {_moment(fresh.payments)}" if fresh.payments else "税务明细还没有入库"
    register = f"户籍 {fresh.register:%Y-%m-%d}" if fresh.register else "户籍名册还没有入库"
    when = f"按 {_moment(found.as_of)} 时点统计" if asked else f"统计 {_moment(found.as_of)}"
    return f"{payments} · {register} · {when}"


def _moment(at: datetime) -> str:
    """11-22 10:32, with its year where that is another one."""
    here = timezone.localtime(at)
    this_year = here.year == timezone.localdate().year
    return f"{here:%m-%d %H:%M}" if this_year else f"{here:%Y-%m-%d %H:%M}"


def _shown(request: HttpRequest, place: Place, row: Row, plan: Plan) -> dict[str, Any]:
    """One line of the table: the row, its bar, and where its figures open."""
    target = row.target if row.target is not None else row.draft

    def listed(figure: Figure) -> str:
        return _url(request, place, "targets:progress-names", figure, region=row.region.key)

    return {
        "row": row,
        "target": target,
        "drafted": row.target is None and row.draft is not None,
        "gap": None if target is None else max(target - row.insured, 0),
        "rate": share(row.insured, target),
        "mark": plan.expected(target),
        "state": plan.state(row.insured, target),
        "url": _url(request, place, "targets:progress", region=row.region.key),
        "insured_url": listed(Figure.INSURED),
        "missing_url": listed(Figure.MISSING),
        "changes": [
            {
                "label": "较昨日",
                "net": row.since_yesterday,
                "joined": row.joined_since_yesterday,
                "joined_url": listed(Figure.JOINED_DAY),
                "left": row.left_since_yesterday,
                "left_url": listed(Figure.LEFT_DAY),
            },
            {
                "label": "较上周",
                "net": row.since_last_week,
                "joined": row.joined_since_last_week,
                "joined_url": listed(Figure.JOINED_WEEK),
                "left": row.left_since_last_week,
                "left_url": listed(Figure.LEFT_WEEK),
            },
        ],
    }


def _url(request: HttpRequest, place: Place, name: str, *args: str, **query: str) -> str:
    """A page of this year that keeps the cut-off and the order asked for."""
    kept = {key: request.GET[key] for key in ("as_of", "sort") if request.GET.get(key)}
    url = reverse(name, args=[place.county.key, place.policy_year.year, *args])
    return f"{url}?{urlencode({'region': place.region.key} | kept | query)}"


def _moments(request: HttpRequest, place: Place, plan: Plan) -> list[dict[str, str]]:
    """Cut-offs that bulletins use: the end of yesterday, of last week, of the main window."""
    today = timezone.localdate()
    days = {"昨日24时": today - timedelta(days=1), "七日前24时": today - timedelta(days=7)}
    if plan.window is not None and plan.window.pays_to < today:
        days["集中期末"] = plan.window.pays_to
    return [
        {
            "label": label,
            "url": _url(request, place, "targets:progress", as_of=f"{day:%Y-%m-%d}T23:59:59"),
        }
        for label, day in days.items()
    ]


def _sort_tabs(request: HttpRequest, place: Place, sort: str) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "url": _url(request, place, "targets:progress", sort=key),
            "active": sort == key,
        }
        for key, label in ((BEHIND_FIRST, "进度由低到高"), (PRINTED, "公文顺序"))
    ]


def _tabs(request: HttpRequest, place: Place, current: str) -> list[dict[str, Any]]:
    """The lists that a region's figures open to."""
    return [
        {
            "label": figure.label,
            "url": _url(request, place, "targets:progress-names", figure),
            "active": figure == current,
        }
        for figure in Figure
        if figure not in CHANGES or CHANGES[figure] == CHANGES.get(Figure(current))
    ]


def _names_page(
    request: HttpRequest, place: Place, found: PersonQuerySet, until: datetime | None
) -> dict[str, Any]:
    # The order of the index on places: a county's list need not be sorted for one page of it.
    ordered = found.select_related("town", "village", "household").order_by(
        "town_id", "village_id", "household_id", "pk"
    )
    page = Paginator(ordered, PER_PAGE).get_page(request.GET.get("page"))
    rows = people.lines(page.object_list, place.policy_year, place.user, until=until)
    return {"page": page, "names": rows}
