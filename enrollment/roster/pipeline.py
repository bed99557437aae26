"""The way of a roster: handed in → read → previewed as a diff → applied → perhaps withdrawn.

Reading is one transaction (staging, the decision, the entries with their fates) that changes
nothing but the roster itself. Applying is another: it runs under the county's lock, decides anew
if anything changed meanwhile, and writes only what differs.
"""

import re
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import pghistory
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, F, Q
from django.db.models.query import QuerySet
from django.utils import timezone

from enrollment import audit, headings, store, workbook
from enrollment.failure import Failure
from enrollment.jobs import Watch
from enrollment.models import (
    Department,
    Fate,
    HeadingMap,
    Level,
    Mode,
    PolicyYear,
    Region,
    Roster,
    RosterPage,
    RosterRow,
    RosterState,
    Stage,
    StatusKind,
    User,
)
from enrollment.roster import asking, guards, problems, reading, villages
from enrollment.roster.kinds import KINDS, Kind

# The lock of a county's bulk changes: shared while a diff is taken, exclusive while one is applied.
LOCK = 4_021
ANALYZE_FROM = 1_000
WAITS_FOR = timedelta(days=7)
KEEP_FILES = timedelta(days=180)
OVER = (
    RosterState.APPLIED,
    RosterState.WITHDRAWN,
    RosterState.REFUSED,
    RosterState.CANCELLED,
    RosterState.EXPIRED,
)
_NUMBER = re.compile(r"[0-9０-９]{14,}[XxＸｘ]?")
FROZEN = (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED)


def hand_in(
    file: BinaryIO,
    *,
    file_name: str,
    year: PolicyYear,
    kind: str,
    by: User | None,
    region: Region | None = None,
    status: StatusKind | None = None,
    topic: str = "",
    mode: str | None = None,
    as_of: date | None = None,
    department: Department | None = None,
    sheet: str = "",
    mapping: dict[str, str] | None = None,
) -> Roster:
    """Keep the file, sealed, and write down what it claims to be. Nothing is read yet.

    ``topic`` is what the whole file is about, for kinds that have topics; without one it is told
    row by row. Raises Failure where the kind, the topic or the mode cannot be.
    """
    if kind not in KINDS:
        known = "、".join(f"{k.key} {k.title}" for k in KINDS.values())
        raise Failure("unknown_kind", f"没有“{kind}”这种名册（已有：{known}）")
    described = KINDS[kind]
    mode = mode or described.modes[0]
    if mode not in described.modes:
        raise Failure("bad_mode", f"{described.title}不能按“{Mode(mode).label}”方式上传")
    if kind == "status" and status is None:
        raise Failure("status_missing", "人员状态名单须说明是哪一种状态，如 服役")
    if topic and described.find_topic:
        topic = described.find_topic(year, department, topic)
    elif topic:
        raise Failure("no_topics", f"{described.title}不分{described.topic_word}")
    if year.state in FROZEN:
        raise Failure("year_closed", f"{year}已结算或关闭，不能再交名册")
    region = region or year.county
    if region.county_id != year.county_id:
        raise Failure("foreign_region", f"{region.name}不属于{year.county.name}")
    digest, size = problems.digest(file)
    file.seek(0)
    stored = store.put(file, folder=f"{year.county.key}/{year.year}")
    with transaction.atomic():
        roster = Roster.objects.create(
            county=year.county,
            town={Level.TOWN: region, Level.VILLAGE: region.town}.get(Level(region.level)),
            village=region if region.level == Level.VILLAGE else None,
            region=region,
            policy_year=year,
            kind=kind,
            status_kind=status,
            topic=status.name if status else topic,
            mode=mode,
            as_of=as_of or (year.base_date if kind == "register" else None) or timezone.localdate(),
            department=department,
            uploaded_by=by,
            file_name=Path(file_name).name[-200:],
            file_size=size,
            sha256=digest,
            stored_as=stored,
            sheet=sheet,
            mapping=mapping or {},
        )
        audit.record(
            "hand_in", by=by, county=year.county, subject=f"roster {roster.pk}",
            file=roster.file_name, kind=kind, topic=roster.topic, region=region.key,
        )  # fmt: skip
    return roster


