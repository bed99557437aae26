"""What a roster asks about, and the rows that wait for the answers.

A question is asked once: a second row of the same content joins the one that is open, and what
was answered is read by the next file (see the kinds' own diffs), not asked again.
"""

from django.db.backends.utils import CursorWrapper

from enrollment.models import HeldRow, Question, Roster
from enrollment.roster import matching

_ASKED = """
    FROM enrollment_rosterrow r
    JOIN enrollment_stage s
        ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row AND s.part = r.part
    JOIN enrollment_person p ON p.id = r.person_id
    CROSS JOIN LATERAL (
        SELECT CASE r.code WHEN 'name_differs' THEN r.name WHEN 'moves_town' THEN {to} ELSE {paid}
            END AS given,
            CASE r.code WHEN 'name_differs' THEN p.name WHEN 'moves_town' THEN {now} ELSE ''
            END AS known
    ) q
""".format(
    to=matching.PLACE.format(at="r"), now=matching.PLACE.format(at="p"), paid=matching.PAYMENT
)
_RAISED = """
    r.roster_id = %(roster)s
    AND r.code IN ('name_differs', 'moves_town', 'paid_again', 'serial_differs')
"""


def ask(roster: Roster, cursor: CursorWrapper) -> None:
    """Open a question for every staged line that raises one, and keep those that wait for it."""
    given = matching.parameters(roster)
    cursor.execute(
        f"""
        INSERT INTO enrollment_question
            (county_id, town_id, village_id, policy_year_id, kind, person_id, roster_id, row, text,
             given, known, opened_at, decision, answer, objection)
        SELECT DISTINCT ON (r.code, p.id, q.given)
            %(county)s, p.town_id, p.village_id, %(year)s, r.code, p.id, r.roster_id, r.row,
            CASE r.code
                WHEN 'name_differs' THEN '同一证件号码，名册所写姓名与在册姓名不一致'
                WHEN 'moves_town' THEN %(sender)s || '交来的户籍册上有此人，而此人在册于' || (
                    SELECT g.name FROM enrollment_region g WHERE g.id = p.town_id)
                ELSE left(r.reason, 300) END,
            q.given, q.known, now(), '', '', ''
        {_ASKED} WHERE {_RAISED}
        ORDER BY r.code, p.id, q.given, r.sheet, r.row
        ON CONFLICT DO NOTHING
        """,  # noqa: S608
        {**given, "sender": roster.region.path},
    )
    # A payment under another name is in already; what was kept out waits.
    cursor.execute(
        f"""
        INSERT INTO enrollment_heldrow (question_id, roster_id, sheet, row, part, line)
        SELECT o.id, r.roster_id, r.sheet, r.row, r.part,
            jsonb_strip_nulls(to_jsonb(s) - %(elsewhere)s::text[])
        {_ASKED}
        JOIN enrollment_question o
            ON o.policy_year_id = %(year)s AND o.kind = r.code AND o.person_id = p.id
            AND o.given = q.given AND o.answered_at IS NULL
        WHERE {_RAISED} AND r.fate = 'problems'
        """,
        {**given, "elsewhere": list(ELSEWHERE)},
    )


# Staged columns that the entry, the person or nobody needs to keep.
ELSEWHERE = (
    "id", "roster_id", "sheet", "row", "part", "fate", "code", "doc_type", "id_index",
    "tail_index", "id_cipher",
)  # fmt: skip


def unask(roster: Roster) -> None:
    """Take back what a roster asked, where no row of another roster waits for the same answer."""
    HeldRow.objects.filter(roster=roster).delete()
    mine = Question.objects.open().filter(roster=roster)
    for question in mine.filter(held__isnull=False).distinct():
        other = HeldRow.objects.filter(question=question).order_by("roster", "sheet", "row")[0]
        Question.objects.filter(pk=question.pk).update(roster=other.roster_id, row=other.row)
    mine.filter(held__isnull=True).delete()
