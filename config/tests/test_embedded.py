"""Several commands share the embedded servers; the last one out, or nobody, stops them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.environment import BASE_DIR

# A command that uses the servers until a line arrives on its standard input.
USE = """
import sys
from config import embedded
with embedded.servers():
    print("in", flush=True)
    sys.stdin.readline()
"""


class User:
    """Another process that uses the servers of `home`."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USE],
            cwd=BASE_DIR,
            env=_bare_environment() | {"CANBAO_HOME": str(home), "CANBAO_THROWAWAY": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def is_in(self) -> bool:
        assert self.process.stdout is not None
        return self.process.stdout.readline() == "in\n"

    def leave(self) -> None:
        self.process.communicate("\n", timeout=30)


def _bare_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="canbao-embedded-"))
    yield folder
    shutil.rmtree(folder)


def postmaster(home: Path) -> int | None:
    """The process id of the running PostgreSQL, if any."""
    try:
        pid = int((home / "postgres-18" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def sockets(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "run").iterdir())


def answer(home: Path) -> object:
    with psycopg.connect(host=str(home / "run"), dbname="canbao", user="canbao") as connection:
        return connection.execute("SHOW listen_addresses").fetchone()


def test_several_start_and_stop_one_server(home: Path):
    users = [User(home) for _ in range(3)]
    assert all(user.is_in() for user in users)
    server = postmaster(home)

    for user in users[:2]:
        user.leave()
    assert postmaster(home) == server
    assert answer(home) == ("",)

    users[2].leave()
    assert postmaster(home) is None
    assert ".s.PGSQL.5432" not in sockets(home)
    assert "valkey.sock" not in sockets(home)


def test_a_killed_command_leaves_no_server(home: Path, eventually):
    user = User(home)
    assert user.is_in()

    user.process.kill()
    user.process.communicate()

    eventually(lambda: postmaster(home) is None)


def test_a_killed_server_comes_back(home: Path):
    first = User(home)
    assert first.is_in()
    killed = postmaster(home)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    second = User(home)
    assert second.is_in()
    assert postmaster(home) != killed
    assert answer(home) == ("",)
    first.leave()
    second.leave()


def test_joining_is_quick(home: Path):
    first = User(home)
    assert first.is_in()
    script = "import time\nfrom config import embedded\nt = time.perf_counter()\n"
    script += "with embedded.servers():\n    print(time.perf_counter() - t)\n"
    second = subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR,
        env=_bare_environment() | {"CANBAO_HOME": str(home), "CANBAO_THROWAWAY": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    first.leave()

    # Usually some hundredths of a second; the bound only catches a second server's start.
    assert float(second.stdout) < 1


def test_the_sockets_are_closed_to_other_users(home: Path):
    user = User(home)
    assert user.is_in()

    assert (home / "run").stat().st_mode & 0o077 == 0
    assert (home / "postgres-18").stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert Path(f"/proc/{postmaster(home)}").stat().st_uid != 0
    user.leave()
