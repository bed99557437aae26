"""Every address × every role: closed when signed out, without a region, and in a foreign one.

A new address without an entry here fails, so nobody can add a page and forget who may open it.
"""

from collections.abc import Iterator
from datetime import date

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from enrollment.models import Contact, Job, Paper, Question, Roster, StatusRecord, User
from enrollment.tests.cast import Cast, build_cast, paid, place
from subsidies.models import AmountCheck, CashDay, CashReceipt
from targets import pack, versions
from targets.models import TargetVersion

EVERYBODY = {
    "county_officer",
    "county_viewer",
    "department_user",
    "east_officer",
    "west_officer",
    "red_star_clerk",
    "auditor",
    "administrator",
    "security",
}
SEES_PEOPLE = EVERYBODY - {"department_user", "auditor", "administrator", "security"}
REVEALS = SEES_PEOPLE - {"county_viewer"}
TAKES_CASH = {"east_officer", "west_officer", "red_star_clerk"}
NOBODY: set[str] = set()
# The roster of the objects below is 东风镇's own, no department handed it in.
ROSTERS = {"county_officer", "county_viewer", "east_officer"}
APPLIES = {"county_officer", "east_officer"}

# Open to anybody, or to whoever has signed in, about no region at all.
OPEN = {"healthz", "readyz", "enrollment:sign-in", "enrollment:privacy"}
OWN = {
    "targets:home",
    "enrollment:sign-out",
    "enrollment:password",
    "enrollment:keep-alive",
    "enrollment:second-factor",
    "enrollment:second-factor-code",
}

