"""Doorbells: an id comes in, the verb is called. What matters is in the job's row."""

from celery import shared_task

from enrollment import audit, jobs, roster
from enrollment.models import Job


def _read(job: Job, watch: jobs.Watch) -> None:
    assert job.roster
    roster.read(job.roster, watch=watch)


def _apply(job: Job, watch: jobs.Watch) -> None:
    assert job.roster
    roster.apply(
        job.roster,
        by=job.by,
        confirmed=job.options.get("confirmed", False),
        expected=job.options.get("expected"),
        watch=watch,
    )


def _withdraw(job: Job, watch: jobs.Watch) -> None:
    assert job.roster
    roster.withdraw(job.roster, by=job.by, watch=watch)


VERBS: dict[str, jobs.Verb] = {"read": _read, "apply": _apply, "withdraw": _withdraw}


@shared_task
def run_job(job_id: int) -> None:
    """Do a job, if it is still there to be done."""
    jobs.work(job_id, VERBS)


@shared_task
def tick() -> None:
    """Every few seconds: find work that was left lying, seal the trail."""
    for job_id in jobs.recheck():
        run_job.delay(job_id)
    audit.seal()


@shared_task
def sweep() -> None:
    """Every night: previews nobody answered lapse, files past their term go."""
    roster.expire()
    roster.forget_files()
