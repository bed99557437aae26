"""政策修改: the tables of the policy and their entries, one page for each, from the pack format."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import tomli_w
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.pack_format import Data, Problem, Row, default_of
from targets import amendment, entries, opening
from targets.changes import in_words, label_of, title_of
from targets.models import PolicyDraft, PolicyVersion
from targets.policy_forms import Entry
from targets.spot import Spot, is_inline, of_path, parse

# What the page's own controls are called begins with "amend-": no key of a pack has a dash.
SHOWN = 4
"""How many keys of an entry a table shows beside its name."""


@require_http_methods(["GET", "POST"])
def rule(request: HttpRequest, county: str, year: int, where: str) -> HttpResponse:
    """A table with its entries in order, or one entry with its form."""
    place = enter(request, county, year, may="keeps_policy")
    try:
        spot = parse(where)
    except LookupError as error:
        raise Http404 from error
    working = amendment.working(place.policy_year)
    try:
        spot.rows(working.tables)
        row = None if spot.is_table or spot.is_new else _row(spot, working)
    except LookupError as error:
        raise Http404 from error
    if spot.is_table:
        return _table(request, place, spot, working)
    if request.method == "POST" and request.POST.get("amend-verb") in ("up", "down", "remove"):
        return _rearrange(request, place, spot, working)
    if request.method == "POST":
        return _save(request, place, spot, working, row)
    return _entry(request, place, spot, working, Entry(spot, working.tables, row), row)


def _row(spot: Spot, working: amendment.Working) -> Row | None:
    """The entry; None for a table of its own that the policy does not have yet."""
    if spot.section.single and not spot.rows(working.tables):
        return None
    return spot.row(working.tables)


# ------------------------------------------------------------------ a table


def _table(
    request: HttpRequest, place: Place, spot: Spot, working: amendment.Working
) -> HttpResponse:
    rows = spot.rows(working.tables)
    carried = opening.carried(place.policy_year, working.tables)
    flagged = {one.label for one in carried if one.table == spot.section.key}
    context = _frame(place, spot, working) | {
        "page_title": title_of(spot.section),
        "answer": f"{_county_year(place)}的{title_of(spot.section)}共 {len(rows)} 条"
        + (f"，其中 {len(flagged)} 条沿用上年，待核对。" if flagged else "。"),
        "rows": [
            {
                "label": label_of(spot.section, one) or f"第 {number} 条",
                "url": _url(place, spot.entry(number)),
                "facts": _facts(spot, one),
                "cites": one.get("cites") or "",
                "source": one.get("source") or "",
                "flagged": len(spot.sections) == 1 and label_of(spot.section, one) in flagged,
            }
            for number, one in enumerate(rows, 1)
        ],
        "new_url": _url(place, spot.entry(0)),
        "key": spot.section.key,
    }
    return render(request, "targets/policy_table.html", context)


def _facts(spot: Spot, row: Row) -> str:
    section = spot.section
    parts = []
    for name in section.fields:
        model_field = section.get(name)
        if name in (*section.natural, "name", "text", "cites", "source", "note", "aliases"):
            continue
        if row[name] in (None, "", []) or row[name] == default_of(model_field):
            continue
        parts.append(f"{model_field.verbose_name} {in_words(model_field, row[name], name)}")
    counts = [
        f"{title_of(child)} {len(row[child.key])} 条"
        for child in section.children
        if row[child.key] and not is_inline(child)
    ]
    return "；".join([*parts[:SHOWN], *counts])


# ------------------------------------------------------------------ an entry


def _entry(
    request: HttpRequest,
    place: Place,
    spot: Spot,
    working: amendment.Working,
    entry: Entry,
    row: Row | None,
    *,
    elsewhere: list[Problem] | None = None,
    may_wait: bool = False,
    since: amendment.ChangedSince | None = None,
    was: str | None = None,
    why: str = "",
) -> HttpResponse:
    label = label_of(spot.section, row) if row is not None else ""
    title = title_of(spot.section)
    inner = [
        {
            "title": title_of(child),
            "url": _url(place, spot.child(child.key)),
            "new_url": _url(place, spot.child(child.key).entry(0)),
            "rows": [
                {
                    "label": label_of(child, one) or f"第 {number} 条",
                    "facts": _facts(spot.child(child.key), one),
                    "url": _url(place, spot.child(child.key).entry(number)),
                }
                for number, one in enumerate(row[child.key], 1)
            ],
        }
        for child in spot.section.children
        if row is not None and not is_inline(child)
    ]
    carried = opening.carried(place.policy_year, working.tables)
    flagged = len(spot.sections) == 1 and any(
        (one.table, one.label) == (spot.section.key, label) for one in carried
    )
    active = place.policy_year.state == PolicyYear.State.ACTIVE
    context = _frame(place, spot, working) | {
        "page_title": f"{title}：{label}" if label else title,
        "answer": _answer(place, spot, working, label),
        "entry": entry,
        "inner": inner,
        "was": was if was is not None else _text(entries.own(spot.section, row) if row else None),
        "why": why,
        "why_needed": active and not working.draft,
        "elsewhere": [_linked(place, problem, working) for problem in elsewhere or []],
        "may_wait": may_wait and not working.draft,
        "since": since,
        "submit": "存入修改稿" if working.draft else "保存",
        "removable": row is not None,
        "flagged": flagged,
        "key": spot.section.key,
        "label": label,
        "back_url": _back(place, spot),
    }
    bad = bool(entry.form.errors or elsewhere or since) or any(
        form.errors for one in entry.lines for form in one.used if form.is_bound
    )
    return render(request, "targets/policy_entry.html", context, status=400 if bad else 200)


def _save(
    request: HttpRequest, place: Place, spot: Spot, working: amendment.Working, row: Row | None
) -> HttpResponse:
    entry = Entry(spot, working.tables, row, request.POST)
    was, why = request.POST.get("amend-was", ""), request.POST.get("amend-why", "").strip()
    wait = "amend-wait" in request.POST
    valid = entry.is_valid()
    needed = place.policy_year.state == PolicyYear.State.ACTIVE and not (working.draft or wait)
    if needed and not why:
        entry.form.add_error(None, "请在最下面写明修改的原因，如 文号、更正的依据")
        valid = False
    shown: dict[str, Any] = {"was": was, "why": why}
    if not valid:
        return _entry(request, place, spot, working, entry, row, **shown)
    try:
        before = _read(was)
        version = amendment.put(
            place.policy_year,
            spot,
            entry.values(),
            was=before,
            by=place.user,
            why=why,
            wait=wait,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except amendment.Refused as refused:
        rest = entry.add_problems(refused.problems)
        return _entry(
            request, place, spot, working, entry, row,
            elsewhere=rest, may_wait=refused.may_wait, **shown,
        )  # fmt: skip
    except amendment.ChangedSince as since:
        now = _row(spot, working)
        return _entry(
            request, place, spot, working, entry, now, since=since, why=why,
        )  # fmt: skip
    except Failure as failure:
        entry.form.add_error(None, failure.message)
        return _entry(request, place, spot, working, entry, row, **shown)
    messages.success(request, _said(place, version))
    if spot.is_new and any(not is_inline(child) for child in spot.section.children):
        # What comes below it can be written now.
        return redirect(_url(place, spot.entry(len(spot.rows(working.tables)) + 1)))
    return redirect(_back(place, spot))


def _rearrange(
    request: HttpRequest, place: Place, spot: Spot, working: amendment.Working
) -> HttpResponse:
    verb = request.POST["amend-verb"]
    about: dict[str, Any] = {
        "by": place.user,
        "why": request.POST.get("amend-why", "").strip(),
        "address": request.META.get("REMOTE_ADDR", ""),
    }
    try:
        row = spot.row(working.tables)
        was = _read(request.POST.get("amend-was", "")) or entries.own(spot.section, row)
        if verb == "remove":
            if "amend-sure" not in request.POST:
                raise Failure("not_sure", "没有删去：请先勾选“确认删去这一条”")
            version = amendment.remove(
                place.policy_year, spot, was=was, wait="amend-wait" in request.POST, **about
            )
        else:
            version = amendment.move(place.policy_year, spot, up=verb == "up", was=was, **about)
    except amendment.Refused as refused:
        for problem in refused.problems:
            messages.error(request, _linked(place, problem, working)["text"])
        if refused.may_wait and verb == "remove":
            messages.warning(request, "与别的改动一起才能成立的，可以勾选“先存入修改稿”再删去。")
        return redirect(_url(place, spot))
    except amendment.ChangedSince:
        messages.error(request, "没有改动：这一条刚被别人修改过，请看过现在的内容再决定。")
        return redirect(_url(place, spot))
    except Failure as failure:
        messages.error(request, failure.message)
        return redirect(_url(place, spot))
    messages.success(request, _said(place, version))
    return redirect(_back(place, spot))


# ------------------------------------------------------------------ words and links


def _said(place: Place, version: PolicyVersion | None) -> str:
    if version is None:
        return "已存入修改稿，还没有生效。改完后请到“修改稿”核对差别，使它一起生效。"
    if place.policy_year.state == PolicyYear.State.DRAFT:
        return f"已保存（第 {version.number} 版）。这一年度还在起草，启用后才起作用。"
    return f"已保存并生效（第 {version.number} 版），资助核定和进度随后按新规定重新计算。"


def _answer(place: Place, spot: Spot, working: amendment.Working, label: str) -> str:
    name = f"“{label}”" if label else ""
    if spot.is_new:
        return f"在{_county_year(place)}的{title_of(spot.section)}里新增一条。"
    effect = "保存后立即生效"
    if working.draft:
        effect = "存入修改稿，生效后才起作用"
    elif place.policy_year.state == PolicyYear.State.DRAFT:
        effect = "这一年度还在起草，启用后才起作用"
    return f"{_county_year(place)}的{title_of(spot.section)}{name}；{effect}，原来的值留在历史里。"


def _county_year(place: Place) -> str:
    return f"{place.county.name}{place.policy_year.year}年度"


def _frame(place: Place, spot: Spot, working: amendment.Working) -> dict[str, Any]:
    steps = spot.titles(working.tables)
    draft: PolicyDraft | None = working.draft
    return {
        "policy_year": place.policy_year,
        "spot": spot,
        "steps": [
            {"title": title, "url": rule_url(place.policy_year, address)}
            for title, address in steps
        ],
        "draft": draft,
        "draft_url": reverse(
            "targets:policy-draft", args=[place.county.key, place.policy_year.year]
        ),
    }


def rule_url(policy_year: PolicyYear, address: str) -> str:
    """The page of a table or entry."""
    return reverse("targets:policy-rule", args=[policy_year.county.key, policy_year.year, address])


def linked(policy_year: PolicyYear, problem: Problem, tables: Any) -> dict[str, str]:
    """A problem in words, with the page that mends it."""
    found = of_path(problem.path)
    if found is None:
        return {"text": str(problem), "url": ""}
    spot, key = found
    words = [title for title, _ in spot.titles(tables)] if _there(spot, tables) else []
    if key in spot.section.fields:
        words.append(str(spot.section.get(key).verbose_name))
    return {
        "text": f"{' · '.join(words) or problem.path}：{problem.reason}",
        "url": rule_url(policy_year, spot.address),
    }


def _there(spot: Spot, tables: Any) -> bool:
    try:
        spot.titles(tables)
    except LookupError:
        return False
    return True


def _linked(place: Place, problem: Problem, working: amendment.Working) -> dict[str, str]:
    return linked(place.policy_year, problem, working.tables)


def _url(place: Place, spot: Spot) -> str:
    return rule_url(place.policy_year, spot.address)


def _back(place: Place, spot: Spot) -> str:
    """Where one goes from an entry: to the entry around it, its table, or the policy."""
    if spot.parent is not None:
        return _url(place, spot.parent)
    if spot.section.single:
        return reverse("targets:policy", args=[place.county.key, place.policy_year.year])
    return _url(place, spot.table)


def _text(data: Data | None) -> str:
    """The entry as the page showed it, to know on return whether it is still the same."""
    return "" if data is None else tomli_w.dumps(data)


def _read(text: str) -> Data | None:
    try:
        return tomllib.loads(text, parse_float=Decimal) if text else None
    except tomllib.TOMLDecodeError:
        return {}
