"""One thing the portal does, in a process of its own, measured: what `benchmarks.run` starts.

    python -m benchmarks.portal import FILE --kind register [--status 服役]
    python -m benchmarks.portal import FILE --kind category --topic 低保 --department 民政局
    python -m benchmarks.portal progress
    python -m benchmarks.portal subsidies
    python -m benchmarks.portal pages
    python -m benchmarks.portal export OUT --rows 500000
    python -m benchmarks.portal clerks --count 50

The last line printed is JSON. The portal's own verbs are called as its pages and commands call
them; this is the only module here, with `load`'s addresses, that knows the application.
"""

import argparse
import json
import os
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.test import Client  # noqa: E402  (Django must be set up first)
from django.utils import timezone  # noqa: E402

from enrollment import roster  # noqa: E402
from enrollment.jobs import Watch  # noqa: E402
from enrollment.models import (  # noqa: E402
    Department,
    Person,
    PolicyYear,
    Region,
    RosterState,
    StatusKind,
    User,
)
from enrollment.sheets import Sheet  # noqa: E402
from subsidies import assessment, overlap  # noqa: E402
from subsidies.models import Subsidy  # noqa: E402
from targets import exports, progress  # noqa: E402
from targets.progress import Figure  # noqa: E402

COUNTY, YEAR = "341524", 2024
WORDS = {"检查文件": "preflight", "打开文件": "open", "读取并核对": "read, check, stage",
         "比对在册情况": "decide", "生成问题文件": "problem file", "入库": "apply"}  # fmt: skip
RUNS = 7


class Clock(Watch):
    """Notes when each phase begins."""

    def __init__(self) -> None:
        self.started = self.since = time.perf_counter()
        # The first word of the reading comes within a second of it.
        self.phase, self.phases = "hand in, open", {}

    def tell(self, phase: str, done: int = 0, total: int | None = None) -> None:
        if (word := WORDS.get(phase, phase)) != self.phase:
            self.stop()
            self.phase = word

    def stop(self) -> float:
        """Close the running phase; seconds since the start."""
        now = time.perf_counter()
        self.phases[self.phase] = self.phases.get(self.phase, 0) + now - self.since
        self.since = now
        return now - self.started


def policy_year() -> PolicyYear:
    return PolicyYear.objects.select_related("county").get(county__key=COUNTY, year=YEAR)


def hand_in(
    path: Path, kind: str, status: str, topic: str = "", department: str = "", as_of: str = ""
) -> dict[str, Any]:
    """Hand in, read and apply a file; every question is answered with yes."""
    year = policy_year()
    of_status = StatusKind.objects.get(policy_year=year, name=status) if status else None
    by = Department.objects.get(county=year.county, name=department) if department else None
    clock = Clock()
    with path.open("rb") as file:
        given = roster.hand_in(
            file, file_name=path.name, year=year, kind=kind, by=None, status=of_status,
            topic=topic, department=by, as_of=date.fromisoformat(as_of) if as_of else None,
        )  # fmt: skip
    read = roster.read(given, watch=clock)
    if read.state != RosterState.WAITING:
        raise SystemExit(f"{path.name}: {read.refusal}")
    applied = roster.apply(read, by=None, confirmed=True, watch=clock)
    seconds = clock.stop()
    return {
        "seconds": seconds,
        "phases": clock.phases,
        "rows": applied.rows,
        "counts": applied.counts,
        "peak_mb": _peak(resource.RUSAGE_SELF),
        "reader_peak_mb": _peak(resource.RUSAGE_CHILDREN),
    }


