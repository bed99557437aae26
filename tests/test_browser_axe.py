"""Every page through axe-core: nothing serious for those who cannot see, or use the keyboard only.

The pages are those of `test_every_url`, each as a role that may open it.
"""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from enrollment import second_factor
from enrollment.models import User
from tests.test_every_url import PLACED, address, make_objects

pytestmark = [pytest.mark.browser]
ROLES = (
    "red_star_clerk",
    "county_officer",
    "east_officer",
    "administrator",
    "security",
    "auditor",
    "department_user",
)
# Axe cannot see through a background picture; contrast of marks is looked at by eye as well.
OPTIONS = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    "resultTypes": ["violations"],
}
SERIOUS = {"serious", "critical"}


def sign_in(page: Page, user: User, url: str) -> Client:
    """A session of this user in the browser, and a client that shares it."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[second_factor.SESSION_KEY] = second_factor.PASSED
    session.save()
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session.session_key or "", "url": url}]
    )
    return client


def test_axe_finds_nothing_serious(transactional_db: None, page: Page, live_server: Any) -> None:
    """All faults at once, each with its page and the first place of it."""
    cast, objects = make_objects()
    axe, faults, seen = Axe(), [], 0
    for role in ROLES:
        client = sign_in(page, cast.users[role], live_server.url)
        mine = [
            name
            for name, (_, allowed) in sorted(PLACED.items())
            if role == next((one for one in ROLES if one in allowed), None)
        ]
        for name in mine:
            path = address(name, objects)
            answer = client.get(path)
            if answer.status_code != 200 or "text/html" not in answer["Content-Type"]:
                continue
            if b"<html" not in answer.content:
                continue  # a fragment of a page that is here by itself
            page.goto(live_server.url + path)
            seen += 1
            for one in axe.run(page, options=OPTIONS).response["violations"]:
                if one["impact"] in SERIOUS:
                    place = one["nodes"][0]["html"][:160]
                    faults.append(f"{name} ({role}): {one['id']} ×{len(one['nodes'])}: {place}")
    assert seen > 30
    assert not faults, "\n" + "\n".join(faults)
