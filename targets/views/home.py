"""The root: to the first page of one's work, or to whom one must ask."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from enrollment.access import Place, newest_year, user_of
from targets.navigation import landing


def home(request: HttpRequest) -> HttpResponse:
    """On to the landing page of the role; without region, role or year, a friendly page."""
    user = user_of(request)
    policy_year = newest_year(user)
    if policy_year is None or user.region is None:
        return render(request, "targets/no_region.html", {"page_title": "还不能开始工作"})
    return redirect(landing(user, Place(policy_year, user.region, user)))
