"""The year's rules in words, each with its paragraph, for a page to show as they are.

What the notice does not say stands as 政策未规定; what the county added stands with its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db import models

from enrollment.models import PolicyYear, Region
from enrollment.models.rules import (
    CashRule,
    Channel,
    Hukou,
    PaymentRule,
    RegistrarRule,
    Registration,
    StatusKind,
    WaitingRule,
)
from enrollment.pack_format import Row, Tables
from enrollment.pack_format import Section as PackSection
from subsidies.models import Category, Standard, SubsidyRule
from targets import pack
from targets.models import Cadence, Denominator, Goal, TargetRule
from targets.pack_sections import SECTIONS
from targets.spot import is_inline

NOT_STATED = "政策未规定"
PLACE = "place of the row"


@dataclass(frozen=True)
class Rule:
    """One line: what the notice says and where it says so; ``open`` = it does not say.

    ``place`` is the rule's place in the pack (``categories/3/standards/1``).
    """

    label: str
    value: str
    cites: str = ""
    source: str = ""
    note: str = ""
    open: bool = False
    place: str = ""


@dataclass(frozen=True)
class Section:
    """A block of the page; ``tables`` are the tables of the pack it is made of."""

    key: str
    title: str
    rows: list[Rule] = field(default_factory=list)
    tables: tuple[str, ...] = ()


def outline(policy_year: PolicyYear, tables: Tables | None = None) -> list[Section]:
    """All rules of the year, section by section in the order of a notice."""
    tables = tables or pack.fetch_tables(policy_year)
    for section in SECTIONS:
        _number(section, tables[section.key], section.key)
    names = dict(Region.objects.filter(county=policy_year.county_id).values_list("key", "name"))
    return [
        Section(key, title, list(rows(tables, names)), parts)
        for key, title, rows, parts in _SECTIONS
    ]


def _number(section: PackSection, rows: list[Row], path: str) -> None:
    """Let every row know its place in the pack."""
    for number, row in enumerate(rows, 1):
        row[PLACE] = path if section.single else f"{path}/{number}"
        for child in section.children:
            if not is_inline(child):
                _number(child, row[child.key], f"{row[PLACE]}/{child.key}")


# ------------------------------------------------------------------ words


def _day(value: date | None) -> str:
    return f"{value.year}年{value.month}月{value.day}日" if value else NOT_STATED


def _yuan(value: Decimal | None) -> str:
    return NOT_STATED if value is None else f"{value.normalize():f} 元"


def _percent(value: Decimal | None) -> str:
    return NOT_STATED if value is None else f"{(value * 100).normalize():f}%"


def _word(choices: type[models.TextChoices], value: str | None) -> str:
    return NOT_STATED if not value else str(choices(value).label)


def _yes(value: bool | None, yes: str = "是", no: str = "否") -> str:
    return NOT_STATED if value is None else (yes if value else no)


def _join(parts: Iterable[str | None]) -> str:
    return "；".join(part for part in parts if part)


def _rule(label: str, value: str, row: Row | None = None, **more: str) -> Rule:
    """A line from a row, carrying the row's own paragraph unless another is given."""
    about = {name: str((row or {}).get(name) or "") for name in ("cites", "source", "note")}
    about |= more
    text = value or NOT_STATED
    place = str((row or {}).get(PLACE, ""))
    return Rule(label, text, **about, open=text == NOT_STATED, place=place)


def _plain(row: Row, *keys: str) -> list[str]:
    return [str(row[key]) for key in keys if row[key]]


def _start(row: Row) -> str:
    """From when the benefit runs, in words."""
    wait = row["wait"]
    counting = row["counting"] and _word(PaymentRule.Counting, row["counting"])
    match row["start"]:
        case None:
            return NOT_STATED
        case PaymentRule.Start.FIXED:
            return f"{_day(row['start_on'])}起"
        case PaymentRule.Start.WAIT_DAYS:
            return f"缴费后等待{wait}日" + (f"（{counting}）" if counting else "")
        case PaymentRule.Start.WAIT_MONTHS:
            return f"缴费后等待{wait}个月"
        case PaymentRule.Start.AFTER_ARRIVAL:
            return f"缴费到账之日起{wait}日后"
        case _:
            return f"{_word(PaymentRule.Start, row['start'])}起"


