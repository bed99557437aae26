"""The enrolment part of a policy pack: places, departments, fees, windows, kinds of status."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from enrollment import regions
from enrollment.models import Level, PolicyYear, Region
from enrollment.models.rules import (
    Attribute,
    CashRule,
    Channel,
    Department,
    Duty,
    EventRule,
    Fee,
    FocusGroup,
    NotStated,
    Participant,
    PlaceRule,
    PopulationGroup,
    RegistrarRule,
    StatusKind,
    Tier,
    WaitingRule,
    Window,
)
from enrollment.pack_format import Problem, Row, Section, Writer, fetch

RULE = ("cites", "source", "note")

YEAR = Section(
    "year",
    PolicyYear,
    (
        "county",
        "year",
        "title",
        "document",
        "issued_on",
        "organ",
        "based_on",
        "source_note",
        "benefit_from",
        "benefit_to",
        "benefit_cites",
        "benefit_source",
        "midyear_refused",
        "midyear_cites",
        "base_date",
        "base_cites",
        "attribution",
        "attribution_cites",
        "attribution_source",
        "proxy_word",
        "proxy_office",
        "proxy_cites",
        "notes",
    ),
    single=True,
)
COUNTY = Section("county", Region, ("key", "name", "aliases"), single=True)
REGIONS = Section(
    "regions",
    Region,
    ("key", "name", "level", "parent", "kind", "aliases", "printed_name", "valid_from", "valid_to"),
    natural=("key",),
)
DUTIES = Section(
    "duties", Duty, ("text", "lists", "due_day", *RULE), natural=("order",), owner="department"
)
DEPARTMENTS = Section(
    "departments", Department, ("name", "short", "aliases"), natural=("name",), children=(DUTIES,)
)

PAYMENT = (
    "price",
    "start",
    "start_on",
    "wait",
    "counting",
    "counting_source",
    "benefit_to",
    "subsidised",
    "group",
    "attribute",
)
WINDOWS = Section(
    "windows",
    Window,
    ("name", "pays_from", "pays_to", "main", *PAYMENT, *RULE),
    natural=("name",),
)
EVENTS = Section(
    "events",
    EventRule,
    (
        "name",
        "aliases",
        "event_date_name",
        "within_days",
        "within_months",
        "event_from",
        "event_to",
        "pays_from",
        "pays_to",
        *PAYMENT,
        "hukou",
        "evidence",
        "conditions",
        "needs_verification",
        "exclusive",
        "late_for",
        *RULE,
    ),
    natural=("name",),
)
GROUPS = Section(
    "groups", PopulationGroup, ("name", "aliases", "definition", *RULE), natural=("name",)
)
TIERS = Section("tiers", Tier, ("name", "aliases", *RULE), natural=("name",))
FEES = Section(
    "fees",
    Fee,
    (
        "tier",
        "group",
        "personal",
        "fiscal",
        "fiscal_prior",
        "fiscal_from",
        "fiscal_cites",
        "basis",
        *RULE,
    ),
    natural=("tier", "group"),
)
STATUSES = Section(
    "statuses",
    StatusKind,
    (
        "name",
        "aliases",
        "bucket",
        "insurance",
        "sensitive",
        "public_word",
        "department",
        "form_column",
        *RULE,
    ),
    natural=("name",),
)
RULES = (
    GROUPS,
    TIERS,
    FEES,
    Section(
        "attributes",
        Attribute,
        ("name", "aliases", "definition", "evidence", *RULE),
        natural=("name",),
    ),
    WINDOWS,
    EVENTS,
    STATUSES,
    Section("participants", Participant, ("text", "excluded", "hukou", "documents", *RULE)),
    Section(
        "registrars",
        RegistrarRule,
        ("text", "offices", "registration", "hukou", "group", "documents", *RULE),
    ),
    Section("places", PlaceRule, ("text", "place", "hukou", "group", "only", *RULE)),
    Section("channels", Channel, ("name", "kind", "registration", "steps", *RULE)),
    Section(
        "focus_groups",
        FocusGroup,
        (
            "name",
            "definition",
            "min_age",
            "max_age",
            "age_on",
            "group",
            "attribute",
            "event",
            *RULE,
        ),
        natural=("name",),
    ),
    Section("cash", CashRule, ("text", "days_limit", "amount_limit", "counts", *RULE), single=True),
    Section(
        "waiting",
        WaitingRule,
        (
            "fixed_months",
            "offset",
            "floor_missed",
            "floor_months",
            "gap_from_year",
            "repairable",
            "employee_counts",
            "runs_from",
            "exempt",
            *RULE,
        ),
        single=True,
    ),
    Section("not_stated", NotStated, ("topic", "question", "cites", "source", "note"), ("topic",)),
)
SECTIONS = (COUNTY, YEAR, REGIONS, DEPARTMENTS, *RULES)

Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class Names:
    """What rows of a table may be called, name or alias, each to its row's number."""

    key: str
    rows: list[Row]

    def clashes(self, within: Callable[[Row], Any] = lambda row: None) -> Iterator[Problem]:
        """A name or alias that would mean two rows."""
        seen: dict[tuple[Any, str], int] = {}
        for number, row in enumerate(self.rows, 1):
            words = [row["name"], *row.get("aliases", [])]
            for word in dict.fromkeys(words):
                first = seen.setdefault((within(row), word), number)
                if first != number:
                    yield Problem(
                        f"{self.key}[{number}]", f"“{word}”同时是 {self.key}[{first}] 的名称或别名"
                    )


