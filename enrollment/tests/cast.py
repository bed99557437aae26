"""The cast of the tests: two towns of one county, a neighbouring county, and who works there.

    示范县 990001   东风镇 → 红星村, 柳林村, 未落实
                    西河镇 → 石桥村, 未落实
                    未落实 → 未落实
    邻县   990002   南山镇 → 南山村

Loaded by the conftest at the root: any test may ask for ``cast`` and
``signed_in``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from enrollment import second_factor
from enrollment.documents import check_digit
from enrollment.models import (
    Enrollment,
    Household,
    Payment,
    Person,
    PolicyYear,
    Region,
    Status,
    StatusKind,
    User,
)
from enrollment.models.rules import Department
from enrollment.vault import vault

PASSWORD = "只为测试-7391"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def id_number(sequence: int, *, birth: str = "19800102", area: str = "341599") -> str:
    """A well-formed number under an address code that is not assigned to any county."""
    first17 = f"{area}{birth}{sequence:03}"
    return first17 + check_digit(first17)


def paid(text: str) -> datetime:
    """``2023-11-20 10:00`` as Shanghai time."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)


def make_county(key: str, name: str) -> Region:
    county = Region.objects.create(key=key, name=name, level="county")
    Region.objects.filter(pk=county.pk).update(county=county)
    county.refresh_from_db()
    return county


def make_town(county: Region, key: str, name: str, **fields: Any) -> Region:
    town = Region.objects.create(
        key=key, name=name, level="town", parent=county, county=county, **fields
    )
    Region.objects.filter(pk=town.pk).update(town=town)
    town.refresh_from_db()
    return town


def make_village(town: Region, key: str, name: str, **fields: Any) -> Region:
    return Region.objects.create(
        key=key, name=name, level="village", parent=town, county=town.county, town=town, **fields
    )


def place(village: Region) -> dict[str, Any]:
    """The three scope columns of a fact in this village."""
    return {"county_id": village.county_id, "town_id": village.town_id, "village": village}


def make_person(
    village: Region,
    name: str,
    number: str = "",
    *,
    household: Household | None = None,
    relation: str = "",
    phone: str = "",
    on_roll_from: date | None = date(2020, 1, 1),
) -> Person:
    """Somebody in a village; with a number, found by it and by birth date and last four."""
    secrets: dict[str, Any] = {}
    if number:
        secrets = {
            "id_index": vault().index(number),
            "tail_index": vault().tail(number[6:14], number[-4:]),
            "id_cipher": vault().seal(number),
            "birth": datetime.strptime(number[6:14], "%Y%m%d").date(),  # noqa: DTZ007
            "sex": "男" if int(number[16]) % 2 else "女",
        }
    return Person.objects.create(
        **place(village),
        name=name,
        phone=phone,
        household=household,
        relation=relation,
        on_roll_from=on_roll_from,
        **secrets,
    )


def make_payment(
    person: Person,
    year: PolicyYear,
    amount: str | Decimal = "380.00",
    when: str = "2023-11-20 10:00",
    serial: str | None = None,
) -> Payment:
    """A payment and, where there is none yet, the enrolment it stands for; bumps the year."""
    where = {
        "county_id": person.county_id,
        "town_id": person.town_id,
        "village_id": person.village_id,
    }
    Enrollment.objects.get_or_create(policy_year=year, person=person, defaults=where)
    year.bump()
    return Payment.objects.create(
        **where,
        policy_year=year,
        person=person,
        amount=Decimal(amount),
        paid_at=paid(when),
        serial=serial,
        channel="微信",
    )


def make_status(person: Person, kind: StatusKind, **fields: Any) -> Status:
    kind.policy_year.bump()
    return Status.objects.create(
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
        policy_year=kind.policy_year,
        person=person,
        kind=kind,
        **fields,
    )


def make_user(username: str, role: str, region: Region | None, full_name: str = "", **fields: Any):
    return User.objects.create_user(
        username=username,
        password=PASSWORD,
        role=role,
        region=region,
        full_name=full_name,
        **{"granted_at": timezone.now()} | fields,
    )


