"""The enrolment part of a policy pack: places, departments, fees, windows, kinds of status."""

from __future__ import annotations

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
from enrollment.pack_format import Problem, Row, Section, Tables, Writer, fetch

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
        "bars_proxy",
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
    Section(
        "participants",
        Participant,
        ("text", "about", "excluded", "unemployed", "hukou", "documents", *RULE),
    ),
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
            "unit",
            "counting",
            "extension_waits",
            "exempt",
            *RULE,
        ),
        single=True,
    ),
    Section("not_stated", NotStated, ("topic", "question", "cites", "source", "note"), ("topic",)),
)
SECTIONS = (COUNTY, YEAR, REGIONS, DEPARTMENTS, *RULES)

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


def store(
    tables: Tables,
    writer: Writer,
    *,
    places: bool = True,
    state: PolicyYear.State = PolicyYear.State.ACTIVE,
) -> PolicyYear:
    """Write this part; returns the year that the other parts hang from.

    Without ``places`` the county, its towns and villages stay as they are. A year that had no
    rules yet gets ``state``.
    """
    if places:
        county = _store_county(tables["county"][0], writer)
    else:
        county = Region.objects.get(key=tables["county"][0]["key"])
        for region in Region.objects.filter(county=county):
            writer.know(region)
    policy_year = _store_year(tables["year"][0], county, state)
    if places:
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


def _store_year(row: Row, county: Region, state: PolicyYear.State) -> PolicyYear:
    policy_year = PolicyYear.objects.filter(county=county, year=row["year"]).first() or PolicyYear(
        county=county, year=row["year"]
    )
    for name in YEAR.fields:
        if name not in ("county", "year"):
            setattr(policy_year, name, row[name])
    if policy_year.state == PolicyYear.State.HISTORY or policy_year.pk is None:
        policy_year.state = state
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
        if region.parent_id not in (None, parent.pk):
            # The facts of its people would stay behind: moving a village is a verb of its own.
            writer.problems.append(
                Problem(
                    f"regions[{number}].parent",
                    f"“{region.name}”在系统里属于{region.parent}；请先在行政区划页划转",
                )
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
