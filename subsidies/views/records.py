"""属性登记和情形登记 on a person's page: record, verify, take back; then back to the page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import EventRule, Person
from enrollment.models.rules import Attribute
from subsidies import records, tasks
from subsidies.models import AttributeRecord, EventRecord


@require_POST
def act(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One act on one person's records; ``act`` says which."""
    place = enter(request, county, year, may="may_reply")
    visible = people.visible(place.user, place.policy_year)
    somebody = get_object_or_404(visible.select_related("county"), pk=pk)
    try:
        done = _do(request, place, somebody)
    except Failure as failure:
        messages.error(request, failure.message)
    else:
        messages.success(request, f"{done}；应缴和台账随之重新核定。")
        tasks.assess_year.delay_on_commit(place.policy_year.pk)
    url = reverse("targets:person", args=[county, year, somebody.pk])
    asked = request.GET.get("region")
    return redirect(f"{url}?{urlencode({'region': asked})}" if asked else url)


def _do(request: HttpRequest, place: Place, somebody: Person) -> str:
    year, given = place.policy_year, request.POST
    by, address = place.user, request.META.get("REMOTE_ADDR", "")
    match given.get("act"):
        case "attribute":
            attribute = Attribute.objects.filter(policy_year=year, name=given.get("name")).first()
            if attribute is None:
                raise Failure("attribute", "请选择要登记的属性")
            records.record_attribute(
                year, somebody, attribute, evidence=given.get("evidence", ""), by=by,
                address=address,
            )  # fmt: skip
            return f"已登记{attribute.name}"
        case "event":
            event = EventRule.objects.filter(policy_year=year, name=given.get("name")).first()
            if event is None:
                raise Failure("event", "请选择要登记的情形")
            try:
                day = parse_date(given.get("event_date", ""))
            except ValueError:
                raise Failure("event_date", "没有这一天，日期写作 2023-12-31") from None
            made = records.record_event(
                year, somebody, event, event_date=day, evidence=given.get("evidence", ""), by=by,
                address=address,
            )  # fmt: skip
            waiting = "，须经县级或乡镇核实后才适用" if event.needs_verification else ""
            return f"已登记{made.event}{waiting}"
        case "verify":
            record = _own(EventRecord, place, somebody, given.get("record", ""))
            records.verify_event(record, by=by, address=address)
            return f"已核实{record.event}"
        case "remove-attribute" | "remove-event" as what:
            model = AttributeRecord if what == "remove-attribute" else EventRecord
            record = _own(model, place, somebody, given.get("record", ""))
            records.remove(record, reason=given.get("reason", ""), by=by, address=address)
            return "已撤销登记"
    raise Failure("act", "没有这种办理，数据没有变化")


def _own(model, place: Place, somebody: Person, pk: str):
    """A record of this person and year; gone where somebody took it back meanwhile."""
    found = model.objects.filter(policy_year=place.policy_year, person=somebody)
    record = found.filter(pk=int(pk) if pk.isdecimal() else 0).first()
    if record is None:
        raise Failure("gone", "这条登记已不在，可能已由他人撤销，请刷新本页")
    return record
