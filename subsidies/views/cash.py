"""现金代收: taking it, closing the day, paying it online, and what the county sees of it."""

from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import User
from subsidies import cash as verbs
from subsidies.cash import State
from subsidies.models import CashDay, CashReceipt
from subsidies.views import desk
from subsidies.words import Words

PER_PAGE = 50
DAYS = 30


class Remit(forms.Form):
    """When the cash was paid online, and under which serial number where it is one receipt."""

    on = forms.DateField(
        label="线上缴费日期",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "请填线上缴费的日期"},
    )
    serial = forms.CharField(label="流水号", max_length=60, required=False)


class Reversal(forms.Form):
    reason = forms.CharField(
        label="冲销原因", max_length=100, error_messages={"required": "请写明冲销原因"}
    )


@require_safe
def cash(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """An agent's own receipts and days; above the village, who holds how much."""
    place = enter(request, county, year, may="sees_people")
    user, policy_year = place.user, place.policy_year
    level = place.region.level
    reach = {"region": place.region} if level == "village" else {f"region__{level}": place.region}
    agents = User.objects.filter(**reach)
    balances = verbs.balances(policy_year, agents=agents)
    own = next((one for one in balances if one.agent.pk == user.pk), None)
    tab = request.GET.get("state", "")
    state = State(tab) if tab in State.values else State.HELD
    receipts = (
        CashReceipt.objects.visible_to(user)
        .filter(pk__in=verbs.in_state(policy_year, place.region, state))
        .select_related("person", "agent", "village", "policy_year", "day")
        .order_by("-taken_on", "-number")
    )
    page = Paginator(receipts, PER_PAGE).get_page(request.GET.get("page"))
    desk.opened(request, place, f"现金代收（{state.label}）", page.paginator.count)
    days = CashDay.objects.visible_to(user).filter(policy_year=policy_year, agent__in=agents)
    context: dict[str, Any] = {
        "page_title": "现金代收",
        "answer": _answer(place, balances),
        "policy_year": policy_year,
        "rule": verbs.rule(policy_year),
        "takes": user.job.takes_cash,
        "warnings": verbs.warnings(policy_year, own),
        "balances": [] if user.job.level == "village" else balances,
        "open_days": verbs.open_days(policy_year, user) if user.job.takes_cash else [],
        "tabs": _tabs(place, state),
        "state": state,
        "page": page,
        "mine": {one.pk for one in page if one.agent_id == user.pk and state == State.HELD},
        "form": Remit(initial={"on": timezone.localdate()}),
        "days": days.select_related("agent", "seen_by").order_by("seen_at", "-day")[:DAYS],
    }
    return render(request, "subsidies/cash.html", context)


@require_http_methods(["GET", "POST"])
def take(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """What somebody owes today, and one button that takes exactly that."""
    place = enter(request, county, year, may="takes_cash")
    visible = people.visible(place.user, place.policy_year)
    somebody = get_object_or_404(visible.select_related("village", "town", "county"), pk=pk)
    context: dict[str, Any] = {
        "page_title": f"收{somebody.name}的现金",
        "person": somebody,
        "policy_year": place.policy_year,
        "rule": verbs.rule(place.policy_year),
    }
    status = 200
    try:
        if request.method == "POST":
            receipt = verbs.take(
                somebody,
                policy_year=place.policy_year,
                amount=_yuan(request.POST.get("amount", "")),
                by=place.user,
                address=_address(request),
            )
            messages.success(request, f"已收 {receipt.amount:.2f} 元，收据 {receipt.shown}。")
            return redirect("subsidies:cash-receipt", county, year, receipt.pk)
        owed = verbs.owed(place.policy_year, somebody, on=timezone.localdate())
        context |= {"owed": owed, "answer": f"应收 {owed.amount:.2f} 元，不多收，不少收。"}
    except Failure as failure:
        # The rule's own sentence, which names identities.
        problem = Words(place.policy_year, place.user).veiled(failure.message)
        context |= {"problem": problem, "answer": "现在不能收现金。"}
        status = 400 if request.method == "POST" else 200
    return render(request, "subsidies/cash_take.html", context, status=status)


@require_http_methods(["GET", "POST"])
def receipt(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One receipt, to be printed; the agent's own may be reversed."""
    place = enter(request, county, year, may="sees_people")
    visible = CashReceipt.objects.visible_to(place.user).filter(policy_year=place.policy_year)
    one = get_object_or_404(
        visible.select_related(
            "person", "agent__region__parent", "village", "town", "county", "policy_year",
            "reverses__policy_year", "day",
        ),
        pk=pk,
    )  # fmt: skip
    form = Reversal(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            entry = verbs.reverse(
                one, reason=form.cleaned_data["reason"], by=place.user, address=_address(request)
            )
        except Failure as failure:
            form.add_error("reason", failure.message)
        else:
            messages.success(request, f"收据 {one.shown} 已冲销，请退还 {one.amount:.2f} 元。")
            return redirect("subsidies:cash-receipt", county, year, entry.pk)
    state = verbs.state_of(one)
    context = {
        "page_title": f"{'冲销单' if one.reverses_id else '收据'} {one.shown}",
        "answer": state.label,
        "receipt": one,
        "reversal": CashReceipt.objects.filter(reverses=one).first(),
        "state": state,
        "may_reverse": one.agent_id == place.user.pk and state == State.HELD,
        "form": form,
        "policy_year": place.policy_year,
    }
    status = 400 if form.errors else 200
    return render(request, "subsidies/cash_receipt.html", context, status=status)


@require_http_methods(["GET", "POST"])
def day(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """现金登记簿: one closed day, people, money and receipts in agreement; seen by a second."""
    place = enter(request, county, year, may="sees_people")
    visible = CashDay.objects.visible_to(place.user).filter(policy_year=place.policy_year)
    closed = get_object_or_404(visible.select_related("agent__region__parent", "seen_by"), pk=pk)
    if request.method == "POST":
        try:
            verbs.see_day(closed, by=place.user, address=_address(request))
            messages.success(request, f"{closed.day} 的日清已复核。")
        except Failure as failure:
            messages.error(request, failure.message)
        return redirect("subsidies:cash-day", county, year, pk)
    receipts = list(
        closed.receipts.select_related("person", "village", "policy_year").order_by("number")
    )
    states = verbs.states([one.pk for one in receipts])
    title = f"{closed.agent.display_name} {closed.day} 现金登记簿"
    desk.opened(request, place, title, len({one.person_id for one in receipts}))
    context = {
        "page_title": title,
        "answer": f"{closed.entries} 笔，合计 {closed.total:,.2f} 元；"
        + (f"{closed.seen_by.display_name}已复核。" if closed.seen_by else "等待另一人复核。"),
        "day": closed,
        "rows": [(one, states[one.pk]) for one in receipts],
        "people": len({one.person_id for one in receipts}),
        "may_see": closed.seen_at is None
        and place.user.job.may_answer
        and closed.agent_id != place.user.pk,
        "policy_year": place.policy_year,
    }
    return render(request, "subsidies/cash_day.html", context)


@require_POST
def remit(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The ticked receipts were paid online."""
    place = enter(request, county, year, may="takes_cash")
    form = Remit(request.POST)
    chosen = [int(pk) for pk in request.POST.getlist("receipt") if pk.isdecimal()]
    if not form.is_valid():
        messages.error(request, "请填线上缴费的日期。")
    else:
        try:
            count = verbs.remit(
                place.policy_year, chosen, by=place.user, address=_address(request),
                **form.cleaned_data,
            )  # fmt: skip
            messages.success(request, f"已记 {count} 人线上缴费，税务明细到后自动核对。")
        except Failure as failure:
            messages.error(request, failure.message)
    return redirect(_here(place))


@require_POST
def close(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """日清."""
    place = enter(request, county, year, may="takes_cash")
    try:
        closed = verbs.close_day(
            place.policy_year,
            day=date.fromisoformat(request.POST.get("day", "")),
            by=place.user,
            address=_address(request),
        )
    except ValueError:
        messages.error(request, "没有写明日期，没有日清；请从本页的按钮办理。")
    except Failure as failure:
        messages.error(request, failure.message)
    else:
        messages.success(
            request, f"{closed.day} 已日清：{closed.entries} 笔，{closed.total:,.2f} 元。"
        )
        return redirect("subsidies:cash-day", county, year, closed.pk)
    return redirect(_here(place))


def _tabs(place: Place, chosen: State) -> list[dict[str, Any]]:
    counts = verbs.counted(place.policy_year, place.region)
    here = _here(place)
    joint = "&" if "?" in here else "?"
    kinds = {State.HELD: "behind", State.DIFFERS: "problem", State.MATCHED: "done"}
    return [
        {
            "label": state.label,
            "count": counts[state][0],
            "url": f"{here}{joint}{urlencode({'state': state})}",
            "active": state == chosen,
            "kind": kinds.get(state, ""),
        }
        for state in State
    ]


def _answer(place: Place, balances: list[verbs.Balance]) -> str:
    held = sum((one.held for one in balances), Decimal(0))
    count = sum(one.receipts for one in balances)
    if not count:
        return f"{place.region.path}没有未缴的现金。"
    over = sum(one.over_days or one.over_amount for one in balances)
    tail = f"，{over} 人超过限期或限额" if over else ""
    return f"{place.region.path}有 {count} 人的现金还没有线上缴费，共 {held:,.2f} 元{tail}。"


def _here(place: Place) -> str:
    here = reverse("subsidies:cash", args=[place.county.key, place.policy_year.year])
    if place.region != place.user.region:
        return f"{here}?{urlencode({'region': place.region.key})}"
    return here


def _yuan(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise Failure("amount", "金额不是数字") from None


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")