def read(roster: Roster, *, watch: Watch | None = None) -> Roster:
    """Read the file, decide every row's fate, and leave the roster 待确认.

    A file that cannot be read leaves it 无法读取 with the sentence; unknown headings leave it
    待对应表头. Reading again starts afresh.
    """
    watch = watch or Watch()
    if roster.state in (RosterState.APPLIED, RosterState.WITHDRAWN):
        raise Failure("already_applied", "这份名册已经入库，不能重新读取")
    kind = KINDS[roster.kind]
    try:
        with store.plaintext(roster.stored_as) as path:
            with transaction.atomic(), connection.cursor() as cursor:
                _clear(roster)
                result = reading.stage(
                    roster, kind, path, watch=watch, mapping=roster.mapping or None
                )
                RosterPage.objects.bulk_create(
                    RosterPage(roster=roster, sheet=sheet, first_row=first, sealed=sealed)
                    for sheet, first, sealed in result.pages
                )
                # Enough for the planner to see that it is large; the usual sample costs a second.
                cursor.execute("SET LOCAL default_statistics_target = 10")
                cursor.execute("ANALYZE enrollment_stage")
                roster.headings = result.headings
                roster.proposals = result.proposals
                roster.unread = result.unread_sheets
                roster.unknown_words = result.unknown_words
                watch.tell("比对在册情况")
                _decide(roster, kind, cursor)
                roster.state, roster.refusal, roster.refusal_code = RosterState.WAITING, "", ""
                roster.read_at = timezone.now()
                roster.save()
                watch.confirm()
            if roster.problems or roster.outside_area:
                watch.tell("生成问题文件")
                _keep_problems(roster, path)
    except workbook.Refused as refused:
        _refuse(roster, RosterState.REFUSED, refused.code, refused.message, watch)
    except store.FileProblem as problem:
        _refuse(roster, RosterState.REFUSED, "file_gone", str(problem), watch)
    except headings.HeadingsUnknown as unknown:
        # Where a file has no headings, its first row is taken for them, numbers and all.
        roster.headings = [_NUMBER.sub("***", heading) for heading in unknown.headings]
        sentence = _NUMBER.sub("***", unknown.message)
        if kind.topics and not roster.topic:
            sentence += f"如果整份名单是同一种{kind.topic_word}，请重新上传并写明是哪一种。"
        _refuse(roster, RosterState.HEADINGS, "headings_unknown", sentence, watch)
    return roster


def explain_headings(roster: Roster, mapping: dict[str, str], *, by: User | None) -> None:
    """Answer what the headings mean (heading → field); remembered for this department."""
    with transaction.atomic():
        HeadingMap.objects.update_or_create(
            county=roster.county,
            department=roster.department,
            kind=roster.kind,
            signature=headings.signature(roster.headings),
            defaults={"mapping": mapping, "created_by": by},
        )
        roster.mapping = mapping
        roster.state = RosterState.RECEIVED
        roster.save(update_fields=["mapping", "state"])
        audit.record(
            "explain_headings", by=by, county=roster.county, subject=f"roster {roster.pk}",
            mapping=mapping,
        )  # fmt: skip


