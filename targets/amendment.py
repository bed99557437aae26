"""修改政策: one rule at a time, by the same loader that reads packs.

What is there is written out as a pack, one entry is put in its place, and the whole is checked
and loaded again: a page accepts exactly what a pack may say, and refuses it in the same sentence.

A change that cannot stand alone (a new fee and the subsidies that follow it) goes into the 修改稿
of the year. Nothing of it is in force until all of it takes effect in one step. While one is open
every page change goes into it.
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, User
from enrollment.models.rules import Department
from enrollment.pack_format import Data, Problem, Row, Section, Tables
from subsidies import pack as subsidies_pack
from targets import entries, pack, pack_checks, versions
from targets.changes import Change, changes, label_of, title_of
from targets.models import PolicyDraft, PolicyVersion
from targets.pack_sections import SECTIONS
from targets.spot import Spot

PAGE = "页面"


class Refused(Exception):
    """A policy that cannot be saved: every problem, and whether a 修改稿 may still hold it."""

    def __init__(self, problems: list[Problem], *, may_wait: bool) -> None:
        self.problems = problems
        self.may_wait = may_wait
        super().__init__("；".join(str(problem) for problem in problems))


class ChangedSince(Exception):
    """Somebody else changed this rule after the page was opened."""

    def __init__(self, found: list[Change], version: PolicyVersion | None) -> None:
        self.changes = found
        self.version = version
        super().__init__("这一条在您打开页面之后已被改动")


@dataclass(frozen=True)
class Working:
    """What the pages change: the rules in force, or the open 修改稿."""

    tables: Tables
    draft: PolicyDraft | None

    @property
    def data(self) -> Data:
        return pack.as_data(self.tables)


@dataclass(frozen=True)
class Preview:
    """What making a 修改稿 take effect would do, and what still stands against it."""

    draft: PolicyDraft
    changes: list[Change]
    problems: list[Problem]


# ------------------------------------------------------------------ reading


def working(policy_year: PolicyYear) -> Working:
    """The rules as the next change would find them."""
    draft = PolicyDraft.objects.filter(policy_year=policy_year).select_related("changed_by").first()
    now = pack.fetch_tables(policy_year)
    if draft is None:
        return Working(now, None)
    return Working(_merged(tables_of(draft.base), tables_of(draft.text), now), draft)


def tables_of(text: str) -> Tables:
    """The rules of a kept text, in today's format."""
    tables, _ = pack.parse(tomllib.loads(text, parse_float=Decimal))
    return tables


def preview(policy_year: PolicyYear) -> Preview | None:
    """The open 修改稿 against what is in force; None where there is none."""
    found = working(policy_year)
    if found.draft is None:
        return None
    _, problems = _checked(found.data)
    made = changes(pack.fetch_tables(policy_year), found.tables)
    return Preview(found.draft, made, problems)


def _merged(base: Tables, mine: Tables, now: Tables) -> Tables:
    """My changes on what is in force now: rules that I left alone are as they now are."""
    merged: Tables = {}
    for section in SECTIONS:
        was, is_, wanted = base[section.key], now[section.key], mine[section.key]
        if was == is_ or wanted == is_:
            merged[section.key] = wanted
            continue
        if was == wanted:
            merged[section.key] = is_
            continue
        named = [{_known(section, row, n): row for n, row in enumerate(rows)}
                 for rows in (was, is_)]  # fmt: skip
        result = []
        for n, row in enumerate(wanted):
            key = _known(section, row, n)
            untouched = named[0].get(key) == row
            if untouched and key not in named[1]:
                continue  # gone meanwhile
            result.append(named[1][key] if untouched else row)
        mine_too = {_known(section, row, n) for n, row in enumerate(wanted)}
        result += [
            row for key, row in named[1].items() if key not in named[0] and key not in mine_too
        ]
        merged[section.key] = result
    return merged


def _known(section: Section, row: Row, number: int) -> Any:
    if section.natural != ("order",):
        return tuple(row[name] for name in section.natural)
    return () if section.single else label_of(section, row) or number


# ------------------------------------------------------------------ changing