# ------------------------------------------------------------------ checks


def check(tables: Tables) -> Iterator[Problem]:
    """What is wrong with this part beyond types and references."""
    heads = list(_check_heads(tables))
    if heads:
        yield from heads
        return
    for key in ("departments", "groups", "tiers", "attributes", "events", "statuses"):
        yield from Names(key, tables[key]).clashes()
    yield from Names("regions", tables["regions"]).clashes(lambda row: row["parent"])
    yield from _check_regions(tables["regions"], tables["county"][0]["key"])
    yield from _check_fees(tables)
    yield from _check_windows(tables)
    for number, row in enumerate(tables["statuses"], 1):
        if row["sensitive"] and not row["public_word"]:
            yield Problem(f"statuses[{number}].public_word", "敏感状态必须写明页面用语")


def check_cited(sections: tuple[Section, ...], tables: Tables) -> Iterator[Problem]:
    """Every rule says where it comes from: a paragraph, or who added it."""
    for section in sections:
        for number, row in enumerate(tables[section.key], 1):
            path = section.key if section.single else f"{section.key}[{number}]"
            if "cites" in section.fields and not row["cites"] and not row["source"]:
                yield Problem(path, "没有写明出处（cites），也没有写明来源（source）")


def _check_heads(tables: Tables) -> Iterator[Problem]:
    for key in ("county", "year"):
        if not tables[key]:
            yield Problem(key, f"缺少 [{key}] 表")
    if not tables["county"] or not tables["year"]:
        return
    year = tables["year"][0]
    if year["benefit_from"] and not (year["benefit_cites"] or year["benefit_source"]):
        yield Problem("year.benefit_from", "待遇起止日没有写明出处或来源")
    if year["year"] is not None and not 2000 <= year["year"] <= 2100:
        yield Problem("year.year", f"待遇年度应在 2000 至 2100 之间，现在是 {year['year']}")
    if year["county"] != tables["county"][0]["key"]:
        yield Problem("year.county", "与 [county] 的 key 不一致")


def _check_regions(rows: list[Row], county: str) -> Iterator[Problem]:
    towns = {row["key"] for row in rows if row["level"] == Level.TOWN}
    for number, row in enumerate(rows, 1):
        path = f"regions[{number}]"
        if row["key"] == county:
            yield Problem(f"{path}.key", "与县的代码相同")
        if row["level"] not in (Level.TOWN, Level.VILLAGE):
            yield Problem(f"{path}.level", "政策包里的单位只能是 town 或 village")
        if row["level"] == Level.VILLAGE and row["parent"] not in towns:
            yield Problem(f"{path}.parent", "村（社区）必须写明所属乡镇的 key")


