"""The frame's context: the rail, the year and region in the top line, the user's menu."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from enrollment import demo
from enrollment.access import Place, newest_year, years_of
from enrollment.models import PolicyYear, Region, User
from enrollment.views.sign_in import LAST_SIGN_IN

CONTACT = "县医保局系统管理员"


@dataclass(frozen=True)
class Item:
    """One line of the rail; ``may`` are the permissions any of which opens it (none: everybody)."""

    label: str
    url_name: str
    icon: str
    may: tuple[str, ...] = ()
    village: bool | None = None
    """Only for those of a village, or only for those above; None: for both."""

    also: tuple[str, ...] = ()
    """How the names of its further pages begin."""

    def open_to(self, user: User) -> bool:
        if self.village is not None and self.village != (user.job.level == "village"):
            return False
        return not self.may or any(getattr(user.job, permission) for permission in self.may)


DESK = tuple(
    f"subsidies:{name}" for name in ("differences", "recoveries", "help", "totals", "settlement")
)
RAIL: list[tuple[str, list[Item]]] = [
    (
        "办理",
        [
            Item(
                "我的村",
                "targets:village",
                "house",
                ("sees_people",),
                True,
                ("targets:worklist", "targets:visits", "enrollment:directory"),
            ),
            Item("参保进度", "targets:progress", "clipboard-data", ("sees_people",)),
            Item(
                "待办名单",
                "targets:village",
                "list",
                ("sees_people",),
                False,
                ("targets:worklist", "targets:visits", "enrollment:directory"),
            ),
            Item("登记", "targets:register", "person-plus", ("registers",)),
            Item("登记核对", "targets:reviews", "check-lg", ("registers",)),
            Item("居民", "enrollment:residents", "people", ("sees_people",)),
            Item("现金代收", "subsidies:cash", "piggy-bank", ("takes_cash", "may_answer")),
            Item("名册", "enrollment:rosters", "file-earmark-spreadsheet", ("sees_rosters",)),
            Item("名单报送", "subsidies:duties", "calendar3", ("own_department", "may_issue")),
            Item("待核实事项", "enrollment:questions", "question-circle", ("sees_people",)),
        ],
    ),
    (
        "资助",
        [
            Item("资助台账", "subsidies:ledger", "table", ("sees_people",)),
            Item("重点人群", "targets:coverage", "person-plus", ("sees_people",)),
            Item("代缴和退补", "subsidies:zero", "piggy-bank", ("sees_people",), also=DESK),
            Item("金额待核查", "subsidies:checks", "exclamation-triangle-fill", ("sees_people",)),
        ],
    ),
    (
        "依据",
        [
            Item("任务", "targets:targets", "flag"),
            Item("报表", "targets:reports", "printer", (), None, ("targets:report",)),
            Item("政策", "targets:policy", "journal-text"),
            Item("缴费测算", "subsidies:quotes", "file-text"),
        ],
    ),
    (
        "系统",
        [
            Item("行政区划", "enrollment:regions", "geo-alt", ("keeps_regions",)),
            Item("账号", "enrollment:accounts", "key", ("may_grant", "keeps_accounts")),
            Item("操作记录", "enrollment:audit", "shield-lock", ("reads_audit",)),
        ],
    ),
]


def frame(request: HttpRequest) -> dict[str, Any]:
    """What base.html wants besides the page's own context; empty where nobody has signed in."""
    context: dict[str, Any] = {
        "demo": demo.is_running(),
        "contact": CONTACT,
        "sign_in_url": reverse("enrollment:sign-in"),
        "sign_out_url": reverse("enrollment:sign-out"),
    }
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return context
    context |= {
        "user_links": [
            {"url": reverse("enrollment:password"), "label": "修改密码"},
            {"url": reverse("enrollment:second-factor"), "label": "两步验证"},
            {"url": reverse("enrollment:privacy"), "label": "个人信息保护说明"},
        ],
        "last_sign_in": request.session.get(LAST_SIGN_IN, ""),
        "session_seconds": settings.SESSION_COOKIE_AGE,
        "keepalive_url": reverse("enrollment:keep-alive"),
    }
    place = getattr(request, "place", None) or _default_place(user)
    if place is None:
        return context
    return context | {
        "current_year": place.policy_year,
        "navigation": _rail(user, place, getattr(request.resolver_match, "view_name", "")),
        "years": _years(request, place),
        "region_path": _path(request, user, place),
        "region_choices": _choices(request, user, place),
    }