def apply(
    roster: Roster,
    *,
    by: User | None,
    confirmed: bool = False,
    expected: dict[str, int] | None = None,
    watch: Watch | None = None,
) -> Roster:
    """Write what the preview says, in one transaction.

    ``confirmed`` answers the drop guard; ``expected`` are the counts somebody saw: where they no
    longer hold, nothing is applied and the new preview stands. Raises Failure.
    """
    watch = watch or Watch()
    kind = KINDS[roster.kind]
    if _stage_lost(roster):
        # Staging does not survive a crash of the database; the file does.
        seen = roster.counts
        read(roster, watch=watch)
        if roster.state != RosterState.WAITING:
            raise Failure("not_waiting", roster.refusal or "文件已无法读取，请重新上传")
        expected = expected or seen
    watch.tell("入库")
    moved_on = False
    with (
        transaction.atomic(),
        pghistory.context(roster=roster.pk, user=by.pk if by else None),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, roster.county_id])
        cursor.execute("SET LOCAL work_mem = '128MB'")
        # Of a roster and a year that have just begun the planner knows nothing, takes them for one
        # row, and would walk through all pairs: half a minute for 4,000 payments, not a second.
        cursor.execute("SET LOCAL enable_nestloop = off")
        # Merging and moving regions take the same row, so no row is written to a place that goes.
        Region.objects.select_for_update(no_key=True).get(pk=roster.county_id)
        roster = _ready(roster)
        if _revision(roster) != roster.read_revision:
            RosterRow.objects.filter(roster=roster)._raw_delete(using="default")
            seen = expected or roster.counts
            villages.adopt(roster, cursor)
            _decide(roster, kind, cursor)
            roster.save()
            moved_on = roster.counts != seen
        elif expected is not None:
            moved_on = roster.counts != expected
        if not moved_on:
            if roster.warning and not confirmed:
                raise Failure("confirmation_needed", roster.warning)
            villages.make(roster)
            kind.apply(roster, cursor)
            if roster.mode == Mode.FULL and kind.end:
                kind.end(roster, cursor)
            asking.ask(roster, cursor)
            roster.state, roster.applied_by = RosterState.APPLIED, by
            roster.applied_at = timezone.now()
            roster.save()
            audit.record(
                "apply_roster", by=by, county=roster.county, subject=f"roster {roster.pk}",
                kind=roster.kind, topic=roster.topic, counts=roster.counts,
            )  # fmt: skip
            PolicyYear.objects.filter(county=roster.county).update(revision=F("revision") + 1)
            Stage.objects.filter(roster_id=roster.pk).delete()
        watch.confirm()
    if moved_on:
        _renew_problems(roster)
        raise Failure(
            "preview_changed",
            "核对之后数据有了新变化，本次没有入库；请查看更新后的核对结果再确认",
        )
    return roster


def withdraw(roster: Roster, *, by: User | None, watch: Watch | None = None) -> Roster:
    """Undo what this hand-in wrote last; rows touched since stay, and are counted and listed."""
    watch = watch or Watch()
    watch.tell("撤回")
    with (
        transaction.atomic(),
        pghistory.context(roster=roster.pk, user=by.pk if by else None, withdraw=True),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, roster.county_id])
        roster = Roster.objects.select_for_update(of=("self",)).get(pk=roster.pk)
        if roster.state != RosterState.APPLIED:
            raise Failure("not_applied", "这份名册没有入库，不需要撤回")
        if roster.policy_year.state in FROZEN:
            raise Failure("year_closed", f"{roster.policy_year}已结算或关闭，名册不能撤回")
        asking.unask(roster)
        roster.kept_back = KINDS[roster.kind].withdraw(roster, cursor)
        villages.unmake(roster, cursor)
        roster.state, roster.withdrawn_by = RosterState.WITHDRAWN, by
        roster.withdrawn_at = timezone.now()
        roster.save()
        audit.record(
            "withdraw_roster", by=by, county=roster.county, subject=f"roster {roster.pk}",
            kept_back=roster.kept_back,
        )  # fmt: skip
        PolicyYear.objects.filter(county=roster.county).update(revision=F("revision") + 1)
        watch.confirm()
    return roster


@transaction.atomic
def discard(roster: Roster, *, by: User | None) -> None:
    """Put a preview aside; the file stays for its term, nothing else does."""
    roster = Roster.objects.select_for_update(of=("self",)).get(pk=roster.pk)
    if roster.state in (RosterState.APPLIED, RosterState.WITHDRAWN):
        raise Failure("already_applied", "这份名册已经入库；如需撤销请用“撤回”")
    _clear(roster)
    roster.state = RosterState.CANCELLED
    roster.save(update_fields=["state"])
    audit.record("discard_roster", by=by, county=roster.county, subject=f"roster {roster.pk}")