def _check_fees(tables: Tables) -> Iterator[Problem]:
    fees = {(row["tier"], row["group"]) for row in tables["fees"]}
    topics = {row["topic"] for row in tables["not_stated"]}
    for tier in tables["tiers"]:
        for group in tables["groups"]:
            if (tier["name"], group["name"]) not in fees:
                yield Problem("fees", f"缺少{tier['name']}、{group['name']}的筹资标准")
    for number, row in enumerate(tables["fees"], 1):
        if row["fiscal"] is None and "fiscal" not in topics:
            yield Problem(
                f"fees[{number}].fiscal",
                '没有写财政补助；文件未规定的，请在 not_stated 里列出 topic = "fiscal"',
            )


def _check_windows(tables: Tables) -> Iterator[Problem]:
    """One main window; nobody's windows overlap; a gap is named as not stated."""
    windows = list(enumerate(tables["windows"], 1))
    if [row["main"] for _, row in windows].count(True) != 1:
        yield Problem("windows", "必须有且只有一个集中参保缴费期（main = true）")
    year = tables["year"][0]["year"] if tables["year"] else None
    usable = []
    for number, row in windows:
        path = f"windows[{number}]"
        if row["pays_from"] is None or row["pays_to"] is None:
            continue
        if row["pays_from"] > row["pays_to"]:
            yield Problem(path, "缴费起始日不能晚于截止日")
            continue
        usable.append((number, row))
        if year and not date(year - 1, 1, 1) <= row["pays_from"] <= date(year, 12, 31):
            yield Problem(f"{path}.pays_from", f"不在 {year} 待遇年度的缴费期内")
    gap_named = any(row["topic"] == "window-gap" for row in tables["not_stated"])
    audiences = dict.fromkeys((row["attribute"], row["group"]) for _, row in usable)
    reported = set()
    for attribute, group in audiences:
        mine = sorted(
            (item for item in usable if _is_for(item[1], attribute, group)),
            key=lambda item: item[1]["pays_from"],
        )
        for (one, early), (two, late) in zip(mine, mine[1:], strict=False):
            if (one, two) in reported:
                continue
            reported.add((one, two))
            days = (late["pays_from"] - early["pays_to"]).days
            if days < 1:
                yield Problem(f"windows[{two}]", f"与“{early['name']}”对同一些人的缴费日期重叠")
            elif days > 1 and not gap_named:
                yield Problem(
                    f"windows[{two}]",
                    f"与“{early['name']}”之间空了 {days - 1} 天；确属文件未规定的，"
                    '请在 not_stated 里列出 topic = "window-gap"',
                )


def _is_for(row: Row, attribute: str | None, group: str | None) -> bool:
    return row["attribute"] in (None, attribute) and row["group"] in (None, group)


# ------------------------------------------------------------------ database


def lock_year(tables: Tables) -> PolicyYear | None:
    """The stored year of this pack, if any, locked so that two loads of it queue."""
    row = tables["year"][0]
    return (
        PolicyYear.objects.select_for_update(of=("self",))
        .select_related("county")
        .filter(county__key=row["county"], year=row["year"])
        .first()
    )


def store(tables: Tables, writer: Writer) -> PolicyYear:
    """Write this part; returns the year that the other parts hang from."""
    county = _store_county(tables["county"][0], writer)
    policy_year = _store_year(tables["year"][0], county)
    _store_regions(tables["regions"], county, policy_year, writer)
    _store_departments(tables["departments"], county, policy_year, writer)
    for section in RULES:
        writer.store(section, tables[section.key], policy_year)
    return policy_year


def _store_county(row: Row, writer: Writer) -> Region:
    county, _ = Region.objects.update_or_create(
        key=row["key"],
        defaults={
            "name": row["name"],
            "aliases": row["aliases"],
            "level": Level.COUNTY,
            "declared": True,
        },
    )
    if county.county_id != county.pk:
        county.county = county
        county.save(update_fields=["county"])
    writer.know(county)
    return county


def _store_year(row: Row, county: Region) -> PolicyYear:
    policy_year = PolicyYear.objects.filter(county=county, year=row["year"]).first() or PolicyYear(
        county=county, year=row["year"]
    )
    for name in YEAR.fields:
        if name not in ("county", "year"):
            setattr(policy_year, name, row[name])
    if policy_year.state == PolicyYear.State.HISTORY or policy_year.pk is None:
        policy_year.state = PolicyYear.State.ACTIVE
    policy_year.save()
    return policy_year


