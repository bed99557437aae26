"""操作记录 as a workbook: the events that were asked for, in words; the export is on record too."""

import tempfile
from collections.abc import Iterator
from itertools import islice

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_safe

from enrollment import audit, sheets
from enrollment.access import enter
from enrollment.failure import Failure
from enrollment.models import AuditEvent, Region
from enrollment.models.audit import AuditQuerySet
from enrollment.views.audit import ACTIONS, Filter, Words, asked_for

STRETCH = 2000


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """The same events as a workbook, whole before its first byte is sent; itself on record."""
    place = enter(request, county, year, may="reads_audit")
    form, events = asked_for(request, place)
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    sheet = sheets.Sheet(
        f"{place.county.name}操作记录",
        f"导出 {timezone.localtime():%Y-%m-%d %H:%M}　{place.user.display_name}　"
        f"{_conditions(form)}",
        COLUMNS,
        _lines(events.select_related("user", "seal"), place.county),
    )
    try:
        if not form.is_valid():
            raise Failure("filter", "查找条件有误，请改正后再导出")
        count = sheets.write_xlsx(target, sheet)
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        return redirect("enrollment:audit", county, year)
    audit.record(
        "export_audit",
        by=place.user,
        county=place.county,
        subject="操作记录",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=count,
        filter=_conditions(form),
    )
    target.seek(0)
    name = f"{place.county.name}操作记录{timezone.localdate():%Y%m%d}.xlsx"
    return FileResponse(target, as_attachment=True, filename=name)


COLUMNS = (
    sheets.Column("时间", 20),
    sheets.Column("账号", 14),
    sheets.Column("姓名", 14),
    sheets.Column("操作", 16),
    sheets.Column("对象", 36),
    sheets.Column("居民", 18),
    sheets.Column("说明", 60),
    sheets.Column("来源地址", 16),
    sheets.Column("封存", 8),
)


def _lines(events: AuditQuerySet, county: Region) -> Iterator[tuple[sheets.Value, ...]]:
    """The rows of an export, read and put into words a stretch at a time."""
    for some in _stretches(events.iterator(chunk_size=STRETCH)):
        for line in Words(some, county).lines():
            event = line["event"]
            yield (
                f"{timezone.localtime(event.at):%Y-%m-%d %H:%M:%S}",
                event.username,
                event.user.full_name if event.user else "",
                *(line["word"], line["subject"], line["person"], line["details"]),
                event.address,
                "已封存" if hasattr(event, "seal") else "待封存",
            )


def _stretches(events: Iterator[AuditEvent]) -> Iterator[list[AuditEvent]]:
    while some := list(islice(events, STRETCH)):
        yield some


def _conditions(form: Filter) -> str:
    """What was asked for, in words, for the head of the export and for the record."""
    if not form.is_valid():
        return ""
    chosen = form.cleaned_data
    said = [
        f"账号 {chosen['user']}" if chosen["user"] else "",
        f"操作 {ACTIONS.get(chosen['action'], chosen['action'])}" if chosen["action"] else "",
        f"自 {chosen['since']}" if chosen["since"] else "",
        f"至 {chosen['until']}" if chosen["until"] else "",
        f"居民编号 {chosen['person']}" if chosen["person"] else "",
    ]
    return "，".join(filter(None, said)) or "全部"
