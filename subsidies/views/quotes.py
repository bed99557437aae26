"""缴费测算: what somebody owes, for anybody who asks, and on a person's own page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe

from enrollment import audit, people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import EventRule, Person
from enrollment.models.rules import Attribute
from subsidies import case, freeze, quote, records, standing
from subsidies.forms import Question
from subsidies.models import (
    AmountCheck,
    AttributeRecord,
    Entitlement,
    EventRecord,
    ExtraHelp,
    Subsidy,
)
from subsidies.views import desk
from subsidies.views.fresh import fresh
from subsidies.words import Words


@require_safe
def quotes(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The policy's answer to a question without a person; open to everybody signed in."""
    place = enter(request, county, year)
    context: dict[str, Any] = {"page_title": "缴费测算", "policy_year": place.policy_year}
    try:
        form = Question(request.GET, choices=case.choices(place.policy_year))
        context["form"] = form
        if form.is_valid():
            asked = case.ask(place.policy_year, **form.asked())
            context["quote"] = quote.quote(place.policy_year, asked)
            context["answer"] = _answer(context["quote"])
    except Failure as failure:
        context["problem"] = failure.message
    return render(request, "subsidies/quotes.html", context)


@require_safe
def person(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Somebody's identities, what was assessed, and what they would owe; a panel for htmx."""
    place = enter(request, county, year, may="sees_people")
    visible = people.visible(place.user, place.policy_year)
    somebody = get_object_or_404(visible.select_related("county", "village"), pk=pk)
    here = reverse("subsidies:quotes-person", args=[county, year, somebody.pk])
    context: dict[str, Any] = {
        "page_title": f"{somebody.name} 参保资助",
        "person": somebody,
        "policy_year": place.policy_year,
        "url": here,
        "person_url": reverse("targets:person", args=[county, year, somebody.pk]),
        "cash_url": reverse("subsidies:cash-take", args=[county, year, somebody.pk])
        if place.user.job.takes_cash
        else "",
    }
    try:
        context |= _panel(request, place, somebody)
    except Failure as failure:
        context["problem"] = failure.message
    panel = "subsidies/_person_quote.html"
    whole = not request.headers.get("HX-Request")
    if whole:  # as a panel it is part of a page that has been put on record
        audit.record(
            "open_person",
            by=place.user,
            county=place.county,
            person_id=somebody.pk,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    return render(request, "subsidies/person_quote.html" if whole else panel, context)


def _panel(request: HttpRequest, place: Place, somebody: Person) -> dict[str, Any]:
    year = place.policy_year
    try:
        paid_on = parse_date(request.GET.get("paid_on", ""))
    except ValueError:
        paid_on = None
    asked = case.of_person(year, somebody, paid_on=paid_on)
    answer = quote.quote(year, asked)
    wait = standing.of_person(year, somebody, asked, answer)
    held = list(
        Entitlement.objects.filter(policy_year=year, person=somebody)
        .select_related("category", "category__department", "written_by")
        .order_by("category__order", "pk")
    )
    words = Words(year, place.user)
    hidden = {words.names[pk] for pk in words.hidden}
    row = Subsidy.objects.filter(policy_year=year, person=somebody).first()
    return (
        {
            "quote": answer,
            "reason": words.veiled(answer.reason),
            "waiting": wait,
            "waiting_reason": words.veiled(wait.reason) if wait else "",
            "category": words.veiled(answer.category or ""),
            "department": "" if answer.category in hidden else answer.department,
            "veiled": answer.category in hidden,
            "identities": [
                {
                    "row": one,
                    "word": words.name(one.category_id),
                    "hidden": one.category_id in words.hidden,
                }
                for one in held
            ],
            "ledger": row,
            "ledger_reason": words.veiled(row.reason) if row else "",
            "ledger_as_of": fresh(year)["as_of"] if row else "",
            "check": AmountCheck.objects.filter(policy_year=year, person=somebody).open().first(),
        }
        | _records(place, somebody)
        | _helps(place, somebody)
    )


def _records(place: Place, somebody: Person) -> dict[str, Any]:
    """What is on record about somebody, and what could be put there by this reader."""
    year, user = place.policy_year, place.user
    mine = {"policy_year": year, "person": somebody}
    attributes = list(
        AttributeRecord.objects.filter(**mine)
        .select_related("attribute", "recorded_by")
        .order_by("attribute__order", "pk")
    )
    event = (
        EventRecord.objects.filter(**mine)
        .select_related("event", "recorded_by", "verified_by")
        .first()
    )
    may = user.job.may_reply and not freeze.is_frozen(year)
    found: dict[str, Any] = {"attribute_records": attributes, "event_record": event}
    if not may:
        return found
    known = {one.attribute_id for one in attributes}
    choices = Attribute.objects.filter(policy_year=year).order_by("order", "pk")
    events = EventRule.objects.filter(policy_year=year, late_for=None).order_by("order", "pk")
    return found | {
        "records_url": reverse(
            "subsidies:records", args=[place.county.key, year.year, somebody.pk]
        ),
        "attributes": [one for one in choices if one.pk not in known],
        "events": [] if event else list(events),
        "may_verify": bool(
            event
            and event.event.needs_verification
            and not event.verified_at
            and records.may_verify(event, user)
        ),
    }


def _helps(place: Place, somebody: Person) -> dict[str, Any]:
    """Help on top of the subsidy, and where this reader records more of it."""
    year = place.policy_year
    may = place.user.job.may_declare and not freeze.is_frozen(year)
    return {
        "helps": ExtraHelp.objects.filter(policy_year=year, person=somebody).order_by("pk"),
        "help_url": desk.url(place, "subsidies:help-new", person=somebody.pk) if may else "",
    }


def _answer(answer: quote.Quote) -> str:
    who = f"{answer.case.tier.name}，{answer.case.group.name}"
    if answer.allowed is None:
        return f"{who}，{answer.case.paid_on} 缴费：{quote.NOT_STATED}。"
    if not answer.allowed:
        return f"{who}，{answer.case.paid_on} 缴费：不能受理。"
    if answer.due is None:
        return f"{who}，{answer.case.paid_on} 缴费：应缴金额{quote.NOT_STATED}。"
    return f"{who}，{answer.case.paid_on} 缴费：应缴 {answer.due:,.2f} 元。"