# Address → (further arguments, which roles of the county may open it). Objects are of 东风镇,
# 红星村, so that 西河镇 may not, whatever its role.
PLACED: dict[str, tuple[dict[str, object], set[str]]] = {
    "enrollment:residents": ({}, SEES_PEOPLE),
    "enrollment:audit": ({}, {"auditor"}),
    "enrollment:audit-export": ({}, {"auditor"}),
    "enrollment:regions": ({}, {"county_officer", "administrator"}),
    "enrollment:regions-one": ({"key": "990001101201"}, {"county_officer", "administrator"}),
    "enrollment:regions-new": ({"key": "990001101"}, {"county_officer", "administrator"}),
    "enrollment:questions": ({}, SEES_PEOPLE),
    "enrollment:questions-one": ({"pk": "question"}, SEES_PEOPLE - {"west_officer"}),
    "enrollment:accounts": ({}, {"administrator", "security"}),
    "enrollment:accounts-new": ({}, {"administrator"}),
    "enrollment:accounts-one": ({"pk": "account"}, {"administrator", "security"}),
    "enrollment:accounts-hand-over": ({"pk": "account"}, {"administrator"}),
    "subsidies:quotes": ({}, EVERYBODY),
    "subsidies:quotes-person": ({"pk": "person"}, SEES_PEOPLE - {"west_officer"}),
    "subsidies:records": ({"pk": "person"}, REVEALS - {"west_officer"}),
    "subsidies:checks": ({}, SEES_PEOPLE),
    "subsidies:checks-act": ({}, {"county_officer"}),
    "subsidies:checks-count": ({}, SEES_PEOPLE),
    "subsidies:checks-export": ({}, SEES_PEOPLE),
    "subsidies:checks-one": ({"pk": "check"}, SEES_PEOPLE - {"west_officer"}),
    "subsidies:ledger": ({}, SEES_PEOPLE),
    "subsidies:ledger-export": ({}, SEES_PEOPLE),
    "subsidies:words": ({"pk": "roster"}, {"county_officer"}),
    "subsidies:cash": ({}, SEES_PEOPLE),
    "subsidies:cash-remit": ({}, TAKES_CASH),
    "subsidies:cash-close": ({}, TAKES_CASH),
    "subsidies:cash-receipt": ({"pk": "receipt"}, SEES_PEOPLE - {"west_officer"}),
    "subsidies:cash-day": ({"pk": "cash_day"}, SEES_PEOPLE - {"west_officer"}),
    "subsidies:cash-take": ({"pk": "person"}, TAKES_CASH - {"west_officer"}),
    "subsidies:duties": ({}, {"county_officer", "county_viewer", "department_user"}),
    "subsidies:duties-nil": ({}, {"county_officer", "department_user"}),
    "subsidies:zero": ({}, SEES_PEOPLE),
    "subsidies:zero-export": ({}, SEES_PEOPLE),
    "subsidies:differences": ({}, SEES_PEOPLE),
    "subsidies:differences-export": ({}, SEES_PEOPLE),
    "subsidies:recoveries": ({}, SEES_PEOPLE),
    "subsidies:recoveries-export": ({}, SEES_PEOPLE),
    "subsidies:help": ({}, SEES_PEOPLE),
    "subsidies:help-new": ({}, {"county_officer", "east_officer", "west_officer"}),
    "subsidies:totals": ({}, SEES_PEOPLE),
    "subsidies:totals-export": ({}, SEES_PEOPLE),
    "subsidies:settlement": ({}, SEES_PEOPLE),
    "enrollment:rosters": ({}, ROSTERS | {"west_officer", "department_user"}),
    "enrollment:rosters-new": ({}, APPLIES | {"west_officer", "department_user"}),
    "enrollment:rosters-one": ({"pk": "roster"}, ROSTERS),
    "enrollment:rosters-progress": ({"pk": "roster"}, ROSTERS),
    "enrollment:rosters-cancel": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-headings": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-apply": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-discard": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-retry": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-withdraw": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-problems": ({"pk": "roster"}, APPLIES),
    "enrollment:rosters-original": ({"pk": "roster"}, APPLIES),
    "targets:village": ({}, SEES_PEOPLE),
    "targets:worklist": ({"name": "missing"}, SEES_PEOPLE),
    "targets:worklist-home": (
        {"name": "missing", "pk": "person"},
        SEES_PEOPLE - {"west_officer"},
    ),
    "targets:register": ({}, REVEALS),
    "targets:register-check": ({}, REVEALS),
    "targets:register-owed": ({}, REVEALS),
    "targets:visits": ({}, SEES_PEOPLE),
    "targets:visits-assign": ({}, REVEALS),
    "targets:visits-sheet": ({}, SEES_PEOPLE),
    "targets:visits-slips": ({}, SEES_PEOPLE),
    "targets:visits-book": ({}, REVEALS),
    "targets:visits-phones": ({}, REVEALS),
    "targets:visits-return": ({}, REVEALS),
    "targets:visits-returned": ({"pk": "sheet"}, REVEALS - {"west_officer"}),
    "enrollment:directory": ({}, SEES_PEOPLE),
    "enrollment:directory-one": ({"pk": "contact"}, REVEALS - {"west_officer"}),
    "targets:deed": ({"pk": "person"}, REVEALS - {"west_officer"}),
    "targets:status-end": ({"pk": "status_record"}, REVEALS - {"west_officer"}),
    "targets:paper": ({"pk": "paper"}, REVEALS - {"west_officer"}),
    "targets:household": ({"pk": "household"}, REVEALS - {"west_officer"}),
    "targets:reviews": ({}, REVEALS),
    "targets:progress": ({}, SEES_PEOPLE),
    "targets:progress-names": ({"figure": "missing"}, SEES_PEOPLE),
    "targets:progress-names-export": ({"figure": "missing"}, SEES_PEOPLE),
    "targets:person": ({"pk": "person"}, SEES_PEOPLE - {"west_officer"}),
    "targets:reveal": ({"pk": "person"}, REVEALS - {"west_officer"}),
    "targets:list-file": ({"name": "register-book"}, SEES_PEOPLE),
    "targets:record": ({"pk": "person"}, {"county_officer"}),
    "targets:coverage": ({}, SEES_PEOPLE),
    "targets:coverage-names": ({}, SEES_PEOPLE),
    "targets:coverage-names-export": ({}, SEES_PEOPLE),
    "targets:targets": ({}, EVERYBODY),
    "targets:targets-draft": ({}, {"county_officer"}),
    "targets:targets-issue": ({"pk": "version"}, {"county_officer"}),
    "targets:targets-discard": ({"pk": "version"}, {"county_officer"}),
    "targets:reports": ({}, EVERYBODY),
    "targets:report": ({"name": "progress"}, SEES_PEOPLE),
    "targets:table": ({"name": "progress"}, SEES_PEOPLE),
    "targets:policy": ({}, EVERYBODY),
    "targets:policy-pack": ({}, EVERYBODY),
    "targets:policy-rule": ({"where": "year"}, {"county_officer"}),
    "targets:policy-draft": ({}, {"county_officer"}),
    "targets:policy-versions": ({}, EVERYBODY),
    "targets:policy-version": ({"number": "policy_version"}, EVERYBODY),
    "targets:policy-clone": ({}, {"county_officer"}),
    "targets:policy-opening": ({}, {"county_officer"}),
    "targets:policy-confirm": ({}, {"county_officer"}),
    "targets:policy-activate": ({}, {"county_officer"}),
    "targets:policy-comparison": ({}, EVERYBODY),
    "targets:policy-trial": ({}, {"county_officer"}),
    "targets:policy-trial-list": ({}, {"county_officer"}),
}


