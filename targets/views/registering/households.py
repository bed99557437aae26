"""户: who belongs to it, what they are to its head, and how it parts or joins another."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Household
from enrollment.registration import households as verbs
from targets.registering import RELATIONS


@require_http_methods(["GET", "POST"])
def household(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Relations and head on one form; members are ticked to part off; another number to join."""
    place = enter(request, county, year, may="registers")
    visible = Household.objects.visible_to(place.user).filter(county=place.county)
    found = get_object_or_404(visible.select_related("village", "village__parent"), pk=pk)
    problem = ""
    if request.method == "POST":
        try:
            said, target = _do(request, place, found)
        except Failure as failure:
            problem = failure.message
        else:
            messages.success(request, said)
            return redirect("targets:household", county, year, target.pk)
    members = verbs.members(found)
    paid = people.insured_among(place.policy_year, [one.pk for one in members])
    today = timezone.localdate()
    typed = request.POST if problem else {}
    head = next((one.name for one in members if one.relation == verbs.HEAD), "")
    context = {
        "page_title": f"户 {found.number}",
        "answer": f"{found.village.path}，{head or '没有户主'}{'户' if head else ''}，"
        f"{len(members)} 人，已参保 {len(paid)} 人。",
        "household": found,
        "members": [
            {
                "person": one,
                "age": people.age(one, today),
                "insured": one.pk in paid,
                "relation": typed.get(f"relation-{one.pk}", one.relation),
            }
            for one in members
        ],
        "relations": RELATIONS,
        "problem": problem,
        "typed": typed,
        "policy_year": place.policy_year,
        "region": place.region,
        "add_url": _add_url(place, found),
    }
    return render(request, "targets/household.html", context, status=400 if problem else 200)


def _do(request: HttpRequest, place: Place, found: Household) -> tuple[str, Household]:
    """One of the page's verbs; the sentence to show and the household to show it on."""
    year: dict[str, Any] = {"by": place.user, "address": request.META.get("REMOTE_ADDR", "")}
    data = request.POST
    match data.get("verb"):
        case "arrange":
            relations = {
                int(name.removeprefix("relation-")): str(value)
                for name, value in data.items()
                if name.startswith("relation-") and name.removeprefix("relation-").isdecimal()
            }
            verbs.arrange(
                place.policy_year, found, relations=relations, home=data.get("home"), **year
            )
            return "户内关系已保存。", found
        case "split":
            ticked = [int(one) for one in data.getlist("leaves") if one.isdecimal()]
            head = data.get("head", "")
            fresh = verbs.split(
                place.policy_year,
                found,
                people=ticked,
                head=int(head) if head.isdecimal() else 0,
                **year,
            )
            return f"已分户，新户号 {fresh.number}，请填写其他成员与新户主的关系。", fresh
        case "merge":
            visible = Household.objects.visible_to(place.user).filter(county=place.county)
            number = " ".join(data.get("into", "").split())
            into = visible.filter(number=number).first()
            if into is None:
                raise Failure("into", f"您的辖区没有户号“{number[:40]}”")
            count = verbs.merge(place.policy_year, found, into=into, **year)
            return f"已并入 {count} 人，请填写他们与户主的关系。", into
    raise Failure("verb", "请选择要办的事项")


def _add_url(place: Place, found: Household) -> str:
    here = reverse("targets:register", args=[place.county.key, place.policy_year.year])
    return f"{here}?region={found.village.key}&new=1&household={found.number}"
