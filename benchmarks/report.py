"""How the benchmark's figures are shown: on the terminal, and as docs/benchmarks.md."""

import os
import platform
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

PACKAGES = ("django", "psycopg", "python-calamine", "openpyxl", "gunicorn", "django-import-export")


@dataclass
class Line:
    """One figure: what was measured, its floor and the limits it is held to.

    ``limit`` is the largest ratio to the floor, ``most`` the largest value itself; ``times`` says
    how many times our own figure the peer takes, ``least`` how many it should be.
    """

    title: str
    measured: float
    unit: str = "s"
    floor: float | None = None
    limit: float | None = None
    most: float | None = None
    times: float | None = None
    least: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.measured / self.floor if self.floor else self.times

    @property
    def ok(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        if self.limit is not None and self.ratio is not None:
            return self.ratio <= self.limit
        if self.most is not None:
            return self.measured <= self.most
        if self.least is not None and self.times is not None:
            return self.times >= self.least
        return None

    def cells(self) -> list[str]:
        """Figure, measured, floor, ratio, limit, ok."""
        places = 2 if self.unit == "s" else 0
        bound = ""
        if self.limit is not None:
            bound = f"≤ {self.limit:g}×"
        elif self.most is not None:
            bound = f"≤ {self.most:g} {self.unit}"
        elif self.least is not None:
            bound = f"≥ {self.least:g}×"
        return [
            self.title,
            f"{self.measured:,.{places}f} {self.unit}",
            f"{self.floor:,.2f} s" if self.floor else "",
            f"{self.ratio:.2f}×" if self.ratio else "",
            bound,
            {True: "yes", False: "NO", None: ""}[self.ok],
        ]


WIDTHS = (36, 12, 10, 9, 11, 4)
TITLES = ("figure", "measured", "floor", "ratio", "limit", "ok")


def _aligned(cells: list[str]) -> str:
    first, *rest = cells
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in first)
    return (
        first
        + " " * max(1, WIDTHS[0] - width)
        + "".join(f"{cell:>{size}}" for cell, size in zip(rest, WIDTHS[1:], strict=True))
    )


HEAD = _aligned(list(TITLES))


def text(line: Line) -> str:
    """One line for the terminal; what it is made of below."""
    shown = _aligned(line.cells())
    return f"{shown}\n    {line.note}" if line.note else shown


def page(lines: list[Line], dsn: str, began: float) -> str:
    """docs/benchmarks.md."""
    table = ["| " + " | ".join(TITLES) + " |", "|---|---:|---:|---:|---:|---|"]
    table += ["| " + " | ".join(line.cells()) + " |" for line in lines]
    notes = [f"- **{line.title}**: {line.note}" for line in lines if line.note]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# Benchmarks

Written by `make bench`; every figure stands beside its floor, measured in the same run on the same
machine and database server. The county is generated (`benchmarks/README.md`): 673,442 people in 23
towns and 230 villages, 72,360 deducted, 372,321 payments. Every number is invented.

{chr(10).join(table)}

## What each figure is made of

Seconds by phase.

{chr(10).join(notes)}

## How it is measured

- **Imports** run through the portal's own verbs (hand in, read, apply) in a process of their own:
  preflight, reading in a child process with limits, every ID checked, encrypted and indexed, every
  row's fate and cells kept, history by triggers, one transaction. Memory is the peak of both
  processes added up. The floor is calamine's parse, COPY and INSERT into a plain table with a
  unique index, without any of that; for a second hand-in, parse, COPY and a comparison.
- **Progress** and pages come after VACUUM ANALYZE, which autovacuum does within minutes. The
  county's progress is computed anew each time, with changes since yesterday and last week; the
  number of insured must equal the generator's own count, or the run fails.
- **Pages**: 50 clerks (two officers and a viewer of the county, 23 towns, 24 villages), each
  thinking 5 to 15 seconds between two pages; two gunicorn processes of four threads; six pages of
  ten are the landing page. Clerks, web and database share the machine.
- **Export**: the first half million of the register, masked, as the page's 导出 writes them. The
  floor injects the very same rows, already strings, into the same sort of workbook, compressed as
  zlib does by itself.
- **The peer** does the easier job: IDs in clear, nothing checked, no history, no fates. Its ratio
  is how many times our own register import it would take.

## The machine

{_machine()}, {_server(dsn)}, Python {platform.python_version()}; {packages}.
{datetime.fromtimestamp(began, UTC):%Y-%m-%d}; load average {os.getloadavg()[1]:.1f} at the end.
"""


def _machine() -> str:
    """Processor, cores, memory and system."""
    found = re.search(r"model name\s*: (.*)", _read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", _read("/proc/meminfo"))
    return ", ".join(
        [
            f"{os.cpu_count()} cores ({found[1] if found else platform.machine()})",
            f"{int(memory[1]) / 1024**2:.0f} GB memory" if memory else "memory unknown",
            f"{platform.system()} {platform.release().split('-')[0]}",
        ]
    )


def _server(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('shared_buffers')"
        ).fetchone()
    assert row is not None
    return f"PostgreSQL {row[0]} with {row[1]} of shared buffers"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
