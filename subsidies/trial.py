"""试算: what last year's people would pay and be given under another year's rules.

Everybody who was insured in the base year, or stood on one of its subsidy lists, is put as a case
to the same rule that assesses the ledger (``rule.statement``): once under their own year's rules,
once under the new ones, both as if paying on the last day of the main window. Tiers, groups and
categories are found again by name or alias. The answers stand in temporary tables that go with the
transaction; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import IO, Any

from django.db import connection, transaction
from django.utils import timezone

from enrollment import insured, sheets
from enrollment.documents import mask
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region
from enrollment.models.rules import PopulationGroup, Tier, Window
from enrollment.sheets import MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import rule
from subsidies.models import Category
from subsidies.quote import NOT_STATED

NOBODY = "（无资助身份）"

PEOPLE = """
CREATE TEMPORARY TABLE trial_person ON COMMIT DROP AS
SELECT person.id AS person_id, person.birth AS born,
       person.on_roll_from IS NOT NULL AND person.on_roll_to IS NULL AS hukou_here,
       enrolment.tier_id, enrolment.group_id,
       coalesce(enrolment.town_id, person.town_id) AS town_id,
       coalesce(enrolment.village_id, person.village_id) AS village_id
FROM (
    SELECT entitlement.person_id
    FROM subsidies_entitlement entitlement
    JOIN subsidies_category category ON category.id = entitlement.category_id
    WHERE entitlement.policy_year_id = %(base)s AND entitlement.removed_on IS NULL
      AND category.purpose = 'subsidy'
    UNION
    SELECT payment.person_id FROM enrollment_payment payment
    WHERE payment.policy_year_id = %(base)s AND payment.withdrawn_at IS NULL
      AND payment.paid_at <= now()
    GROUP BY payment.person_id HAVING {insured}
) among
JOIN enrollment_person person ON person.id = among.person_id
LEFT JOIN enrollment_enrollment enrolment
    ON enrolment.policy_year_id = %(base)s AND enrolment.person_id = among.person_id
"""
CASES = """
SELECT person.person_id AS id, coalesce(tier.new_id, %(first_tier)s) AS tier_id,
       coalesce(grp.new_id, %(first_group)s) AS group_id, %(paid_on)s::date AS paid_on,
       NULL::date AS arrived_on, person.born, NULL::bigint AS event_id, NULL::date AS event_date,
       TRUE AS verified, person.hukou_here, TRUE AS insured_here, '{}'::bigint[] AS attributes
FROM trial_person person
LEFT JOIN unnest(%(tiers)s::bigint[], %(new_tiers)s::bigint[]) tier(old_id, new_id)
    ON tier.old_id = person.tier_id
LEFT JOIN unnest(%(groups)s::bigint[], %(new_groups)s::bigint[]) grp(old_id, new_id)
    ON grp.old_id = person.group_id
"""
HELD = """
SELECT DISTINCT ON (entitlement.person_id, category.new_id)
       entitlement.person_id AS case_id, category.new_id AS category_id, entitlement.grade,
       NULL::date AS valid_from, NULL::date AS valid_to, NULL::date AS recognised_on,
       NULL::date AS removed_on
FROM subsidies_entitlement entitlement
JOIN trial_person person ON person.person_id = entitlement.person_id
JOIN unnest(%(categories)s::bigint[], %(new_categories)s::bigint[]) category(old_id, new_id)
    ON category.old_id = entitlement.category_id
WHERE entitlement.policy_year_id = %(base)s AND entitlement.removed_on IS NULL
ORDER BY entitlement.person_id, category.new_id, entitlement.grade
"""
# {table} is ours.
ANSWERS = """
SELECT verdict.id AS person_id, tier.name AS tier, grp.name AS grp, verdict.category,
       verdict.fee, verdict.subsidy, verdict.due, verdict.reason
FROM verdict
LEFT JOIN enrollment_tier tier ON tier.id = verdict.tier_id
LEFT JOIN enrollment_populationgroup grp ON grp.id = verdict.group_id
"""
COUNTED = """
SELECT grouping(answer.category, answer.tier, answer.grp, town.name) AS which,
       coalesce(answer.category, ''), answer.tier, answer.grp, town.name, min(town."order"),
       count(*), coalesce(sum(answer.subsidy), 0), coalesce(sum(answer.due), 0),
       count(*) FILTER (WHERE answer.due IS NULL)
