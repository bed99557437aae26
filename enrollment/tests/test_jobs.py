"""Jobs: whatever happens to a worker, a roster is read or applied once, whole, or not at all."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import django.conf
import psycopg
import pytest
import redis
from django.db import connection, connections
from django.db.models.functions import Now

from enrollment import jobs, roster, tasks
from enrollment.failure import Failure
from enrollment.models import Job, JobState, Person, Roster, RosterRow, Stage
from enrollment.roster.pipeline import LOCK
from enrollment.tests import handing
from enrollment.tests.cast import Cast, build_cast, id_number

MANY = 30_000


@pytest.fixture
def town(transactional_db) -> Cast:
    return build_cast()


def people(count: int) -> list[list[object]]:
    """So many people of one new village, thirty to a birth date."""
    return [
        ["", "", f"人{'甲乙丙丁戊己庚辛壬癸'[n % 10]}", id_number(n % 30, birth=birth(n // 30)),
         "东风镇", "新建村", "", ""]
        for n in range(count)
    ]  # fmt: skip


def birth(day: int) -> str:
    return f"{1940 + day // 336}{day // 28 % 12 + 1:02}{day % 28 + 1:02}"


def submit(cast: Cast, verb: str, found: Roster, **options) -> Job:
    return jobs.submit(verb, roster=found, by=cast.county_officer, **options)


def waiting(cast: Cast, count: int = 3) -> Roster:
    return handing.read(cast, "register", people(count), mode="supplement")


def made() -> int:
    return Person.objects.filter(name__startswith="人").count()


def let_lapse(job: Job) -> None:
    """The lease runs out, as after a minute's silence."""
    Job.objects.filter(pk=job.pk).update(lease_until=Now() - timedelta(seconds=1))


@contextlib.contextmanager
def other_connection() -> Iterator[psycopg.Connection]:
    """A second session, as another process would have."""
    parameters = connection.get_connection_params()
    for ours in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(ours, None)
    with psycopg.connect(**parameters) as other:
        yield other


@contextlib.contextmanager
def county_locked(cast: Cast) -> Iterator[psycopg.Connection]:
    """Hold the county's lock, so that whoever decides or applies waits exactly there."""
    with other_connection() as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, cast.county.pk])
        yield other


def at_the_lock(cast: Cast) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0] == 1


