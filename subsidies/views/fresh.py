"""How new an assessment is, said on every page that shows it."""

from typing import Any

from django.utils import timezone

from enrollment.models import PolicyYear
from subsidies import assessment, tasks

RELOAD_AFTER = 2


def fresh(policy_year: PolicyYear) -> dict[str, Any]:
    """``as_of`` and ``stale`` for the page; whoever looks at an old assessment rings for a new one.

    A frozen year is never old.
    """
    at = policy_year.assessed_at
    when = f"{timezone.localtime(at):%Y-%m-%d %H:%M} 核定" if at else "还没有核定"
    if policy_year.state in assessment.FROZEN:
        return {"as_of": f"{policy_year.get_state_display()}，台账已固定", "stale": False}
    if policy_year.revision <= policy_year.assessed_revision:
        return {"as_of": when, "stale": False}
    tasks.assess_year.delay_on_commit(policy_year.pk)
    return {"as_of": f"{when}，其后有变动，正在重新核定", "stale": True, "refresh": RELOAD_AFTER}
