"""Policy packs: one TOML file per county and year, loaded whole or not at all, and dumped again."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from enrollment import audit, pack_text
from enrollment import pack as enrollment_pack
from enrollment.models import PolicyYear
from enrollment.pack_format import Data, Problem, Reader, Row, Tables, Writer, fetch, to_data
from subsidies import pack as subsidies_pack
from targets import changes, pack_checks, page_edits, versions
from targets.models import TargetVersion
from targets.pack_sections import OWN, SECTIONS, TARGETS


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
    kept: list[str] = field(default_factory=list)
    """What the pages about places and words had added, and still says."""


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
    tables, problems = parse(raw)
    problems = problems or pack_checks.problems(tables)
    if problems:
        raise PackError(file, problems)
    return Pack(file=file, text=text, tables=tables)


def parse(raw: Data) -> tuple[Tables, list[Problem]]:
    """The tables of a pack as rows, and where types, values and references are wrong."""
    reader = Reader()
    known = {section.key for section in SECTIONS}
    for key in raw:
        if key not in known:
            reader.add(key, "没有这个表，请核对拼写")
    tables = {section.key: reader.section(section, raw.get(section.key)) for section in SECTIONS}
    reader.check_references()
    return tables, reader.problems


def as_data(tables: Tables) -> Data:
    """All tables as a pack writes them."""
    data = {section.key: to_data(section, tables[section.key]) for section in SECTIONS}
    return {key: value for key, value in data.items() if value is not None}


# ------------------------------------------------------------------ loading


def load(packs: list[Pack], *, yes: bool = False) -> list[Loaded]:
    """Load all packs in one transaction; nothing is written if one of them is refused.

    A year whose values were edited on the page since is overwritten only with ``yes``; names and
    aliases of places, and departments' words, are kept as ``page_edits`` says.
    Raises PackError or EditedSince.
    """
    with transaction.atomic():
        return [_load_one(pack, yes=yes) for pack in packs]


def _load_one(pack: Pack, *, yes: bool) -> Loaded:
    existing = enrollment_pack.lock_year(pack.tables)
    before = fetch_tables(existing) if existing else {}
    wanted: Tables = pack.tables
    kept: list[str] = []
    edited = False
    if existing is not None and (last := _last_loaded(existing)) is not None:
        # Edited is what differs from the last pack beyond what is kept anyway.
        same, _ = page_edits.keep(last=last, now=before, wanted=last)
        edited = as_data(before) != as_data(same)
        wanted, kept = page_edits.keep(last=last, now=before, wanted=pack.tables)
    elif existing is not None and existing.pack_text:
        edited = True
    else:
        wanted, kept = _with_places_kept(pack.tables)
    head = pack.tables["year"][0]
    if existing is not None:
        refuse_frozen(existing, file=pack.file)
        if as_data(before) == as_data(wanted):
            _remember(existing, pack)
            return Loaded(pack.file, head["county"], head["year"], changed=False, kept=kept)
        if edited and not yes:
            found = changes.changes(before, wanted)
            raise EditedSince(pack.file, [str(change) for change in found])
        if existing.has_rules:
            versions.catch_up(existing, text=text_of(before))
    policy_year = store(wanted, existing, file=pack.file)
    _remember(policy_year, pack)
    made = changes.changes(before, wanted)
    audit.record(
        "load_policy",
        by=None,
        county=policy_year.county,
        subject=str(policy_year),
        pack=Path(pack.file).name,
        changes=len(made),
        kept=len(kept),
    )
    versions.record(policy_year, text=dump(policy_year), source=versions.Source.PACK)
    policy_year.bump()
    return Loaded(
        pack.file,
        head["county"],
        head["year"],
        changed=True,
        differences=[str(change) for change in made],
        kept=kept,
    )


def store(
    tables: Tables,
    existing: PolicyYear | None,
    *,
    file: str,
    places: bool = True,
    state: PolicyYear.State = PolicyYear.State.ACTIVE,
) -> PolicyYear:
    """Make the year say what the tables say. Raises PackError; call it inside a transaction.

    Without ``places`` the county's towns and villages stay as their own page has them; ``state``
    is that of a year which had no rules before.
    """
    if existing is not None:
        _refuse_issued_changes(existing, tables, file=file)
    writer = Writer()
    policy_year = enrollment_pack.store(tables, writer, places=places, state=state)
    if not writer.problems:
        subsidies_pack.store(tables, writer, policy_year)
    if not writer.problems:
        for section in OWN:
            writer.store(section, tables[section.key], policy_year)
    if not writer.problems:
        writer.finish()
    if writer.problems:
        raise PackError(file, writer.problems)
    return policy_year


def refuse_frozen(policy_year: PolicyYear, *, file: str) -> None:
    """Raise PackError for a year whose policy can no longer change."""
    if policy_year.state in (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED):
        raise PackError(
            file, [Problem("year", f"该年度{policy_year.get_state_display()}，政策不能再改")]
        )


def _remember(policy_year: PolicyYear, pack: Pack) -> None:
    remember(policy_year, name=Path(pack.file).name, text=pack.text)


def remember(policy_year: PolicyYear, *, name: str, text: str) -> None:
    """Keep the pack as it came: what is changed on pages later differs from it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    PolicyYear.objects.filter(pk=policy_year.pk).update(
        pack_name=name, pack_text=text, pack_digest=digest
    )


def _with_places_kept(tables: Tables) -> tuple[Tables, list[str]]:
    """A year's first pack, with what the pages changed of places since the county's last one."""
    years = PolicyYear.objects.filter(county__key=tables["county"][0]["key"]).exclude(pack_text="")
    latest = years.order_by("-year").first()
    last = _last_loaded(latest) if latest else None
    if latest is None or last is None:
        return tables, []
    return page_edits.keep(last={**last, "categories": []}, now=fetch_tables(latest), wanted=tables)


def _last_loaded(policy_year: PolicyYear) -> Tables | None:
    """What the last loaded pack said; None without one, or where it is read no more."""
    if not policy_year.pack_text:
        return None
    try:
        return read(policy_year.pack_text, file=policy_year.pack_name).tables
    except PackError:
        return None


def _refuse_issued_changes(policy_year: PolicyYear, tables: Tables, *, file: str) -> None:
    """Issued numbers are frozen: a pack may add a version, not change one."""
    stored = fetch(TARGETS, [policy_year]).get(policy_year.pk, [])
    offered = {(row["set_by"], row["number"]): row for row in tables["targets"]}
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
        raise PackError(file, problems)


def _numbers(version: Row) -> Any:
    return (
        version["state"],
        sorted((row["region"], row["base"], row["target"]) for row in version["rows"]),
    )


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
    return text_of(fetch_tables(policy_year))


def text_of(tables: Tables) -> str:
    """Tables as the text of a pack."""
    return pack_text.write(SECTIONS, as_data(tables))
