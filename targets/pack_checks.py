"""What must hold in a policy pack's goals, duties and targets, beyond types and references."""

from __future__ import annotations

from collections.abc import Iterator

from enrollment import pack as enrollment_pack
from enrollment import pack_checks as enrollment_checks
from enrollment.pack_checks import check_cited
from enrollment.pack_format import Problem, Row, Tables
from subsidies import pack as subsidies_pack
from targets.models import Goal, TargetRule, TargetVersion
from targets.pack_sections import CADENCES, DENOMINATORS, FORMS, GOALS, RANKING, TARGET_RULE
from targets.target import half_up


def problems(tables: Tables) -> list[Problem]:
    """Where a well-formed policy disagrees with itself; it cannot take effect like this."""
    return [
        *enrollment_checks.check(tables),
        *check_cited(enrollment_pack.RULES, tables),
        *subsidies_pack.check(tables),
        *check(tables),
    ]


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
