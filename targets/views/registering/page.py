"""登记: find somebody, or take them in, and enrol them, on one page.

What was typed to find somebody is posted and never stands in an address. Somebody of another
village can be registered where they live, once the clerk has typed both number and name.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from enrollment import audit, insured, people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import (
    Enrollment,
    Household,
    Person,
    RegistrationRecord,
    Residence,
    Status,
)
from enrollment.registration import eligibility, enrolling, households, persons
from subsidies import quote, registering
from subsidies.words import Words
from targets.registering import NEW_HOUSEHOLD, RELATIONS, Enrolling, Newcomer, read

SHOWN = 20
CLAIMED = 30
HOUSEHOLDS = 800
"""More households than a village has are not offered as a list."""


@require_http_methods(["GET", "POST"])
def register(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Find; show somebody and what they would owe; register them."""
    place = enter(request, county, year, may="registers")
    if request.method == "POST":
        if request.POST.get("verb") == "enrol":
            return _enrol(request, place)
        if request.POST.get("verb") == "claim":
            return _claim(request, place)
        return _find(request, place)
    if pk := request.GET.get("person", ""):
        return _show(request, place, person=_person_or_404(request, place, pk))
    if "new" in request.GET:
        return _show(request, place, fresh=True)
    return _show(request, place)


# Finding


def _find(request: HttpRequest, place: Place) -> HttpResponse:
    text = request.POST.get("q", "")
    try:
        kind, tidy = read(text)
        if kind == "number":
            return _find_number(request, place, tidy)
    except Failure as failure:
        return _show(request, place, problem=failure.message, typed=text, status=400)
    search = people.read(tidy, today=timezone.localdate())
    visible = people.visible(place.user, place.policy_year).in_region(place.region)
    found = list(people.find(search, among=visible).select_related("village", "town")[: SHOWN + 1])
    audit.record(
        "search",
        by=place.user,
        county=place.county,
        subject="姓名",
        address=_address(request),
    )
    return _show(
        request,
        place,
        found=people.lines(found[:SHOWN], place.policy_year, place.user),
        more=len(found) > SHOWN,
        typed=tidy,
        newcomer={"name": tidy},
        fresh=not found,
    )


def _find_number(request: HttpRequest, place: Place, text: str) -> HttpResponse:
    document = persons.read_number(text)
    known = persons.holder(place.county, document)
    if known is None:
        return _show(request, place, newcomer={"number": text}, fresh=True)
    audit.record(
        "search",
        by=place.user,
        county=place.county,
        subject="证件号码",
        person_id=known.pk,
        address=_address(request),
    )
    if people.visible(place.user, place.policy_year).filter(pk=known.pk).exists():
        return redirect(_url(place, person=known))
    token = str(known.pk)
    request.session["claiming"] = token
    return _show(request, place, elsewhere=known)


def _claim(request: HttpRequest, place: Place) -> HttpResponse:
    """Number and name both known: whoever stands before the clerk."""
    known = Person.objects.filter(
        county=place.county, pk=request.session.get("claiming") or 0
    ).first()
    if known is None:
        return redirect(_url(place))
    if " ".join(request.POST.get("name", "").split()) != known.name:
        return _show(
            request,
            place,
            elsewhere=known,
            problem="姓名与这个证件号码的登记不符，请核对证件",
            status=400,
        )
    del request.session["claiming"]
    kept = request.session.get("claimed", [])
    request.session["claimed"] = [*kept, known.pk][-CLAIMED:]
    audit.record(
        "open_person",
        by=place.user,
        county=place.county,
        person_id=known.pk,
        address=_address(request),
    )
    return redirect(_url(place, person=known))


def _person_or_404(request: HttpRequest, place: Place, pk: str) -> Person:
    if not pk.isdecimal():
        raise Http404
    related = ("county", "town", "village", "village__parent", "household")
    visible = people.visible(place.user, place.policy_year).select_related(*related)
    if found := visible.filter(pk=pk).first():
        return found
    if int(pk) not in request.session.get("claimed", []):
        raise Http404
    everybody = Person.objects.filter(county=place.county).select_related(*related)
    return get_object_or_404(everybody, pk=pk)


# Enrolling


