"""The guard of every page about a county's year: who may enter, and where they stand.

Addresses look like ``/<county key>/<year>/residents/?region=KEY``. What is foreign, unknown or
not a year of this county is 404 alike, so that nobody learns by asking what exists; a page that
the role has no part in is 403 with a sentence.
"""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from enrollment.models import PolicyYear, Region, User


@dataclass(frozen=True)
class Place:
    """Where a page stands: a county's year, the region within the user's area, and who asks."""

    policy_year: PolicyYear
    region: Region
    user: User

    @property
    def county(self) -> Region:
        return self.policy_year.county


def enter(request: HttpRequest, county: str, year: int, *, may: str = "") -> Place:
    """The guard: fetch, authorise, and tell the frame where we are (``request.place``).

    ``may`` names the permission of `roles.Role` that the page wants. Raises Http404 for what is
    not in the user's area, PermissionDenied for what is not in the role.
    """
    user = user_of(request)
    policy_year = year_or_404(user, county, year)
    region = region_or_404(user, policy_year, request.GET.get("region", ""))
    request.place = Place(policy_year, region, user)  # type: ignore[attr-defined]
    require(user, may)
    return request.place  # type: ignore[attr-defined]


def user_of(request: HttpRequest) -> User:
    """Who asks; pages are closed to everybody who has not signed in (LoginRequiredMiddleware)."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def year_or_404(user: User, county: str, year: int) -> PolicyYear:
    """The year of a county the user belongs to (or looks down on, from city or province)."""
    return get_object_or_404(years_of(user), county__key=county, year=year)


def years_of(user: User) -> QuerySet[PolicyYear]:
    """The years a user may open: one that is being prepared only by those who prepare it."""
    years = PolicyYear.objects.select_related("county").filter(county__in=counties_of(user))
    if user.job.keeps_policy:
        return years
    return years.exclude(state=PolicyYear.State.DRAFT)


def region_or_404(user: User, policy_year: PolicyYear, key: str) -> Region:
    """The region asked for within the user's area; without a key, the area itself."""
    own = user.region
    if own is None:
        raise Http404
    if not key:
        return own if own.county_id == policy_year.county_id else policy_year.county
    visible = Region.objects.visible_to(user).select_related("parent", "town", "county")
    return get_object_or_404(visible, key=key, county=policy_year.county)


def counties_of(user: User):
    """The county of the user's region, or those below it."""
    region = getattr(user, "region", None)
    if region is None or not user.is_active or not user.role:
        return Region.objects.none()
    if region.county_id:
        return Region.objects.filter(pk=region.county_id)
    return Region.objects.visible_to(user).counties()


def require(user: User, may: str) -> None:
    """Raise PermissionDenied, with a sentence, where the role lacks a permission."""
    if may and not getattr(user.job, may):
        raise PermissionDenied(f"这一页不属于“{user.job.title}”岗位的工作，数据没有变化。")


def newest_year(user: User) -> PolicyYear | None:
    """The year to open first: the newest one in force, else the newest with rules, else any."""
    order = {"active": 0, "draft": 1, "settled": 1, "closed": 1, "history": 2}
    return min(years_of(user), key=lambda one: (order.get(one.state, 1), -one.year), default=None)