def put(
    policy_year: PolicyYear,
    spot: Spot,
    values: Data,
    *,
    was: Data | None,
    by: User,
    why: str = "",
    wait: bool = False,
    address: str = "",
) -> PolicyVersion | None:
    """Write one entry: `values` are its keys as a pack writes them, children of its own aside.

    ``was`` is the entry as the page showed it. Returns the new version; None where the change
    waits in the 修改稿 (``wait``, or one is open). Raises Refused or ChangedSince.
    """

    def change(data: Data, renames: list[list[str]]) -> str:
        rows = spot.slot(data)
        if spot.is_new or (spot.section.single and not rows):
            rows.append(dict(values))
            return f"新增{title_of(spot.section)}“{entries.shown(spot.section, values)}”"
        number = entries.find(spot, rows, was)
        found = entries.own_part(spot.section, rows[number])
        if was is not None and found != was:
            raise ChangedSince(entries.between(spot.section, was, found, data), None)
        old, new = rows[number].get("name"), values.get("name")
        aside = {key: value for key, value in rows[number].items() if key not in found}
        rows[number] = dict(values) | aside
        if old and new and old != new and spot.section.natural == ("name",):
            entries.rename(data, spot.section, old, new)
            renames.append([spot.section.key, old, new])
        return f"修改{title_of(spot.section)}“{entries.shown(spot.section, values)}”"

    return _change(policy_year, change, by=by, why=why, wait=wait, address=address)


def remove(
    policy_year: PolicyYear,
    spot: Spot,
    *,
    was: Data,
    by: User,
    why: str = "",
    wait: bool = False,
    address: str = "",
) -> PolicyVersion | None:
    """Take one entry out. Raises Refused or ChangedSince."""

    def change(data: Data, renames: list[list[str]]) -> str:
        rows = spot.slot(data)
        number = entries.find(spot, rows, was)
        if entries.own_part(spot.section, rows[number]) != was:
            raise ChangedSince(
                entries.between(
                    spot.section, was, entries.own_part(spot.section, rows[number]), data
                ),
                None,
            )
        gone = rows.pop(number)
        return f"删去{title_of(spot.section)}“{entries.shown(spot.section, gone)}”"

    return _change(policy_year, change, by=by, why=why, wait=wait, address=address)


def move(
    policy_year: PolicyYear,
    spot: Spot,
    *,
    up: bool,
    was: Data,
    by: User,
    why: str = "",
    address: str = "",
) -> PolicyVersion | None:
    """Let an entry change places with its neighbour: the order of a table means something."""

    def change(data: Data, renames: list[list[str]]) -> str:
        rows = spot.slot(data)
        number = entries.find(spot, rows, was)
        other = number - 1 if up else number + 1
        if not 0 <= other < len(rows):
            raise Failure("no_place", "已经在最前或最后，不能再移动")
        rows[number], rows[other] = rows[other], rows[number]
        return f"调整{title_of(spot.section)}“{entries.shown(spot.section, rows[other])}”的顺序"

    return _change(policy_year, change, by=by, why=why, wait=False, address=address)


def follow_fees(policy_year: PolicyYear, *, by: User, address: str = "") -> None:
    """Into the 修改稿: let the printed amounts of all subsidies follow the fees.

    Raises Failure where they already do.
    """

    def change(data: Data, renames: list[list[str]]) -> str:
        tables, _ = pack.parse(data)
        count = subsidies_pack.follow_fees(tables)
        if not count:
            raise Failure("nothing", "各类资助的金额和个人缴费已与缴费标准一致，没有改动")
        data["categories"] = pack.as_data(tables)["categories"]
        return f"按缴费标准重算 {count} 条资助标准"

    _change(policy_year, change, by=by, why="", wait=True, address=address)


def restore(
    policy_year: PolicyYear, version: PolicyVersion, *, by: User, why: str, address: str = ""
) -> PolicyVersion:
    """Make an earlier version hold again; targets and places stay as they are.

    Raises Refused, or Failure while a 修改稿 is open.
    """
    with transaction.atomic():
        year = _lock(policy_year)
        if PolicyDraft.objects.filter(policy_year=year).exists():
            raise Failure("draft_open", "还有一份没有生效的修改稿，请先使它生效或放弃，再恢复")
        before = pack.fetch_tables(year)
        wanted = tables_of(version.text)
        for key in ("county", "regions", "targets"):
            wanted[key] = before[key]
        words = f"恢复第 {version.number} 版" + (f"：{why}" if why else "")
        return _take_effect(
            year, pack.as_data(wanted), [], by=by, why=words,
            source=versions.Source.RESTORED, action="restore_policy", address=address,
        )  # fmt: skip


def publish(policy_year: PolicyYear, *, by: User, why: str, address: str = "") -> PolicyVersion:
    """Let the 修改稿 take effect, whole. Raises Refused, or Failure where none is open."""
    with transaction.atomic():
        year = _lock(policy_year)
        found = working(year)
        if found.draft is None:
            raise Failure("no_draft", "修改稿已经生效或被放弃，没有别的改动")
        renames = list(found.draft.renames)
        found.draft.delete()
        return _take_effect(
            year, found.data, renames, by=by, why=why,
            source=versions.Source.PAGE, action="edit_policy", address=address,
        )  # fmt: skip


