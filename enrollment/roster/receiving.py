"""The way in for files handed in on a page: who may hand in what, and each file once."""

from datetime import date
from typing import Any, BinaryIO

from django.db import connection, transaction
from django.db.models.query import QuerySet

from enrollment import jobs, store
from enrollment.failure import Failure
from enrollment.models import Department, Job, PolicyYear, Region, Roster, RosterState, User
from enrollment.models.rules import Duty, StatusKind
from enrollment.roster import pipeline, problems
from enrollment.roster.kinds import KINDS, Kind

# Held per year while a file is taken in, so that two clicks meet one after the other.
LOCK = 4_022
OPEN = (RosterState.RECEIVED, RosterState.HEADINGS, RosterState.WAITING)
# What an office hands in about its own work; the county looks at it and applies it.
FROM_DEPARTMENTS = ("category", "status", "payments", "births")


def kinds_for(user: User) -> list[Kind]:
    """The kinds of roster this user may hand in, in the order of the upload page."""
    if not user.job.own_department:
        return list(KINDS.values())
    return [KINDS[key] for key in FROM_DEPARTMENTS if key in KINDS]


def statuses_for(user: User, year: PolicyYear) -> QuerySet[StatusKind]:
    """The statuses this user may hand in lists of, in the order of the pack.

    Sensitive ones are not for the towns; a department's are those of its duties, where any are.
    """
    known = StatusKind.objects.filter(policy_year=year).order_by("order")
    if user.job.level != "county":
        return known.filter(sensitive=False)
    if not user.job.own_department:
        return known
    duties = Duty.objects.filter(policy_year=year, department=user.department_id)
    named = {name for lists in duties.values_list("lists", flat=True) for name in lists}
    own = known.filter(name__in=named) | known.filter(department=user.department_id)
    return own if own.exists() else known


def receive(
    file: BinaryIO,
    *,
    file_name: str,
    year: PolicyYear,
    kind: str,
    by: User,
    region: Region,
    status: StatusKind | None = None,
    topic: str = "",
    mode: str | None = None,
    as_of: date | None = None,
    department: Department | None = None,
    sheet: str = "",
) -> tuple[Roster, Job | None]:
    """Hand a file in and queue its reading, all or nothing.

    The same file by the same user, still open, is the roster it already is; then there is no new
    job. Raises Failure, and keeps nothing, where the slice is being worked on.
    """
    digest, _ = problems.digest(file)
    file.seek(0)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, year.pk])
        same = Roster.objects.filter(
            policy_year=year,
            kind=kind,
            region=region,
            status_kind=status,
            topic=status.name if status else topic,
            sheet=sheet,
            sha256=digest,
            uploaded_by=by,
            state__in=OPEN,
        )
        if mode:
            same = same.filter(mode=mode)
        if known := same.first():
            return known, None
        described: dict[str, Any] = {
            "file_name": file_name,
            "year": year,
            "kind": kind,
            "by": by,
            "region": region,
            "status": status,
            "topic": topic,
            "mode": mode,
            "as_of": as_of,
            "department": department,
            "sheet": sheet,
        }
        roster = pipeline.hand_in(file, **described)
        try:
            return roster, jobs.submit("read", roster=roster, by=by)
        except Failure:
            store.remove(roster.stored_as)
            raise
