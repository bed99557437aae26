"""我的村: the lists of people somebody still has to see, each defined once.

All lists are drawn from the same people: whom the register has here (or whom a list brought here),
who are not insured, whom no list takes out of the base, and who have not left. So they agree with
progress: ``missing`` is 应参未参, the base less the insured; ``never`` lies within it, and of
``lapsed``, ``hardship`` and the focus groups whoever stands in the base does. ``newborn`` are
mostly not in the base at all, which was counted before they were born.

The conditions are SQL over one relation, for page, command, export, printed sheet and test alike.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL
from django.utils import timezone

from enrollment import births, insured
from enrollment.failure import Failure
from enrollment.models import Birth, Cover, Payment, Person, PolicyYear, Region, StatusKind
from enrollment.models.people import PersonQuerySet
from enrollment.models.rules import FocusGroup, Window
from subsidies.models import AttributeRecord, Entitlement, EventRecord
from targets.models import Goal

MISSING, LAPSED, NEVER = "missing", "lapsed", "never"
HARDSHIP, NEWBORN, FOCUS = "hardship", "newborn", "focus:"
TITLES = {
    MISSING: "应参未参",
    LAPSED: "上年参保本年未缴",
    NEVER: "从未参保",
    HARDSHIP: "困难身份未参保",
    NEWBORN: "新生儿未参保",
}
CONDITIONS = {
    MISSING: "open.in_base",
    # With a reason on record (insured elsewhere, 本人暂不参保 …) nobody has lapsed unseen.
    LAPSED: "open.last_year AND NOT open.explained",
    NEVER: "open.in_base AND NOT open.ever",
    HARDSHIP: "open.new_identity IS NOT NULL",
    NEWBORN: "open.last_day IS NOT NULL",
}

# People of the region, whoever of them is insured or taken out, and what is known of the rest.
OPEN = """
WITH here AS MATERIALIZED (
    SELECT person.id, person.town_id, person.village_id, person.household_id, person.birth,
           coalesce(person.on_roll_from <= %(base)s AND (person.on_roll_to IS NULL
                    OR person.on_roll_to > %(base)s), FALSE) AS in_base
    FROM enrollment_person person
    WHERE person.county_id = %(county)s {scope}
        AND (person.on_roll_to IS NULL OR person.on_roll_to > least(%(base)s, %(day)s::date))
), paid AS MATERIALIZED (
    SELECT payment.person_id FROM enrollment_payment payment {paid_here}
    WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
        AND payment.paid_at <= %(cut)s
    GROUP BY payment.person_id HAVING {rule}
), told AS MATERIALIZED (
    SELECT status.person_id, bool_or(kind.bucket = ANY(%(taken_out)s)) AS taken_out,
           bool_or(kind.bucket <> ALL(%(taken_out)s)) AS explained
    FROM enrollment_status status {told_here}
    JOIN enrollment_statuskind kind ON kind.id = status.kind_id
    WHERE status.policy_year_id = %(year)s
    GROUP BY status.person_id
), before AS MATERIALIZED (
    SELECT person_id, bool_or(year = %(last_year)s) AS last_year FROM (
        SELECT cover.person_id, past.year FROM enrollment_cover cover {cover_here}
        JOIN enrollment_policyyear past ON past.id = cover.policy_year_id
        WHERE past.county_id = %(county)s AND past.year <= %(last_year)s
        UNION ALL
        SELECT payment.person_id, past.year FROM enrollment_payment payment {paid_here}
        JOIN enrollment_policyyear past ON past.id = payment.policy_year_id
        WHERE past.county_id = %(county)s AND past.year <= %(last_year)s
            AND payment.withdrawn_at IS NULL
        GROUP BY payment.person_id, past.year HAVING {rule}
    ) earlier GROUP BY person_id
), held AS MATERIALIZED (
    SELECT identity.person_id,
           bool_or(identity.recognised_on >= %(opens)s
               OR %(compared)s AND NOT EXISTS (
                   SELECT FROM subsidies_entitlement former
                   JOIN enrollment_policyyear past ON past.id = former.policy_year_id
                   WHERE past.county_id = %(county)s AND past.year = %(last_year)s
                       AND former.person_id = identity.person_id
               )) IS TRUE AS new_identity
    FROM subsidies_entitlement identity {held_here}
    JOIN subsidies_category category ON category.id = identity.category_id
    WHERE identity.policy_year_id = %(year)s AND category.purpose = 'subsidy'
        AND identity.removed_on IS NULL
        AND (identity.valid_to IS NULL OR identity.valid_to >= %(holds_on)s)
    GROUP BY identity.person_id
), born AS MATERIALIZED (
    SELECT birth.person_id, {deadline} AS last_day FROM enrollment_birth birth
    WHERE birth.policy_year_id = %(year)s AND %(has_newborn_rule)s
        AND (%(born_from)s::date IS NULL OR birth.born_on >= %(born_from)s)
        AND (%(born_to)s::date IS NULL OR birth.born_on <= %(born_to)s)
), open AS MATERIALIZED (
    SELECT here.*, coalesce(told.explained, FALSE) AS explained,
           before.person_id IS NOT NULL AS ever, coalesce(before.last_year, FALSE) AS last_year,
           held.new_identity, born.last_day{focus}
    FROM here
    LEFT JOIN paid ON paid.person_id = here.id
    LEFT JOIN told ON told.person_id = here.id
    LEFT JOIN before ON before.person_id = here.id
    LEFT JOIN held ON held.person_id = here.id
    LEFT JOIN born ON born.person_id = here.id
    {joins}
    WHERE paid.person_id IS NULL AND told.taken_out IS NOT TRUE
)
"""
# Of a town or village only its own people's rows are looked at; of a county all are at once.
FEW = "JOIN here ON here.id = {0}.person_id"
HOME = "coalesce(open.household_id, -open.id)"


@dataclass(frozen=True)
class Todo:
    """One list: whom it holds, and what must be known about it.

    ``people`` is None where nothing on record can say who belongs; ``note`` then says why.
    """

    key: str
    title: str
    people: int | None
    homes: int | None = None
    part: int = 0
    """Of the people: newly recognised (hardship), or past their days (newborn)."""
    note: str = ""
    cites: str = ""

    @property
    def focus(self) -> bool:
        return self.key.startswith(FOCUS)


@dataclass(frozen=True)
class Unit:
    """One unit below a region, with the length of each list there."""

    region: Region
    counts: dict[str, int]
    cohort: births.Cohort


@dataclass
class Worklist:
    """All lists of a region, its units, and how many births were enrolled in time."""

    policy_year: PolicyYear
    region: Region
    as_of: datetime
    todos: list[Todo]
    units: list[Unit]
    cohort: births.Cohort
    term: str
    """出生后 3 个月内; empty where the notice sets no time from birth."""
    goal: Goal | None
    """What the notice demands of the cohort."""
    asked: dict[str, Todo] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.asked = {one.key: one for one in self.todos}


def of(policy_year: PolicyYear, region: Region, *, until: datetime | None = None) -> Worklist:
    """Every list's length, in one statement, by the units below the region."""
    lists = _Lists(policy_year, region, until)
    by_unit = lists.count()
    cohorts = births.cohorts(policy_year, region, until=until)
    units = []
    if region.level != "village":
        listed = Region.objects.filter(pk__in={*by_unit, *cohorts})
        units = [
            Unit(
                one,
                {key: by_unit[one.pk][key][0] for key in lists.known} if one.pk in by_unit else {},
                cohorts.get(one.pk, births.Cohort()),
            )
            for one in listed.order_by("placeholder", "order", "key")
        ]
    todos = []
    for key, title in lists.titles.items():
        sums = [row[key] for row in by_unit.values() if key in row]
        known = key in lists.known
        todos.append(
            Todo(
                key,
                title,
                sum(one[0] for one in sums) if known else None,
                sum(one[1] for one in sums) if known and region.level != "county" else None,
                sum(one[2] for one in sums),
                lists.notes.get(key, ""),
                lists.cites.get(key, ""),
            )
        )
    goal = Goal.objects.filter(policy_year=policy_year, kind=Goal.Kind.COHORT).first()
    return Worklist(
        policy_year,
        region,
        lists.at,
        todos,
        units,
        sum(cohorts.values(), births.Cohort()),
        births.term(lists.newborn_rule) if lists.newborn_rule else "",
        goal,
    )