@dataclass
class Cast:
    """Everybody and everywhere, by name."""

    county: Region
    east: Region
    west: Region
    unplaced_town: Region
    red_star: Region
    willow: Region
    east_unplaced: Region
    bridge: Region
    west_unplaced: Region
    unplaced: Region
    year: PolicyYear

    neighbour: Region
    neighbour_town: Region
    neighbour_village: Region
    neighbour_year: PolicyYear

    department: Department
    county_officer: User
    county_viewer: User
    department_user: User
    east_officer: User
    west_officer: User
    red_star_clerk: User
    auditor: User
    administrator: User
    security: User
    stranger: User
    nobody: User

    people: dict[str, Person] = field(default_factory=dict)
    """甲一, 甲二 of 红星村 (one household), 乙一 of 柳林村, 丙一 of 石桥村, 丁一 next door."""

    kinds: dict[str, StatusKind] = field(default_factory=dict)
    """By name: 职工参保, 服役 (deducted), 服刑 (deducted, sensitive)."""

    @property
    def users(self) -> dict[str, User]:
        """Whoever can sign in, by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, User)}


def build_cast() -> Cast:
    """Write the whole cast to the database. Nobody has paid yet."""
    county = make_county("990001", "示范县")
    east = make_town(county, "990001101", "东风镇", order=1)
    west = make_town(county, "990001102", "西河镇", order=2)
    unplaced_town = make_town(county, "990001999", "未落实", placeholder=True)
    neighbour = make_county("990002", "邻县")
    neighbour_town = make_town(neighbour, "990002101", "南山镇", order=1)

    red_star = make_village(east, "990001101201", "红星村", order=1)
    willow = make_village(east, "990001101202", "柳林村", order=2)
    bridge = make_village(west, "990001102201", "石桥村", order=1)
    neighbour_village = make_village(neighbour_town, "990002101201", "南山村", order=1)

    department = Department.objects.create(county=county, name="县税务局", short="税务")
    year = PolicyYear.objects.create(
        county=county, year=2024, state="active", base_date=date(2023, 8, 31)
    )
    neighbour_year = PolicyYear.objects.create(county=neighbour, year=2024, state="active")

    cast = Cast(
        county=county,
        east=east,
        west=west,
        unplaced_town=unplaced_town,
        red_star=red_star,
        willow=willow,
        east_unplaced=make_village(east, "990001101999", "未落实", placeholder=True),
        bridge=bridge,
        west_unplaced=make_village(west, "990001102999", "未落实", placeholder=True),
        unplaced=make_village(unplaced_town, "990001999999", "未落实", placeholder=True),
        year=year,
        neighbour=neighbour,
        neighbour_town=neighbour_town,
        neighbour_village=neighbour_village,
        neighbour_year=neighbour_year,
        department=department,
        county_officer=make_user("xian", "county_officer", county, "县经办"),
        county_viewer=make_user("xian-kan", "county_viewer", county, "县查看"),
        department_user=make_user(
            "shuiwu", "department", county, "税务报送", department=department
        ),
        east_officer=make_user("dongfeng", "town_officer", east, "东风镇经办"),
        west_officer=make_user("xihe", "town_officer", west, "西河镇经办"),
        red_star_clerk=make_user("hongxing", "village_clerk", red_star, "红星村代办"),
        auditor=make_user("shenji", "auditor", county, "审计"),
        administrator=make_user("admin", "administrator", county, "系统管理员"),
        security=make_user("anquan", "security", county, "安全管理员"),
        stranger=make_user("linxian", "county_officer", neighbour, "邻县经办"),
        nobody=make_user("xinlai", "", None, "新来的人"),
    )

    for order, (name, bucket, sensitive) in enumerate(
        [
            ("职工参保", "deducted", False),
            ("服役", "deducted", False),
            ("服刑", "deducted", True),
        ]
    ):
        cast.kinds[name] = StatusKind.objects.create(
            policy_year=year, order=order, name=name, bucket=bucket, sensitive=sensitive
        )

    home = Household.objects.create(**place(red_star), number="H001", address="红星村一组1号")
    cast.people = {
        "甲一": make_person(
            red_star, "甲一", id_number(1), household=home, relation="户主", phone="13800005678"
        ),
        "甲二": make_person(
            red_star, "甲二", id_number(22, birth="20100506"), household=home, relation="子"
        ),
        "乙一": make_person(willow, "乙一", id_number(3, birth="19751231")),
        "丙一": make_person(bridge, "丙一", id_number(4, birth="19660708"), phone="13900001234"),
        "丁一": make_person(neighbour_village, "丁一", id_number(5, birth="19900303")),
    }
    return cast


@pytest.fixture
def cast(db) -> Cast:
    return build_cast()


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which this user has signed in, in both steps.

    ``signed_in(cast.east_officer).get(…)``
    """

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        session = client.session
        session[second_factor.SESSION_KEY] = second_factor.PASSED
        session.save()
        return client

    return sign_in
