"""演示数据: three counties of generated people, brought in by the verbs the pages use.

Nothing is written around the pipeline: files are made by ``benchmarks.county``, handed in, read and
applied like any office's. People shrink, places do not, so a small county stands beside printed
targets it can never reach; a second version of its targets, measured on its own small register
and named as such, is put in force, and the printed one stays readable as version 1. 农坝镇 is
generated whole and keeps the printed numbers.
"""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count

from benchmarks import county as generator
from benchmarks import holders
from enrollment import accounts, demo, planner, roster
from enrollment.failure import Failure
from enrollment.models import Level, Person, PolicyYear, Region, Roster, RosterState, User
from enrollment.models.rules import Department, StatusKind
from subsidies import assessment
from targets import demonstration_village, pack, target
from targets.models import TargetVersion

YEAR = 2024
POLICIES = Path(__file__).resolve().parent.parent / "policies"
PACKS = ("jinzhai-2024.toml", "yueyang-2024.toml", "yunyang-2024.toml")
DOCUMENT = "演示任务"
LISTED_ON = date(2023, 9, 1)
OFFICERS = ("county_officer", "town_officer")
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """A generated county: what of its people is made, and whose lists they are."""

    slug: str
    key: str
    scale: float
    register: str = ""
    """Region of the register where the files are of one town."""
    own_targets: bool = True
    year_before: bool = False
    """Whether last year's list of the insured comes too."""
    interim: bool = False
    """Whether the payments come twice: as of 20 November, then whole."""
    lists: int = 8
    """How many lists of the subsidised its departments hand in."""


@dataclass(frozen=True)
class Paper:
    """One generated file, as its office hands it in."""

    source: str
    file_name: str
    kind: str
    office: str = ""
    status: str = ""
    topic: str = ""
    year: int = YEAR


@dataclass(frozen=True)
class Login:
    """An account of the demonstration; ``region`` is a key, or a path inside the county."""

    username: str
    full_name: str
    role: str
    county: str
    region: str = ""
    office: str = ""


PLACES = (
    Place("jinzhai", "341524", 0.01, year_before=True, interim=True),
    Place("yueyang", "430621", 0.01),
    Place("nongba", "500235", 1.0, register="500235116", own_targets=False, lists=10),
)
# The first of a role is the one that `make demo` prints.
LOGINS = (
    Login("jinzhai", "金寨县经办", "county_officer", "341524"),
    Login("jinzhai-chakan", "金寨县查看", "county_viewer", "341524"),
    Login("gongan", "县公安局报送", "department", "341524", office="公安"),
    Login("meishan", "梅山镇经办", "town_officer", "341524", "梅山镇"),
    Login("liubotan", "流波䃥镇经办", "town_officer", "341524", "流波䃥镇"),
    Login("meishan-cun", "梅山镇某村代办", "village_clerk", "341524", "梅山镇/*"),
    Login("shenji", "金寨县审计", "auditor", "341524"),
    Login("guanli", "金寨县系统管理员", "administrator", "341524"),
    Login("anquan", "金寨县安全管理员", "security", "341524"),
    Login("yueyang", "岳阳县经办", "county_officer", "430621"),
    Login("nongba", "农坝镇经办", "town_officer", "500235", "农坝镇"),
    Login("yunyang", "云阳县经办", "county_officer", "500235"),
    Login("minzheng", "县民政局报送", "department", "430621", office="民政"),
)
STATUS_OFFICE = {"服役": "退役军人", "参军": "退役军人", "服刑": ""}


def load(*, tell: Tell) -> None:
    """Bring the demonstration to where it should be; what stands already is left alone.

    Raises Failure where this database is not the demonstration's to fill.
    """
    _refuse_foreign()
    if not demo.logins_path().is_file():
        # First of all: from here on every page says that its people are made up.
        _write_logins([])
    _load_packs(tell)
    # Whoever waits may sign in already, except in a village that its register has yet to bring.
    make_logins()
    for place in PLACES:
        _load_place(place, tell)
        make_logins()
        if place.slug == "jinzhai":
            demonstration_village.fill(place.key, tell=tell)
        planner.learn()


def _refuse_foreign() -> None:
    if not settings.CANBAO_EMBEDDED:
        raise Failure(
            "not_embedded",
            "演示数据和演示账号只装入内置数据库；现在设有 DATABASE_URL，没有装入任何演示数据",
        )
    if not demo.logins_path().is_file() and Person.objects.exists():
        raise Failure(
            "has_people", "数据库里已有人员，不是演示环境，没有装入演示数据；演示请另设 CANBAO_HOME"
        )


