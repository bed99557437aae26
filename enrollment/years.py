"""Benefit years that come into being without a policy."""

from enrollment.models import PolicyYear, Region


def history_year(county: Region, year: int) -> PolicyYear:
    """The county's year, made as one that only carries the list of who was insured if need be."""
    found, _ = PolicyYear.objects.get_or_create(
        county=county, year=year, defaults={"state": PolicyYear.State.HISTORY}
    )
    return found
