"""Lists that say one thing of everybody on them: a status (职工参保, 服役 …), or being insured.

A number is enough where the register knows the rest. Somebody the register does not know is kept
in 未落实, so that the list's own total stays true; the base is not touched by them.

Statuses and the platform's list of the insured differ in their table only, so one set of
statements serves both.
"""

from functools import partial

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from enrollment.headings import Column
from enrollment.models import Roster
from enrollment.roster import matching
from enrollment.roster.kinds import Kind
from enrollment.roster.register import ID_NUMBER, NAME, NOTE, PHONE, SEX, TOWN, VILLAGE

COLUMNS = (
    NAME,
    ID_NUMBER,
    TOWN,
    VILLAGE,
    SEX,
    PHONE,
    Column(
        "day",
        "起始日期",
        ("日期", "时间", "参保时间", "参保日期", "死亡时间", "死亡日期", "入伍时间", "服刑时间",
         "收监时间", "出国时间", "登记时间", "首次参保日期", "发生时间", "起始时间", "开始时间",
         "离婚时间", "外嫁时间", "迁出时间", "核实时间"),
    ),
    NOTE,
)  # fmt: skip


class Told:
    """The table a list writes to, and what singles its rows out within the benefit year."""

    def __init__(self, table: str, *, by_kind: bool) -> None:
        self.words = {
            "table": sql.Identifier(table),
            "mine": sql.SQL("f.policy_year_id = %(year)s AND f.kind_id = %(kind)s")
            if by_kind
            else sql.SQL("f.policy_year_id = %(year)s"),
            # What a clerk put on record with a proof is not ended by a list that is silent on it.
            "unclaimed": sql.SQL(
                "NOT EXISTS (SELECT FROM enrollment_statusrecord c"
                " WHERE c.person_id = f.person_id AND c.policy_year_id = f.policy_year_id"
                " AND c.kind_id = f.kind_id AND c.ended_at IS NULL)"
            )
            if by_kind
            else sql.SQL("TRUE"),
            "kind_column": sql.SQL("kind_id, ") if by_kind else sql.SQL(""),
            "kind_value": sql.SQL("%(kind)s, ") if by_kind else sql.SQL(""),
        }

    def run(self, cursor: CursorWrapper, statement: str, roster: Roster) -> None:
        words = sql.SQL(statement).format(**self.words)
        cursor.execute(words.as_string(), matching.parameters(roster))


