"""The tables about subsidies, laid out in the county's form: 测算表, 筹资对照表, 重点人群参保率."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from enrollment import demo
from enrollment.models import PolicyYear, Region, User
from subsidies.contrast import contrast as contrast_of
from subsidies.coverage import Coverage, Figures, Group, coverage, every_category
from subsidies.overlap import Overlap, Row
from subsidies.overlap import overlap as overlap_of
from subsidies.words import Words
from targets.models import Form, FormColumn, Goal
from targets.official.tables import TABLES, Column, Table, form_for

Figure = FormColumn.Figure
Total = FormColumn.Total
NOT_STATED = "政策未规定"


def overlap(
    policy_year: PolicyYear,
    *,
    region: Region | None = None,
    tier: str = "",
    until: datetime | None = None,
) -> Table:
    """政府代缴保费测算表 of the lists as they stand, or stood (Jinzhai, annex 2)."""
    on = timezone.localdate(until) if until else None
    found = overlap_of(policy_year, region=region, tier=tier, on=on)
    form, columns = _form(policy_year, "overlap", region, _OVERLAP)
    made = _begin(policy_year, "overlap", form, region)
    made.landscape = True
    names = [row.line.name for row in found.rows]
    for column in columns:
        heads = [*column.heading]
        if column.figure == Figure.OVERLAP:
            made.columns += [Column((*heads, name), column.number_format, 9) for name in names]
        else:
            made.columns.append(Column(heads, column.number_format, column.width))
    made.rows = [_flat(_overlap_cell(column, row) for column in columns) for row in found.rows]
    label = form.total_label or "合计"
    made.total = _flat(_overlap_total(column, found, label) for column in columns)
    made.notes = [*form.notes, *found.notes]
    made.remarks += [
        "测算：按各部门名单计算，不是按实际缴费结算的金额",
        "行是资助身份，列是同时具有的身份；有三种身份的人在两格中各计一次，各行不能相加为人数",
        *found.remarks,
    ]
    made.as_of = f"{on or timezone.localdate():%Y-%m-%d}"
    return made


def contrast(policy_year: PolicyYear, *, region: Region | None = None) -> Table:
    """筹资对照表 from the year's policy (Nongba, annex 1)."""
    found = contrast_of(policy_year)
    form, columns = _form(policy_year, "contrast", region, _CONTRAST)
    made = _begin(policy_year, "contrast", form, region)
    made.columns = [Column([*one.heading], one.number_format, one.width) for one in columns]
    order = [Figure.DEPARTMENT, Figure.CATEGORY, Figure.TIER, Figure.SUBSIDY, Figure.SELF]
    at = {order.index(Figure(one.figure)): place for place, one in enumerate(columns)}
    for row in found.rows:
        values = (row.department, row.category, row.tier, _yuan(row.subsidy), _yuan(row.due))
        made.rows.append([values[order.index(Figure(one.figure))] for one in columns])
    for column, first, last in found.merges:
        if column in at:
            made.merges.append((at[column], first, last))
            for hidden in range(first + 1, last + 1):
                made.rows[hidden][at[column]] = None
    made.remarks.append("由本年度政策逐条生成；上下合并的格子表示各行相同")
    return made


def coverage_table(
    policy_year: PolicyYear,
    *,
    region: Region | None = None,
    until: datetime | None = None,
    viewer: User | None = None,
) -> Table:
    """重点人群参保率: each goal by unit, then every category as a whole, in the reader's words."""
    place = region or policy_year.county
    form, _ = _form(policy_year, "coverage", region, [])
    made = _begin(policy_year, "coverage", form, region)
    made.columns = [Column([head], style, width) for head, style, width in _COVERAGE]
    goals = goal_groups(policy_year)
    kinds = every_category(policy_year, Words(policy_year, viewer))
    found = coverage(policy_year, [*goals, *kinds], region=place, until=until)
    for one in found[: len(goals)]:
        first = len(made.rows)
        for unit, figures in one.units:
            made.rows.append(_coverage_row(one, unit.name, figures))
        made.rows.append(_coverage_row(one, "合计", one.total))
        if len(made.rows) - first > 1:
            made.merges.append((0, first, len(made.rows) - 1))
            for hidden in range(first + 1, len(made.rows)):
                made.rows[hidden][0] = None
    for one in found[len(goals) :]:
        made.rows.append(_coverage_row(one, place.name, one.total))
    made.remarks += [remark for one in found[: len(goals)] for remark in one.remarks]
    made.remarks.append("一人属于几类的，在一个目标里只计一次；参保按实际缴费或零申报计")
    made.as_of = f"{timezone.localtime(until):%Y-%m-%d %H:%M}"
    return made


