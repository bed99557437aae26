"""Whose address a request comes from."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse


class RealAddress:
    """Put the client's address into REMOTE_ADDR where our one proxy stands in front.

    The proxy appends the address it saw, so the last entry is true and the rest is hearsay.
    Without CANBAO_BEHIND_PROXY the header is anybody's to forge and is not read at all.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.BEHIND_PROXY:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        if last := forwarded.rpartition(",")[2].strip():
            request.META["REMOTE_ADDR"] = last
        return self.get_response(request)
