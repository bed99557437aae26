"""办理: everything that is done about one person, one form at a time, with what was done before."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    QueryDict,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import (
    FormerDocument,
    Joining,
    Objection,
    Paper,
    Person,
    RefundRequest,
    RegistrationRecord,
    Relocation,
    StatusRecord,
)
from enrollment.registration import papers, persons, statuses
from enrollment.scope import PlacedQuerySet
from targets.person_forms import DEEDS, Correct, Deed


@require_http_methods(["GET", "POST"])
def deed(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One deed's form (``?do=``) and what stands written about the person."""
    place = enter(request, county, year, may="registers")
    person = _person(place, pk)
    offered = {key: one for key, one in DEEDS.items() if one.offered(place, person)}
    key = request.GET.get("do", "status")
    if key not in offered:
        raise Http404
    make = offered[key]
    form = make(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        place=place,
        person=person,
    )
    differences: list[persons.Difference] = []
    if request.method == "POST" and form.is_valid():
        try:
            said = form.run(_address(request))
        except persons.Changed as changed:
            differences = changed.differences
            form = _again(place, person, form, changed)
            form.add_error(None, changed.message)
        except Failure as failure:
            _put(failure, form)
        else:
            messages.success(request, said)
            return redirect(_url(place, form.person, key))
    context = {
        "page_title": f"办理：{person.name}",
        "answer": f"{person.name}，{person.village.path}。",
        "person": person,
        "policy_year": place.policy_year,
        "form": form,
        "key": key,
        "differences": [_shown(one) for one in differences],
        "tabs": [
            {"label": one.title, "url": _url(place, person, name), "active": name == key}
            for name, one in offered.items()
        ],
        "tabs_label": "办什么",
        "empty_join": key == "join" and not getattr(form, "found", None),
        "today": timezone.localdate(),
        **_written(place, person),
    }
    return render(request, "targets/deed.html", context, status=400 if form.errors else 200)


@require_POST
def end_status(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Say that a status a clerk set is over."""
    place = enter(request, county, year, may="registers")
    rows = StatusRecord.objects.visible_to(place.user).filter(policy_year=place.policy_year)
    row = get_object_or_404(rows.select_related("person"), pk=pk)
    try:
        statuses.end(
            row, reason=request.POST.get("reason", ""), by=place.user, address=_address(request)
        )
    except Failure as failure:
        messages.error(request, failure.message)
    else:
        messages.success(request, "状态已终止。")
    return redirect(_url(place, row.person, "status"))


@require_safe
def paper(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponseBase:
    """A paper itself; each look is on record."""
    place = enter(request, county, year, may="registers")
    rows = Paper.objects.visible_to(place.user).filter(policy_year=place.policy_year)
    rows = readable(rows, place)
    row = get_object_or_404(rows.select_related("person", "person__county"), pk=pk)
    try:
        content = papers.look(row, by=place.user, address=_address(request))
    except Failure as failure:
        messages.error(request, failure.message)
        return redirect(_url(place, row.person, "paper"))
    response = StreamingHttpResponse(content, content_type=row.media_type)
    name = f"{row.title}{papers.SUFFIX[row.media_type]}"
    header = content_disposition_header(as_attachment=True, filename=name)
    response["Content-Disposition"] = header or "attachment"
    response["Cache-Control"] = "no-store"
    return response


def _person(place: Place, pk: int) -> Person:
    visible = people.visible(place.user, place.policy_year)
    related = ("county", "town", "village", "village__parent", "household")
    return get_object_or_404(visible.select_related(*related), pk=pk)


def _again(place: Place, person: Person, form: Deed, changed: persons.Changed) -> Deed:
    """The form once more on top of the other's change: my values, theirs where I touched nothing.

    What was typed is kept; sending it again settles it, since it carries the new version.
    """
    fresh = _person(place, person.pk)
    data: QueryDict = form.data.copy()  # type: ignore[attr-defined]
    data["seen"] = str(persons.version(fresh))
    for one in changed.differences:
        if not one.both and one.field in form.fields and one.field != "phone":
            data[one.field] = "" if one.theirs is None else str(one.theirs)
    again = Correct(data, place=place, person=fresh)
    again.is_valid()
    return again


def _shown(one: persons.Difference) -> dict[str, Any]:
    values = {"base": one.base, "theirs": one.theirs, "mine": one.mine}
    if one.field == "phone":
        values = {name: people.masked_phone(value or "") for name, value in values.items()}
    return {
        "word": one.word,
        "both": one.both,
        **{name: "空" if value in (None, "") else value for name, value in values.items()},
    }


def _put(failure: Failure, form: Deed) -> None:
    field = {"known": "number", "answer_by": "answer_by"}.get(failure.code, failure.code)
    form.add_error(field if field in form.fields else None, failure.message)


def _written(place: Place, person: Person) -> dict[str, Any]:
    """What clerks wrote about somebody this year, as this viewer may read it."""
    mine: dict[str, Any] = {"policy_year": place.policy_year, "person": person}
    rows = StatusRecord.objects.filter(**mine).select_related(
        "kind", "recorded_by", "ended_by", "reviewed_by"
    )
    sees = people.sees_sensitive(place.user)
    return {
        "statuses": [
            {
                "row": one,
                "word": people.status_word(one.kind, place.user),
                "hidden": one.kind.sensitive and not sees,
                "deducts": statuses.deducts(one.kind),
            }
            for one in rows.order_by("ended_at", "kind__order", "pk")
        ],
        "registrations": RegistrationRecord.objects.filter(**mine)
        .select_related("recorded_by", "withdrawn_by")
        .order_by("-pk"),
        "refunds": RefundRequest.objects.filter(**mine)
        .select_related("recorded_by")
        .order_by("-pk"),
        "objections": Objection.objects.filter(**mine)
        .select_related("recorded_by", "answered_by")
        .order_by("-pk"),
        "papers": readable(Paper.objects.filter(**mine), place).order_by("-pk"),
        "relocations": Relocation.objects.filter(person=person)
        .select_related("village", "village__parent", "to_village", "to_village__parent")
        .order_by("-pk"),
        "joinings": Joining.objects.filter(person=person)
        .select_related("recorded_by")
        .order_by("-pk"),
        "former": FormerDocument.objects.filter(person=person).order_by("-pk"),
    }


def readable(rows: PlacedQuerySet, place: Place) -> PlacedQuerySet:
    """Papers without those that prove a sensitive status, save for the county and who sent them."""
    if people.sees_sensitive(place.user):
        return rows
    return rows.filter(
        Q(status_record__isnull=True)
        | Q(status_record__kind__sensitive=False)
        | Q(uploaded_by=place.user)
    )


def _url(place: Place, person: Person, key: str) -> str:
    args = [place.county.key, place.policy_year.year, person.pk]
    return f"{reverse('targets:deed', args=args)}?do={key}"


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")