def people(
    policy_year: PolicyYear,
    region: Region,
    key: str,
    *,
    until: datetime | None = None,
    viewer: Any = None,
) -> PersonQuerySet:
    """The people of one list; as many as ``of`` says. Raises Failure for an unknown list.

    Nobody where nothing on record can say who belongs.
    """
    lists = _Lists(policy_year, region, until)
    if key not in lists.titles:
        known = "、".join(f"{one} {title}" for one, title in lists.titles.items())
        raise Failure("unknown_list", f"没有“{key}”这份名单（已有：{known}）")
    found = Person.objects.all()
    if viewer is not None:
        found = found.visible_to(viewer)
    if key not in lists.known:
        return found.none()
    return found.filter(pk__in=RawSQL(*lists.members(key)))


def titles(policy_year: PolicyYear) -> dict[str, str]:
    """Every list of the year by its key: the five of ours, then the notice's focus groups."""
    names = FocusGroup.objects.filter(policy_year=policy_year).values_list("name", flat=True)
    return TITLES | {f"{FOCUS}{name}": name for name in names.order_by("order", "pk")}


class _Lists:
    """The lists of one region at one moment: conditions, what they bind, what cannot be known."""

    def __init__(self, policy_year: PolicyYear, region: Region, until: datetime | None) -> None:
        self.year, self.region = policy_year, region
        self.at = until or timezone.now()
        self.day = timezone.localdate(self.at)
        self.titles = titles(policy_year)
        self.conditions = dict(CONDITIONS)
        self.notes: dict[str, str] = {}
        self.joins: list[str] = []
        self.cites: dict[str, str] = {}
        self.newborn_rule = births.rule(policy_year)
        self.values = self._values()
        self._without_past()
        self._without_births()
        if not Entitlement.objects.filter(
            policy_year=policy_year, category__purpose="subsidy"
        ).exists():
            self._unknown(HARDSHIP, "还没有各部门的资助对象名单")
        for number, group in enumerate(
            FocusGroup.objects.filter(policy_year=policy_year)
            .select_related("event")
            .prefetch_related("categories")
            .order_by("order", "pk")
        ):
            self._focus(f"{FOCUS}{group.name}", number, group)
        self.known = [key for key in self.titles if key in self.conditions]

    def _values(self) -> dict[str, Any]:
        window = Window.objects.filter(policy_year=self.year, main=True).first()
        last = self.year.year - 1
        former = Entitlement.objects.filter(
            policy_year__county=self.year.county_id, policy_year__year=last
        )
        over = self.year.benefit_to
        return {
            "year": self.year.pk,
            "county": self.year.county_id,
            "region": self.region.pk,
            "town": self.region.town_id,
            "cut": self.at,
            "day": self.day,
            "base": self.year.base_date or self.day,
            "taken_out": [str(bucket) for bucket in StatusKind.OUT_OF_BASE],
            "last_year": last,
            "opens": window.pays_from if window else date(self.year.year, 1, 1),
            "compared": former.exists(),
            "holds_on": min(self.day, over) if over else self.day,
            "has_newborn_rule": self.newborn_rule is not None,
            **births.bound(self.newborn_rule),
        }

    def _unknown(self, key: str, note: str) -> None:
        self.conditions.pop(key, None)
        self.notes[key] = note

    def _without_past(self) -> None:
        """Who is new and who has lapsed cannot be told without last year's list."""
        past = {
            "policy_year__county": self.year.county_id,
            "policy_year__year": self.values["last_year"],
        }
        if Cover.objects.filter(**past).exists() or Payment.objects.filter(**past).exists():
            return
        note = f"还没有 {self.values['last_year']} 年度参保名单，无法判断"
        self._unknown(LAPSED, note)
        self._unknown(NEVER, note)

    def _without_births(self) -> None:
        if self.newborn_rule is None:
            self._unknown(NEWBORN, "本年度政策没有规定新生儿的参保期限")
        elif not Birth.objects.filter(policy_year=self.year).exists():
            self._unknown(NEWBORN, "还没有卫健部门的出生名单")
        else:
            self.notes[NEWBORN] = f"{births.term(self.newborn_rule)}参保"
            self.cites[NEWBORN] = self.newborn_rule.cites

    def _focus(self, key: str, number: int, group: FocusGroup) -> None:
        """What is filled in must all hold; a category's list says it by itself."""
        self.cites[key] = group.cites
        parts = []
        mine = {"policy_year": self.year}
        if group.min_age is not None or group.max_age is not None:
            on = group.age_on or self.year.benefit_from or date(self.year.year, 1, 1)
            self.values[f"age_on_{number}"] = on
            age = f"date_part('year', age(%(age_on_{number})s::date, open.birth))"
            if group.min_age is not None:
                parts.append(f"{age} >= {int(group.min_age)}")
            if group.max_age is not None:
                parts.append(f"{age} <= {int(group.max_age)}")
            said = "" if group.age_on else "，文件没有写计算日"
            self.notes[key] = f"年龄按 {on:%Y-%m-%d} 计算{said}"
        if group.group_id:
            parts.append(self._told("enrollment_enrollment", "group_id", [group.group_id]))
        if group.attribute_id and AttributeRecord.objects.filter(
            **mine, attribute=group.attribute_id
        ):
            parts.append(
                self._told("subsidies_attributerecord", "attribute_id", [group.attribute_id])
            )
        if group.event_id:
            self._focus_event(key, group, parts)
        listed = [one.pk for one in group.categories.all()]
        if listed and Entitlement.objects.filter(**mine, category__in=listed).exists():
            named = self._told("subsidies_entitlement", "category_id", listed, "removed_on IS NULL")
            parts = [f"({' AND '.join(parts)}) OR {named}"] if parts else [named]
        if parts:
            self.conditions[key] = f"({' AND '.join(parts)})"
        elif key not in self.notes:
            missing = "、".join(one.name for one in group.categories.all())
            self.notes[key] = (
                f"还没有{missing}的名单" if missing else "文件没有写这一人群的范围，也没有名单"
            )

    def _focus_event(self, key: str, group: FocusGroup, parts: list[str]) -> None:
        if self.newborn_rule is not None and group.event_id == self.newborn_rule.pk:
            if NEWBORN in self.conditions:
                parts.append(CONDITIONS[NEWBORN])
            self.notes[key] = self.notes[NEWBORN]
        elif EventRecord.objects.filter(policy_year=self.year, event=group.event_id).exists():
            parts.append(self._told("subsidies_eventrecord", "event_id", [group.event_id]))

    def _told(self, table: str, column: str, wanted: list[Any], further: str = "TRUE") -> str:
        """The condition that a table of ours says one of some things of somebody."""
        name = f"told_{len(self.joins)}"
        self.values[name] = wanted
        self.joins.append(
            f"LEFT JOIN (SELECT DISTINCT person_id FROM {table}"  # noqa: S608  (constants)
            f" WHERE policy_year_id = %(year)s AND {column} = ANY(%({name})s) AND {further}) {name}"
            f" ON {name}.person_id = here.id"
        )
        return f"open.{name}"

    # -------------------------------------------------------- statements

    def _open(self) -> str:
        few = self.region.level in ("town", "village")
        here = {
            f"{name}_here": FEW.format(alias) if few else ""
            for name, alias in (
                ("paid", "payment"),
                ("told", "status"),
                ("cover", "cover"),
                ("held", "identity"),
            )
        }
        scope = {
            "town": "AND person.town_id = %(region)s",
            # With the town, so that the index on places finds the village at once.
            "village": "AND person.town_id = %(town)s AND person.village_id = %(region)s",
        }.get(self.region.level, "")
        return OPEN.format(
            scope=scope,
            rule=insured.RULE.format(cut="%(cut)s"),
            deadline=births.DEADLINE,
            focus="".join(
                f", told_{number}.person_id IS NOT NULL AS told_{number}"
                for number in range(len(self.joins))
            ),
            joins="\n    ".join(self.joins),
            **here,
        )

    def count(self) -> dict[int, dict[str, tuple[int, int, int]]]:
        """{unit: {list: (people, homes, of them new or past their days)}}; no homes of counties."""
        if not self.known:
            return {}
        homes = "0" if self.region.level == "county" else f"count(DISTINCT {HOME})"
        parts = {
            HARDSHIP: "open.new_identity",
            NEWBORN: "open.last_day < %(day)s",
        }
        counted = ", ".join(
            f"count(*) FILTER (WHERE {condition}),"
            f" {homes if homes == '0' else f'{homes} FILTER (WHERE {condition})'},"
            f" count(*) FILTER (WHERE {condition} AND {parts.get(key, 'FALSE')})"
            for key, condition in ((key, self.conditions[key]) for key in self.known)
        )
        unit = insured.place_below(self.region)
        text = f"SELECT open.{unit}, {counted} FROM open GROUP BY open.{unit}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(f"{self._open()} {text}", self.values)
            return {
                row[0]: {
                    key: (row[3 * at + 1], row[3 * at + 2], row[3 * at + 3])
                    for at, key in enumerate(self.known)
                }
                for row in cursor.fetchall()
            }

    def members(self, key: str) -> tuple[str, list[Any]]:
        """The ids of a list's people as SQL with positional values, as RawSQL takes it."""
        text = f"SELECT open.id FROM open WHERE {self.conditions[key]}"  # noqa: S608  (ours)
        return insured.positional(f"{self._open()} {text}", self.values)
