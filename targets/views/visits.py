"""走访: who calls on whom, the papers to take along, and sheets that come back."""

import tempfile
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode

from django import forms
from django.contrib import messages
from django.db.models import Count
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from enrollment import audit, directory, roster, sheets, visits
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Fate, Person, Roster, RosterState, Visit
from enrollment.models.people import PersonQuerySet
from enrollment.models.rules import Channel, Fee, Window
from enrollment.sheets import WHOLE, Column, Sheet
from targets import doorsheet, worklist
from targets import homes as households
from targets.navigation import address
from targets.views.village import narrow, people_of, sort_of, url_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MOST_HOMES = 2000
LARGEST = 5 * 1024 * 1024
SHOWN = 200


class Returned(forms.Form):
    """A filled-in sheet."""

    file = forms.FileField(
        label="填好的走访表",
        widget=forms.FileInput(attrs={"accept": ".xlsx"}),
        error_messages={"required": "请选择文件", "empty": "文件是空的，请检查后重新选择"},
    )


@require_safe
def overview(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """How far everybody of the grid is; above the village, unit by unit."""
    place = enter(request, county, year, may="sees_people")
    listed = people_of(place, worklist.MISSING, None)
    in_village = place.region.level == "village"
    context: dict[str, Any] = {
        "page_title": "走访",
        "policy_year": place.policy_year,
        "region": place.region,
        "in_village": in_village,
        "may_visit": place.user.job.visits,
        "may_reveal": place.user.job.may_reveal,
        "form": Returned(),
        "back_url": url_of(request, place, "targets:village"),
        "sheet_url": url_of(request, place, "targets:visits-sheet"),
        "book_url": url_of(request, place, "targets:visits-book"),
        "slips_url": url_of(request, place, "targets:visits-slips"),
        "phones_url": url_of(request, place, "targets:visits-phones"),
        "return_url": url_of(request, place, "targets:visits-return"),
        "directory_url": _directory(place),
    }
    if in_village:
        shares = visits.shares(listed, place.policy_year, place.region)
        people, called = sum(one.people for one in shares), sum(one.called for one in shares)
        context["shares"] = [
            {
                "share": one,
                "url": url_of(
                    request,
                    place,
                    "targets:worklist",
                    worklist.MISSING,
                    by=str(one.contact.pk) if one.contact else "none",
                ),
            }
            for one in shares
        ]
    else:
        context["units"], people, called = _units(request, place, listed)
    context["answer"] = (
        f"{place.region.path} 应参未参 {people:,} 人，走访过 {called:,} 人，"
        f"还没有走访 {people - called:,} 人。"
    )
    return render(request, "targets/visits.html", context)


@require_POST
def assign(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Give the ticked households to somebody of the grid, or take them back."""
    place = enter(request, county, year, may="visits")
    ticked = [int(value) for value in request.POST.getlist("home") if value.isdecimal()]
    chosen = request.POST.get("contact", "")
    try:
        contact = None
        if chosen != "none":
            known = directory.of(place.region)
            contact = known.filter(pk=chosen).first() if chosen.isdecimal() else None
            if contact is None:
                raise Failure("contact", "请选择分给谁")
        count = visits.assign(
            Person.objects.filter(pk__in=ticked[:MOST_HOMES], **{place.region.level: place.region}),
            policy_year=place.policy_year,
            contact=contact,
            by=place.user,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Failure as failure:
        messages.error(request, failure.message)
    else:
        who = f"分给{contact.name}" if contact else "收回"
        messages.success(request, f"已把 {count} 人（整户）{who}。")
    onward = request.POST.get("here", "")
    if not url_has_allowed_host_and_scheme(onward, allowed_hosts=None):
        onward = url_of(request, place, "targets:worklist", worklist.MISSING)
    return redirect(onward)


@require_safe
def sheet(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The sheet to print: one household to a tear-off, blanks to tick."""
    place = enter(request, county, year, may="sees_people")
    if stop := _village_only(request, place):
        return stop
    key, found = _homes(request, place)
    _on_record(request, place, "走访表（打印）", sum(len(one.listed) for one in found))
    context = {
        "page_title": f"{place.policy_year.year}年度走访表",
        "answer": "",
        "policy_year": place.policy_year,
        "region": place.region,
        "title": worklist.titles(place.policy_year)[key],
        "homes": found,
        "people": sum(len(one.listed) for one in found),
        "results": [label for value, label in Visit.Result.choices if value != "other"],
        "back_url": url_of(request, place, "targets:visits"),
        "today": timezone.localdate(),
    }
    return render(request, "targets/visit_sheet.html", context)


@require_safe
def slips(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """A slip to leave with each household: how to pay, by which channel, whom to ask."""
    place = enter(request, county, year, may="sees_people")
    if stop := _village_only(request, place):
        return stop
    _, found = _homes(request, place)
    if anchor := request.GET.get("home", ""):
        found = [one for one in found if str(one.anchor) == anchor]
        if not found:
            raise Http404
    rules = {"policy_year": place.policy_year}
    _on_record(request, place, "缴费提示单", sum(len(one.listed) for one in found))
    context = {
        "page_title": "参保缴费提示单",
        "policy_year": place.policy_year,
        "region": place.region,
        "homes": found,
        "channels": list(Channel.objects.filter(**rules).order_by("order", "pk")),
        "fees": list(
            Fee.objects.filter(**rules).select_related("tier", "group").order_by("order", "pk")
        ),
        "window": Window.objects.filter(**rules, main=True).first(),
        "grid": visits.grid(place.region),
        "back_url": url_of(request, place, "targets:visits"),
    }
    return render(request, "targets/visit_slips.html", context)


@require_safe
def book(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The same sheet as a workbook to be filled in and handed in."""
    place = enter(request, county, year, may="visits")
    if stop := _village_only(request, place):
        return stop
    key, found = _homes(request, place)
    content = BytesIO()
    title = worklist.titles(place.policy_year)[key]
    count = doorsheet.write(content, place.policy_year, place.region, found, title)
    _on_record(request, place, "走访表", count, action="export")
    name = quote(f"{place.region.name}{place.policy_year.year}年度走访表.xlsx")
    return HttpResponse(
        content.getvalue(),
        content_type=XLSX,
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"},
    )


@require_safe
def phones(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """Telephones of people not yet enrolled, one row each, for messages; no number, no identity."""
    place = enter(request, county, year, may="may_reveal")
    listed = narrow(request, place, people_of(place, worklist.MISSING, None)).exclude(phone="")
    rows = listed.order_by("town_id", "village_id", "phone", "pk").values_list(
        "village__name", "phone", "name"
    )
    merged: dict[tuple[str, str], list[str]] = {}
    for village, phone, name in rows.iterator(chunk_size=5000):
        merged.setdefault((village, phone), []).append(name)
    target = tempfile.TemporaryFile()  # noqa: SIM115
    count = sheets.write_xlsx(
        target,
        Sheet(
            f"{place.region.path} {place.policy_year.year}年度提醒电话名单",
            f"应参未参且有电话的人，{timezone.localtime():%Y-%m-%d %H:%M}；用完收好，不转发",
            (Column("序号", 8, WHOLE), Column("村", 14), Column("电话", 16), Column("姓名", 30)),
            (
                (number, village, phone, "、".join(names))
                for number, ((village, phone), names) in enumerate(merged.items(), 1)
            ),
        ),
    )
    _on_record(request, place, "提醒电话名单", count, action="export")
    target.seek(0)
    name = f"{place.region.name}{place.policy_year.year}年度提醒电话名单.xlsx"
    return FileResponse(target, as_attachment=True, filename=name)


# Sheets that come back


@require_http_methods(["GET", "POST"])
def hand_back(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Take a filled-in sheet and read it at once: it is a village's, a few hundred rows."""
    place = enter(request, county, year, may="visits")
    posted = request.method == "POST"
    form = Returned(request.POST, request.FILES) if posted else Returned()
    if posted and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            if file.size > LARGEST:
                raise Failure("too_large", "走访表不会超过 5 MB，请检查是不是选错了文件")
            handed_in = roster.hand_in(
                file,
                file_name=file.name,
                year=place.policy_year,
                kind="visits",
                by=place.user,
                region=place.region,
            )
            handed_in = roster.read(handed_in)
            if handed_in.state != RosterState.WAITING:
                raise Failure(handed_in.refusal_code, handed_in.refusal)
        except Failure as failure:
            form.add_error("file", failure.message)
        else:
            return redirect(_returned_url(place, handed_in))
    context = {
        "page_title": "交回走访表",
        "answer": "选择填好的走访表；别人后来在网页上记过的走访不会被覆盖，会列出来。",
        "form": form,
        "policy_year": place.policy_year,
        "region": place.region,
        "back_url": url_of(request, place, "targets:visits"),
    }
    status = 400 if form.errors else 200
    return render(request, "targets/visits_return.html", context, status=status)


@require_http_methods(["GET", "POST"])
def returned(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """What a sheet would add, what cannot be taken and why; a click writes it down."""
    place = enter(request, county, year, may="visits")
    mine = {place.region.level: place.region.pk} if place.region.level != "county" else {}
    handed_in = get_object_or_404(
        Roster.objects.select_related("region", "policy_year"),
        pk=pk,
        county=place.county,
        policy_year=place.policy_year,
        kind="visits",
        **mine,
    )
    if request.method == "POST":
        try:
            if "discard" in request.POST:
                roster.discard(handed_in, by=place.user)
            else:
                roster.apply(handed_in, by=place.user, expected=handed_in.counts)
        except Failure as failure:
            messages.error(request, failure.message)
            return redirect(_returned_url(place, handed_in))
        done = "已放弃这份走访表。" if "discard" in request.POST else "走访已记下。"
        messages.success(request, done)
        return redirect(url_of(request, place, "targets:visits"))
    fresh = (handed_in.new or 0) + (handed_in.changed or 0)
    refused = (handed_in.problems or 0) + (handed_in.outside_area or 0)
    context = {
        "page_title": "核对走访表",
        "answer": f"{handed_in.file_name}：可记下走访 {fresh:,} 人，"
        f"没有填写或已经记过 {(handed_in.unchanged or 0):,} 人，不能记下 {refused:,} 人。",
        "roster": handed_in,
        "fresh": fresh,
        "refused": refused,
        "waiting": handed_in.state == RosterState.WAITING,
        "problems": list(
            roster.entries(handed_in).filter(fate__in=[Fate.PROBLEMS, Fate.OUTSIDE_AREA])[:SHOWN]
        ),
        "rows": list(roster.entries(handed_in).filter(fate__in=[Fate.NEW, Fate.CHANGED])[:SHOWN]),
        "policy_year": place.policy_year,
        "region": place.region,
        "back_url": url_of(request, place, "targets:visits"),
    }
    return render(request, "targets/visits_returned.html", context)


# What pages are made of


def _homes(request: HttpRequest, place: Place) -> tuple[str, list[households.Home]]:
    """The list asked for (应参未参 without one) with all its homes, in order."""
    key = request.GET.get("list", worklist.MISSING)
    if key not in worklist.titles(place.policy_year):
        raise Http404
    listed = narrow(request, place, people_of(place, key, None))
    rows = households.keys(listed, place.policy_year, sort=sort_of(request, key))[:MOST_HOMES]
    return key, households.homes(rows, place.policy_year, place.user)


def _village_only(request: HttpRequest, place: Place) -> HttpResponse | None:
    if place.region.level == "village":
        return None
    messages.info(request, "走访表、提示单一个村一份，请先在上方选择村。")
    return redirect(url_of(request, place, "targets:visits"))


def _units(
    request: HttpRequest, place: Place, listed: PersonQuerySet
) -> tuple[list[dict[str, Any]], int, int]:
    """Units below: missing people, and of them those called on."""
    unit = "town" if place.region.level == "county" else "village"
    tally = dict(listed.order_by().values_list(unit).annotate(number=Count("pk")))
    called = dict(
        listed.filter(visits.called_on(place.policy_year))
        .order_by()
        .values_list(unit)
        .annotate(number=Count("pk"))
    )
    regions = place.region.children.filter(pk__in=tally)
    rows = [
        {
            "region": one,
            "people": tally[one.pk],
            "called": called.get(one.pk, 0),
            "url": url_of(request, place, "targets:visits", region=one.key),
        }
        for one in regions
    ]
    return rows, sum(tally.values()), sum(called.values())


def _on_record(
    request: HttpRequest, place: Place, what: str, people: int, *, action: str = "open_names"
) -> None:
    audit.record(
        action,
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {what}",
        address=request.META.get("REMOTE_ADDR", ""),
        people=people,
    )


def _returned_url(place: Place, handed_in: Roster) -> str:
    args = [place.county.key, place.policy_year.year, handed_in.pk]
    query = urlencode({"region": place.region.key})
    return f"{reverse('targets:visits-returned', args=args)}?{query}"


def _directory(place: Place) -> str:
    return address("enrollment:directory", place.policy_year, place.region)
