"""个人信息档案: the screen that answers a resident who asks what is held, and who looked."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enrollment import audit, people, record
from enrollment.access import enter
from enrollment.views.audit import ACTIONS


@never_cache
@require_safe
def record_of(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Every table's rows about one person, and the trail of who opened or changed them."""
    place = enter(request, county, year, may="sees_record")
    visible = people.visible(place.user, place.policy_year).select_related("town", "village")
    somebody = get_object_or_404(visible, pk=pk)
    sections = record.sections(somebody)
    looks = [
        {
            "at": event.at,
            "who": event.user.display_name if event.user else event.username,
            "where": event.user.region.path if event.user and event.user.region else "",
            "action": ACTIONS.get(event.action, event.action),
            "reason": event.details.get("reason", "") if isinstance(event.details, dict) else "",
        }
        for event in record.looks(somebody)
    ]
    audit.record(
        "open_record",
        by=place.user,
        county=place.county,
        person_id=somebody.pk,
        address=request.META.get("REMOTE_ADDR", ""),
    )
    context = {
        "page_title": f"{somebody.name}的个人信息档案",
        "answer": f"系统里有关{somebody.name}的记录共 {sum(s.total for s in sections)} 条，"
        f"{len(looks)} 次查看或办理记录在案。",
        "person": somebody,
        "policy_year": place.policy_year,
        "sections": sections,
        "looks": looks,
    }
    return render(request, "targets/record.html", context)