def discard(policy_year: PolicyYear, *, by: User, address: str = "") -> None:
    """Throw the 修改稿 away; the rules in force are untouched."""
    with transaction.atomic():
        year = _lock(policy_year)
        gone, _ = PolicyDraft.objects.filter(policy_year=year).delete()
        if gone:
            audit.record(
                "discard_policy_draft",
                by=by,
                county=year.county,
                subject=str(year),
                address=address,
            )


def _change(
    policy_year: PolicyYear,
    change: Callable[[Data, list[list[str]]], str],
    *,
    by: User,
    why: str,
    wait: bool,
    address: str,
) -> PolicyVersion | None:
    with transaction.atomic():
        year = _lock(policy_year)
        found = working(year)
        data = copy.deepcopy(found.data)
        renames: list[list[str]] = list(found.draft.renames) if found.draft else []
        try:
            said = change(data, renames)
        except ChangedSince as error:
            raise ChangedSince(error.changes, versions.latest(year)) from None
        except LookupError as error:
            raise Failure("gone", "这一条已被别人删去，没有保存。请返回列表核对") from error
        entries.unlist(data)
        if wait or found.draft:
            _keep(year, found, data, renames, by=by, said=said, address=address)
            return None
        return _take_effect(
            year, data, renames, by=by, why=why, said=said,
            source=versions.Source.PAGE, action="edit_policy", address=address,
        )  # fmt: skip


def _lock(policy_year: PolicyYear) -> PolicyYear:
    """The year, held until the transaction ends. Raises Failure where its rules are closed."""
    year = (
        PolicyYear.objects.select_for_update(of=("self",))
        .select_related("county")
        .get(pk=policy_year.pk)
    )
    if year.state in (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED):
        raise Failure("year_frozen", f"{year}{year.get_state_display()}，政策不能再改")
    if not year.has_rules:
        raise Failure("no_rules", f"{year}只有历史名单，没有政策")
    return year


def _take_effect(
    year: PolicyYear,
    data: Data,
    renames: list[list[str]],
    *,
    by: User,
    why: str,
    source: str,
    action: str,
    said: str = "",
    address: str = "",
) -> PolicyVersion:
    tables, problems = _structure(data)
    if problems:
        raise Refused(problems, may_wait=False)
    problems = pack_checks.problems(tables)
    before = pack.fetch_tables(year)
    wrong = _try(year, tables, renames)
    if wrong or problems:
        raise Refused([*wrong, *problems], may_wait=not wrong)
    versions.catch_up(year, text=pack.text_of(before))
    _store(year, tables, renames)
    made = changes(before, tables)
    version = versions.record(year, text=pack.dump(year), source=source, by=by, why=why)
    audit.record(
        action,
        by=by,
        county=year.county,
        subject=said or str(year),
        address=address,
        version=version.number,
        reason=why,
        changes=len(made),
    )
    year.bump()
    return version


def _keep(
    year: PolicyYear,
    found: Working,
    data: Data,
    renames: list[list[str]],
    *,
    by: User,
    said: str,
    address: str,
) -> None:
    """Into the 修改稿: well-formed it must be; that it agrees with itself can wait."""
    tables, problems = _structure(data)
    if not problems:
        problems = _try(year, tables, renames)
    if problems:
        raise Refused(problems, may_wait=False)
    now = pack.dump(year)
    PolicyDraft.objects.update_or_create(
        policy_year=year,
        defaults={
            "base": now,
            "text": pack.text_of(tables),
            "renames": renames,
            "step": found.draft.step + 1 if found.draft else 1,
            "changed_by": by,
        },
    )
    audit.record("draft_policy", by=by, county=year.county, subject=said, address=address)


def _structure(data: Data) -> tuple[Tables, list[Problem]]:
    return pack.parse(data)


def _checked(data: Data) -> tuple[Tables, list[Problem]]:
    tables, problems = _structure(data)
    return tables, problems or pack_checks.problems(tables)


def _try(year: PolicyYear, tables: Tables, renames: list[list[str]]) -> list[Problem]:
    """What the database itself has against it; nothing stays written."""
    with transaction.atomic():
        try:
            _store(year, tables, renames)
        except pack.PackError as error:
            return error.problems
        finally:
            transaction.set_rollback(True)
    return []


def _store(year: PolicyYear, tables: Tables, renames: list[list[str]]) -> None:
    for key, old, new in renames:
        model = next(one.model for one in SECTIONS if one.key == key)
        owner = {"county": year.county} if model is Department else {"policy_year": year}
        rows = model._default_manager.filter(**owner)
        if not rows.filter(name=new).exists():
            rows.filter(name=old).update(name=new)
    pack.store(tables, year, file=PAGE, places=False)
