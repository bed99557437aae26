"""正式表格 as files, in the form the county's pack gives them: Excel, PDF or CSV."""

from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from enrollment import audit
from enrollment.access import enter
from enrollment.failure import Failure
from targets import official
from targets.navigation import address
from targets.views.progress import cut_off

MAY = {
    "targets": "",
    "progress": "sees_people",
    "overlap": "sees_people",
    "contrast": "",
    "coverage": "sees_people",
}


@require_safe
def table(request: HttpRequest, county: str, year: int, name: str) -> HttpResponse:
    """Download a table of the region, ``?form`` says as what.

    ``?draft`` uses what the register gives, and says so.
    """
    form = request.GET.get("form", "xlsx")
    if name not in MAY or form not in official.FILE_FORMS:
        raise Http404
    place = enter(request, county, year, may=MAY[name])
    until, problem = cut_off(request)
    draft = "draft" in request.GET
    try:
        if problem:
            raise Failure("as_of", problem)
        made = official.table(
            place.policy_year,
            name,
            # The contrast table is the policy's, the same wherever one stands.
            region=None if name == "contrast" else place.region,
            draft=draft,
            until=until,
            viewer=place.user,
        )
        content = official.content(made, form)
    except Failure as failure:
        messages.error(request, failure.message)
        page = name if name in ("targets", "progress") else "policy"
        return redirect(address(f"targets:{page}", place.policy_year, place.region))
    audit.record(
        "download_table",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {official.TABLES[name]}",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=len(made.rows),
        form=form,
    )
    kind = f"{official.TABLES[name]}{'（测算稿）' if draft else ''}"
    described = official.FILE_FORMS[form]
    file_name = f"{place.region.name}{place.policy_year.year}年度{kind}.{described.ending}"
    disposition = f"attachment; filename*=UTF-8''{quote(file_name)}"
    return HttpResponse(
        content,
        content_type=described.content_type,
        headers={"Content-Disposition": disposition},
    )
