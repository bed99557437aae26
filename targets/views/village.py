"""我的村: how far the village is, whom to see next, household by household."""

from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from enrollment import audit, questions, visits
from enrollment.access import Place, enter
from enrollment.models import Contact, Person, Status
from enrollment.models.people import PersonQuerySet
from enrollment.shares import share
from enrollment.templatetags.figures import rate as percent
from subsidies.models import AmountCheck
from targets import homes as households
from targets import progress as figures
from targets import worklist
from targets.progress import Progress
from targets.views.progress import KEPT_SECONDS, Plan, cut_off
from targets.worklist import Todo, Worklist

PER_PAGE = 30
REASONS = {"": "全部", "none": "没有说明的", "some": "已说明的（异地参保、暂不参保等）"}
CALLS = {"": "全部", "none": "没有走访过", "due": "今天该走访", "done": "走访过"}
NARROWING = ("reason", "q", "visit", "by")
UNITS = (worklist.MISSING, worklist.LAPSED, worklist.HARDSHIP, worklist.NEWBORN)


@require_safe
def village(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Done, target, still missing, and every list with its length; above the village summed."""
    place = enter(request, county, year, may="sees_people")
    until, problem = cut_off(request)
    found, lists = figures_of(place, until)
    plan = Plan.of(place.policy_year, timezone.localdate(found.as_of))
    total = found.total
    target = total.target if total.target is not None else total.draft
    at = timezone.localtime(found.as_of)
    open_questions = questions.counts(place.policy_year, place.region, viewer=place.user)
    asked = {
        word: sum(unit.get(kind, 0) for unit in open_questions.values())
        for kind, word in questions.KINDS.items()
    }
    context = {
        "page_title": "我的村" if place.region.level == "village" else "待办名单",
        "as_of": f"统计 {at:%Y-%m-%d %H:%M}",
        "answer": _answer(place, found, lists, target),
        "policy_year": place.policy_year,
        "region": place.region,
        "lists": lists,
        "target": target,
        "insured": total.insured,
        "rate": share(total.insured, target),
        "mark": plan.expected(target),
        "state": plan.state(total.insured, target),
        "drafted": total.target is None and target is not None,
        "todos": [_todo(request, place, one) for one in lists.todos],
        "unit_headings": [worklist.TITLES[key] for key in UNITS],
        "units": [
            {
                "region": unit.region,
                "url": url_of(request, place, "targets:village", region=unit.region.key),
                "cells": [
                    {
                        "number": unit.counts.get(key) if lists.asked[key].people is not None
                        else None,
                        "url": url_of(
                            request, place, "targets:worklist", key, region=unit.region.key
                        ),
                        "label": f"{unit.region.name} {worklist.TITLES[key]}",
                    }
                    for key in UNITS
                ],
                "cohort": unit.cohort,
            }
            for unit in lists.units
        ],
        "questions": [
            {
                "label": word,
                "number": number,
                "url": reverse("enrollment:questions", args=[county, year])
                + f"?{urlencode({'region': place.region.key, 'kind': kind})}",
            }
            for (kind, word), number in zip(questions.KINDS.items(), asked.values(), strict=True)
        ],
        "checks": AmountCheck.objects.visible_to(place.user)
        .in_region(place.region)
        .filter(policy_year=place.policy_year, answered_at__isnull=True)
        .open()
        .count(),
        "checks_url": reverse("subsidies:checks", args=[county, year])
        + f"?{urlencode({'region': place.region.key})}",
        "due": _due(place),
        "due_url": url_of(request, place, "targets:worklist", worklist.MISSING, visit="due"),
        "visits_url": url_of(request, place, "targets:visits"),
        "directory_url": reverse("enrollment:directory", args=[county, year])
        + f"?{urlencode({'region': place.region.key})}",
        "question_count": sum(asked.values()),
        "problem": problem,
        "until": timezone.localtime(until) if until else None,
    }  # fmt: skip
    return render(request, "targets/village.html", context)


@require_safe
def listing(request: HttpRequest, county: str, year: int, name: str) -> HttpResponse:
    """One list, household by household."""
    place = enter(request, county, year, may="sees_people")
    titles = worklist.titles(place.policy_year)
    if name not in titles:
        raise Http404
    until, problem = cut_off(request)
    _, lists = figures_of(place, until)
    todo = lists.asked[name]
    listed = narrow(request, place, people_of(place, name, until))
    sort = sort_of(request, name)
    narrowed = any(request.GET.get(asked) for asked in NARROWING)
    pages = Paginator(households.keys(listed, place.policy_year, sort=sort), PER_PAGE)
    if todo.homes is not None and not narrowed:
        # Counted with the list already.
        pages.count = todo.homes
    page = pages.get_page(request.GET.get("page"))
    rows = households.homes(page.object_list, place.policy_year, place.user, until=until)
    count = listed.count() if narrowed else todo.people
    audit.record(
        "open_names",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {todo.title}",
        address=request.META.get("REMOTE_ADDR", ""),
        people=count,
    )
    context = {
        "page_title": todo.title,
        "answer": _listed(place, todo, count, page.paginator.count, narrowed=narrowed),
        "policy_year": place.policy_year,
        "region": place.region,
        "todo": todo,
        "page": page,
        "rows": [{"home": one, "url": home_url(request, place, name, one.anchor)} for one in rows],
        "sort": sort,
        "sorts": [
            (word, label)
            for word, label in households.SORTS.items()
            if word != households.BORN or _newborns(name, lists)
        ],
        "reasons": list(REASONS.items()),
        "reason": request.GET.get("reason", ""),
        "calls": list(CALLS.items()),
        "visit": request.GET.get("visit", ""),
        "grid": visits.grid(place.region) if place.region.level == "village" else [],
        "by": request.GET.get("by", ""),
        "may_visit": place.user.job.visits,
        "here": request.get_full_path(),
        "q": request.GET.get("q", "").strip()[:20],
        "tabs": _tabs(request, place, lists, name),
        "back_url": url_of(request, place, "targets:village"),
        "problem": problem,
        "until": timezone.localtime(until) if until else None,
        "wide": place.region.level != "village",
    }
    return render(request, "targets/worklist.html", context)


# What pages are made of


def figures_of(place: Place, until: Any) -> tuple[Progress, Worklist]:
    """Progress and the lists' lengths; kept a minute per revision, as progress is."""
    policy_year, region = place.policy_year, place.region
    moment = until.isoformat() if until else "now"
    key = f"village:{policy_year.pk}:{policy_year.revision}:{region.pk}:{moment}"
    kept = cache.get(key)
    if kept is None:
        kept = (
            figures.of(policy_year, region, until=until, drafts=True),
            worklist.of(policy_year, region, until=until),
        )
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def people_of(place: Place, key: str, until: Any) -> PersonQuerySet:
    return worklist.people(place.policy_year, place.region, key, until=until, viewer=place.user)


def narrow(request: HttpRequest, place: Place, listed: PersonQuerySet) -> PersonQuerySet:
    """The list as far as it was asked for: with or without a reason on record, by name."""
    if reason := request.GET.get("reason"):
        told = Status.objects.filter(
            policy_year=place.policy_year, kind__bucket__in=["elsewhere", "covered", "none"]
        ).values("person")
        listed = listed.filter(pk__in=told) if reason == "some" else listed.exclude(pk__in=told)
    match request.GET.get("visit"):
        case "none":
            listed = listed.exclude(visits.called_on(place.policy_year))
        case "done":
            listed = listed.filter(visits.called_on(place.policy_year))
        case "due":
            listed = visits.due(listed, place.policy_year, on=timezone.localdate())
    by = request.GET.get("by", "")
    if by == "none":
        listed = listed.filter(visits.shared_to(place.policy_year, None))
    elif by.isdecimal():
        contact = Contact.objects.filter(pk=by, region__county=place.county).first()
        listed = listed.filter(visits.shared_to(place.policy_year, contact)) if contact else listed
    if name := request.GET.get("q", "").strip()[:20]:
        same = Person.objects.filter(county=place.county, name__contains=name)
        listed = listed.filter(
            Q(name__contains=name)
            | Q(household__in=same.filter(household__isnull=False).values("household"))
        )
    return listed


def sort_of(request: HttpRequest, key: str) -> str:
    asked = request.GET.get("sort", "")
    if asked in households.SORTS:
        return asked
    return households.BORN if key == worklist.NEWBORN else households.HOUSE


def _newborns(key: str, lists: Worklist) -> bool:
    return key == worklist.NEWBORN or lists.asked[key].note == lists.asked[worklist.NEWBORN].note


def _answer(place: Place, found: Progress, lists: Worklist, target: int | None) -> str:
    total, missing = found.total, lists.asked[worklist.MISSING]
    done = f"{place.region.path} 已参保 {total.insured:,}"
    if target is not None:
        rate = share(total.insured, target)
        told = f"（{percent(rate)}）" if rate is not None else ""
        gap = max(target - total.insured, 0)
        left = f"还差 {gap:,}" if gap else "任务已完成"
        done = f"{done} / 任务 {target:,}{told}，{left}"
    else:
        done = f"{done} 人，任务还没有下达"
    if not missing.people:
        return f"{done}；应参未参的人已经没有了。"
    spread = f"，在 {missing.homes:,} 户" if missing.homes else ""
    return f"{done}；应参未参 {missing.people:,} 人{spread}。"


def _due(place: Place) -> int | None:
    """How many people somebody promised to call on again by today; not asked of a whole county."""
    if place.region.level == "county":
        return None
    listed = people_of(place, worklist.MISSING, None)
    return visits.due(listed, place.policy_year, on=timezone.localdate()).count()


def _listed(place: Place, todo: Todo, count: int | None, homes: int, *, narrowed: bool) -> str:
    if todo.people is None:
        return f"{place.region.path} {todo.title}：{todo.note}。"
    which = "按条件找到 " if narrowed else ""
    return f"{place.region.path} {todo.title} {which}{count:,} 人，在 {homes:,} 户。"


def _todo(request: HttpRequest, place: Place, one: Todo) -> dict[str, Any]:
    part = ""
    if one.people and one.part:
        what = {worklist.HARDSHIP: "新认定", worklist.NEWBORN: "已过期限"}.get(one.key)
        part = f"其中{what} {one.part:,} 人" if what else ""
    return {
        "todo": one,
        "part": part,
        "url": url_of(request, place, "targets:worklist", one.key),
    }


def _tabs(
    request: HttpRequest, place: Place, lists: Worklist, current: str
) -> list[dict[str, Any]]:
    return [
        {
            "label": one.title,
            "count": one.people,
            "url": url_of(request, place, "targets:worklist", one.key),
            "active": one.key == current,
        }
        for one in lists.todos
        if one.people is not None or one.key == current
    ]


def url_of(request: HttpRequest, place: Place, name: str, *args: str, **query: str) -> str:
    """A page of this year that keeps the cut-off asked for."""
    kept = {"as_of": request.GET["as_of"]} if request.GET.get("as_of") else {}
    url = reverse(name, args=[place.county.key, place.policy_year.year, *args])
    return f"{url}?{urlencode({'region': place.region.key} | kept | query)}"


def home_url(request: HttpRequest, place: Place, key: str, anchor: int) -> str:
    """A household's page that keeps what the list was narrowed and ordered by."""
    kept = {
        name: request.GET[name]
        for name in ("sort", "page", "as_of", *NARROWING)
        if request.GET.get(name)
    }
    args = [place.county.key, place.policy_year.year, key, anchor]
    query = urlencode({"region": place.region.key} | kept)
    return f"{reverse('targets:worklist-home', args=args)}?{query}"
