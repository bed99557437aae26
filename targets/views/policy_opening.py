"""开新年度: last year's policy copied, compared, tried over last year's people, put into force."""

from __future__ import annotations

import tempfile
from typing import Any

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from enrollment import audit
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.pack_format import Problem, Tables
from subsidies import trial as trials
from targets import opening, pack
from targets.changes import Change, changes
from targets.views.policy_rules import linked, rule_url


class CloneForm(forms.Form):
    """For which year the policy is copied."""

    year = forms.IntegerField(
        label="新的待遇年度",
        min_value=2000,
        max_value=2100,
        help_text="待遇年度，不是缴费的年份",
        widget=forms.TextInput({"inputmode": "numeric"}),
    )


class ActivateForm(forms.Form):
    """What putting the year into force rests on."""

    why = forms.CharField(
        label="依据",
        max_length=200,
        help_text="如 本年度文件的文号",
        error_messages={"required": "请写明启用的依据"},
    )


@require_http_methods(["GET", "POST"])
def clone(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Copy this year's policy into one that is being prepared."""
    place = enter(request, county, year, may="keeps_policy")
    form = CloneForm(request.POST or None, initial={"year": place.policy_year.year + 1})
    if request.method == "POST" and form.is_valid():
        try:
            made = opening.clone(
                place.policy_year,
                year=form.cleaned_data["year"],
                by=place.user,
                address=request.META.get("REMOTE_ADDR", ""),
            )
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(
                request, f"已复制成 {made.year} 年度（起草），启用以前只有县级经办人员看得到。"
            )
            return redirect("targets:policy-opening", made.county.key, made.year)
    context = {
        "page_title": "复制到新年度",
        "answer": f"把{place.county.name}{place.policy_year.year}年度的全部政策复制到新的年度，"
        "逐条核对、试算后再启用。",
        "policy_year": place.policy_year,
        "form": form,
        "cancel_url": reverse("targets:policy", args=_args(place)),
    }
    return render(request, "targets/policy_clone.html", context, status=400 if form.errors else 200)


@require_safe
def overview(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """A year that is being prepared: what is still to be done before it can be put into force."""
    place = enter(request, county, year, may="keeps_policy")
    return _overview(request, place, ActivateForm())


@require_POST
def confirm(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Say that one copied rule, or all of a table, holds in this year too."""
    place = enter(request, county, year, may="keeps_policy")
    table, labels = request.POST.get("table", ""), request.POST.getlist("label") or None
    count = opening.confirm(
        place.policy_year,
        table,
        labels,
        by=place.user,
        address=request.META.get("REMOTE_ADDR", ""),
    )
    if count:
        messages.success(request, f"已核对 {count} 条，与本年度一致。")
    else:
        messages.warning(request, "没有需要核对的规定：可能已经核对过，或已经修改。")
    return redirect("targets:policy-opening", *_args(place))


@require_POST
def activate(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Put the year into force."""
    place = enter(request, county, year, may="keeps_policy")
    form = ActivateForm(request.POST)
    if form.is_valid():
        try:
            opening.activate(
                place.policy_year,
                by=place.user,
                why=form.cleaned_data["why"],
                address=request.META.get("REMOTE_ADDR", ""),
            )
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(request, f"{place.policy_year.year} 年度已启用，全县都可以看到。")
            return redirect("targets:policy", *_args(place))
    return _overview(request, place, form)


@require_safe
def comparison(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """This year's rules against those of the year before, rule by rule."""
    place = enter(request, county, year)
    base = _before(place)
    found: list[Change] = []
    if base is not None:
        mine = pack.fetch_tables(place.policy_year)
        found = [
            change
            for change in changes(pack.fetch_tables(base), mine, about=False)
            if change.table not in ("regions", "targets", "forms") and change.field != "待遇年度"
        ]
    links = place.user.job.keeps_policy
    context = {
        "page_title": "与上年的差别",
        "answer": f"{place.policy_year.year}年度政策与{base.year}年度相比，有 {len(found)} 处不同"
        "（出处、说明、任务数和表式不在内）。"
        if base
        else f"{place.county.name}没有更早的年度政策可以比较。",
        "policy_year": place.policy_year,
        "base": base,
        "was": f"{base.year}年度" if base else "",
        "now": f"{place.policy_year.year}年度",
        "changes": [
            {
                "change": one,
                "url": rule_url(place.policy_year, one.path) if links and one.path else "",
            }
            for one in found
        ],
    }
    return render(request, "targets/policy_comparison.html", context)


@require_safe
def trial(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Last year's people under this year's rules: who would pay what, against last year."""
    place = enter(request, county, year, may="keeps_policy")
    base, found, problem = _before(place), None, ""
    if base is None:
        problem = "没有更早的年度，不能试算"
    else:
        try:
            found = trials.summary(base, place.policy_year)
        except Failure as failure:
            problem = failure.message
    views = []
    if found is not None:
        views = [
            {"title": "按资助身份", "lines": found.categories},
            {"title": "按档次", "lines": found.tiers},
            {"title": "按人群", "lines": found.groups},
            {"title": "按乡镇", "lines": found.towns},
        ]
    context = {
        "page_title": "试算",
        "answer": _trial_answer(place, base, found) if found else f"{problem}。",
        "policy_year": place.policy_year,
        "base": base,
        "trial": found,
        "views": views,
        "total": found.total if found else None,
        "changed": found is not None and bool(found.more or found.less or found.open),
    }
    return render(request, "targets/policy_trial.html", context)


@require_safe
def trial_list(request: HttpRequest, county: str, year: int) -> HttpResponseBase:
    """Everybody for whom this year's rules would change something, as a workbook."""
    place = enter(request, county, year, may="keeps_policy")
    base = _before(place)
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        if base is None:
            raise Failure("no_base", "没有更早的年度，不能试算")
        count = trials.write(target, base, place.policy_year)
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        return redirect("targets:policy-trial", *_args(place))
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.policy_year} 政策试算名单",
        address=request.META.get("REMOTE_ADDR", ""),
        rows=count,
    )
    target.seek(0)
    name = f"{place.county.name}{place.policy_year.year}年度政策试算.xlsx"
    return FileResponse(target, as_attachment=True, filename=name)


def _overview(request: HttpRequest, place: Place, form: ActivateForm) -> HttpResponse:
    tables = pack.fetch_tables(place.policy_year)
    draft = place.policy_year.state == PolicyYear.State.DRAFT
    left = opening.carried(place.policy_year, tables)
    found = [
        problem
        for problem in opening.obstacles(place.policy_year, tables)
        if problem.path not in {one.table for one in left} or "沿用上年" not in problem.reason
    ]
    context = {
        "page_title": "开新年度",
        "answer": _overview_answer(place, len(left), len(found), draft),
        "policy_year": place.policy_year,
        "is_draft": draft,
        "base": _before(place),
        "groups": _groups(place, left),
        "problems": [_problem(place, problem, tables) for problem in found],
        "ready": draft and not left and not found,
        "form": form,
        "activate_url": reverse("targets:policy-activate", args=_args(place)),
    }
    status = 400 if form.errors else 200
    return render(request, "targets/policy_opening.html", context, status=status)


def _overview_answer(place: Place, left: int, problems: int, draft: bool) -> str:
    name = f"{place.county.name}{place.policy_year.year}年度"
    if not draft:
        return f"{name}{place.policy_year.get_state_display()}，不在起草中。"
    todo = [f"{left} 条沿用上年的规定待核对" if left else "", f"{problems} 处问题待解决"
            if problems else ""]  # fmt: skip
    words = "，".join(part for part in todo if part)
    if words:
        return f"{name}还在起草：{words}。启用以前只有县级经办人员看得到。"
    return f"{name}已逐条核对，检查没有发现问题，看过差别和试算后可以启用。"


def _groups(place: Place, left: list[opening.Carried]) -> list[dict[str, Any]]:
    """The rules still to be looked at, table by table, each with its page."""
    groups: dict[str, dict[str, Any]] = {}
    for one in left:
        url = rule_url(place.policy_year, one.table)
        empty = {"title": one.title, "table": one.table, "url": url, "labels": []}
        groups.setdefault(one.table, empty)["labels"].append(one.label or one.title)
    return list(groups.values())


def _problem(place: Place, problem: Problem, tables: Tables) -> dict[str, str]:
    if problem.path == "draft":
        return {"text": problem.reason, "url": reverse("targets:policy-draft", args=_args(place))}
    return linked(place.policy_year, problem, tables)


def _trial_answer(place: Place, base: PolicyYear | None, found: trials.Trial) -> str:
    assert base is not None
    total = found.total
    return (
        f"{base.year}年度的 {total.before.people:,} 人按{place.policy_year.year}年度政策："
        f"个人应缴合计 {total.before.due:,.2f} → {total.after.due:,.2f} 元，"
        f"资助合计 {total.before.subsidy:,.2f} → {total.after.subsidy:,.2f} 元；"
        f"多缴 {found.more:,} 人，少缴 {found.less:,} 人，不变 {found.same:,} 人"
        + (f"，政策未规定 {found.open:,} 人。" if found.open else "。")
    )


def _before(place: Place) -> PolicyYear | None:
    """The year before that has rules."""
    return (
        PolicyYear.objects.select_related("county")
        .filter(county=place.county, year__lt=place.policy_year.year)
        .exclude(state=PolicyYear.State.HISTORY)
        .order_by("-year")
        .first()
    )


def _args(place: Place) -> list[Any]:
    return [place.county.key, place.policy_year.year]
