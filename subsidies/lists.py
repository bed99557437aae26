"""资助对象名单: departments say who holds which identity, from when to when.

Each line of a file (see ``identities``) becomes one Entitlement. A full list speaks for the
categories it names validly, and only for these it ends whom it leaves out; an exit list ends whom
it names. Nothing is deleted: ending sets ``removed_on``.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper

from enrollment.models import Level, Mode, Roster
from enrollment.roster import Kind, matching
from subsidies.identities import COLUMNS, Identities, find_topic, topics
from subsidies.models import Entitlement
from subsidies.names import BY_GRADE

# A person may stand in one file once for each category.
BY = "s.facts->>'category'"


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    matching.match(roster, cursor, by=BY)
    given = _parameters(roster)
    _run(cursor, _EXIT if roster.mode == Mode.EXIT else _LINES, given)


def missing(roster: Roster, cursor: CursorWrapper) -> None:
    """Whom the list no longer names, of the categories it speaks of."""
    _run(cursor, _MISSING, _parameters(roster))


# Parts of the statements below, put in by name.
_PARTS = {
    "to_entries": """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id, name,
             before)
    """,
    # Enough to go back: what is on record now, and which category the entry is about.
    "before": """
        jsonb_build_object('id', f.id, 'grade', f.grade, 'valid_from', f.valid_from,
            'valid_to', f.valid_to, 'recognised_on', f.recognised_on, 'removed_on', f.removed_on,
            'source_word', f.source_word, 'written_by_id', f.written_by_id)
    """,
    # Each undecided line beside what is on record of it.
    "lines": """
        SELECT m.*, c.name AS category_name, f.id AS known_id, f.removed_on,
            m.day IS NOT NULL AND f.valid_from IS DISTINCT FROM m.day AS starts_other,
            said.ends IS NOT NULL AND f.valid_to IS DISTINCT FROM said.ends AS ends_other,
            said.grade IS NOT NULL AND f.grade IS DISTINCT FROM said.grade AS grade_other,
            said.recognised IS NOT NULL AND f.recognised_on IS DISTINCT FROM said.recognised
                AS recognised_other,
            {before} || jsonb_build_object('category', c.id) AS before
        FROM matched m
        CROSS JOIN LATERAL jsonb_to_record(m.facts) AS said (
            category bigint, grade smallint, word text, recognised date, ends date
        )
        JOIN subsidies_category c ON c.id = said.category
        LEFT JOIN subsidies_entitlement f
            ON f.policy_year_id = %(year)s AND f.person_id = m.person_id
            AND f.category_id = said.category
    """,
    "elsewhere": """
        (%(town)s::bigint IS NOT NULL AND at_town <> %(town)s)
        OR (%(village)s::bigint IS NOT NULL AND at_village <> %(village)s)
    """,
    "reasons": """
        CASE WHEN %(several)s THEN m.category_name END,
        CASE
            WHEN m.repeated AND o.outcome = 'unchanged'
                THEN '与第' || m.first_row || '行同一人同一身份，只计一次'
            WHEN m.repeated AND NOT m.same_name
                THEN '与第' || m.first_row || '行同一证件号，姓名不一致'
            WHEN o.outcome = 'problems' AND m.name_differs AND m.not_same
                THEN '经核实与在册的不是同一人，请改正证件号码'
            WHEN o.outcome = 'problems' AND m.name_differs
                THEN '在册姓名为“' || m.known_name || '”，与名册不一致'
            WHEN o.outcome = 'outside_area' THEN '此人不在本次名册的范围内'
    """,
    "entry_lines": """
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        CROSS JOIN LATERAL jsonb_to_record(s.facts) AS said (
            category bigint, grade smallint, word text, recognised date, ends date
        )
        WHERE r.roster_id = %(roster)s
    """,
    "named": """
        SELECT DISTINCT (s.facts->>'category')::bigint FROM enrollment_stage s
        WHERE s.roster_id = %(roster)s AND s.fate IS NULL
    """,
    "here": """
        (%(town)s::bigint IS NULL OR f.town_id = %(town)s)
        AND (%(village)s::bigint IS NULL OR f.village_id = %(village)s)
    """,
}
_PARTS["not_named"] = matching.not_named(
    place="f.town_id",
    also="((s.facts->>'category') IS NULL OR (s.facts->>'category')::bigint = f.category_id)",
)
_PARTS["lines"] = _PARTS["lines"].format(before=_PARTS["before"])

_LINES = """
{to_entries}
SELECT m.roster_id, m.sheet, m.row, m.part, o.outcome,
    CASE WHEN o.outcome <> 'problems' THEN '' WHEN m.repeated THEN 'repeated'
         WHEN m.not_same THEN 'not_same' ELSE 'name_differs' END,
    left(concat_ws('；', {reasons}
            WHEN o.outcome = 'not_in_register' THEN '户籍册中没有此人，记入' || v.name
            WHEN o.outcome = 'changed' THEN concat_ws('、',
                CASE WHEN m.removed_on IS NOT NULL
                    THEN '原于' || m.removed_on || '退出，重新纳入' END,
                CASE WHEN m.grade_other THEN '等级变更' END,
                CASE WHEN m.starts_other THEN '纳入时间变更' END,
                CASE WHEN m.ends_other THEN '退出时间变更' END,
                CASE WHEN m.recognised_other THEN '认定时间变更' END)
        END, nullif(m.reason, '')), 300),
    m.person_id, m.at_town, m.at_village, COALESCE(m.name, m.known_name, ''), m.before
