"""Who is meant: staged lines against the people the county knows, decided in SQL.

Names are compared without case, width and kinds of dot; what still differs is a question for
somebody who knows the person, never overwritten.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper

from enrollment import regions
from enrollment.models import Level, Roster

# Somebody whom only lists of numbers have named so far; the first register names them.
NAMELESS = "姓名未报"


def parameters(roster: Roster) -> dict[str, Any]:
    """What every statement of a roster may name."""
    region = roster.region
    nowhere = regions.placeholder(roster.county)
    return {
        "roster": roster.pk,
        "county": roster.county_id,
        "year": roster.policy_year_id,
        "kind": roster.status_kind_id,
        "town": region.pk if region.level == Level.TOWN else None,
        "village": region.pk if region.level == Level.VILLAGE else None,
        "as_of": roster.as_of,
        "nowhere": nowhere.pk,
        "nowhere_town": nowhere.parent_id,
        "nameless": NAMELESS,
    }


def carry_over(roster: Roster, cursor: CursorWrapper) -> None:
    """Give the lines whose fate was known while reading (problems, ignored) their entries."""
    cursor.execute(
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id,
             name)
        SELECT s.roster_id, s.sheet, s.row, s.part, s.fate, s.code, s.reason, p.id, s.town_id,
               s.village_id, COALESCE(s.name, '')
        FROM enrollment_stage s
        LEFT JOIN enrollment_person p
            ON p.county_id = %(county)s AND p.id_index = s.id_index AND p.doc_type = s.doc_type
        WHERE s.roster_id = %(roster)s AND s.fate IS NOT NULL
        """,
        parameters(roster),
    )


_REPEATS = """
CREATE TEMP TABLE repeats ON COMMIT DROP AS
SELECT * FROM (
    SELECT s.id, row_number() OVER same AS nth,
           first_value(s.row) OVER anywhere AS first_row,
           COALESCE(s.name = first_value(s.name) OVER anywhere, true) AS same_name,
           s.village_id IS NOT DISTINCT FROM first_value(s.village_id) OVER same
               AND s.household_number IS NOT DISTINCT FROM
                   first_value(s.household_number) OVER same AS same_home
    FROM enrollment_stage s
    JOIN (
        SELECT id_index, doc_type FROM enrollment_stage
        WHERE roster_id = %(roster)s AND fate IS NULL
        GROUP BY id_index, doc_type HAVING count(*) > 1
    ) twice USING (id_index, doc_type)
    WHERE s.roster_id = %(roster)s AND s.fate IS NULL
    WINDOW anywhere AS (
        PARTITION BY s.id_index, s.doc_type ORDER BY s.sheet, s.row, s.part
    ), same AS (
        PARTITION BY s.id_index, s.doc_type, {by} ORDER BY s.sheet, s.row, s.part
    )
) told WHERE nth > 1 OR NOT same_name
"""


def find_repeats(roster: Roster, cursor: CursorWrapper, *, by: str = "true") -> None:
    """Make the temporary table ``repeats``: lines of somebody an earlier line of the file names.

    Only the few numbers that occur twice are sorted; the whole roster need not be. ``by`` is an
    expression over staged lines (``s``): somebody may stand in a file once for each of its values,
    under one name.
    """
    cursor.execute("DROP TABLE IF EXISTS repeats")
    cursor.execute(_REPEATS.format(by=by), {"roster": roster.pk})
    cursor.execute("ANALYZE repeats")


def name_differs(line: str) -> str:
    """SQL: the line's name is not the one on record (``p``), nor a spelling said to be theirs.

    Who answered once that it is the same person is not asked again, in whatever year or list.
    """
    return f"""(
        {line}.name IS NOT NULL AND p.name IS NOT NULL AND p.name <> {line}.name
        AND p.name <> %(nameless)s
        AND upper(translate(p.name, '•・‧．∙⋅●.', '········'))
         <> upper(translate({line}.name, '•・‧．∙⋅●.', '········'))
        AND NOT EXISTS (
            SELECT FROM enrollment_question q
            WHERE q.person_id = p.id AND q.kind = 'name_differs'
                AND q.decision IN ('keep', 'take') AND {line}.name IN (q.given, q.known)
        )
    )"""


def not_same(line: str) -> str:
    """SQL: somebody answered that the line's name is another person's, and its number wrong.

    Only where the names differ at all is it looked up.
    """
    return f"""CASE WHEN {line}.name <> p.name THEN EXISTS (
        SELECT FROM enrollment_question q
        WHERE q.person_id = p.id AND q.kind = 'name_differs'
            AND q.decision = 'other' AND {line}.name = q.given
    ) ELSE false END"""


def not_named(*, place: str, also: str = "true") -> str:
    """SQL: no line of the roster names the person ``p``, who stands in ``place`` (town or village).

    A number that cannot be read may be theirs, where the name is: a typing error ends nobody.
    ``also`` narrows down which lines (``s``) speak of what would end.
    """
    level = place.partition(".")[2]
    return f"""(NOT EXISTS (
        SELECT FROM enrollment_stage s
        WHERE s.roster_id = %(roster)s AND s.id_index = p.id_index AND s.doc_type = p.doc_type
            AND {also}
    ) AND NOT EXISTS (
        SELECT FROM enrollment_stage s
        WHERE s.roster_id = %(roster)s AND s.id_index IS NULL AND s.fate = 'problems'
            AND s.name = p.name AND (s.{level} IS NULL OR s.{level} = {place})
    ))"""  # noqa: S608


