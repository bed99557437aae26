"""Which town and village a row means: names, aliases and printed names, nothing guessed."""

import re
from collections.abc import Iterator

from django.db import connection

from enrollment import regions
from enrollment.models import Level, Region

MOST_NEW_VILLAGES = 2000
_INSIDE = re.compile(r"[\s（）()]+")


class Places:
    """The county's places in memory, for one reading of one file.

    ``proposals`` collects villages the county does not know, with the ids they will get.
    """

    def __init__(self, county: Region, region: Region, *, propose: bool) -> None:
        regions.ensure_placeholders(county)
        self.county, self.region = county, region
        # The town of the roster's region, where it is a town or lies in one.
        self.own_town: int | None = {
            Level.TOWN: region.pk,
            Level.VILLAGE: region.parent_id,
        }.get(Level(region.level))
        self._towns: dict[str, int | None] = {}
        self._villages: dict[tuple[int, str], int | None] = {}
        self.unplaced: dict[int, int] = {}
        self.names: dict[int, str] = {}
        self.proposals: dict[tuple[int, str], int] = {}
        self.units: dict[str, int | None] = {}
        for place in Region.objects.filter(county=county, merged_into=None).order_by("pk"):
            self.names[place.pk] = place.name
            if place.placeholder:
                if place.level == Level.VILLAGE:
                    self.unplaced[place.parent_id or 0] = place.pk
                continue
            for name in {place.name, place.printed_name, *place.aliases} - {""}:
                key = _key(name)
                if place.level == Level.TOWN:
                    _put(self._towns, key, place.pk)
                elif place.level == Level.VILLAGE:
                    _put(self._villages, (place.parent_id or 0, key), place.pk)
                if place.parent_id == region.pk:
                    _put(self.units, key, place.pk)
        for name in {region.name, region.printed_name, *region.aliases, "合计", "总计"} - {""}:
            self.units.setdefault(_key(name), region.pk)
        self.nowhere_town = next(
            (pk for pk in self.unplaced if self.names.get(pk) == regions.UNPLACED), 0
        )
        self.nowhere = self.unplaced.get(self.nowhere_town, 0)
        self._town_names = sorted(self._towns, key=len, reverse=True)
        self._reserved = _reserved_ids() if propose else iter(())
        self._seen: dict[tuple[str, str], tuple[int, int] | str] = {}

    @property
    def own_village(self) -> int | None:
        """The village of the roster's region, where it is one."""
        return self.region.pk if self.region.level == Level.VILLAGE else None

    def locate(self, town: str, village: str, *, propose: bool) -> tuple[int, int] | str:
        """The ids of town and village, or a sentence saying what is not known.

        Without a village the town's 未落实; ``propose`` allows villages that are not there yet.
        """
        if (town, village) not in self._seen:
            self._seen[town, village] = self._locate(town, village, propose)
        return self._seen[town, village]

    def locate_by_address(self, address: str, *, propose: bool) -> tuple[int, int] | None:
        """Town and village as an address spells them out; None where it names no town of ours.

        The town is the one named first; what follows may well mention another (a road, a shop).
        """
        text = _key(address)
        found = [
            (text.find(name), -len(name), name)
            for name in self._town_names
            if len(name) > 1 and name in text
        ]
        if not found:
            return None
        at, _, name = min(found)
        rest = text[at + len(name) :]
        match = re.match(r".{1,14}?(?:社区|居委会|村委会|村|居)", rest)
        place = self.locate(name, match[0] if match else "", propose=propose)
        return place if isinstance(place, tuple) else None

    def _locate(self, town: str, village: str, propose: bool) -> tuple[int, int] | str:
        if town:
            town_id = self.town(town)
            if town_id is None:
                return f"乡镇“{town}”不在本县行政区划中，请核对名称，或由县级在行政区划页添加别名"
        elif self.own_town:
            town_id = self.own_town
        else:
            return "缺少乡镇"
        if not village:
            if self.own_village and town_id == self.own_town:
                return town_id, self.own_village
            return town_id, self.unplaced[town_id]
        key = _key(village)
        for known in (self.names.get(town_id, ""), self.county.name):
            key = key.removeprefix(known) or key
        place = self._villages.get((town_id, key), 0)
        if place:
            return town_id, place
        if place is None:
            return f"“{village}”在该乡镇有不止一个，请改用全称"
        if not propose:
            return town_id, self.unplaced[town_id]
        if (town_id, key) not in self.proposals:
            reserved = next(self._reserved, None)
            if reserved is None:
                return f"新村超过{MOST_NEW_VILLAGES}个，请检查“村”一列是否选对"
            self.proposals[town_id, key] = reserved
        return town_id, self.proposals[town_id, key]

    def town(self, text: str) -> int | None:
        """A town by name, alias or printed name, with or without the county's name before it."""
        key = _key(text)
        return self._towns.get(key) or self._towns.get(key.removeprefix(_key(self.county.name)))

    def village(self, town: int, text: str) -> int | None:
        """A village of a town by any of its names; None where there is none or more than one."""
        return self._villages.get((town, _key(text)))

    def unit(self, text: str) -> int | None:
        """The region itself or one of its children, by any of its names."""
        return self.units.get(_key(text))


def _key(name: str) -> str:
    return _INSIDE.sub("", name)


def _put(names: dict, key: object, place: int) -> None:
    """Two places of one name make it ambiguous: None, never the first of them."""
    names[key] = None if names.get(key, place) != place else place


def _reserved_ids() -> Iterator[int]:
    """Ids for villages to come. All at once: while rows are copied the connection is taken."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('enrollment_region', 'id'))"
            " FROM generate_series(1, %s)",
            [MOST_NEW_VILLAGES],
        )
        return iter([pk for (pk,) in cursor.fetchall()])