FROM {table} answer
JOIN trial_person person ON person.person_id = answer.person_id
JOIN enrollment_region town ON town.id = person.town_id
GROUP BY GROUPING SETS ((answer.category), (answer.tier), (answer.grp), (town.name), ())
ORDER BY 1, min(town.placeholder::int), min(town."order"), 3, 2
"""
MOVED = """
SELECT count(*) FILTER (WHERE after.due > before.due),
       count(*) FILTER (WHERE after.due < before.due),
       count(*) FILTER (WHERE after.due = before.due),
       count(*) FILTER (WHERE after.due IS NULL OR before.due IS NULL)
FROM trial_before before JOIN trial_after after ON after.person_id = before.person_id
"""
LINES = """
SELECT person.town_id, person.village_id, one.name, one.id_cipher,
       before.category, before.tier, before.grp, before.subsidy, before.due,
       after.category, after.tier, after.grp, after.subsidy, after.due, after.reason
FROM trial_before before
JOIN trial_after after ON after.person_id = before.person_id
JOIN trial_person person ON person.person_id = before.person_id
JOIN enrollment_person one ON one.id = before.person_id
JOIN enrollment_region town ON town.id = person.town_id
JOIN enrollment_region village ON village.id = person.village_id
WHERE (before.due, before.subsidy, before.category)
      IS DISTINCT FROM (after.due, after.subsidy, after.category)
ORDER BY town.placeholder, town."order", village."order", person.person_id
"""
COLUMNS = (
    Column("序号", 8, WHOLE), Column("乡镇", 14), Column("村", 14), Column("姓名", 10),
    Column("证件号码", 21),
    Column("原资助身份", 16), Column("原档次", 10), Column("原人群", 10),
    Column("原资助", 11, MONEY), Column("原个人应缴", 11, MONEY),
    Column("新资助身份", 16), Column("新档次", 10), Column("新人群", 10),
    Column("新资助", 11, MONEY), Column("新个人应缴", 11, MONEY),
    Column("应缴增减", 11, MONEY), Column("新规定的理由", 44),
)  # fmt: skip


@dataclass
class Count:
    """People and yuan under one year's rules; ``open`` people owe what the policy leaves open."""

    people: int = 0
    subsidy: Decimal = Decimal(0)
    due: Decimal = Decimal(0)
    open: int = 0


@dataclass
class Line:
    """One category, tier, group or town, under the old rules and the new."""

    name: str
    before: Count = field(default_factory=Count)
    after: Count = field(default_factory=Count)

    @property
    def more_subsidy(self) -> Decimal:
        return self.after.subsidy - self.before.subsidy

    @property
    def more_due(self) -> Decimal:
        return self.after.due - self.before.due


@dataclass
class Trial:
    """What a trial found: the whole, four views of it, and who pays more or less."""

    total: Line
    categories: list[Line]
    tiers: list[Line]
    groups: list[Line]
    towns: list[Line]
    more: int
    less: int
    same: int
    open: int
    unmatched: list[str]
    """What the base year has and the new rules do not know, in words."""


def summary(base: PolicyYear, rules: PolicyYear) -> Trial:
    """People and amounts under both years' rules. Raises Failure where a year has no tiers."""
    with transaction.atomic(), connection.cursor() as cursor:
        unmatched = _answer(cursor, base, rules)
        views: list[dict[str, Line]] = [{}, {}, {}, {}, {}]
        for table, side in (("trial_before", "before"), ("trial_after", "after")):
            cursor.execute(COUNTED.format(table=table))
            for which, category, tier, group, town, _, people, subsidy, due, open_ in cursor:
                # A bit is 0 where the column is what the row is grouped by.
                view, name = {
                    0b0111: (0, category or NOBODY),
                    0b1011: (1, tier or NOT_STATED),
                    0b1101: (2, group or NOT_STATED),
                    0b1110: (3, town),
                    0b1111: (4, "合计"),
                }[which]
                line = views[view].setdefault(name, Line(name))
                setattr(line, side, Count(people, subsidy, due, open_))
        cursor.execute(MOVED)
        more, less, same, unknown = cursor.fetchone()
        _drop(cursor)
    categories, tiers, groups, towns, total = (list(view.values()) for view in views)
    order = _order(base, rules)
    categories.sort(key=lambda line: order.get(line.name, len(order)))
    return Trial(
        total[0] if total else Line("合计"),
        *(categories, tiers, groups, towns),
        *(more, less, same, unknown),
        unmatched=unmatched,
    )


