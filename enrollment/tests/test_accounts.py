"""Accounts: granted by somebody else, with passwords that are used once."""

import pytest

from enrollment import accounts
from enrollment.failure import Failure
from enrollment.models import AuditEvent, User

pytestmark = pytest.mark.django_db


def made(cast, **fields):
    given = {
        "username": "newcomer",
        "role": "town_officer",
        "region": cast.east,
        "by": cast.administrator,
    }
    return accounts.create(**given | fields)


def test_a_new_account_has_a_password_for_once(cast):
    user, password = made(cast, full_name="新来的")
    assert user.check_password(password) and len(password) == 19
    assert accounts.must_change_password(user)
    event = AuditEvent.objects.get()
    assert (event.action, event.subject, event.user) == (
        "create_account",
        "newcomer",
        cast.administrator,
    )
    assert event.details["region"] == "990001101"
    assert password not in str(event.details)


@pytest.mark.parametrize(
    ("role", "region", "sentence"),
    [
        ("", "east", "岗位"),
        ("emperor", "county", "岗位"),
        ("town_officer", "county", "乡镇"),
        ("village_clerk", "east", "村"),
        ("county_officer", "east", "县"),
        ("village_clerk", "east_unplaced", "不能作为"),
        ("county_officer", "neighbour", "本县的系统管理员"),
        ("department", "county", "所属部门"),
    ],
)
def test_role_and_region_belong_together(cast, role, region, sentence):
    with pytest.raises(Failure, match=sentence):
        made(cast, role=role, region=getattr(cast, region))


def test_nobody_else_creates_accounts(cast):
    for user in cast.users.values():
        if user != cast.administrator:
            with pytest.raises(Failure, match="只有本县的系统管理员"):
                made(cast, by=user)


@pytest.mark.parametrize("username", ["xian", "XIAN", " xian "])
def test_usernames_are_used_once(cast, username):
    with pytest.raises(Failure, match="已经有人用"):
        made(cast, username=username)


@pytest.mark.parametrize("username", ["", "a b", "x" * 200])
def test_usernames_that_are_none(cast, username):
    with pytest.raises(Failure):
        made(cast, username=username)


def test_only_departments_users_have_a_department(cast):
    user, _ = made(cast, department=cast.department)
    assert user.department is None
    user, _ = made(
        cast, username="b", role="department", region=cast.county, department=cast.department
    )
    assert user.department == cast.department


@pytest.mark.parametrize(
    "verb",
    [
        lambda user, by: accounts.assign(user, role="auditor", region=user.region, by=by),
        lambda user, by: accounts.deactivate(user, by=by),
        lambda user, by: accounts.activate(user, by=by),
        lambda user, by: accounts.reset_password(user, by=by),
    ],
)
def test_only_an_administrator_and_never_for_oneself(cast, verb):
    with pytest.raises(Failure, match="自己"):
        verb(cast.administrator, cast.administrator)
    with pytest.raises(Failure, match="本县的系统管理员"):
        verb(cast.stranger, cast.administrator)
    with pytest.raises(Failure, match="本县的系统管理员"):
        verb(cast.red_star_clerk, cast.county_officer)


def test_a_stopped_account_is_out_at_once(cast, signed_in):
    browser = signed_in(cast.east_officer)
    accounts.deactivate(cast.east_officer, by=cast.administrator)
    assert "_auth_user_id" not in browser.get("/healthz").wsgi_request.session or not (
        browser.get("/healthz").wsgi_request.user.is_authenticated
    )
    with pytest.raises(Failure, match="停用"):
        accounts.reset_password(cast.east_officer, by=cast.administrator)
    user, password = accounts.activate(cast.east_officer, by=cast.administrator)
    assert user.is_active and user.check_password(password)


def test_a_reset_password_ends_sessions_and_asks_for_a_new_one(cast):
    before = cast.east_officer.get_session_auth_hash()
    password = accounts.reset_password(cast.east_officer, by=cast.administrator)
    user = User.objects.get(pk=cast.east_officer.pk)
    assert user.check_password(password) and accounts.must_change_password(user)
    assert user.get_session_auth_hash() != before


def test_another_role_takes_the_place_of_the_old_one(cast):
    accounts.assign(
        cast.east_officer, role="village_clerk", region=cast.willow, by=cast.administrator
    )
    user = User.objects.get(pk=cast.east_officer.pk)
    assert (user.role, user.region) == ("village_clerk", cast.willow)
    details = AuditEvent.objects.get().details
    assert details["before"]["role"] == "town_officer"
    assert details["after"]["region"] == "990001101202"
