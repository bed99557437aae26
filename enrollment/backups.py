"""Backup and restore: the database, the file store and, if asked for, the keys, in one file.

A backup is a plain tar: ``database.dump`` (pg_dump, custom format), ``files/…`` (as they lie,
sealed), perhaps ``keys/…``, and last ``manifest.json`` with the size and SHA-256 of every part,
the migrations, versions, counts, and a fingerprint of each key. Restoring reads and compares all
of it before anything is touched, keeps the old tables aside until the new ones stand, and ends by
opening a stored number with the keys.
"""

import base64
import hashlib
import hmac
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from enrollment import planner, store
from enrollment.failure import Failure
from enrollment.vault import Vault, parse_keys

FORMAT = 1
DATABASE, FILES, KEYS, MANIFEST = "database.dump", "files/", "keys/", "manifest.json"
KEY_NAMES = ("CANBAO_SECRET_KEY", "CANBAO_ID_KEYS", "CANBAO_INDEX_KEY")
# Staging is read again from the files, sessions must not come back to life.
WITHOUT_DATA = ("enrollment_stage", "django_session")
COUNTED = ("enrollment_region", "enrollment_person", "enrollment_payment", "enrollment_auditevent")
ASIDE = "canbao_before_restore"
"""The schema where the old tables wait while new ones are read in."""

PIECE = 1 << 20
Tell = Callable[[str], None]


# Making one


def make(folder: Path, *, with_keys: bool, tell: Tell) -> Path:
    """Write a backup into ``folder``; returns its path. Raises Failure."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f".{secrets.token_hex(8)}.part"
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failure("folder", f"备份目录 {folder} 不能写：{error}") from error
    now = timezone.localtime()
    target = folder / f"canbao-{now:%Y%m%d-%H%M%S}.tar"
    try:
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
            parts = _Parts(tar)
            manifest = {
                "format": FORMAT,
                "made_at": now.isoformat(timespec="seconds"),
                "database": connection.settings_dict["NAME"],
                "server": _server_version(),
                "django": django.get_version(),
                "python": platform.python_version(),
                "with_keys": with_keys,
                "keys": _fingerprints(settings.CANBAO_ID_KEYS, settings.CANBAO_INDEX_KEY),
            }
            tell("导出数据库")
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                dump = Path(scratch) / DATABASE
                manifest |= _dump(dump)
                parts.add(DATABASE, dump)
            # After the database: whatever file its rows name was there before them.
            tell("收入文件")
            for name in store.names():
                parts.add(FILES + name, Path(settings.CANBAO_FILES) / name)
            if with_keys:
                for name in KEY_NAMES:
                    parts.add_text(KEYS + name, str(_key(name)))
            manifest["parts"] = parts.sums
            parts.add_text(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        # link, not rename: never over another backup of the same second.
        os.link(aside, target)
    except FileExistsError as error:
        raise Failure("exists", f"{target} 已存在，请过一秒再试") from error
    except OSError as error:
        raise Failure("write", f"备份没有写成：{error}") from error
    finally:
        aside.unlink(missing_ok=True)
    return target


class _Parts:
    """Adds members to a tar and keeps their sums."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.sums: dict[str, dict[str, Any]] = {}

    def add(self, name: str, path: Path) -> None:
        """A file; one that is deleted on schedule while we work is left out."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            self._add(name, file, os.fstat(file.fileno()).st_size)

    def add_text(self, name: str, text: str) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(text.encode())
            size = file.tell()
            file.seek(0)
            self._add(name, file, size)

    def _add(self, name: str, file: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        member.mtime = int(timezone.now().timestamp())
        reader = _Summed(file)
        self.tar.addfile(member, reader)
        self.sums[name] = {"size": size, "sha256": reader.sum.hexdigest()}


class _Summed:
    """Reads a file and sums what it read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.sum.update(piece)
        return piece


# Reading one


@dataclass(frozen=True)
class Backup:
    """A backup that was read whole and found whole."""

    path: Path
    manifest: dict[str, Any]

    @property
    def files(self) -> list[str]:
        return [name for name in self.manifest["parts"] if name.startswith(FILES)]

    @property
    def keys(self) -> dict[str, str]:
        """The keys inside, by name; none in a backup without."""
        if not self.manifest["with_keys"]:
            return {}
        with tarfile.open(self.path, "r:") as tar:
            return {name: _text(tar, KEYS + name) for name in KEY_NAMES}


def examine(path: Path) -> Backup:
    """Read a backup from end to end and compare every sum. Raises Failure; changes nothing."""
    damaged = f"备份文件 {path.name} 不完整或已损坏"
    try:
        with tarfile.open(path, "r:") as tar:
            members = {member.name: member for member in tar}
            if MANIFEST not in members:
                raise Failure("damaged", f"{damaged}（没有清单），请换一个备份")
            manifest = json.loads(_text(tar, MANIFEST))
            if manifest.get("format") != FORMAT:
                raise Failure("format", f"{path.name} 是别的版本的备份格式，请用那个版本恢复")
            parts = manifest["parts"]
            if set(members) != set(parts) | {MANIFEST} or DATABASE not in parts:
                raise Failure("damaged", f"{damaged}（内容与清单不符），请换一个备份")
            for name, expected in parts.items():
                if not members[name].isfile() or _sum(tar, members[name]) != expected["sha256"]:
                    raise Failure("damaged", f"{damaged}（{name} 与清单不符），请换一个备份")
    except FileNotFoundError as error:
        raise Failure("no_file", f"没有 {path} 这个文件") from error
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise Failure("damaged", f"{damaged}（{type(error).__name__}），请换一个备份") from error
    return Backup(path, manifest)


