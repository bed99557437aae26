"""Verbs on the tree of regions."""

from datetime import date

import pytest

from enrollment import regions
from enrollment.failure import Failure
from enrollment.models import (
    Assignment,
    AuditEvent,
    Contact,
    Enrollment,
    Payment,
    Person,
    PolicyYear,
    Region,
    Status,
)
from enrollment.tests.cast import make_county, make_payment, make_status, make_town, make_village

pytestmark = pytest.mark.django_db


class TestPlaceholders:
    def test_every_town_and_the_county_get_one(self, django_assert_max_num_queries):
        county = make_county("990000", "示例县")
        towns = [make_town(county, f"99000{n}", f"{n}镇") for n in range(1, 6)]
        with django_assert_max_num_queries(9):
            assert regions.ensure_placeholders(county) == 7
        assert regions.placeholder(towns[0]).key == "990001-0"
        assert regions.placeholder(towns[0]).town == towns[0]
        lost = regions.placeholder(county)
        assert lost.parent.placeholder and lost.town == lost.parent and lost.county == county

    def test_twice_changes_nothing(self, cast):
        before = list(Region.objects.order_by("pk").values())
        assert regions.ensure_placeholders(cast.county) == 0
        assert list(Region.objects.order_by("pk").values()) == before

    def test_a_village_stands_for_itself(self, cast):
        assert regions.placeholder(cast.willow) == cast.willow
        assert regions.placeholder(cast.east) == cast.east_unplaced
        assert regions.placeholder(cast.county) == cast.unplaced


def facts_of(village):
    """How many rows of each kind stand in a village, and only with its town and county."""
    return {
        model.__name__: model.objects.filter(
            village=village, town=village.town_id, county=village.county_id
        ).count()
        for model in (Person, Enrollment, Payment, Status)
    }


@pytest.fixture
def busy(cast):
    """甲一 has paid and has a status, 乙一 has paid."""
    make_payment(cast.people["甲一"], cast.year, serial="S1")
    make_payment(cast.people["乙一"], cast.year, serial="S2")
    make_status(cast.people["甲一"], cast.kinds["服役"])
    PolicyYear.objects.update(revision=0)
    return cast


def revision(cast):
    return PolicyYear.objects.get(pk=cast.year.pk).revision


