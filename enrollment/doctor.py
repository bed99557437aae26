"""Doctor: what is wrong with this installation, in sentences, each with the way out.

A ``problem`` needs somebody's hands; a ``hint`` should be known and stops nothing.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import redis
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from enrollment import backups, rotation, store
from enrollment.models import AuditEvent, Job, JobState, Level, Person, Region, Roster, User
from enrollment.regions import placed_models
from enrollment.roles import OFFICES, ROLES
from enrollment.vault import KeyMissing, vault

PROBLEM, HINT, FINE = "problem", "hint", "fine"
OLDEST_SERVER = 14
LOW_DISK = 5 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One sentence about one matter."""

    level: str
    matter: str
    sentence: str


Check = Callable[[], Iterator[Finding]]


def examine() -> list[Finding]:
    """Look at everything. A check that cannot be done is itself a problem, not an end."""
    findings = list(_guarded("数据库", _database))
    reachable = not any(one.level == PROBLEM for one in findings)
    findings += _guarded("表结构", _migrations) if reachable else []
    complete = reachable and not any(
        one.matter == "表结构" and one.level == PROBLEM for one in findings
    )
    for matter, check, needs_tables in CHECKS:
        if complete or not needs_tables:
            findings += _guarded(matter, check)
    return findings


def _guarded(matter: str, check: Check) -> list[Finding]:
    try:
        found = list(check())
    except (Error, OSError, redis.RedisError, ValueError, store.FileProblem) as error:
        connection.close()
        reason = str(error).strip().splitlines()
        return [
            Finding(PROBLEM, matter, f"检查不下去：{reason[0] if reason else type(error).__name__}")
        ]
    return found or [Finding(FINE, matter, "正常")]


# The parts


def _database() -> Iterator[Finding]:
    matter = "数据库"
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int / 10000, "
                "pg_encoding_to_char(encoding), clock_timestamp() "
                "FROM pg_database WHERE datname = current_database()"
            )
            version, encoding, clock = cursor.fetchone()
            cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [backups.ASIDE])
            broken_off = cursor.fetchone() is not None
    except Error as error:
        reason = str(error).strip().splitlines()[0]
        yield Finding(PROBLEM, matter, f"连不上（{reason}）。请检查 DATABASE_URL 和数据库是否启动")
        return
    if version < OLDEST_SERVER:
        yield Finding(
            PROBLEM, matter, f"PostgreSQL {version} 太旧，请升级到 {OLDEST_SERVER} 或更新的版本"
        )
    if encoding != "UTF8":
        yield Finding(PROBLEM, matter, f"数据库编码是 {encoding}，生僻字会存不下；请按 UTF8 重建")
    if broken_off:
        yield Finding(
            PROBLEM, matter, "上一次 restore 没有做完。请再运行一次 restore，会先退回恢复前的状态"
        )
    drift = abs((clock - timezone.now()).total_seconds())
    if drift > 5:
        yield Finding(
            PROBLEM, "时钟", f"数据库与本机的时钟相差 {drift:.0f} 秒，缴费截止会判错；请同步时间"
        )


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield Finding(
            PROBLEM, "表结构", f"还有 {len(plan)} 个更新没有执行，请运行 manage.py migrate"
        )
    known = set(executor.loader.graph.nodes)
    ahead = [
        f"{app}.{name}"
        for app, name in executor.loader.applied_migrations
        if (app, name) not in known
    ]
    ours = [name for name in ahead if name.split(".")[0] in ("enrollment", "subsidies", "targets")]
    if ours:
        yield Finding(PROBLEM, "表结构", f"数据库比程序新（有 {ours[0]}），请换回较新的程序")


