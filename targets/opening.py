"""开新年度: last year's policy copied, looked through rule by rule, and put into force.

Nothing is invented: what a copy says is last year's, flagged 沿用上年，待核对 until somebody
confirms or changes it, and its paragraphs are said to be those of last year's notice. Dates move
by whole years; targets, and the notice's title, number and day are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import tomli_w
from django.db import models, transaction
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, User
from enrollment.pack_format import Problem, Row, Section, Tables, to_data
from targets import pack, pack_checks, versions
from targets.changes import label_of, title_of
from targets.models import CarriedRule, PolicyDraft
from targets.pack_sections import SECTIONS
from targets.spot import ELSEWHERE

LEFT_OUT = ("targets",)
_UNMOVED = {"issued_on"}
_CITED = re.compile(r"\d{4}年度文件 ")
_PRINTED_YEAR = re.compile(r"20\d\d(?=\s*年)")


@dataclass(frozen=True)
class Carried:
    """A copied rule that nobody has looked at yet."""

    table: str
    title: str
    label: str


# ------------------------------------------------------------------ copying


def clone(source: PolicyYear, *, year: int, by: User | None, address: str = "") -> PolicyYear:
    """Copy a year's policy into a new one that is being prepared. Raises Failure.

    Headings and aliases of places belong to the county and hold in every year anyway.
    """
    if not source.has_rules:
        raise Failure("no_rules", f"{source}只有历史名单，没有政策可以复制")
    if year == source.year:
        raise Failure("same_year", "新年度要与被复制的年度不同")
    if not 2000 <= year <= 2100:
        raise Failure("bad_year", f"待遇年度应在 2000 至 2100 之间，现在是 {year}")
    with transaction.atomic():
        # Held so that two clones of one year queue.
        PolicyYear.objects.select_for_update(of=("self",)).get(pk=source.pk)
        existing = PolicyYear.objects.filter(county=source.county_id, year=year).first()
        if existing is not None and existing.has_rules:
            raise Failure("year_exists", f"{existing}已经有政策，请直接修改它")
        tables = _next(pack.fetch_tables(source), source, year)
        try:
            made = pack.store(
                tables,
                existing,
                file=f"{year}年度",
                places=False,
                state=PolicyYear.State.DRAFT,
            )
        except pack.PackError as error:
            words = "；".join(str(problem) for problem in error.problems)
            raise Failure("cannot_clone", f"{source}的政策复制不了：{words}") from error
        made.regions.set(source.regions.filter(valid_to=None))
        text = pack.dump(made)
        pack.remember(made, name=f"由{source.year}年度复制", text=text)
        _flag(made)
        versions.record(
            made,
            text=text,
            source=versions.Source.CLONED,
            by=by,
            why=f"由{source.year}年度复制",
        )
        audit.record(
            "clone_year",
            by=by,
            county=made.county,
            subject=str(made),
            address=address,
            source=source.year,
            changes=CarriedRule.objects.filter(policy_year=made).count(),
        )
        made.bump()
    return made


def _next(tables: Tables, source: PolicyYear, year: int) -> Tables:
    """The rules as they are copied."""
    years = year - source.year
    living = set(source.regions.filter(valid_to=None).values_list("key", flat=True))
    copied: Tables = {}
    for section in SECTIONS:
        rows = tables[section.key]
        if section.key in LEFT_OUT:
            copied[section.key] = []
        elif section.key == "regions":
            copied[section.key] = [row for row in rows if row["key"] in living]
        elif section.key in ELSEWHERE:
            copied[section.key] = rows
        else:
            copied[section.key] = [_moved(section, row, years, source.year) for row in rows]
    (head,) = copied["year"]
    document = f"（{source.document}）" if source.document else ""
    head |= {
        "year": year,
        "title": "",
        "document": "",
        "issued_on": None,
        "based_on": "",
        "source_note": f"由{source.year}年度{document}复制，本年度文件印发后填写标题、文号",
    }
    for fee in copied["fees"]:
        fee["fiscal_prior"] = fee["fiscal"]
    return copied


def _moved(section: Section, row: Row, years: int, cited: int) -> Row:
    moved = dict(row)
    for name in section.fields:
        value = row[name]
        if isinstance(section.get(name), models.DateField) and name not in _UNMOVED:
            moved[name] = _later(value, years)
        elif value and (name == "cites" or name.endswith("_cites")):
            moved[name] = value if _CITED.match(value) else f"{cited}年度文件 {value}"
        elif section.key in ("forms", "columns"):
            moved[name] = _reprinted(value, years)
    for child in section.children:
        moved[child.key] = [_moved(child, one, years, cited) for one in row[child.key]]
    return moved


def _later(value: date | None, years: int) -> date | None:
    """The same day of a later year; 29 February becomes the 28th where there is none."""
    if value is None:
        return None
    try:
        return value.replace(year=value.year + years)
    except ValueError:
        return value.replace(year=value.year + years, day=28)


def _reprinted(value: object, years: int) -> object:
    """Years printed in the headings of the county's forms."""
    if isinstance(value, str):
        return _PRINTED_YEAR.sub(lambda found: str(int(found[0]) + years), value)
    if isinstance(value, list):
        return [_reprinted(one, years) for one in value]
    return value


