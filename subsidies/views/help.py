"""另行扶持: who was helped by whom; recording it for one person, for those ticked, from a list."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Person, Region
from subsidies import extra_help, freeze, tasks
from subsidies.models import Estimate, ExtraHelp, SubsidyRule
from subsidies.models import Subsidy as LedgerRow
from subsidies.views import desk
from subsidies.words import Words


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Everything recorded in the region; what is wrong can be taken out."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _remove(request, place)
    year_ = place.policy_year
    rows = ExtraHelp.objects.visible_to(place.user).in_region(place.region)
    rows = rows.filter(policy_year=year_)
    given = rows.aggregate(sum=Sum("amount", default=Decimal(0)))["sum"]
    helped = rows.order_by().values("person").distinct().count()
    ledger = LedgerRow.objects.filter(policy_year=year_, person=OuterRef("person"))
    listed = rows.annotate(counted=Subquery(ledger.values("extra")[:1]))
    found = Paginator(
        listed.select_related("person", "town", "village", "recorded_by").order_by("-pk"),
        desk.PER_PAGE,
    ).get_page(request.GET.get("page"))
    may = place.user.job.may_declare and not freeze.is_frozen(year_)
    desk.opened(request, place, "另行扶持", found.paginator.count)
    context = {
        "page_title": "另行扶持",
        "answer": f"{place.region.path} 已登记另行扶持 {helped:,} 人，合计 {given:,.2f} 元。",
        "policy_year": year_,
        "region": place.region,
        "desk": desk.tabs(place, "help"),
        "frozen": freeze.is_frozen(year_),
        "rule": SubsidyRule.objects.filter(policy_year=year_).first(),
        "page": found,
        "ticks": may,
        "new_url": desk.url(place, "subsidies:help-new") if may else "",
    }
    return render(request, "subsidies/help.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Record help: for the person asked about, those ticked, or the rows of a small list."""
    place = enter(request, county, year, may="sees_people")
    if not place.user.job.may_declare:
        raise PermissionDenied("另行扶持由乡镇、县级经办人员登记，数据没有变化。")
    context: dict[str, Any] = {
        "page_title": "登记另行扶持",
        "policy_year": place.policy_year,
        "region": place.region,
        "desk": desk.tabs(place, "help"),
        "frozen": freeze.is_frozen(place.policy_year),
        "giver": request.POST.get("giver", ""),
        "amount": request.POST.get("amount", ""),
        "rule": SubsidyRule.objects.filter(policy_year=place.policy_year).first(),
        "most": extra_help.MOST,
        "back_url": desk.url(place, "subsidies:help"),
    }
    try:
        if request.method == "POST" and request.POST.get("do") == "read":
            return render(request, "subsidies/help_new.html", context | _read(request, place))
        if request.method == "POST":
            return _give(request, place)
    except Failure as failure:
        context["problem"] = failure.message
    return render(request, "subsidies/help_new.html", context | _offer(request, place))


def _read(request: HttpRequest, place: Place) -> dict[str, Any]:
    """The rows of the uploaded list: whom they mean, ticked, and what is wrong with the others."""
    file = request.FILES.get("file")
    if file is None:
        raise Failure("file", "请选择文件")
    rows = extra_help.read(
        file,  # type: ignore[arg-type]
        file_name=file.name or "",
        policy_year=place.policy_year,
        by=place.user,
    )
    good = [one for one in rows if one.person is not None]
    return {
        "from_file": file.name,
        "rows": [
            {"person": one.person, "amount": one.amount, "ticked": True, "masked": ""}
            for one in good
        ],
        "problems": [one for one in rows if one.person is None],
        "sum": sum((one.amount or Decimal(0) for one in good), Decimal(0)),
    }


def _give(request: HttpRequest, place: Place) -> HttpResponse:
    """Each ticked person gets the amount beside the name, else the one for all."""
    given = request.POST
    ticked = [int(one) for one in given.getlist("row") if one.isdecimal()]
    same = desk.yuan(given.get("amount", ""))
    amounts: dict[int, Decimal] = {}
    for pk in ticked:
        own = desk.yuan(given.get(f"amount_{pk}", ""))
        amount = same if own is None else own
        if amount is None:
            raise Failure("amount", "请填写扶持金额")
        amounts[pk] = amount
    if not amounts:
        raise Failure("nobody", "请勾选要扶持的人")
    done = extra_help.give(
        place.policy_year,
        amounts,
        giver=given.get("giver", ""),
        by=place.user,
        address=desk.address(request),
    )
    tasks.assess_year.delay_on_commit(place.policy_year.pk)
    messages.success(request, f"已登记 {done.added:,} 人的扶持。")
    if done.left:
        messages.warning(request, f"另有 {len(done.left):,} 人没有登记：{done.left[0][1]}。")
    return redirect(desk.url(place, "subsidies:help"))


def _remove(request: HttpRequest, place: Place) -> HttpResponse:
    try:
        count = extra_help.remove(
            place.policy_year,
            desk.ticked(request),
            by=place.user,
            reason=request.POST.get("reason", ""),
            address=desk.address(request),
        )
        tasks.assess_year.delay_on_commit(place.policy_year.pk)
        messages.success(request, f"已删除 {count:,} 条扶持记录，操作记录保留。")
    except Failure as failure:
        messages.error(request, failure.message)
    return redirect(desk.url(place, "subsidies:help"))


def _offer(request: HttpRequest, place: Place) -> dict[str, Any]:
    """One person, or those on the lists of the region who have something left to pay."""
    wanted = request.GET.get("person", "")
    if wanted.isdecimal():
        visible = people.visible(place.user, place.policy_year)
        one = get_object_or_404(visible.select_related("town", "village"), pk=int(wanted))
        return {"rows": [_row(one, one.town, one.village, "", None, ticked=True)]}
    words = Words(place.policy_year, place.user)
    category = request.GET.get("category", "")
    members = words.columns().get(category)
    rows = Estimate.objects.visible_to(place.user).in_region(place.region)
    rows = rows.filter(policy_year=place.policy_year, due__gt=0)
    if members is not None:
        rows = rows.filter(category__in=members)
    found = Paginator(
        rows.select_related("person", "town", "village").order_by(
            "town__order", "town", "village__order", "village", "person"
        ),
        desk.PER_PAGE,
    ).get_page(request.GET.get("page"))
    return {
        "page": found,
        "categories": list(words.columns()),
        "category": category,
        "rows": [
            _row(one.person, one.town, one.village, words.name(one.category_id), one.due)
            for one in found
        ],
    }


def _row(
    person: Person,
    town: Region,
    village: Region,
    category: str,
    due: Decimal | None,
    *,
    ticked: bool = False,
) -> dict[str, Any]:
    return {
        "person": person,
        "masked": person.masked(),
        "place": f"{town.name} {village.name}",
        "category": category,
        "due": due,
        "ticked": ticked,
        "amount": None,
    }
