"""上传名册: choose the kind, say what the file is, hand it in."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from enrollment import tasks, workbook
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.forms import Upload
from enrollment.models import Region
from enrollment.roster.kinds import Kind
from enrollment.roster.receiving import kinds_for, receive
from enrollment.views.rosters.common import address
from enrollment.years import history_year


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """A form with the questions of one kind; a second click leads to the same roster."""
    place = enter(request, county, year, may="hands_in")
    kinds = kinds_for(place.user)
    asked = request.GET.get("kind", "")
    kind = next((one for one in kinds if one.key == asked), None)
    if asked and kind is None:
        raise Http404
    kind = kind or kinds[0]
    form = Upload(
        request.POST or None,
        request.FILES or None,
        place=place,
        kind=kind,
        topic=request.GET.get("topic", ""),
    )
    if request.method == "POST" and form.is_valid():
        try:
            return _receive(request, place, kind, form)
        except Failure as failure:
            form.add_error(None, failure.message)
    context = {
        "page_title": "上传名册",
        "answer": f"{kind.title}：{kind.hint}。" if kind.hint else kind.title,
        "tabs": [
            {
                "label": one.title,
                "count": None,
                "url": address("rosters-new", place, kind=one.key),
                "active": one is kind,
            }
            for one in kinds
        ],
        "tabs_label": "名册种类",
        "form": form,
        "kind": kind,
        "needed": [column.title for column in kind.columns if column.required],
        "known": [column.title for column in kind.columns if not column.required],
        "fixed": _fixed(place, kind, form),
        "limits": workbook.limits_sentence(),
        "cancel_url": address("rosters", place),
        "policy_year": place.policy_year,
    }
    status = 400 if form.errors else 200
    return render(request, "enrollment/roster_new.html", context, status=status)


def _receive(request: HttpRequest, place: Place, kind: Kind, form: Upload) -> HttpResponse:
    given = form.cleaned_data
    policy_year = place.policy_year
    if given.get("year") and given["year"] != policy_year.year:
        policy_year = history_year(place.county, given["year"])
    user, file = place.user, given["file"]
    roster, job = receive(
        file,
        file_name=file.name,
        year=policy_year,
        kind=kind.key,
        by=user,
        region=given.get("region") or _own_region(place),
        status=given.get("status"),
        topic=given.get("topic", ""),
        mode=given.get("mode"),
        as_of=given["as_of"],
        department=user.department if user.job.own_department else given.get("department"),
        sheet=given["sheet"],
    )
    if job:
        tasks.run_job.delay_on_commit(job.pk)
    else:
        messages.info(request, "这份文件已经交来过，这里就是它；没有重复登记。")
    return redirect(address("rosters-one", place, roster.pk))


def _own_region(place: Place) -> Region:
    """A town hands in for itself; a department for the county."""
    own = place.user.region
    return own if own is not None and own.level == "town" else place.county


def _fixed(place: Place, kind: Kind, form: Upload) -> list[tuple[str, str]]:
    """What is not asked because it cannot be otherwise."""
    fixed = []
    if "region" not in form.fields:
        fixed.append(("名册范围", _own_region(place).name))
    if place.user.department:
        fixed.append(("报送部门", place.user.department.name))
    if "mode" not in form.fields and not kind.ends_missing:
        fixed.append(("方式", "逐行加入，不使任何人退出"))
    return fixed
