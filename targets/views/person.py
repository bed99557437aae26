"""居民页: everything the portal knows about one person, and why they count as they do."""

from typing import Any

from django.apps import apps
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from enrollment import audit, insured, people, second_factor
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import (
    Cover,
    Enrollment,
    Payment,
    Person,
    Region,
    Roster,
    RosterRow,
    Status,
    StatusKind,
    User,
)
from enrollment.roster.kinds import KINDS
from enrollment.scope import Placed

HISTORY_LIMIT = 30
MARKS = {
    "deducted": "从参保基数中扣减",
    "out_of_scope": "不在参保范围",
    "elsewhere": "在县外参保",
    "covered": "另有基本医保",
    "none": "不影响统计",
}


@require_safe
def person(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Who somebody is, whether insured and why, and what was handed in about them."""
    place = enter(request, county, year, may="sees_people")
    somebody = _get(request, place, pk)
    audit.record(
        "open_person",
        by=place.user,
        county=place.county,
        person_id=somebody.pk,
        address=request.META.get("REMOTE_ADDR", ""),
    )
    return _show(request, place, somebody)


@require_POST
def reveal(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """The full number or phone, for a reason, on record; a fragment for htmx, else the page."""
    place = enter(request, county, year, may="may_reveal")
    somebody = _get(request, place, pk)
    second_factor.require(place.user, request.session)
    field = request.POST.get("field", "number")
    try:
        full = people.reveal(
            somebody,
            field=field,
            by=place.user,
            reason=request.POST.get("reason", ""),
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Failure as failure:
        messages.error(request, failure.message)
        return _show(request, place, somebody, status=400)
    if request.headers.get("HX-Request"):
        return render(request, "_masked.html", {"full": full})
    return _show(request, place, somebody, revealed={field: full})


def _get(request: HttpRequest, place: Place, pk: int) -> Person:
    visible = people.visible(place.user, place.policy_year)
    return get_object_or_404(
        visible.select_related("county", "town", "village", "household"), pk=pk
    )


def _show(
    request: HttpRequest,
    place: Place,
    somebody: Person,
    *,
    revealed: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    policy_year, viewer = place.policy_year, place.user
    enrollment = (
        Enrollment.objects.filter(policy_year=policy_year, person=somebody)
        .select_related("town", "village", "tier", "group")
        .first()
    )
    verdict = insured.verdict(policy_year, somebody)
    statuses = _statuses(place, somebody, viewer)
    may_reveal = viewer.job.may_reveal
    context = {
        "page_title": somebody.name,
        "person": somebody,
        "policy_year": policy_year,
        "verdict": verdict,
        "may_register": viewer.job.registers,
        "deducted_again": verdict.insured and any(one["deducts"] for one in statuses),
        "age": people.age(somebody, timezone.localdate()),
        "masked_phone": people.masked_phone(somebody.phone),
        "revealed": revealed or {},
        "reveal_url": _reveal_url(place, somebody) if may_reveal else "",
        "record_url": reverse(
            "targets:record", args=[place.county.key, policy_year.year, somebody.pk]
        )
        if viewer.job.sees_record
        else "",
        "members": _members(place, somebody, viewer),
        "statuses": statuses,
        "enrollment": enrollment,
        "counts_at": _counts_at(place, somebody, enrollment),
        "payments": Payment.objects.filter(policy_year=policy_year, person=somebody)
        .select_related("roster")
        .order_by("paid_at", "pk"),
        "covers": Cover.objects.filter(person=somebody)
        .select_related("policy_year")
        .order_by("-policy_year__year"),
        "handed_in": _handed_in(somebody, viewer),
        "changes": _changes(somebody),
    }
    return render(request, "targets/person.html", context, status=status)


def _reveal_url(place: Place, somebody: Person) -> str:
    args = [place.county.key, place.policy_year.year, somebody.pk]
    return reverse("targets:reveal", args=args)


def _statuses(place: Place, somebody: Person, viewer: User) -> list[dict[str, Any]]:
    """What the year's lists say; a sensitive kind keeps name, day and note at the county."""
    rows = []
    statuses = Status.objects.filter(policy_year=place.policy_year, person=somebody)
    for one in statuses.select_related("kind", "kind__department").order_by("kind__order"):
        hidden = one.kind.sensitive and not people.sees_sensitive(viewer)
        rows.append(
            {
                "word": people.status_word(one.kind, viewer),
                "effect": MARKS[one.kind.bucket],
                "deducts": one.kind.bucket in StatusKind.OUT_OF_BASE,
                "since": None if hidden else one.since,
                "note": "" if hidden else one.note,
                "source": "" if hidden else (one.kind.department or ""),
            }
        )
    return rows


def _members(place: Place, somebody: Person, viewer: User) -> list[dict[str, Any]]:
    """The household as far as the viewer may see it, each with whether insured."""
    if somebody.household_id is None:
        return []
    visible = people.visible(viewer, place.policy_year)
    members = list(
        visible.filter(household=somebody.household_id).order_by(
            models.Case(models.When(relation="户主", then=0), default=1), "birth", "pk"
        )
    )
    paid = people.insured_among(place.policy_year, [one.pk for one in members])
    today = timezone.localdate()
    return [
        {"person": one, "insured": one.pk in paid, "age": people.age(one, today)} for one in members
    ]


def _counts_at(place: Place, somebody: Person, enrollment: Enrollment | None) -> dict[str, Any]:
    """The village whose figures somebody is in, and by which rule of the year."""
    by_register = place.policy_year.attribution == "register"
    at: Placed = somebody
    why = "按户籍册" if by_register else "尚未登记参保，按户籍册"
    if enrollment is not None and not by_register:
        at, why = enrollment, "按参保登记地"
    return {
        "town": at.town,
        "village": at.village,
        "why": why,
        "unplaced": at.village.placeholder,
    }


def _handed_in(somebody: Person, viewer: User) -> list[dict[str, Any]]:
    """The rows that rosters held about somebody, newest first.

    File names and reasons of rosters outside the viewer's area may say what is not theirs to
    know, so of those only the kind and the day are shown, and of sensitive ones 特殊情形名单.
    """
    entries = list(
        RosterRow.objects.filter(person_id=somebody.pk).order_by("-roster_id")[:HISTORY_LIMIT]
    )
    ids = {entry.roster_id for entry in entries}
    rosters = Roster.objects.select_related("status_kind", "policy_year").in_bulk(ids)
    visible = set(Roster.objects.visible_to(viewer).filter(pk__in=ids).values_list("pk", flat=True))
    rows = []
    for entry in entries:
        roster = rosters[entry.roster_id]
        kind = KINDS[roster.kind].title if roster.kind in KINDS else roster.kind
        if roster.status_kind is not None:
            kind = f"{people.status_word(roster.status_kind, viewer)}名单"
        open_ = roster.pk in visible
        rows.append(
            {
                "roster": roster,
                "kind": kind,
                "file_name": roster.file_name if open_ else "",
                "row": entry.row if open_ else None,
                "fate": entry.get_fate_display(),
                "reason": entry.reason if open_ else "",
            }
        )
    return rows


# What changed, from the history kept by triggers: each event holds the row as it was before.
FIELDS = {
    "name": "姓名",
    "phone": "联系电话",
    "birth": "出生日期",
    "sex": "性别",
    "village_id": "所在",
    "household_id": "户",
    "relation": "与户主关系",
    "on_roll_from": "在册起",
    "on_roll_to": "在册止",
}


def _changes(somebody: Person) -> list[dict[str, Any]]:
    """What was changed about somebody, newest first: field, before, after, when, by whom."""
    events = list(
        apps.get_model("enrollment", "PersonEvent")
        .objects.filter(id=somebody.pk)
        .select_related("pgh_context")
        .order_by("-pgh_id")[:HISTORY_LIMIT]
    )
    villages = Region.objects.select_related("parent").in_bulk(
        {event.village_id for event in events} | {somebody.village_id}
    )
    users = User.objects.in_bulk(
        {event.pgh_context.metadata.get("user") for event in events if event.pgh_context} - {None}
    )
    rows, after = [], somebody
    for event in events:
        differences = [
            {
                "field": word,
                "before": _value(name, getattr(event, name), villages),
                "after": _value(name, getattr(after, name), villages),
            }
            for name, word in FIELDS.items()
            if getattr(event, name) != getattr(after, name)
        ]
        by = users.get(event.pgh_context.metadata.get("user")) if event.pgh_context else None
        if differences:
            rows.append(
                {
                    "at": event.pgh_created_at,
                    "differences": differences,
                    "by": by.display_name if by else "",
                    "roster": after.written_by_id if by is None else None,
                }
            )
        after = event
    return rows


def _value(name: str, value: Any, villages: dict[int, Region]) -> str:
    if value is None or value == "":
        return "空"
    if name == "phone":
        return people.masked_phone(value)
    if name == "village_id":
        return villages[value].path if value in villages else "已撤销的村"
    return f"第 {value} 户" if name == "household_id" else str(value)
