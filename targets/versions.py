"""政策版本: every state that a year's policy was in, with who, when and why."""

from __future__ import annotations

import hashlib

from django.db.models import Max

from enrollment.models import PolicyYear, User
from targets.models import PolicyVersion

Source = PolicyVersion.Source


def latest(policy_year: PolicyYear) -> PolicyVersion | None:
    """The newest version; None where nothing was changed since versions are kept."""
    return (
        PolicyVersion.objects.filter(policy_year=policy_year)
        .select_related("by")
        .order_by("-number")
        .first()
    )


def catch_up(policy_year: PolicyYear, *, text: str) -> None:
    """Before a change: keep what stood there, so that the next difference is that change's own.

    Aliases confirmed with a roster and names of places change the policy on their own pages.
    """
    last = latest(policy_year)
    if last is None:
        record(policy_year, text=text, source=Source.BASE)
    elif last.text != text:
        record(policy_year, text=text, source=Source.ROSTER)


def record(
    policy_year: PolicyYear,
    *,
    text: str,
    source: str,
    by: User | None = None,
    why: str = "",
) -> PolicyVersion:
    """Write down what the policy says now. Call it inside the transaction of the change."""
    found = PolicyVersion.objects.filter(policy_year=policy_year).aggregate(last=Max("number"))
    return PolicyVersion.objects.create(
        policy_year=policy_year,
        number=(found["last"] or 0) + 1,
        by=by,
        source=source,
        why=why,
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
