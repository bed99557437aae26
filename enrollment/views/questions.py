"""待核实事项: all open questions of one's area on one page, each with who decides it."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from enrollment import people
from enrollment import questions as verbs
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Level, Question, QuestionKind, Region, Status, StatusKind

PER_PAGE = 50


EXAMPLES = {
    QuestionKind.NAME_DIFFERS: "已查户口簿，应为张三",
    QuestionKind.PAID_AGAIN: "已与税务核对，是同一笔",
    QuestionKind.SERIAL_DIFFERS: "已与税务核对，后一笔是退费",
    QuestionKind.MOVES_TOWN: "已看迁移证；本人仍住原处，户口未迁",
}


class Answer(forms.Form):
    """The conclusion, and what it stands on."""

    decision = forms.ChoiceField(
        label="结论", widget=forms.RadioSelect, error_messages={"required": "请选择一种结论"}
    )
    text = forms.CharField(
        label="核实情况",
        max_length=280,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "请写明核实情况"},
    )

    def __init__(self, *args: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = verbs.DECISIONS[QuestionKind(question.kind)]
        self.fields["text"].help_text = f"写明依据，如 {EXAMPLES[QuestionKind(question.kind)]}"
        decision = cast(forms.ChoiceField, self.fields["decision"])
        decision.choices = [(one.value, one.label) for one in offered]


@require_http_methods(["GET", "POST"])
def questions(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Counts per unit and kind; one kind's list; placing people who are 未落实."""
    place = enter(request, county, year, may="sees_people")
    if request.method == "POST":
        return _place(request, place)
    kind = request.GET.get("kind", "")
    kind = kind if kind in verbs.KINDS else ""
    found = verbs.counts(place.policy_year, place.region, viewer=place.user)
    totals = {key: sum(unit.get(key, 0) for unit in found.values()) for key in verbs.KINDS}
    context = {
        "page_title": "待核实事项",
        "answer": _answer(place, kind, totals),
        "tabs": _tabs(place, kind, totals),
        "tabs_label": "种类",
        "kind": kind,
        "policy_year": place.policy_year,
        "region": place.region,
        "may_answer": place.user.job.may_answer,
    }
    context |= _list(request, place, kind) if kind else _overview(place, found, totals)
    return render(request, "enrollment/questions.html", context)


