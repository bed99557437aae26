"""What is done about a roster: its headings explained, applied, put aside, withdrawn, cancelled."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from enrollment import jobs, tasks
from enrollment import roster as verbs
from enrollment.access import Place
from enrollment.failure import Failure
from enrollment.forms import Headings
from enrollment.models import Fate, Job, Roster, RosterState
from enrollment.roster.samples import samples
from enrollment.views.rosters.common import address, roster_or_404, title, writes
from enrollment.views.rosters.page import context_of


@require_POST
def cancel(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Stop what is under way."""
    place, roster = roster_or_404(request, county, year, pk, may="hands_in")
    job = Job.objects.active().filter(roster=roster).first()
    if job is None:
        messages.info(request, "任务已经结束，没有可以取消的。")
    else:
        jobs.cancel(job, by=place.user)
        messages.info(request, "已要求取消，马上停下；数据不会有变化。")
    return _back(place, roster)


@require_POST
def apply(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Queue the applying of what the page showed: its counts come along."""
    place, roster = roster_or_404(request, county, year, pk, may="may_apply")
    try:
        if roster.state != RosterState.WAITING:
            raise Failure("not_waiting", f"这份名册{roster.get_state_display()}，不能入库。")
        expected = _seen(request)
        confirmed = "confirmed" in request.POST
        if roster.warning and not confirmed:
            raise Failure("confirmation_needed", f"没有入库：{roster.warning}请勾选后再确认。")
        _submit("apply", roster, place, expected=expected, confirmed=confirmed)
    except Failure as failure:
        messages.error(request, failure.message)
    return _back(place, roster)


@require_POST
def discard(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Put the preview aside."""
    place, roster = roster_or_404(request, county, year, pk, may="hands_in")
    try:
        if Job.objects.active().filter(roster=roster).exists():
            raise Failure("busy", "名册正在处理，请先取消任务再放弃。")
        verbs.discard(roster, by=place.user)
    except Failure as failure:
        messages.error(request, failure.message)
        return _back(place, roster)
    messages.success(request, f"已放弃{title(roster, place)}（{roster.file_name}），数据没有变化。")
    return redirect(address("rosters", place))


@require_POST
def retry(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Read again what was received and not read, or read before something else changed."""
    place, roster = roster_or_404(request, county, year, pk, may="hands_in")
    try:
        if roster.state not in (RosterState.RECEIVED, RosterState.WAITING):
            raise Failure("over", f"这份名册{roster.get_state_display()}，不能重新读取。")
        _submit("read", roster, place)
    except Failure as failure:
        messages.error(request, failure.message)
    return _back(place, roster)


@require_POST
def headings(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Answer what the headings mean; then the file is read with that answer."""
    place, roster = roster_or_404(request, county, year, pk, may="hands_in")
    if roster.state != RosterState.HEADINGS:
        messages.info(request, "表头的含义已经有了回答。")
        return _back(place, roster)
    form = Headings(request.POST, roster=roster, shown={})
    if not form.is_valid():
        form = Headings(request.POST, roster=roster, shown=samples(roster))
        page = context_of(request, place, roster, None, form)
        return render(request, "enrollment/roster.html", page, status=400)
    try:
        verbs.explain_headings(roster, form.mapping, by=place.user)
        _submit("read", roster, place)
    except Failure as failure:
        messages.error(request, failure.message)
    return _back(place, roster)


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Say what withdrawing means, then do it."""
    place, roster = roster_or_404(request, county, year, pk, may="may_apply")
    if roster.state != RosterState.APPLIED:
        messages.info(request, f"这份名册{roster.get_state_display()}，不需要撤回。")
        return _back(place, roster)
    if request.method == "POST":
        try:
            _submit("withdraw", roster, place)
        except Failure as failure:
            messages.error(request, failure.message)
        return _back(place, roster)
    context = {
        "page_title": f"撤回{title(roster, place)}",
        "answer": f"撤回以后，这份名册带来的改动恢复原样：{writes(roster) or '没有变动'}。",
        "roster": roster,
        "policy_year": place.policy_year,
        "own_url": address("rosters-one", place, roster.pk),
    }
    return render(request, "enrollment/roster_withdraw.html", context)


def _seen(request: HttpRequest) -> dict[str, int]:
    """The counts that stood on the page. Raises Failure where they are not there."""
    seen = {fate: request.POST.get(fate, "") for fate in Fate.values}
    if not all(text.isdecimal() for text in seen.values()):
        raise Failure("counts", "页面不完整，没有入库；请重新打开本页再确认。")
    return {fate: int(text) for fate, text in seen.items()}


def _submit(verb: str, roster: Roster, place: Place, **options: object) -> None:
    job = jobs.submit(verb, roster=roster, by=place.user, **options)
    tasks.run_job.delay_on_commit(job.pk)


def _back(place: Place, roster: Roster) -> HttpResponse:
    return redirect(address("rosters-one", place, roster.pk))
