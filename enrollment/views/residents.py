"""居民: finding somebody by what is at hand.

A search is posted and kept in the session as a keyed index, so that neither an address, nor the
browser's history, nor a log ever holds a number.
"""

import secrets

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from enrollment import audit, people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models.people import PersonQuerySet

PER_PAGE = 50
KEPT = 10
KINDS = {
    "id": "证件号码",
    "tail": "后四位和出生日期",
    "phone": "电话",
    "name": "姓名",
    "initials": "姓名首字母",
    "head": "户主姓名",
}


@require_http_methods(["GET", "POST"])
def residents(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Search residents; a village's own list stands there without searching."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _search(request, place)
    search = _kept(request)
    visible = people.visible(place.user, place.policy_year)
    here = visible.in_region(place.region)
    if search is not None:
        found = people.find(search, among=visible)
    elif place.region.level == "village":
        found = here.on_roll(timezone.localdate()).order_by("household_id", "pk")
    else:
        found = None
    return _page(request, place, search=search, found=found)


def _search(request: HttpRequest, place: Place) -> HttpResponse:
    text = " ".join(filter(None, (request.POST.get("q", ""), request.POST.get("birth", ""))))
    try:
        search = people.read(text, today=timezone.localdate())
    except Failure as failure:
        return _page(request, place, problem=failure.message, status=400)
    audit.record(
        "search",
        by=place.user,
        county=place.county,
        subject=KINDS[search.kind],
        address=request.META.get("REMOTE_ADDR", ""),
    )
    token = secrets.token_urlsafe(8)
    kept = list(request.session.get("searches", {}).items())[-KEPT + 1 :]
    request.session["searches"] = dict(kept) | {token: search.as_dict()}
    here = reverse("enrollment:residents", args=[place.county.key, place.policy_year.year])
    return redirect(f"{here}?region={place.region.key}&s={token}")


def _kept(request: HttpRequest) -> people.Search | None:
    stored = request.session.get("searches", {}).get(request.GET.get("s", ""))
    return people.Search.from_dict(stored) if stored else None


def _page(
    request: HttpRequest,
    place: Place,
    *,
    search: people.Search | None = None,
    found: PersonQuerySet | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    page = None
    if found is not None:
        with_places = found.select_related("village", "town", "household")
        page = Paginator(with_places, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_title": "居民",
        "answer": _answer(place, search, page),
        "search": search,
        "page": page,
        "rows": people.lines(page, place.policy_year, place.user) if page else [],
        "problem": problem,
        "typed_birth": request.POST.get("birth", ""),
        "policy_year": place.policy_year,
        "region": place.region,
    }
    return render(request, "enrollment/residents.html", context, status=status)


def _answer(place: Place, search: people.Search | None, page: Page | None) -> str:
    if page is None:
        return f"在{place.region.path}范围内查找居民。"
    count = page.paginator.count
    if search is None:
        return f"{place.region.path} 在册 {count:,} 人。"
    if count:
        return f"{search.shown}：找到 {count:,} 人。"
    return f"{search.shown}：您的辖区内没有找到。"