def _load_packs(tell: Tell) -> None:
    """All three policies; values edited on the page since are the visitor's and stay."""
    for name in PACKS:
        path = POLICIES / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if PolicyYear.objects.filter(pack_name=name, pack_digest=digest).exists():
            continue
        try:
            loaded = pack.load([pack.read_file(path)])
        except pack.EditedSince:
            tell(f"政策包 {name}：页面上改过，保留页面上的值")
        except pack.PackError as error:
            sentences = "；".join(map(str, error.problems))
            raise Failure("bad_pack", f"政策包 {name} 不能载入：{sentences}") from error
        else:
            if loaded[0].changed:
                tell(f"政策包 {name} 已载入")


# The rosters


def _load_place(place: Place, tell: Tell) -> None:
    year = PolicyYear.objects.select_related("county").get(county__key=place.key, year=YEAR)
    missing = [paper for paper in _papers(place, year) if not _is_in(paper, year)]
    untargeted = place.own_targets and not _own_targets(year).exists()
    if missing or untargeted:
        with tempfile.TemporaryDirectory(prefix="canbao-demo-") as folder:
            truth = generator.write(place.slug, Path(folder), scale=place.scale)
            for paper in missing:
                _bring_in(paper, Path(folder) / paper.source, year, place, tell)
            if untargeted:
                _set_own_targets(year, json.loads(truth.read_text(encoding="utf-8")))
        if place.slug == "jinzhai":
            _leave_one_waiting(year, place, tell)
    _bring_in_holders(year, place, tell)


def _bring_in_holders(year: PolicyYear, place: Place, tell: Tell) -> None:
    """The lists of the subsidised, once the people and payments they go with are there."""
    done = Roster.objects.filter(
        policy_year=year,
        kind="category",
        as_of=LISTED_ON,
        state__in=[RosterState.APPLIED, RosterState.WITHDRAWN],
    )
    if done.count() >= place.lists:
        return
    with tempfile.TemporaryDirectory(prefix="canbao-demo-") as folder:
        told = holders.write(place.slug, Path(folder), scale=place.scale)
        papers = [
            Paper(one["name"], one["name"], "category", one["department"], topic=one["category"])
            for one in json.loads(told.read_text(encoding="utf-8"))
        ]
        for paper in papers:
            if not _is_in(paper, year):
                _bring_in(paper, Path(folder) / paper.source, year, place, tell)
    assessment.catch_up(year)
    tell(f"{year.county.name} 参保资助已核定")


def _papers(place: Place, year: PolicyYear) -> Iterator[Paper]:
    """What the offices of a county hand in, in the order in which it comes."""
    yield Paper("register.xlsx", "2023年8月底户籍人口.xlsx", "register", "公安")
    lists = generator.COUNTIES[place.slug].kinds
    for kind in StatusKind.objects.filter(policy_year=year).order_by("order", "pk"):
        # The offices' own words for it, which a policy knows as aliases.
        words = [kind.name, kind.name.removesuffix("医保"), *kind.aliases]
        if word := next((word for word in words if word in lists), None):
            yield Paper(
                f"status-{word}.xlsx",
                f"{kind.name}人员名单.xlsx",
                "status",
                STATUS_OFFICE.get(word, "医保" if "职工" in word or "居民" in word else "公安"),
                kind.name,
            )
    if place.year_before:
        yield Paper("insured-2023.xlsx", "2023年度参保人员.xlsx", "insured", "医保", year=YEAR - 1)
    if place.interim:
        yield Paper("payments-1120.xlsx", "缴费明细（截至11月20日）.xlsx", "payments", "税务")
    yield Paper("payments.xlsx", "缴费明细（截至2月28日）.xlsx", "payments", "税务")


def _is_in(paper: Paper, year: PolicyYear) -> bool:
    """Whether this file was applied once; one that a visitor withdrew stays withdrawn."""
    return Roster.objects.filter(
        county=year.county,
        file_name=paper.file_name,
        state__in=[RosterState.APPLIED, RosterState.WITHDRAWN],
    ).exists()


def _bring_in(paper: Paper, path: Path, year: PolicyYear, place: Place, tell: Tell) -> None:
    handed_in = _hand_in(paper, path, year, place)
    read = roster.read(handed_in)
    if read.state != RosterState.WAITING:
        raise Failure(read.refusal_code, f"{paper.file_name}：{read.refusal}")
    roster.apply(read, by=handed_in.uploaded_by, confirmed=True)
    tell(f"{year.county.name} {paper.file_name}：{read.people or 0:,} 人已入库")


def _hand_in(paper: Paper, path: Path, year: PolicyYear, place: Place) -> Roster:
    if paper.year != year.year:
        year, _ = PolicyYear.objects.get_or_create(
            county=year.county, year=paper.year, defaults={"state": PolicyYear.State.HISTORY}
        )
    region = year.county
    if paper.kind == "register" and place.register:
        region = Region.objects.get(key=place.register)
    status = None
    if paper.status:
        status = StatusKind.objects.get(policy_year=year, name=paper.status)
    with path.open("rb") as file:
        return roster.hand_in(
            file,
            file_name=paper.file_name,
            year=year,
            kind=paper.kind,
            by=_officer(region),
            region=region,
            status=status,
            department=_office(year.county, paper.office),
            topic=paper.topic,
            as_of=LISTED_ON if paper.kind == "category" else None,
        )


