"""名单报送: the monthly lists with a due day, and 本月无变动 in one click."""

from datetime import date

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Department, Level
from subsidies import duties as verbs
from subsidies.duties import Due, State


@require_safe
def duties(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Month by month, newest first; a department sees its own."""
    place = _enter(request, county, year, may="sees_rosters")
    own = place.user.department if place.user.job.own_department else None
    found = verbs.dues(place.policy_year, department=own)
    months: dict[date, list[Due]] = {}
    for one in found:
        months.setdefault(one.month, []).append(one)
    counted = {state: sum(one.state == state for one in found) for state in State}
    answer = "，".join(f"{state.label} {counted[state]}" for state in State if counted[state])
    context = {
        "page_title": "名单报送",
        "answer": f"到今天：{answer}。" if found else "本年度政策没有规定按月报送名单的期限。",
        "policy_year": place.policy_year,
        "months": [{"month": month, "lists": lists} for month, lists in months.items()],
        "may_hand_in": place.user.job.hands_in,
        "nil_url": reverse("subsidies:duties-nil", args=[county, year]),
        "tables_seen": place.user.job.sees_people,
    }
    return render(request, "subsidies/duties.html", context)


@require_POST
def nil(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """本月无变动."""
    place = _enter(request, county, year, may="hands_in")
    departments = Department.objects.filter(county=place.county)
    if place.user.job.own_department:
        departments = departments.filter(pk=place.user.department_id or 0)
    try:
        department = get_object_or_404(departments, pk=int(request.POST.get("department", "")))
        month = date.fromisoformat(f"{request.POST.get('month', '')}-01")
        made = verbs.declare_nil(
            place.policy_year,
            department=department,
            topic=request.POST.get("topic", ""),
            month=month,
            by=place.user,
        )
        messages.success(request, f"已报：{department.name}“{made.topic}”{month:%Y年%m月}无变动。")
    except ValueError:
        messages.error(request, "没有写明部门和月份，没有报送；请从本页的按钮报送。")
    except Failure as failure:
        messages.error(request, failure.message)
    query = f"?{urlencode({'region': place.region.key})}" if request.GET.get("region") else ""
    return redirect(reverse("subsidies:duties", args=[county, year]) + query)


def _enter(request: HttpRequest, county: str, year: int, *, may: str) -> Place:
    """Departments answer to the county; a town has nothing to do with their days."""
    place = enter(request, county, year, may=may)
    if place.user.job.level != Level.COUNTY:
        raise PermissionDenied("部门名单的报送由县级办理，数据没有变化。")
    return place