@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One question and its answer; on to the next of its kind afterwards."""
    place = enter(request, county, year, may="sees_people")
    visible = Question.objects.visible_to(place.user).filter(policy_year=place.policy_year)
    question = get_object_or_404(
        visible.select_related("person", "roster", "town", "village", "answered_by"), pk=pk
    )
    form = Answer(request.POST or None, question=question)
    if request.method == "POST" and form.is_valid():
        try:
            let_in = verbs.answer(
                question,
                by=place.user,
                address=request.META.get("REMOTE_ADDR", ""),
                **form.cleaned_data,
            )
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(request, _said(question, let_in))
            return redirect(_after(request, place, question))
    context = {
        "page_title": question.get_kind_display(),
        "answer": question.text,
        "question": question,
        "form": form,
        "decider": verbs.decider(
            question.kind, question.town, objected=question.objected_at is not None
        ),
        "may_answer": verbs.may_answer(question, place.user),
        "sources": verbs.sources([question], viewer=place.user)[question.pk],
        "list_url": _url(place, question.kind),
        "policy_year": place.policy_year,
    }
    return render(request, "enrollment/question.html", context, status=400 if form.errors else 200)


def _said(question: Question, let_in: int) -> str:
    """What became of the answer, in one sentence."""
    question.refresh_from_db()
    if question.answered_at is None:
        return "已记下不同意迁出，交县级决定；此人暂不变动。"
    return f"已记下核实结论，{let_in} 行已入库。" if let_in else "已记下核实结论。"


def _place(request: HttpRequest, place: Place) -> HttpResponse:
    """Put the ticked people into the chosen village."""
    ticked = [int(value) for value in request.POST.getlist("person") if value.isdecimal()]
    villages = Region.objects.visible_to(place.user).filter(county=place.county)
    village = villages.filter(key=request.POST.get("village", "")).first()
    try:
        if village is None:
            raise Failure("village", "请选择要落实到的村（社区）")
        number = verbs.place(
            ticked[:PER_PAGE],
            village=village,
            by=place.user,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Failure as failure:
        messages.error(request, failure.message)
    else:
        messages.success(request, f"已把 {number} 人落实到{village.path}。")
    return redirect(_url(place, verbs.UNPLACED))


def _overview(
    place: Place, found: dict[int, dict[str, int]], totals: dict[str, int]
) -> dict[str, Any]:
    """Units below the region with their counts; units without open questions are left out."""
    units = {unit.pk: unit for unit in Region.objects.filter(pk__in=found).select_related("parent")}
    rows = []
    for unit in sorted(units.values(), key=lambda one: (one.placeholder, one.order, one.key)):
        cells = [
            {"number": found[unit.pk].get(kind, 0), "url": _url(place, kind, unit)}
            for kind in verbs.KINDS
        ]
        rows.append({"unit": unit, "cells": cells, "total": sum(found[unit.pk].values())})
    return {
        "rows": rows,
        "headings": list(verbs.KINDS.values()),
        "totals": [{"number": totals[kind], "url": _url(place, kind)} for kind in verbs.KINDS],
        "sum": sum(totals.values()),
    }


def _list(request: HttpRequest, place: Place, kind: str) -> dict[str, Any]:
    """One page of one kind; places are read once for the page."""
    year, region, user = place.policy_year, place.region, place.user
    if kind in (verbs.UNPLACED, verbs.DEDUCTED_INSURED):
        derive = verbs.unplaced if kind == verbs.UNPLACED else verbs.deducted_insured
        listed: Any = derive(year, region, viewer=user)
    else:
        open_ones = verbs.open_ones(year, region, viewer=user).filter(kind=kind)
        listed = open_ones.select_related("person", "roster", "town", "village")
    page = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    items = list(page.object_list)
    context: dict[str, Any] = {"page": page}
    if kind in QuestionKind.values:
        sources = verbs.sources(items, viewer=user)
        context["items"] = [
            {
                "question": item,
                "decider": verbs.decider(kind, item.town, objected=item.objected_at is not None),
                "sources": sources[item.pk],
            }
            for item in items
        ]
        return context
    towns = Region.objects.in_bulk({item.at_town for item in items})
    villages = Region.objects.in_bulk({item.at_village for item in items})
    words: dict[int, list[str]] = {}
    if kind == verbs.DEDUCTED_INSURED:
        statuses = Status.objects.filter(
            policy_year=year,
            person__in=[item.pk for item in items],
            kind__bucket__in=StatusKind.OUT_OF_BASE,
        )
        for status in statuses.select_related("kind").order_by("kind__order"):
            word = people.status_word(status.kind, user)
            words.setdefault(status.person_id, []).append(word)
    own = Region.objects.select_related("parent").in_bulk({item.village_id for item in items})
    registered = {item.pk: own[item.village_id].path for item in items}
    context["items"] = [
        {
            "person": item,
            "town": towns.get(item.at_town),
            "village": villages.get(item.at_village),
            "words": words.get(item.pk, []),
            "phone": people.masked_phone(item.phone),
            "registered": registered[item.pk],
            "decider": verbs.decider(kind, towns.get(item.at_town)),
        }
        for item in items
    ]
    if kind == verbs.UNPLACED:
        context["villages"] = (
            Region.objects.visible_to(user)
            .filter(
                county=place.county, level=Level.VILLAGE, placeholder=False, valid_to__isnull=True
            )
            .select_related("parent")
            .order_by("parent__order", "parent__key", "order", "key")
        )
    return context


def _tabs(place: Place, kind: str, totals: dict[str, int]) -> list[dict[str, Any]]:
    everything = {
        "label": "全部",
        "count": sum(totals.values()),
        "url": _url(place, ""),
        "active": not kind,
    }
    return [
        everything,
        *[
            {"label": word, "count": totals[key], "url": _url(place, key), "active": key == kind}
            for key, word in verbs.KINDS.items()
        ],
    ]


def _answer(place: Place, kind: str, totals: dict[str, int]) -> str:
    number = totals[kind] if kind else sum(totals.values())
    what = f"“{verbs.KINDS[kind]}”" if kind else "待核实"
    if not number:
        return f"{place.region.path} {place.policy_year.year} 年度没有{what}事项。"
    return f"{place.region.path} {place.policy_year.year} 年度有{what}事项 {number:,} 件。"


def _after(request: HttpRequest, place: Place, question: Question) -> str:
    """The next open question of the kind, where asked for, else the list."""
    if "next" in request.POST:
        rest = verbs.open_ones(place.policy_year, place.region, viewer=place.user)
        following = rest.filter(kind=question.kind, pk__gt=question.pk).first()
        if following:
            args = [place.county.key, place.policy_year.year, following.pk]
            return reverse("enrollment:questions-one", args=args)
    return _url(place, question.kind)


def _url(place: Place, kind: str, region: Region | None = None) -> str:
    here = reverse("enrollment:questions", args=[place.county.key, place.policy_year.year])
    query = {"region": (region or place.region).key} | ({"kind": kind} if kind else {})
    return f"{here}?{urlencode(query)}"
