"""导出: the names behind a figure as a file."""

import tempfile
from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from enrollment import audit, second_factor
from enrollment.access import enter
from enrollment.failure import Failure
from targets import exports, shelf
from targets.progress import Figure
from targets.views.progress import cut_off, item_asked


@require_safe
def names(request: HttpRequest, county: str, year: int, figure: str) -> HttpResponseBase:
    """Download a list of names; ``?form`` says as what.

    The file is whole before its first byte is sent, so that nobody takes half a list for a list,
    and a slow download keeps no connection to the database.
    """
    place = enter(request, county, year, may="sees_people")
    form = request.GET.get("form", "xlsx")
    if figure not in Figure.values or form not in exports.FORMS:
        raise Http404
    until, problem = cut_off(request)
    item, kinds = item_asked(request, place, figure)
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        if problem:
            raise Failure("as_of", problem)
        count = exports.names(
            target,
            place.policy_year,
            place.region,
            figure,
            viewer=place.user,
            until=until,
            form=form,
            kinds=kinds,
            item=item,
        )
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        back = reverse("targets:progress-names", args=[county, year, figure])
        return redirect(f"{back}?{urlencode({'region': place.region.key})}")
    label = Figure(figure).label + (f"（{item}）" if item else "")
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {label}",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=count,
        form=form,
        filter={
            "figure": figure,
            "region": place.region.key,
            "until": until.isoformat() if until else None,
        },
    )
    target.seek(0)
    ending, _ = exports.FORMS[form]
    name = f"{place.region.name}{place.policy_year.year}年度{label}名单.{ending}"
    return FileResponse(target, as_attachment=True, filename=name)


@require_safe
def listing(request: HttpRequest, county: str, year: int, name: str) -> HttpResponseBase:
    """Download a list of the shelf; ``?full`` with full numbers, for those who may, on record."""
    place = enter(request, county, year, may="sees_people")
    known = [one for one in shelf.LISTS if one.name == name and one.export == "targets:list-file"]
    ending = request.GET.get("form", "xlsx")
    if not known or ending not in known[0].endings:
        raise Http404
    until, problem = cut_off(request)
    chosen = shelf.Chosen(until=until, full="full" in request.GET, viewer=place.user)
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        if problem:
            raise Failure("as_of", problem)
        shelf.refuse(known[0], chosen)
        if chosen.full and not place.user.job.may_reveal:
            raise Failure("role", "您的岗位不能导出完整证件号码")
        if chosen.full:
            second_factor.require(place.user, request.session)
        count = known[0].write(target, place.policy_year, place.region, chosen, ending)
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        back = reverse("targets:reports", args=[county, year])
        return redirect(f"{back}?{urlencode({'region': place.region.key})}")
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {known[0].title}{'（完整号码）' if chosen.full else ''}",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=count,
        form=ending,
    )
    target.seek(0)
    file_name = f"{place.region.name}{place.policy_year.year}年度{known[0].title}.{ending}"
    return FileResponse(target, as_attachment=True, filename=file_name)
