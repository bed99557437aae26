"""通讯录: who answers for which unit, with a telephone to call."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from enrollment import directory as verbs
from enrollment.access import Place, enter, require
from enrollment.failure import Failure
from enrollment.models import Contact, Region


class Entry(forms.Form):
    """Somebody who answers for the unit one stands at."""

    name = forms.CharField(label="姓名", max_length=60, error_messages={"required": "请填写姓名"})
    office = forms.ChoiceField(label="身份", choices=Contact.Office.choices)
    phone = forms.CharField(label="电话", max_length=30, required=False)
    employer = forms.CharField(
        label="工作单位", max_length=60, required=False, help_text="如 梅山镇税务所"
    )


class Correction(forms.Form):
    """Telephone and employer; name and office are who it is."""

    phone = forms.CharField(label="电话", max_length=30, required=False)
    employer = forms.CharField(label="工作单位", max_length=60, required=False)


@require_http_methods(["GET", "POST"])
def directory(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Those who answer here, above and below; a form to enter another one for this unit."""
    place = enter(request, county, year, may="sees_people")
    form = Entry(request.POST or None)
    if request.method == "POST":
        require(place.user, "visits")
        if form.is_valid():
            try:
                verbs.add(
                    place.region,
                    by=place.user,
                    address=request.META.get("REMOTE_ADDR", ""),
                    **form.cleaned_data,
                )
            except Failure as failure:
                form.add_error(None, failure.message)
            else:
                messages.success(request, "已加入通讯录。")
                return redirect(_url(place))
    contacts = list(verbs.of(place.region))
    own = set(
        Region.objects.visible_to(place.user)
        .filter(pk__in={one.region_id for one in contacts})
        .values_list("pk", flat=True)
    )
    may = place.user.job.visits
    context = {
        "page_title": "通讯录",
        "answer": f"{place.region.path}及上下级负责参保工作的 {len(contacts)} 人。",
        "rows": [
            {
                "contact": one,
                "url": _one_url(place, one) if may and one.region_id in own else "",
            }
            for one in contacts
        ],
        "form": form if may else None,
        "policy_year": place.policy_year,
        "region": place.region,
    }
    status = 400 if form.errors else 200
    return render(request, "enrollment/directory.html", context, status=status)


@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Correct somebody, or take them out when they no longer answer here."""
    place = enter(request, county, year, may="visits")
    visible = Region.objects.visible_to(place.user).filter(county=place.county)
    contact = get_object_or_404(
        Contact.objects.select_related("region__parent"), pk=pk, region__in=visible, left_on=None
    )
    initial = {"phone": contact.phone, "employer": contact.employer}
    form = Correction(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        told: dict[str, Any] = {
            "by": place.user,
            "address": request.META.get("REMOTE_ADDR", ""),
        }
        if "leave" in request.POST:
            freed = verbs.leave(contact, on=timezone.localdate(), **told)
            words = f"{contact.name}已移出通讯录。"
            messages.success(
                request, f"{words}原来分给他的 {freed} 人请重新分工。" if freed else words
            )
        else:
            verbs.change(contact, **form.cleaned_data, **told)
            messages.success(request, "已更正。")
        return redirect(_url(place))
    context = {
        "page_title": str(contact),
        "answer": f"负责{contact.region.path}。",
        "contact": contact,
        "form": form,
        "cancel_url": _url(place),
        "policy_year": place.policy_year,
    }
    return render(request, "enrollment/contact.html", context)


def _url(place: Place) -> str:
    here = reverse("enrollment:directory", args=[place.county.key, place.policy_year.year])
    return f"{here}?{urlencode({'region': place.region.key})}"


def _one_url(place: Place, contact: Contact) -> str:
    args = [place.county.key, place.policy_year.year, contact.pk]
    query = urlencode({"region": place.region.key})
    return f"{reverse('enrollment:directory-one', args=args)}?{query}"
