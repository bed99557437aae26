"""A settled year is frozen: whatever would change it asks here first.

Bulk changes of a county queue behind one lock, as its rosters do; a single edit locks only the
year's row, which is also what settling takes last.
"""

from django.db import connection

from enrollment.failure import Failure
from enrollment.models import PolicyYear
from enrollment.roster.pipeline import FROZEN, LOCK

__all__ = ["FROZEN", "begin", "is_frozen", "queue"]


def is_frozen(policy_year: PolicyYear) -> bool:
    return policy_year.state in FROZEN


def begin(
    policy_year: PolicyYear, *, what: str, bulk: bool = False, settled_too: bool = False
) -> PolicyYear:
    """The year's row, locked, if it is not over; ``what`` (不能再申报, …) ends the sentence if so.

    In a transaction; call ``bump`` on what is returned when an input of the assessment changed.
    ``settled_too``: what is still done in a settled year, paying out its differences. Raises
    Failure.
    """
    if bulk:
        queue(policy_year)
    found = (
        PolicyYear.objects.select_for_update(no_key=True, of=("self",))
        .select_related("county")
        .get(pk=policy_year.pk)
    )
    over = (PolicyYear.State.CLOSED,) if settled_too else FROZEN
    if found.state in over:
        raise Failure("year_frozen", f"{found}{found.get_state_display()}，{what}")
    return found


def queue(policy_year: PolicyYear) -> None:
    """Wait for the county's bulk changes, and make the next ones wait until commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, policy_year.county_id])
