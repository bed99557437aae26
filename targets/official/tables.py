"""What stands in an official table: its heading, rows, total and notes. Values, never formulas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from enrollment import demo
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region
from targets import progress
from targets import target as targets
from targets.models import Form, FormColumn

TABLES = {
    "targets": "任务表",
    "progress": "进度表",
    "overlap": "政府代缴保费测算表",
    "contrast": "筹资对照表",
    "coverage": "重点人群参保率",
    "summary": "参加基本医疗保险情况汇总表",
    "summary-long": "参保情况汇总表（详表）",
    "out-of-county": "县外参保情况明细表",
}
"""The tables that can be made, by name; columns, titles and notes come from the county's pack."""

DRAFT_MARK = "（测算稿）"
Figure = FormColumn.Figure
Total = FormColumn.Total


@dataclass(frozen=True)
class Column:
    """One column: its heading from the outermost merged head inward, its format and width."""

    heading: Sequence[str]
    number_format: str = ""
    width: int | None = None


@dataclass(frozen=True)
class Head:
    """One cell of the headings: its text and the rows and columns it covers, from 0."""

    text: str
    top: int
    bottom: int
    left: int
    right: int


@dataclass
class Table:
    """An official table, ready to be drawn."""

    name: str
    title: str
    columns: list[Column]
    rows: list[list[Any]]
    total: list[Any]
    """Empty where the form has no such row."""
    merges: list[tuple[int, int, int]] = field(default_factory=list)
    """Cells printed once for several rows: column, first and last row, from 0."""
    choices: dict[int, list[str]] = field(default_factory=dict)
    """Columns to be filled in from a drop-down list: column, from 0, and its options."""
    annex: str = ""
    head_left: str = ""
    head_right: str = ""
    landscape: bool = False
    notes: list[str] = field(default_factory=list)
    """Printed under the table: part of the form."""
    remarks: list[str] = field(default_factory=list)
    """Where the numbers come from and what to know about them: beside the form, never in it."""
    as_of: str = ""
    unit: str = ""
    """Who fills it in: the region it is about."""
    demo: bool = False
    plain: bool = False
    """The pack gives no form for this table; a plain one is used."""


def heads(columns: Sequence[Column]) -> tuple[list[Head], int]:
    """Headings of one or more levels, and how many: equal neighbours merge, short ones reach down.

    The innermost heading is a column's own and never merges sideways.
    """
    depth = max(len(column.heading) for column in columns)

    def outer(at: int, level: int) -> tuple[str, ...] | None:
        heading = columns[at].heading
        return tuple(heading[: level + 1]) if len(heading) > level + 1 else None

    placed = []
    for at, column in enumerate(columns):
        for level, text in enumerate(column.heading):
            path = outer(at, level)
            if path is None:
                placed.append(Head(text, level, depth - 1, at, at))
                continue
            if at and outer(at - 1, level) == path:
                continue
            right = at
            while right + 1 < len(columns) and outer(right + 1, level) == path:
                right += 1
            placed.append(Head(text, level, level, at, right))
    return placed, depth


@dataclass(frozen=True)
class Entry:
    """The figures of one unit; what is not known is None."""

    region: Region
    population: int | None = None
    deductions: int | None = None
    base: int | None = None
    target: int | None = None
    insured: int | None = None
    rate: Decimal | None = None


def form_for(policy_year: PolicyYear, name: str, region: Region | None = None) -> Form | None:
    """The pack's form of a table for a region; without a region, for the unit it is made for."""
    form = Form.objects.filter(policy_year=policy_year, key=name).select_related("region").first()
    if form is None or region is None:
        return form
    return form if (form.region or policy_year.county) == region else None