FROM ({lines}) m
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN repeated AND NOT same_name THEN 'problems'
        WHEN repeated THEN 'unchanged'
        WHEN name_differs THEN 'problems'
        WHEN {elsewhere} THEN 'outside_area'
        WHEN known_id IS NOT NULL AND (removed_on IS NOT NULL OR starts_other OR ends_other
            OR grade_other OR recognised_other) THEN 'changed'
        WHEN known_id IS NOT NULL THEN 'unchanged'
        WHEN NOT known OR NOT in_register THEN 'not_in_register'
        ELSE 'new'
    END AS outcome
) o
LEFT JOIN enrollment_region v ON v.id = m.at_village
"""
_EXIT = """
{to_entries}
SELECT m.roster_id, m.sheet, m.row, m.part, o.outcome,
    CASE WHEN o.outcome <> 'problems' THEN '' WHEN m.repeated THEN 'repeated'
         WHEN m.name_differs AND m.not_same THEN 'not_same'
         WHEN m.name_differs THEN 'name_differs' ELSE 'not_held' END,
    left(concat_ws('；', {reasons}
            WHEN o.outcome = 'problems'
                THEN '此人不在“' || m.category_name || '”名单内，无从退出'
            WHEN o.outcome = 'unchanged' THEN '已于' || m.removed_on || '退出'
        END, nullif(m.reason, '')), 300),
    CASE WHEN m.known THEN m.person_id END, m.at_town, m.at_village,
    COALESCE(m.name, m.known_name, ''), m.before
FROM ({lines}) m
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN repeated AND NOT same_name THEN 'problems'
        WHEN repeated THEN 'unchanged'
        WHEN name_differs THEN 'problems'
        WHEN {elsewhere} THEN 'outside_area'
        WHEN known_id IS NULL THEN 'problems'
        WHEN removed_on IS NOT NULL THEN 'unchanged'
        ELSE 'would_end'
    END AS outcome
) o
"""
# A department's full list of somebody else's category ends only what that department wrote.
_MISSING = """
{to_entries}
SELECT %(roster)s, 0, NULL, 0, 'would_end', '',
    concat_ws('；', CASE WHEN %(several)s THEN c.name END, '全量名单中没有此人'),
    p.id, f.town_id, f.village_id, p.name,
    {before} || jsonb_build_object('category', c.id)
FROM subsidies_entitlement f
JOIN subsidies_category c ON c.id = f.category_id
JOIN enrollment_person p ON p.id = f.person_id
LEFT JOIN enrollment_roster w ON w.id = f.written_by_id
WHERE f.policy_year_id = %(year)s AND f.removed_on IS NULL AND f.category_id IN ({named})
    AND (%(department)s::bigint IS NULL OR c.department_id IS NULL
        OR c.department_id = %(department)s OR w.department_id = %(department)s)
    AND {here}
    AND {not_named}
"""


def _run(cursor: CursorWrapper, statement: str, given: dict[str, Any]) -> None:
    cursor.execute(statement.format(**_PARTS), given)


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    given = _parameters(roster)
    if roster.mode != Mode.EXIT:
        matching.make_strangers(roster, cursor)
        first = {"full": roster.mode == Mode.FULL, "told_before": _told_before(roster)}
        _run(cursor, _INSERT, given | first)
        _run(cursor, _UPDATE, given)
    else:
        _run(cursor, _EXIT_NAMED, given)


def end(roster: Roster, cursor: CursorWrapper) -> None:
    _run(cursor, _END_MISSING, _parameters(roster))


_INSERT = """
INSERT INTO subsidies_entitlement
    (county_id, town_id, village_id, policy_year_id, person_id, category_id, grade, valid_from,
     valid_to, recognised_on, source_word, written_by_id)