def write(target: IO[bytes], base: PolicyYear, rules: PolicyYear) -> int:
    """Everybody whose subsidy, identity or amount due would change, masked; returns how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        _answer(cursor, base, rules)
        cursor.execute(LINES)
        sheet = Sheet(
            f"{rules.county.name}{rules.year}年度政策试算：与{base.year}年度不同的人员",
            f"按{base.year}年度已参保和在资助名单的人员试算，不是台账　"
            f"导出 {timezone.localtime():%Y-%m-%d %H:%M}",
            COLUMNS,
            _rows(cursor, rules),
        )
        count = sheets.write_xlsx(target, sheet)
        _drop(cursor)
    return count


def _rows(cursor: Iterable[tuple[Any, ...]], rules: PolicyYear) -> Iterator[list[sheets.Value]]:
    places = dict(Region.objects.filter(county=rules.county_id).values_list("pk", "name"))
    unseal = vault().open
    for number, row in enumerate(cursor, 1):
        (town, village, name, cipher, was, tier, group, subsidy, due,
         now, new_tier, new_group, new_subsidy, new_due, reason) = row  # fmt: skip
        yield [
            *(number, places.get(town, ""), places.get(village, ""), name),
            mask(unseal(cipher)) if cipher else "",
            *(was or "", tier or "", group or ""),
            *(_yuan(subsidy), _yuan(due)),
            *(now or "", new_tier or "", new_group or ""),
            *(_yuan(new_subsidy), _yuan(new_due)),
            new_due - due if new_due is not None and due is not None else None,
            reason,
        ]


def _yuan(value: Decimal | None) -> sheets.Value:
    return NOT_STATED if value is None else value


def _answer(cursor: Any, base: PolicyYear, rules: PolicyYear) -> list[str]:
    """Fill the temporary tables; what the new rules do not know comes back in words."""
    cursor.execute("SET LOCAL jit = off")
    cursor.execute("SET LOCAL work_mem = '64MB'")
    cursor.execute(PEOPLE.format(insured=insured.RULE.format(cut="now()")), {"base": base.pk})
    cursor.execute("ANALYZE trial_person")
    unmatched: list[str] = []
    for year, table in ((base, "trial_before"), (rules, "trial_after")):
        statement = rule.statement(cases=CASES, held=HELD)
        given, missing = _given(base, year)
        unmatched = missing
        cursor.execute(
            f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {statement}{ANSWERS}", given
        )
        cursor.execute(f"ANALYZE {table}")
    return unmatched


def _drop(cursor: Any) -> None:
    """Before the transaction ends, because a test's never does."""
    cursor.execute("DROP TABLE trial_before, trial_after, trial_person")


def _given(base: PolicyYear, rules: PolicyYear) -> tuple[dict[str, Any], list[str]]:
    tiers = list(Tier.objects.filter(policy_year=rules).order_by("order", "pk"))
    groups = list(PopulationGroup.objects.filter(policy_year=rules).order_by("order", "pk"))
    if not tiers or not groups:
        raise Failure("no_tiers", f"{rules}还没有缴费档次或人群，不能试算")
    main = Window.objects.filter(policy_year=rules, main=True).order_by("order", "pk").first()
    missing: list[str] = []
    given = rule.parameters(rules.pk) | {
        "base": base.pk,
        "paid_on": main.pays_to if main else rules.benefit_from,
        "first_tier": tiers[0].pk,
        "first_group": groups[0].pk,
    }
    for key, model, known, instead in (
        ("tiers", Tier, tiers, f"按{tiers[0].name}试算"),
        ("groups", PopulationGroup, groups, f"按{groups[0].name}试算"),
        (
            "categories",
            Category,
            list(Category.objects.filter(policy_year=rules).order_by("order", "pk")),
            "这些人按没有这一身份试算",
        ),
    ):
        pairs = []
        for old in model._default_manager.filter(policy_year=base).order_by("order", "pk"):
            new = _again(old, known)
            if new is None:
                word = model._meta.verbose_name
                missing.append(f"新规定里没有{word}“{old}”，{instead}")
            else:
                pairs.append((old.pk, new.pk))
        given[key] = [old for old, _ in pairs]
        given[f"new_{key}"] = [new for _, new in pairs]
    return given, missing


def _again(old: Any, known: Iterable[Any]) -> Any:
    """The same thing in the new rules: by name, else by a name the new rules still know."""
    for one in known:
        if one.name == old.name:
            return one
    for one in known:
        if old.name in one.aliases:
            return one
    return None


def _order(*years: PolicyYear) -> dict[str, int]:
    """Categories as they are printed, the base year's first."""
    found: dict[str, int] = {}
    for year in years:
        names = Category.objects.filter(policy_year=year).order_by("order", "pk")
        for name in names.values_list("name", flat=True):
            found.setdefault(name, len(found))
    return found
