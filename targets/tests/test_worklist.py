"""The lists of 我的村: who is on each, that they agree with progress, and what cannot be known."""

from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from enrollment import births, insured
from enrollment.failure import Failure
from enrollment.models import Birth, Cover, Enrollment, PolicyYear, Status, StatusKind
from enrollment.models.rules import EventRule, FocusGroup, PopulationGroup, Window
from enrollment.tests.cast import id_number, make_payment, make_person, make_status, paid, place
from subsidies.models import Category, Entitlement
from targets import homes, progress, worklist
from targets.models import Goal


def names(year, region, key, **more) -> list[str]:
    found = worklist.people(year, region, key, **more)
    return sorted(found.values_list("name", flat=True))


@pytest.fixture
def year(cast) -> PolicyYear:
    Window.objects.create(
        policy_year=cast.year,
        name="集中参保缴费期",
        pays_from=date(2023, 9, 1),
        pays_to=date(2023, 12, 31),
        main=True,
    )
    return cast.year


@pytest.fixture
def last_year(cast) -> PolicyYear:
    """甲一 and 丙一 were on last year's list."""
    past = PolicyYear.objects.create(county=cast.county, year=2023, state="history")
    for name in ("甲一", "丙一"):
        person = cast.people[name]
        Cover.objects.create(
            policy_year=past,
            person=person,
            county_id=person.county_id,
            town_id=person.town_id,
            village_id=person.village_id,
        )
    return past


def born(cast, name: str, day: date, village=None) -> Birth:
    child = make_person(village or cast.red_star, name, on_roll_from=None)
    return Birth.objects.create(
        **place(village or cast.red_star), policy_year=cast.year, person=child, born_on=day
    )


def newborn_rule(year: PolicyYear, **fields) -> EventRule:
    return EventRule.objects.create(
        policy_year=year, name="新生儿", event_date_name="出生日期", cites="二（五）", **fields
    )


def test_missing_is_the_figure_of_progress(cast, year, last_year):
    make_status(cast.people["乙一"], cast.kinds["服役"])
    for region in (cast.county, cast.east, cast.red_star):
        figure = progress.names(year, region, "missing")
        assert set(worklist.people(year, region, "missing")) == set(figure)
        assert worklist.of(year, region).asked["missing"].people == figure.count()
    assert names(year, cast.east, "missing") == ["甲一", "甲二"]


def test_missing_and_insured_are_all_who_count(cast, year):
    make_payment(cast.people["甲一"], year)
    base = set(progress.names(year, cast.county, "base"))
    missing = set(worklist.people(year, cast.county, "missing"))
    paid_up = set(insured.insured_in(year, cast.county))
    assert missing | paid_up == base
    assert not missing & paid_up


def test_lapsed_were_insured_last_year_and_give_no_reason(cast, year, last_year):
    assert names(year, cast.county, "lapsed") == ["丙一", "甲一"]
    make_payment(cast.people["甲一"], year)
    assert names(year, cast.county, "lapsed") == ["丙一"]
    elsewhere = StatusKind.objects.create(
        policy_year=year, order=9, name="市外居民医保", bucket="elsewhere"
    )
    make_status(cast.people["丙一"], elsewhere)
    assert names(year, cast.county, "lapsed") == []
    own_word = StatusKind.objects.create(
        policy_year=year, order=10, name="本人暂不参保", bucket="none"
    )
    Status.objects.filter(person=cast.people["丙一"]).update(kind=own_word)
    assert names(year, cast.county, "lapsed") == []
    assert "丙一" in names(year, cast.county, "missing")


def test_whom_a_list_takes_out_is_on_none(cast, year, last_year):
    make_status(cast.people["甲一"], cast.kinds["服刑"])
    for key in ("missing", "lapsed", "never"):
        assert "甲一" not in names(year, cast.county, key)


def test_never_were_on_no_earlier_list(cast, year, last_year):
    assert names(year, cast.county, "never") == ["乙一", "甲二"]


def test_without_last_years_list_nobody_is_said_to_have_lapsed(cast, year):
    lists = worklist.of(year, cast.county)
    for key in ("lapsed", "never"):
        assert lists.asked[key].people is None
        assert "2023 年度参保名单" in lists.asked[key].note
        assert names(year, cast.county, key) == []
    assert lists.asked["missing"].people == 4


def test_last_years_payments_are_a_list_too(cast, year):
    past = PolicyYear.objects.create(county=cast.county, year=2023, state="closed")
    make_payment(cast.people["乙一"], past, when="2022-11-20 10:00")
    make_payment(cast.people["甲二"], past, when="2022-11-20 10:00")
    make_payment(cast.people["甲二"], past, amount="-380.00", when="2022-11-21 10:00")
    assert names(year, cast.county, "lapsed") == ["乙一"]
    assert "甲二" in names(year, cast.county, "never")


def test_a_stranger_of_last_year_has_lapsed_and_is_not_in_the_base(cast, year, last_year):
    stranger = make_person(cast.willow, "戊一", on_roll_from=None)
    Cover.objects.create(**place(cast.willow), policy_year=last_year, person=stranger)
    assert "戊一" in names(year, cast.willow, "lapsed")
    assert "戊一" not in names(year, cast.willow, "missing")