def diff(told: Told, roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    matching.match(roster, cursor)
    told.run(
        cursor,
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id,
             name, before)
        SELECT m.roster_id, m.sheet, m.row, m.part, m.outcome,
            CASE WHEN m.outcome <> 'problems' THEN '' WHEN m.repeated THEN 'repeated'
                 WHEN m.not_same THEN 'not_same' ELSE 'name_differs' END,
            left(concat_ws('；',
                CASE
                    WHEN m.repeated THEN '与第' || m.first_row || '行同一证件号，'
                        || CASE WHEN m.outcome = 'unchanged' THEN '只计一次' ELSE '姓名不一致' END
                    WHEN m.outcome = 'problems' AND m.not_same
                        THEN '经核实与在册的不是同一人，请改正证件号码'
                    WHEN m.outcome = 'problems'
                        THEN '在册姓名为“' || m.known_name || '”，与名册不一致'
                    WHEN m.outcome = 'outside_area' THEN '此人不在本次名册的范围内'
                    WHEN m.outcome = 'not_in_register'
                        THEN '户籍册中没有此人，记入' || v.name
                END, nullif(m.reason, '')), 300),
            m.person_id, m.at_town, m.at_village, COALESCE(m.name, m.known_name, ''),
            CASE WHEN m.outcome = 'changed' THEN m.before END
        FROM (
            SELECT m.*,
                jsonb_build_object('since', f.since, 'note', f.note,
                    'written_by_id', f.written_by_id) AS before,
                CASE
                    WHEN (%(town)s::bigint IS NOT NULL AND at_town <> %(town)s)
                        OR (%(village)s::bigint IS NOT NULL AND at_village <> %(village)s)
                        THEN 'outside_area'
                    WHEN repeated AND NOT same_name THEN 'problems'
                    WHEN repeated THEN 'unchanged'
                    WHEN name_differs THEN 'problems'
                    WHEN f.id IS NOT NULL
                        AND ((m.day IS NOT NULL AND f.since IS DISTINCT FROM m.day)
                            OR (m.note IS NOT NULL AND f.note <> m.note)) THEN 'changed'
                    WHEN f.id IS NOT NULL THEN 'unchanged'
                    WHEN NOT known OR NOT in_register THEN 'not_in_register'
                    ELSE 'new'
                END AS outcome
            FROM matched m
            LEFT JOIN {table} f
                ON {mine} AND f.person_id = m.person_id
            OFFSET 0
        ) m
        LEFT JOIN enrollment_region v ON v.id = m.at_village
        """,
        roster,
    )


def missing(told: Told, roster: Roster, cursor: CursorWrapper) -> None:
    """Whom the list no longer names, where it speaks for."""
    told.run(
        cursor,
        f"""
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, part, fate, code, reason, person_id, town_id, village_id, name,
             before)
        SELECT %(roster)s, 0, 0, 'would_end', '', '全量名单中没有此人', p.id, f.town_id,
            f.village_id, p.name,
            jsonb_build_object('since', f.since, 'note', f.note,
                'written_by_id', f.written_by_id)
        FROM {{table}} f
        JOIN enrollment_person p ON p.id = f.person_id
        WHERE {{mine}}
            AND (%(town)s::bigint IS NULL OR f.town_id = %(town)s)
            AND (%(village)s::bigint IS NULL OR f.village_id = %(village)s)
            AND {matching.not_named(place="f.town_id")}
            AND {{unclaimed}}
        """,  # noqa: S608
        roster,
    )


def apply(told: Told, roster: Roster, cursor: CursorWrapper) -> None:
    matching.make_strangers(roster, cursor)
    told.run(
        cursor,
        """
        INSERT INTO {table}
            (county_id, town_id, village_id, policy_year_id, person_id, {kind_column}since, note,
             written_by_id)
        SELECT DISTINCT ON (r.person_id)
            %(county)s, r.town_id, r.village_id, %(year)s, r.person_id, {kind_value}s.day,
            COALESCE(s.note, ''), %(roster)s
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
        ORDER BY r.person_id, r.sheet, r.row, r.part
        """,
        roster,
    )
    told.run(
        cursor,
        """
        UPDATE {table} f SET
            since = COALESCE(s.day, f.since),
            note = COALESCE(s.note, f.note),
            written_by_id = %(roster)s
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed'
            AND {mine} AND f.person_id = r.person_id
        """,
        roster,
    )


def end(told: Told, roster: Roster, cursor: CursorWrapper) -> None:
    told.run(
        cursor,
        """
        DELETE FROM {table} f
        USING enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'would_end'
            AND {mine} AND f.person_id = r.person_id
        """,
        roster,
    )


def withdraw(told: Told, roster: Roster, cursor: CursorWrapper) -> int:
    """Undo what this list wrote; what a later one wrote over is marked and stays."""
    told.run(
        cursor,
        """
        UPDATE enrollment_rosterrow r SET code = 'kept_back'
        WHERE r.roster_id = %(roster)s
            AND CASE WHEN r.fate = 'would_end' THEN EXISTS (
                    SELECT FROM {table} f WHERE {mine} AND f.person_id = r.person_id
                )
                WHEN r.fate IN ('new', 'not_in_register', 'changed') THEN NOT EXISTS (
                    SELECT FROM {table} f
                    WHERE {mine} AND f.person_id = r.person_id AND f.written_by_id = %(roster)s
                )
            END
        """,
        roster,
    )
    kept = cursor.rowcount
    told.run(
        cursor,
        """
        DELETE FROM {table} f
        USING enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
            AND {mine} AND f.person_id = r.person_id AND f.written_by_id = %(roster)s
        """,
        roster,
    )
    told.run(
        cursor,
        """
        UPDATE {table} f SET
            since = (r.before->>'since')::date,
            note = r.before->>'note',
            written_by_id = (r.before->>'written_by_id')::bigint
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed'
            AND {mine} AND f.person_id = r.person_id AND f.written_by_id = %(roster)s
        """,
        roster,
    )
    told.run(
        cursor,
        """
        INSERT INTO {table}
            (county_id, town_id, village_id, policy_year_id, person_id, {kind_column}since, note,
             written_by_id)
        SELECT %(county)s, p.town_id, p.village_id, %(year)s, p.id, {kind_value}
            (r.before->>'since')::date, r.before->>'note', (r.before->>'written_by_id')::bigint
        FROM enrollment_rosterrow r
        JOIN enrollment_person p ON p.id = r.person_id
        WHERE r.roster_id = %(roster)s AND r.fate = 'would_end'
        ON CONFLICT DO NOTHING
        """,
        roster,
    )
    matching.unmake_strangers(roster, cursor)
    return kept


STATUSES = Told("enrollment_status", by_kind=True)
COVERS = Told("enrollment_cover", by_kind=False)

STATUS = Kind(
    key="status",
    title="人员状态名单",
    columns=COLUMNS,
    diff=partial(diff, STATUSES),
    apply=partial(apply, STATUSES),
    withdraw=partial(withdraw, STATUSES),
    plain=(),
    missing=partial(missing, STATUSES),
    end=partial(end, STATUSES),
    hint="职工参保、死亡未注销、空挂户、服役等，一种状态一份名单",
)
INSURED = Kind(
    key="insured",
    title="平台参保名单",
    columns=COLUMNS,
    diff=partial(diff, COVERS),
    apply=partial(apply, COVERS),
    withdraw=partial(withdraw, COVERS),
    plain=(),
    missing=partial(missing, COVERS),
    end=partial(end, COVERS),
    hint="医保平台导出的某一年度参保人员名单，本年度或以往年度均可",
)