def addresses(patterns=None, namespace: str = "") -> Iterator[str]:
    """The names of all addresses; one without a name is its own path."""
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from addresses(entry.url_patterns, inner)
        elif isinstance(entry, URLPattern):
            yield f"{namespace}{entry.name}" if entry.name else str(entry.pattern)


@pytest.fixture
def objects(cast: Cast) -> dict[str, object]:
    return objects_of(cast)


def make_objects() -> tuple[Cast, dict[str, object]]:
    """The cast with one object for each address about one, for tests with their own database."""
    cast = build_cast()
    return cast, objects_of(cast)


def objects_of(cast: Cast) -> dict[str, object]:
    """What the addresses about one object are about, all of 红星村 in 东风镇."""
    roster = Roster.objects.create(
        county=cast.county,
        town=cast.east,
        region=cast.east,
        policy_year=cast.year,
        kind="register",
        file_name="名册.xlsx",
        sha256="0" * 64,
        uploaded_by=cast.east_officer,
    )
    job = Job.objects.create(verb="read", roster=roster, slot="one", by=cast.east_officer)
    sheet = Roster.objects.create(
        county=cast.county,
        town=cast.east,
        village=cast.red_star,
        region=cast.red_star,
        policy_year=cast.year,
        kind="visits",
        file_name="走访表.xlsx",
        sha256="1" * 64,
        uploaded_by=cast.red_star_clerk,
    )
    contact = Contact.objects.create(region=cast.red_star, name="李干部", office="cadre")
    question = Question.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        kind="name_differs",
        person=cast.people["甲一"],
        text="姓名不一致",
        given="甲壹",
        known="甲一",
    )
    version = TargetVersion.objects.create(
        policy_year=cast.year, set_by=cast.county, number=1, source="computed"
    )
    check = AmountCheck.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        person=cast.people["甲一"],
        due=38,
        paid=190,
        difference=152,
        sent_by=cast.county_officer,
    )
    policy = versions.record(cast.year, text=pack.dump(cast.year), source="base")
    here = {
        **place(cast.red_star),
        "policy_year": cast.year,
        "person": cast.people["甲一"],
    }
    status_record = StatusRecord.objects.create(
        **here, kind=cast.kinds["职工参保"], recorded_by=cast.red_star_clerk
    )
    paper = Paper.objects.create(
        **here,
        title="参保凭证",
        media_type="image/png",
        size=1,
        keep_until=date(2024, 1, 1),
        deleted_at=paid("2024-01-02 10:00"),
        uploaded_by=cast.red_star_clerk,
    )
    receipt = CashReceipt.objects.create(
        **place(cast.red_star),
        policy_year=cast.year,
        person=cast.people["甲一"],
        agent=cast.red_star_clerk,
        number=1,
        amount=380,
        taken_on="2023-10-01",
    )
    closed = CashDay.objects.create(
        policy_year=cast.year, agent=cast.red_star_clerk, day="2023-10-02", entries=1, total=380
    )
    return {
        "policy_version": policy.number,
        "receipt": receipt.pk,
        "cash_day": closed.pk,
        "person": cast.people["甲一"].pk,
        "question": question.pk,
        "version": version.pk,
        "account": cast.east_officer.pk,
        "roster": roster.pk,
        "sheet": sheet.pk,
        "contact": contact.pk,
        "job": job.pk,
        "check": check.pk,
        "household": cast.people["甲一"].household_id,
        "status_record": status_record.pk,
        "paper": paper.pk,
    }