def _officer(region: Region) -> User | None:
    return User.objects.filter(region=region, role__in=OFFICERS).order_by("pk").first()


def _office(county: Region, word: str) -> Department | None:
    if not word:
        return None
    return Department.objects.filter(county=county, name__contains=word).order_by("pk").first()


def _leave_one_waiting(year: PolicyYear, place: Place, tell: Tell) -> None:
    """A list as bad as real ones, read and waiting: what a preview with problems looks like."""
    name = "空挂户人员名单（11月更新）.xlsx"
    if Roster.objects.filter(county=year.county, file_name=name).exists():
        return
    with tempfile.TemporaryDirectory(prefix="canbao-demo-") as folder:
        generator.write(place.slug, Path(folder), scale=place.scale, mess=True)
        paper = Paper("status-空挂户.xlsx", name, "status", "公安", "空挂户")
        roster.read(_hand_in(paper, Path(folder) / paper.source, year, place))
    tell(f"{year.county.name} {name}：已核对，等待确认")


# The targets that fit a small register


def _own_targets(year: PolicyYear) -> Any:
    return TargetVersion.objects.filter(policy_year=year, document=DOCUMENT)


@transaction.atomic
def _set_own_targets(year: PolicyYear, truth: dict[str, Any]) -> None:
    """Version 2, in force from the day of the printed one, which it leaves as it is."""
    printed = TargetVersion.objects.get(policy_year=year, set_by=year.county, number=1)
    numbers = {row.region_id: row.target for row in printed.targets.all()}
    whole = numbers.pop(year.county_id, None)
    added = sum(numbers.values())
    note = (
        "演示任务，按缩小的演示户籍册测算，不是文件数字；文件印发的任务数见第 1 版：合计 "
        f"{added if whole is None else whole}，各单位相加 {added}"
    )
    officer = _officer(year.county)
    if truth["rate"]:
        version = target.keep(target.compute(year), by=officer, note=note)
    else:
        units = {unit["name"]: unit["target"] for unit in truth["units"]}
        towns = Region.objects.filter(county=year.county, level=Level.TOWN, name__in=units)
        version = target.assign(
            year, {town: units[town.name] for town in towns}, by=officer, note=note
        )
    target.issue(version, by=officer, document=DOCUMENT, issued_on=printed.issued_on)


# The accounts


def make_logins() -> None:
    """One account per role, passwords made here; those already written down are kept."""
    known = {entry["username"]: entry for entry in demo.logins()}
    entries = []
    for login in LOGINS:
        user = User.objects.select_related("region").filter(username=login.username).first()
        if user is not None and login.username in known:
            entries.append(known[login.username])
        elif made := _make_login(login, user):
            entries.append(made)
    if {e["username"] for e in entries} != set(known):
        _write_logins(entries)


def _make_login(login: Login, user: User | None) -> dict[str, str] | None:
    """None where the account's village is not there yet, or its name is somebody else's."""
    password = _password()
    county = Region.objects.counties().get(key=login.county)
    region = _region(county, login.region)
    if region is None or (user is not None and not user.is_demo):
        return None
    with transaction.atomic():
        if user is None:
            user, _ = accounts.create(
                username=login.username,
                full_name=login.full_name,
                role=login.role,
                region=region,
                department=_office(county, login.office),
                by=None,
                password=password,
            )
        else:
            # The file that held its password is gone.
            user.set_password(password)
        user.is_demo, user.must_change_password = True, False
        user.save()
    assert user.region is not None
    return {
        "role": login.role,
        "region": user.region.key,
        "username": login.username,
        "password": password,
    }


def _region(county: Region, text: str) -> Region | None:
    """A county, a place inside it by path, or for 镇/* the village with most people in the town."""
    if not text:
        return county
    if not text.endswith("/*"):
        return Region.objects.find(text, county=county)
    town = Region.objects.find(text.removesuffix("/*"), county=county)
    most = (
        Person.objects.filter(town=town, village__placeholder=False)
        .values("village")
        .annotate(people=Count("pk"))
        .order_by("-people", "village")
    )
    return Region.objects.get(pk=most[0]["village"]) if most else None


def _password() -> str:
    """Two groups of four: to be typed from a terminal, on this machine, with five tries."""
    return accounts.one_time_password()[:9]


def _write_logins(entries: list[dict[str, str]]) -> None:
    """Whole or not at all, and for the owner's eyes only."""
    path = demo.logins_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(entries, file, ensure_ascii=False, indent=1)
        file.write("\n")
    aside.replace(path)
