"""What the roster pages share: which rosters somebody sees here, and what they are called."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode

from enrollment.access import Place, enter
from enrollment.models import Fate, Job, PolicyYear, Roster
from enrollment.models.rosters import RosterQuerySet
from enrollment.roster.kinds import KINDS, Kind

# What a click on 确认入库 writes, in the order of the sentence.
WRITTEN = (Fate.NEW, Fate.CHANGED, Fate.WOULD_END)


def listed(place: Place) -> RosterQuerySet:
    """The rosters of this year, and those of years that only carry a list of the insured."""
    return Roster.objects.visible_to(place.user).filter(
        Q(policy_year=place.policy_year) | Q(policy_year__state=PolicyYear.State.HISTORY),
        county=place.county,
    )


def roster_or_404(
    request: HttpRequest, county: str, year: int, pk: int, *, may: str = "sees_rosters"
) -> tuple[Place, Roster]:
    """The guard of every address about one roster."""
    place = enter(request, county, year, may=may)
    seen = listed(place).select_related(
        "county", "region", "region__parent", "policy_year", "status_kind", "department",
        "uploaded_by", "applied_by", "withdrawn_by",
    )  # fmt: skip
    return place, get_object_or_404(seen, pk=pk)


def kind_of(roster: Roster) -> Kind:
    return KINDS[roster.kind]


def title(roster: Roster, place: Place) -> str:
    """户籍册, 人员状态名单（服役）, 平台参保名单（2023年度）."""
    parts = [roster.topic] if roster.topic else []
    if roster.policy_year_id != place.policy_year.pk:
        parts.append(f"{roster.policy_year.year}年度")
    known = KINDS.get(roster.kind)
    return (known.title if known else roster.kind) + (f"（{'，'.join(parts)}）" if parts else "")


def writes(roster: Roster) -> str:
    """What applying does, in words: 新增 123 人，变更 45 人，退出 6 人."""
    kind, counts = kind_of(roster), roster.counts
    said = [f"{fate.label} {counts[fate]:,} {kind.unit}" for fate in WRITTEN if counts[fate]]
    if strangers := counts[Fate.NOT_IN_REGISTER]:
        said.append(f"未在册 {strangers:,} {kind.unit}记入未落实")
    return "，".join(said)


def address(name: str, place: Place, *args: Any, **query: Any) -> str:
    """One of these pages' addresses, standing where we stand."""
    url = reverse(f"enrollment:{name}", args=[place.county.key, place.policy_year.year, *args])
    if place.region != place.user.region:
        query = {"region": place.region.key} | query
    return f"{url}?{urlencode(query)}" if query else url


def job_line(job: Job) -> str:
    """An active job in a few words, for lists: 读取并核对 45%."""
    words = {"read": "读取", "apply": "入库", "withdraw": "撤回"}
    if job.state == "queued":
        return f"排队{words[job.verb]}"
    share = f" {min(job.done / job.total, 1):.0%}" if job.total else ""
    return f"正在{words[job.verb]}{share}"