def expire() -> int:
    """Previews nobody answered for a week lapse. Returns how many."""
    stale = Roster.objects.filter(
        state__in=[RosterState.WAITING, RosterState.HEADINGS, RosterState.RECEIVED],
        uploaded_at__lt=timezone.now() - WAITS_FOR,
    )
    count = 0
    for pk in list(stale.values_list("pk", flat=True)):
        with transaction.atomic():
            # One being applied is locked, and one applied meanwhile no longer stale.
            locked = stale.select_for_update(skip_locked=True, of=("self",))
            roster = locked.filter(pk=pk).first()
            if roster is None or roster.jobs.active().exists():
                continue
            _clear(roster)
            roster.state = RosterState.EXPIRED
            roster.save(update_fields=["state"])
            count += 1
    return count


def forget_files() -> int:
    """Delete originals and problem files past their term; the rows' own cells stay, sealed.

    Returns how many rosters lost a file. Each deletion is on record.
    """
    old = Roster.objects.exclude(stored_as="").filter(
        uploaded_at__lt=timezone.now() - KEEP_FILES, state__in=OVER
    )
    count = 0
    for roster in old.select_related("county"):
        with transaction.atomic():
            names = [name for name in (roster.stored_as, roster.problems_as) if name]
            roster.stored_as = roster.problems_as = ""
            roster.save(update_fields=["stored_as", "problems_as"])
            audit.record(
                "forget_file", by=None, county=roster.county, subject=f"roster {roster.pk}"
            )
        for name in names:
            store.remove(name)
        count += 1
    return count


def entries(roster: Roster, fate: str | None = None) -> QuerySet[RosterRow]:
    """The roster's entries of one fate, in the order of the file."""
    rows = RosterRow.objects.filter(roster=roster)
    return (rows.filter(fate=fate) if fate else rows).order_by("sheet", "row", "part", "pk")


def by_town(roster: Roster) -> list[dict[str, Any]]:
    """Entries per town and fate: [{"town_id": …, "new": n, …}], in printed order."""
    counted = (
        RosterRow.objects.filter(roster=roster)
        .exclude(fate=Fate.IGNORED)
        .values("town_id")
        .annotate(**{fate: Count("pk", filter=Q(fate=fate)) for fate in Fate.values})
    )
    order = {
        pk: number
        for number, pk in enumerate(
            Region.objects.filter(county=roster.county, level=Level.TOWN).values_list(
                "pk", flat=True
            )
        )
    }
    return sorted(map(dict, counted), key=lambda row: order.get(row["town_id"], len(order)))


def _decide(roster: Roster, kind: Kind, cursor: CursorWrapper) -> None:
    """Give every staged line its entry and fate, and count them. Under the shared lock."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LOCK, roster.county_id])
    # A county is hashed and sorted here; the server's usual 4 MB would go through the disk.
    cursor.execute("SET LOCAL work_mem = '128MB'")
    roster.read_revision = _revision(roster)
    kind.diff(roster, cursor)
    if roster.mode == Mode.FULL and kind.missing:
        kind.missing(roster, cursor)
    count(roster, cursor)
    if (roster.rows or 0) > ANALYZE_FROM:
        # Statistics that have never seen this roster promise one row of it, and applying then
        # joins tens of thousands of rows one by one.
        cursor.execute("ANALYZE enrollment_rosterrow")
    if roster.mode == Mode.EXIT:
        held = kind.held(roster, cursor) if kind.held else 0
        roster.warning = guards.leaving(roster, held) if kind.held else ""
    else:
        roster.warning = guards.ending(roster, cursor) if kind.ends_missing else ""


def count(roster: Roster, cursor: CursorWrapper) -> None:
    """Count the entries by fate, and the people, into the roster's own columns; not saved."""
    cursor.execute(
        "SELECT fate, count(*) FROM enrollment_rosterrow WHERE roster_id = %s GROUP BY fate",
        [roster.pk],
    )
    found = dict(cursor.fetchall())
    for fate in Fate.values:
        setattr(roster, fate, found.get(fate, 0))
    cursor.execute(
        """
        SELECT count(*) FROM (
            SELECT DISTINCT person_id FROM enrollment_rosterrow
            WHERE roster_id = %s AND row IS NOT NULL AND person_id IS NOT NULL
        ) people
        """,
        [roster.pk],
    )
    roster.people = cursor.fetchone()[0]


