"""政策: the year's rules with their paragraphs, read only; and the pack they came from."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from enrollment import audit
from enrollment.access import enter
from targets import pack
from targets import policy as rules


@require_safe
def policy(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """Every rule of the year; what the notice leaves open says 政策未规定."""
    place = enter(request, county, year)
    policy_year = place.policy_year
    sections = rules.outline(policy_year) if policy_year.has_rules else []
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
    }
    return render(request, "targets/policy.html", context)


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