def goal_groups(policy_year: PolicyYear) -> list[Group]:
    """The year's goals for groups, in printed order."""
    goals = Goal.objects.filter(policy_year=policy_year, kind=Goal.Kind.GROUP)
    return [
        Group(
            goal.name,
            tuple(goal.categories.order_by("order", "pk")),
            goal.rate,
            goal.elsewhere_counts,
            goal.cites,
        )
        for goal in goals.prefetch_related("categories").order_by("order", "pk")
    ]


_OVERLAP: list[tuple[list[str], str, str, int, str]] = [
    (["类型"], Figure.LINE, "", 16, Total.LABEL),
    (["原始人数"], Figure.RAW, "0", 10, Total.SUM),
    (["重复人数"], Figure.DUPLICATES, "0", 10, Total.SUM),
    (["去重复后人数"], Figure.DISTINCT, "0", 12, Total.SUM),
    (["多重身份分类"], Figure.OVERLAP, "0", 9, Total.SUM),
    (["补贴标准"], Figure.STANDARD, "0", 10, Total.BLANK),
    (["补贴金额测算"], Figure.SUBSIDY_TOTAL, "0", 14, Total.SUM),
]
_CONTRAST: list[tuple[list[str], str, str, int, str]] = [
    (["资助部门"], Figure.DEPARTMENT, "", 18, Total.BLANK),
    (["特殊人员类别"], Figure.CATEGORY, "", 30, Total.BLANK),
    (["参保档次"], Figure.TIER, "", 12, Total.BLANK),
    (["资助标准", "金额(元)"], Figure.SUBSIDY, "0", 12, Total.BLANK),
    (["自筹金额(元)"], Figure.SELF, "0", 14, Total.BLANK),
]
_COVERAGE = [
    ("人群或目标", "", 26),
    ("单位", "", 16),
    ("应参保人数", "0", 11),
    ("已参保", "0", 10),
    ("职工或异地参保", "0", 10),
    ("未参保", "0", 10),
    ("参保率", "0.00%", 10),
    ("目标", "0%", 8),
]


def _form(
    policy_year: PolicyYear,
    name: str,
    region: Region | None,
    plain: list[tuple[list[str], str, str, int, str]],
) -> tuple[Form, list[FormColumn]]:
    """The pack's form, else a plain one that is not saved."""
    form = form_for(policy_year, name)
    if form is not None and (region is None or region == (form.region or policy_year.county)):
        return form, list(form.columns.all())
    place = region or policy_year.county
    title = f"{place.name}{policy_year.year}年度城乡居民基本医疗保险{TABLES[name]}"
    columns = [
        FormColumn(heading=heading, figure=figure, number_format=style, width=width, total=total)
        for heading, figure, style, width, total in plain
    ]
    return Form(policy_year=policy_year, key=name, title=title, total_label="合计"), columns


def _begin(policy_year: PolicyYear, name: str, form: Form, region: Region | None) -> Table:
    made = Table(name, form.title, [], [], [])
    made.annex, made.head_left, made.head_right = form.annex, form.head_left, form.head_right
    made.landscape = form.orientation == Form.Orientation.LANDSCAPE
    made.notes = list(form.notes)
    made.demo, made.plain = demo.is_running(), form.pk is None
    if made.plain:
        made.remarks.append("政策包没有给出这张表的表式，按通用表式编制")
    return made


def _overlap_cell(column: FormColumn, row: Row) -> Any:
    match column.figure:
        case Figure.LINE:
            return row.line.name
        case Figure.RAW:
            return row.raw
        case Figure.DUPLICATES:
            return row.duplicates
        case Figure.DISTINCT:
            return row.distinct
        case Figure.OVERLAP:
            return list(row.held)
        case Figure.STANDARD:
            return _whole(row.line.standard)
        case Figure.SUBSIDY_TOTAL:
            return _whole(row.amount)
    return None


def _overlap_total(column: FormColumn, found: Overlap, label: str) -> Any:
    match column.figure:
        case Figure.LINE:
            return label
        case Figure.RAW:
            return found.raw
        case Figure.DUPLICATES:
            return found.duplicates
        case Figure.DISTINCT:
            return found.distinct
        case Figure.OVERLAP:
            return list(found.held)
        case Figure.SUBSIDY_TOTAL:
            return _whole(found.amount)
    return None


def _coverage_row(one: Coverage, unit: str, figures: Figures) -> list[Any]:
    group, rate = one.group, figures.rate(one.group)
    return [
        group.name,
        unit,
        figures.people,
        figures.here,
        figures.other,
        figures.people - figures.covered(group),
        float(rate) if rate is not None else None,
        float(group.goal) if group.goal is not None else None,
    ]


def _flat(cells: Any) -> list[Any]:
    """The 多重身份 columns stand as one list among the cells."""
    return [one for cell in cells for one in (cell if isinstance(cell, list) else [cell])]


def _yuan(amount: Decimal | None) -> Any:
    return NOT_STATED if amount is None else _whole(amount)


def _whole(amount: Decimal | None) -> int | float | None:
    """Whole yuan as an integer, so that no form shows 380.00 where the notice prints 380."""
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)
