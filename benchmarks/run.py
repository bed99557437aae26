"""The benchmark: the portal's figures beside their floors, measured in one run on one machine.

    python -m benchmarks [--scale 0.05] [--minutes 2] [--only import subsidies pages load …]

A database of its own is made on the server of DATABASE_URL, or on the embedded one, and dropped at
the end. At full scale the result is written to docs/benchmarks.md; smaller ones are only printed.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import multiprocessing
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from python_calamine import load_workbook

from benchmarks import categories, county, floor, forms, load, report, sheets
from config import embedded, environment

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("county", "draft", "forms", "mess", "payments", "people", "places", "sheets")
SEED = 1
EXPORTED, CLERKS, THINK = 500_000, 50, 10.0
PEER_ROWS = {"as it comes": 4_000, "fastest": 20_000}
PARTS = ("import", "subsidies", "pages", "load", "export", "peer")


@dataclass
class Bench:
    """Where this run works, and what it has found."""

    scale: float
    dsn: str
    env: dict[str, str]
    files: Path
    work: Path
    truth: dict[str, Any]
    lines: list[report.Line] = field(default_factory=list)

    def add(self, line: report.Line) -> None:
        self.lines.append(line)
        print(report.text(line), flush=True)

    def portal(self, *arguments: object) -> Any:
        """Run one verb of the portal in its own process; what it says of itself."""
        return _answer([sys.executable, "-m", "benchmarks.portal", *map(str, arguments)], self.env)

    def manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the portal beside its floors.")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the whole county")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long the clerks work")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    began = time.time()
    with contextlib.ExitStack() as stack:
        bench = stack.enter_context(_bench(options.scale))
        print(report.HEAD)
        imports(bench, measured="import" in options.only)
        people = clerks(bench)
        with psycopg.connect(bench.dsn, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")  # what autovacuum does within minutes
        if "import" in options.only:
            progress(bench)
        if "subsidies" in options.only:
            subsidies(bench)
        if "pages" in options.only:
            pages(bench)
        if "load" in options.only:
            landing(bench, people, options.minutes * 60)
        if "export" in options.only:
            export(bench)
        if "peer" in options.only:
            peer(bench)
        if options.scale == 1 and set(options.only) == set(PARTS):
            target = ROOT / "docs" / "benchmarks.md"
            target.write_text(report.page(bench.lines, bench.dsn, began), encoding="utf-8")
            print(f"written to {target.relative_to(ROOT)}")
    sys.exit(any(line.ok is False for line in bench.lines))


# Parts


def imports(bench: Bench, *, measured: bool) -> None:
    """Register and payments, each a first and a second time, and the lists between."""
    for name, kind, first, again in (
        ("register", "register", floor.register, floor.again),
        ("payments", "payments", floor.payments, floor.payments_again),
    ):
        path = bench.files / f"{name}.xlsx"
        if kind == "payments":
            statuses(bench)
        if measured:
            least = floor.measure(first, path, bench.dsn), floor.measure(again, path, bench.dsn)
            floor.drop(bench.dsn)
        once = bench.portal("import", path, "--kind", kind)
        if not measured:
            continue
        twice = bench.portal("import", path, "--kind", kind)
        for title, found, below, limit in (
            (f"{name} import", once, least[0], 2.5),
            (f"{name} again, unchanged", twice, least[1], 2.0),
        ):
            bench.add(
                report.Line(
                    title,
                    found["seconds"],
                    floor=below.seconds,
                    limit=limit,
                    note=_phases(found["phases"]) + f"; floor: {_phases(below.phases)}",
                )
            )
            memory = found["peak_mb"] + found["reader_peak_mb"]
            words = f"{found['peak_mb']:.0f} + {found['reader_peak_mb']:.0f} of the reading process"
            bench.add(report.Line(f"{title}: memory", memory, unit="MB", most=1536, note=words))


def statuses(bench: Bench) -> None:
    """All lists of people with another status, one after another."""
    seconds, rows = 0.0, 0
    for name in sorted(bench.truth["files"]):
        if name.startswith("status-"):
            kind = name.removeprefix("status-").removesuffix(".xlsx")
            path = bench.files / name
            found = bench.portal("import", path, "--kind", "status", "--status", kind)
            seconds, rows = seconds + found["seconds"], rows + found["rows"]
    bench.add(report.Line("status lists, all", seconds, note=f"{rows:,} rows in eight files"))


def progress(bench: Bench) -> None:
    """The table of the county; its figures are compared with those counted by the generator."""
    found = bench.portal("progress")
    expected = bench.truth["total"]["insured"]
    if found["insured"] != expected:
        raise SystemExit(f"{found['insured']} insured, but the generator counted {expected}")
    bench.add(
        report.Line(
            "progress of the county",
            found["seconds"],
            most=0.5,
            note=f"median of seven, worst {found['worst']:.2f} s; {expected:,} insured, as counted",
        )
    )


def subsidies(bench: Bench) -> None:
    """The eight category rosters one after another, the year assessed, annex 2's table."""
    truth = json.loads(_categories(bench).read_text(encoding="utf-8"))
    seconds, rows = 0.0, 0
    for told in truth["files"]:
        found = bench.portal(
            "import", _categories(bench).parent / told["name"], "--kind", "category", "--topic",
            told["category"], "--department", told["department"], "--as-of", truth["as_of"],
        )  # fmt: skip
        counts = found["counts"]
        if counts["new"] + counts["not_in_register"] != told["held"]:
            raise SystemExit(f"{told['name']}: {counts}, but {told['held']} were put in it")
        seconds, rows = seconds + found["seconds"], rows + found["rows"]
    note = f"{rows:,} rows in {len(truth['files'])} files"
    bench.add(report.Line("category rosters, all eight", seconds, most=15, note=note))
    found = bench.portal("subsidies")
    note = f"{found['people']:,} people, the first time; again {found['again']:.2f} s"
    bench.add(report.Line("assessing the year", found["first"], most=2, note=note))
    bench.add(report.Line("table of overlaps", found["overlap"], most=1, note="median of seven"))


