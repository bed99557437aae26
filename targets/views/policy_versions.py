"""政策历史和修改稿: what changed, who did it and why; and the changes that are still to come."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from enrollment.access import Place, enter, require
from enrollment.failure import Failure
from enrollment.models import PolicyYear
from targets import amendment, pack
from targets.changes import Change, changes
from targets.models import PolicyDraft, PolicyVersion
from targets.versions import latest
from targets.views.policy_rules import linked, rule_url

PER_PAGE = 20


class Why(forms.Form):
    """Why a policy is changed as a whole."""

    why = forms.CharField(
        label="原因",
        max_length=200,
        help_text="如 依据的文号、哪一处更正",
        error_messages={"required": "请写明原因"},
    )


@require_safe
def versions(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Every version of the year's policy, newest first."""
    place = enter(request, county, year)
    found = PolicyVersion.objects.filter(policy_year=place.policy_year).defer("text")
    page = Paginator(found.select_related("by").order_by("-number"), PER_PAGE).get_page(
        request.GET.get("page")
    )
    name = f"{place.county.name}{place.policy_year.year}年度政策"
    last = page.paginator.count and found.order_by("-number").first()
    context = {
        "page_title": "政策历史",
        "answer": f"{name}共有 {page.paginator.count} 个版本，现行的是第 {last.number} 版。"
        if last
        else f"{name}自开始保留历史以来没有改动过。",
        "policy_year": place.policy_year,
        "page": page,
        "policy_url": _policy(place),
    }
    return render(request, "targets/policy_versions.html", context)


@require_http_methods(["GET", "POST"])
def version(request: HttpRequest, county: str, year: int, number: int) -> HttpResponse:
    """What one version changed, and making it hold again."""
    place = enter(request, county, year)
    mine = PolicyVersion.objects.filter(policy_year=place.policy_year).select_related("by")
    one = get_object_or_404(mine, number=number)
    form = Why(request.POST or None)
    problems: list[dict[str, str]] = []
    if request.method == "POST":
        require(place.user, "keeps_policy")
        if form.is_valid():
            try:
                made = amendment.restore(
                    place.policy_year, one, by=place.user, why=form.cleaned_data["why"],
                    address=request.META.get("REMOTE_ADDR", ""),
                )  # fmt: skip
            except amendment.Refused as refused:
                tables = amendment.tables_of(one.text)
                problems = [
                    linked(place.policy_year, problem, tables) for problem in refused.problems
                ]
                form.add_error(None, f"第 {number} 版现在不能恢复，原因见下")
            except Failure as failure:
                form.add_error(None, failure.message)
            else:
                messages.success(
                    request, f"已恢复第 {number} 版的内容，现为第 {made.number} 版，立即生效。"
                )
                return redirect(_policy(place))
    before = mine.filter(number__lt=number).order_by("-number").first()
    tables = amendment.tables_of(one.text)
    made_here = changes(amendment.tables_of(before.text), tables) if before else []
    now = pack.fetch_tables(place.policy_year)
    back = changes(now, tables | {key: now[key] for key in ("county", "regions", "targets")})
    editable = place.policy_year.state in (PolicyYear.State.ACTIVE, PolicyYear.State.DRAFT)
    context = {
        "page_title": f"政策第 {number} 版",
        "answer": f"{one.get_source_display()}"
        + (f"，{one.by.display_name}" if one.by else "")
        + (f"：{one.why}" if one.why else "")
        + f"。改动 {len(made_here)} 处。",
        "policy_year": place.policy_year,
        "version": one,
        "before": before,
        "changes": [_line(place, change, link=False) for change in made_here],
        "back": [_line(place, change, link=False) for change in back],
        "form": form,
        "problems": problems,
        "may_restore": place.user.job.keeps_policy and editable and bool(back),
        "versions_url": reverse("targets:policy-versions", args=_args(place)),
    }
    return render(
        request, "targets/policy_version.html", context, status=400 if form.errors else 200
    )


