"""报表: one shelf for every table and list; look first, then take it as Excel, PDF or CSV."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from enrollment.access import Place, enter, require
from enrollment.failure import Failure
from enrollment.models.rules import Tier
from targets import official, shelf
from targets.official.printing import said
from targets.official.tables import Table, heads
from targets.shelf import Choice, Chosen
from targets.views.progress import cut_off


@require_safe
def reports(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The shelf: what there is for this role, what it shows, and where to get it."""
    place = enter(request, county, year)
    tables = [_form_line(place, one) for one in shelf.forms() if _may(place, one)]
    lists = [_list_line(place, one) for one in shelf.LISTS if _may(place, one)]
    context = {
        "page_title": "报表",
        "answer": f"{place.region.path} {year} 年度可取用的正式表格 {len(tables)} 张"
        + (f"、名单 {len(lists)} 种。" if lists else "。"),
        "policy_year": place.policy_year,
        "region": place.region,
        "groups": [
            {"title": "正式表格", "lines": tables, "help": "预览后导出；要签字盖章的用 PDF。"},
            {"title": "名单", "lines": lists, "help": "证件号码和电话不含完整号码；导出留有记录。"},
        ],
    }
    return render(request, "targets/reports.html", context)


@require_safe
def report(request: HttpRequest, county: str, year: int, name: str) -> HttpResponse:
    """One official table on the screen as it will be printed."""
    place = enter(request, county, year)
    form = form_or_404(name)
    require(place.user, form.may)
    chosen, problem = chosen_from(request, place)
    made = None
    try:
        if problem:
            raise Failure("as_of", problem)
        shelf.refuse(form, chosen)
        # Full numbers are for the file, on record, not for the screen.
        shown = replace(chosen, full=False)
        made = form.table(place.policy_year, place.region, shown)
    except Failure as failure:
        problem = failure.message
    query = _query(place, chosen)
    links = reverse("targets:table", args=[county, year, name])
    context: dict[str, Any] = {
        "page_title": form.title,
        "answer": f"{place.region.path} {year} 年度{form.title}：{form.about}。"
        if form.about
        else f"{place.region.path} {year} 年度{form.title}。",
        "as_of": f"数据截至 {made.as_of}" if made and made.as_of else "",
        "policy_year": place.policy_year,
        "region": place.region,
        "form": form,
        "chosen": chosen,
        "until": timezone.localtime(chosen.until) if chosen.until else None,
        "takes": {choice.value for choice in form.takes},
        "may_reveal": place.user.job.may_reveal,
        "tiers": _tiers(place) if Choice.TIER in form.takes else [],
        "problem": problem,
        "tabs": _tabs(place, name),
        "files": [
            {"word": described.word, "url": f"{links}?{urlencode(query | {'form': key})}"}
            for key, described in official.FILE_FORMS.items()
        ],
        "back_url": _url(place, "targets:reports"),
    }
    if made is not None:
        context |= {"table": made, "drawn": drawn(made)}
    return render(request, "targets/report.html", context)


def form_or_404(name: str) -> shelf.Form:
    """The official table of this name. Raises Http404 where there is none."""
    for form in shelf.forms():
        if form.name == name:
            return form
    raise Http404


def chosen_from(request: HttpRequest, place: Place) -> tuple[Chosen, str]:
    """What the address asks for, and why its moment could not be read where it could not."""
    until, problem = cut_off(request)
    return Chosen(
        until=until,
        draft="draft" in request.GET,
        tier=request.GET.get("tier", "").strip()[:40],
        full="full" in request.GET,
        viewer=place.user,
    ), problem


@dataclass(frozen=True)
class Drawn:
    """A table as rows of cells for HTML: merged heads, merged cells, figures to the right."""

    heads: list[list[dict[str, Any]]]
    rows: list[list[dict[str, Any]]]
    total: list[dict[str, Any]]


def drawn(table: Table) -> Drawn:
    """What the page shows of a table: the printed form, cell by cell."""
    placed, depth = heads(table.columns)
    above: list[list[dict[str, Any]]] = [[] for _ in range(depth)]
    for head in placed:
        across, down = head.right - head.left + 1, head.bottom - head.top + 1
        above[head.top].append({"text": head.text, "across": across, "down": down})
    down_from = {(first, across): last - first + 1 for across, first, last in table.merges}
    hidden = {
        (row, across) for across, first, last in table.merges for row in range(first + 1, last + 1)
    }
    rows = [
        [
            _cell(value, table, across) | {"down": down_from.get((at, across), 1)}
            for across, value in enumerate(row)
            if (at, across) not in hidden
        ]
        for at, row in enumerate(table.rows)
    ]
    return Drawn(above, rows, [_cell(value, table, at) for at, value in enumerate(table.total)])


def _cell(value: Any, table: Table, across: int) -> dict[str, Any]:
    column = table.columns[across]
    figure = isinstance(value, int | float)
    return {
        "text": said(value, column.number_format),
        "figure": figure,
        "label": "".join(part.replace("\n", "") for part in column.heading[-1:]),
    }


def _may(place: Place, one: shelf.Form | shelf.Listing) -> bool:
    return not one.may or getattr(place.user.job, one.may)


def _form_line(place: Place, form: shelf.Form) -> dict[str, Any]:
    files = {
        ending: _url(place, "targets:table", form.name, form=ending) for ending in form.endings
    }
    return _line(form, _url(place, "targets:report", form.name), files)


def _list_line(place: Place, listing: shelf.Listing) -> dict[str, Any]:
    own = listing.export == "targets:list-file"
    arguments = (listing.name,) if own else listing.arguments
    files = {
        ending: _url(place, listing.export, *arguments, form=ending)
        for ending in listing.endings
        if listing.export
    }
    if own and Choice.FULL in listing.takes and place.user.job.may_reveal:
        ending = listing.endings[0]
        files["full"] = _url(place, listing.export, *arguments, form=ending, full="1")
    return _line(listing, _url(place, listing.page, *listing.arguments), files)


def _line(one: shelf.Form | shelf.Listing, url: str, files: dict[str, str]) -> dict[str, Any]:
    words = {"xlsx": "Excel", "pdf": "PDF", "csv": "CSV", "zip": "ZIP", "full": "含完整号码"}
    return {
        "title": one.title,
        "about": one.about,
        "url": url,
        "files": [{"word": words[ending], "url": file} for ending, file in files.items()],
    }


def _tabs(place: Place, current: str) -> list[dict[str, Any]]:
    return [
        {
            "label": form.title,
            "url": _url(place, "targets:report", form.name),
            "active": form.name == current,
        }
        for form in shelf.forms()
        if _may(place, form)
    ]


def _tiers(place: Place) -> list[str]:
    tiers = Tier.objects.filter(policy_year=place.policy_year)
    return list(tiers.values_list("name", flat=True))


def _query(place: Place, chosen: Chosen) -> dict[str, str]:
    asked = {
        "as_of": f"{timezone.localtime(chosen.until):%Y-%m-%dT%H:%M:%S}" if chosen.until else "",
        "draft": "1" if chosen.draft else "",
        "full": "1" if chosen.full else "",
        "tier": chosen.tier,
    }
    return {"region": place.region.key} | {key: value for key, value in asked.items() if value}


def _url(place: Place, name: str, *args: str, **query: str) -> str:
    url = reverse(name, args=[place.county.key, place.policy_year.year, *args])
    return f"{url}?{urlencode({'region': place.region.key} | query)}"