def pages(bench: Bench) -> None:
    """Server time of single pages for a county officer, whose lists are the longest."""
    found = bench.portal("pages")
    people = found.pop("people")["count"]
    for page, took in found.items():
        most = 100 if page == "person page" else 50
        note = f"median, worst {took['worst']:.0f} ms; {people:,} people in the county"
        bench.add(report.Line(page, took["median"], unit="ms", most=most, note=note))


def clerks(bench: Bench) -> list[dict[str, str]]:
    return bench.portal("clerks", "--count", CLERKS)


def landing(bench: Bench, people: list[dict[str, str]], seconds: float) -> None:
    """Fifty clerks at work against two web processes."""
    with _web(bench) as port:
        found = load.run(
            port, [one["cookie"] for one in people], seconds=seconds, think=THINK, warm=THINK
        )
    if found.failures:
        raise SystemExit(f"{len(found.failures)} pages failed, the first: {found.failures[0]}")
    for page, _, _ in load.MIX:
        median, p95, worst = (found.at(page, share) * 1000 for share in (0.5, 0.95, 1))
        bench.add(
            report.Line(
                f"{page} page, p95",
                p95,
                unit="ms",
                most=200 if page == "landing" else None,
                note=f"{len(found.seconds[page])} requests, median {median:.0f}, worst {worst:.0f}",
            )
        )


def export(bench: Bench) -> None:
    """Half a million people as the page exports them."""
    rows = min(EXPORTED, int(bench.truth["total"]["population"]))
    exported = bench.work / "list.xlsx"
    found = bench.portal("export", exported, "--rows", rows)
    least = floor.measure(floor.export, exported, bench.work / "floor.xlsx")
    note = f"{found['rows']:,} rows, {found['bytes'] / 1e6:.0f} MB"
    bench.add(report.Line("export", found["seconds"], floor=least.seconds, limit=2.0, note=note))
    note = f"{found['idle_mb']:.0f} before the first row"
    bench.add(report.Line("export: memory", found["peak_mb"], unit="MB", most=150, note=note))