# What is asked about: {given} of a question, from an entry r and its staged line s.
PAYMENT = """left(concat_ws(' ', s.amount::text || '元',
    to_char(s.paid_at AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI:SS'), s.serial), 120)"""
PLACE = """left(concat_ws('/', (SELECT g.name FROM enrollment_region g WHERE g.id = {at}.town_id),
    (SELECT g.name FROM enrollment_region g WHERE g.id = {at}.village_id)), 120)"""


def match(roster: Roster, cursor: CursorWrapper, *, by: str = "true") -> None:
    """Make the temporary table ``matched``: each undecided line with its person and place.

    Somebody the county does not know gets a reserved id and stands in the 未落实 of the town the
    line names, else of the county. ``repeated`` tells the later lines of one person in this file
    (for ``by`` see ``find_repeats``).
    """
    find_repeats(roster, cursor, by=by)
    cursor.execute("DROP TABLE IF EXISTS matched")
    cursor.execute(
        """
        CREATE TEMP TABLE matched ON COMMIT DROP AS
        WITH lines AS MATERIALIZED (
            SELECT s.*, p.id AS known_id, p.name AS known_name, p.town_id AS known_town,
                   p.village_id AS known_village,
                   p.on_roll_from IS NOT NULL AND p.on_roll_to IS NULL AS in_register,
                   {name_differs} AS name_differs,
                   {not_same} AS not_same
            FROM enrollment_stage s
            LEFT JOIN enrollment_person p
                ON p.county_id = %(county)s AND p.id_index = s.id_index
                AND p.doc_type = s.doc_type
            WHERE s.roster_id = %(roster)s AND s.fate IS NULL
        ), strangers AS MATERIALIZED (
            SELECT n.id_index, n.doc_type,
                   -- The sequence is looked up once, not for each of them.
                   nextval((SELECT pg_get_serial_sequence('enrollment_person', 'id')::regclass))
                       AS person_id
            FROM (SELECT DISTINCT id_index, doc_type FROM lines WHERE known_id IS NULL) n
        )
        SELECT l.id, l.roster_id, l.sheet, l.row, l.part, l.reason, l.name, l.day, l.note,
               l.amount, l.paid_at, l.serial, l.facts, l.town_id, l.village_id, l.known_name,
               l.in_register, l.name_differs, l.not_same,
               COALESCE(l.known_id, x.person_id) AS person_id,
               l.known_id IS NOT NULL AS known,
               COALESCE(l.known_town, l.town_id, %(nowhere_town)s) AS at_town,
               COALESCE(l.known_village, u.id, %(nowhere)s) AS at_village,
               t.id IS NOT NULL AS repeated,
               t.first_row,
               t.same_name
        FROM lines l
        LEFT JOIN strangers x
            ON l.known_id IS NULL AND x.id_index = l.id_index AND x.doc_type = l.doc_type
        LEFT JOIN enrollment_region u
            ON u.parent_id = l.town_id AND u.placeholder AND u.level = 'village'
        LEFT JOIN repeats t ON t.id = l.id
        """.format(name_differs=name_differs("s"), not_same=not_same("s")),  # noqa: S608
        parameters(roster),
    )
    cursor.execute("ANALYZE matched")


def make_strangers(roster: Roster, cursor: CursorWrapper) -> None:
    """Create the people whom the roster names and the register does not, in 未落实."""
    cursor.execute(
        """
        INSERT INTO enrollment_person
            (id, county_id, town_id, village_id, doc_type, id_index, tail_index, id_cipher, name,
             sex, birth, phone, relation, written_by_id, created_at)
        SELECT DISTINCT ON (r.person_id)
            r.person_id, %(county)s, r.town_id, r.village_id, s.doc_type, s.id_index,
            s.tail_index, s.id_cipher, COALESCE(s.name, %(nameless)s), COALESCE(s.sex, ''), s.birth,
            COALESCE(s.phone, ''), '', %(roster)s, now()
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        WHERE r.roster_id = %(roster)s AND r.fate = 'not_in_register'
            AND NOT EXISTS (SELECT FROM enrollment_person p WHERE p.id = r.person_id)
        ORDER BY r.person_id, r.sheet, r.row, r.part
        """,
        parameters(roster),
    )


def tables_of_facts() -> list[str]:
    """Every table that says something of somebody and where it counts, whichever app's it is."""
    return sorted(
        model._meta.db_table
        for model in regions.placed_models()
        if any(field.name == "person" for field in model._meta.fields)
    )


def unmake_strangers(roster: Roster, cursor: CursorWrapper) -> None:
    """Remove people this roster brought in and nothing else speaks of.

    Also those an earlier roster brought in and, when it was withdrawn, had to leave for this one.
    """
    unspoken = "".join(
        f" AND NOT EXISTS (SELECT FROM {table} f WHERE f.person_id = p.id)"
        for table in tables_of_facts()
    )
    cursor.execute(_UNMAKE + unspoken, parameters(roster))


_UNMAKE = """
DELETE FROM enrollment_person p
USING (
    SELECT DISTINCT person_id FROM enrollment_rosterrow
    WHERE roster_id = %(roster)s AND fate IN ('new', 'not_in_register', 'changed')
) r
WHERE p.id = r.person_id
    AND (p.written_by_id = %(roster)s OR p.on_roll_from IS NULL AND EXISTS (
        SELECT FROM enrollment_roster w
        WHERE w.id = p.written_by_id AND w.state = 'withdrawn'
    ))
"""
