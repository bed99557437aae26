"""任务: what was set, by which formula and document, and what the register says beside it."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from enrollment import people
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Region, StatusKind
from targets import comparison, target
from targets.models import TargetRule, TargetVersion
from targets.navigation import address
from targets.progress import Figure


class IssueForm(forms.Form):
    """What stands on the document by which targets are issued."""

    document = forms.CharField(
        label="文号", max_length=80, required=False, help_text="照文件原样，如 金政办秘〔2023〕12号"
    )
    issued_on = forms.DateField(
        label="下达日期",
        help_text="从这一天起按新任务数计算完成率",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean_issued_on(self) -> date:
        day = self.cleaned_data["issued_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("下达日期不能晚于今天")
        return day


@require_safe
def targets(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Issued numbers with what the register says now beside them, unit by unit."""
    place = enter(request, county, year)
    if "version" in request.GET:
        return _version(request, place)
    draft = target.compute(place.policy_year, region=place.region)
    *rows, total = comparison.differences(place.policy_year, region=place.region, draft=draft)
    latest = target.latest(place.policy_year, place.region)
    versions = TargetVersion.objects.filter(
        policy_year=place.policy_year, set_by=place.region
    ).select_related("issued_by")
    context = {
        "page_title": "任务",
        "answer": _answer(place, total, latest),
        "place": place,
        "policy_year": place.policy_year,
        "region": place.region,
        "rows": [{"row": row, "urls": _names_urls(place, row.region)} for row in rows],
        "total": {"row": total, "urls": _names_urls(place, place.region)},
        "remark": target.remark(latest) if latest else "",
        "draft": draft,
        "items": _items(request, place, draft),
        "rule": TargetRule.objects.filter(policy_year=place.policy_year).first(),
        "latest": latest,
        "versions": versions.order_by("-number"),
        "may_issue": _may_issue(request, place),
        "download_url": _table_url(place) if total.issued else "",
        "draft_url": _table_url(place, draft="1") if draft.total.target is not None else "",
    }
    return render(request, "targets/targets.html", context)


def _version(request: HttpRequest, place: Place) -> HttpResponse:
    """One version, in force or not, and what it changed; a draft only for those who may issue."""
    asked = request.GET["version"]
    versions = TargetVersion.objects.filter(policy_year=place.policy_year, set_by=place.region)
    if not place.user.job.may_issue:
        versions = versions.filter(state=TargetVersion.State.ISSUED)
    numbers = versions.select_related("issued_by", "set_by").order_by("-number")
    version = next((one for one in numbers if str(one.number) == asked), None)
    if version is None:
        raise Http404
    earlier = comparison.before(version)
    rows, total = comparison.changes(version, earlier)
    context = {
        "page_title": f"任务第 {version.number} 版",
        "answer": _version_answer(version, earlier, rows, total),
        "place": place,
        "policy_year": place.policy_year,
        "region": place.region,
        "version": version,
        "earlier": earlier,
        "in_force": version == target.latest(place.policy_year, place.region),
        "rows": rows,
        "total": total,
        "remark": target.remark(version),
        "tabs": [
            {
                "label": f"第 {one.number} 版",
                "url": address(
                    "targets:targets", place.policy_year, place.region, version=one.number
                ),
                "active": one == version,
            }
            for one in numbers
        ],
        "back_url": address("targets:targets", place.policy_year, place.region),
    }
    return render(request, "targets/targets_version.html", context)


def _version_answer(
    version: TargetVersion,
    earlier: TargetVersion | None,
    rows: list[comparison.Change],
    total: comparison.Change | None,
) -> str:
    stated = f"{version.issued_on:%Y-%m-%d} 下达" if version.issued_on else "还没有下达"
    words = f"{version.set_by.path}任务第 {version.number} 版，{stated}"
    if version.document:
        words += f"，{version.document}"
    if total is not None and total.after is not None:
        words += f"：合计 {total.after.target:,} 人"
    if earlier is None:
        return f"{words}。这是第一次下达，没有上一版可比。"
    changed = sum(1 for row in rows if row.differs)
    if not changed:
        return f"{words}。各单位任务数与第 {earlier.number} 版相同。"
    more = ""
    if total is not None and total.target:
        more = f"，合计{'增加' if total.target > 0 else '减少'} {abs(total.target):,} 人"
    return f"{words}。与第 {earlier.number} 版相比，{changed} 个单位有变动{more}。"