def county_progress() -> dict[str, Any]:
    """The table of the whole county with changes and drafts, computed anew each time."""
    year, seconds = policy_year(), []
    for _ in range(RUNS):
        began = time.perf_counter()
        found = progress.of(year, changes=True, drafts=True)
        seconds.append(time.perf_counter() - began)
    return {
        "seconds": sorted(seconds)[RUNS // 2],
        "worst": max(seconds),
        "insured": found.total.insured,
        "towns": {row.region.name: row.insured for row in found.rows},
    }


def county_subsidies() -> dict[str, Any]:
    """The year assessed for the first time and again, and annex 2's table."""
    year = policy_year()
    began = time.perf_counter()
    assessment.assess(year)
    first = time.perf_counter() - began
    return {
        "first": first,
        "again": _median(lambda: assessment.assess(year)),
        "overlap": _median(lambda: overlap.overlap(year)),
        "people": Subsidy.objects.filter(policy_year=year).count(),
    }


def pages() -> dict[str, dict[str, float]]:
    """Server time of single pages, from request to answer without a network, in milliseconds."""
    year = policy_year()
    somebody = Person.objects.filter(county=year.county, on_roll_to=None).exclude(village=None)
    places = somebody.order_by("pk")[:: max(1, somebody.count() // RUNS)]
    home = f"/{COUNTY}/{YEAR}"
    found: dict[str, list[float]] = defaultdict(list)
    # Debug keeps every query; a page in use does not.
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(
        User.objects.get(username="clerk0"), backend="django.contrib.auth.backends.ModelBackend"
    )
    for person in places:
        for page, path, typed in (
            ("search by name", "residents/", person.name),
            ("search by part of a name", "residents/", person.name[1:]),
            ("search by number", "residents/", person.number()),
            ("person page", f"residents/{person.pk}/", ""),
            ("quote page", "quotes/", ""),
        ):
            address, began = f"{home}/{path}", time.perf_counter()
            # What is searched for is posted, and the list then fetched: both are waited for.
            answer = (
                client.post(address, {"q": typed}, follow=True) if typed else client.get(address)
            )
            if answer.status_code != 200:
                raise SystemExit(f"{page}: {answer.status_code}")
            found[page].append((time.perf_counter() - began) * 1000)
    # The first of each warms templates and plans.
    return {
        page: {"median": statistics.median(took[1:]), "worst": max(took[1:])}
        for page, took in found.items()
    } | {"people": {"count": somebody.count()}}


def _median(verb: Callable[[], object]) -> float:
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        verb()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def export(path: Path, rows: int) -> dict[str, Any]:
    """The first `rows` people of the register, as the page exports them."""
    year = policy_year()
    viewer = User.objects.get(username="clerk0")
    found = progress.names(year, year.county, Figure.POPULATION, viewer=viewer)
    before = _peak(resource.RUSAGE_SELF)
    began = time.perf_counter()
    lines = exports.lines(
        found, year, year.county, Figure.POPULATION, viewer=viewer, until=timezone.now()
    )
    with path.open("wb") as target:
        count = exports.write(target, Sheet("名单", "", exports.COLUMNS, islice(lines, rows)))
    return {
        "seconds": time.perf_counter() - began,
        "rows": count,
        "bytes": path.stat().st_size,
        "peak_mb": _peak(resource.RUSAGE_SELF),
        "idle_mb": before,
    }


def clerks(count: int) -> list[dict[str, str]]:
    """Sign in `count` people: two officers and a viewer of the county, the rest towns and villages.

    Returns what each sends: the session's cookie, and the addresses of their work.
    """
    year = policy_year()
    below = Region.objects.filter(county=year.county, placeholder=False, valid_to=None)
    towns, villages = list(below.filter(level="town")), list(below.filter(level="village"))
    places = [("county_officer", year.county)] * 2 + [("county_viewer", year.county)]
    places += [("town_officer", town) for town in towns]
    step = max(1, len(villages) // max(1, count - len(places)))
    places += [("village_clerk", village) for village in villages[::step]]
    made = []
    for number, (role, region) in enumerate(places[:count]):
        user = User.objects.create(username=f"clerk{number}", role=role, region=region)
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        made.append({"role": role, "cookie": client.cookies["sessionid"].value})
    return made


def _peak(whose: int) -> float:
    return resource.getrusage(whose).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="Do one thing with the portal and measure it.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("import")
    one.add_argument("file", type=Path)
    one.add_argument("--kind", required=True)
    one.add_argument("--status", default="")
    one.add_argument("--topic", default="")
    one.add_argument("--department", default="")
    one.add_argument("--as-of", default="")
    for word in ("progress", "subsidies", "pages"):
        verbs.add_parser(word)
    one = verbs.add_parser("export")
    one.add_argument("file", type=Path)
    one.add_argument("--rows", type=int, default=500_000)
    one = verbs.add_parser("clerks")
    one.add_argument("--count", type=int, default=50)
    options = parser.parse_args()
    if options.verb == "import":
        answer: Any = hand_in(
            options.file, options.kind, options.status, options.topic, options.department,
            options.as_of,
        )  # fmt: skip
    elif options.verb == "progress":
        answer = county_progress()
    elif options.verb == "subsidies":
        answer = county_subsidies()
    elif options.verb == "pages":
        answer = pages()
    elif options.verb == "export":
        answer = export(options.file, options.rows)
    else:
        answer = clerks(options.count)
    print(json.dumps(answer, ensure_ascii=False))


if __name__ == "__main__":
    main()
