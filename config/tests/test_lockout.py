"""Five wrong passwords lock an account, wherever they come from."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

PASSWORD = "正确的口令-2024"


@pytest.fixture
def user(db: None):
    user = get_user_model()(username="clerk")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(password: str, number: int, **headers: str) -> int:
    browser = Client(REMOTE_ADDR=f"10.0.0.{number}", HTTP_USER_AGENT=f"browser {number}", **headers)
    form = {"username": "clerk", "password": password}
    return browser.post(reverse("enrollment:sign-in"), form).status_code


def test_five_failures_from_anywhere_lock_the_account(user):
    assert [sign_in("wrong", n, HTTP_X_FORWARDED_FOR=f"1.1.1.{n}") for n in range(5)] == [
        *[200] * 4,
        429,
    ]
    assert sign_in(PASSWORD, 99) == 429


def test_four_failures_do_not(user):
    for number in range(4):
        sign_in("wrong", number)

    assert sign_in(PASSWORD, 99) == 302