def _text(tar: tarfile.TarFile, name: str) -> str:
    member = tar.extractfile(name)
    assert member is not None
    return member.read().decode()


def _sum(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    source, total = tar.extractfile(member), hashlib.sha256()
    assert source is not None
    while piece := source.read(PIECE):
        total.update(piece)
    return total.hexdigest()


# Restoring one


def refusals(backup: Backup, *, replace: bool) -> None:
    """Raise Failure for whatever speaks against restoring this backup here; changes nothing."""
    executor = MigrationExecutor(connection)
    known = {f"{app}.{name}" for app, name in executor.loader.graph.nodes}
    if newer := sorted(set(backup.manifest["migrations"]) - known):
        raise Failure(
            "newer",
            f"备份来自更新的版本（本版本没有 {newer[0]}），请先把程序升级到备份时的版本",
        )
    _refuse_other_keys(backup)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        if others := cursor.fetchone()[0]:
            raise Failure(
                "in_use",
                f"还有 {others} 个连接在使用数据库，请先停止网页、后台进程和定时进程再恢复",
            )
    if not replace and _holds_data():
        raise Failure(
            "not_empty",
            "数据库里已有数据。确实要用备份替换全部现有数据和文件，请加 --replace",
        )


def restore(backup: Backup, *, tell: Tell) -> dict[str, int]:
    """Put a backup in the place of what is there. Returns the counts restored.

    Until the new tables have been read in and checked, the old ones stay aside and come back on
    any failure. Call ``refusals`` first.
    """
    keys = backup.keys
    settings_keys = (
        (keys["CANBAO_ID_KEYS"], keys["CANBAO_INDEX_KEY"])
        if keys
        else (settings.CANBAO_ID_KEYS, settings.CANBAO_INDEX_KEY)
    )
    root = Path(settings.CANBAO_FILES)
    with _unpacked(backup, root) as place:
        bring_back()
        _run_sql(f"ALTER SCHEMA public RENAME TO {ASIDE}", "CREATE SCHEMA public")
        try:
            tell("读入数据库")
            _load(place / DATABASE)
            connection.close()
            if _counts() != backup.manifest["counts"]:
                raise Failure("counts", "读入后的行数与备份清单不符")
            _refuse_unreadable(settings_keys)
            tell("更新表结构")
            call_command("migrate", verbosity=0, interactive=False)
            if keys:
                _keep_keys(keys)
        except BaseException:
            connection.close()
            bring_back()
            raise
        _run_sql(f"DROP SCHEMA {ASIDE} CASCADE")
        planner.learn_all()
        tell("放回文件")
        _place_files(backup, place, root)
    return _counts()


def bring_back() -> None:
    """After a restore that was broken off: the tables of before it, if they wait aside."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [ASIDE])
        if cursor.fetchone():
            drop, rename = "DROP SCHEMA IF EXISTS public CASCADE", "RENAME TO public"
            _run_sql(drop, f"ALTER SCHEMA {ASIDE} {rename}")


@contextmanager
def _unpacked(backup: Backup, root: Path) -> Iterator[Path]:
    """The backup's parts in a folder beside the files, so that they can be moved into place."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".restore-") as scratch:
        with tarfile.open(backup.path, "r:") as tar:
            tar.extractall(scratch, filter="data")
        yield Path(scratch)


def _place_files(backup: Backup, place: Path, root: Path) -> None:
    wanted = {name.removeprefix(FILES) for name in backup.files}
    for name in list(store.names()):
        if name not in wanted and not name.startswith("."):
            store.remove(name)
    for name in wanted:
        target = root / name
        for folder in reversed([target.parent, *target.parent.parents]):
            if folder.is_relative_to(root) and not folder.exists():
                folder.mkdir(mode=0o700)
        (place / FILES / name).replace(target)


def _keep_keys(keys: dict[str, str]) -> None:
    """Put the backup's keys into CANBAO_HOME/keys, those there before aside."""
    folder = Path(settings.CANBAO_HOME) / "keys"
    if folder.is_dir() and any(
        (folder / name).is_file() and (folder / name).read_text().strip() != text
        for name, text in keys.items()
    ):
        shutil.copytree(folder, folder.with_name(f"keys-before-{timezone.now():%Y%m%d%H%M%S}"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in keys.items():
        if _set_outside(name):
            continue
        aside = folder / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
        aside.replace(folder / name)


def _refuse_other_keys(backup: Backup) -> None:
    here = _fingerprints(settings.CANBAO_ID_KEYS, settings.CANBAO_INDEX_KEY)
    wrong = sorted(name for name, sum in backup.manifest["keys"].items() if here.get(name) != sum)
    if not wrong:
        return
    names = "、".join(wrong)
    if not backup.manifest["with_keys"]:
        raise Failure(
            "keys_missing",
            f"备份不含密钥，而本机的密钥不是备份时的那一套（{names} 不符或没有）。"
            "请先配上备份时的 CANBAO_ID_KEYS 和 CANBAO_INDEX_KEY，否则身份证号无法读出",
        )
    if any(_set_outside(name) for name in ("CANBAO_ID_KEYS", "CANBAO_INDEX_KEY")):
        raise Failure(
            "keys_differ",
            f"环境变量里的密钥与备份内的不同（{names}）。请把环境变量改成备份 keys/ 中的值再恢复",
        )


def _refuse_unreadable(keys: tuple[str, str]) -> None:
    """Open one stored number with the keys that will be used from now on."""
    id_keys, index_key = keys
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id_cipher, id_index FROM enrollment_person "
            "WHERE id_cipher IS NOT NULL AND id_index IS NOT NULL ORDER BY id LIMIT 1"
        )
        row = cursor.fetchone()
    if row is None:
        return
    try:
        ours = Vault(parse_keys(id_keys), _decoded(index_key))
        opened = ours.index(ours.open(row[0])) == row[1]
    except Exception as error:
        raise Failure("unreadable", "备份里的身份证号用现有密钥打不开，没有恢复") from error
    if not opened:
        raise Failure("unreadable", "备份里的检索码与现有检索密钥不符，没有恢复")


# Keys


def _fingerprints(id_keys: str, index_key: str) -> dict[str, str]:
    """Tells keys apart and gives nothing away: {k1: …, index: …}."""
    keys = {f"k{number}": key for number, key in parse_keys(id_keys).items()}
    keys["index"] = _decoded(index_key)
    return {
        name: hmac.digest(key, b"canbao key fingerprint", "sha256")[:8].hex()
        for name, key in keys.items()
    }


def _decoded(index_key: str) -> bytes:
    return base64.b64decode(index_key, validate=True)


def _key(name: str) -> str:
    if name == "CANBAO_SECRET_KEY":
        return settings.SECRET_KEY
    return getattr(settings, name)


def _set_outside(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


# PostgreSQL


def _dump(target: Path) -> dict[str, Any]:
    """Dump the database; returns the migrations and counts of the very state that was dumped."""
    command = [_program("pg_dump"), "--format=custom", "--compress=3", "--no-owner"]
    command += ["--no-privileges", "--schema=public", f"--file={target}"]
    command += [f"--exclude-table-data={table}" for table in WITHOUT_DATA]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        command += [f"--snapshot={cursor.fetchone()[0]}", f"--dbname={_conninfo()}"]
        state = {"migrations": _applied(), "counts": _counts()}
        _run(command, "导出数据库")
    return state


def _load(source: Path) -> None:
    command = [_program("pg_restore"), "--single-transaction", "--exit-on-error", "--no-owner"]
    command += ["--no-privileges", "--schema=public", f"--dbname={_conninfo()}", str(source)]
    connection.close()
    _run(command, "读入数据库")


def _program(name: str) -> str:
    """pg_dump or pg_restore of the server's own version, else a newer one: wheel or system."""
    server = int(_server_version().split(".", 1)[0])
    newer = ""
    for folder in (str(settings.CANBAO_POSTGRES_BIN), *os.get_exec_path()):
        program = Path(folder) / name
        if not program.is_file():
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        match = re.search(r" (\d+)", said.stdout)
        if match and int(match[1]) == server:
            return str(program)
        if match and int(match[1]) > server:
            newer = newer or str(program)
    if newer:
        return newer
    raise Failure("no_program", f"找不到 {server} 版的 {name}，请安装 postgresql-client-{server}")


def _run(command: list[str], what: str) -> None:
    password = connection.settings_dict["PASSWORD"]
    done = subprocess.run(
        command,
        env=os.environ | ({"PGPASSWORD": password} if password else {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"退出码 {done.returncode}"]
        raise Failure("postgresql", f"{what}没有成功：{last[0]}")


def _conninfo() -> str:
    described = connection.settings_dict
    options = {name: value for name, value in described["OPTIONS"].items() if name in LIBPQ}
    return make_conninfo(
        dbname=described["NAME"],
        user=described["USER"] or None,
        host=described["HOST"] or None,
        port=described["PORT"] or None,
        **options,
    )


LIBPQ = {"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "options", "passfile"}


@transaction.atomic
def _run_sql(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return cursor.fetchone()[0]


def _applied() -> list[str]:
    executor = MigrationExecutor(connection)
    return sorted(f"{app}.{name}" for app, name in executor.loader.applied_migrations)


def _counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        found = {}
        for table in COUNTED:
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
            found[table] = cursor.fetchone()[0]
    return found


def _holds_data() -> bool:
    try:
        return any(_counts().values())
    except DatabaseError:
        connection.close()
        return bool(connection.introspection.table_names())