# ------------------------------------------------------------------ looking through


def _flag(policy_year: PolicyYear) -> None:
    tables = pack.fetch_tables(policy_year)
    CarriedRule.objects.bulk_create(
        CarriedRule(policy_year=policy_year, table=table, label=label, digest=digest)
        for (table, label), digest in _digests(tables).items()
    )


def _digests(tables: Tables) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for section in SECTIONS:
        if section.key in ELSEWHERE or section.key in LEFT_OUT:
            continue
        for row in tables[section.key]:
            data = to_data(section, [row])
            text = tomli_w.dumps(data if section.single else data[0])
            key = (section.key, label_of(section, row))
            digest = hashlib.sha256(text.encode()).hexdigest()
            # Rules that are called alike are looked through together.
            found[key] = hashlib.sha256((found.get(key, "") + digest).encode()).hexdigest()
    return found


def carried(policy_year: PolicyYear, tables: Tables) -> list[Carried]:
    """Copied rules that are neither confirmed nor changed, in the order of the pack."""
    open_ = {
        (table, label): digest
        for table, label, digest in CarriedRule.objects.filter(
            policy_year=policy_year, confirmed_at=None
        ).values_list("table", "label", "digest")
    }
    if not open_:
        return []
    titles = {section.key: title_of(section) for section in SECTIONS}
    return [
        Carried(table, titles[table], label)
        for (table, label), digest in _digests(tables).items()
        if open_.get((table, label)) == digest
    ]


def confirm(
    policy_year: PolicyYear,
    table: str,
    labels: Iterable[str] | None = None,
    *,
    by: User,
    address: str = "",
) -> int:
    """Say that copied rules hold in the new year as they are; without labels the whole table."""
    with transaction.atomic():
        rows = CarriedRule.objects.filter(policy_year=policy_year, table=table, confirmed_at=None)
        if labels is not None:
            rows = rows.filter(label__in=list(labels))
        names = list(rows.values_list("label", flat=True))
        rows.update(confirmed_by=by, confirmed_at=timezone.now())
        if names:
            audit.record(
                "confirm_policy",
                by=by,
                county=policy_year.county,
                subject=str(policy_year),
                address=address,
                key=table,
                changes=len(names),
            )
    return len(names)


# ------------------------------------------------------------------ putting into force


def obstacles(policy_year: PolicyYear, tables: Tables) -> list[Problem]:
    """What must be done before the year can be put into force."""
    found = pack_checks.problems(tables)
    left = carried(policy_year, tables)
    for title in dict.fromkeys(one.title for one in left):
        mine = [one for one in left if one.title == title]
        found.append(Problem(mine[0].table, f"{len(mine)} 条沿用上年，还没有核对"))
    if PolicyDraft.objects.filter(policy_year=policy_year).exists():
        found.append(Problem("draft", "还有一份没有生效的修改稿"))
    return found


def activate(policy_year: PolicyYear, *, by: User | None, why: str = "", address: str = "") -> None:
    """Put a prepared year into force, for everybody to see. Raises Failure."""
    with transaction.atomic():
        year = (
            PolicyYear.objects.select_for_update(of=("self",))
            .select_related("county")
            .get(pk=policy_year.pk)
        )
        if year.state != PolicyYear.State.DRAFT:
            raise Failure("not_draft", f"{year}现在是“{year.get_state_display()}”，不能启用")
        tables = pack.fetch_tables(year)
        found = obstacles(year, tables)
        if found:
            words = "；".join(f"{problem.path} {problem.reason}" for problem in found[:5])
            more = f" 等 {len(found)} 处" if len(found) > 5 else ""
            raise Failure("not_ready", f"还不能启用：{words}{more}")
        year.state = PolicyYear.State.ACTIVE
        year.save(update_fields=["state"])
        text = pack.text_of(tables)
        versions.catch_up(year, text=text)
        versions.record(year, text=text, source=versions.Source.ACTIVATED, by=by, why=why)
        audit.record(
            "activate_year",
            by=by,
            county=year.county,
            subject=str(year),
            address=address,
            reason=why,
        )
        year.bump()