@require_http_methods(["GET", "POST"])
def draft(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The 修改稿: what it would change, what stands against it; take effect or be thrown away."""
    place = enter(request, county, year, may="keeps_policy")
    form = Why(request.POST if request.POST.get("verb") == "publish" else None)
    address = request.META.get("REMOTE_ADDR", "")
    refused: list[Any] = []
    if request.method == "POST" and request.POST.get("verb") == "discard":
        if "sure" not in request.POST:
            messages.error(request, "没有放弃：请先勾选“确认放弃全部改动”。")
            return redirect("targets:policy-draft", *_args(place))
        try:
            amendment.discard(place.policy_year, by=place.user, address=address)
        except Failure as failure:
            messages.error(request, failure.message)
        else:
            messages.success(request, "修改稿已放弃，现行政策没有变化。")
        return redirect(_policy(place))
    if request.method == "POST" and request.POST.get("verb") == "follow":
        try:
            amendment.follow_fees(place.policy_year, by=place.user, address=address)
        except (Failure, amendment.Refused) as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "已重算，仍在修改稿里。请核对下面的差别。")
        return redirect("targets:policy-draft", *_args(place))
    if request.method == "POST" and form.is_valid():
        try:
            _unseen(place, request.POST.get("step", ""))
            made = amendment.publish(
                place.policy_year, by=place.user, why=form.cleaned_data["why"], address=address
            )
        except amendment.Refused as error:
            refused = error.problems
            form.add_error(None, "还不能生效，原因见下")
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(
                request, f"修改稿已全部生效（第 {made.number} 版），资助和进度随后重新计算。"
            )
            return redirect(_policy(place))
    preview = amendment.preview(place.policy_year)
    tables = amendment.working(place.policy_year).tables if preview else {}
    problems = {str(problem): problem for problem in [*(preview.problems if preview else []),
                                                      *refused]}  # fmt: skip
    context = {
        "page_title": "修改稿",
        "answer": _draft_answer(preview),
        "policy_year": place.policy_year,
        "preview": preview,
        "step": _mark(place, preview.draft) if preview else "",
        "changes": [_line(place, one) for one in preview.changes] if preview else [],
        "problems": [linked(place.policy_year, one, tables) for one in problems.values()],
        "amounts": any(".standards[" in one.path for one in problems.values()),
        "form": form,
        "policy_url": _policy(place),
    }
    return render(request, "targets/policy_draft.html", context, status=400 if form.errors else 200)


def _unseen(place: Place, step: str) -> None:
    """Raise Failure where the 修改稿 changed after this page showed it."""
    found = amendment.working(place.policy_year).draft
    if found is not None and _mark(place, found) != step:
        raise Failure(
            "draft_changed",
            "您打开本页以后修改稿或现行政策又有改动，下面是现在的全部差别，请核对后再生效",
        )


def _mark(place: Place, draft: PolicyDraft) -> str:
    """What the page showed: this step of the 修改稿, on this version of the rules."""
    last = latest(place.policy_year)
    return f"{draft.step}.{last.number if last else 0}"


def _draft_answer(preview: amendment.Preview | None) -> str:
    if preview is None:
        return "现在没有修改稿：页面上保存的修改都已经生效。"
    words = f"修改稿有 {len(preview.changes)} 处改动，还没有生效"
    if preview.problems:
        return f"{words}；有 {len(preview.problems)} 处互相对不上，改好后才能生效。"
    return f"{words}；检查没有发现问题，可以生效。"


def _line(place: Place, change: Change, *, link: bool = True) -> dict[str, Any]:
    url = rule_url(place.policy_year, change.path) if link and change.path else ""
    return {"change": change, "url": url}


def _args(place: Place) -> list[Any]:
    return [place.county.key, place.policy_year.year]


def _policy(place: Place) -> str:
    return reverse("targets:policy", args=_args(place))
