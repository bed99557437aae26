"""Doorbells: an id comes in, the verb is called. What matters is in the job's row."""

from datetime import timedelta

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from celery import shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from enrollment import audit, jobs, names, planner, roster, store
from enrollment.models import Job, RosterState
from enrollment.registration import papers

# Longer than any lock after failed sign-ins lasts.
KEEP_TYPED = timedelta(days=30)


def _read(job: Job, watch: jobs.Watch) -> None:
    assert job.roster
    roster.read(job.roster, watch=watch)


def _apply(job: Job, watch: jobs.Watch) -> None:
    assert job.roster
    if _done_before(job, RosterState.APPLIED):
        return
    roster.apply(
        job.roster,
        by=job.by,
        confirmed=job.options.get("confirmed", False),
        expected=job.options.get("expected"),
        watch=watch,
    )


def _withdraw(job: Job, watch: jobs.Watch) -> None:
    assert job.roster
    if _done_before(job, RosterState.WITHDRAWN):
        return
    roster.withdraw(job.roster, by=job.by, watch=watch)


def _done_before(job: Job, state: str) -> bool:
    """Whether an earlier attempt committed its work and died before it could say so."""
    assert job.roster
    return job.attempts > 1 and job.roster.state == state


VERBS: dict[str, jobs.Verb] = {"read": _read, "apply": _apply, "withdraw": _withdraw}


@shared_task
def run_job(job_id: int) -> None:
    """Do a job, if it is still there to be done."""
    jobs.work(job_id, VERBS)


@shared_task
def tick() -> None:
    """Every few seconds: find work left lying, seal the trail, read new names and sizes."""
    for job_id in jobs.recheck():
        run_job.delay(job_id)
    audit.seal()
    names.learn()
    planner.learn()


@shared_task
def sweep() -> None:
    """Every night: previews nobody answered lapse, files past their term and leftovers go.

    So do sessions that have ended: they hold what was searched for. And what was typed as a user's
    name at a sign-in that failed, which may have been anything; the trail has what must be kept.
    """
    roster.expire()
    roster.forget_files()
    papers.forget()
    store.clear_leftovers()
    SessionStore.clear_expired()
    typed_before = timezone.now() - KEEP_TYPED
    for typed in (AccessAttempt, AccessFailureLog, AccessLog):
        typed.objects.filter(attempt_time__lt=typed_before).delete()
