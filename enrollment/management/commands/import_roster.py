"""Hand a roster in, look at what it would change, and apply it: the upload page as a command."""

import json
import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from enrollment import commands, headings, planner, roster, store
from enrollment.failure import Failure
from enrollment.models import (
    Department,
    Fate,
    Mode,
    PolicyYear,
    Roster,
    RosterState,
    StatusKind,
)
from enrollment.years import history_year


class Command(commands.PortalCommand):
    help = "导入名册：默认只核对不入库，--apply 入库"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE")
        self.add_place_arguments(parser)
        parser.add_argument("--kind", required=True, help="名册种类，如 register、status、category")
        parser.add_argument("--status", metavar="名称", help="人员状态名单是哪一种状态，如 服役")
        parser.add_argument(
            "--category",
            metavar="名称",
            help="整份名单是哪一类资助对象，如 低保对象；不写则按名单里的身份列",
        )
        parser.add_argument("--as-of", metavar="日期", help="数据日期，如 2023-08-31")
        parser.add_argument("--department", metavar="名称", help="报送部门")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--supplement", action="store_true", help="补充名单，不使任何人退出")
        how.add_argument("--exit", action="store_true", help="退出名单，名单里的人退出")
        parser.add_argument("--sheet", metavar="名称", help="只读这个工作表")
        parser.add_argument("--map", metavar="文件", help="表头对应（TOML 或 JSON：表头 = 字段）")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--apply", action="store_true", help="核对后入库")
        what.add_argument("--dry-run", action="store_true", help="只核对（默认）")
        parser.add_argument("--yes", action="store_true", help="对所有需再次确认的问题回答“是”")

    def handle(self, *args: Any, **options: Any) -> None:
        year = _year(options)
        path = Path(options["file"])
        if not path.is_file():
            raise Failure("no_file", f"没有这个文件：{path}")
        with path.open("rb") as file:
            handed_in = roster.hand_in(
                file,
                file_name=path.name,
                year=year,
                kind=options["kind"],
                by=None,
                region=commands.place(options["region"], year),
                status=_status(year, options["status"]) if options["kind"] == "status" else None,
                topic=options["category"] or "",
                mode=_mode(options),
                as_of=commands.day(options["as_of"], "--as-of") if options["as_of"] else None,
                department=_department(year, options["department"]),
                sheet=options["sheet"] or "",
                mapping=_mapping(options["map"], options["kind"]),
            )
        read = roster.read(handed_in)
        if read.state != RosterState.WAITING:
            raise Failure(read.refusal_code, read.refusal)
        problems_file = _problems_file(read, path)
        if options["apply"]:
            read = roster.apply(read, by=None, confirmed=options["yes"])
            planner.learn()
        self.answer(
            {
                "roster": read.pk,
                "rows": read.rows,
                "people": read.people,
                **read.counts,
                "applied": read.state == RosterState.APPLIED,
                "problems_file": problems_file,
                "warning": read.warning,
                "proposed_villages": len(read.proposals),
                "unread_sheets": read.unread,
                "unknown_words": read.unknown_words,
            },
            _spoken(read, problems_file),
        )


def _year(options: dict[str, Any]) -> PolicyYear:
    """The benefit year; a list of who was insured in an earlier one needs no policy for it."""
    county = commands.county_of(options["county"])
    if options["kind"] == "insured":
        return history_year(county, options["year"])
    return commands.policy_year(options["county"], options["year"])


def _mode(options: dict[str, Any]) -> str | None:
    if options["exit"]:
        return Mode.EXIT
    return Mode.SUPPLEMENT if options["supplement"] else None


def _status(year: PolicyYear, name: str | None) -> StatusKind:
    kinds = list(StatusKind.objects.filter(policy_year=year))
    for kind in kinds:
        if name and (name == kind.name or name in kind.aliases):
            return kind
    known = "、".join(kind.name for kind in kinds) or "无"
    raise Failure("unknown_status", f"没有“{name or ''}”这种人员状态（本年度有：{known}）")


def _department(year: PolicyYear, name: str | None) -> Department | None:
    if not name:
        return None
    for department in Department.objects.filter(county=year.county):
        if name in (department.name, department.short, *department.aliases):
            return department
    raise Failure("unknown_department", f"{year.county.name}没有“{name}”这个部门")


def _mapping(file: str | None, kind: str) -> dict[str, str]:
    """What the page would ask: heading → field, or heading → the column's own title."""
    if not file:
        return {}
    if kind not in roster.KINDS:
        raise Failure("unknown_kind", f"没有“{kind}”这种名册")
    try:
        text = Path(file).read_text("utf-8-sig")
        given = tomllib.loads(text) if file.endswith(".toml") else json.loads(text)
    except (OSError, ValueError) as error:
        raise Failure("bad_map", f"表头对应文件 {file} 无法读取：{error}") from error
    columns: tuple[headings.Column, ...] = roster.KINDS[kind].columns
    fields = {column.title: column.field for column in columns}
    mapping = {heading: fields.get(field, field) for heading, field in given.items()}
    if unknown := sorted(set(mapping.values()) - set(fields.values()) - {""}):
        raise Failure("bad_map", f"表头对应中的“{'、'.join(unknown)}”不是这种名册的列")
    return mapping


def _problems_file(read: Roster, source: Path) -> str | None:
    """A readable copy beside the file handed in, for whoever ran the command."""
    if not read.problems_as:
        return None
    target = source.with_name(f"{source.stem}-核对结果.xlsx")
    try:
        target.touch(mode=0o600)
    except OSError:
        target = Path.cwd() / target.name
        target.touch(mode=0o600)
    with target.open("wb") as out:
        for piece in store.stream(read.problems_as):
            out.write(piece)
    return str(target.resolve())


def _spoken(read: Roster, problems_file: str | None) -> str:
    labels = {"people": read.people, **read.counts}
    words = {"people": "人数", **{fate.value: fate.label for fate in _fates()}}
    lines = [f"名册第 {read.pk} 号 {read.file_name}：{read.get_state_display()}"]
    lines += [f"  {words[key]}\t{count:,}" for key, count in labels.items() if count is not None]
    if read.unknown_words:
        unknown = "、".join(f"{one['word']}（{one['count']:,}）" for one in read.unknown_words)
        lines.append(f"没有认出的叫法：{unknown}")
    if read.warning:
        lines.append(read.warning)
    if problems_file:
        lines.append(f"问题文件：{problems_file}")
    return "\n".join(lines)


def _fates() -> list[Any]:
    return list(Fate)
