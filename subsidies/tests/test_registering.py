"""Each county's own participants and place rules, and registering with what is owed."""

import io
import json
import sys
from datetime import date

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrollment.documents import KINDS, check_digit
from enrollment.failure import Failure
from enrollment.models import (
    Enrollment,
    HomeHukou,
    Person,
    PolicyYear,
    Region,
    RegistrationRecord,
    StatusKind,
    User,
)
from enrollment.models.rules import EventRule, PopulationGroup
from enrollment.registration import eligibility
from enrollment.tests.cast import id_number, make_town, make_user, make_village
from subsidies.models import EventRecord
from subsidies.tests.notices import years  # noqa: F401


class County:
    """A county as its pack describes it, with two villages and an officer at each level."""

    def __init__(self, year: PolicyYear) -> None:
        self.year = year
        self.county: Region = self.year.county
        self.town = make_town(self.county, "T1", "甲镇")
        self.home = make_village(self.town, "V1", "甲村")
        self.other = make_village(self.town, "V2", "乙村")
        self.clerk = make_user("cun", "village_clerk", self.home)
        self.officer = make_user("zhen", "town_officer", self.town)
        self.hall = make_user("xian", "county_officer", self.county)

    def check(self, by: User | None, village: Region | None = None, **facts):
        kinds = [
            StatusKind.objects.get(policy_year=self.year, name=name)
            for name in facts.pop("kinds", ())
        ]
        if group := facts.pop("group", ""):
            facts["group"] = PopulationGroup.objects.get(policy_year=self.year, name=group)
        facts.setdefault(
            "hukou_village", self.home if facts.get("hukou", "here") == "here" else None
        )
        applicant = eligibility.Applicant(kinds=kinds, **facts)
        return eligibility.check(self.year, applicant, village=village or self.home, by=by)


@pytest.fixture
def jinzhai(years, db):  # noqa: F811
    return County(years["J"])


@pytest.fixture
def yueyang(years, db):  # noqa: F811
    return County(years["Y"])


@pytest.fixture
def yunyang(years, db):  # noqa: F811
    return County(years["N"])


PERMIT = "hk-macao-taiwan-permit"
ABROAD = {"hukou": "none"}

# County, facts, who registers (clerk, officer, hall), what must be said; None: allowed.
CASES = [
    ("jinzhai", {}, "clerk", None),
    ("jinzhai", {"studies": True}, "clerk", None),
    ("jinzhai", {"hukou": "outside"}, "clerk", None),
    ("jinzhai", {"hukou": "city"}, "clerk", None),
    ("jinzhai", {"kinds": ["职工参保"]}, "clerk", "重复参加"),
    ("jinzhai", {"kinds": ["职工参保"], "proof": "停保证明"}, "clerk", None),
    # Being deducted from the base bars nobody (C109).
    ("jinzhai", {"kinds": ["外嫁"]}, "clerk", None),
    ("jinzhai", {"kinds": ["离婚"]}, "clerk", None),
    ("jinzhai", {"kinds": ["失联"]}, "clerk", None),
    ("jinzhai", {"kinds": ["空挂户"]}, "clerk", None),
    ("jinzhai", {"kinds": ["服刑"]}, "clerk", None),
    ("jinzhai", {"kinds": ["服役"]}, "clerk", None),
    ("jinzhai", {"kinds": ["县外居民医保"]}, "clerk", "重复参加"),
    ("yueyang", {}, "clerk", None),
    ("yueyang", {"kinds": ["应参加职工医保"]}, "clerk", "应参保人员"),
    ("yueyang", {"kinds": ["享有其他保障"]}, "clerk", "其他保障"),
    ("yueyang", {"doc_type": PERMIT, **ABROAD, "employed": False}, "clerk", None),
    ("yueyang", {"doc_type": PERMIT, **ABROAD}, "clerk", "须未就业"),
    ("yueyang", {"doc_type": PERMIT, **ABROAD, "employed": True}, "clerk", "须未就业"),
    ("yueyang", {"doc_type": "home-return", **ABROAD, "employed": False}, "clerk", "居住证"),
    ("yueyang", {"doc_type": "home-return", **ABROAD, "studies": True}, "clerk", None),
    ("yueyang", {"doc_type": "foreign-permanent-new", **ABROAD, "employed": False}, "clerk", None),
    ("yueyang", {"doc_type": "foreign-permanent-old", **ABROAD, "employed": False}, "clerk", None),
    ("yueyang", {"doc_type": "passport", **ABROAD, "employed": False}, "clerk", "永久居留"),
    ("yueyang", {"group": "大中专院校学生"}, "clerk", "学校"),
    ("yunyang", {"registration": "renewal"}, "clerk", None),
    ("yunyang", {"registration": "first"}, "clerk", "社保所"),
    ("yunyang", {"registration": "first"}, "officer", None),
    ("yunyang", {"registration": "first"}, "hall", None),
    ("yunyang", {"hukou": "outside"}, "officer", "居住证"),
    ("yunyang", {"hukou": "outside", "permit": True}, "officer", None),
    ("yunyang", {"hukou": "city"}, "officer", None),
    ("yunyang", {"hukou": "outside", "talent": True}, "officer", None),
    ("yunyang", {"doc_type": PERMIT, **ABROAD}, "officer", None),
    ("yunyang", {"doc_type": "taiwan-compatriot", **ABROAD}, "officer", "居住证"),
    ("yunyang", {"doc_type": "taiwan-compatriot", **ABROAD, "studies": True}, "officer", None),
    ("yunyang", {"kinds": ["空挂户"], "registration": "renewal"}, "clerk", None),
]