def _enrol(request: HttpRequest, place: Place) -> HttpResponse:
    pk = request.POST.get("person", "")
    person = _person_or_404(request, place, pk) if pk else None
    newcomer = None if person else Newcomer(request.POST, place=place)
    try:
        form = Enrolling(request.POST, place=place, person=person)
    except Failure as failure:
        return _show(request, place, person=person, problem=failure.message, status=400)
    if form.is_valid() & (newcomer is None or newcomer.is_valid()):
        try:
            done = registering.register(
                place.policy_year,
                village=form.cleaned_data["village"],
                wish=form.wish(),
                by=place.user,
                person=person,
                newcomer=newcomer.newcomer() if newcomer else None,
                address=_address(request),
            )
        except Failure as failure:
            _put(failure, form, newcomer)
        else:
            messages.success(request, f"{done.person.name}已登记到{done.enrollment.village.path}。")
            kept = request.session.get("claimed", [])
            request.session["claimed"] = [*kept, done.person.pk][-CLAIMED:]
            return redirect(_url(place, person=done.person))
    return _show(
        request,
        place,
        person=person,
        form=form,
        newcomer_form=newcomer,
        fresh=person is None,
        status=400,
    )


def _put(failure: Failure, form: Enrolling, newcomer: Newcomer | None) -> None:
    """A refusal beside the field it is about, else on top."""
    field = {"known": "number", "twin": "name", "differs": "number"}.get(failure.code, failure.code)
    if newcomer is not None and field in newcomer.fields:
        newcomer.add_error(field, failure.message)
    elif field in form.fields:
        form.add_error(field, failure.message)
    elif field == "evidence":
        form.add_error("event_evidence", failure.message)
    elif field == "event_date_missing":
        form.add_error("event_date", failure.message)
    else:
        form.add_error(None, failure.message)


# The fragments


