"""政策: the year's rules with their paragraphs, and the pack they came from."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from enrollment import audit
from enrollment.access import Place, enter
from enrollment.models import PolicyYear
from enrollment.pack_format import Problem, Tables
from targets import opening, pack, pack_checks, pack_warnings
from targets import policy as rules
from targets.changes import title_of
from targets.models import PolicyDraft
from targets.pack_sections import SECTIONS
from targets.views.policy_rules import linked, rule_url


@require_safe
def policy(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Every rule of the year; what the notice leaves open says 政策未规定."""
    place = enter(request, county, year)
    policy_year = place.policy_year
    keeps = place.user.job.keeps_policy
    editable = keeps and policy_year.state in (PolicyYear.State.ACTIVE, PolicyYear.State.DRAFT)
    tables = pack.fetch_tables(policy_year) if policy_year.has_rules else {}
    outline = rules.outline(policy_year, tables) if tables else []
    sections = outline if editable else [section for section in outline if section.rows]
    count = sum(len(section.rows) for section in sections)
    open_ = sum(rule.open for section in sections for rule in section.rows)
    if sections:
        name = (
            policy_year.title.replace("\n", "") or f"{place.county.name}{policy_year.year}年度政策"
        )
        answer = f"{name}：{count} 条，其中文件没有写明的 {open_} 条标为“政策未规定”。"
    else:
        answer = f"{place.county.name}{policy_year.year} 年度还没有载入政策。"
    context = {
        "page_title": "政策",
        "answer": answer,
        "policy_year": policy_year,
        "sections": sections,
        "only_open": "open" in request.GET,
        "open_count": open_,
        "keeps": keeps,
        "editable": editable,
        "blocks": [_block(place, section, editable) for section in sections],
        "next_exists": PolicyYear.objects.filter(county=place.county, year=policy_year.year + 1)
        .exclude(state=PolicyYear.State.HISTORY)
        .exists(),
        "is_draft": policy_year.state == PolicyYear.State.DRAFT,
    }
    if editable and sections:
        context |= _checks(place, tables)
    return render(request, "targets/policy.html", context)


def _block(place: Place, section: rules.Section, editable: bool) -> dict[str, Any]:
    """A section with its rules, each leading to its page for whoever may change it."""
    titles = {one.key: title_of(one) for one in SECTIONS}
    return {
        "section": section,
        "tables": [
            {"title": titles[key], "url": rule_url(place.policy_year, key)}
            for key in section.tables
        ]
        if editable
        else [],
        "rows": [
            {
                "rule": one,
                "url": rule_url(place.policy_year, one.place) if editable and one.place else "",
            }
            for one in section.rows
        ],
    }


def _checks(place: Place, tables: Tables) -> dict[str, Any]:
    """What is wrong, what somebody should look at, and what waits to take effect."""

    def shown(problems: list[Problem]) -> list[dict[str, str]]:
        return [linked(place.policy_year, one, tables) for one in problems]

    return {
        "problems": shown(pack_checks.problems(tables)),
        "warnings": shown(pack_warnings.warnings(tables)),
        "carried": len(opening.carried(place.policy_year, tables)),
        "draft": PolicyDraft.objects.filter(policy_year=place.policy_year)
        .select_related("changed_by")
        .first(),
    }


@require_safe
def policy_pack(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The year's policy as a TOML pack, as the database has it."""
    place = enter(request, county, year)
    audit.record(
        "download_pack",
        by=place.user,
        county=place.county,
        subject=f"{place.policy_year}",
        address=request.META.get("REMOTE_ADDR", ""),
    )
    text = pack.dump(place.policy_year)
    name = f"{place.county.key}-{place.policy_year.year}.toml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="application/toml; charset=utf-8", headers=headers)
