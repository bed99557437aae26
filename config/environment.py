"""What the machine tells us: variables, the home folder and the keys in it.

Nothing here starts a server and nothing here needs Django, so that `manage.py`, the supervisor,
the tests and the settings agree on one set of paths.
"""

import base64
import hashlib
import os
import re
import secrets
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
KEY_NAMES = ("CANBAO_SECRET_KEY", "CANBAO_ID_KEYS", "CANBAO_INDEX_KEY")
# A Unix socket's path may have 107 bytes; PostgreSQL adds "/.s.PGSQL.5432" to the folder.
SOCKET_FOLDER_LIMIT = 90
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class EnvironmentProblem(Exception):
    """The machine is not set up as it should be; the message says what to do."""


def env(name: str, default: str | None = None, hint: str = "") -> str:
    """The variable `name`, or the content of the file that `name_FILE` points at.

    Raises EnvironmentProblem with `hint` when neither is set and there is no default.
    """
    if value := os.environ.get(name):
        return value
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise EnvironmentProblem(f"{name}_FILE 指向的文件 {path} 读不出来：{error}") from error
    if default is not None:
        return default
    raise EnvironmentProblem(f"缺少环境变量 {name}（或 {name}_FILE）。{hint}".strip())


def flag(name: str, default: bool) -> bool:
    """A yes/no variable: 1, true, yes, on or their opposites."""
    value = env(name, "1" if default else "0").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise EnvironmentProblem(f"环境变量 {name} 只能是 1 或 0，现在是“{value}”。")


def in_production() -> bool:
    """Whether CANBAO_ENV says production: then nothing is made up, missing keys are an error."""
    return env("CANBAO_ENV", "") == "production"


def home() -> Path:
    """CANBAO_HOME: the folder for keys, files and the embedded servers' data."""
    default = "/var/lib/canbao" if _is_root() else str(BASE_DIR / "var")
    return Path(env("CANBAO_HOME", default)).absolute()


def _is_root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


# Keys


def key(name: str) -> str:
    """One of KEY_NAMES: from the environment, else from CANBAO_HOME/keys."""
    kept = home() / "keys" / name
    if not (os.environ.get(name) or os.environ.get(f"{name}_FILE")) and kept.is_file():
        return kept.read_text(encoding="ascii").strip()
    return env(name, hint=f"请按 .env.example 生成密钥；{home()}/keys 里也没有。")


def ensure_keys() -> None:
    """Create the keys that are set nowhere, once, readable by their owner alone.

    In production nothing is created. Where the embedded database already holds data, a missing
    key is not replaced: a new one could never read that data.
    """
    missing = [
        name
        for name in KEY_NAMES
        if not (os.environ.get(name) or os.environ.get(f"{name}_FILE"))
        and not (home() / "keys" / name).is_file()
    ]
    if not missing or in_production():
        return
    if cluster().exists():
        raise EnvironmentProblem(
            f"{home()} 里已有数据，但密钥 {'、'.join(missing)} 不见了。"
            f"请把备份里的密钥放回 {home() / 'keys'}；新生成的密钥读不出原有数据。"
        )
    made = {
        "CANBAO_SECRET_KEY": secrets.token_urlsafe(50),
        "CANBAO_ID_KEYS": "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "CANBAO_INDEX_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    make_home()
    folder = home() / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in missing:
        # Written aside and linked into place: of two commands started at once one wins whole.
        aside = folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(made[name] + "\n")
        try:
            os.link(aside, folder / name)
        except FileExistsError:
            pass
        finally:
            aside.unlink()


def make_home() -> None:
    """Create CANBAO_HOME; as root, let the servers' user pass through it (not list it)."""
    try:
        home().mkdir(parents=True, exist_ok=True)
        if _is_root() and not home().stat().st_mode & 0o001:
            home().chmod(home().stat().st_mode | 0o011)
    except OSError as error:
        raise EnvironmentProblem(
            f"建不了数据目录 {home()}：{error}。请用 CANBAO_HOME 指定一个可写的目录。"
        ) from error


# The embedded servers' addresses


def cluster() -> Path:
    """The embedded PostgreSQL's data folder."""
    return home() / "postgres-18"


def socket_folder() -> Path:
    """Where the embedded servers' sockets lie: CANBAO_HOME/run, or a short plain folder.

    The latter where CANBAO_HOME is long, or has characters that an address would have to escape.
    """
    folder = home() / "run"
    if len(os.fsencode(folder)) <= SOCKET_FOLDER_LIMIT and PLAIN_PATH.fullmatch(str(folder)):
        return folder
    mark = hashlib.sha256(os.fsencode(home())).hexdigest()[:12]
    return Path(f"/tmp/canbao-{os.geteuid()}-{mark}")


def has_database_url() -> bool:
    """Whether somebody else's PostgreSQL is to be used."""
    return bool(env("DATABASE_URL", ""))


def has_redis_url() -> bool:
    """Whether somebody else's Redis is to be used."""
    return bool(env("REDIS_URL", ""))


def redis_url() -> str:
    """REDIS_URL, or the embedded Valkey's socket."""
    return env("REDIS_URL", f"unix://{socket_folder()}/valkey.sock")


def stop_with(problem: Exception) -> None:
    """Print one sentence and leave with exit code 1."""
    print(f"错误：{problem}", file=sys.stderr)
    sys.exit(1)
