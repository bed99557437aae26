"""资助台账: who was helped, by which identity, how much, and whether the amount agrees."""

import tempfile
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from enrollment import audit
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Level
from enrollment.models.rules import Tier
from subsidies import ledger as verbs
from subsidies.ledger import ONLY, SETTLED_ONLY, Basis, Only
from subsidies.views.fresh import fresh
from subsidies.words import Words

PER_PAGE = 50
NARROWS = ("department", "category", "tier")


@require_safe
def ledger(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The list and its sums; ``?basis=estimate`` shows 测算, a table of its own."""
    place = enter(request, county, year, may="sees_people")
    words = Words(place.policy_year, place.user)
    chosen = _chosen(request, place, words)
    settled = chosen["basis"] == Basis.SETTLED
    everybody = verbs.entries(
        place.policy_year, place.region, words=words, basis=chosen["basis"], viewer=place.user
    )
    told = counted = verbs.totals(everybody, settled=settled)
    narrowed = {key: chosen[key] for key in NARROWS if chosen[key]}
    if narrowed:
        # A tab counts what it opens.
        listed = verbs.entries(
            place.policy_year, place.region, words=words, basis=chosen["basis"],
            viewer=place.user, **narrowed,
        )  # fmt: skip
        counted = verbs.totals(listed, settled=settled)
    context: dict[str, Any] = {
        "page_title": "资助台账" if settled else "资助测算",
        "answer": _answer(place, told, settled=settled),
        "policy_year": place.policy_year,
        "region": place.region,
        "settled": settled,
        "basis_tabs": _basis_tabs(place, chosen),
        "tabs": _tabs(place, chosen, counted),
        "chosen": chosen,
        "departments": words.departments(),
        "categories": [*words.columns(), verbs.NOBODY_S],
        "export_url": _url(place, chosen, name="subsidies:ledger-export"),
    }
    context |= fresh(place.policy_year)
    if chosen["view"] == "sums":
        context |= _sums(place, words, chosen, everybody, told, settled=settled)
    else:
        context |= _list(request, place, words, chosen)
    audit.record(
        "open_names",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {context['page_title']}",
        address=request.META.get("REMOTE_ADDR", ""),
        people=told["people"],
    )
    return render(request, "subsidies/ledger.html", context)


@require_safe
def export(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """The list as Excel, narrowed as the page is."""
    place = enter(request, county, year, may="sees_people")
    chosen = _chosen(request, place, Words(place.policy_year, place.user))
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        count = verbs.write(
            target,
            place.policy_year,
            place.region,
            department=chosen["department"],
            category=chosen["category"],
            tier=chosen["tier"],
            only=chosen["only"],
            basis=chosen["basis"],
            viewer=place.user,
        )
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        return redirect(_url(place, chosen))
    title = "资助台账" if chosen["basis"] == Basis.SETTLED else "资助测算"
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {title}",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=count,
        filter={key: value for key, value in chosen.items() if value},
    )
    target.seek(0)
    name = f"{place.region.name}{place.policy_year.year}年度{title}.xlsx"
    return FileResponse(target, as_attachment=True, filename=name)


def _chosen(request: HttpRequest, place: Place, words: Words) -> dict[str, str]:
    """What the page is narrowed to; what there is not is left out."""
    basis = request.GET.get("basis", "")
    basis = basis if basis in Basis.values else Basis.SETTLED.value
    only = request.GET.get("only", "")
    allowed = [one for one in Only.values if basis == Basis.SETTLED or one not in SETTLED_ONLY]
    department = request.GET.get("department", "")
    category = request.GET.get("category", "")
    tier = request.GET.get("tier", "")
    if tier and not Tier.objects.filter(policy_year=place.policy_year, name=tier).exists():
        tier = ""
    return {
        "basis": basis,
        "only": only if only in allowed else "",
        "department": department if department in words.departments() else "",
        "category": category if category in (*words.columns(), verbs.NOBODY_S) else "",
        "tier": tier,
        "view": "sums" if request.GET.get("view") == "sums" else "",
    }


def _list(
    request: HttpRequest, place: Place, words: Words, chosen: dict[str, str]
) -> dict[str, Any]:
    narrow = {key: chosen[key] for key in (*NARROWS, "only", "basis")}
    found = verbs.entries(place.policy_year, place.region, words=words, viewer=place.user, **narrow)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    start = (page.number - 1) * PER_PAGE
    rows = found[start : start + PER_PAGE]
    headings = list(words.columns())
    tiers = Tier.objects.filter(policy_year=place.policy_year).order_by("order", "pk")
    names = list(tiers.values_list("name", flat=True))
    return {
        "page": page,
        "headings": headings,
        "tiers": names,
        "several_tiers": len(names) > 1,
        "rows": [
            {"line": line, "ticks": list(zip(headings, line.ticks, strict=True))}
            for line in verbs.lines(rows, place.policy_year, words)
        ],
        "sums": verbs.totals(found, settled=chosen["basis"] == Basis.SETTLED),
    }


def _sums(
    place: Place,
    words: Words,
    chosen: dict[str, str],
    everybody: Any,
    told: dict[str, Any],
    *,
    settled: bool,
) -> dict[str, Any]:
    """By unit and by identity, each figure open to its list."""
    columns: list[tuple[str, str]] = [
        ("people", ""),
        ("subsidised", Only.SUBSIDISED.value),
        ("not_stated", Only.NOT_STATED.value),
    ]
    if settled:
        columns += [("wrong", Only.DIFFERENCE.value), ("afterwards", Only.AFTERWARDS.value)]

    def opened(row: dict[str, Any], **query: str) -> dict[str, Any]:
        figures = [
            {
                "value": row[key],
                "url": _url(place, {"basis": chosen["basis"], "only": only} | query),
            }
            for key, only in columns
        ]
        return row | {"figures": figures}

    units = []
    if place.region.level != Level.VILLAGE:
        units = [
            opened(row | {"label": row["name"]}, region=row["key"])
            for row in verbs.by_unit(everybody, place.region, settled=settled)
        ]
    categories = [
        opened(row, category=row["label"])
        for row in verbs.by_category(everybody, words, settled=settled)
    ]
    return {"units": units, "by_category": categories, "whole": opened(told | {"label": "合计"})}


def _basis_tabs(place: Place, chosen: dict[str, str]) -> list[dict[str, Any]]:
    words = {Basis.SETTLED: "结算（实际缴费）", Basis.ESTIMATE: "测算（名单）"}
    return [
        {
            "label": words[basis],
            "url": _url(place, {"basis": basis.value, "view": chosen["view"]}),
            "active": basis == chosen["basis"],
        }
        for basis in Basis
    ]


def _tabs(place: Place, chosen: dict[str, str], told: dict[str, Any]) -> list[dict[str, Any]]:
    """汇总 first, then the list and what it can be narrowed to."""
    settled = chosen["basis"] == Basis.SETTLED
    summed = bool(chosen["view"])
    tabs: list[dict[str, Any]] = [
        {
            "label": "汇总",
            "url": _url(place, {"basis": chosen["basis"], "view": "sums"}),
            "active": summed,
        },
        {
            "label": "全部",
            "count": told["people"],
            "url": _url(place, chosen | {"only": "", "view": ""}),
            "active": not summed and not chosen["only"],
        },
    ]
    keys = {
        Only.SUBSIDISED: "subsidised",
        Only.DIFFERENCE: "wrong",
        Only.AFTERWARDS: "afterwards",
        Only.NOT_STATED: "not_stated",
    }
    for only in ONLY:
        if not settled and only in SETTLED_ONLY:
            continue
        tabs.append(
            {
                "label": only.label,
                "count": told[keys[only]],
                "url": _url(place, chosen | {"only": only.value, "view": ""}),
                "active": not summed and chosen["only"] == only,
                "kind": "problem" if only == Only.DIFFERENCE else "",
            }
        )
    return tabs


def _answer(place: Place, told: dict[str, Any], *, settled: bool) -> str:
    where = f"{place.region.path} {place.policy_year.year} 年度"
    if not settled:
        return (
            f"{where}按名单测算：{told['people']:,} 人，资助 {told['amount']:,.2f} 元，"
            f"个人缴 {told['owed']:,.2f} 元。测算不是结算。"
        )
    said = (
        f"{where}台账 {told['people']:,} 人，受资助 {told['subsidised']:,} 人、"
        f"{told['amount']:,.2f} 元，个人已缴 {told['got']:,.2f} 元"
    )
    if told["wrong"]:
        said += f"；金额与规则不一致 {told['wrong']:,} 人"
    if told["not_stated"]:
        said += f"；政策未规定的 {told['not_stated']:,} 人，资助金额暂缺"
    return f"{said}。"


def _url(place: Place, chosen: dict[str, str], *, name: str = "subsidies:ledger") -> str:
    url = reverse(name, args=[place.county.key, place.policy_year.year])
    query = {"region": place.region.key} | {key: value for key, value in chosen.items() if value}
    if query.get("basis") == Basis.SETTLED:
        del query["basis"]
    return f"{url}?{urlencode(query)}"