def copying() -> bool:
    """Whether somebody is filling the stage at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_progress_copy"
            " WHERE relid = 'enrollment_stage'::regclass AND datname = current_database()"
        )
        return cursor.fetchone()[0] > 0


def state(job: Job) -> str:
    return Job.objects.values_list("state", flat=True).get(pk=job.pk)


def in_a_thread(work: Callable[[], None]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


# The queue


def test_thirty_clicks_make_one_job(town):
    found = handing.handed(town, "register", people(3))
    refused: list[str] = []

    def click() -> None:
        try:
            submit(town, "read", found)
        except Failure as failure:
            refused.append(failure.code)

    clicks = [in_a_thread(click) for _ in range(30)]
    for thread in clicks:
        thread.join()
    assert refused == ["busy"] * 29
    job = Job.objects.get()
    jobs.work(job.pk, tasks.VERBS)
    assert state(job) == JobState.DONE
    assert submit(town, "apply", found).pk != job.pk, "a job that is over bars nobody"


@pytest.mark.parametrize(
    ("kind", "more", "busy"),
    [
        ("register", {}, True),
        ("register", {"region": "east"}, False),
        ("status", {"status": "服役"}, False),
        ("payments", {}, False),
    ],
)
def test_only_the_same_slice_waits(town, kind, more, busy):
    submit(town, "read", handing.handed(town, "register", []))
    more = {**more, **({"region": town.east} if "region" in more else {})}
    other = handing.handed(town, kind, [], **more)
    with pytest.raises(Failure, match="正在处理") if busy else contextlib.nullcontext():
        submit(town, "read", other)


def test_a_message_delivered_twenty_times_is_worked_on_once(town):
    job = submit(town, "apply", waiting(town))
    threads = [in_a_thread(lambda: jobs.work(job.pk, tasks.VERBS)) for _ in range(5)]
    for thread in threads:
        thread.join()
    for _ in range(15):
        jobs.work(job.pk, tasks.VERBS)
    job.refresh_from_db()
    assert (job.state, job.attempts, made()) == (JobState.DONE, 1, 3)


def test_a_message_about_nothing_is_no_error(town):
    jobs.work(987654, tasks.VERBS)


def test_a_failure_is_told_in_its_sentence(town):
    found = waiting(town)
    job = submit(town, "apply", found, expected={**found.counts, "new": 7})
    jobs.work(job.pk, tasks.VERBS)
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "preview_changed")
    assert "没有入库" in job.error and made() == 0


def test_an_error_of_ours_is_no_users_puzzle(town):
    job = submit(town, "apply", waiting(town))

    def broken(_job: Job, _watch: jobs.Watch) -> None:
        raise KeyError("x")

    jobs.work(job.pk, {"apply": broken})
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "unexpected")


def test_after_three_attempts_it_is_given_up_in_a_sentence(town):
    job = submit(town, "apply", waiting(town))
    for attempt in (1, 2, 3):
        assert jobs.claim(job.pk).attempts == attempt
        assert jobs.claim(job.pk) is None, "it is taken"
        let_lapse(job)
    assert jobs.claim(job.pk) is None
    assert jobs.recheck() == []
    job.refresh_from_db()
    assert (job.state, job.error_code) == (JobState.FAILED, "given_up")
    assert "中断了 3 次" in job.error and job.finished_at


def test_work_left_lying_is_found_again(town):
    job = submit(town, "apply", waiting(town))
    assert jobs.recheck() == [], "its message may still be under way"
    Job.objects.update(created_at=Now() - timedelta(seconds=11))
    assert jobs.recheck() == [job.pk]
    jobs.claim(job.pk)
    assert jobs.recheck() == []
    let_lapse(job)
    assert jobs.recheck() == [job.pk]


# Workers that die, freeze or come back


def test_a_zombie_past_its_lease_publishes_nothing(town):
    """Frozen before its last step; meanwhile somebody else finishes the job."""
    found = waiting(town)
    job = submit(town, "apply", found)
    zombie = jobs.claim(job.pk)
    let_lapse(job)
    second = jobs.claim(job.pk)
    assert second.fence > zombie.fence
    with pytest.raises(jobs.Lost):
        tasks.VERBS["apply"](zombie, jobs.Held(zombie))
    assert made() == 0
    jobs.finish(zombie, JobState.FAILED, error="zombie")
    assert state(job) == JobState.RUNNING
    tasks.VERBS["apply"](second, jobs.Held(second))
    assert made() == 3


def test_without_the_fence_the_zombie_would_have_published(town):
    job = submit(town, "apply", waiting(town))
    zombie = jobs.claim(job.pk)
    let_lapse(job)
    jobs.claim(job.pk)
    tasks.VERBS["apply"](zombie, jobs.Watch())
    assert made() == 3


@pytest.mark.parametrize("verb", ["apply", "withdraw"])
def test_a_worker_that_died_after_its_commit_has_done_its_work(town, verb):
    found = waiting(town)
    if verb == "withdraw":
        roster.apply(found, by=None)
    job = submit(town, verb, found)
    tasks.VERBS[verb](jobs.claim(job.pk), jobs.Watch())
    let_lapse(job)
    jobs.work(job.pk, tasks.VERBS)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error) == (JobState.DONE, 2, "")
    assert made() == (3 if verb == "apply" else 0)


@pytest.mark.parametrize("verb", ["read", "apply"])
def test_a_database_that_goes_away_is_tried_again(town, verb, monkeypatch):
    found = waiting(town) if verb == "apply" else handing.handed(town, "register", people(3))
    job = submit(town, verb, found)
    with county_locked(town) as holder:
        failed: list[Exception] = []

        def work() -> None:
            try:
                jobs.work(job.pk, tasks.VERBS)
            except Exception as error:
                failed.append(error)

        thread = in_a_thread(work)
        eventually(lambda: at_the_lock(town))
        holder.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND NOT granted"
        )
        thread.join()
    assert failed and state(job) == JobState.RUNNING and made() == 0
    assert not RosterRow.objects.filter(roster=found).exists() or verb == "apply"
    let_lapse(job)
    jobs.work(job.pk, tasks.VERBS)
    assert state(job) == JobState.DONE
    assert made() == (3 if verb == "apply" else 0)


# Cancelling


@pytest.fixture
def quick_beat(monkeypatch):
    monkeypatch.setattr(jobs, "BEAT", 0.1)


def test_a_job_nobody_works_on_is_cancelled_at_once(town):
    job = submit(town, "apply", waiting(town))
    jobs.cancel(job, by=town.county_officer)
    jobs.work(job.pk, tasks.VERBS)
    job.refresh_from_db()
    assert (job.state, job.error, made()) == (JobState.CANCELLED, "已取消，没有任何改动", 0)


@pytest.mark.parametrize("verb", ["read", "apply", "withdraw"])
def test_cancelling_stops_the_statement_and_leaves_nothing(town, quick_beat, verb):
    found = handing.handed(town, "register", people(3)) if verb == "read" else waiting(town)
    if verb == "withdraw":
        roster.apply(found, by=None)
    before, stood = handing.facts(), Roster.objects.get(pk=found.pk).state
    job = submit(town, verb, found)
    with county_locked(town):
        thread = in_a_thread(lambda: jobs.work(job.pk, tasks.VERBS))
        eventually(lambda: at_the_lock(town))
        jobs.cancel(job, by=town.county_officer)
        thread.join(timeout=10)
        assert not thread.is_alive(), "it did not wait for the lock"
    job.refresh_from_db()
    found.refresh_from_db()
    assert (job.state, job.error) == (JobState.CANCELLED, "已按要求取消，没有任何改动")
    assert (handing.facts(), found.state) == (before, stood)
    if verb == "read":
        assert not Stage.objects.exists() and not RosterRow.objects.exists()


def test_cancelling_while_the_file_is_read(town, quick_beat):
    found = handing.handed(town, "register", people(MANY))
    job = submit(town, "read", found)
    thread = in_a_thread(lambda: jobs.work(job.pk, tasks.VERBS))
    eventually(copying)
    jobs.cancel(job, by=town.county_officer)
    thread.join(timeout=20)
    assert state(job) == JobState.CANCELLED
    assert not Stage.objects.exists() and not RosterRow.objects.exists()
    found.refresh_from_db()
    assert found.state == "received"
    again = submit(town, "read", found)
    jobs.work(again.pk, tasks.VERBS)
    found.refresh_from_db()
    assert (state(again), found.new) == (JobState.DONE, MANY)


def test_progress_is_true_while_a_file_is_read(town, quick_beat):
    job = submit(town, "read", handing.handed(town, "register", people(MANY)))
    thread = in_a_thread(lambda: jobs.work(job.pk, tasks.VERBS))
    seen = set()
    while thread.is_alive():
        job.refresh_from_db()
        seen.add((job.phase, job.done))
        time.sleep(0.02)
    thread.join()
    counts = [done for phase, done in seen if phase == "读取并核对"]
    assert len({phase for phase, _ in seen}) >= 3
    assert any(0 < done <= MANY + 1 for done in counts) and max(counts) <= MANY + 1


# A real worker


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened within {seconds} s"
        time.sleep(0.02)


@pytest.mark.parametrize("verb", ["read", "apply"])
def test_a_worker_killed_leaves_nothing_half_done_and_nothing_stuck(worker, town, verb):
    """`kill -9` while it reads 30,000 rows, and while it applies, at a moment held by a lock."""
    found = handing.handed(town, "register", people(MANY), mode="supplement")
    if verb == "apply":
        roster.read(found)
    job = submit(town, verb, found)
    with county_locked(town):
        tasks.run_job.delay(job.pk)
        if verb == "read":
            eventually(copying)
        else:
            eventually(lambda: at_the_lock(town))
        worker.kill()
    eventually(lambda: not at_the_lock(town))
    assert (state(job), made()) == (JobState.RUNNING, 0)
    if verb == "read":
        assert not RosterRow.objects.filter(roster=found).exists()
    let_lapse(job)
    worker.purge()
    worker.start()
    tasks.tick()
    eventually(lambda: state(job) == JobState.DONE, 60)
    job.refresh_from_db()
    found.refresh_from_db()
    assert (job.attempts, found.new, made()) == (2, MANY, MANY if verb == "apply" else 0)
    assert found.state == ("applied" if verb == "apply" else "waiting")
    handing.check_counts(found)
    assert Stage.objects.count() == (0 if verb == "apply" else found.rows)


def test_a_flushed_broker_loses_no_job(worker, town):
    job = submit(town, "apply", waiting(town))
    broker = redis.Redis.from_url(django.conf.settings.REDIS_URL)
    tasks.run_job.apply_async((job.pk,), countdown=60)
    for name in broker.keys(f"{django.conf.settings.REDIS_PREFIX}*"):
        broker.delete(name)
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(seconds=11))
    tasks.tick()
    eventually(lambda: state(job) == JobState.DONE, 30)
    assert made() == 3
