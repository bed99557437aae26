"""The registration page: found by number or name, registered, and what it refuses."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from enrollment.documents import check_digit
from enrollment.models import (
    AuditEvent,
    Enrollment,
    Household,
    Person,
    RegistrationRecord,
    Residence,
)
from enrollment.models.rules import Fee, PlaceRule, PopulationGroup, Tier, Window
from enrollment.tests.cast import Cast, id_number, make_payment, make_person

NEW = id_number(77, birth="19920815")


@pytest.fixture
def rules(cast: Cast) -> Cast:
    """The least a year needs to be registered in: a price, a window, and where people enrol."""
    year = cast.year
    tier = Tier.objects.create(policy_year=year, name="居民医保")
    group = PopulationGroup.objects.create(policy_year=year, name="普通居民")
    Fee.objects.create(policy_year=year, tier=tier, group=group, personal=380, fiscal=640)
    Window.objects.create(
        policy_year=year,
        name="集中参保缴费期",
        main=True,
        pays_from=date(2023, 9, 1),
        pays_to=date(2023, 12, 31),
        price="personal",
        start="fixed",
        start_on=date(2024, 1, 1),
        benefit_to=date(2024, 12, 31),
    )
    PlaceRule.objects.create(policy_year=year, text="户籍地参保", place="hukou", cites="四（1）")
    PlaceRule.objects.create(
        policy_year=year, text="居住地参保", place="residence", cites="四（2）"
    )
    return cast


@pytest.fixture
def clerk(rules: Cast, signed_in):
    return signed_in(rules.red_star_clerk)


URL = "/990001/2024/register/"


def enrol(browser, **data):
    return browser.post(URL, {"verb": "enrol", **data})


def test_somebody_of_the_village_is_found_by_number_and_registered(rules, clerk):
    answer = clerk.post(URL, {"verb": "find", "q": id_number(1)})
    assert answer.status_code == 302
    assert id_number(1) not in answer.url
    page = clerk.get(answer.url).content.decode()
    assert "甲一还没有登记" in page
    assert "应缴 380.00 元" in page
    done = enrol(clerk, person=rules.people["甲一"].pk, village=rules.red_star.pk)
    assert done.status_code == 302
    page = clerk.get(done.url).content.decode()
    assert "已登记，待缴费" in page
    record = RegistrationRecord.objects.get(person=rules.people["甲一"])
    assert record.recorded_by == rules.red_star_clerk
    assert Enrollment.objects.get(person=rules.people["甲一"]).village == rules.red_star
    assert AuditEvent.objects.get(action="register").person_id == rules.people["甲一"].pk


def test_registered_is_not_insured(rules, clerk):
    enrol(clerk, person=rules.people["甲一"].pk, village=rules.red_star.pk)
    page = clerk.get(f"/990001/2024/residents/{rules.people['甲一'].pk}/").content.decode()
    assert "未参保：本年度没有缴费记录" in page


def test_a_newcomer_is_taken_in_and_registered_in_one_step(rules, clerk):
    answer = clerk.post(URL, {"verb": "find", "q": NEW})
    assert f'value="{NEW}"' in answer.content.decode()
    done = enrol(
        clerk,
        number=NEW,
        name="新来一",
        phone="13800001111",
        hukou="outside",
        hukou_place="湖北省罗田县",
        permit="on",
        household="新立一户",
        village=rules.red_star.pk,
        agent="李四",
        agent_relation="村干部",
    )
    assert done.status_code == 302, done.content.decode()[:3000]
    person = Person.objects.get(name="新来一")
    assert (person.birth, person.sex, person.village) == (date(1992, 8, 15), "男", rules.red_star)
    assert person.on_roll_from is None
    assert Residence.objects.get(person=person).hukou_place == "湖北省罗田县"
    assert person.household.number == f"自编{person.pk}"
    assert RegistrationRecord.objects.get(person=person).agent == "李四"


def test_a_newborn_without_a_number_needs_a_guardian(rules, clerk):
    household = Household.objects.get(number="H001")
    data = {
        "name": "甲小宝",
        "sex": "女",
        "birth": "2024-02-03",
        "hukou": "here",
        "household": f"{household.number} 甲一",
        "relation": "女",
        "village": rules.red_star.pk,
    }
    today = date(2024, 3, 1)
    refused = enrol(clerk, **data)
    # The child may be older than fourteen when the test is run in another decade, not before.
    assert today < date(2038, 2, 3)
    assert refused.status_code == 400
    assert "请填写监护人" in refused.content.decode()
    assert not Person.objects.filter(name="甲小宝").exists()
    done = enrol(clerk, **data, guardian="甲一", guardian_relation="父")
    assert done.status_code == 302
    child = Person.objects.get(name="甲小宝")
    assert child.id_index is None
    assert child.household == household
    again = enrol(clerk, **data, guardian="甲一", guardian_relation="父")
    assert "已有同名、同日出生" in again.content.decode()
    assert Person.objects.filter(name="甲小宝").count() == 1


def test_double_enrolment_names_the_unit_and_whom_to_call(rules, clerk):
    person = rules.people["丙一"]
    make_payment(person, rules.year)
    answer = clerk.post(URL, {"verb": "find", "q": id_number(4, birth="19660708")})
    page = answer.content.decode()
    assert "西河镇/石桥村" in page
    assert "西河镇经办" in page
    for secret in ("丙一", "1966", "13900001234", "139****1234", "380"):
        assert secret not in page
    assert clerk.get(f"{URL}?person={person.pk}").status_code == 404
    refused = enrol(clerk, person=person.pk, village=rules.red_star.pk)
    assert refused.status_code == 404


def test_enrolled_in_the_county_next_door(rules, clerk):
    number = id_number(1)
    twin = make_person(rules.neighbour_village, "甲一", number)
    make_payment(twin, rules.neighbour_year)
    refused = enrol(clerk, person=rules.people["甲一"].pk, village=rules.red_star.pk)
    page = refused.content.decode()
    assert refused.status_code == 400
    assert "已在邻县登记参保，请联系邻县医保局" in page
    assert "南山" not in page


def test_who_lives_here_and_is_registered_elsewhere_gives_number_and_name(rules, clerk):
    person = rules.people["丙一"]
    clerk.post(URL, {"verb": "find", "q": id_number(4, birth="19660708")})
    wrong = clerk.post(URL, {"verb": "claim", "name": "丙二"})
    assert "姓名与这个证件号码的登记不符" in wrong.content.decode()
    right = clerk.post(URL, {"verb": "claim", "name": "丙一"})
    assert right.status_code == 302
    page = clerk.get(right.url).content.decode()
    assert "139****" not in page
    done = enrol(clerk, person=person.pk, village=rules.red_star.pk)
    assert done.status_code == 302
    enrollment = Enrollment.objects.get(person=person)
    assert (enrollment.village, enrollment.place_follows) == (rules.red_star, False)


def test_a_village_clerk_registers_in_their_own_village_only(rules, clerk):
    refused = enrol(clerk, person=rules.people["甲一"].pk, village=rules.willow.pk)
    assert refused.status_code == 400
    assert not RegistrationRecord.objects.exists()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (id_number(77, birth="19920815"), "居民身份证"),
        (id_number(77, birth="19920815")[:-1] + "x", "校验码"),
        ("34159919920815077", "应为18位"),
        ("C12345678", "护照"),
        ("A123456789", "出生医学证明"),
        ("ABC123456789012", "外国人永久居留身份证"),
        ("81000019800102001" + check_digit("81000019800102001"), "港澳台居民居住证"),
        ("H12345678", "港澳居民来往内地通行证"),
        ("3415", ""),
    ],
)
def test_a_number_is_judged_while_it_is_typed(rules, clerk, typed, says):
    if typed.endswith("x") and typed[:-1] + "X" == NEW:
        typed = typed[:-1] + "0"
    answer = clerk.post(f"{URL}check/", {"number": typed})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert says in page
    assert not says or typed not in page


def test_the_panel_says_what_is_owed_and_what_stands_against_it(rules, clerk):
    from_elsewhere = clerk.post(
        f"{URL}owed/", {"number": NEW, "name": "新来一", "hukou": "outside",
                        "village": rules.red_star.pk},
    )  # fmt: skip
    page = from_elsewhere.content.decode()
    assert "应缴 380.00 元" in page
    assert "居住地参保" in page
    assert "政策未规定" in page  # no clause of this cast says who may enrol


def test_an_enrolment_of_a_payment_is_shown_as_insured(rules, clerk):
    make_payment(rules.people["甲二"], rules.year, Decimal("380"))
    page = clerk.get(f"{URL}?person={rules.people['甲二'].pk}").content.decode()
    assert "已参保" in page
    assert 'id="enrol"' not in page


def test_the_page_costs_the_same_for_a_large_household(rules, clerk, django_assert_max_num_queries):
    home = Household.objects.get(number="H001")
    for number in range(12):
        make_person(rules.red_star, f"戊{number}", id_number(200 + number), household=home)
    url = reverse("targets:register", args=["990001", 2024])
    with django_assert_max_num_queries(70):
        clerk.get(f"{url}?person={rules.people['甲一'].pk}")
