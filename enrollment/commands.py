"""What all management commands share: places by key, JSON for programs, failures in one form.

With ``--json`` a command prints one JSON value on standard output. Exit 0 means the request was
carried out; a failure exits 1 and prints ``{"error": {"code", "message"}}`` (or the sentence on
standard error without ``--json``).
"""

import json
import sys
import traceback
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from enrollment.failure import Failure
from enrollment.models import Level, PolicyYear, Region

__all__ = ["Failure", "PortalCommand", "aligned", "moment", "place", "policy_year"]


class PortalCommand(BaseCommand):
    """A command of the portal. Subclasses fill ``handle`` and end it with ``answer``."""

    as_json = False
    # `manage.py check` is the gate's work; data commands need neither pages nor their urls.
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--json", action="store_true", help="结果按 JSON 输出")
        return parser

    def add_place_arguments(
        self, parser: CommandParser, *, region: bool = True, required: bool = True
    ) -> None:
        """--county and --year, and --region where a command can be asked for a part."""
        parser.add_argument(
            "--county", required=required, metavar="代码", help="县的代码，如 341524"
        )
        parser.add_argument("--year", required=required, type=int, metavar="年", help="待遇年度")
        if region:
            parser.add_argument(
                "--region", metavar="代码或路径", help="区划代码，或县以下的路径，如 梅山镇/某村"
            )

    def run_from_argv(self, argv: list[str]) -> None:
        self.as_json = "--json" in argv
        try:
            super().run_from_argv(argv)
        except Failure as failure:
            self._fail(failure.code, failure.message)
        except SystemExit as stop:
            if self.as_json and stop.code == 2:
                self._fail("arguments", "命令参数有误，用法见标准错误输出，或加 --help 查看")
            raise
        except Exception as error:
            if not self.as_json:
                raise
            traceback.print_exc()
            self._fail("unexpected", f"程序出错：{type(error).__name__}: {error}")

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.as_json = bool(options.get("json"))
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            raise Failure("command", str(error)) from error

    def answer(self, data: Any, text: str = "") -> None:
        """Print the result: ``data`` for programs, or ``text`` for people."""
        if self.as_json:
            self.stdout.write(json.dumps(data, ensure_ascii=False, cls=DjangoJSONEncoder))
        else:
            self.stdout.write(text or json.dumps(data, ensure_ascii=False, cls=DjangoJSONEncoder))

    def _fail(self, code: str, message: str) -> NoReturn:
        if self.as_json:
            self.stdout.write(
                json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
            )
        else:
            self.stderr.write(message)
        sys.exit(1)


def policy_year(county: str, year: int) -> PolicyYear:
    """The benefit year of the county with this key (or name)."""
    region = county_of(county)
    found = PolicyYear.objects.select_related("county").filter(county=region, year=year).first()
    if found is None:
        known = PolicyYear.objects.filter(county=region).values_list("year", flat=True)
        years = "、".join(map(str, sorted(known))) or "无"
        raise Failure(
            "unknown_year",
            f"{region.name}没有 {year} 年度（已有：{years}），请先用 load_policy 载入政策包",
        )
    return found


def county_of(text: str) -> Region:
    """A county by key, else by its name where only one has it."""
    matches = Region.objects.counties().filter(key=text) or Region.objects.counties().filter(
        name=text
    )
    if len(matches) != 1:
        known = "、".join(f"{c.key} {c.name}" for c in Region.objects.counties()) or "无"
        raise Failure("unknown_county", f"没有代码为 {text} 的县（已有：{known}）")
    return matches[0]


def place(text: str | None, year: PolicyYear) -> Region:
    """The region asked for by key or path inside the year's county; the county without one."""
    if not text:
        return year.county
    try:
        found = Region.objects.find(text, county=year.county)
    except Region.DoesNotExist as error:
        raise Failure("unknown_region", str(error)) from error
    if found.level not in (Level.TOWN, Level.VILLAGE) and found != year.county:
        raise Failure("unknown_region", f"{text}（{found.name}）不在{year.county.name}内")
    return found


def day(text: str, option: str) -> date:
    """A date written 2023-08-31."""
    try:
        found = parse_date(text)
    except ValueError:
        found = None
    if found is None:
        raise Failure("bad_date", f"{option} 应为 2023-08-31 这样的日期，现为“{text}”")
    return found


def moment(text: str | None, option: str = "--as-of") -> datetime | None:
    """A cut-off: a date means the end of that day, a time without zone is Beijing time."""
    if not text:
        return None
    try:
        found = parse_datetime(text)
        if found is None or len(text) <= len("2023-12-31"):
            only_day = parse_date(text)
            found = datetime.combine(only_day, time.max) if only_day else None  # noqa: DTZ901
    except ValueError:
        found = None
    if found is None:
        raise Failure(
            "bad_time",
            f"{option} 应为 2023-12-31 或 2023-12-31T23:59:59 这样的时间，现为“{text}”",
        )
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def stamp(at: datetime) -> str:
    """A time as commands print it: ISO, in Beijing time, to the second."""
    return timezone.localtime(at).isoformat(timespec="seconds")


def aligned(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table for the terminal; full-width characters count two, numbers stand right."""
    cells = [list(headings), *[[_cell(value) for value in row] for row in rows]]
    right = [
        any(isinstance(row[i], int | float) for row in rows)
        and all(row[i] is None or isinstance(row[i], int | float) for row in rows)
        for i in range(len(headings))
    ]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(headings))]
    lines = []
    for row in cells:
        parts = []
        for text, width, to_right in zip(row, widths, right, strict=True):
            gap = " " * (width - _width(text))
            parts.append(gap + text if to_right else text + gap)
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