def _store_regions(
    rows: list[Row], county: Region, policy_year: PolicyYear, writer: Writer
) -> None:
    existing = {region.key: region for region in Region.objects.filter(county=county)}
    named = {(region.parent_id, region.name): region.key for region in existing.values()}
    taken = set(
        Region.objects.filter(key__in=[row["key"] for row in rows])
        .exclude(county=county)
        .values_list("key", flat=True)
    )
    declared = []
    for number, row in enumerate(rows, 1):
        if row["key"] in taken:
            writer.problems.append(Problem(f"regions[{number}].key", "这个代码已属于别的县"))
            continue
        region = existing.get(row["key"]) or Region(key=row["key"])
        parent = writer.index.get((Region, row["parent"])) if row["parent"] else county
        if not isinstance(parent, Region):
            writer.problems.append(
                Problem(f"regions[{number}].parent", "所属乡镇须写在它的村（社区）之前")
            )
            continue
        other = named.get((parent.pk, row["name"]), row["key"])
        if other != row["key"]:
            writer.problems.append(
                Problem(
                    f"regions[{number}].key",
                    f"系统里已有“{row['name']}”，代码是 {other}；请改用这个代码",
                )
            )
            continue
        for name in REGIONS.fields:
            if name != "parent":
                setattr(region, name, row[name])
        region.parent, region.county, region.order = parent, county, number
        region.town = parent if region.level == Level.VILLAGE else region
        region.declared = True
        if region.pk is None and region.level == Level.TOWN:
            # A town is its own town, which a row can only say once it has a number.
            region.town = None
            region.save()
            region.town = region
        region.save()
        writer.know(region)
        declared.append(region)
    policy_year.regions.set(declared)
    regions.ensure_placeholders(county)


def _store_departments(
    rows: list[Row], county: Region, policy_year: PolicyYear, writer: Writer
) -> None:
    """Departments outlive the year: they are added and renamed in place, never deleted."""
    declared = []
    for number, row in enumerate(rows, 1):
        department, _ = Department.objects.update_or_create(
            county=county,
            name=row["name"],
            defaults={"short": row["short"], "aliases": row["aliases"], "order": number},
        )
        writer.know(department)
        declared.append(department)
    policy_year.departments.set(declared)
    Duty.objects.filter(policy_year=policy_year).delete()
    duties = [
        (
            Duty(
                policy_year=policy_year,
                department=department,
                order=order,
                **{name: duty[name] for name in DUTIES.fields},
            ),
            f"departments[{number}].duties[{order}]",
        )
        for number, (department, row) in enumerate(zip(declared, rows, strict=True), 1)
        for order, duty in enumerate(row["duties"], 1)
    ]
    Duty.objects.bulk_create(duty for duty, path in duties if writer.keeps_promises(duty, path))


def fetch_tables(policy_year: PolicyYear) -> Tables:
    """This part as the database has it."""
    county = policy_year.county
    tables: Tables = {
        "county": [{name: getattr(county, name) for name in COUNTY.fields}],
        "year": [
            {
                name: county.key if name == "county" else getattr(policy_year, name)
                for name in YEAR.fields
            }
        ],
        "regions": [],
        "departments": [],
    }
    for region in policy_year.regions.select_related("parent").order_by("order", "key"):
        row = {name: getattr(region, name) for name in REGIONS.fields}
        town = region.parent if region.level == Level.VILLAGE else None
        row["parent"] = town.key if town else None
        tables["regions"].append(row)
    duties: dict[int, list[Row]] = {}
    for duty in policy_year.duty_set.order_by("order", "pk"):
        duties.setdefault(duty.department_id, []).append(
            {name: getattr(duty, name) for name in DUTIES.fields}
        )
    for department in policy_year.departments.order_by("order", "pk"):
        row = {name: getattr(department, name) for name in DEPARTMENTS.fields}
        row["duties"] = duties.get(department.pk, [])
        tables["departments"].append(row)
    for section in RULES:
        tables[section.key] = fetch(section, [policy_year]).get(policy_year.pk, [])
    return tables