SELECT DISTINCT ON (r.person_id, said.category)
    %(county)s, r.town_id, r.village_id, %(year)s, r.person_id, said.category, said.grade, s.day,
    said.ends,
    COALESCE(said.recognised,
        CASE WHEN NOT %(full)s OR said.category = ANY(%(told_before)s) THEN %(as_of)s::date END),
    COALESCE(said.word, ''), %(roster)s
{entry_lines} AND r.fate IN ('new', 'not_in_register')
ORDER BY r.person_id, said.category, r.sheet, r.row, r.part
"""
# Somebody who comes back was recognised again on the day of this list, unless it says otherwise.
_UPDATE = """
UPDATE subsidies_entitlement f SET
    grade = COALESCE(said.grade, f.grade),
    valid_from = COALESCE(s.day, f.valid_from),
    valid_to = CASE WHEN said.ends IS NOT NULL THEN said.ends
                    WHEN f.removed_on IS NULL THEN f.valid_to END,
    recognised_on = COALESCE(said.recognised,
        CASE WHEN f.removed_on IS NULL THEN f.recognised_on ELSE %(as_of)s END),
    removed_on = NULL,
    source_word = COALESCE(said.word, f.source_word),
    written_by_id = %(roster)s
{entry_lines} AND r.fate = 'changed' AND f.id = (r.before->>'id')::bigint
"""
_EXIT_NAMED = """
UPDATE subsidies_entitlement f SET
    removed_on = COALESCE(said.ends, %(as_of)s), written_by_id = %(roster)s
{entry_lines} AND r.fate = 'would_end' AND f.id = (r.before->>'id')::bigint
"""
_END_MISSING = """
UPDATE subsidies_entitlement f SET removed_on = %(as_of)s, written_by_id = %(roster)s
FROM enrollment_rosterrow r
WHERE r.roster_id = %(roster)s AND r.fate = 'would_end' AND f.id = (r.before->>'id')::bigint
"""


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """Undo what this list wrote; what a later one wrote over is marked and stays."""
    given = _parameters(roster)
    _run(cursor, _KEEP_BACK, given)
    kept = cursor.rowcount
    for statement in (_DELETE, _RESTORE):
        _run(cursor, statement, given)
    matching.unmake_strangers(roster, cursor)
    return kept


_KEEP_BACK = """
UPDATE enrollment_rosterrow r SET code = 'kept_back'
WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register', 'changed', 'would_end')
    AND NOT EXISTS (
        SELECT FROM subsidies_entitlement f
        WHERE f.policy_year_id = %(year)s AND f.person_id = r.person_id
            AND f.category_id = (r.before->>'category')::bigint AND f.written_by_id = %(roster)s
    )
"""
_DELETE = """
DELETE FROM subsidies_entitlement f
USING enrollment_rosterrow r
WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
    AND f.policy_year_id = %(year)s AND f.person_id = r.person_id
    AND f.category_id = (r.before->>'category')::bigint AND f.written_by_id = %(roster)s
"""
_RESTORE = """
UPDATE subsidies_entitlement f SET
    grade = (r.before->>'grade')::smallint,
    valid_from = (r.before->>'valid_from')::date,
    valid_to = (r.before->>'valid_to')::date,
    recognised_on = (r.before->>'recognised_on')::date,
    removed_on = (r.before->>'removed_on')::date,
    source_word = r.before->>'source_word',
    written_by_id = (r.before->>'written_by_id')::bigint
FROM enrollment_rosterrow r
WHERE r.roster_id = %(roster)s AND r.fate IN ('changed', 'would_end')
    AND f.id = (r.before->>'id')::bigint AND f.written_by_id = %(roster)s
"""


_HELD = """
SELECT count(*) FROM subsidies_entitlement f
WHERE f.policy_year_id = %(year)s AND f.removed_on IS NULL AND {here}
    AND f.category_id IN ({named})
"""


def held(roster: Roster, cursor: CursorWrapper) -> int:
    """How many hold what the exit list speaks of, where it speaks of."""
    _run(cursor, _HELD, _parameters(roster))
    return int(cursor.fetchone()[0])


def _parameters(roster: Roster) -> dict[str, Any]:
    # Where the list tells the identity row by row, the reason says which one a line is about.
    return matching.parameters(roster) | {
        "several": not roster.topic or roster.topic.startswith(BY_GRADE),
        "department": roster.department_id,
    }


def _told_before(roster: Roster) -> list[int]:
    """Categories of which an earlier list has spoken here.

    The first full list of a category is what the year starts from: whom it gives no day counts
    from always. Whoever is new on a later list, or on a supplement, counts from its day.
    """
    told = Entitlement.objects.filter(policy_year=roster.policy_year)
    # What this list or a later one wrote is no word before it: a row an answer lets in counts
    # from the day it would have counted from with the others.
    told = told.exclude(written_by__gte=roster.pk)
    if roster.region.level in (Level.TOWN, Level.VILLAGE):
        told = told.in_region(roster.region)
    return list(told.order_by().values_list("category", flat=True).distinct())


KIND = Kind(
    key="category",
    title="资助对象名单",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    missing=missing,
    end=end,
    modes=(Mode.FULL, Mode.SUPPLEMENT, Mode.EXIT),
    topics=topics,
    find_topic=find_topic,
    topic_column="identity",
    topic_word="资助对象类别",
    split=Identities,
    held=held,
    hint="民政、残联、卫健、乡村振兴等部门认定的名单，一类一份，或在表中写明每个人的身份",
    unit="人次",
)
