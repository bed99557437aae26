"""名单报送: which monthly list is on time, late or missing, and a nil return in one click.

Only a duty with a due day can be late: "每月10日以前" includes the 10th. A department to which
the notice sets no day is never late (C110), so its lists are not here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from django.db import models, transaction
from django.db.models.functions import TruncDate
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import Department, PolicyYear, Roster, RosterState, User
from enrollment.models.rules import Duty, Window
from subsidies.freeze import FROZEN
from subsidies.models import NilReturn
from subsidies.names import Names


class State(models.TextChoices):
    ON_TIME = "on_time", "按时"
    LATE = "late", "逾期"
    MISSING = "missing", "缺报"
    WAITING = "waiting", "未到期"


@dataclass(frozen=True)
class Due:
    """One list of one month: by when, whether, and how it came."""

    duty: Duty
    topic: str
    month: date
    due: date
    state: State
    came: date | None = None
    roster: int | None = None
    nil: bool = False

    @property
    def may_declare(self) -> bool:
        """Nothing has come for this month, so 本月无变动 can still be said."""
        return self.came is None


def dues(
    policy_year: PolicyYear, *, department: Department | None = None, today: date | None = None
) -> list[Due]:
    """Every list with a due day, month by month up to this one; the newest month first."""
    today = today or timezone.localdate()
    duties = Duty.objects.filter(policy_year=policy_year, due_day__isnull=False)
    if department is not None:
        duties = duties.filter(department=department)
    wanted = list(duties.select_related("department").order_by("department__order", "order", "pk"))
    if not wanted:
        return []
    came = _came(policy_year)
    names = Names(policy_year)
    found = []
    for month in reversed(list(_months(policy_year, today))):
        for duty in wanted:
            due = month.replace(day=min(duty.due_day or 1, _days(month)))
            for word in duty.lists:
                category = names.named(word)
                topic = category.name if category else word
                day, roster, nil = _earliest(
                    came.get((duty.department_id, topic, month)),
                    came.get((duty.department_id, "", month)),
                    came.get((None, topic, month)),
                )
                if day is not None:
                    state = State.ON_TIME if day <= due else State.LATE
                else:
                    state = State.MISSING if today > due else State.WAITING
                found.append(Due(duty, topic, month, due, state, day, roster, nil))
    return found


@transaction.atomic
def declare_nil(
    policy_year: PolicyYear, *, department: Department, topic: str, month: date, by: User | None
) -> NilReturn:
    """Say that a list did not change in a month. Raises Failure where it is nobody's to say."""
    if policy_year.state in FROZEN:
        raise Failure("year_closed", f"{policy_year}已结算或关闭，不再报送名单")
    month = month.replace(day=1)
    waiting = [
        one
        for one in dues(policy_year, department=department)
        if (one.topic, one.month) == (topic, month)
    ]
    if not waiting:
        raise Failure(
            "no_duty", f"{department.name}没有按月报送“{topic}”名单的职责，或不在报送月份"
        )
    if not waiting[0].may_declare:
        raise Failure("came", f"“{topic}”{month:%Y年%m月}的名单已经报来，不用再报无变动")
    made, _ = NilReturn.objects.get_or_create(
        policy_year=policy_year,
        department=department,
        topic=topic,
        month=month,
        defaults={"declared_by": by},
    )
    audit.record(
        "declare_nil", by=by, county=policy_year.county, subject=f"{department.name} {topic}",
        month=f"{month:%Y-%m}",
    )  # fmt: skip
    return made


# What came of one list in one month first: the day, the roster, whether it says 无变动.
Came = tuple[date, int | None, bool]


def _came(policy_year: PolicyYear) -> dict[tuple[int | None, str, date], Came]:
    """The first hand-in of each month by (department, topic, month).

    A list told row by row has no topic; where the county handed it in, there is no department.
    """
    found: dict[tuple[int | None, str, date], Came] = {}
    rosters = Roster.objects.filter(
        policy_year=policy_year,
        kind__in=["category", "status"],
        state__in=[RosterState.WAITING, RosterState.APPLIED],
    ).annotate(day=TruncDate("uploaded_at"))
    for pk, department, topic, day in rosters.order_by("uploaded_at").values_list(
        "pk", "department", "topic", "day"
    ):
        found.setdefault((department, topic, day.replace(day=1)), (day, pk, False))
    returns = NilReturn.objects.filter(policy_year=policy_year).annotate(
        day=TruncDate("declared_at")
    )
    for department, topic, month, day in returns.values_list("department", "topic", "month", "day"):
        before = found.get((department, topic, month))
        if before is None or day < before[0]:
            found[department, topic, month] = (day, None, True)
    return found


def _earliest(*came: Came | None) -> tuple[date | None, int | None, bool]:
    known = sorted((one for one in came if one), key=lambda one: one[0])
    return known[0] if known else (None, None, False)


def _months(policy_year: PolicyYear, today: date) -> Iterator[date]:
    """From the month in which collecting begins to this one, or the year's last."""
    first = (
        Window.objects.filter(policy_year=policy_year)
        .order_by("pays_from")
        .values_list("pays_from", flat=True)
        .first()
    )
    if first is None:
        return
    last = min(today, policy_year.benefit_to) if policy_year.benefit_to else today
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _days(month: date) -> int:
    return (_next(month) - month).days
