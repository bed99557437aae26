"""Policy packs: one TOML file per county and year, loaded whole or not at all, and dumped again."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from enrollment import audit, pack_text
from enrollment import pack as enrollment_pack
from enrollment.models import PolicyYear
from enrollment.pack import RULE, Tables, check_cited
from enrollment.pack_format import Data, Problem, Reader, Row, Section, Writer, fetch, to_data
from subsidies import pack as subsidies_pack
from targets.models import (
    Cadence,
    Denominator,
    Form,
    FormColumn,
    Goal,
    Ranking,
    RankingWeight,
    Target,
    TargetDeduction,
    TargetRule,
    TargetVersion,
)
from targets.target import half_up

TARGET_RULE = Section(
    "target_rule",
    TargetRule,
    (
        "method",
        "rate",
        "rounding",
        "rounding_source",
        "total",
        "total_source",
        "base_formula",
        "deductions",
        "deductions_open",
        "base_word",
        "target_word",
        *RULE,
    ),
    single=True,
)
GOALS = Section(
    "goals",
    Goal,
    ("name", "kind", "rate", "denominator", "categories", "event", "elsewhere_counts", *RULE),
    natural=("name",),
)
DENOMINATORS = Section(
    "denominators",
    Denominator,
    ("kind", "name", "department", "definition", *RULE),
    natural=("name",),
)
CADENCES = Section("cadences", Cadence, ("instrument", "period", "text", *RULE))
RANKING = Section(
    "ranking",
    Ranking,
    ("text", "commend_first", "follow_up", *RULE),
    single=True,
    children=(Section("weights", RankingWeight, ("goal", "weight"), owner="ranking", inline=True),),
)
FORMS = Section(
    "forms",
    Form,
    (
        "key",
        "region",
        "title",
        "annex",
        "head_left",
        "head_right",
        "orientation",
        "total_label",
        "printed_names",
        "sample_rows",
        "notes",
        *RULE,
    ),
    natural=("key",),
    children=(
        Section(
            "columns",
            FormColumn,
            (
                "heading",
                "figure",
                "status",
                "bucket",
                "choices",
                "number_format",
                "width",
                "total",
            ),
            owner="form",
            inline=True,
        ),
    ),
)
TARGETS = Section(
    "targets",
    TargetVersion,
    ("set_by", "number", "state", "document", "title", "issued_on", "cites", "note"),
    natural=("set_by", "number"),
    ordered=False,
    fixed={"source": TargetVersion.Source.PACK},
    children=(
        Section(
            "rows",
            Target,
            ("region", "population", "deductions", "base", "rate", "target", "note"),
            natural=("region",),
            owner="version",
            ordered=False,
            inline=True,
            children=(
                Section(
                    "items",
                    TargetDeduction,
                    ("kind", "people"),
                    natural=("kind",),
                    owner="target",
                    ordered=False,
                ),
            ),
        ),
    ),
)
OWN = (TARGET_RULE, DENOMINATORS, GOALS, CADENCES, RANKING, FORMS, TARGETS)
SECTIONS = (*enrollment_pack.SECTIONS, *subsidies_pack.SECTIONS, *OWN)


class PackError(Exception):
    """A pack that cannot be loaded: its file and every problem found in it."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        super().__init__(f"{file}：{len(problems)} 处问题")


class EditedSince(Exception):
    """Values were changed on the page since the pack was last loaded; the user must say yes."""

    def __init__(self, file: str, differences: list[str]) -> None:
        self.file = file
        self.differences = differences
        super().__init__(f"{file}：上次载入之后页面上改过 {len(differences)} 处")


@dataclass
class Pack:
    """A checked pack: plain rows by table."""

    file: str
    text: str
    tables: Tables

    @property
    def data(self) -> Data:
        """The pack in canonical form: keys in order, defaults left out."""
        return as_data(self.tables)


