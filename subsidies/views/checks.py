"""金额待核查: what disagrees, sent to towns and villages in bulk, answered, recalled, closed."""

import tempfile
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from enrollment import audit
from enrollment.access import Place, enter
from enrollment.failure import Failure
from subsidies import checks as verbs
from subsidies import checks_file
from subsidies.checks import State
from subsidies.models import AmountCheck, CheckAnswer, Subsidy
from subsidies.views import desk
from subsidies.views.fresh import fresh
from subsidies.words import Words

PER_PAGE = 50
DONE = {
    "send": "已下发 {} 人，乡镇、村可以答复了。",
    "recall": "已收回 {} 人，已有的答复仍保留。",
    "close": "已办结 {} 人；台账金额没有改动。",
}


class Answer(forms.Form):
    """What was found, and where it must be explained, the words."""

    finding = forms.ChoiceField(
        label="核查结果",
        choices=CheckAnswer.Finding.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "请选择核查结果"},
    )
    text = forms.CharField(
        label="说明",
        required=False,
        max_length=verbs.TEXT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="如 低保证 2023年5月发放，名单漏列；选“其他”时必填",
    )


@require_safe
def checks(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """One state's people; the county sends, recalls and closes from here."""
    place = enter(request, county, year, may="sees_people")
    told = verbs.counts(place.policy_year, place.region, viewer=place.user)
    sends = verbs.sends(place.user)
    state = _state(request, told, sends=sends)
    found = _people(place, state)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    words = Words(place.policy_year, place.user)
    desk.opened(request, place, f"金额待核查（{State(state).label}）", page.paginator.count)
    context: dict[str, Any] = {
        "page_title": "金额待核查",
        "answer": _answer(place, told, sends=sends),
        "policy_year": place.policy_year,
        "region": place.region,
        "state": state,
        "tabs": _tabs(place, told, state, sends=sends),
        "page": page,
        "rows": _rows(place, page.object_list, state, words),
        "sends": sends,
        "may_reply": place.user.job.may_reply,
        "act_url": _url(place, state, name="subsidies:checks-act"),
        "export_url": _url(place, state, name="subsidies:checks-export"),
    }
    return render(request, "subsidies/checks.html", context | fresh(place.policy_year))


@require_POST
def act(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Send, recall or close the ticked, or send everybody of the region who is unsent."""
    place = enter(request, county, year, may="may_issue")
    what = request.POST.get("act", "")
    ticked = [int(one) for one in request.POST.getlist("row") if one.isdecimal()]
    common: dict[str, Any] = {
        "by": place.user,
        "address": request.META.get("REMOTE_ADDR", ""),
    }
    text = request.POST.get("text", "")
    year_, region = place.policy_year, place.region
    try:
        if what in ("send", "send_all"):
            if what == "send" and not ticked:
                raise Failure("nobody", "请先勾选要下发的人，或按“全部下发”")
            people = ticked if what == "send" else None
            number = verbs.send(year_, region, people=people, note=text, **common)
        elif what == "recall":
            number = verbs.recall(year_, region, checks=ticked, **common)
        elif what == "close":
            number = verbs.close(year_, region, checks=ticked, conclusion=text, **common)
        else:
            raise Failure("act", "没有这种办理，数据没有变化")
    except Failure as failure:
        messages.error(request, failure.message)
    else:
        messages.success(request, DONE[what.removesuffix("_all")].format(number))
    back = request.GET.get("state", "")
    return redirect(_url(place, back if back in State.values else ""))


@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One person's check: amounts then and now, what was answered, and a further answer."""
    place = enter(request, county, year, may="sees_people")
    visible = AmountCheck.objects.visible_to(place.user).filter(policy_year=place.policy_year)
    check = get_object_or_404(
        visible.select_related("person", "town", "village", "sent_by", "policy_year"), pk=pk
    )
    may = place.user.job.may_reply and not (check.closed_at or check.recalled_at)
    form = Answer(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.answer(
                check,
                by=place.user,
                address=request.META.get("REMOTE_ADDR", ""),
                **form.cleaned_data,
            )
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(request, "已记下答复，县级可以看到。")
            return redirect(_after(request, place, check))
    words = Words(place.policy_year, place.user)
    row = Subsidy.objects.filter(policy_year=place.policy_year, person=check.person_id).first()
    context = {
        "page_title": f"{check.person.name} 金额核查",
        "answer": _said(check),
        "check": check,
        "row": row,
        "reason": words.veiled(row.reason) if row else "",
        "category": words.name(row.category_id) if row else "",
        "history": verbs.history(check),
        "form": form if may else None,
        "policy_year": place.policy_year,
        "list_url": _url(place, _state_of(check)),
        "sends": verbs.sends(place.user) and not (check.closed_at or check.recalled_at),
        "act_url": _url(place, _state_of(check), name="subsidies:checks-act"),
    }
    return render(request, "subsidies/check.html", context, status=400 if form.errors else 200)


@require_safe
def count(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """A line for other pages: how many wait for this reader; nothing where none do."""
    place = enter(request, county, year, may="sees_people")
    number = verbs.waiting_for(place.policy_year, place.region, viewer=place.user)
    context = {
        "number": number,
        "url": _url(place, ""),
        "what": "待下发或待办结" if verbs.sends(place.user) else "待您答复",
    }
    return render(request, "subsidies/_checks_count.html", context)


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """A state's people with what was answered, as Excel."""
    place = enter(request, county, year, may="sees_people")
    told = verbs.counts(place.policy_year, place.region, viewer=place.user)
    state = _state(request, told, sends=verbs.sends(place.user))
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        rows = checks_file.write(target, place.policy_year, place.region, state, viewer=place.user)
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        return redirect(_url(place, state))
    label = f"金额待核查（{State(state).label}）"
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {label}",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=rows,
    )
    target.seek(0)
    name = f"{place.region.name}{place.policy_year.year}年度{label}.xlsx"
    return FileResponse(target, as_attachment=True, filename=name)


def _state(request: HttpRequest, told: dict[str, int], *, sends: bool) -> str:
    """The state asked for; else the first in which something waits for this reader."""
    asked = request.GET.get("state", "")
    if asked in State.values and (sends or asked != State.UNSENT):
        return asked
    order = (State.ANSWERED, State.UNSENT, State.SENT) if sends else (State.SENT, State.ANSWERED)
    return next((one.value for one in order if told[one]), order[0 if not sends else 1].value)


def _state_of(check: AmountCheck) -> str:
    if check.recalled_at:
        return ""
    if check.closed_at:
        return State.CLOSED
    return State.ANSWERED if check.answered_at else State.SENT


def _people(place: Place, state: str) -> QuerySet[Any]:
    if state == State.UNSENT:
        rows = verbs.unsent(place.policy_year, place.region, viewer=place.user)
        rows = rows.select_related("person", "town", "village")
        return rows.order_by("town__order", "village__order", "village", "person")
    found = verbs.sent(place.policy_year, place.region, state, viewer=place.user)
    return found.select_related("person", "town", "village").prefetch_related("answers__by")


def _rows(place: Place, listed: Any, state: str, words: Words) -> list[dict[str, Any]]:
    """What a line shows: then and now where it was sent, the last answer where there is one."""
    shown = list(listed)
    if state == State.UNSENT:
        return [
            {
                "pk": row.person_id,
                "person": row.person,
                "where": row,
                "due": row.due,
                "paid": row.paid,
                "difference": row.difference,
                "category": words.name(row.category_id),
                "reason": words.veiled(row.reason),
            }
            for row in shown
        ]
    ledger = {
        row.person_id: row
        for row in Subsidy.objects.filter(
            policy_year=place.policy_year, person__in=[check.person_id for check in shown]
        )
    }
    rows = []
    for check in shown:
        now = ledger.get(check.person_id)
        answers = list(check.answers.all())
        moved = now is None or (now.due, now.paid) != (check.due, check.paid)
        rows.append(
            {
                "pk": check.pk,
                "check": check,
                "person": check.person,
                "where": check,
                "due": check.due,
                "paid": check.paid,
                "difference": check.difference,
                "now": now if moved else None,
                "gone": now is None,
                "category": words.name(now.category_id) if now else "",
                "last": answers[-1] if answers else None,
                "answers": len(answers),
            }
        )
    return rows


def _tabs(place: Place, told: dict[str, int], state: str, *, sends: bool) -> list[dict[str, Any]]:
    kinds = {State.UNSENT: "problem", State.SENT: "behind", State.CLOSED: "done"}
    return [
        {
            "label": one.label,
            "count": told[one],
            "url": _url(place, one.value),
            "active": one == state,
            "kind": kinds.get(one, ""),
        }
        for one in State
        if sends or one != State.UNSENT
    ]


def _answer(place: Place, told: dict[str, int], *, sends: bool) -> str:
    parts = [
        f"{one.label} {told[one]:,} 人" for one in State if told[one] and (sends or one != "unsent")
    ]
    where = f"{place.region.path} {place.policy_year.year} 年度"
    if not parts:
        return f"{where}没有金额不一致的人。" if sends else f"{where}没有下发核查的人。"
    return f"{where}缴费金额与规则不一致：{'，'.join(parts)}。"


def _said(check: AmountCheck) -> str:
    if check.recalled_at:
        return "这一项已由县级收回，不用答复。"
    if check.closed_at:
        return f"{check.get_closed_display()}。"
    word = "多缴" if check.difference > 0 else "少缴"
    return (
        f"按规则应缴 {check.due:,.2f} 元，实缴 {check.paid:,.2f} 元，"
        f"{word} {abs(check.difference):,.2f} 元，请核实原因。"
    )


def _after(request: HttpRequest, place: Place, check: AmountCheck) -> str:
    """The next one without an answer, where asked for, else the list."""
    if "next" in request.POST:
        rest = verbs.sent(place.policy_year, place.region, State.SENT, viewer=place.user)
        later = Q(town__gt=check.town_id) | Q(town=check.town_id, village__gt=check.village_id)
        later |= Q(town=check.town_id, village=check.village_id, pk__gt=check.pk)
        following = rest.filter(later).first() or rest.first()
        if following:
            args = [place.county.key, place.policy_year.year, following.pk]
            return reverse("subsidies:checks-one", args=args)
    return _url(place, "")


def _url(place: Place, state: str, *, name: str = "subsidies:checks") -> str:
    url = reverse(name, args=[place.county.key, place.policy_year.year])
    query = {"region": place.region.key} | ({"state": state} if state else {})
    return f"{url}?{urlencode(query)}"
