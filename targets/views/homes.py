"""一户: everybody in it, recording a call, and on to the next household of the list."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from enrollment import audit, people, visits
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Visit
from targets import homes as households
from targets import worklist
from targets.views.progress import cut_off
from targets.views.village import home_url, narrow, people_of, sort_of, url_of


class Call(forms.Form):
    """A call on this household: upon whom, and what came of it."""

    persons = forms.TypedMultipleChoiceField(
        label="走访到（或代为答复）的人",
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "请勾选这次走访到的人"},
    )
    result = forms.ChoiceField(
        label="结果",
        choices=Visit.Result.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "请选择结果"},
    )
    method = forms.ChoiceField(label="方式", choices=Visit.Method.choices)
    visited_on = forms.DateField(
        label="走访日期",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"required": "请填写走访日期", "invalid": "日期写作 2023-11-05"},
    )
    visitor = forms.CharField(
        label="走访人", max_length=60, error_messages={"required": "请写明走访人姓名"}
    )
    next_on = forms.DateField(
        label="下次走访",
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="到这一天会列在“今天该走访”里",
        error_messages={"invalid": "日期写作 2023-11-05"},
    )
    note = forms.CharField(label="说明", max_length=200, required=False)

    def __init__(self, *args: Any, home: households.Home, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(one.person.pk, one.person.name) for one in home.members if not one.line.insured]
        self.fields["persons"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def home(request: HttpRequest, county: str, year: int, name: str, pk: int) -> HttpResponse:
    """One household of a list; a call is recorded here, and the next household follows."""
    place = enter(request, county, year, may="sees_people")
    titles = worklist.titles(place.policy_year)
    if name not in titles:
        raise Http404
    visible = people.visible(place.user, place.policy_year).select_related("village")
    anchor = get_object_or_404(visible, pk=pk, **{place.region.level: place.region.pk})
    until, _ = cut_off(request)
    listed = narrow(request, place, people_of(place, name, until)).filter(village=anchor.village_id)
    order = list(households.keys(listed, place.policy_year, sort=sort_of(request, name)))
    home_key = anchor.household_id or -anchor.pk
    row = next(
        (one for one in order if one["home"] == home_key),
        {"home": home_key, "anchor": anchor.pk, "people": []},
    )
    found = households.homes([row], place.policy_year, place.user, until=until)
    if not found:
        raise Http404
    before, after, at = _neighbours(order, row)
    next_url = home_url(request, place, name, after["anchor"]) if after else ""
    form = None
    if place.user.job.visits:
        form = Call(request.POST or None, home=found[0], initial=_initial(place, found[0]))
    if request.method == "POST" and form is not None and form.is_valid():
        if _record(request, place, form):
            here = home_url(request, place, name, anchor.pk)
            onward = next_url or url_of(request, place, "targets:worklist", name)
            return redirect(onward if "next" in request.POST else here)
    elif request.method == "GET":
        audit.record(
            "open_person",
            by=place.user,
            county=place.county,
            person_id=anchor.pk,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    context = {
        "page_title": f"{found[0].name} 一户",
        "answer": _answer(found[0], titles[name]),
        "policy_year": place.policy_year,
        "region": place.region,
        "home": found[0],
        "title": titles[name],
        "list_url": url_of(request, place, "targets:worklist", name),
        "slip_url": url_of(request, place, "targets:visits-slips", home=str(anchor.pk)),
        "next_url": next_url,
        "previous_url": home_url(request, place, name, before["anchor"]) if before else "",
        "may_register": place.user.job.registers,
        "at": at,
        "of": len(order),
        "form": form if form is not None and form.fields["persons"].choices else None,  # type: ignore[attr-defined]
        "calls": _calls(place, found[0]),
    }
    return render(
        request, "targets/home.html", context, status=400 if form and form.errors else 200
    )


def _record(request: HttpRequest, place: Place, form: Call) -> bool:
    given = form.cleaned_data
    try:
        count = visits.record(
            given.pop("persons"),
            policy_year=place.policy_year,
            by=place.user,
            address=request.META.get("REMOTE_ADDR", ""),
            **given,
        )
    except Failure as failure:
        form.add_error(None, failure.message)
        return False
    messages.success(request, f"已记下 {count} 人的走访。")
    return True


def _initial(place: Place, one: households.Home) -> dict[str, Any]:
    contact = one.contact
    return {
        "persons": [member.person.pk for member in one.listed],
        "visited_on": timezone.localdate(),
        "visitor": contact.name if contact else place.user.display_name,
        "method": Visit.Method.DOOR,
    }


def _calls(place: Place, one: households.Home) -> list[Visit]:
    """The calls on this household this year, newest first."""
    members = [member.person.pk for member in one.members]
    rows = Visit.objects.filter(policy_year=place.policy_year, person__in=members)
    return list(rows.select_related("person").order_by("-pk")[:20])


def _neighbours(order: list[dict], row: dict) -> tuple[dict | None, dict | None, int | None]:
    """The homes before and after one, and its place; of one done meanwhile, the first is next."""
    at = next((n for n, one in enumerate(order) if one["home"] == row["home"]), None)
    if at is None:
        return None, order[0] if order else None, None
    before = order[at - 1] if at else None
    return before, order[at + 1] if at + 1 < len(order) else None, at + 1


def _answer(one: households.Home, title: str) -> str:
    names = "、".join(member.person.name for member in one.listed)
    if not names:
        return f"这一户已经没有“{title}”的人，共 {len(one.members)} 人。"
    return f"这一户 {len(one.members)} 人，{title} {len(one.listed)} 人：{names}。"
