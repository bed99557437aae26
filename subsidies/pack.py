"""The subsidy part of a policy pack: categories, their standards and the rules between them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from enrollment.models import PolicyYear
from enrollment.pack import RULE
from enrollment.pack_checks import Names, check_cited
from enrollment.pack_format import Problem, Row, Section, Tables, Writer, fetch
from subsidies.models import (
    Category,
    CategoryLine,
    DepartmentAlias,
    FundingPart,
    Standard,
    SubsidyRule,
)

STANDARDS = Section(
    "standards",
    Standard,
    (
        "tier",
        "group",
        "method",
        "amount",
        "percent",
        "base",
        "personal",
        "valid_from",
        "valid_to",
        "min_age",
        "max_age",
        "age_on",
        "grade_from",
        "grade_to",
        "hukou_here",
        "insured_here",
        "requires",
        "excludes",
        *RULE,
    ),
    owner="category",
    children=(
        Section(
            "funding",
            FundingPart,
            ("fund", "share", "amount"),
            natural=("fund",),
            owner="standard",
            inline=True,
        ),
    ),
)
CATEGORIES = Section(
    "categories",
    Category,
    (
        "name",
        "aliases",
        "purpose",
        "department",
        "priority",
        "grade_kind",
        "grade_from",
        "grade_to",
        "definition",
        "printed_name",
        "printed_order",
        "sensitive",
        "public_word",
        "line",
        "events",
        "focus_groups",
        *RULE,
    ),
    natural=("name",),
    children=(
        Section(
            "department_aliases",
            DepartmentAlias,
            ("department", "name"),
            natural=("department", "name"),
            owner="category",
            ordered=False,
            inline=True,
        ),
        STANDARDS,
    ),
)
SUBSIDY_RULE = Section(
    "subsidy_rule",
    SubsidyRule,
    (
        "identity",
        "identity_cites",
        "cut_off",
        "difference_due",
        "difference_cites",
        "removed",
        "removed_cites",
        "several",
        "several_cites",
        "several_source",
        "tie",
        "tie_cites",
        "tie_source",
        "extra_help",
        "extra_help_text",
        "extra_help_cites",
        "late_windows",
        "late_windows_cites",
        "fiscal_part",
        "settlement",
        "settlement_cites",
        *RULE,
    ),
    single=True,
)
LINES = Section("lines", CategoryLine, ("name", "note_name", *RULE), natural=("name",))
SECTIONS = (LINES, CATEGORIES, SUBSIDY_RULE)

_YUAN = Decimal("0.01")


def check(tables: Tables) -> Iterator[Problem]:
    """What is wrong with this part beyond types and references."""
    yield from check_cited((LINES, CATEGORIES), tables)
    yield from Names("categories", tables["categories"]).clashes()
    fees = {(row["tier"], row["group"]): row["personal"] for row in tables["fees"]}
    groups = [row["name"] for row in tables["groups"]]
    tiers = [row["name"] for row in tables["tiers"]]
    ranked = any(row["several"] == SubsidyRule.Several.PRIORITY for row in tables["subsidy_rule"])
    for number, category in enumerate(tables["categories"], 1):
        path = f"categories[{number}]"
        paid = category["purpose"] == Category.Purpose.SUBSIDY
        if paid and not category["department"]:
            yield Problem(f"{path}.department", f"“{category['name']}”没有写认定部门")
        if paid and not category["standards"]:
            yield Problem(f"{path}.standards", f"“{category['name']}”没有资助标准")
        if not paid and category["standards"]:
            yield Problem(f"{path}.standards", f"“{category['name']}”不是资助类别，不应有资助标准")
        if paid and ranked and category["priority"] is None:
            yield Problem(f"{path}.priority", "多重身份按优先次序时，每个资助类别都要写次序")
        if category["sensitive"] and not category["public_word"]:
            yield Problem(f"{path}.public_word", "敏感类别必须写明页面用语")
        for index, standard in enumerate(category["standards"], 1):
            where = f"{path}.standards[{index}]"
            if not (standard["cites"] or standard["source"]):
                yield Problem(where, "没有写明出处（cites），也没有写明来源（source）")
            if groups and tiers:
                yield from _check_standard(standard, where, fees, groups[0], tiers[0])
        yield from _check_twice(category, path)


def _check_standard(
    row: Row, path: str, fees: dict[tuple[str, str], Decimal], ordinary: str, first_tier: str
) -> Iterator[Problem]:
    """The yuan that the notice prints agree with its percentages and fees."""
    group = row["group"] or ordinary
    fee = fees.get((row["tier"], group))
    if fee is None:
        return
    amount = row["amount"]
    if row["method"] == Standard.Method.FULL:
        if amount is not None and amount != fee:
            yield Problem(f"{path}.amount", f"全额资助应等于个人缴费 {fee} 元，现在写的是 {amount}")
        amount = fee
    if row["method"] == Standard.Method.PERCENT and row["percent"] and row["base"]:
        base = _base(row, fees, group, first_tier)
        computed = _share(base, row["percent"])
        if amount is not None and computed is not None and amount != computed:
            yield Problem(
                f"{path}.amount",
                f"{base} 元的 {row['percent']}% 是 {computed} 元，与所写 {amount} 元不符",
            )
        amount = computed
    if amount is None:
        return
    if amount > fee:
        yield Problem(f"{path}.amount", f"资助 {amount} 元大于个人缴费 {fee} 元")
    if row["personal"] is not None and amount + row["personal"] != fee:
        yield Problem(
            f"{path}.personal",
            f"资助 {amount} 元加个人缴费 {row['personal']} 元不等于筹资标准 {fee} 元",
        )
    yield from _check_funding(row, path, amount)


def _base(
    row: Row, fees: dict[tuple[str, str], Decimal], group: str, first_tier: str
) -> Decimal | None:
    """The fee that a percentage is taken of."""
    tier = first_tier if row["base"] == Standard.Base.FIRST_TIER else row["tier"]
    return fees.get((tier, group))


def _share(base: Decimal | None, percent: Decimal) -> Decimal | None:
    return (base * percent / 100).quantize(_YUAN, ROUND_HALF_UP) if base else None


def follow_fees(tables: Tables) -> int:
    """Let the printed yuan follow the fees; returns how many standards changed.

    Full and percentage subsidies are computed anew; a fixed amount stays, and what is left to pay
    follows it. What is not printed is not added.
    """
    fees = {(row["tier"], row["group"]): row["personal"] for row in tables["fees"]}
    if not tables["groups"] or not tables["tiers"]:
        return 0
    ordinary, first_tier = tables["groups"][0]["name"], tables["tiers"][0]["name"]
    changed = 0
    for category in tables["categories"]:
        for row in category["standards"]:
            group = row["group"] or ordinary
            fee, before = fees.get((row["tier"], group)), (row["amount"], row["personal"])
            amount = row["amount"]
            if row["method"] == Standard.Method.FULL:
                amount = fee
            elif row["method"] == Standard.Method.PERCENT and row["percent"] and row["base"]:
                amount = _share(_base(row, fees, group, first_tier), row["percent"])
            if fee is None or amount is None or amount > fee:
                continue
            row["amount"] = amount if row["amount"] is not None else None
            row["personal"] = fee - amount if row["personal"] is not None else None
            changed += before != (row["amount"], row["personal"])
    return changed


def _check_funding(row: Row, path: str, amount: Decimal) -> Iterator[Problem]:
    shares = [part["share"] for part in row["funding"] if part["share"] is not None]
    amounts = [part["amount"] for part in row["funding"] if part["amount"] is not None]
    if shares and len(shares) == len(row["funding"]) and sum(shares) != 100:
        yield Problem(f"{path}.funding", f"资金比例之和是 {sum(shares)}%，应为 100%")
    if amounts and len(amounts) == len(row["funding"]) and sum(amounts) != amount:
        yield Problem(f"{path}.funding", f"资金金额之和是 {sum(amounts)} 元，应为 {amount} 元")


def _check_twice(category: Row, path: str) -> Iterator[Problem]:
    """One person cannot meet two standards of one category in one tier."""
    conditions = (
        "tier",
        "group",
        "valid_from",
        "valid_to",
        "min_age",
        "max_age",
        "grade_from",
        "grade_to",
        "hukou_here",
        "insured_here",
        "requires",
        "excludes",
    )
    seen: dict[str, int] = {}
    for number, row in enumerate(category["standards"], 1):
        first = seen.setdefault(repr([row[name] for name in conditions]), number)
        if first != number:
            yield Problem(
                f"{path}.standards[{number}]",
                f"与 standards[{first}] 的档次和条件完全相同，无法判断用哪一条",
            )


def store(tables: Tables, writer: Writer, policy_year: PolicyYear) -> None:
    """Write this part."""
    for section in SECTIONS:
        writer.store(section, tables[section.key], policy_year)


def fetch_tables(policy_year: PolicyYear) -> Tables:
    """This part as the database has it."""
    return {
        section.key: fetch(section, [policy_year]).get(policy_year.pk, []) for section in SECTIONS
    }