@pytest.mark.parametrize(("county", "facts", "who", "says"), CASES)
def test_each_county_s_own_clauses(request, county, facts, who, says):
    place: County = request.getfixturevalue(county)
    found = place.check(getattr(place, who), **dict(facts))
    if says is None:
        assert found.refusals == []
    else:
        assert says in "；".join(found.refusals)
    for one in found.findings:
        assert one.answer is None or one.cites or one.about == eligibility.ELSEWHERE


@pytest.mark.parametrize(
    ("county", "doc_type"),
    [("jinzhai", PERMIT), ("jinzhai", "foreign-permanent-new"), ("jinzhai", "passport")],
)
def test_a_silent_notice_says_so(request, county, doc_type):
    place: County = request.getfixturevalue(county)
    found = place.check(place.clerk, doc_type=doc_type, **ABROAD)
    assert found.allowed
    assert any("政策未规定" in one for one in found.not_stated)


@pytest.mark.parametrize(("county", "allowed"), [("jinzhai", False), ("yueyang", True)])
def test_hukou_here_and_living_in_another_village(request, county, allowed):
    place: County = request.getfixturevalue(county)
    found = place.check(place.officer, village=place.other)
    assert found.allowed is allowed
    if not allowed:
        assert "户籍在甲镇/甲村" in "；".join(found.refusals)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    doc_type=st.sampled_from(list(KINDS)),
    hukou=st.sampled_from(HomeHukou.values),
    permit=st.booleans(),
    employed=st.sampled_from([None, False, True]),
    studies=st.booleans(),
    newborn=st.booleans(),
    registration=st.sampled_from(["", "first", "renewal"]),
)
def test_whoever_asks_gets_an_answer_with_a_reason(asked, **facts):
    """Whatever the facts: each question once, and more papers never close a door."""
    place: County = asked
    found = place.check(place.officer, **facts)
    about = [one.about for one in found.findings]
    assert sorted(set(about)) == sorted(about)
    assert all(one.text for one in found.findings)
    richer = place.check(place.officer, **facts | {"permit": True, "employed": False})
    assert richer.allowed or not found.allowed


@pytest.fixture(params=["J", "Y", "N"])
def asked(request, years, db):  # noqa: F811
    return County(years[request.param])


def register(place: County, *, apply: bool = True, user: str = "cun", **person):
    """What the command answers."""
    out, stdin = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(json.dumps(person, ensure_ascii=False))
    try:
        call_command(
            "register",
            county=place.county.key,
            year=2024,
            json=True,
            apply=apply,
            user=user,
            stdout=out,
        )
    finally:
        sys.stdin = stdin
    return json.loads(out.getvalue())


