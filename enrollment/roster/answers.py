"""What an answer lets in: rows that waited go back to staging and the way of their kind.

The same diff and apply decide and write them as did the rest of their roster, under its own
number, so that withdrawing it undoes them too. Only what it says of missing people is left out:
that was said when the roster was applied.
"""

from collections.abc import Collection
from typing import Any

import pghistory
from django.db import connection
from django.db.backends.utils import CursorWrapper

from enrollment.failure import Failure
from enrollment.models import Fate, HeldRow, Roster, RosterRow, RosterState, Stage, User
from enrollment.roster import asking, pipeline, villages
from enrollment.roster.kinds import KINDS

LET_IN = (Fate.NEW, Fate.CHANGED, Fate.NOT_IN_REGISTER, Fate.WOULD_END)
_COLUMNS = [
    str(field.column)
    for field in Stage._meta.concrete_fields
    if field.column not in asking.ELSEWHERE
]
# The entries of the rows that wait for these answers.
_THEIRS = """
    h.question_id = ANY(%(questions)s) AND r.roster_id = h.roster_id AND r.sheet = h.sheet
    AND r.row = h.row AND r.part = h.part AND r.fate = 'problems'
"""


def settle(questions: Collection[int], *, by: User) -> int:
    """Decide the rows anew that waited for these answers. Returns how many went in.

    Call it in the transaction of the answer, after it is written. Raises Failure where a roster
    of the county is being checked or applied just now.
    """
    waiting = HeldRow.objects.filter(question__in=questions)
    rosters = list(
        Roster.objects.select_related("county", "region", "policy_year", "status_kind")
        .filter(pk__in=waiting.values("roster"), state=RosterState.APPLIED)
        .order_by("pk")
    )
    if not rosters:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, %s)", [pipeline.LOCK, rosters[0].county_id]
        )
        if not cursor.fetchone()[0]:
            raise Failure("busy", "本县有名册正在核对或入库，结论还没有保存，请稍后再保存一次")
        number = 0
        for roster in rosters:
            with pghistory.context(roster=roster.pk, user=by.pk):
                number += _settle(roster, list(questions), cursor)
    return number


def remark(questions: Collection[int], sentence: str, *, roster: Roster | None = None) -> None:
    """Say something in the reasons of the rows that wait for these answers."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE enrollment_rosterrow r
            SET reason = left(concat_ws('；', r.reason, %(said)s), 300)
            FROM enrollment_heldrow h
            WHERE {_THEIRS} AND (%(roster)s::bigint IS NULL OR r.roster_id = %(roster)s)
            """,  # noqa: S608
            {
                "questions": list(questions),
                "said": sentence,
                "roster": roster.pk if roster else None,
            },
        )


def drop(questions: Collection[int], sentence: str) -> None:
    """Let the rows that wait for these answers wait no more; their reasons say why."""
    remark(questions, sentence)
    HeldRow.objects.filter(question__in=questions).delete()


def _settle(roster: Roster, questions: list[int], cursor: CursorWrapper) -> int:
    given: dict[str, Any] = {"roster": roster.pk, "questions": questions}
    if sentence := _too_late(roster):
        remark(questions, sentence, roster=roster)
        HeldRow.objects.filter(question__in=questions, roster=roster).delete()
        return 0
    cursor.execute("SELECT max(id) FROM enrollment_rosterrow")
    given["last"] = cursor.fetchone()[0]
    cursor.execute(
        f"""
        DELETE FROM enrollment_rosterrow r USING enrollment_heldrow h
        WHERE {_THEIRS} AND r.roster_id = %(roster)s
        """,  # noqa: S608
        given,
    )
    columns = ", ".join(_COLUMNS)
    cursor.execute(
        f"""
        INSERT INTO enrollment_stage
            (roster_id, sheet, row, part, code, doc_type, id_index, tail_index, id_cipher,
             {columns})
        SELECT h.roster_id, h.sheet, h.row, h.part, '', p.doc_type, p.id_index, p.tail_index,
            p.id_cipher, {", ".join(f"l.{column}" for column in _COLUMNS)}
        FROM enrollment_heldrow h
        JOIN enrollment_question q ON q.id = h.question_id
        JOIN enrollment_person p ON p.id = q.person_id
        CROSS JOIN LATERAL jsonb_populate_record(NULL::enrollment_stage, h.line) l
        WHERE h.roster_id = %(roster)s AND h.question_id = ANY(%(questions)s)
        """,  # noqa: S608
        given,
    )
    staged = cursor.rowcount
    HeldRow.objects.filter(question__in=questions, roster=roster).delete()
    kind = KINDS[roster.kind]
    villages.adopt(roster, cursor)
    kind.diff(roster, cursor)
    again = RosterRow.objects.filter(roster=roster, pk__gt=given["last"])
    if again.count() != staged:
        raise Failure("gone", "政策中已没有这一行所说的类别，不能入库；请先更正政策")
    cursor.execute(
        """
        UPDATE enrollment_rosterrow
        SET reason = left(concat_ws('；', '经核实入库', nullif(reason, '')), 300)
        WHERE roster_id = %(roster)s AND id > %(last)s AND fate = ANY(%(let_in)s)
        """,
        {**given, "let_in": list(LET_IN)},
    )
    number = cursor.rowcount
    villages.make(roster)
    kind.apply(roster, cursor)
    asking.ask(roster, cursor)
    Stage.objects.filter(roster_id=roster.pk).delete()
    pipeline.count(roster, cursor)
    roster.save(update_fields=[*Fate.values, "people", "proposals"])
    return number


def _too_late(roster: Roster) -> str:
    """Why a row of this roster may no longer go in, whatever was answered; else nothing."""
    if roster.policy_year.state in pipeline.FROZEN:
        return f"已核实，但{roster.policy_year}已结算或关闭，没有入库"
    if newer := pipeline.superseding(roster):
        return f"已核实，但更晚的全量名册（第 {newer.pk} 号）已入库，以后交的为准"
    return ""