def identity(cast, name: str, category: Category, **fields) -> Entitlement:
    person = cast.people[name]
    return Entitlement.objects.create(
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
        policy_year=category.policy_year,
        person=person,
        category=category,
        **fields,
    )


def test_hardship_says_who_is_newly_recognised(cast, year):
    poor = Category.objects.create(policy_year=year, name="低保对象", department=cast.department)
    watched = Category.objects.create(policy_year=year, name="脱贫人口", purpose="covered")
    identity(cast, "甲一", poor, recognised_on=date(2023, 10, 1))
    identity(cast, "乙一", poor, recognised_on=date(2020, 1, 1))
    identity(cast, "丙一", watched)
    identity(cast, "甲二", poor, removed_on=date(2023, 10, 1))
    todo = worklist.of(year, cast.county).asked["hardship"]
    assert names(year, cast.county, "hardship") == ["乙一", "甲一"]
    assert (todo.people, todo.part) == (2, 1)
    make_payment(cast.people["甲一"], year)
    assert names(year, cast.county, "hardship") == ["乙一"]


def test_whom_last_years_list_did_not_name_is_new(cast, year):
    past = PolicyYear.objects.create(county=cast.county, year=2023, state="closed")
    before = Category.objects.create(policy_year=past, name="低保对象", department=cast.department)
    now = Category.objects.create(policy_year=year, name="低保对象", department=cast.department)
    identity(cast, "甲一", before)
    identity(cast, "甲一", now)
    identity(cast, "乙一", now)
    todo = worklist.of(year, cast.county).asked["hardship"]
    assert (todo.people, todo.part) == (2, 1)


@pytest.mark.parametrize(
    ("fields", "born_on", "last"),
    [
        ({"within_days": 90}, date(2023, 11, 15), date(2024, 2, 13)),
        ({"within_months": 3}, date(2023, 11, 15), date(2024, 2, 15)),
        ({"within_months": 3}, date(2023, 11, 30), date(2024, 2, 29)),
        ({"within_months": 3}, date(2023, 10, 31), date(2024, 1, 31)),
    ],
)
def test_the_last_day_in_time(cast, year, fields, born_on, last):
    event = newborn_rule(year, **fields)
    assert births.last_day(born_on, event) == last
    child = born(cast, "宝宝", born_on).person
    # The statement counts as the page does: in time on the last day, over on the next.
    evening = f"{last} 23:30"
    make_payment(child, year, when=evening)
    (one,) = births.cohorts(year, cast.red_star, until=paid("2024-06-01 00:00")).values()
    assert one == births.Cohort(births=1, over=1, in_time=1, insured=1)
    assert births.cohorts(year, cast.red_star, until=paid(evening))[cast.red_star.pk].over == 0


def test_newborns_with_their_cohort(cast, year):
    event = newborn_rule(year, within_days=90)
    Goal.objects.create(policy_year=year, name="新生儿", kind="cohort", rate=1, event=event)
    in_time = born(cast, "早", date(2023, 9, 1)).person
    late = born(cast, "晚", date(2023, 9, 1)).person
    born(cast, "缺", date(2023, 9, 1))
    born(cast, "新", date(2023, 12, 20), cast.willow)
    make_payment(in_time, year, when="2023-11-30 09:00")
    make_payment(late, year, when="2023-12-01 09:00")
    until = paid("2023-12-31 12:00")
    lists = worklist.of(year, cast.east, until=until)
    assert names(year, cast.east, "newborn", until=until) == ["新", "缺"]
    assert (lists.asked["newborn"].people, lists.asked["newborn"].part) == (2, 1)
    assert lists.cohort == births.Cohort(births=4, over=3, in_time=1, insured=2)
    assert lists.cohort.rate == Decimal("0.3333")
    assert lists.goal.rate == 1
    assert {one.region.name: one.counts["newborn"] for one in lists.units} == {
        "红星村": 1,
        "柳林村": 1,
    }
    # Born before they were counted, they are no part of the base.
    assert "缺" not in names(year, cast.east, "missing", until=until)


def test_a_rule_for_certain_births_leaves_the_others_out(cast, year):
    newborn_rule(year, within_days=90, event_from=date(2024, 1, 1), event_to=date(2024, 12, 31))
    born(cast, "去年", date(2023, 12, 31))
    born(cast, "今年", date(2024, 1, 1))
    assert names(year, cast.county, "newborn") == ["今年"]
    assert sum(births.cohorts(year, cast.county).values(), births.Cohort()).births == 1


def test_what_cannot_be_known_about_newborns_is_said(cast, year):
    assert "没有规定" in worklist.of(year, cast.county).asked["newborn"].note
    newborn_rule(year, within_days=90)
    todo = worklist.of(year, cast.county).asked["newborn"]
    assert todo.people is None
    assert "出生名单" in todo.note