def test_the_command_registers_by_the_same_verbs(jinzhai):
    person = {
        "number": id_number(5),
        "name": "戊一",
        "village": "甲镇/甲村",
        "phone": "13800000000",
    }
    dry = register(jinzhai, apply=False, **person)
    assert (dry["applied"], dry["due"], dry["person"]) == (False, "380.00", None)
    assert not Person.objects.exists()
    done = register(jinzhai, **person)
    assert done["state"] == "已登记，待缴费"
    assert done["benefit_from"] == "2024-01-01"
    assert {one["about"] for one in done["findings"]} == {"参保对象", "参保地", "登记办理"}
    enrollment = Enrollment.objects.get()
    assert (enrollment.village, enrollment.person_id) == (jinzhai.home, done["person"])
    assert RegistrationRecord.objects.get().recorded_by == jinzhai.clerk
    with pytest.raises(Failure) as again:
        register(jinzhai, **person)
    assert again.value.code == "enrolled"


@pytest.mark.parametrize(
    ("person", "code"),
    [
        ({"name": "戊一"}, "village"),
        ({"name": "戊一", "village": "甲镇"}, "village"),
        ({"name": "戊一", "village": "甲镇/甲村", "age": "3"}, "field"),
        ({"name": "戊一", "village": "甲镇/甲村", "number": 341599}, "field"),
        ({"name": "戊一", "village": "甲镇/甲村", "birth": "2024-13-01"}, "bad_date"),
        ({"name": "戊一", "village": "甲镇/甲村", "number": "34159919800102001"}, "number"),
        ({"name": "戊一", "village": "甲镇/甲村", "hukou": "mars"}, "hukou"),
        ({"name": "戊一", "village": "甲镇/乙村", "number": id_number(5)}, "area"),
        ({"name": "戊一", "village": "甲镇/甲村", "number": id_number(5), "tier": "三档"},
         "unknown_tier"),
    ],
)  # fmt: skip
def test_what_the_command_refuses(jinzhai, person, code):
    with pytest.raises(Failure) as refused:
        register(jinzhai, **person)
    assert refused.value.code == code
    assert not Person.objects.exists()


def test_a_newborn_without_a_number_is_covered_from_birth(jinzhai):
    birth = date(2024, 2, 3)
    child = {
        "name": "戊小宝",
        "birth": birth.isoformat(),
        "sex": "女",
        "village": "甲镇/甲村",
        "event": "新生儿",
        "event_evidence": "出生医学证明",
    }
    with pytest.raises(Failure) as refused:
        register(jinzhai, **child)
    assert refused.value.code == "guardian"
    assert not EventRecord.objects.exists()
    done = register(jinzhai, **child, guardian="戊一", guardian_relation="父")
    assert done["benefit_from"] == birth.isoformat()
    record = EventRecord.objects.get()
    assert (record.event_date, record.recorded_by) == (birth, jinzhai.clerk)


def test_first_registration_belongs_to_the_office_of_the_town(yunyang):
    person = {
        "number": id_number(6),
        "name": "戊二",
        "village": "甲镇/甲村",
        "registration": "first",
        "tier": "一档",
    }
    with pytest.raises(Failure) as refused:
        register(yunyang, **person)
    assert refused.value.code == "not_eligible"
    assert "四（一）第2款" in refused.value.message
    done = register(yunyang, user="zhen", **person)
    assert done["due"] == "380.00"
    assert all("刷POS" not in "".join(one["steps"]) for one in done["channels"])


def test_a_permit_holder_is_registered_where_they_live(yueyang):
    number = "83000019900101123"
    person = {"number": number + check_digit(number), "name": "戊三", "village": "甲镇/甲村"}
    with pytest.raises(Failure) as refused:
        register(yueyang, **person)
    assert "须未就业" in refused.value.message
    done = register(yueyang, unemployed=True, **person)
    assert Person.objects.get(pk=done["person"]).residences.get().hukou == "none"


def test_an_event_asks_for_its_day_and_proof(yueyang):
    event = EventRule.objects.filter(policy_year=yueyang.year, name__contains="职工").first()
    assert event is not None
    person = {"number": id_number(7), "name": "戊四", "village": "甲镇/甲村", "event": event.name}
    with pytest.raises(Failure) as refused:
        register(yueyang, **person)
    assert refused.value.code in ("event_date_missing", "evidence")
    done = register(yueyang, event_date=date(2023, 12, 1).isoformat(),
                    event_evidence="参保凭证", **person)  # fmt: skip
    assert done["applied"]
