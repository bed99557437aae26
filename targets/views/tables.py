"""正式表格 as files, in the form the county's pack gives them: Excel, PDF or CSV."""

from urllib.parse import quote, urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from enrollment import audit, second_factor
from enrollment.access import enter
from enrollment.failure import Failure
from targets import official, shelf
from targets.views.reports import chosen_from, form_or_404


@require_safe
def table(request: HttpRequest, county: str, year: int, name: str) -> HttpResponse:
    """Download a table of the region, ``?form`` says as what.

    ``?draft`` uses what the register gives, and says so. What cannot be made is told on the page
    of the table.
    """
    described = official.FILE_FORMS.get(request.GET.get("form", "xlsx"))
    form = form_or_404(name)
    if described is None:
        raise Http404
    place = enter(request, county, year, may=form.may)
    chosen, problem = chosen_from(request, place)
    try:
        if problem:
            raise Failure("as_of", problem)
        shelf.refuse(form, chosen)
        if chosen.full and not place.user.job.may_reveal:
            raise Failure("role", "您的岗位不能导出完整证件号码")
        if chosen.full:
            second_factor.require(place.user, request.session)
        made = form.table(place.policy_year, place.region, chosen)
        content = described.make(made)
    except Failure as failure:
        messages.error(request, failure.message)
        back = reverse("targets:report", args=[county, year, name])
        return redirect(f"{back}?{urlencode({'region': place.region.key})}")
    audit.record(
        "download_table",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {form.title}{'（完整号码）' if chosen.full else ''}",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=len(made.rows),
        form=request.GET.get("form", "xlsx"),
    )
    kind = f"{form.title}{'（测算稿）' if chosen.draft else ''}"
    file_name = f"{place.region.name}{place.policy_year.year}年度{kind}.{described.ending}"
    disposition = f"attachment; filename*=UTF-8''{quote(file_name)}"
    return HttpResponse(
        content,
        content_type=described.content_type,
        headers={"Content-Disposition": disposition},
    )
