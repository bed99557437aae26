"""登记核对: deductions that clerks set, objections, refund requests and moves, to be decided."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Objection, RefundRequest, Relocation, StatusRecord
from enrollment.registration import enrolling, moves, statuses

PER_PAGE = 50
KINDS = {"deductions": "扣减", "moves": "迁移", "objections": "异议", "refunds": "退费"}


@require_http_methods(["GET", "POST"])
def reviews(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """What waits for somebody's word, by kind; the counters are what is still open."""
    place = enter(request, county, year, may="registers")
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else "deductions"
    if request.method == "POST":
        try:
            messages.success(request, _do(request, place, kind))
        except Failure as failure:
            messages.error(request, failure.message)
        return redirect(_url(place, kind))
    open_ones = {
        "deductions": _deductions(place).filter(reviewed_at__isnull=True),
        "moves": moves.waiting(place.user, county=place.county),
        "objections": _objections(place),
        "refunds": _refunds(place),
    }
    counts = {name: rows.count() for name, rows in open_ones.items()}
    listed = _deductions(place) if kind == "deductions" else open_ones[kind]
    page = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page_title": "登记核对",
        "answer": _answer(place, counts),
        "tabs": [
            {
                "label": word,
                "count": counts[name],
                "url": _url(place, name),
                "active": name == kind,
                "kind": "behind" if counts[name] else "",
            }
            for name, word in KINDS.items()
        ],
        "tabs_label": "事项",
        "kind": kind,
        "page": page,
        "rows": [_row(place, kind, one) for one in page],
        "reviews": place.user.job.reviews,
        "policy_year": place.policy_year,
        "outcomes": {
            "objections": Objection.Outcome.choices,
            "refunds": RefundRequest.Outcome.choices,
        }.get(kind, []),
        "today": timezone.localdate(),
    }
    return render(request, "targets/reviews.html", context)


def _deductions(place: Place) -> Any:
    return statuses.deductions(place.policy_year, place.region, viewer=place.user)


def _objections(place: Place) -> Any:
    rows = Objection.objects.visible_to(place.user).in_region(place.region)
    rows = rows.filter(policy_year=place.policy_year, answered_at__isnull=True)
    return rows.select_related("person", "village", "town", "recorded_by").order_by("pk")


def _refunds(place: Place) -> Any:
    rows = RefundRequest.objects.visible_to(place.user).in_region(place.region)
    rows = rows.filter(policy_year=place.policy_year, answered_at__isnull=True)
    related = ("person", "village", "town", "recorded_by")
    return rows.select_related(*related).order_by("answer_by", "pk")


def _row(place: Place, kind: str, one: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"row": one, "person": one.person}
    if kind == "deductions":
        hidden = one.kind.sensitive and not people.sees_sensitive(place.user)
        row |= {"word": people.status_word(one.kind, place.user), "hidden": hidden}
    if kind == "moves":
        row["mine"] = moves.may_decide(one, place.user)
        row["own"] = moves.may_cancel(one, place.user)
        row["linked"] = moves.answers_for(place.user, one.village)
    return row


def _do(request: HttpRequest, place: Place, kind: str) -> str:
    data, address = request.POST, request.META.get("REMOTE_ADDR", "")
    pk = data.get("row", "")
    key = int(pk) if pk.isdecimal() else 0
    year: dict[str, Any] = {"policy_year": place.policy_year}
    who: dict[str, Any] = {"by": place.user, "address": address}
    if kind == "moves":
        move = get_object_or_404(Relocation.objects.visible_to(place.user), pk=key)
        if data.get("verb") == "cancel":
            moves.cancel(move, **who)
            return "已撤回迁移。"
        agrees = data.get("verb") == "agree"
        moves.decide(move, agrees=agrees, text=data.get("text", ""), **who)
        return "已同意，人员和登记随转。" if agrees else "已记下不同意，人员没有变动。"
    if kind == "deductions":
        status_rows = StatusRecord.objects.visible_to(place.user).filter(**year)
        status = get_object_or_404(status_rows, pk=key)
        if data.get("verb") == "end":
            statuses.end(status, reason=data.get("text", ""), **who)
            return "已撤销这项扣减。"
        statuses.review(status, **who)
        return "已核对，扣减有效。"
    outcome, text = data.get("outcome", ""), data.get("text", "")
    if kind == "objections":
        objections = Objection.objects.visible_to(place.user).filter(**year)
        statuses.answer(get_object_or_404(objections, pk=key), outcome=outcome, text=text, **who)
        return "异议已答复。"
    refunds = RefundRequest.objects.visible_to(place.user).filter(**year)
    enrolling.answer_refund(get_object_or_404(refunds, pk=key), outcome=outcome, answer=text, **who)
    return "退费申请已答复；同意的请转税务办理。"


def _answer(place: Place, counts: dict[str, int]) -> str:
    parts = [f"{KINDS[name]} {count} 件" for name, count in counts.items() if count]
    if not parts:
        return f"{place.region.path}没有待核对的事项。"
    return f"{place.region.path}待核对：{'，'.join(parts)}。"


def _url(place: Place, kind: str) -> str:
    here = reverse("targets:reviews", args=[place.county.key, place.policy_year.year])
    return f"{here}?{urlencode({'region': place.region.key, 'kind': kind})}"
