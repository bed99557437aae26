"""Verbs on the tree of regions."""

import pytest
from django.db.models import F

from enrollment import regions
from enrollment.models import Region

pytestmark = pytest.mark.django_db


@pytest.fixture
def county():
    county = Region.objects.create(key="990000", name="示例县", level="county")
    Region.objects.filter(pk=county.pk).update(county=F("pk"))
    county.refresh_from_db()
    return county


def town_of(county, key, name):
    town = Region.objects.create(key=key, name=name, level="town", parent=county, county=county)
    Region.objects.filter(pk=town.pk).update(town=F("pk"))
    town.refresh_from_db()
    return town


class TestPlaceholders:
    def test_every_town_and_the_county_get_one(self, county, django_assert_max_num_queries):
        towns = [town_of(county, f"99000{n}", f"{n}镇") for n in range(1, 6)]
        with django_assert_max_num_queries(9):
            assert regions.ensure_placeholders(county) == 7
        assert regions.placeholder(towns[0]).key == "990001-0"
        assert regions.placeholder(towns[0]).town == towns[0]
        lost = regions.placeholder(county)
        assert lost.parent.placeholder and lost.town == lost.parent and lost.county == county

    def test_twice_changes_nothing(self, county):
        town_of(county, "990001", "一镇")
        regions.ensure_placeholders(county)
        before = list(Region.objects.order_by("pk").values())
        assert regions.ensure_placeholders(county) == 0
        assert list(Region.objects.order_by("pk").values()) == before

    def test_a_village_stands_for_itself(self, county):
        town = town_of(county, "990001", "一镇")
        village = Region.objects.create(
            key="v", name="某村", level="village", parent=town, county=county, town=town
        )
        assert regions.placeholder(village) == village
