"""Accounts: granted by somebody else, with passwords that are used once."""

from datetime import timedelta

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from enrollment import accounts, second_factor
from enrollment.failure import Failure
from enrollment.models import Assignment, AuditEvent, Contact, User
from enrollment.registration import persons

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
        ("auditor", "east", "县"),
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


def test_a_new_account_waits_for_its_grant(cast, client):
    user, password = made(cast)
    credentials = {"username": "newcomer", "password": password}
    assert client.post(reverse("enrollment:sign-in"), credentials).status_code == 200
    with pytest.raises(Failure, match="还没有授权"):
        accounts.activate(user, by=cast.administrator)
    accounts.grant(user, by=cast.security)
    assert client.post(reverse("enrollment:sign-in"), credentials).status_code == 302
    with pytest.raises(Failure, match="已经授权"):
        accounts.grant(user, by=cast.security)
    event = AuditEvent.objects.get(action="grant_account")
    assert (event.user, event.details["role"]) == (cast.security, "town_officer")


KEEPING = [
    lambda user, by: accounts.deactivate(user, by=by),
    lambda user, by: accounts.activate(user, by=by),
    lambda user, by: accounts.reset_password(user, by=by),
    lambda user, by: accounts.hand_over(user, username="x", full_name="", phone="", by=by),
]
GRANTING = [
    lambda user, by: accounts.assign(user, role="auditor", region=user.region, by=by),
    lambda user, by: second_factor.remove(user, by=by),
]


@pytest.mark.parametrize("verb", KEEPING)
def test_only_the_administrator_keeps_accounts_and_never_the_own(cast, verb):
    with pytest.raises(Failure, match="自己"):
        verb(cast.administrator, cast.administrator)
    for user in cast.users.values():
        if user not in (cast.administrator, cast.red_star_clerk):
            with pytest.raises(Failure, match="本县的"):
                verb(cast.red_star_clerk, user)


@pytest.mark.parametrize("verb", GRANTING)
def test_only_the_security_administrator_grants_and_never_to_oneself(cast, verb):
    with pytest.raises(Failure, match="自己"):
        verb(cast.security, cast.security)
    for user in cast.users.values():
        if user not in (cast.security, cast.county_officer):
            with pytest.raises(Failure, match="本县的"):
                verb(cast.county_officer, user)


@pytest.mark.parametrize("role", ["security", "auditor"])
def test_the_three_offices_are_three_people(cast, role):
    with pytest.raises(Failure, match="须是三个人"):
        made(cast, role=role, region=cast.county, full_name=cast.administrator.full_name)
    user, _ = made(cast, role=role, region=cast.county, full_name="另一个人")
    accounts.grant(user, by=cast.security)
    user.full_name = cast.administrator.full_name
    user.save()
    other = "auditor" if role == "security" else "security"
    with pytest.raises(Failure, match="须是三个人"):
        accounts.assign(user, role=other, region=cast.county, by=cast.security)


def test_whoever_leaves_hands_over_in_one_step(cast):
    successor, password = accounts.hand_over(
        cast.red_star_clerk,
        username="hongxing2",
        full_name="接手的",
        phone="",
        by=cast.administrator,
    )
    left = User.objects.get(pk=cast.red_star_clerk.pk)
    assert not left.is_active and not successor.is_active
    assert (successor.role, successor.region) == (left.role, left.region)
    accounts.grant(successor, by=cast.security)
    assert User.objects.get(pk=successor.pk).check_password(password)


def test_the_directory_names_the_successor_and_what_was_shared_out_stays(cast):
    leaver = cast.red_star_clerk
    listed = Contact.objects.create(
        region=cast.red_star, name=leaver.full_name, office="clerk", phone="0564-1"
    )
    elsewhere = Contact.objects.create(region=cast.willow, name=leaver.full_name, office="clerk")
    Assignment.objects.create(
        policy_year=cast.year, person=cast.people["甲一"], contact=listed, county=cast.county,
        town=cast.east, village=cast.red_star,
    )  # fmt: skip
    assert leaver.full_name in persons.whom_to_call(cast.red_star)
    accounts.hand_over(
        leaver, username="hongxing2", full_name="接手的", phone="0564-2", by=cast.administrator
    )
    assert persons.whom_to_call(cast.red_star) == "接手的（村（社区）代办员），电话 0564-2"
    assert Assignment.objects.get().contact.name == "接手的"
    elsewhere.refresh_from_db()
    assert elsewhere.name == leaver.full_name


def test_a_successor_who_is_listed_already_is_listed_once(cast):
    leaver = cast.red_star_clerk
    for name in (leaver.full_name, "接手的"):
        Contact.objects.create(region=cast.red_star, name=name, office="clerk")
    left = Contact.objects.get(name=leaver.full_name)
    Assignment.objects.create(
        policy_year=cast.year, person=cast.people["甲一"], contact=left, county=cast.county,
        town=cast.east, village=cast.red_star,
    )  # fmt: skip
    accounts.hand_over(
        leaver, username="hongxing2", full_name="接手的", phone="0564-2", by=cast.administrator
    )
    listed = Contact.objects.get(left_on=None)
    assert (listed.name, listed.phone) == ("接手的", "0564-2")
    assert Assignment.objects.get().contact == listed


def test_a_hand_over_to_a_name_that_is_taken_stops_nobody(cast):
    with pytest.raises(Failure, match="已经有人用"):
        accounts.hand_over(
            cast.red_star_clerk, username="xian", full_name="", phone="", by=cast.administrator
        )
    assert User.objects.get(pk=cast.red_star_clerk.pk).is_active


def test_a_password_ends_after_ninety_days(cast):
    user = cast.east_officer
    assert not accounts.must_change_password(user)
    user.password_set_at = timezone.now() - timedelta(days=89, hours=23)
    assert not accounts.must_change_password(user)
    user.password_set_at = timezone.now() - timedelta(days=90)
    assert accounts.must_change_password(user)
    user.is_demo = True
    assert not accounts.must_change_password(user)


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("onlylowercase", "三种"),
        ("lower123456", "三种"),
        ("Lower123456", ""),
        ("春眠不觉晓-abc1", ""),
        ("Ab1", "10"),
    ],
)
def test_passwords_are_of_several_kinds(cast, password, sentence):
    if not sentence:
        validate_password(password, cast.east_officer)
        return
    with pytest.raises(ValidationError, match=sentence):
        validate_password(password, cast.east_officer)


def test_none_of_the_last_five_passwords_comes_back(cast):
    user = cast.east_officer
    chosen = [f"Password-{number}-春" for number in range(6)]
    for password in chosen:
        validate_password(password, user)
        user.set_password(password)
        user.save()
    for password in chosen[1:]:
        with pytest.raises(ValidationError, match="用过了"):
            validate_password(password, user)
    validate_password(chosen[0], user)


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
    accounts.assign(cast.east_officer, role="village_clerk", region=cast.willow, by=cast.security)
    user = User.objects.get(pk=cast.east_officer.pk)
    assert (user.role, user.region) == ("village_clerk", cast.willow)
    details = AuditEvent.objects.get().details
    assert details["before"]["role"] == "town_officer"
    assert details["after"]["region"] == "990001101202"