@require_POST
def check(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """What a number says, while it is typed; whether the county knows it."""
    place = enter(request, county, year, may="registers")
    text = request.POST.get("number", "") or request.POST.get("q", "")
    context: dict[str, Any] = {"policy_year": place.policy_year}
    if len(text.strip()) < 8 or not any(one.isdigit() for one in text):
        return render(request, "targets/_register_check.html", context)
    try:
        document = persons.read_number(text)
    except Failure as failure:
        return render(
            request, "targets/_register_check.html", context | {"problem": failure.message}
        )
    known = persons.holder(place.county, document)
    context |= {"document": document, "word": persons.KINDS[document.kind], "known": known}
    if document.birth:
        today = timezone.localdate()
        context["age"] = people.age(Person(birth=document.birth), today)
    if known is not None:
        visible = people.visible(place.user, place.policy_year).filter(pk=known.pk).exists()
        context["url"] = _url(place, person=known) if visible else ""
        context["call"] = "" if visible else persons.whom_to_call(known.village)
    return render(request, "targets/_register_check.html", context)


@require_POST
def owed(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """What the form, as it is filled in so far, would mean: who may, what is owed, from when."""
    place = enter(request, county, year, may="registers")
    pk = request.POST.get("person", "")
    person = _person_or_404(request, place, pk) if pk else None
    newcomer = None if person else Newcomer(request.POST, place=place)
    try:
        form = Enrolling(request.POST, place=place, person=person)
        form.is_valid()
        if newcomer:
            newcomer.is_valid()
        context = _answers(place, form, person=person, newcomer=newcomer)
    except Failure as failure:
        context = {"problem": failure.message}
    return render(request, "targets/_register_owed.html", context)


def _answers(
    place: Place, form: Enrolling, *, person: Person | None, newcomer: Newcomer | None
) -> dict[str, Any]:
    """Eligibility and amount, as this viewer may read them."""
    year = place.policy_year
    try:
        wish = form.wish()
        village = form.cleaned_data.get("village") or form.fields["village"].initial
        if person is not None:
            eligible = (
                registering.check(year, person, village=village, wish=wish, by=place.user)
                if village
                else None
            )
            answer = quote.quote(year, registering.case_of(year, person, wish))
        else:
            assert newcomer is not None
            applicant, born = _applicant(place, newcomer, form)
            eligible = (
                eligibility.check(year, applicant, village=village, by=place.user)
                if village
                else None
            )
            hukou_here = applicant.hukou == "here"
            answer = registering.preview(year, wish, born=born, hukou_here=hukou_here)
    except Failure as failure:
        return {"problem": failure.message}
    words = Words(year, place.user)
    hidden = {words.names[pk] for pk in words.hidden}
    return {
        "eligible": eligible,
        "quote": answer,
        "reason": words.veiled(answer.reason),
        "category": words.veiled(answer.category or ""),
        "department": "" if answer.category in hidden else answer.department,
        "veiled": answer.category in hidden,
    }


def _applicant(
    place: Place, newcomer: Newcomer, form: Enrolling
) -> tuple[eligibility.Applicant, Any]:
    """Somebody not on record yet, from what is filled in so far."""
    given = newcomer.cleaned_data
    document = None
    if number := given.get("number"):
        try:
            document = persons.read_number(number)
        except Failure:
            document = None
    born = (document.birth if document else None) or given.get("birth")
    wish = form.wish()
    hukou = given.get("hukou") or "here"
    if document and document.kind in (*eligibility.COMPATRIOT, *eligibility.FOREIGN):
        hukou = "none"
    return (
        eligibility.Applicant(
            doc_type=document.kind if document else "resident-id",
            has_number=document is not None,
            hukou=hukou,
            hukou_village=form.cleaned_data.get("village") if hukou == "here" else None,
            permit=bool(given.get("permit")),
            employed=wish.employed,
            studies=wish.studies,
            newborn=eligibility.is_newborn(place.policy_year, born),
            talent=wish.talent,
            group=wish.group,
            registration=wish.registration,
            proof=wish.details.proof,
        ),
        born,
    )


# The page


def _show(
    request: HttpRequest,
    place: Place,
    *,
    person: Person | None = None,
    form: Enrolling | None = None,
    newcomer_form: Newcomer | None = None,
    newcomer: dict[str, str] | None = None,
    fresh: bool = False,
    elsewhere: Person | None = None,
    found: list[people.Line] | None = None,
    more: bool = False,
    problem: str = "",
    typed: str = "",
    status: int = 200,
) -> HttpResponse:
    year = place.policy_year
    context: dict[str, Any] = {
        "page_title": "登记",
        "policy_year": year,
        "region": place.region,
        "person": person,
        "fresh": fresh,
        "found": found,
        "more": more,
        "problem": problem,
        "typed": typed,
        "status_code": status,
        "here": _url(place),
        "check_url": _named("targets:register-check", place),
        "owed_url": _named("targets:register-owed", place),
    }
    try:
        if person is not None:
            context |= _of_person(request, place, person)
        if elsewhere is not None:
            context |= _of_elsewhere(place, elsewhere)
        if fresh or (person is not None and not context["closed"]):
            context["form"] = form or Enrolling(place=place, person=person)
            context["parts"] = context["form"].parts()
        if fresh:
            start = dict(newcomer or {})
            if wanted := request.GET.get("household", ""):
                start |= _household(place, wanted)
            context["newcomer"] = newcomer_form or Newcomer(place=place, initial=start)
            context["households"] = _households(place)
            context["relations"] = RELATIONS
        if "form" in context:
            context |= _first_answer(place, context)
    except Failure as failure:
        context["problem"] = failure.message
    context["answer"] = _answer(place, context)
    return render(request, "targets/register.html", context, status=status)


def _first_answer(place: Place, context: dict[str, Any]) -> dict[str, Any]:
    """The panel of what is owed as it stands before anything is touched."""
    form, person, newcomer = context["form"], context["person"], context.get("newcomer")
    if not form.is_bound:
        data = {name: form.get_initial_for_field(one, name) for name, one in form.fields.items()}
        village = data.get("village")
        data = {name: value for name, value in data.items() if value not in (None, "")}
        if village is not None:
            data["village"] = village.pk
        form = Enrolling(data, place=place, person=person)
    form.is_valid()
    if newcomer is not None and not newcomer.is_bound:
        newcomer = Newcomer(newcomer.initial, place=place)
    if newcomer is not None:
        newcomer.is_valid()
    return _answers(place, form, person=person, newcomer=newcomer)


def _of_person(request: HttpRequest, place: Place, person: Person) -> dict[str, Any]:
    """Who they are and how they stand: registered, insured, enrolled elsewhere, or free to be."""
    year = place.policy_year
    verdict = insured.verdict(year, person)
    own = Enrollment.objects.filter(policy_year=year, person=person)
    enrollment = own.select_related("town", "village", "village__parent", "tier", "group").first()
    record = (
        RegistrationRecord.objects.filter(
            policy_year=year, person=person, withdrawn_at__isnull=True
        )
        .select_related("recorded_by")
        .first()
    )
    refusal = ""
    try:
        target = place.region if place.region.level == "village" else None
        if target is not None or enrollment is None:
            enrolling.refuse_double(year, person, target or person.village)
    except Failure as failure:
        refusal = failure.message
    visible = people.visible(place.user, year).filter(pk=person.pk).exists()
    statuses = Status.objects.filter(policy_year=year, person=person).select_related("kind")
    waiting = record is not None and not verdict.insured
    return {
        "person": person,
        "visible": visible,
        "age": people.age(person, timezone.localdate()),
        "masked_phone": people.masked_phone(person.phone) if visible else "",
        "residence": Residence.objects.filter(person=person).first(),
        "words": list(
            dict.fromkeys(
                people.status_word(one.kind, place.user) for one in statuses.order_by("kind__order")
            )
        ),
        "members": _members(place, person) if visible else [],
        "verdict": verdict,
        "enrollment": enrollment,
        "record": record,
        "refusal": refusal,
        "waiting": waiting,
        "closed": bool(refusal) or record is not None or verdict.insured,
        "channels": registering.channels(year, record.registration) if record and waiting else [],
        "owed_now": quote.quote(year, registering.standing_case(year, person)) if waiting else None,
    }


def _members(place: Place, person: Person) -> list[dict[str, Any]]:
    """The household, each with whether insured or registered: who in the family is missing."""
    if person.household is None:
        return []
    visible = people.visible(place.user, place.policy_year)
    found = list(visible.filter(household=person.household).exclude(pk=person.pk))
    ids = [one.pk for one in found]
    paid = people.insured_among(place.policy_year, ids)
    registered = set(
        Enrollment.objects.filter(policy_year=place.policy_year, person__in=ids).values_list(
            "person", flat=True
        )
    )
    today = timezone.localdate()
    return [
        {
            "person": one,
            "age": people.age(one, today),
            "insured": one.pk in paid,
            "registered": one.pk in registered,
            "url": _url(place, person=one),
        }
        for one in found
    ]


def _of_elsewhere(place: Place, person: Person) -> dict[str, Any]:
    """Somebody of another unit, of whom only that is said, and whom to call."""
    refusal = ""
    village = place.region if place.region.level == "village" else None
    try:
        if village is not None:
            enrolling.refuse_double(place.policy_year, person, village)
        elif Enrollment.objects.filter(policy_year=place.policy_year, person=person).exists():
            unit = person.village
            raise Failure("enrolled_elsewhere", f"已在{unit.path}登记参保")
    except Failure as failure:
        refusal = failure.message
    return {
        "elsewhere": {
            "unit": person.village.path,
            "call": persons.whom_to_call(person.village),
            "refusal": refusal,
        }
    }


def _household(place: Place, number: str) -> dict[str, str]:
    """A newcomer of a household: its number and, as guardian to be, its head."""
    visible = Household.objects.visible_to(place.user).filter(county=place.county)
    found = visible.filter(number=number).first()
    if found is None:
        return {}
    head = next(iter(households.members(found)), None)
    return {"household": f"{found.number} {head.name}" if head else found.number}


def _households(place: Place) -> list[str]:
    """The households of a village by number and head, for the list under the field."""
    if place.region.level != "village":
        return [NEW_HOUSEHOLD]
    heads = Person.objects.filter(village=place.region, relation=households.HEAD)
    found = heads.filter(household__isnull=False).order_by("name", "pk")
    rows = found.values_list("household__number", "name")[:HOUSEHOLDS]
    return [NEW_HOUSEHOLD, *[f"{number} {name}" for number, name in rows]]


def _answer(place: Place, context: dict[str, Any]) -> str:
    person = context["person"]
    if person is not None and context.get("waiting"):
        return f"{person.name}已登记，待缴费。"
    if person is not None and context.get("verdict") and context["verdict"].insured:
        return f"{person.name} {context['verdict'].sentence}。"
    if person is not None and context.get("refusal"):
        return f"{person.name} {context['refusal']}。"
    if person is not None:
        return f"{person.name}还没有登记 {place.policy_year.year} 年度参保。"
    if context.get("elsewhere"):
        return f"此人登记在{context['elsewhere']['unit']}。"
    if context["fresh"]:
        searched = "没有找到此人的档案，" if context["newcomer"].initial else ""
        return f"{searched}填好下面的内容，一次建档并登记。"
    if context["found"]:
        return f"找到 {len(context['found'])} 人，选一位；都不是的，登记新人。"
    return f"在{place.region.path}登记参保：先按证件号码或姓名查找。"


def _url(place: Place, *, person: Person | None = None) -> str:
    query = {"region": place.region.key} | ({"person": str(person.pk)} if person else {})
    return f"{_named('targets:register', place)}?{urlencode(query)}"


def _named(name: str, place: Place) -> str:
    here = reverse(name, args=[place.county.key, place.policy_year.year])
    return (
        here if name == "targets:register" else f"{here}?{urlencode({'region': place.region.key})}"
    )


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")
