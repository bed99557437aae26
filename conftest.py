"""Servers, keys, worker and browser for every test; nothing of the user's own data is touched.

Without DATABASE_URL / REDIS_URL an embedded PostgreSQL and Valkey run in a throwaway CANBAO_HOME.
"""

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import django.conf
import pytest
import redis
from django.db import connection

from config import embedded, environment, keeper

IN_XDIST_WORKER = "PYTEST_XDIST_WORKER" in os.environ
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
BROWSER_FIXTURES = {"page", "context", "browser", "new_context"}
_servers = contextlib.ExitStack()


# The environment, before pytest-django reads the settings


def _prepare_environment() -> None:
    if "DJANGO_SETTINGS_MODULE" in os.environ:
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: conftest.py names the settings")
    os.environ |= {
        "CANBAO_HOME": tempfile.mkdtemp(prefix="canbao-test-"),
        "CANBAO_THROWAWAY": "1",
        "CANBAO_SECRET_KEY": "only-for-tests-" * 4,
        "CANBAO_ID_KEYS": "k1:" + base64.b64encode(b"only for tests: identity numbers").decode(),
        "CANBAO_INDEX_KEY": base64.b64encode(b"only for tests: the blind index.").decode(),
        # Playwright's event loop lives in the thread that also uses the database.
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
    }
    for name in ("CANBAO_FILES", "CANBAO_ENV", "CANBAO_TLS", "CANBAO_DB_POOL", "CANBAO_DEBUG"):
        os.environ.pop(name, None)


if not IN_XDIST_WORKER:
    _prepare_environment()
os.environ["CANBAO_REDIS_PREFIX"] = f"test-{os.getpid()}:"
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"


def pytest_configure(config: pytest.Config) -> None:
    if not IN_XDIST_WORKER and not config.option.collectonly:
        _servers.enter_context(embedded.servers())
    settings = django.conf.settings
    # xdist's processes have read the settings before this file: each gets its own messages here.
    prefix = os.environ["CANBAO_REDIS_PREFIX"]
    settings.REDIS_PREFIX = prefix
    settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = prefix
    settings.CANBAO_WORKER_SEEN_KEY = f"{prefix}canbao:worker-seen"
    settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MIDDLEWARE.remove("whitenoise.middleware.WhiteNoiseMiddleware")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Bring in the cast here: its models need Django, which is not yet set up on import."""
    session.config.pluginmanager.import_plugin("enrollment.tests.cast")


def pytest_unconfigure() -> None:
    if not IN_XDIST_WORKER:
        _servers.close()
        shutil.rmtree(environment.home(), ignore_errors=True)


# The browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests; skip them where Chromium is missing, unless it is required."""
    missing = pytest.mark.skip(reason="no Chromium here: apt-get install chromium fonts-noto-cjk")
    for item in items:
        if BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.browser)
            if CHROMIUM is None:
                if environment.flag("CANBAO_REQUIRE_BROWSER", False):
                    raise pytest.UsageError("CANBAO_REQUIRE_BROWSER is set, but no Chromium found")
                item.add_marker(missing)
        if "worker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.worker)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return browser_type_launch_args | {
        "executable_path": CHROMIUM,
        "args": ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return browser_context_args | {
        "locale": "zh-CN",
        "timezone_id": "Asia/Shanghai",
        "viewport": {"width": 1366, "height": 768},
        "accept_downloads": True,
    }


# The worker


class Worker:
    """A real Celery worker on the test database; may be killed and started again by a test."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """What the worker has written so far."""
        return keeper.log_path(self._name).read_text(encoding="utf-8", errors="replace")

    _name = f"worker-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"

    def start(self) -> None:
        """Start the worker, unless it runs, and return when it takes tasks."""
        if self.process and self.process.poll() is None:
            return
        settings = django.conf.settings
        broker = redis.Redis.from_url(settings.REDIS_URL)
        broker.delete(settings.CANBAO_WORKER_SEEN_KEY)
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--concurrency", "1"]
        command += ["--queues", "ticks,jobs", "--loglevel", "INFO"]
        command += ["--without-mingle", "--without-gossip"]
        with keeper.open_log(self._name) as log:
            self.process = subprocess.Popen(
                command,
                cwd=environment.BASE_DIR,
                env=os.environ | {"DATABASE_URL": _test_database_url()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(
            lambda: broker.exists(settings.CANBAO_WORKER_SEEN_KEY) or self.process.poll(), 60
        )
        assert self.process.poll() is None, f"the worker did not start:\n{self.log[-3000:]}"

    def kill(self) -> None:
        """`kill -9` the worker with all its children, as a power cut would."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def purge(self) -> None:
        """Forget the messages of an earlier test."""
        prefix = django.conf.settings.REDIS_PREFIX
        broker = redis.Redis.from_url(django.conf.settings.REDIS_URL)
        broker.delete(*(f"{prefix}{name}" for name in ("ticks", "jobs", "unacked")))


def _test_database_url() -> str:
    """The address of the test database, which only this process's settings know."""
    database = connection.settings_dict
    user, password = quote(database["USER"]), quote(database["PASSWORD"])
    query = {"host": database["HOST"]}
    if database["PORT"]:
        query["port"] = str(database["PORT"])
    login = f"{user}:{password}" if password else user
    return f"postgresql://{login}@/{quote(database['NAME'])}?{urlencode(query)}"


def wait_until(condition: Callable[[], Any], seconds: float = 30) -> None:
    """Return when `condition` holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened within {seconds} s"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def _worker(django_db_setup: None) -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.kill()


@pytest.fixture
def worker(transactional_db: None, _worker: Worker) -> Worker:
    """A running worker with empty queues; the test must see its jobs through to their end."""
    _worker.purge()
    _worker.start()
    return _worker


@pytest.fixture
def eventually() -> Callable[..., None]:
    """`eventually(lambda: job.state == …, seconds)`: wait for something a worker does."""
    return wait_until