def test_focus_groups_are_what_the_notice_fills_in(cast, year):
    old = FocusGroup.objects.create(
        policy_year=year, order=1, name="老人", min_age=58, age_on=date(2024, 7, 8)
    )
    FocusGroup.objects.create(policy_year=year, order=2, name="流动人口", cites="八")
    students = PopulationGroup.objects.create(policy_year=year, name="大学生")
    FocusGroup.objects.create(policy_year=year, order=3, name="学生", group=students)
    lifted = FocusGroup.objects.create(policy_year=year, order=4, name="脱贫人口")
    Enrollment.objects.create(
        **place(cast.willow), policy_year=year, person=cast.people["乙一"], group=students
    )
    assert names(year, cast.county, "focus:老人") == ["丙一"]
    old.age_on = date(2024, 7, 7)
    old.save()
    assert names(year, cast.county, "focus:老人") == []
    assert names(year, cast.county, "focus:学生") == ["乙一"]
    lists = worklist.of(year, cast.county)
    assert lists.asked["focus:流动人口"].people is None
    assert "没有写" in lists.asked["focus:流动人口"].note
    assert lists.asked["focus:脱贫人口"].people is None
    category = Category.objects.create(policy_year=year, name="脱贫人口", purpose="covered")
    category.focus_groups.add(lifted)
    assert "还没有脱贫人口的名单" in worklist.of(year, cast.county).asked["focus:脱贫人口"].note
    identity(cast, "甲二", category)
    assert names(year, cast.county, "focus:脱贫人口") == ["甲二"]


def test_an_age_without_a_day_is_counted_at_the_year_s_start_and_said(cast, year):
    FocusGroup.objects.create(policy_year=year, name="老人", min_age=57)
    todo = worklist.of(year, cast.county).asked["focus:老人"]
    assert todo.people == 1
    assert todo.note == "年龄按 2024-01-01 计算，文件没有写计算日"


def test_units_add_up_and_are_as_long_as_their_lists(cast, year, last_year):
    lists = worklist.of(year, cast.county)
    for key in ("missing", "lapsed", "never"):
        assert sum(one.counts[key] for one in lists.units) == lists.asked[key].people
        for unit in lists.units:
            assert unit.counts[key] == worklist.people(year, unit.region, key).count()


def test_as_of_a_past_moment(cast, year):
    make_payment(cast.people["甲一"], year, when="2023-11-20 10:00")
    assert "甲一" not in names(year, cast.red_star, "missing")
    before = paid("2023-11-20 09:59")
    assert "甲一" in names(year, cast.red_star, "missing", until=before)


def test_a_viewer_sees_their_own_area_only(cast, year):
    assert names(year, cast.county, "missing", viewer=cast.red_star_clerk) == ["甲一", "甲二"]
    assert names(year, cast.county, "missing", viewer=cast.stranger) == []
    assert names(year, cast.county, "missing", viewer=cast.administrator) == []


def test_an_unknown_list_is_refused(cast, year):
    with pytest.raises(Failure, match="应参未参"):
        worklist.people(year, cast.county, "nobody")


def test_homes_show_who_in_the_family_is_missing(cast, year, last_year):
    make_payment(cast.people["甲一"], year)
    listed = worklist.people(year, cast.county, "missing", viewer=cast.county_officer)
    rows = list(homes.keys(listed, year))
    assert sum(row["listed"] for row in rows) == 3
    found = homes.homes(rows, year, cast.county_officer)
    assert [one.name for one in found] == ["甲一", "乙一", "丙一"]
    family = found[0]
    assert [one.person.name for one in family.listed] == ["甲二"]
    assert [(one.person.name, one.line.insured) for one in family.others] == [("甲一", True)]
    assert family.anchor == cast.people["甲二"].pk


def test_a_page_of_homes_takes_as_many_queries_as_one(cast, year, django_assert_max_num_queries):
    for number in range(8):
        make_person(cast.red_star, f"己{number}", id_number(100 + number))
    listed = worklist.people(year, cast.red_star, "missing", viewer=cast.red_star_clerk)
    rows = list(homes.keys(listed, year))
    assert len(rows) == 9
    with django_assert_max_num_queries(10):
        homes.homes(rows, year, cast.red_star_clerk)


def test_below_the_county_a_sensitive_identity_has_its_public_word(cast, year):
    category = Category.objects.create(
        policy_year=year,
        name="计生手术并发症人员",
        department=cast.department,
        sensitive=True,
        public_word="计划生育家庭",
    )
    identity(cast, "甲一", category)
    today = timezone.localdate()
    ids = [cast.people["甲一"].pk]
    assert homes.identities(year, ids, cast.red_star_clerk, on=today) == {ids[0]: ["计划生育家庭"]}
    assert homes.identities(year, ids, cast.county_officer, on=today) == {
        ids[0]: ["计生手术并发症人员"]
    }


def test_somebody_insured_after_the_list_was_made_is_off_it(cast, year):
    assert Status.objects.count() == 0
    before = worklist.of(year, cast.red_star).asked["missing"]
    assert (before.people, before.homes) == (2, 1)
    make_payment(cast.people["甲二"], year)
    after = worklist.of(year, cast.red_star).asked["missing"]
    assert (after.people, after.homes) == (1, 1)