def _ready(roster: Roster) -> Roster:
    """The roster's row, locked, if it may be applied now."""
    roster = (
        Roster.objects.select_for_update(of=("self",))
        .select_related("county", "region", "policy_year", "status_kind")
        .get(pk=roster.pk)
    )
    if roster.state != RosterState.WAITING:
        raise Failure("not_waiting", f"这份名册{roster.get_state_display()}，不能入库")
    if roster.policy_year.state in FROZEN:
        raise Failure("year_closed", f"{roster.policy_year}已结算或关闭，不能入库")
    if newer := superseding(roster):
        raise Failure(
            "superseded",
            f"已有更晚交来的全量名册（{newer.file_name}，第 {newer.pk} 号）入库，"
            "本册不能再入库；如确需以本册为准，请重新上传",
        )
    return roster


def superseding(roster: Roster) -> Roster | None:
    """The full list handed in later for the same slice and applied, where this is a full list."""
    if roster.mode != Mode.FULL:
        return None
    later = Roster.objects.filter(
        county=roster.county,
        kind=roster.kind,
        topic=roster.topic,
        region=roster.region,
        mode=Mode.FULL,
        state=RosterState.APPLIED,
        pk__gt=roster.pk,
    )
    if roster.kind != "register":
        later = later.filter(policy_year=roster.policy_year)
    if KINDS[roster.kind].topics and not roster.topic:
        # Told row by row, each department speaks for its own.
        later = later.filter(department=roster.department)
    return later.first()


def _revision(roster: Roster) -> int:
    return PolicyYear.objects.values_list("revision", flat=True).get(pk=roster.policy_year_id)


def _stage_lost(roster: Roster) -> bool:
    staged = Stage.objects.filter(roster_id=roster.pk).count()
    # Those a full list no longer names have no line of their own; those on an exit list have.
    without = 0 if roster.mode == Mode.EXIT else roster.would_end or 0
    return roster.state == RosterState.WAITING and staged != (roster.rows or 0) - without


def _clear(roster: Roster) -> None:
    """Forget what an earlier reading of this roster left. The file goes when that is certain."""
    Stage.objects.filter(roster_id=roster.pk).delete()
    RosterRow.objects.filter(roster=roster).delete()
    RosterPage.objects.filter(roster=roster).delete()
    if roster.problems_as:
        transaction.on_commit(partial(store.remove, roster.problems_as))
        roster.problems_as = ""


@transaction.atomic
def _refuse(roster: Roster, state: str, code: str, sentence: str, watch: Watch) -> None:
    roster.refresh_from_db(fields=["problems_as"])
    _clear(roster)
    roster.state, roster.refusal_code, roster.refusal = state, code, sentence
    roster.save()
    watch.confirm()


def _renew_problems(roster: Roster) -> None:
    """Write the problem file anew where the fates it tells of are no longer those of the preview.

    Without the original there is none: better no file than one that says something else.
    """
    stale, roster.problems_as = roster.problems_as, ""
    try:
        if (roster.problems or roster.outside_area) and roster.stored_as:
            with store.plaintext(roster.stored_as) as path:
                _keep_problems(roster, path)
    except (store.FileProblem, workbook.Refused):
        roster.problems_as = ""
    roster.save(update_fields=["problems_as"])
    if stale:
        store.remove(stale)


def _keep_problems(roster: Roster, path: Path) -> None:
    with store.scratch(suffix=".xlsx") as scratch:
        problems.write(roster, path, scratch)
        with scratch.open("rb") as made:
            roster.problems_as = store.put(
                made, folder=f"{roster.county.key}/{roster.policy_year.year}"
            )
    roster.save(update_fields=["problems_as"])
