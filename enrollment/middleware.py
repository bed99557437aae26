"""What stands before every page: who has a password made by somebody else changes it first."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from enrollment.accounts import must_change_password
from enrollment.models import User

OPEN = {"enrollment:password", "enrollment:sign-out", "enrollment:sign-in"}


class OwnPasswordFirst:
    """Sends accounts with a one-time password to the page that changes it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        user = request.user
        if not isinstance(user, User) or not must_change_password(user):
            return None
        match = request.resolver_match
        if match is not None and match.view_name in OPEN:
            return None
        target = reverse("enrollment:password")
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": target})
        return redirect(target)
