"""Handing rosters in, for tests: rows in, a roster out; and what the database then holds."""

import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connection

from enrollment import roster, workbook
from enrollment.models import PolicyYear, Region, Roster, RosterRow
from enrollment.tests import corpus
from enrollment.tests.cast import Cast
from enrollment.workbook import child

REGISTER = ["户号", "与户主关系", "姓名", "身份证号", "乡镇", "村", "住址", "联系电话"]
LIST = ["姓名", "身份证号", "乡镇", "起始日期", "备注"]
PAYMENTS = ["姓名", "身份证号", "乡镇", "缴费金额", "缴费时间", "流水号"]
HEADINGS = {"register": REGISTER, "status": LIST, "insured": LIST, "payments": PAYMENTS}

# Sequences, and the moment of a row's making, are not facts. A status or a cover that a withdrawal
# brings back is a new row that says the same.
FACTS = {
    "enrollment_person": ["created_at"],
    "enrollment_household": [],
    "enrollment_status": ["id"],
    "enrollment_cover": ["id"],
    "enrollment_enrollment": ["id", "created_at"],
    "enrollment_question": ["id", "opened_at"],
    "enrollment_region": [],
    "enrollment_payment": ["id", "created_at"],
}
FATES = (
    "new", "changed", "unchanged", "would_end", "problems", "not_in_register", "outside_area",
    "ignored",
)  # fmt: skip


def file(rows: Sequence[Sequence[object]]) -> io.BytesIO:
    return io.BytesIO(corpus.workbook(corpus.sheet(rows)))


def handed(
    cast: Cast,
    kind: str,
    rows: Sequence[Sequence[object]],
    *,
    headings: Sequence[str] | None = None,
    status: str = "",
    region: Region | None = None,
    year: PolicyYear | None = None,
    **more: Any,
) -> Roster:
    """A roster handed in, not yet read."""
    return roster.hand_in(
        file([headings or HEADINGS[kind], *rows]),
        file_name="名册.xlsx",
        year=year or cast.year,
        kind=kind,
        by=cast.county_officer,
        region=region,
        status=cast.kinds[status] if status else None,
        **more,
    )


def read(cast: Cast, kind: str, rows: Sequence[Sequence[object]], **more: Any) -> Roster:
    """A roster that waits; every entry is counted, and every row of the file has one."""
    found = roster.read(handed(cast, kind, rows, **more))
    assert found.state == "waiting", found.refusal
    check_counts(found)
    return found


def put_in(cast: Cast, kind: str, rows: Sequence[Sequence[object]], **more: Any) -> Roster:
    """A roster that was read and applied, whatever the guard says."""
    return roster.apply(read(cast, kind, rows, **more), by=cast.county_officer, confirmed=True)


def check_counts(found: Roster) -> None:
    entries = Counter(RosterRow.objects.filter(roster=found).values_list("fate", flat=True))
    assert {fate: entries[fate] for fate in FATES} == found.counts
    assert found.rows == sum(entries.values())


def tally(found: Roster) -> dict[str, int]:
    """The fates that occurred, without the heading row: {"new": 2}."""
    counts = {fate: count for fate, count in found.counts.items() if count}
    counts["ignored"] = counts.get("ignored", 0) - 1
    return {fate: count for fate, count in counts.items() if count}


def reasons(found: Roster, fate: str) -> list[str]:
    return [entry.reason for entry in roster.entries(found, fate)]


def facts(*, without: Sequence[str] = ()) -> dict[str, list[str]]:
    """Every fact in the database, comparable."""
    held = {}
    with connection.cursor() as cursor:
        for table, passing in FACTS.items():
            if table in without:
                continue
            cursor.execute(f"SELECT (to_jsonb(f) - %s::text[])::text FROM {table} f", [passing])
            held[table] = sorted(row for (row,) in cursor.fetchall())
    return held


def versions(*tables: str) -> dict[str, list[tuple[int, str]]]:
    """Which transaction wrote each row last: equal before and after means nobody wrote."""
    with connection.cursor() as cursor:
        held = {}
        for table in tables:
            cursor.execute(f"SELECT id, xmin::text FROM {table} ORDER BY id")
            held[table] = cursor.fetchall()
        return held


def read_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files here, not in a process of their own: what is tested is what becomes of rows."""

    def answers(order: dict[str, Any], _progress: object) -> Iterator[Any]:
        out = io.BytesIO()
        child._answer(out, order)
        for line in out.getvalue().splitlines():
            answer = json.loads(line, object_hook=workbook._dates)
            if not (isinstance(answer, dict) and ("progress" in answer or "end" in answer)):
                yield answer

    monkeypatch.setattr(workbook, "_answers", answers)