def peer(bench: Bench) -> None:
    """django-import-export on the first rows of the register, and what that comes to for all."""
    rows = load_workbook(str(bench.files / "register.xlsx")).get_sheet_by_index(0).iter_rows()
    first = list(islice(rows, 1, max(PEER_ROWS.values()) + 1))
    whole = int(bench.truth["total"]["population"])
    ours = next((line for line in bench.lines if line.title == "register import"), None)
    for name, count in PEER_ROWS.items():
        sample = bench.work / "sample.xlsx"
        columns = forms.columns(forms.REGISTER)
        sheets.write(sample, [sheets.Sheet("户籍人口", columns, first[:count], [forms.REGISTER])])
        command = [sys.executable, "-m", "benchmarks.peer", str(sample), "--dsn", bench.dsn]
        found = _answer(command + ["--fastest"] * (name == "fastest"), bench.env)
        seconds = sum(found["steps"].values())
        bench.add(
            report.Line(
                f"django-import-export, {name}",
                seconds * whole / found["rows"],
                times=seconds * whole / found["rows"] / ours.measured if ours else None,
                least=5,
                note=f"extrapolated from {found['rows']:,} rows in {seconds:.1f} s "
                f"({_phases(found['steps'])}), taken to grow with the rows",
            )
        )


# Where it runs


@contextlib.contextmanager
def _bench(scale: float) -> Iterator[Bench]:
    """Servers, a database, files and throwaway keys for one run."""
    with contextlib.ExitStack() as stack:
        if not environment.has_database_url() or not environment.has_redis_url():
            environment.ensure_keys()
            stack.enter_context(embedded.servers())
        server = environment.env(
            "DATABASE_URL", f"postgresql://canbao@/canbao?host={environment.socket_folder()}"
        )
        dsn = stack.enter_context(_database(server))
        files = _files(scale)
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="canbao-bench-")))
        key = [base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
        env = os.environ | {
            "DATABASE_URL": dsn,
            "REDIS_URL": environment.redis_url(),
            "CANBAO_HOME": str(work),
            "CANBAO_SECRET_KEY": secrets.token_urlsafe(50),
            "CANBAO_ID_KEYS": f"k1:{key[0]}",
            "CANBAO_INDEX_KEY": key[1],
            "CANBAO_REDIS_PREFIX": f"{work.name}:",
        }
        truth = json.loads((files / "truth.json").read_text(encoding="utf-8"))
        bench = Bench(scale, dsn, env, files, work, truth)
        bench.manage("migrate", "--verbosity", "0")
        bench.manage("load_policy", "policies/jinzhai-2024.toml")
        bench.manage("collectstatic", "--noinput", "--verbosity", "0")
        yield bench


@contextlib.contextmanager
def _database(server: str) -> Iterator[str]:
    """A database that is there for this run; its address."""
    name = f"canbao_bench_{os.getpid()}"
    identifier = sql.Identifier(name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def _files(scale: float) -> Path:
    """The county's files, generated once for each scale and version of the generator."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update((ROOT / "benchmarks" / f"{name}.py").read_bytes())
    folder = environment.home() / "bench" / f"jinzhai-{scale:g}-{digest.hexdigest()[:10]}"
    if not (folder / "truth.json").is_file():
        print(f"generating the county at scale {scale:g} …", flush=True)
        _apart(county.write, "jinzhai", folder, scale, SEED)
    return folder


def _apart(write: Callable[..., object], *arguments: object) -> None:
    """Generate in a process of its own: what it holds would count as memory of those measured,
    which are begun as copies of this one."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(write, arguments)


def _categories(bench: Bench) -> Path:
    """The eight rosters of the same county, generated beside its files."""
    source = (ROOT / "benchmarks" / "categories.py").read_bytes()
    folder = bench.files / f"categories-{hashlib.sha256(source).hexdigest()[:10]}"
    if not (folder / "categories.json").is_file():
        _apart(categories.write, folder, bench.scale, SEED)
    return folder / "categories.json"


@contextlib.contextmanager
def _web(bench: Bench) -> Iterator[int]:
    """Two gunicorn processes, as the portal runs them; their port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "2", "--worker-class", "gthread", "--threads", "4"]
    with (bench.work / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--no-control-socket"],
            cwd=ROOT,
            env=bench.env | {"CANBAO_DB_POOL": "1"},
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()  # noqa: S310
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answer(command: list[str], env: dict[str, str]) -> Any:
    """The JSON of a program's last line."""
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _phases(phases: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases.items() if seconds > 0.05)
