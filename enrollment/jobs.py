"""Jobs: background work that is found by a query, not remembered by a message.

A worker claims a job's row with a lease and a fence number, renews the lease from a thread of its
own, and gives up at once when somebody else holds a higher fence. The fence is checked once more
inside the transaction that publishes. So a killed, frozen or doubled worker leaves nothing
half-applied, and ``recheck`` finds what was left lying.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import psycopg
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import Job, JobState, Roster, User
from enrollment.models.jobs import MAX_ATTEMPTS

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
BEAT = 2.0
STALE = timedelta(seconds=10)
# COPY speaks to the driver itself, so its errors come without Django's wrapping.
DATABASE_ERRORS = (OperationalError, psycopg.OperationalError)


class Cancelled(Exception):
    """Somebody asked this job to stop."""


class Lost(Exception):
    """Another worker holds this job now; whatever we did must not be published."""


class Watch:
    """What a verb tells while it works. This one, for the foreground, listens and never objects."""

    def tell(self, phase: str, done: int = 0, total: int | None = None) -> None:
        """Say which step is under way and how far: rows done of how many, None if unknown."""

    def confirm(self) -> None:
        """Last call before a transaction commits. Raises Lost where the work is no longer ours."""


class Held(Watch):
    """A claimed job. A thread renews the lease, writes progress and carries the wish to cancel."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.cancelled, self.lost = job.cancel_asked, False
        self._step: tuple[str, int, int | None] = (job.phase, 0, None)
        self._over = threading.Event()
        # The statement to cancel is the main thread's: psycopg allows that from another thread.
        connection.ensure_connection()
        self._working = connection.connection
        self._thread = threading.Thread(target=self._keep, name=f"job-{job.pk}", daemon=True)

    def __enter__(self) -> "Held":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, phase: str, done: int = 0, total: int | None = None) -> None:
        self._step = (phase, done, total)
        self._object()

    def confirm(self) -> None:
        self._object()
        if not Job.objects.filter(pk=self.job.pk, fence=self.job.fence).update(heartbeat_at=Now()):
            raise Lost

    def _object(self) -> None:
        if self.cancelled:
            raise Cancelled
        if self.lost:
            raise Lost

    def _keep(self) -> None:
        mine = Job.objects.filter(pk=self.job.pk, fence=self.job.fence, state=JobState.RUNNING)
        try:
            while not self._over.wait(BEAT):
                phase, done, total = self._step
                try:
                    renewed = mine.update(
                        heartbeat_at=Now(),
                        lease_until=Now() + LEASE,
                        phase=phase,
                        done=done,
                        total=total,
                    )
                    wish = mine.values_list("cancel_asked", flat=True).first()
                except OperationalError:
                    # The database went away: the main thread meets the same, the lease decides.
                    connection.close()
                    continue
                if not renewed or wish:
                    # Again at every beat: between two statements there is nothing to cancel.
                    self.lost, self.cancelled = not renewed, bool(wish)
                    with contextlib.suppress(Exception):
                        self._working.cancel_safe()
        finally:
            connection.close()


Verb = Callable[[Job, Watch], None]


@transaction.atomic
def submit(verb: str, *, roster: Roster, by: User | None, **options: object) -> Job:
    """Put work on a roster in the queue. Raises Failure where the same slice is being worked on."""
    slot = ":".join(
        str(part) for part in (roster.policy_year_id, roster.kind, roster.topic, roster.region_id)
    )
    try:
        with transaction.atomic():
            return Job.objects.create(verb=verb, roster=roster, by=by, slot=slot, options=options)
    except IntegrityError as error:
        raise Failure(
            "busy", "同一范围的同类名册正在处理，请等它完成后再试；可在名册列表查看进度"
        ) from error


def claim(job_id: int) -> Job | None:
    """Take a job that is queued, or whose worker has let its lease run out; None if it is taken."""
    taken = (
        Job.objects.filter(pk=job_id, attempts__lt=MAX_ATTEMPTS)
        .filter(Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, lease_until__lt=Now()))
        .update(
            state=JobState.RUNNING,
            attempts=F("attempts") + 1,
            fence=F("fence") + 1,
            lease_until=Now() + LEASE,
            heartbeat_at=Now(),
            started_at=Now(),
            phase="准备",
            done=0,
            total=None,
        )
    )
    return Job.objects.select_related("roster", "by").get(pk=job_id) if taken else None


def work(job_id: int, verbs: dict[str, Verb]) -> None:
    """Do a job if it is there to be done: the whole of what a worker does with a message."""
    job = claim(job_id)
    if job is None:
        return
    # The job is ended after its thread, which might otherwise cancel the statement that ends it.
    with Held(job) as held:
        outcome = _outcome(job, held, verbs)
    if outcome:
        state, code, error = outcome
        finish(job, state, error=error, code=code)


def _outcome(job: Job, held: Held, verbs: dict[str, Verb]) -> tuple[str, str, str] | None:
    """State, code and sentence the job ends with; None where it is no longer ours to end.

    A database that went away raises: the lease runs out, and the job is tried again.
    """
    cancelled = (JobState.CANCELLED, "", "已按要求取消，没有任何改动")
    try:
        verbs[job.verb](job, held)
    except Lost:
        logger.warning("job %s was taken over by another worker", job.pk)
        return None
    except Cancelled:
        return cancelled
    except Failure as failure:
        return JobState.FAILED, failure.code, failure.message
    except DATABASE_ERRORS:
        if held.lost:
            logger.warning("job %s was taken over by another worker", job.pk)
            return None
        if held.cancelled:
            return cancelled
        raise
    except Exception:
        logger.exception("job %s failed", job.pk)
        sentence = "程序出错，没有任何改动；请把本页的编号告诉系统管理员"
        return JobState.FAILED, "unexpected", sentence
    return JobState.DONE, "", ""


def finish(job: Job, state: str, *, error: str = "", code: str = "") -> None:
    """End a job, if it is still ours."""
    Job.objects.filter(pk=job.pk, fence=job.fence, state=JobState.RUNNING).update(
        state=state, error=error, error_code=code, finished_at=Now(), lease_until=None
    )


@transaction.atomic
def cancel(job: Job, *, by: User) -> None:
    """Ask a job to stop: at once if nobody works on it, else at its next step."""
    Job.objects.filter(pk=job.pk, state=JobState.QUEUED).update(
        state=JobState.CANCELLED, finished_at=Now(), error="已取消，没有任何改动"
    )
    Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(cancel_asked=True)
    county = job.roster.county if job.roster else None
    audit.record("cancel_job", by=by, county=county, subject=f"job {job.pk}")


def recheck() -> list[int]:
    """What a worker should look at now; jobs that used up their attempts are ended."""
    Job.objects.filter(
        state=JobState.RUNNING, lease_until__lt=Now(), attempts__gte=MAX_ATTEMPTS
    ).update(
        state=JobState.FAILED,
        finished_at=Now(),
        error_code="given_up",
        error=f"处理中断了 {MAX_ATTEMPTS} 次，已停止，没有任何改动；请检查文件后重新上传",
    )
    return list(
        Job.objects.filter(
            Q(state=JobState.QUEUED, created_at__lt=Now() - STALE)
            | Q(state=JobState.RUNNING, lease_until__lt=Now())
        ).values_list("pk", flat=True)
    )