def figures(
    policy_year: PolicyYear,
    name: str,
    *,
    region: Region | None = None,
    draft: bool = False,
    until: datetime | None = None,
) -> Table:
    """任务表 or 进度表 of a region: issued numbers, or with ``draft`` those of the register.

    Without a region it is the unit whose form the pack gives (a town's, where the town sets the
    tasks), else the county.
    """
    form = form_for(policy_year, name, region)
    if region is None:
        region = (form.region if form else None) or policy_year.county
    fill = {"targets": _targets, "progress": _progress}[name]
    entries, total, made = fill(policy_year, region, draft=draft, until=until)
    made.name, made.demo, made.plain = name, demo.is_running(), form is None
    if form is None:
        form, columns = _plain_form(policy_year, name, region, [*entries, total])
        made.remarks.append("政策包没有给出这张表的表式，按通用表式编制")
    else:
        columns = list(form.columns.select_related("status"))
    _lay_out(made, form, columns, entries, total, draft=draft)
    return made


# The figures

Filled = tuple[list[Entry], Entry, Table]


def _targets(
    policy_year: PolicyYear, region: Region, *, draft: bool, until: datetime | None
) -> Filled:
    made = Table("", "", [], [], [])
    if draft:
        computed = targets.compute(policy_year, region=region)
        if computed.total.target is None:
            raise Failure("no_rule", "政策没有按比例计算任务的规则，没有测算数可以导出")
        made.remarks = ["测算数：" + computed.basis, computed.remark]
        made.as_of = f"{computed.as_of:%Y-%m-%d}"
        return [_draft(row) for row in computed.rows], _draft(computed.total), made
    on = timezone.localdate(until or timezone.now())
    plan = targets.in_force(policy_year, on=on)
    entries = [
        _issued(unit, plan) for unit in targets.units(region) if plan.target(unit.pk) is not None
    ]
    if not entries:
        raise Failure(
            "not_issued",
            f"{region.name}截至 {on} 没有下达给各单位的任务数，可加 --draft 导出测算数",
        )
    total = _issued(region, plan)
    version = targets.latest(policy_year, region, on=on)
    if version is not None:
        made.remarks = [
            f"任务数：{version.title or '任务表'} {version.document}，"
            f"{version.issued_on} 下达，第 {version.number} 版",
            version.note,
            targets.remark(version),
        ]
    return entries, total, made


def _progress(
    policy_year: PolicyYear, region: Region, *, draft: bool, until: datetime | None
) -> Filled:
    found = progress.of(policy_year, region, until=until)
    made = Table("", "", [], [], [])
    made.as_of = f"{timezone.localtime(found.as_of):%Y-%m-%d %H:%M}"
    fresh = progress.freshness(policy_year)
    made.remarks = [
        f"实际参保人数：截至 {made.as_of} 的缴费和零申报",
        f"最近一笔缴费：{timezone.localtime(fresh.payments):%Y-%m-%d %H:%M}"
        if fresh.payments
        else "还没有缴费记录",
        found.remark,
    ]
    if draft:
        computed = targets.compute(policy_year, region=region)
        if computed.total.target is None:
            raise Failure("no_rule", "政策没有按比例计算任务的规则，没有测算数可以导出")
        made.remarks += ["任务数为测算数：" + computed.basis, computed.remark]
        drafts = {row.region.pk: row for row in [*computed.rows, computed.total]}
        for row in [*found.rows, found.total]:
            other = drafts.get(row.region.pk)
            row.target = other.target if other else None
    elif found.total.target is None and all(row.target is None for row in found.rows):
        made.remarks.append(f"截至 {made.as_of}，{region.name}没有下达任务数，任务和完成率空着")
    return [_follow(row) for row in found.rows], _follow(found.total), made


def _draft(row: targets.DraftRow) -> Entry:
    return Entry(row.region, row.population, row.deductions, row.base, row.target)


def _issued(region: Region, plan: targets.InForce) -> Entry:
    own = plan.own.get(region.pk)
    if own is None:
        return Entry(region, target=plan.target(region.pk))
    return Entry(region, own.population, own.deductions, own.base, own.target)


def _follow(row: progress.Row) -> Entry:
    return Entry(
        row.region, row.population, row.deductions, row.base, row.target, row.insured, row.rate
    )


# The form


