"""The whole portal on one machine: servers, web, worker and beat, until Ctrl-C.

`python -m config.supervisor` (or `make demo`) is for trying it out and for a small office; a
county runs docker-compose.yml. A child that dies is started again, after a pause that doubles.
"""

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

from config import embedded, environment, keeper
from config.environment import BASE_DIR, EnvironmentProblem

LONGEST_PAUSE = 30  # seconds between two starts of a child that keeps dying
STEADY = 60  # seconds after which a child counts as healthy again
MANAGE = [sys.executable, str(BASE_DIR / "manage.py")]


class Stopped(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


class Child:
    """One process of the portal, started again whenever it ends."""

    def __init__(self, name: str, arguments: list[str], **variables: str) -> None:
        self.name = name
        self.arguments = arguments
        self.variables = variables
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = 1.0
        self.not_before = 0.0

    def start(self) -> None:
        with keeper.open_log(self.name) as log:
            self.process = subprocess.Popen(
                self.arguments,
                cwd=BASE_DIR,
                env=os.environ | self.variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours; we end the children in order
                preexec_fn=_follow_parent,
            )
        self.started = time.monotonic()

    def look_after(self) -> None:
        """Start the child again if it has ended and its pause is over."""
        if self.process and self.process.poll() is not None:
            code, self.process = self.process.returncode, None
            self.pause = (
                1.0
                if time.monotonic() - self.started > STEADY
                else min(self.pause * 2, LONGEST_PAUSE)
            )
            self.not_before = time.monotonic() + self.pause
            print(
                f"{self.name} 意外结束（退出码 {code}），{self.pause:.0f} 秒后重新启动；"
                f"日志 {keeper.log_path(self.name)}",
                flush=True,
            )
        if self.process is None and time.monotonic() >= self.not_before:
            self.start()

    def stop(self) -> None:
        if self.process:
            keeper.stop(self.process, signal.SIGTERM, patience=30)


def _follow_parent() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(keeper.PR_SET_PDEATHSIG, signal.SIGTERM)


def children(address: str) -> list[Child]:
    """Web, worker and beat, as docker-compose.yml runs them."""
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "config"]
    web = [python, "-m", "gunicorn", "config.wsgi", "--bind", address, "--workers", "2"]
    web += ["--worker-class", "gthread", "--threads", "4", "--timeout", "120"]
    web += ["--max-requests", "20000", "--max-requests-jitter", "2000", "--no-control-socket"]
    worker = ["worker", "--queues", "ticks,jobs", "--concurrency", "3", "--loglevel", "INFO"]
    return [
        Child("web", web, CANBAO_DB_POOL="1"),
        Child("worker", [*celery, *worker, "--without-mingle", "--without-gossip"]),
        Child("beat", [*celery, "beat", "--loglevel", "WARNING", "--pidfile="]),
    ]


def run(host: str, port: int) -> None:
    """Start everything, load the demonstration, print the address, look after it all."""
    environment.ensure_keys()
    environment.make_home()
    only_one = keeper.take("supervisor", fcntl.LOCK_EX | fcntl.LOCK_NB)
    if only_one is None:
        raise EnvironmentProblem(f"数据目录 {environment.home()} 的系统已在运行。")
    _check_free(host, port)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    everything = children(f"{host}:{port}")
    with embedded.servers():
        try:
            _manage("migrate", "--verbosity", "0")
            if static_is_stale():
                _manage("collectstatic", "--noinput", "--clear", "--verbosity", "0")
            for child in everything:
                child.start()
            _wait_for_web(f"http://{host}:{port}/healthz", everything)
            print(f"参保已启动：http://{host}:{port}  （演示数据正在准备……）", flush=True)
            loaded = _load_demonstration()
            _print_welcome(f"http://{host}:{port}", loaded)
            while True:
                for child in everything:
                    child.look_after()
                time.sleep(0.5)
        except (Stopped, KeyboardInterrupt):
            print("正在停止……", flush=True)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave orphans
            for child in reversed(everything):
                child.stop()
    print("已停止，数据保留在 " + str(environment.home()), flush=True)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EnvironmentProblem(
                f"端口 {port} 已被占用（{error.strerror}）。换一个端口：PORT={port + 1} make demo"
            ) from error


def _manage(*arguments: str) -> None:
    try:
        subprocess.run([*MANAGE, *arguments], cwd=BASE_DIR, check=True, preexec_fn=_follow_parent)
    except subprocess.CalledProcessError as error:
        raise EnvironmentProblem(f"manage.py {arguments[0]} 失败，见上面的输出。") from error


def static_is_stale() -> bool:
    """Whether a static file or a package is newer than what was collected."""
    collected = Path(environment.env("CANBAO_STATIC_ROOT", str(environment.home() / "static")))
    manifest = collected / "staticfiles.json"
    if not manifest.exists():
        return True
    sources = [BASE_DIR / "requirements.txt", *(BASE_DIR / "static").rglob("*")]
    return any(path.stat().st_mtime > manifest.stat().st_mtime for path in sources)


def _wait_for_web(address: str, everything: list[Child]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in everything:
            child.look_after()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers, whatever it says
        except OSError:
            time.sleep(0.1)
    raise EnvironmentProblem(f"网页服务一分钟内没有应答，日志 {keeper.log_path('web')}")


def _load_demonstration() -> bool:
    """Run `manage.py demo`; a failure is told, the portal stays up."""
    result = subprocess.run([*MANAGE, "demo"], cwd=BASE_DIR, preexec_fn=_follow_parent)
    return result.returncode == 0


def _print_welcome(address: str, loaded: bool) -> None:
    print(f"\n参保 Canbao  {address}")
    if not loaded:
        print("演示数据没有载入，原因见上面的输出；系统仍可使用。")
    logins = environment.home() / "demo-logins.json"
    if logins.exists():
        print(f"演示数据，非真实统计。账号见上表，也写在 {logins}")
    print("按 Ctrl-C 停止。", flush=True)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        port = environment.env("PORT", "8000")
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise EnvironmentProblem(f"PORT 应为 1 到 65535 的整数，现在是“{port}”。")
        run(environment.env("HOST", "127.0.0.1"), int(port))
    except EnvironmentProblem as problem:
        environment.stop_with(problem)


if __name__ == "__main__":
    main()