@dataclass(frozen=True)
class Loaded:
    """What loading one pack did."""

    file: str
    county: str
    year: int
    changed: bool
    differences: list[str] = field(default_factory=list)


# ------------------------------------------------------------------ reading


def read_file(path: Path) -> Pack:
    """A pack from its file. Raises PackError with everything that is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise PackError(str(path), [Problem("文件", f"读不出来：{error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise PackError(
            str(path), [Problem("文件", f"不是 UTF-8 编码（第 {error.start + 1} 个字节起）")]
        ) from error
    return read(text, file=str(path))


def read(text: str, *, file: str) -> Pack:
    """A pack from its text. Raises PackError with everything that is wrong with it."""
    try:
        raw = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PackError(file, [Problem("文件", f"不是合格的 TOML：{error}")]) from error
    reader = Reader()
    known = {section.key for section in SECTIONS}
    for key in raw:
        if key not in known:
            reader.add(key, "没有这个表，请核对拼写")
    tables = {section.key: reader.section(section, raw.get(section.key)) for section in SECTIONS}
    reader.check_references()
    if not reader.problems:
        reader.problems.extend(enrollment_pack.check(tables))
        reader.problems.extend(check_cited(enrollment_pack.RULES, tables))
        reader.problems.extend(subsidies_pack.check(tables))
        reader.problems.extend(check(tables))
    if reader.problems:
        raise PackError(file, reader.problems)
    return Pack(file=file, text=text, tables=tables)


def as_data(tables: Tables) -> Data:
    """All tables as a pack writes them."""
    data = {section.key: to_data(section, tables[section.key]) for section in SECTIONS}
    return {key: value for key, value in data.items() if value is not None}


# ------------------------------------------------------------------ checks


def check(tables: Tables) -> Iterator[Problem]:
    """What is wrong with this part beyond types and references."""
    yield from check_cited((TARGET_RULE, DENOMINATORS, GOALS, CADENCES, RANKING, FORMS), tables)
    yield from _check_duties(tables)
    for number, goal in enumerate(tables["goals"], 1):
        if goal["kind"] == Goal.Kind.GROUP and not goal["categories"]:
            yield Problem(f"goals[{number}].categories", "重点人群目标必须写明包含的类别")
        if goal["kind"] == Goal.Kind.COHORT and not goal["event"]:
            yield Problem(f"goals[{number}].event", "时限内参保率目标必须写明特殊情形")
        if goal["kind"] == Goal.Kind.PARTICIPATION and not goal["denominator"]:
            yield Problem(f"goals[{number}].denominator", "参保率目标必须写明分母")
    rule = tables["target_rule"][0] if tables["target_rule"] else None
    if rule is None:
        yield Problem("target_rule", "缺少 [target_rule] 表")
        return
    if rule["method"] == TargetRule.Method.RATE and rule["rate"] is None:
        yield Problem("target_rule.rate", "按比例计算时必须写比例")
        return
    parents = {row["key"]: row["parent"] or _county(tables) for row in tables["regions"]}
    for number, version in enumerate(tables["targets"], 1):
        yield from _check_version(version, f"targets[{number}]", rule, parents)


def _county(tables: Tables) -> str:
    return tables["county"][0]["key"]


def _check_duties(tables: Tables) -> Iterator[Problem]:
    """The lists a department owes are lists the pack knows."""
    known = {row["name"] for key in ("categories", "statuses") for row in tables[key]}
    for number, department in enumerate(tables["departments"], 1):
        for index, duty in enumerate(department["duties"], 1):
            path = f"departments[{number}].duties[{index}]"
            if not (duty["cites"] or duty["source"]):
                yield Problem(path, "没有写明出处（cites），也没有写明来源（source）")
            for name in duty["lists"]:
                if name not in known:
                    yield Problem(
                        f"{path}.lists", f"政策包里没有名为“{name}”的资助对象类别或人员状态"
                    )


def _check_version(
    version: Row, path: str, rule: Row, parents: dict[str, str]
) -> Iterator[Problem]:
    """Printed rows agree with the rule, and the printed total with its rows or with the rule."""
    if version["state"] == TargetVersion.State.ISSUED and version["issued_on"] is None:
        yield Problem(f"{path}.issued_on", "下达的任务必须写明下达日期")
    rows = version["rows"]
    for number, row in enumerate(rows, 1):
        where = f"{path}.rows[{number}]"
        known = None not in (row["population"], row["deductions"], row["base"])
        if known and row["base"] != row["population"] - row["deductions"]:
            yield Problem(
                f"{where}.base",
                f"{row['population']} − {row['deductions']} = "
                f"{row['population'] - row['deductions']}，与所写基数 {row['base']} 不符",
            )
        if row["items"] and sum(item["people"] for item in row["items"]) != row["deductions"]:
            yield Problem(f"{where}.items", "分项扣减之和不等于扣减人数")
        if rule["method"] == TargetRule.Method.RATE and row["base"] is not None:
            computed = half_up(row["base"], rule["rate"])
            if row["target"] != computed:
                yield Problem(
                    f"{where}.target",
                    f"{row['base']} × {rule['rate']} 四舍五入是 {computed}，"
                    f"与所写任务数 {row['target']} 不符",
                )
    yield from _check_totals(rows, path, rule, parents)


def _check_totals(
    rows: list[Row], path: str, rule: Row, parents: dict[str, str]
) -> Iterator[Problem]:
    for number, total in enumerate(rows, 1):
        parts = [row for row in rows if parents.get(row["region"]) == total["region"]]
        if not parts:
            continue
        where = f"{path}.rows[{number}]"
        for name in ("population", "deductions", "base"):
            values = [row[name] for row in parts]
            if total[name] is None or None in values:
                continue
            if total[name] != sum(values):
                yield Problem(
                    f"{where}.{name}", f"各单位相加是 {sum(values)}，与所写合计 {total[name]} 不符"
                )
        added = sum(row["target"] for row in parts)
        if total["target"] == added:
            continue
        if rule["total"] == TargetRule.Total.SUM:
            yield Problem(
                f"{where}.target", f"各单位相加是 {added}，与所写合计 {total['target']} 不符"
            )
        elif not total["note"]:
            yield Problem(
                f"{where}.note",
                f"合计 {total['target']} 与各单位相加 {added} 不等，请写明原因",
            )


# ------------------------------------------------------------------ loading


def load(packs: list[Pack], *, yes: bool = False) -> list[Loaded]:
    """Load all packs in one transaction; nothing is written if one of them is refused.

    A year whose values were edited on the page since is overwritten only with ``yes``.
    Raises PackError or EditedSince.
    """
    with transaction.atomic():
        return [_load_one(pack, yes=yes) for pack in packs]


def _load_one(pack: Pack, *, yes: bool) -> Loaded:
    existing = enrollment_pack.lock_year(pack.tables)
    wanted = pack.data
    before = dump_data(existing) if existing else {}
    head = pack.tables["year"][0]
    if existing is not None:
        if existing.state in (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED):
            raise PackError(
                pack.file,
                [Problem("year", f"该年度{existing.get_state_display()}，政策不能再改")],
            )
        if before == wanted:
            _remember(existing, pack)
            return Loaded(pack.file, head["county"], head["year"], changed=False)
        edited = existing.pack_text and before != _last_loaded(existing)
        if edited and not yes:
            raise EditedSince(pack.file, differences(before, wanted))
        _refuse_issued_changes(existing, pack)
    writer = Writer()
    policy_year = enrollment_pack.store(pack.tables, writer)
    if not writer.problems:
        subsidies_pack.store(pack.tables, writer, policy_year)
    if not writer.problems:
        for section in OWN:
            writer.store(section, pack.tables[section.key], policy_year)
    if not writer.problems:
        writer.finish()
    if writer.problems:
        raise PackError(pack.file, writer.problems)
    _remember(policy_year, pack)
    changes = differences(before, wanted)
    audit.record(
        "load_policy",
        by=None,
        county=policy_year.county,
        subject=str(policy_year),
        pack=Path(pack.file).name,
        changes=len(changes),
    )
    policy_year.bump()
    return Loaded(
        pack.file,
        head["county"],
        head["year"],
        changed=True,
        differences=changes,
    )


def _remember(policy_year: PolicyYear, pack: Pack) -> None:
    digest = hashlib.sha256(pack.text.encode()).hexdigest()
    PolicyYear.objects.filter(pk=policy_year.pk).update(
        pack_name=Path(pack.file).name, pack_text=pack.text, pack_digest=digest
    )


def _last_loaded(policy_year: PolicyYear) -> Data:
    """What the last loaded pack said; a pack an older version accepted counts as edited since."""
    try:
        return read(policy_year.pack_text, file=policy_year.pack_name).data
    except PackError:
        return {}


def _refuse_issued_changes(policy_year: PolicyYear, pack: Pack) -> None:
    """Issued numbers are frozen: a pack may add a version, not change one."""
    stored = fetch(TARGETS, [policy_year]).get(policy_year.pk, [])
    offered = {(row["set_by"], row["number"]): row for row in pack.tables["targets"]}
    problems = []
    for row in stored:
        if row["state"] != TargetVersion.State.ISSUED:
            continue
        key = (row["set_by"], row["number"])
        new = offered.get(key)
        if new is None or _numbers(new) != _numbers(row):
            problems.append(
                Problem("targets", f"{key[0]} 第 {key[1]} 版任务已下达，不能修改；请另加一版")
            )
    taken = (
        TargetVersion.objects.filter(policy_year=policy_year)
        .exclude(source=TargetVersion.Source.PACK)
        .values_list("set_by__key", "number")
    )
    problems += [
        Problem("targets", f"{key[0]} 第 {key[1]} 版任务已由页面或名册产生，请改用别的版次")
        for key in taken
        if key in offered
    ]
    if problems:
        raise PackError(pack.file, problems)


def _numbers(version: Row) -> Any:
    return (
        version["state"],
        sorted((row["region"], row["base"], row["target"]) for row in version["rows"]),
    )


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Key paths whose values differ, each with the old and the new value."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[str] = []
        for key in dict.fromkeys([*before, *after]):
            where = f"{path}.{key}" if path else key
            found += differences(before.get(key), after.get(key), where)
        return found
    if _tables(before) and _tables(after):
        found = []
        for number in range(max(len(before), len(after))):
            old = before[number] if number < len(before) else None
            new = after[number] if number < len(after) else None
            found += differences(old, new, f"{path}[{number + 1}]")
        return found
    return [] if before == after else [f"{path}：{_shown(before)} → {_shown(after)}"]


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _shown(value: Any) -> str:
    if value is None:
        return "（无）"
    if isinstance(value, dict):
        name = value.get("name") or value.get("key") or value.get("text") or value.get("topic")
        return str(name) if name else "（一条）"
    if _tables(value):
        return f"{len(value)} 条"
    return value.isoformat() if isinstance(value, date) else str(value)


# ------------------------------------------------------------------ dumping


def fetch_tables(policy_year: PolicyYear) -> Tables:
    """The year's policy as the database has it, as plain rows by table."""
    tables = enrollment_pack.fetch_tables(policy_year)
    tables |= subsidies_pack.fetch_tables(policy_year)
    for section in OWN:
        tables[section.key] = fetch(section, [policy_year]).get(policy_year.pk, [])
    return tables


def dump_data(policy_year: PolicyYear) -> Data:
    """The year's policy as the database has it, in canonical form."""
    return as_data(fetch_tables(policy_year))


def dump(policy_year: PolicyYear) -> str:
    """The year's policy as a TOML pack; loading it again changes nothing."""
    return pack_text.write(SECTIONS, dump_data(policy_year))