def _plain_form(
    policy_year: PolicyYear, name: str, region: Region, entries: list[Entry]
) -> tuple[Form, list[FormColumn]]:
    """A plain form, not saved, without columns nobody has a figure for."""
    form = Form(
        policy_year=policy_year,
        key=name,
        title=f"{region.name}{policy_year.year}年度城乡居民基本医疗保险参保{TABLES[name]}",
        total_label="合计",
    )
    below = "村（社区）" if region.level in ("town", "village") else "单位"
    wanted: list[tuple[str, str, str, int, str]] = [
        ("序号", Figure.INDEX, "0", 6, Total.LABEL),
        (below, Figure.REGION, "", 18, Total.BLANK),
        ("户籍人口数（人）", Figure.POPULATION, "0", 14, Total.OWN),
        ("扣减人数（人）", Figure.DEDUCTIONS, "0", 14, Total.OWN),
        ("参保基数（人）", Figure.BASE, "0", 14, Total.OWN),
        ("任务数（人）", Figure.TARGET, "0", 14, Total.OWN),
    ]
    if name == "progress":
        wanted = [
            *wanted[:2],
            wanted[-1],
            ("已参保人数（人）", Figure.INSURED, "0", 14, Total.OWN),
            ("完成率", Figure.RATE, "0.0%", 12, Total.OWN),
        ]
    optional = {Figure.POPULATION, Figure.DEDUCTIONS, Figure.BASE}
    columns = [
        FormColumn(heading=[head], figure=figure, number_format=style, width=width, total=total)
        for head, figure, style, width, total in wanted
        if figure not in optional or any(getattr(entry, figure) is not None for entry in entries)
    ]
    return form, columns


def _lay_out(
    made: Table,
    form: Form,
    columns: list[FormColumn],
    entries: list[Entry],
    total: Entry,
    *,
    draft: bool,
) -> None:
    made.title = form.title + (DRAFT_MARK if draft else "")
    made.annex, made.head_left, made.head_right = form.annex, form.head_left, form.head_right
    made.landscape = form.orientation == Form.Orientation.LANDSCAPE
    made.notes = list(form.notes)
    made.remarks = [remark for remark in made.remarks if remark]
    made.columns = [
        Column(tuple(column.heading), column.number_format, column.width) for column in columns
    ]
    made.rows = [
        [_value(column, entry, number, form) for column in columns]
        for number, entry in enumerate(entries, 1)
    ]
    made.total = [
        _total(column, [row[at] for row in made.rows], total, form)
        for at, column in enumerate(columns)
    ]


def _value(column: FormColumn, entry: Entry, number: int, form: Form) -> Any:
    if column.figure in FILLED:
        return FILLED[Figure(column.figure)](entry)
    match column.figure:
        case Figure.INDEX:
            return number
        case Figure.REGION:
            return _name(entry.region, form)
        case Figure.TOWN:
            town = entry.region.parent if entry.region.level == "village" else entry.region
            return _name(town, form) if town else ""
        case Figure.VILLAGE:
            return _name(entry.region, form) if entry.region.level == "village" else ""
        case Figure.RATE:
            return _rate(entry.rate, column.number_format)
    raise Failure(
        "unfit_form", f"表“{form.title}”的栏目“{column}”不能用在{TABLES[form.key]}里，请改政策包"
    )


FILLED: dict[Figure, Callable[[Entry], int | None]] = {
    Figure.POPULATION: lambda entry: entry.population,
    Figure.DEDUCTIONS: lambda entry: entry.deductions,
    Figure.BASE: lambda entry: entry.base,
    Figure.TARGET: lambda entry: entry.target,
    Figure.INSURED: lambda entry: entry.insured,
}


def _total(column: FormColumn, values: list[Any], total: Entry, form: Form) -> Any:
    """合计 as the form wants it; a rate is never added up."""
    match column.total:
        case Total.LABEL:
            return form.total_label
        case Total.OWN:
            return _value(column, total, 0, form)
        case Total.SUM if column.figure == Figure.RATE:
            return _value(column, total, 0, form)
        case Total.SUM:
            known = [value for value in values if isinstance(value, int)]
            return sum(known) if known else None
    return None


def _rate(rate: Decimal | None, number_format: str) -> float | None:
    """A fraction where the cell's format is a percentage, else the number of per cent."""
    if rate is None:
        return None
    return float(rate) if "%" in number_format else float(rate * 100)


def _name(region: Region, form: Form) -> str:
    return region.printed if form.printed_names else region.name
