"""Verbs on the tree of regions: what the county changes about its places.

Every county has one town named 未落实, and every town one village of that name: where people
stand whose place a file does not tell. A county's ``county`` and a town's ``town`` name the row
itself, so that "in this region" is one comparison.
"""

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from enrollment.models import Level, Region

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