class TestMerge:
    def test_everything_of_a_village_goes_over_and_history_stays(self, busy):
        moved = regions.merge(
            busy.red_star, into=busy.willow, by=busy.county_officer, on=date(2024, 3, 1)
        )
        assert moved["person"] == 2 and moved["payment"] == 1 and moved["household"] == 1
        assert sum(facts_of(busy.red_star).values()) == 0
        assert facts_of(busy.willow) == {"Person": 3, "Enrollment": 2, "Payment": 2, "Status": 1}
        busy.red_star.refresh_from_db()
        assert busy.red_star.valid_to == date(2024, 3, 1)
        assert busy.red_star.merged_into == busy.willow
        assert Region.objects.find("东风镇/红星村", county=busy.county) == busy.willow
        assert revision(busy) == 1
        event = AuditEvent.objects.get()
        assert (event.action, event.county, event.user) == (
            "merge_region",
            busy.county,
            busy.county_officer,
        )
        history = busy.people["甲一"].events.model.objects.filter(pgh_obj=busy.people["甲一"])
        assert [one.village_id for one in history] == [busy.red_star.pk]

    def test_one_statement_per_table_whatever_the_number_of_people(
        self, busy, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(7 + len(regions.placed_models()) + 8):
            regions.merge(busy.red_star, into=busy.willow, by=None)

    def test_a_towns_villages_go_along(self, busy):
        lost = Person.objects.filter(pk=busy.people["丙一"].pk)
        lost.update(village=busy.west_unplaced)
        regions.merge(busy.west, into=busy.east, by=busy.county_officer)
        busy.bridge.refresh_from_db()
        assert busy.bridge.parent == busy.bridge.town == busy.east
        person = Person.objects.get(pk=busy.people["丙一"].pk)
        assert (person.town, person.village) == (busy.east, busy.east_unplaced)
        assert not Person.objects.filter(town=busy.west).exists()
        assert Region.objects.find("西河镇/石桥村", county=busy.county) == busy.bridge
        assert Region.objects.find("西河镇/未落实", county=busy.county) == busy.east_unplaced

    def test_two_villages_of_one_name_stop_the_merge_of_towns(self, busy):
        make_village(busy.west, "w9", "红星村")
        with pytest.raises(Failure, match="红星村"):
            regions.merge(busy.west, into=busy.east, by=None)
        assert Region.objects.get(pk=busy.west.pk).valid_to is None and revision(busy) == 0

    @pytest.mark.parametrize(
        ("one", "other", "sentence"),
        [
            ("red_star", "red_star", "自己"),
            ("red_star", "east", "同一级别"),
            ("red_star", "neighbour_village", "同一级别"),
            ("red_star", "east_unplaced", "未落实"),
            ("unplaced", "red_star", "未落实"),
            ("county", "neighbour", "乡镇和村"),
        ],
    )
    def test_refused(self, cast, one, other, sentence):
        with pytest.raises(Failure, match=sentence):
            regions.merge(getattr(cast, one), into=getattr(cast, other), by=None)

    def test_who_answers_for_a_village_goes_along_once_each(self, busy):
        def contact(region, name, office="cadre", **more):
            return Contact.objects.create(region=region, name=name, office=office, **more)

        helper = contact(busy.red_star, "王协管", "helper", phone="0564-1")
        cadre = contact(busy.red_star, "李干部", phone="0564-2")
        known = contact(busy.willow, "李干部")
        gone = contact(busy.red_star, "赵退休", left_on=date(2023, 1, 1))
        person = busy.people["甲一"]
        Assignment.objects.create(
            policy_year=busy.year, person=person, contact=cadre, county=busy.county,
            town=busy.east, village=busy.red_star,
        )  # fmt: skip
        assert regions.merge(busy.red_star, into=busy.willow, by=None)["contact"] == 2
        listed = Contact.objects.filter(left_on=None)
        assert {(one.pk, one.region, one.phone) for one in listed} == {
            (helper.pk, busy.willow, "0564-1"),
            (known.pk, busy.willow, "0564-2"),
        }
        assert Assignment.objects.get().contact == known
        assert Contact.objects.get(pk=gone.pk).region == busy.red_star

    def test_an_ended_place_is_not_changed_again(self, cast):
        regions.merge(cast.red_star, into=cast.willow, by=None)
        with pytest.raises(Failure, match="停用"):
            regions.rename(cast.red_star, name="新村", by=None)
        with pytest.raises(Failure, match="停用"):
            regions.merge(cast.bridge, into=cast.red_star, by=None)

    def test_accounts_of_an_ended_place_see_nobody(self, cast):
        regions.merge(cast.red_star, into=cast.willow, by=None)
        assert not Person.objects.visible_to(cast.red_star_clerk).exists()


class TestMove:
    def test_a_village_changes_its_town_with_everybody_in_it(self, busy):
        regions.move(busy.red_star, to=busy.west, by=busy.county_officer)
        busy.red_star.refresh_from_db()
        assert busy.red_star.town == busy.red_star.parent == busy.west
        assert facts_of(busy.red_star) == {"Person": 2, "Enrollment": 1, "Payment": 1, "Status": 1}
        assert Person.objects.visible_to(busy.west_officer).count() == 3
        assert Person.objects.visible_to(busy.east_officer).count() == 1
        assert revision(busy) == 1

    def test_refused(self, cast):
        for village, town in [
            (cast.red_star, cast.east),
            (cast.red_star, cast.neighbour_town),
            (cast.red_star, cast.unplaced_town),
            (cast.red_star, cast.bridge),
            (cast.east, cast.west),
            (cast.east_unplaced, cast.west),
        ]:
            with pytest.raises(Failure):
                regions.move(village, to=town, by=None)
        make_village(cast.west, "w9", "红星村")
        with pytest.raises(Failure, match="已是红星村"):
            regions.move(cast.red_star, to=cast.west, by=None)


class TestNames:
    def test_a_town_is_added_with_its_placeholder(self, cast):
        town = regions.add(cast.county, name=" 新 河镇", aliases=["新河"], by=cast.county_officer)
        assert (town.name, town.key, town.town) == ("新河镇", "990001-1", town)
        assert regions.placeholder(town).parent == town
        village = regions.add(town, name="前进村", kind="村", by=None)
        assert (village.key, village.town, village.order) == ("990001-1-1", town, 1)

    def test_the_old_name_still_finds_the_place(self, cast):
        regions.rename(cast.east, name="东升镇", by=None)
        assert Region.objects.find("东风镇/红星村", county=cast.county) == cast.red_star
        regions.rename(cast.east, name="东风镇", by=None)
        cast.east.refresh_from_db()
        assert cast.east.aliases == ["东升镇"]

    def test_one_name_means_one_place(self, cast):
        regions.add_alias(cast.willow, alias="柳村", by=None)
        for name in ("柳林村", "柳村", "柳　村"):
            with pytest.raises(Failure, match="柳林村"):
                regions.rename(cast.red_star, name=name, by=None)
            with pytest.raises(Failure, match="柳林村"):
                regions.add_alias(cast.red_star, alias=name, by=None)
            with pytest.raises(Failure, match="柳林村"):
                regions.add(cast.east, name=name, by=None)
        regions.remove_alias(cast.willow, alias="柳村", by=None)
        regions.rename(cast.red_star, name="柳村", by=None)

    @pytest.mark.parametrize("name", ["", "  ", "东/西村", "长" * 61])
    def test_names_that_are_none(self, cast, name):
        with pytest.raises(Failure):
            regions.add(cast.east, name=name, by=None)

    def test_keys_are_used_once(self, cast):
        with pytest.raises(Failure, match="990001101201"):
            regions.add(cast.east, name="新村", key="990001101201", by=None)
