"""任务名单: assigned numbers per unit, handed in as a roster like any other list.

Applying one issues a new version of the targets from the list's date on, for the list is the
document that sets them: a county officer's for the towns, a town officer's for its own villages.
Withdrawing takes that version away and the one before is in force again.
"""

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from enrollment import audit
from enrollment.headings import Column
from enrollment.models import Fate, Level, Mode, Region, Roster, RosterRow, Stage
from enrollment.roster import Kind, Line
from enrollment.roster.places import Places
from targets import target
from targets.models import TargetVersion

_UNITS = (
    "单位",
    "乡镇",
    "乡镇名称",
    "村",
    "村名",
    "村（社区）",
    "单位名称",
    "乡镇（街道）",
    "镇村",
)
_NUMBERS = ("任务数", "参保任务数", "目标任务数", "参保目标任务数", "居民征缴任务数", "参保目标数",
            "征缴任务数", "任务人数", "应参保人数", "参保任务")  # fmt: skip
# Headings carry their year; which one is the hand-in's own business.
_DATED = tuple(
    f"{year}{word}{number}"
    for year in range(2020, 2041)
    for word in ("年", "年度")
    for number in _NUMBERS
)

COLUMNS = (
    Column("unit", _UNITS[0], _UNITS[1:], required=True),
    Column("number", _NUMBERS[0], _NUMBERS[1:] + _DATED, required=True),
)


def check(line: Line, places: Places) -> None:
    """A unit of the roster's region, and its number."""
    values = line.values
    name = values.pop("unit", "")
    if not name:
        line.refuse("no_unit", "缺少单位名称")
        return
    unit = places.unit(name)
    if unit is None:
        line.refuse("unknown_place", f"“{name}”不是{places.region.name}直接下达任务的单位")
    elif values.get("number") is None and not line.problems:
        line.refuse("no_number", "缺少任务数")
    values["name"] = name
    values["facts"] = {"unit": unit}


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    """A few hundred rows at most, so the comparison is plain Python."""
    now = target.in_force(roster.policy_year, on=roster.as_of or timezone.localdate())
    seen: dict[int, int] = {}
    entries = []
    places = Region.objects.in_bulk(
        Region.objects.below(roster.region).values_list("pk", flat=True)
    )
    for line in Stage.objects.filter(roster_id=roster.pk).order_by("sheet", "row"):
        entry = RosterRow(
            roster=roster, sheet=line.sheet, row=line.row, part=line.part, fate=line.fate or "",
            code=line.code, reason=line.reason, name=line.name or "",
        )  # fmt: skip
        unit = (line.facts or {}).get("unit")
        if unit is not None:
            entry.town_id = places[unit].town_id
            entry.village_id = unit if places[unit].level == Level.VILLAGE else None
        if not line.fate and unit in seen:
            entry.fate, entry.code = Fate.PROBLEMS, "repeated"
            entry.reason = f"与第{seen[unit]}行是同一个单位"
        elif not line.fate and unit is not None:
            seen[unit] = line.row
            known = now.own[unit].target if unit in now.own else None
            if known is None:
                entry.fate = Fate.NEW
            elif known == line.number:
                entry.fate = Fate.UNCHANGED
            else:
                entry.fate, entry.reason = Fate.CHANGED, f"由 {known} 改为 {line.number}"
        entries.append(entry)
    for place in Region.objects.filter(pk__in=set(now.own) - set(seen) - {roster.region_id}):
        # A list is a whole version: who is not on it would have no target any more.
        if place.parent_id == roster.region_id:
            entries.append(
                RosterRow(
                    roster=roster,
                    fate=Fate.WOULD_END,
                    reason="名单中没有这个单位",
                    name=place.name,
                    town_id=place.town_id,
                    village_id=place.pk if place.level == Level.VILLAGE else None,
                )  # fmt: skip
            )
    RosterRow.objects.bulk_create(entries)


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    numbers: dict[Region, int] = {}
    places = Region.objects.in_bulk(
        Region.objects.below(roster.region).values_list("pk", flat=True)
    )
    taken = RosterRow.objects.filter(
        roster=roster, fate__in=[Fate.NEW, Fate.CHANGED, Fate.UNCHANGED]
    ).values_list("sheet", "row")
    rows = set(taken)
    for line in Stage.objects.filter(roster_id=roster.pk):
        if (line.sheet, line.row) in rows and line.facts and line.number is not None:
            numbers[places[line.facts["unit"]]] = line.number
    version = target.assign(
        roster.policy_year,
        numbers,
        by=roster.uploaded_by,
        set_by=roster.region,
        document=roster.file_name,
        note=f"名册第 {roster.pk} 号",
    )
    version.roster = roster
    version.save(update_fields=["roster"])
    target.issue(version, by=None, issued_on=roster.as_of)


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """Take the version away; its numbers stay on record in the trail."""
    for version in TargetVersion.objects.filter(roster=roster):
        audit.record(
            "withdraw_targets",
            by=None,
            county=roster.county,
            subject=f"roster {roster.pk}",
            version=version.number,
            numbers={
                one.region.key: one.target for one in version.targets.select_related("region")
            },
        )
        version.delete()
    return 0


KIND = Kind(
    key="targets",
    title="任务名单",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    check=check,
    about_people=False,
    reads_totals=True,
    modes=(Mode.FULL,),
    hint="上级或本级下达的任务数，一个单位一行；入库即自数据日期起执行",
)