def address(name: str, objects: dict[str, object], county: str = "990001") -> str:
    further, _ = PLACED[name]
    kwargs = {key: objects.get(str(value), value) for key, value in further.items()}
    return reverse(name, kwargs={"county": county, "year": 2024, **kwargs})


def statuses(browser: Client, url: str) -> list[int]:
    """What GET and POST answer; 405 says that a method is not for this address."""
    return [browser.get(url).status_code, browser.post(url).status_code]


def test_every_address_is_accounted_for():
    known = OPEN | OWN | set(PLACED)
    assert set(addresses()) == known


@pytest.mark.parametrize("name", sorted(PLACED))
def test_signed_out_everything_leads_to_the_sign_in(name, objects, client):
    url = address(name, objects)
    for answer in (client.get(url), client.post(url)):
        assert answer.status_code == 302
        assert answer.url.startswith(reverse("enrollment:sign-in"))


@pytest.mark.parametrize("name", sorted(PLACED))
@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_without_a_region_or_from_next_door_nothing_is_there(name, who, objects, cast, signed_in):
    browser = signed_in(getattr(cast, who))
    for status in statuses(browser, address(name, objects)):
        assert status in (404, 405)


@pytest.mark.parametrize(
    "name", [name for name, (further, _) in PLACED.items() if {"pk", "key"} & set(further)]
)
def test_an_object_is_not_there_under_the_county_next_door(name, objects, cast, signed_in):
    """The stranger's own county, our object: a number in the address opens nothing."""
    browser = signed_in(cast.stranger)
    for status in statuses(browser, address(name, objects, county="990002")):
        assert status in (403, 404, 405)


@pytest.mark.parametrize("name", sorted(PLACED))
def test_a_foreign_region_is_not_there(name, objects, cast, signed_in):
    for user, region in ((cast.east_officer, cast.west), (cast.county_officer, cast.neighbour)):
        browser = signed_in(user)
        for status in statuses(browser, f"{address(name, objects)}?region={region.key}"):
            assert status in (403, 404, 405)


@pytest.mark.parametrize("name", sorted(PLACED))
def test_each_role_opens_what_is_its_own(name, objects, cast, signed_in):
    _, allowed = PLACED[name]
    users: dict[str, User] = {key: cast.users[key] for key in EVERYBODY}
    opened = set()
    for key, user in users.items():
        status = signed_in(user).get(address(name, objects)).status_code
        if status == 405:
            status = signed_in(user).post(address(name, objects)).status_code
        assert status < 500
        if status not in (403, 404):
            opened.add(key)
    assert opened == allowed


@pytest.mark.parametrize("name", sorted(OWN))
def test_what_is_one_s_own_opens_without_a_region(name, cast, signed_in):
    url = reverse(name)
    assert all(status < 400 or status == 405 for status in statuses(signed_in(cast.nobody), url))


def test_without_a_region_nothing_of_anybody_is_shown(cast, signed_in):
    page = signed_in(cast.nobody).get("/").content.decode()
    for text in ("示范县", "东风镇", "甲一"):
        assert text not in page
