"""代缴和退补: what the pages of this desk share: their tabs, a list as a file, what was ticked."""

import datetime
import tempfile
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import IO, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from enrollment import audit, cells
from enrollment.access import Place
from enrollment.failure import Failure
from enrollment.models import Level, Region
from subsidies import zero

PER_PAGE = 50


def tabs(place: Place, current: str) -> list[dict[str, Any]]:
    """The pages of the desk, in the order of the work."""
    pages = {
        "zero": f"{zero.word(place.policy_year)}名单",
        "differences": "退补差",
        "recoveries": "资助收回",
        "help": "另行扶持",
        "totals": "测算与结算",
        "settlement": "年度结算",
    }
    return [
        {"label": label, "count": None, "url": url(place, f"subsidies:{name}"),
         "active": name == current}
        for name, label in pages.items()
    ]  # fmt: skip


def url(place: Place, name: str, *args: Any, **query: Any) -> str:
    """A page of this year at this region; empty parts of the query are left out."""
    kept = {"region": place.region.key} | {key: value for key, value in query.items() if value}
    here = reverse(name, args=[place.county.key, place.policy_year.year, *args])
    return f"{here}?{urlencode(kept)}"


def day(text: str) -> datetime.date:
    """A day from a form. Raises Failure."""
    try:
        return datetime.date.fromisoformat(text.strip())
    except ValueError:
        raise Failure("date", "请填写日期，写作 2023-12-31") from None


def yuan(text: str) -> Decimal | None:
    """An amount from a form, None where it was left empty. Raises Failure."""
    try:
        return cells.money(text)
    except cells.CellError as error:
        raise Failure("amount", f"金额：{error}") from None


def units(
    place: Place, told: Mapping[Any, Iterable[Any]], name: str, **query: Any
) -> list[dict[str, Any]]:
    """How many of each list (``told``: its key, with a label, and its lines) stand in each unit
    below; units without any are left out."""
    if place.region.level == Level.VILLAGE:
        return []
    at = "town" if place.region.level == Level.COUNTY else "village"
    counted: dict[int, dict[Any, int]] = {}
    for key, found in told.items():
        for one in found:
            unit = counted.setdefault(getattr(one, at), dict.fromkeys(told, 0))
            unit[key] += 1
    regions = Region.objects.filter(pk__in=counted).order_by("placeholder", "order", "key")
    return [
        {
            "region": region,
            "cells": [
                {
                    "label": key.label,
                    "number": counted[region.pk][key],
                    "url": url(place, name, region=region.key, tab=str(key), **query),
                }
                for key in told
            ],
        }
        for region in regions
    ]


def ticked(request: HttpRequest) -> list[int]:
    """The numbers of the rows that were ticked."""
    return [int(one) for one in request.POST.getlist("row") if one.isdecimal()][:PER_PAGE]


def address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def opened(request: HttpRequest, place: Place, title: str, people: int) -> None:
    """Put on record that a list of names was looked at."""
    audit.record(
        "open_names",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {title}",
        address=address(request),
        people=people,
    )


def download(
    request: HttpRequest,
    place: Place,
    *,
    title: str,
    back: str,
    write: Callable[[IO[bytes]], int],
    **narrowed: Any,
) -> HttpResponseBase:
    """A list as a file, whole before its first byte is sent, and on record."""
    # Has no name on the disk, and goes with the response.
    target = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        count = write(target)
    except Failure as failure:
        target.close()
        messages.error(request, failure.message)
        return redirect(back)
    audit.record(
        "export",
        by=place.user,
        county=place.county,
        subject=f"{place.region.path} {title}",
        address=address(request),
        rows=count,
        form="xlsx",
        filter={"region": place.region.key} | narrowed,
    )
    target.seek(0)
    name = f"{place.region.name}{place.policy_year.year}年度{title}.xlsx"
    return FileResponse(target, as_attachment=True, filename=name)