@require_POST
def targets_draft(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Write down what the register gives now as a draft version, on the way to issuing it."""
    place = enter(request, county, year, may="may_issue")
    try:
        draft = target.compute(place.policy_year, region=place.region)
        version = target.keep(draft, by=place.user)
    except Failure as failure:
        messages.error(request, failure.message)
        return redirect(address("targets:targets", place.policy_year, place.region))
    return redirect("targets:targets-issue", place.county.key, place.policy_year.year, version.pk)


@require_http_methods(["GET", "POST"])
def targets_issue(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """What issuing will do, and doing it."""
    place, version = _draft_or_404(request, county, year, pk)
    form = IssueForm(request.POST or None, initial={"issued_on": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        try:
            target.issue(version, by=place.user, **form.cleaned_data)
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(request, f"{version.set_by}第 {version.number} 版任务已下达。")
            return redirect(address("targets:targets", place.policy_year, version.set_by))
    numbers = list(version.targets.select_related("region").order_by("region__order", "pk"))
    own = next((one for one in numbers if one.region_id == version.set_by_id), None)
    before = target.in_force(place.policy_year, on=timezone.localdate()).own
    rows = [
        {"target": one, "before": before.get(one.region_id)}
        for one in numbers
        if one.region_id != version.set_by_id
    ]
    changed = sum(1 for row in rows if row["before"] is None or _differs(row))
    people_ = f"{own.target:,}" if own else "—"
    context = {
        "page_title": "下达任务",
        "answer": (
            f"将以第 {version.number} 版下达：{len(rows)} 个单位，合计任务数 {people_} 人；"
            f"与现行任务数不同的单位 {changed} 个。下达后不能修改，调整须另起一版。"
        ),
        "place": place,
        "version": version,
        "rows": rows,
        "own": {"target": own, "before": before.get(version.set_by_id)} if own else None,
        "remark": target.remark(version),
        "form": form,
        "submit": f"确认下达：{len(rows)} 个单位，{people_} 人",
        "cancel_url": address("targets:targets", place.policy_year, version.set_by),
    }
    return render(request, "targets/targets_issue.html", context)


@require_POST
def targets_discard(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Throw a draft away."""
    place, version = _draft_or_404(request, county, year, pk)
    number, set_by = version.number, version.set_by
    target.discard(version, by=place.user)
    messages.success(request, f"第 {number} 版草稿已删除，现行任务没有变化。")
    return redirect(address("targets:targets", place.policy_year, set_by))


def _draft_or_404(
    request: HttpRequest, county: str, year: int, pk: int
) -> tuple[Place, TargetVersion]:
    place = enter(request, county, year, may="may_issue")
    drafts = TargetVersion.objects.filter(
        policy_year=place.policy_year, state=TargetVersion.State.DRAFT
    )
    return place, get_object_or_404(drafts.select_related("set_by", "policy_year"), pk=pk)


def _table_url(place: Place, **query: str) -> str:
    url = reverse("targets:table", args=[place.county.key, place.policy_year.year, "targets"])
    return f"{url}?{urlencode({'region': place.region.key} | query)}"


def _may_issue(request: HttpRequest, place: Place) -> bool:
    open_year = place.policy_year.state in ("draft", "active")
    return place.user.job.may_issue and open_year and place.region.level != "village"


def _differs(row: dict[str, Any]) -> bool:
    return row["before"].target != row["target"].target


def _answer(place: Place, total: comparison.Difference, latest: TargetVersion | None) -> str:
    name = place.region.path
    issued, computed = total.issued, total.computed
    drafted = computed.target if computed and computed.population else None
    if issued is None:
        own = target.in_force(place.policy_year, on=timezone.localdate()).target(place.region.pk)
        words = f"{name}的任务还没有单独下达" + (f"，下级单位合计 {own:,} 人" if own else "")
    else:
        version = latest or issued.version
        document = f"，{version.document}" if version.document else ""
        words = f"{name} 任务数 {issued.target:,} 人（{version.issued_on:%Y-%m-%d} 下达{document}）"
    if drafted is None:
        return f"{words}；户籍名册还没有入库，或政策不按比例计算，暂不能测算。"
    if issued is None:
        return f"{words}；按现在的户籍册测算是 {drafted:,} 人。"
    if drafted == issued.target:
        return f"{words}；按现在的户籍册测算，数字相同。"
    more = "多" if drafted > issued.target else "少"
    return (
        f"{words}；按现在的户籍册测算是 {drafted:,} 人，"
        f"比下达的{more} {abs(drafted - issued.target):,} 人。"
    )


def _names_urls(place: Place, region: Region) -> dict[str, str]:
    """Where the computed figures of a unit open to names, for those who see people."""
    if not place.user.job.sees_people:
        return {}
    figures = {
        "population": Figure.POPULATION,
        "deductions": Figure.DEDUCTED,
        "base": Figure.BASE,
    }
    return {key: _names_url(place, region, figure) for key, figure in figures.items()}


def _names_url(place: Place, region: Region, figure: Figure, **query: str) -> str:
    url = reverse("targets:progress-names", args=[place.county.key, place.policy_year.year, figure])
    return f"{url}?{urlencode({'region': region.key} | query)}"


def _items(request: HttpRequest, place: Place, draft: target.Draft) -> list[dict[str, Any]]:
    """Deductions by status; below the county the sensitive ones are one line 特殊情形."""
    kinds = {one.name: one for one in StatusKind.objects.filter(policy_year=place.policy_year)}
    lines: dict[str, int] = {}
    for name, count in draft.total.items.items():
        word = people.status_word(kinds[name], place.user) if name in kinds else name
        lines[word] = lines.get(word, 0) + count
    opens = place.user.job.sees_people
    return [
        {
            "word": word,
            "people": count,
            "url": _names_url(place, place.region, Figure.DEDUCTED, kind=word) if opens else "",
        }
        for word, count in lines.items()
    ]