def _payment(row: Row) -> str:
    subsidised = row["subsidised"]
    return _join(
        [
            f"缴费标准：{_word(PaymentRule.Price, row['price'])}",
            f"待遇：{_start(row)}" + (f"至{_day(row['benefit_to'])}" if row["benefit_to"] else ""),
            None if subsidised is None else f"参保资助：{_yes(subsidised, '享受', '不享受')}",
            row["group"] and f"限{row['group']}",
            row["attribute"] and f"限{row['attribute']}",
        ]
    )


# ------------------------------------------------------------------ sections


def _document(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    year = tables["year"][0]

    def line(label: str, value: str, **about: str) -> Rule:
        plain = {"cites": "", "source": "", "note": ""} | about
        return _rule(label, value, year, **plain)

    yield line("文件", year["title"], note=year["source_note"])
    yield line("文号", year["document"])
    yield line("发文机关", year["organ"])
    yield line("成文日期", _day(year["issued_on"]) if year["issued_on"] else "原文未载")
    if year["based_on"]:
        yield line("依据", year["based_on"])
    period = (
        f"{_day(year['benefit_from'])}至{_day(year['benefit_to'])}" if year["benefit_from"] else ""
    )
    yield line("待遇期", period, cites=year["benefit_cites"], source=year["benefit_source"])
    if year["base_date"]:
        yield line("基数时点", _day(year["base_date"]), cites=year["base_cites"])
    refused = year["midyear_refused"]
    yield line(
        "缴费期以外",
        _yes(refused, "不得中途参保，特殊情形除外", "可以中途参保"),
        cites=year["midyear_cites"],
    )
    yield line(
        "归属",
        _word(PolicyYear.Attribution, year["attribution"]),
        cites=year["attribution_cites"],
        source=year["attribution_source"],
    )
    yield line(
        "代缴",
        _join([year["proxy_word"], year["proxy_office"] and f"由{year['proxy_office']}办理"]),
        cites=year["proxy_cites"],
    )


def _participants(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["participants"]:
        documents = row["documents"] and "凭" + "、".join(row["documents"])
        label = "不属参保对象" if row["excluded"] else "参保对象"
        yield _rule(label, _join([row["text"], documents]), row)


def _fees(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["fees"]:
        label = f"{row['tier']} · {row['group']}"
        yield _rule(label, f"个人缴费 {_yuan(row['personal'])}", row)
        prior = row["fiscal_prior"] and f"上年 {_yuan(row['fiscal_prior'])}"
        about = _join([row["fiscal_from"], prior, row["basis"]])
        yield _rule(
            f"{label} · 财政补助",
            _yuan(row["fiscal"]),
            row,
            cites=row["fiscal_cites"] or row["cites"],
            note=about,
        )


def _windows(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["windows"]:
        days = f"{_day(row['pays_from'])}至{_day(row['pays_to'])}"
        yield _rule(row["name"], _join([days, _payment(row)]), row)


def _events(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["events"]:
        within = ""
        if row["within_days"]:
            within = f"自{row['event_date_name']}起{row['within_days']}日内"
        elif row["within_months"]:
            within = f"自{row['event_date_name']}起{row['within_months']}个月内"
        elif row["late_for"]:
            within = f"超过“{row['late_for']}”的期限"
        yield _rule(
            row["name"],
            _join(
                [
                    row["conditions"],
                    within,
                    row["hukou"] and _word(Hukou, row["hukou"]),
                    row["evidence"] and f"凭{row['evidence']}",
                    "须经核实" if row["needs_verification"] else "",
                    _payment(row),
                ]
            ),
            row,
        )


def _subsidies(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for category in tables["categories"]:
        label = category["name"]
        department = category["department"] or NOT_STATED
        if category["purpose"] != Category.Purpose.SUBSIDY:
            purpose = _word(Category.Purpose, category["purpose"])
            yield _rule(label, _join([purpose, f"认定部门：{department}"]), category)
        for row in category["standards"]:
            yield _rule(
                f"{label} · {row['tier']}",
                _join([_standard(row), f"认定部门：{department}"]),
                row,
            )
    for row in tables["subsidy_rule"]:
        yield from _subsidy_rule(row)


def _standard(row: Row) -> str:
    match row["method"]:
        case Standard.Method.FULL:
            text = "全额资助"
        case Standard.Method.FIXED:
            text = f"资助 {_yuan(row['amount'])}"
        case Standard.Method.PERCENT:
            text = f"按{_word(Standard.Base, row['base'])}的 {row['percent'].normalize():f}% 资助"
            text += f" {_yuan(row['amount'])}" if row["amount"] is not None else ""
        case _:
            return NOT_STATED
    return _join(
        [
            text,
            row["personal"] is not None and f"个人缴费 {_yuan(row['personal'])}" or "",
            "须本县户籍" if row["hukou_here"] else "",
            "须在本县参保" if row["insured_here"] else "",
            row["excludes"] and "不含" + "、".join(row["excludes"]),
            row["funding"] and "资金：" + "、".join(part["fund"] for part in row["funding"]),
        ]
    )


def _subsidy_rule(row: Row) -> Iterator[Rule]:
    def line(label: str, value: str, part: str) -> Rule:
        cites, source = row.get(f"{part}_cites") or "", row.get(f"{part}_source") or ""
        place = row[PLACE]
        return Rule(label, value, cites=cites, source=source, open=value == NOT_STATED, place=place)

    yield line("身份以何时为准", _word(SubsidyRule.Identity, row["identity"]), "identity")
    yield line("缴费后才认定", _yes(row["difference_due"], "退补差额", "不退补"), "difference")
    yield line("期内退出", _word(SubsidyRule.Removed, row["removed"]), "removed")
    yield line("多重身份", _word(SubsidyRule.Several, row["several"]), "several")
    yield line("资助金额相同", _word(SubsidyRule.Tie, row["tie"]), "tie")
    extra = row["extra_help_text"] or _yes(row["extra_help"], "可以", "不可以")
    yield line("另行扶持", extra, "extra_help")
    yield line("集中期后缴费", _yes(row["late_windows"], "仍资助", "不资助"), "late_windows")
    if row["settlement"]:
        yield line("资金结算", row["settlement"], "settlement")


def _targets(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["target_rule"]:
        method = _word(TargetRule.Method, row["method"])
        rate = (
            row["rate"]
            and f"{_percent(row['rate'])}，{_word(TargetRule.Rounding, row['rounding'])}"
        )
        yield _rule("任务规则", _join([method, rate, row["base_formula"]]), row)
        total = _word(TargetRule.Total, row["total"])
        yield _rule("任务合计", total, row, source=row["total_source"], note="")
    for version in tables["targets"]:
        own = [row for row in version["rows"] if row["region"] == version["set_by"]]
        total = f"合计 {own[0]['target']:,}" if own else ""
        issued = version["issued_on"] and f"{_day(version['issued_on'])}下达"
        label = f"任务数 · {names.get(version['set_by'], version['set_by'])}"
        yield _rule(label, _join([total, issued, version["document"]]), version)
    for row in tables["denominators"]:
        kind = _word(Denominator.Kind, row["kind"])
        who = row["department"] and f"{row['department']}提供"
        yield _rule(f"分母 · {row['name']}", _join([kind, row["definition"], who]), row)
    for row in tables["goals"]:
        elsewhere = row["elsewhere_counts"] and "在职工医保或异地参保也算"
        groups = row["categories"] and "、".join(row["categories"])
        parts = [
            f"{_word(Goal.Kind, row['kind'])}不低于 {_percent(row['rate'])}",
            row["denominator"] and f"分母：{row['denominator']}",
            groups,
            elsewhere,
        ]
        yield _rule(row["name"], _join(parts), row)
    for row in tables["cadences"]:
        period = f"每{_word(Cadence.Period, row['period'])}" if row["period"] else ""
        label = _word(Cadence.Instrument, row["instrument"])
        yield _rule(label, _join([row["text"] or period]), row)
    for row in tables["ranking"]:
        yield _rule("排名", _join([row["text"], row["follow_up"]]), row)


def _statuses(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["statuses"]:
        yield _rule(row["name"], _word(StatusKind.Bucket, row["bucket"]), row)


def _enrolling(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["registrars"]:
        offices = "、".join(_word(RegistrarRule.Office, office) for office in row["offices"])
        yield _rule(f"登记 · {offices}", row["text"], row)
    for row in tables["places"]:
        yield _rule("参保地", row["text"], row)
    for row in tables["channels"]:
        who = row["registration"] and f"（{_word(Registration, row['registration'])}）"
        label = f"缴费 · {row['name']}"
        way = _word(Channel.Kind, row["kind"]) + (who or "")
        yield _rule(label, _join([way, " → ".join(row["steps"])]), row)
    for row in tables["cash"]:
        yield _rule("现金代收", row["text"], row)
        yield _rule("现金代收 · 以哪一日为准", _word(CashRule.Counts, row["counts"]), row)


def _departments(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for department in tables["departments"]:
        for duty in department["duties"]:
            due = duty["due_day"] and f"每月{duty['due_day']}日以前"
            yield _rule(department["name"], _join([duty["text"], due]), duty)


def _people(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["attributes"]:
        yield _rule(row["name"], _join(_plain(row, "definition", "evidence")), row)
    for row in tables["focus_groups"]:
        ages = [
            row["min_age"] is not None and f"{row['min_age']} 岁以上",
            row["max_age"] is not None and f"{row['max_age']} 岁以下",
            row["age_on"] and f"按{_day(row['age_on'])}计算",
        ]
        text = _join([*_plain(row, "definition", "event"), *(age or "" for age in ages)])
        yield _rule(f"重点人群 · {row['name']}", text or "列为重点", row)


def _waiting(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["waiting"]:
        variable = f"断保年数减 {row['offset']} 后每年加一个月，{row['gap_from_year']} 年起算"
        floor = row["floor_missed"] and f"断保满 {row['floor_missed']} 年"
        yield _rule("等待期", _join([f"固定 {row['fixed_months']} 个月", variable]), row)
        yield _rule("下限", f"{floor}不少于 {row['floor_months']} 个月" if floor else "", row)
        yield _rule("补缴修复", _yes(row["repairable"], "可以", "不可以"), row)
        yield _rule("职工参保", _yes(row["employee_counts"], "计入连续", "不计入连续"), row)
        yield _rule("起算", _word(WaitingRule.Runs, row["runs_from"]), row)
        yield _rule("单位", _word(WaitingRule.Unit, row["unit"]), row)
        yield _rule("计算", _word(PaymentRule.Counting, row["counting"]), row)
        yield _rule("延长期缴费", _yes(row["extension_waits"], "也要等待", "不等待"), row)
        yield _rule("不受限人员", row["exempt"], row)


def _forms(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["lines"]:
        yield _rule(f"测算表类别 · {row['name']}", f"说明里叫“{row['note_name']}”", row)
    for row in tables["forms"]:
        title = row["title"].replace("\n", "")
        columns = f"{len(row['columns'])} 栏"
        yield _rule(f"表式 · {row['annex'] or row['key']}", _join([title, columns]), row)


def _not_stated(tables: Tables, names: dict[str, str]) -> Iterator[Rule]:
    for row in tables["not_stated"]:
        about = {"cites": row["cites"], "source": row["source"], "note": row["note"]}
        yield Rule(row["question"], NOT_STATED, **about, open=True, place=row[PLACE])


_SECTIONS: tuple[
    tuple[str, str, Callable[[Tables, dict[str, str]], Iterator[Rule]], tuple[str, ...]], ...
] = (
    ("document", "文件", _document, ("year",)),
    ("participants", "参保对象", _participants, ("participants",)),
    ("fees", "筹资标准", _fees, ("fees", "tiers", "groups")),
    ("windows", "缴费窗口", _windows, ("windows",)),
    ("events", "特殊情形", _events, ("events",)),
    ("waiting", "待遇等待期", _waiting, ("waiting",)),
    ("subsidies", "参保资助", _subsidies, ("categories", "subsidy_rule")),
    (
        "targets",
        "任务与目标",
        _targets,
        ("target_rule", "targets", "denominators", "goals", "cadences", "ranking"),
    ),
    ("statuses", "人员状态", _statuses, ("statuses",)),
    ("enrolling", "登记与缴费", _enrolling, ("registrars", "places", "channels", "cash")),
    ("departments", "部门职责", _departments, ("departments",)),
    ("people", "个人属性与重点人群", _people, ("attributes", "focus_groups")),
    ("forms", "官方表式", _forms, ("forms", "lines")),
    ("not_stated", "政策未规定", _not_stated, ("not_stated",)),
)