def _broker() -> Iterator[Finding]:
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3
    ) as broker:
        try:
            broker.ping()
            seen = broker.exists(settings.CANBAO_WORKER_SEEN_KEY)
            policy = broker.config_get("maxmemory-policy").get("maxmemory-policy")
        except redis.RedisError as error:
            yield Finding(
                PROBLEM, "消息服务", f"连不上（{error}）。请检查 REDIS_URL 和 Redis 是否启动"
            )
            return
    if not seen:
        yield Finding(PROBLEM, "后台进程", "一分钟内没有后台进程报到，名册不会处理；请启动 worker")
    if policy not in (None, "noeviction"):
        yield Finding(
            HINT,
            "消息服务",
            f"Redis 的 maxmemory-policy 是 {policy}，应为 noeviction，否则会丢消息",
        )


def _keys() -> Iterator[Finding]:
    matter = "密钥"
    folder = Path(settings.CANBAO_HOME) / "keys"
    for path in [folder, *folder.glob("CANBAO_*")] if folder.is_dir() else []:
        if path.stat().st_mode & 0o077:
            yield Finding(PROBLEM, matter, f"{path} 别的用户也能读，请执行 chmod go-rwx {path}")
    used = rotation.in_use()
    if missing := sorted(set(used) - set(vault().numbers)):
        names = "、".join(f"k{number}" for number in missing)
        yield Finding(
            PROBLEM,
            matter,
            f"有数据用 {names} 加密，而 CANBAO_ID_KEYS 里没有，读不出来；请找回加上",
        )
        return
    sample = Person.objects.exclude(id_cipher=None).order_by("pk").first()
    if sample is not None:
        try:
            vault().open(sample.id_cipher or b"")
        except (KeyMissing, InvalidTag):
            yield Finding(
                PROBLEM, matter, "配置的密钥打不开已有的证件号码，请恢复原来的 CANBAO_ID_KEYS"
            )
            return
    if not rotation.indexes_match():
        yield Finding(
            PROBLEM,
            matter,
            "CANBAO_INDEX_KEY 与已有检索码不符，按证件号码找不到人；请恢复原来的，"
            "或停机后运行 rotate_keys --index",
        )
    if old := sorted(set(used) - {vault().current}):
        names = "、".join(f"k{number}" for number in old)
        yield Finding(HINT, matter, f"仍有数据用旧密钥 {names}，请运行 rotate_keys 换完")


def _files() -> Iterator[Finding]:
    matter = "文件"
    root = Path(settings.CANBAO_FILES)
    if root.is_dir() and root.stat().st_mode & 0o077:
        yield Finding(PROBLEM, matter, f"{root} 别的用户也能进，请执行 chmod go-rwx {root}")
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.write_bytes(b"x")
    except OSError as error:
        yield Finding(PROBLEM, matter, f"{root} 不能写（{error.strerror}），名册收不下来")
    finally:
        probe.unlink(missing_ok=True)
    kept = set(store.names())
    named = Roster.objects.exclude(stored_as="").values_list("stored_as", flat=True)
    if gone := [name for name in named if name not in kept]:
        yield Finding(
            PROBLEM, matter, f"{len(gone)} 份名册的原件不在了，如 {gone[0]}；请从备份找回"
        )


def _disk() -> Iterator[Finding]:
    for place in (Path(settings.CANBAO_FILES), Path(settings.CANBAO_HOME)):
        path = place
        while not path.exists():
            path = path.parent
        free = shutil.disk_usage(path).free
        if free < LOW_DISK:
            yield Finding(
                PROBLEM, "磁盘", f"{place} 只剩 {free / 1024**3:.1f} GB，请清理或扩容（至少 5 GB）"
            )


def _clock() -> Iterator[Finding]:
    if settings.TIME_ZONE != "Asia/Shanghai":
        yield Finding(PROBLEM, "时区", f"时区设成了 {settings.TIME_ZONE}，应为 Asia/Shanghai")
    if time.time() < 1_700_000_000:
        yield Finding(PROBLEM, "时钟", "本机的日期不对，请同步时间")


