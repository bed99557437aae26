"""What stands before every page: a sign-in is finished with its code and one's own password."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from enrollment import second_factor
from enrollment.accounts import must_change_password
from enrollment.models import User

ALWAYS = {"enrollment:sign-out", "enrollment:sign-in", "enrollment:privacy"}
CODE, PASSWORD = "enrollment:second-factor-code", "enrollment:password"
SET_UP = "enrollment:second-factor"


class SignInFinished:
    """Sends whoever owes a code, a password of their own or a second step to the page for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        user = request.user
        if not isinstance(user, User):
            return None
        if second_factor.is_due(request.session):
            step = CODE
        elif must_change_password(user):
            step = PASSWORD
        else:
            return None
        match = request.resolver_match
        if match is not None and match.view_name in ALWAYS | {step}:
            return None
        return _lead_to(request, step)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, second_factor.Missing):
            return None
        messages.warning(request, "查看或导出完整证件号码，请先开通两步验证（只需办一次）。")
        return _lead_to(request, SET_UP)


def _lead_to(request: HttpRequest, name: str) -> HttpResponse:
    target = reverse(name)
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)
