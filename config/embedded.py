"""Start or join the one embedded PostgreSQL and the one Valkey of this CANBAO_HOME."""

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psycopg

from config import environment, keeper
from config.environment import BASE_DIR, EnvironmentProblem

PATIENCE = 90  # seconds; recovery after a crash may take a while
SHARED, ALONE, AT_ONCE = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_NB


@contextlib.contextmanager
def servers() -> Iterator[None]:
    """Have both servers answering inside the block; whoever leaves last stops them.

    Nothing starts in place of a server that DATABASE_URL or REDIS_URL names.
    """
    wanted = []
    if not environment.has_database_url():
        wanted.append(Membership("postgres", _postgres_answers))
    if not environment.has_redis_url():
        wanted.append(Membership("valkey", _valkey_answers))
    if wanted:
        environment.make_home()
    with contextlib.ExitStack() as stack:
        # All are started before the first is waited for.
        for membership in wanted:
            membership.enter()
            stack.callback(membership.leave)
        for membership in wanted:
            membership.wait()
        yield


class Membership:
    """One process's use of one server.

    Three files lock: `door` while somebody enters or leaves, `users` shared by all users, `keeper`
    by the keeper. The keeper takes `users` alone when nobody shares it, and keeps it to its end.
    """

    def __init__(self, server: str, answers: Callable[[], bool]) -> None:
        self.server = server
        self.answers = answers
        self.seat: int | None = None
        self.started: subprocess.Popen[bytes] | None = None

    def enter(self) -> None:
        """Become a user; start the server's keeper if there is none."""
        door = keeper.take(f"{self.server}.door", ALONE)
        assert door is not None
        try:
            # Waits here while a keeper is on its way out.
            self.seat = keeper.take(f"{self.server}.users", SHARED)
            if not keeper.is_kept(self.server):
                self._start_keeper()
        finally:
            os.close(door)

    def _start_keeper(self) -> None:
        log = keeper.open_log(self.server)
        self.started = subprocess.Popen(
            [sys.executable, "-m", "config.keeper", self.server],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is for us, not for the server
        )
        log.close()
        while not keeper.is_kept(self.server) and self.started.poll() is None:
            time.sleep(0.01)

    def wait(self) -> None:
        """Return when the server answers; raise EnvironmentProblem when it cannot start."""
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if not keeper.is_kept(self.server) or time.monotonic() > deadline:
                log = keeper.log_path(self.server)
                last = log.read_text(encoding="utf-8", errors="replace").strip()[-1000:]
                raise EnvironmentProblem(f"内置的 {self.server} 起不来，日志 {log}：\n{last}")
            time.sleep(0.05)

    def leave(self) -> None:
        """Give up the seat; if it was the last one, return when the server has stopped."""
        door = keeper.take(f"{self.server}.door", ALONE)
        assert door is not None and self.seat is not None
        try:
            os.close(self.seat)
            while keeper.is_kept(self.server):
                if self._others_stay():
                    return
                time.sleep(0.02)
            if self.started:
                self.started.wait()
        finally:
            os.close(door)

    def _others_stay(self) -> bool:
        """Whether other users share the lock; the keeper, about to stop, holds it alone."""
        name = f"{self.server}.users"
        if (alone := keeper.take(name, ALONE | AT_ONCE)) is not None:
            os.close(alone)
            return False
        if (shared := keeper.take(name, SHARED | AT_ONCE)) is not None:
            os.close(shared)
            return True
        return False


def _postgres_answers() -> bool:
    try:
        psycopg.connect(
            host=str(environment.socket_folder()), dbname="canbao", user="canbao"
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _valkey_answers() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(environment.socket_folder() / "valkey.sock"))
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
        except OSError:
            return False