def _jobs() -> Iterator[Finding]:
    minute = Now() - timedelta(minutes=1)
    stuck = Job.objects.filter(state=JobState.RUNNING, lease_until__lt=minute).count()
    waiting = Job.objects.filter(state=JobState.QUEUED, created_at__lt=minute).count()
    if stuck:
        yield Finding(
            PROBLEM, "任务", f"{stuck} 个任务中断后没有人接着做；请检查 worker 和 beat 是否在运行"
        )
    if waiting:
        yield Finding(HINT, "任务", f"{waiting} 个任务排队超过一分钟；持续如此请增加后台进程")


def _audit() -> Iterator[Finding]:
    late = Now() - timedelta(minutes=10)
    unsealed = AuditEvent.objects.filter(seal__isnull=True, at__lt=late).count()
    if unsealed:
        yield Finding(
            PROBLEM,
            "操作记录",
            f"{unsealed} 条超过十分钟没有封存；请检查 beat 和 worker 是否在运行",
        )


def _places() -> Iterator[Finding]:
    matter = "行政区划"
    inside = Region.objects.filter(parent=OuterRef("pk"), placeholder=True)
    bare = Region.objects.filter(
        ~Exists(inside), level__in=[Level.COUNTY, Level.TOWN], valid_to=None
    )
    if names := [region.path for region in bare[:5]]:
        yield Finding(
            PROBLEM, matter, f"{bare.count()} 个单位没有“未落实”，如 {names[0]}；请重新载入政策包"
        )
    with connection.cursor() as cursor:
        for model in placed_models():
            table = connection.ops.quote_name(model._meta.db_table)
            cursor.execute(
                f"SELECT count(*) FROM {table} fact "  # noqa: S608
                "LEFT JOIN enrollment_region place ON place.id = fact.village_id "
                "AND place.town_id = fact.town_id AND place.county_id = fact.county_id "
                "AND place.merged_into_id IS NULL WHERE place.id IS NULL"
            )
            if lost := cursor.fetchone()[0]:
                yield Finding(
                    PROBLEM,
                    matter,
                    f"{lost} 条{model._meta.verbose_name}的县、乡镇、村对不上，请联系开发者",
                )


def _accounts() -> Iterator[Finding]:
    matter = "账号"
    active = User.objects.filter(is_active=True)
    counties = Region.objects.counties()
    if not counties.exists():
        yield Finding(HINT, matter, "还没有县，请用 create_admin 或 load_policy 建立")
    for role in OFFICES:
        held = active.filter(role=role, region=OuterRef("pk"))
        for county in counties.exclude(Exists(held)):
            title = ROLES[role].title
            made = "请用 create_admin 建立" if role != "auditor" else "请在“账号”页建立"
            yield Finding(HINT, matter, f"{county.name}没有{title}，{made}")
    waiting = User.objects.filter(granted_at=None).count()
    if waiting:
        yield Finding(HINT, matter, f"{waiting} 个新账号等待安全管理员授权，现在还不能登录")
    ended = active.filter(region__valid_to__isnull=False).count()
    if ended:
        yield Finding(HINT, matter, f"{ended} 个账号的区域已停用，看不到任何人员，请重新指定")
    if not settings.CANBAO_EMBEDDED and active.filter(is_demo=True).exists():
        yield Finding(PROBLEM, matter, "这不是演示环境，却有口令公开的演示账号，请立即停用")


def _settings() -> Iterator[Finding]:
    if settings.DEBUG:
        yield Finding(PROBLEM, "设置", "CANBAO_DEBUG 开着，出错页会泄露内容；请关掉")
    if settings.PRODUCTION:
        for message in run_checks(include_deployment_checks=True):
            if message.level >= WARNING and not message.is_silenced():
                yield Finding(
                    PROBLEM, "设置", f"安全检查 {message.id} 没有通过，原文：{message.msg}"
                )


CHECKS: list[tuple[str, Check, bool]] = [
    ("消息服务和后台进程", _broker, False),
    ("密钥", _keys, True),
    ("文件", _files, True),
    ("磁盘", _disk, False),
    ("时区", _clock, False),
    ("任务", _jobs, True),
    ("操作记录", _audit, True),
    ("行政区划", _places, True),
    ("账号", _accounts, True),
    ("设置", _settings, False),
]
