"""Floors: the least that any program must spend on the same work, measured on this machine.

    python -m benchmarks.floor parse FILE
    python -m benchmarks.floor register FILE --dsn URL     (then `again`, which compares)
    python -m benchmarks.floor payments FILE --dsn URL     (then `payments-again`)
    python -m benchmarks.floor export OUT.xlsx --source EXPORTED.xlsx

Nothing is checked, encrypted, matched or recorded here: parse with the fastest reader, COPY as
text, INSERT … SELECT into a plain table with a unique index. `measure` runs one floor in its own
process, so that its peak memory is its own.
"""

import argparse
import json
import multiprocessing
import re
import resource
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from python_calamine import load_workbook

from benchmarks import forms, sheets

SCHEMA = "floor"
EXPORT_LEVEL = 6  # zlib's own and every writer's default; the portal chooses a lighter one
TABLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # table: (its headings, the headings its unique index covers)
    "register": (forms.REGISTER, ("公民身份号码",)),
    "payments": (forms.PAYMENTS, ("电子税票号码", "身份证件号码")),
}


@dataclass
class Figure:
    """One measurement: seconds in all and by phase, peak memory in MB, rows."""

    name: str
    rows: int = 0
    seconds: float = 0.0
    peak_mb: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        phases = ", ".join(f"{phase} {seconds:.2f}" for phase, seconds in self.phases.items())
        return (
            f"{self.name}: {self.seconds:.2f} s, {self.peak_mb:.0f} MB, {self.rows} rows ({phases})"
        )


class Clock:
    """Splits the time since it was made into named phases."""

    def __init__(self) -> None:
        self.started = self.last = time.perf_counter()
        self.phases: dict[str, float] = {}

    def phase(self, name: str) -> None:
        now = time.perf_counter()
        self.phases[name] = now - self.last
        self.last = now

    def figure(self, name: str, rows: int) -> Figure:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return Figure(name, rows, self.last - self.started, peak, self.phases)


def parse(path: Path) -> Figure:
    """Read every row of the first sheet with calamine."""
    clock = Clock()
    rows = sum(1 for _ in _rows(path))
    clock.phase("parse")
    return clock.figure("parse", rows)


def register(path: Path, dsn: str) -> Figure:
    """Parse, COPY and insert a register into an empty table."""
    return _load("register", path, dsn)


def payments(path: Path, dsn: str) -> Figure:
    """Parse, COPY and insert a payments list into an empty table."""
    return _load("payments", path, dsn)


def again(path: Path, dsn: str) -> Figure:
    """Parse, COPY and compare with what `register` left."""
    return _compare("register", path, dsn)


def payments_again(path: Path, dsn: str) -> Figure:
    """Parse, COPY and compare with what `payments` left."""
    return _compare("payments", path, dsn)


def export(source: Path, path: Path) -> Figure:
    """Inject the rows of an exported workbook, as the strings they already are, into a skeleton.

    The same rows, because how well a list can be compressed depends on what is in it.
    """
    with zipfile.ZipFile(source) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    prebuilt = re.findall("<row .*?</row>", xml)
    del xml
    headings = forms.REGISTER
    sheet = sheets.Sheet("名单", forms.columns(headings), (), [headings], length=len(prebuilt))
    sheets.skeleton([sheet], shared=False)
    clock = Clock()
    sheets.inject(path, sheet, prebuilt, level=EXPORT_LEVEL)
    clock.phase("inject")
    return clock.figure("export", len(prebuilt))


def drop(dsn: str) -> None:
    """Remove everything the floors made in the database."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA))
        )


def measure(function: Callable[..., Figure], *arguments: Any) -> Figure:
    """Run one floor in a fresh process and return its figure."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def _rows(path: Path) -> Iterator[list[Any]]:
    return load_workbook(str(path)).get_sheet_by_index(0).iter_rows()


def _load(table: str, path: Path, dsn: str) -> Figure:
    headings, key = TABLES[table]
    plain, unique = sql.Identifier(SCHEMA, table), sql.SQL(", ").join(map(sql.Identifier, key))
    clock = Clock()
    with psycopg.connect(dsn) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(SCHEMA)))
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(plain))
        connection.execute(sql.SQL("CREATE TABLE {} ({})").format(plain, _columns(headings)))
        connection.execute(sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(plain, unique))
        connection.commit()
        clock.phase("prepare")
        rows = _stage(connection, clock, table, path)
        connection.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM {}").format(plain, _staging(table))
        )
        connection.commit()
        clock.phase("insert")
    return clock.figure(table, rows)


def _compare(table: str, path: Path, dsn: str) -> Figure:
    headings, key = TABLES[table]
    others = [heading for heading in headings if heading not in key]
    same = sql.SQL(" AND ").join(
        sql.SQL("old.{0} IS NOT DISTINCT FROM new.{0}").format(sql.Identifier(heading))
        for heading in others
    )
    clock = Clock()
    with psycopg.connect(dsn) as connection:
        rows = _stage(connection, clock, table, path)
        connection.execute(sql.SQL("ANALYZE {}").format(_staging(table)))
        clock.phase("analyze")
        found = connection.execute(
            sql.SQL(
                "SELECT count(*) FILTER (WHERE old IS NULL), count(*) FILTER (WHERE NOT ({same})) "
                "FROM {new} AS new LEFT JOIN {old} AS old USING ({key})"
            ).format(
                same=same,
                new=_staging(table),
                old=sql.Identifier(SCHEMA, table),
                key=sql.SQL(", ").join(map(sql.Identifier, key)),
            )
        ).fetchone()
        connection.commit()
        clock.phase("compare")
    figure = clock.figure(f"{table} again", rows)
    if found != (0, 0):
        raise ValueError(f"expected the same rows, found new and changed: {found}")
    return figure


def _stage(connection: psycopg.Connection, clock: Clock, table: str, path: Path) -> int:
    """Parse and COPY together; rows above and including the headings are not data."""
    headings = TABLES[table][0]
    staging = _staging(table)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(staging))
    connection.execute(sql.SQL("CREATE UNLOGGED TABLE {} ({})").format(staging, _columns(headings)))
    rows = _rows(path)
    for row in rows:
        if tuple(row) == headings:
            break
    count = 0
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(staging)) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    connection.commit()
    clock.phase("parse and copy")
    return count


def _staging(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, f"{table}_staging")


def _columns(headings: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(h)) for h in headings)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a floor on this machine.")
    parser.add_argument(
        "floor", choices=["parse", "register", "again", "payments", "payments-again", "export"]
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--dsn", help="PostgreSQL URL; a schema named floor is made in it")
    parser.add_argument("--source", type=Path, help="the exported workbook whose rows to inject")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with_database = {
        "register": register,
        "again": again,
        "payments": payments,
        "payments-again": payments_again,
    }
    if options.floor == "parse":
        figure = measure(parse, options.file)
    elif options.floor == "export":
        if not options.source:
            parser.error("this floor needs --source")
        figure = measure(export, options.source, options.file)
    elif not options.dsn:
        parser.error("this floor needs --dsn")
    else:
        figure = measure(with_database[options.floor], options.file, options.dsn)
    print(json.dumps(asdict(figure)) if options.json else figure)


if __name__ == "__main__":
    main()