def landing(user: User, place: Place) -> str:
    """The address a role's work begins at: the first line of the rail that is its own."""
    return address(_first(user).url_name, place.policy_year)


def _first(user: User) -> Item:
    items = [item for _, group in RAIL for item in group if item.open_to(user)]
    return next((item for item in items if item.may), items[0])


def address(url_name: str, policy_year: PolicyYear, region: Region | None = None, **query) -> str:
    """The address of a page about this year, at this region."""
    url = reverse(url_name, args=[policy_year.county.key, policy_year.year])
    if region is not None:
        query = {"region": region.key} | query
    return f"{url}?{urlencode(query)}" if query else url


def _default_place(user: User) -> Place | None:
    """Where pages without a year of their own (errors, password) stand."""
    policy_year = newest_year(user)
    if policy_year is None or user.region is None:
        return None
    return Place(policy_year, user.region, user)


def _rail(user: User, place: Place, current: str) -> list[dict[str, Any]]:
    region = place.region if place.region != user.region else None
    groups = []
    for label, items in RAIL:
        links = [
            {
                "label": item.label,
                "url": address(item.url_name, place.policy_year, region),
                "icon": item.icon,
                "active": current == item.url_name
                or current.startswith((f"{item.url_name}-", *item.also)),
            }
            for item in items
            if item.open_to(user)
        ]
        if links:
            groups.append({"label": label, "items": links})
    return groups


def _years(request: HttpRequest, place: Place) -> list[dict[str, Any]]:
    """The county's years that have rules; one that only lists who was insured has no pages."""
    years = years_of(place.user).filter(county=place.county).exclude(state="history")
    choices = [
        {
            "label": f"{one.year}年度" + ("（起草）" if one.state == "draft" else ""),
            "url": _here(request, place, year=one.year),
            "active": one.pk == place.policy_year.pk,
        }
        for one in years.order_by("-year")
    ]
    return choices if len(choices) > 1 else []


def _path(request: HttpRequest, user: User, place: Place) -> list[dict[str, str]]:
    """From the county down to where we are; what lies above the user's area is not a link."""
    own = user.region
    assert own is not None
    above = {"county": 0, "town": 1, "village": 2}.get(own.level, -1)
    steps = [place.county]
    if place.region.level in ("town", "village"):
        steps.append(place.region.town or place.region)
    if place.region.level == "village":
        steps.append(place.region)
    return [
        {"name": one.name, "url": _here(request, place, region=one) if depth >= above else ""}
        for depth, one in enumerate(steps)
    ]


def _choices(request: HttpRequest, user: User, place: Place) -> list[dict[str, Any]]:
    """The children of where we are, or its neighbours where it has none.

    A department's work is the county's: no page of its own is about a town.
    """
    if user.job.own_department:
        return []
    visible = Region.objects.visible_to(user).filter(county=place.county, valid_to__isnull=True)
    parent = place.region.parent_id if place.region.level == "village" else place.region.pk
    return [
        {
            "name": one.name,
            "url": _here(request, place, region=one),
            "active": one.pk == place.region.pk,
        }
        for one in visible.filter(parent=parent)
    ]


def _here(
    request: HttpRequest, place: Place, *, year: int | None = None, region: Region | None = None
) -> str:
    """This same page in another year or region; progress where the page is about one object."""
    match = request.resolver_match
    shared = match is not None and set(match.kwargs) == {"county", "year"}
    name = match.view_name if match is not None and shared else _first(place.user).url_name
    url = reverse(name, args=[place.county.key, year or place.policy_year.year])
    where = region or place.region
    return f"{url}?{urlencode({'region': where.key})}"
