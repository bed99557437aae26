"""Rows as they came: the sealed pages opened, for whoever looks at a problem."""

import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any

from enrollment.models import Roster, RosterPage
from enrollment.vault import vault


def cells(roster: Roster, rows: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[Any]]:
    """The declared cells of (sheet, row) as the file had them. Opens each page once."""
    runs: dict[int, list[tuple[int, int]]] = {}
    pages = RosterPage.objects.filter(roster=roster).order_by("sheet", "first_row")
    for pk, sheet, first in pages.values_list("pk", "sheet", "first_row"):
        runs.setdefault(sheet, []).append((first, pk))
    wanted: dict[int, list[tuple[int, int, int]]] = {}
    for sheet, row in rows:
        starts = runs.get(sheet, [])
        at = bisect_right(starts, (row, 1 << 62)) - 1
        if at >= 0:
            first, pk = starts[at]
            wanted.setdefault(pk, []).append((sheet, row, row - first))
    found: dict[tuple[int, int], list[Any]] = {}
    for page in RosterPage.objects.filter(pk__in=wanted).only("sealed"):
        run = json.loads(zlib.decompress(vault().open_bytes(page.sealed)))
        for sheet, row, offset in wanted[page.pk]:
            if offset < len(run):
                found[sheet, row] = run[offset]
    return found
