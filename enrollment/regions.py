"""Verbs on the tree of regions: what the county changes about its places.

Every county has one town named 未落实, and every town one village of that name: where people
stand whose place a file does not tell. A county's ``county`` and a town's ``town`` name the row
itself, so that "in this region" is one comparison.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.utils import timezone

from enrollment import audit, directory
from enrollment.failure import Failure
from enrollment.models import Level, PolicyYear, Region, Roster, User
from enrollment.scope import Placed

UNPLACED = "未落实"


@transaction.atomic
def ensure_placeholders(county: Region) -> int:
    """Give the county its 未落实 town and every town its 未落实 village.

    Returns how many were missing. Two statements whatever the number of towns; doing it twice
    changes nothing.
    """
    made = 0
    placeholders = Region.objects.filter(placeholder=True, parent=OuterRef("pk"))
    if not county.children.filter(level=Level.TOWN, placeholder=True).exists():
        town = _placeholder_below(county, level=Level.TOWN, county=county)
        Region.objects.bulk_create([town], ignore_conflicts=True)
        county.children.filter(placeholder=True).update(town=F("pk"))
        made = 1
    bare = county.children.filter(level=Level.TOWN, valid_to=None).exclude(Exists(placeholders))
    villages = [
        _placeholder_below(town, level=Level.VILLAGE, county=county, town=town) for town in bare
    ]
    Region.objects.bulk_create(villages, ignore_conflicts=True)
    return made + len(villages)


def _placeholder_below(parent: Region, *, level: Level, **lineage: Region) -> Region:
    return Region(
        key=f"{parent.key}-0",
        name=UNPLACED,
        level=level,
        parent=parent,
        placeholder=True,
        **lineage,
    )


def placeholder(region: Region) -> Region:
    """The 未落实 village of a county or town; a village stands for itself.

    Raises Region.DoesNotExist where ``ensure_placeholders`` has not been called.
    """
    if region.level == Level.VILLAGE:
        return region
    villages = Region.objects.filter(level=Level.VILLAGE, placeholder=True)
    if region.level == Level.TOWN:
        return villages.get(parent=region)
    return villages.get(parent__parent=region, parent__placeholder=True)


# Changes. Each is one transaction with its audit event; the county's years get a new revision
# first, which also makes whoever else changes the county's places wait.


@transaction.atomic
def add(
    parent: Region,
    *,
    name: str,
    by: User | None,
    kind: str = "",
    key: str = "",
    aliases: Iterable[str] = (),
    address: str = "",
) -> Region:
    """A new town of a county or village of a town, last in order.

    Without ``key``, the next local one below the parent's is taken. Raises Failure.
    """
    level = {Level.COUNTY: Level.TOWN, Level.TOWN: Level.VILLAGE}.get(Level(parent.level))
    if level is None or parent.placeholder:
        raise Failure("level", f"不能在“{parent.name}”下面新增单位，请选县或乡镇")
    _refuse_ended(parent)
    county = _begin(parent)
    region = Region(
        key=key.strip() or _local_key(parent),
        name=_clean(name),
        aliases=[],
        level=level,
        kind=kind.strip(),
        parent=parent,
        county=county,
        town=parent if level == Level.VILLAGE else None,
        order=1 + (parent.children.aggregate(last=Max("order"))["last"] or 0),
        valid_from=timezone.localdate(),
    )
    _refuse_taken(region, region.name)
    if Region.objects.filter(key=region.key).exists():
        raise Failure("key_taken", f"代码 {region.key} 已经用过，请换一个或留空由系统编号")
    region.save()
    if level == Level.TOWN:
        region.town = region
        region.save(update_fields=["town"])
        ensure_placeholders(county)
    for alias in aliases:
        _add_alias(region, alias)
    _note("add_region", region, by=by, address=address)
    return region


@transaction.atomic
def rename(region: Region, *, name: str, by: User | None, address: str = "") -> Region:
    """Give a town or village a new name; the old one becomes an alias, so files still find it."""
    _refuse_fixed(region, "改名")
    _begin(region)
    old, name = region.name, _clean(name)
    if name == old:
        raise Failure("same_name", f"“{name}”就是现在的名称，没有改动")
    _refuse_taken(region, name)
    region.name = name
    region.aliases = _distinct([old, *region.aliases], without=name)
    region.save(update_fields=["name", "aliases"])
    _note("rename_region", region, by=by, address=address, before=old, after=name)
    return region


@transaction.atomic
def merge(
    region: Region,
    *,
    into: Region,
    by: User | None,
    on: date | None = None,
    address: str = "",
) -> dict[str, int]:
    """Let a village or town go over into another of its level and county.

    Everybody and everything in it counts for the other from now on, who answers for it (通讯录)
    with them; its names become aliases there; the row stays, ended, with what it went into. A
    town's villages move along, its 未落实 is joined with the other's. Targets are not touched:
    issued numbers are changed by issuing again. Accounts stay with the ended place and so see
    nobody until an administrator assigns them anew. Returns the number of rows moved per kind.
    """
    _refuse_fixed(region, "合并")
    _refuse_fixed(into, "合并")
    if region.pk == into.pk:
        raise Failure("same_region", "不能并入自己，请选另一个单位")
    if region.level != into.level or region.county_id != into.county_id:
        raise Failure("other_level", "只能并入本县同一级别的单位")
    _begin(region)
    if region.level == Level.TOWN:
        moved = _merge_villages_of(region, into)
    else:
        moved = _move_facts(region, to=into)
    moved["contact"] = directory.move(region, to=into)
    region.valid_to = on or timezone.localdate()
    region.merged_into = into
    region.save(update_fields=["valid_to", "merged_into"])
    names = [region.name, region.printed_name, *region.aliases]
    into.aliases = _distinct([*into.aliases, *names], without=into.name)
    into.save(update_fields=["aliases"])
    _note(
        "merge_region", region, by=by, address=address, into=into.path, into_key=into.key, **moved
    )
    return moved


@transaction.atomic
def move(village: Region, *, to: Region, by: User | None, address: str = "") -> dict[str, int]:
    """Put a village under another town of the county, with everybody and everything in it.

    Returns the number of rows moved per kind of fact.
    """
    _refuse_fixed(village, "划转")
    _refuse_ended(to)
    if village.level != Level.VILLAGE or to.level != Level.TOWN or to.placeholder:
        raise Failure("other_level", "只能把村划到本县另一个乡镇")
    if village.county_id != to.county_id:
        raise Failure("other_county", "不能划到别的县")
    if village.parent_id == to.pk:
        raise Failure("same_region", f"{village.name}本来就属于{to.name}，没有改动")
    _begin(village)
    before = village.path
    village.order = 1 + (to.children.aggregate(last=Max("order"))["last"] or 0)
    moved = _move_village(village, to)
    _note("move_village", village, by=by, address=address, before=before, **moved)
    return moved


@transaction.atomic
def add_alias(region: Region, *, alias: str, by: User | None, address: str = "") -> Region:
    """Let files call a place by one more name. Raises Failure where the name means another."""
    _refuse_ended(region)
    _begin(region)
    _add_alias(region, alias)
    _note("add_alias", region, by=by, address=address, alias=alias)
    return region


@transaction.atomic
def remove_alias(region: Region, *, alias: str, by: User | None, address: str = "") -> Region:
    """Take back a name. Raises Failure where the place is not called so."""
    _begin(region)
    if alias not in region.aliases:
        raise Failure("no_alias", f"{region.name}没有“{alias}”这个别名")
    region.aliases = [known for known in region.aliases if known != alias]
    region.save(update_fields=["aliases"])
    _note("remove_alias", region, by=by, address=address, alias=alias)
    return region


def placed_models() -> list[type[Placed]]:
    """Every table whose rows stand in a county, town and village, and are moved with them.

    What is derived (the subsidies' ledger, an abstract table further down) is not among them: the
    revision raised with every change has it assessed anew, place included. A settled year is not
    assessed again: its ledger stays as it was printed, under the places of that day.
    """
    return [model for model in Placed.__subclasses__() if not model._meta.abstract]


# How


def _begin(region: Region) -> Region:
    """Raise the revision of the county's years; returns the county. Keeps others out till commit.

    The row itself is read again: what the page showed may have changed meanwhile.
    """
    county = Region.objects.select_for_update(no_key=True).get(pk=region.county_id or region.pk)
    PolicyYear.objects.filter(county=county).update(revision=F("revision") + 1)
    region.refresh_from_db()
    return county


def _note(action: str, region: Region, *, by: User | None, address: str, **details: Any) -> None:
    audit.record(
        action,
        by=by,
        county=region.county,
        subject=region.path,
        address=address,
        key=region.key,
        **details,
    )


def _move_facts(village: Region, *, to: Region) -> dict[str, int]:
    """Rewrite the scope columns of all facts of a village: one statement per table."""
    place = {"county": to.county_id, "town": to.town_id, "village": to.pk}
    moved = {}
    for model in placed_models():
        rows = model._default_manager.filter(village=village.pk)
        moved[model._meta.model_name or ""] = rows.update(**place)
    Roster.objects.filter(village=village.pk).update(town=to.town_id, village=to.pk)
    return moved


def _move_village(village: Region, town: Region) -> dict[str, int]:
    _refuse_taken(village, village.name, parent=town)
    for alias in village.aliases:
        _refuse_taken(village, alias, parent=town)
    village.parent = village.town = town
    village.save(update_fields=["parent", "town", "order"])
    return _move_facts(village, to=village)


def _merge_villages_of(town: Region, into: Region) -> dict[str, int]:
    """Hand a town's living villages over, in two statements per table."""
    villages = town.children.filter(valid_to=None, placeholder=False)
    known = into.children.filter(placeholder=False)
    both = _names_of(villages) & (
        _names_of(known.filter(merged_into=None)) | set(known.values_list("name", flat=True))
    )
    if both:
        raise Failure(
            "names_meet",
            f"两个乡镇都有“{'、'.join(sorted(both))}”，请先把同名的村改名或合并，再合并乡镇",
        )
    left, taken = placeholder(town), placeholder(into)
    moved = _move_facts(left, to=taken)
    left.valid_to, left.merged_into = timezone.localdate(), taken
    left.save(update_fields=["valid_to", "merged_into"])
    last = into.children.aggregate(last=Max("order"))["last"] or 0
    villages.update(parent=into, town=into, order=F("order") + last)
    for model in placed_models():
        rows = model._default_manager.filter(town=town.pk).update(town=into.pk)
        moved[model._meta.model_name or ""] += rows
    Roster.objects.filter(town=town.pk).update(town=into.pk)
    return moved


def _names_of(villages: Iterable[Region]) -> set[str]:
    return {name for village in villages for name in (village.name, *village.aliases)}


def _add_alias(region: Region, alias: str) -> None:
    alias = _clean(alias)
    if alias == region.name or alias in region.aliases:
        raise Failure("same_name", f"{region.name}已经有“{alias}”这个名称")
    _refuse_taken(region, alias)
    region.aliases = [*region.aliases, alias]
    region.save(update_fields=["aliases"])


def _refuse_taken(region: Region, name: str, *, parent: Region | None = None) -> None:
    """A name may mean one place only among the children of one parent."""
    parent = parent or region.parent
    others = Region.objects.filter(parent=parent).exclude(pk=region.pk)
    # An ended place gave its names to another and only bars its own, which the table keeps unique.
    living = others.filter(merged_into=None)
    taken = (
        others.filter(name=name).first()
        or living.filter(Q(aliases__contains=[name]) | Q(printed_name=name)).first()
    )
    if taken:
        ended = "（已停用）" if taken.valid_to else ""
        raise Failure(
            "name_taken", f"“{name}”在{parent}下已是{taken.name}{ended}的名称或别名，请换一个写法"
        )


def _refuse_fixed(region: Region, what: str) -> None:
    if region.level not in (Level.TOWN, Level.VILLAGE):
        raise Failure("level", f"{region.name}不能{what}：这里只管理本县的乡镇和村")
    if region.placeholder:
        raise Failure("placeholder", f"“未落实”是暂放人员的地方，不能{what}")
    _refuse_ended(region)


def _refuse_ended(region: Region) -> None:
    if region.valid_to:
        raise Failure("ended", f"{region.name}已于 {region.valid_to} 停用，不能再改动")


def _clean(name: str) -> str:
    name = "".join(name.split())
    if not name:
        raise Failure("no_name", "请填写名称")
    if len(name) > 60 or "/" in name or "／" in name:
        raise Failure("bad_name", f"名称“{name[:20]}”不能超过 60 个字，也不能有“/”")
    return name


def _distinct(names: Iterable[str], *, without: str) -> list[str]:
    return [name for name in dict.fromkeys(names) if name and name != without]


def _local_key(parent: Region) -> str:
    """A key of ours below the parent's (``990001101-3``); official codes carry no hyphen."""
    start = f"{parent.key}-"
    used = Region.objects.filter(key__startswith=start).values_list("key", flat=True)
    numbers = [int(rest) for key in used if (rest := key.removeprefix(start)).isdecimal()]
    return f"{start}{max(numbers, default=0) + 1}"
