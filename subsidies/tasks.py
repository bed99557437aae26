"""Doorbells: an id comes in, the verb is called. What is behind is found by a query."""

from celery import shared_task

from enrollment.models import PolicyYear
from subsidies import assessment


@shared_task
def assess_year(policy_year_id: int) -> None:
    """Assess one county-year now; for a view that has just changed something."""
    assessment.catch_up(PolicyYear.objects.select_related("county").get(pk=policy_year_id))


@shared_task
def assess_waiting() -> None:
    """Every few seconds: assess the years that are behind."""
    for policy_year in assessment.waiting():
        assessment.catch_up(policy_year)
