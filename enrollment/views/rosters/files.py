"""The files of a roster going out: asked for each time, and on record each time."""

import itertools
from pathlib import PurePath

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enrollment import audit, second_factor, store
from enrollment.access import Place
from enrollment.models import Roster
from enrollment.views.rosters.common import address, roster_or_404
from enrollment.views.rosters.page import may_open_files

TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
    ".csv": "text/csv",
}


@never_cache
@require_safe
def problems(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponseBase:
    """The user's own sheets with 结果 and 原因 beside each row."""
    place, roster = roster_or_404(request, county, year, pk)
    name = f"{PurePath(roster.file_name).stem}-核对结果.xlsx"
    return _send(request, place, roster, roster.problems_as, name, "download_problems")


@never_cache
@require_safe
def original(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponseBase:
    """The file as it was handed in."""
    place, roster = roster_or_404(request, county, year, pk)
    return _send(request, place, roster, roster.stored_as, roster.file_name, "download_original")


def _send(
    request: HttpRequest, place: Place, roster: Roster, stored: str, name: str, action: str
) -> HttpResponseBase:
    if not may_open_files(place, roster):
        raise PermissionDenied("名册文件里有完整的证件号码，您的岗位不能下载。")
    if place.user.job.may_reveal:
        second_factor.require(place.user, request.session)
    if not stored:
        return _sorry(request, place, roster, "没有这个文件，或已按期删除。")
    pieces = store.stream(stored)
    try:
        # What can be wrong with a stored file shows at its first piece, before anything is sent.
        first = next(pieces, b"")
    except store.FileProblem as problem:
        return _sorry(request, place, roster, str(problem))
    audit.record(
        action,
        by=place.user,
        county=roster.county,
        subject=f"roster {roster.pk}",
        address=request.META.get("REMOTE_ADDR", ""),
        file=name,
    )
    answer = StreamingHttpResponse(
        itertools.chain([first], pieces),
        content_type=TYPES.get(PurePath(name).suffix.lower(), "application/octet-stream"),
    )
    answer["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


def _sorry(request: HttpRequest, place: Place, roster: Roster, sentence: str) -> HttpResponse:
    messages.error(request, sentence)
    return redirect(address("rosters-one", place, roster.pk))
