"""户籍册: the police household register, full for a county or a town, or a supplement.

It alone says who is on the roll, where they live and in which household. What a town hands in
takes nobody off another town's roll without that town's word: such a row is a question
(迁移待确认). A county's register moves people freely.
"""

from dataclasses import replace
from typing import Any

from django.db.backends.utils import CursorWrapper

from enrollment.headings import Column
from enrollment.models import Level, Roster
from enrollment.roster import matching
from enrollment.roster.kinds import Kind, Line
from enrollment.roster.places import Places

NAME = Column("name", "姓名", ("人员姓名", "居民姓名", "名字", "姓　名"), repeated=True)
ID_NUMBER = Column(
    "id_number",
    "身份证号",
    (
        "公民身份号码", "公民身份证号码", "身份证号码", "身份证件号码", "身份证", "证件号码",
        "证件号", "居民身份证号", "居民身份证号码", "身份号码",
    ),
    required=True,
    repeated=True,
)  # fmt: skip
TOWN = Column(
    "town",
    "乡镇",
    ("乡（镇）", "镇（街）", "街道乡镇", "乡镇街", "乡镇街道", "乡镇（街道）", "镇街", "乡镇名称",
     "所属乡镇", "所在乡镇", "镇乡", "街镇", "户籍乡镇"),
)  # fmt: skip
VILLAGE = Column(
    "village",
    "村",
    ("村（居）", "村（社区）", "村社区", "行政村", "村居", "村名", "村（居）委会", "社区", "所属村",
     "居（村）委会", "村委会", "所在村", "村居委会", "村（居）名称", "行政村（社区）"),
)  # fmt: skip
PHONE = Column(
    "phone",
    "联系电话",
    ("电话", "手机", "手机号", "手机号码", "电话号码", "联系方式", "人联系电话"),
)
SEX = Column("sex", "性别", ())
NOTE = Column("note", "备注", ("说明",))

COLUMNS = (
    Column("household_number", "户号", ("户编号", "户主号", "家庭编号", "户籍号")),
    Column("relation", "与户主关系", ("与户主的关系", "户主关系", "关系")),
    replace(NAME, required=True),
    SEX,
    Column("birth", "出生日期", ("出生", "出生年月日", "出生年月")),
    ID_NUMBER,
    TOWN,
    VILLAGE,
    Column("address", "住址", ("户籍地址", "户口所在地", "家庭住址", "地址", "详细地址", "现住址")),
    PHONE,
)


def check(line: Line, places: Places) -> None:
    """A register row needs a name; a row of another town is not this hand-in's to change."""
    values = line.values
    if not values.get("name"):
        line.refuse("no_name", "缺少姓名")
    if line.problems or not places.own_town:
        return
    elsewhere = None
    if values["town_id"] != places.own_town:
        elsewhere = places.names.get(values["town_id"], "别的乡镇")
    elif places.own_village and values["village_id"] != places.own_village:
        elsewhere = places.names.get(values["village_id"], "别的村")
    if elsewhere:
        values["fate"], values["code"] = "outside_area", "outside_area"
        line.remarks.append(f"属于{elsewhere}")


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    matching.find_repeats(roster, cursor)
    given = matching.parameters(roster) | {"own_town": _own_town(roster)}
    # OFFSET 0: each step is reckoned once, not anew wherever the next ones name it.
    cursor.execute(
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id,
             name, before)
        SELECT roster_id, sheet, row, part, fate,
               CASE WHEN fate <> 'problems' THEN '' WHEN repeated THEN 'repeated'
                    WHEN name_differs AND not_same THEN 'not_same'
                    WHEN name_differs THEN 'name_differs'
                    WHEN agreed = 'stays' THEN 'stays'
                    WHEN going_to IS NOT NULL THEN 'moving'
                    ELSE 'moves_town' END,
               left(concat_ws('；',
                   CASE WHEN repeated THEN '与第' || first_row || '行同一证件号，'
                        || CASE WHEN fate = 'unchanged' THEN '内容相同，只计一次'
                           ELSE '内容不一致，请核对后只留一行' END
                   WHEN fate = 'problems' AND name_differs AND not_same
                        THEN '经核实与在册的不是同一人，请改正证件号码'
                   WHEN fate = 'problems' AND name_differs
                        THEN '在册姓名为“' || known_name || '”，与名册不一致'
                   WHEN fate = 'problems' AND agreed = 'stays'
                        THEN '经核实仍在' || from_town || '，不迁'
                   WHEN fate = 'problems' AND going_to IS NOT NULL
                        THEN '此人迁往' || going_to || '的办理待对方确认，办结后再交这一行'
                   WHEN fate = 'problems'
                        THEN '现在册于' || from_town || '，迁来须由' || from_town || '确认'
                   WHEN fate = 'changed' THEN concat_ws('、',
                        CASE WHEN moves THEN '由' || from_village || '迁来' END,
                        CASE WHEN rehoused THEN '户号变更' END,
                        CASE WHEN related THEN '与户主关系变更' END,
                        CASE WHEN rephoned THEN '联系电话变更' END,
                        CASE WHEN returns THEN '原不在册' END)
                   END, nullif(reason, '')), 300),
               CASE WHEN fate = 'new'
                    THEN nextval((
                        SELECT pg_get_serial_sequence('enrollment_person', 'id')::regclass))
                    ELSE known_id END,
               town_id, village_id, name,
               CASE WHEN fate = 'changed' THEN (
                    SELECT jsonb_build_object(
                        'town_id', p.town_id, 'village_id', p.village_id,
                        'household_id', p.household_id, 'relation', p.relation,
                        'phone', p.phone, 'on_roll_from', p.on_roll_from,
                        'on_roll_to', p.on_roll_to, 'written_by_id', p.written_by_id)
                        || CASE WHEN p.name = %(nameless)s
                           THEN jsonb_build_object('name', p.name) ELSE '{{}}' END
                    FROM enrollment_person p WHERE p.id = known_id
               ) END
        FROM (
            SELECT l.*,
                CASE
                    WHEN repeated AND same THEN 'unchanged'
                    WHEN repeated THEN 'problems'
                    WHEN known_id IS NULL THEN 'new'
                    WHEN name_differs THEN 'problems'
                    WHEN takes AND agreed IS DISTINCT FROM 'moves' THEN 'problems'
                    WHEN moves OR rehoused OR related OR rephoned OR returns THEN 'changed'
                    ELSE 'unchanged'
                END AS fate
            FROM (
                SELECT s.roster_id, s.sheet, s.row, s.part, s.reason, s.name, s.town_id,
                    e.takes,
                    CASE WHEN e.takes THEN (
                        SELECT q.decision FROM enrollment_question q
                        WHERE q.person_id = p.id AND q.kind = 'moves_town'
                            AND q.policy_year_id = %(year)s AND q.answered_at IS NOT NULL
                            AND q.given = {place}
                        ORDER BY q.answered_at DESC LIMIT 1
                    ) END AS agreed,
                    CASE WHEN e.takes THEN (
                        SELECT g.name FROM enrollment_relocation o
                        JOIN enrollment_region g ON g.id = o.to_village_id
                        WHERE o.person_id = p.id AND o.state = 'open'
                    ) END AS going_to,
                    CASE WHEN e.takes THEN (
                        SELECT g.name FROM enrollment_region g WHERE g.id = p.town_id
                    ) END AS from_town,
                    CASE WHEN u.placeholder AND p.town_id = s.town_id THEN p.village_id
                         ELSE s.village_id END AS village_id,
                    p.id AS known_id, p.name AS known_name, v.name AS from_village,
                    {name_differs} AS name_differs,
                    {not_same} AS not_same,
                    p.village_id <> s.village_id
                        AND NOT (COALESCE(u.placeholder, false) AND p.town_id = s.town_id) AS moves,
                    s.household_number IS NOT NULL
                        AND h.number IS DISTINCT FROM s.household_number AS rehoused,
                    s.relation IS NOT NULL AND p.relation <> s.relation AS related,
                    s.phone IS NOT NULL AND p.phone <> s.phone AS rephoned,
                    p.on_roll_from IS NULL OR p.on_roll_to IS NOT NULL AS returns,
                    t.id IS NOT NULL AS repeated,
                    t.first_row,
                    t.same_name AND t.same_home AS same
                FROM enrollment_stage s
                LEFT JOIN enrollment_person p
                    ON p.county_id = %(county)s AND p.id_index = s.id_index
                    AND p.doc_type = s.doc_type
                LEFT JOIN enrollment_household h ON h.id = p.household_id
                LEFT JOIN enrollment_region u ON u.id = s.village_id
                LEFT JOIN enrollment_region v ON v.id = p.village_id
                LEFT JOIN repeats t ON t.id = s.id
                CROSS JOIN LATERAL (
                    SELECT %(own_town)s::bigint IS NOT NULL AND p.town_id <> s.town_id
                        AND p.town_id <> %(nowhere_town)s
                        AND p.on_roll_from IS NOT NULL AND p.on_roll_to IS NULL AS takes
                ) e
                WHERE s.roster_id = %(roster)s AND s.fate IS NULL
                OFFSET 0
            ) l
            OFFSET 0
        ) decided
        """.format(  # noqa: S608
            name_differs=matching.name_differs("s"),
            not_same=matching.not_same("s"),
            place=matching.PLACE.format(at="s"),
        ),
        given,
    )


def missing(roster: Roster, cursor: CursorWrapper) -> None:
    """Whom the register no longer names, where it speaks for."""
    cursor.execute(
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, part, fate, code, reason, person_id, town_id, village_id, name,
             before)
        SELECT %(roster)s, 0, 0, 'would_end', '', '全量名册中没有此人', p.id, p.town_id,
               p.village_id, p.name,
               jsonb_build_object('on_roll_to', NULL, 'written_by_id', p.written_by_id)
        FROM enrollment_person p
        WHERE p.county_id = %(county)s
            AND p.on_roll_from IS NOT NULL AND p.on_roll_to IS NULL
            AND (%(town)s::bigint IS NULL OR p.town_id = %(town)s)
            AND (%(village)s::bigint IS NULL OR p.village_id = %(village)s)
            AND {not_named}
        """.format(not_named=matching.not_named(place="p.village_id")),  # noqa: S608
        matching.parameters(roster),
    )


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    """Households, then new people, changed people, and the facts that follow.

    A household stands where its head lives; only those without a head take their first member's.
    """
    given = matching.parameters(roster)
    for heads_only in (True, False):
        cursor.execute(
            """
            INSERT INTO enrollment_household
                (county_id, town_id, village_id, number, address, written_by_id)
            SELECT DISTINCT ON (s.household_number)
                %(county)s, r.town_id, r.village_id, s.household_number,
                COALESCE(s.address, ''), %(roster)s
            FROM enrollment_rosterrow r
            JOIN enrollment_stage s
                ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
                AND s.part = r.part
            WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'changed')
                AND s.household_number IS NOT NULL
                AND (s.relation = '户主' OR NOT %(heads_only)s)
                AND NOT EXISTS (
                    SELECT FROM enrollment_household h
                    WHERE h.county_id = %(county)s AND h.number = s.household_number
                )
            ORDER BY s.household_number, s.sheet, s.row
            """,
            {**given, "heads_only": heads_only},
        )
    # The first register of a place stands for the base date itself; nobody is on it before birth.
    cursor.execute(
        """
        INSERT INTO enrollment_person
            (id, county_id, town_id, village_id, doc_type, id_index, tail_index, id_cipher, name,
             sex, birth, phone, household_id, relation, on_roll_from, written_by_id, created_at)
        SELECT r.person_id, %(county)s, r.town_id, r.village_id, s.doc_type, s.id_index,
            s.tail_index, s.id_cipher, s.name, COALESCE(s.sex, ''), s.birth,
            COALESCE(s.phone, ''), h.id, COALESCE(s.relation, ''),
            GREATEST(
                CASE WHEN %(registered_all)s OR r.town_id = ANY(%(registered)s::bigint[])
                    THEN %(as_of)s::date ELSE %(first_day)s::date END, s.birth), %(roster)s, now()
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        LEFT JOIN enrollment_household h
            ON h.county_id = %(county)s AND h.number = s.household_number
        WHERE r.roster_id = %(roster)s AND r.fate = 'new'
        """,
        {**given, **_first_days(roster)},
    )
    cursor.execute(
        """
        UPDATE enrollment_person p SET
            town_id = r.town_id,
            village_id = r.village_id,
            household_id = COALESCE(h.id, p.household_id),
            name = CASE WHEN p.name = %(nameless)s THEN s.name ELSE p.name END,
            relation = COALESCE(s.relation, p.relation),
            phone = COALESCE(s.phone, p.phone),
            on_roll_from = CASE WHEN p.on_roll_from IS NULL OR p.on_roll_to IS NOT NULL
                THEN GREATEST(
                    CASE WHEN %(registered_all)s OR r.town_id = ANY(%(registered)s::bigint[])
                        THEN %(as_of)s::date ELSE %(first_day)s::date END, s.birth)
                ELSE p.on_roll_from END,
            on_roll_to = NULL,
            written_by_id = %(roster)s
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        LEFT JOIN enrollment_household h
            ON h.county_id = %(county)s AND h.number = s.household_number
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND p.id = r.person_id
        """,
        {**given, **_first_days(roster)},
    )
    _facts_follow(roster, cursor, only_staged=True)


def end(roster: Roster, cursor: CursorWrapper) -> None:
    """People who left; what is said of them stays where it stands."""
    cursor.execute(
        """
        UPDATE enrollment_person p
        SET on_roll_to = GREATEST(%(as_of)s::date, p.on_roll_from), written_by_id = %(roster)s
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'would_end' AND p.id = r.person_id
        """,
        matching.parameters(roster),
    )


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """People brought in go, changed and ended ones become what they were, untouched since only."""
    given = matching.parameters(roster)
    cursor.execute(
        """
        UPDATE enrollment_rosterrow r SET code = 'kept_back'
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'changed', 'would_end')
            AND NOT EXISTS (
                SELECT FROM enrollment_person p
                WHERE p.id = r.person_id AND p.written_by_id = %(roster)s
            )
        """,
        given,
    )
    kept = cursor.rowcount
    cursor.execute(
        """
        UPDATE enrollment_person p SET
            town_id = (r.before->>'town_id')::bigint,
            village_id = (r.before->>'village_id')::bigint,
            household_id = (r.before->>'household_id')::bigint,
            name = COALESCE(r.before->>'name', p.name),
            relation = r.before->>'relation',
            phone = r.before->>'phone',
            on_roll_from = (r.before->>'on_roll_from')::date,
            on_roll_to = (r.before->>'on_roll_to')::date,
            written_by_id = (r.before->>'written_by_id')::bigint
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND p.id = r.person_id
            AND p.written_by_id = %(roster)s
        """,
        given,
    )
    cursor.execute(
        """
        UPDATE enrollment_person p
        SET on_roll_to = NULL, written_by_id = (r.before->>'written_by_id')::bigint
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'would_end' AND p.id = r.person_id
            AND p.written_by_id = %(roster)s
        """,
        given,
    )
    _facts_follow(roster, cursor)
    matching.unmake_strangers(roster, cursor)
    # Somebody a later list or payment speaks of stays, but is no longer on the roll.
    cursor.execute(
        """
        UPDATE enrollment_person p
        SET on_roll_from = NULL, on_roll_to = NULL, household_id = NULL, relation = ''
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'new' AND p.id = r.person_id
            AND p.written_by_id = %(roster)s
        """,
        given,
    )
    # A household somebody left through a roster still in force waits for that one's withdrawal.
    cursor.execute(
        """
        DELETE FROM enrollment_household h
        USING enrollment_roster w
        WHERE h.county_id = %(county)s AND w.id = h.written_by_id
            AND (w.id = %(roster)s OR w.state = 'withdrawn')
            AND NOT EXISTS (SELECT FROM enrollment_person p WHERE p.household_id = h.id)
            AND NOT EXISTS (
                SELECT FROM enrollment_roster o
                JOIN enrollment_rosterrow r ON r.roster_id = o.id AND r.fate = 'changed'
                WHERE o.county_id = %(county)s AND o.state = 'applied' AND o.id <> %(roster)s
                    AND (r.before->>'household_id')::bigint = h.id
            )
        """,
        given,
    )
    return kept


def _first_days(roster: Roster) -> dict[str, Any]:
    """The day this register speaks for, and where: the first one of a town reaches back.

    ``registered`` are the towns an earlier register spoke of, whose newcomers are new indeed.
    """
    earlier = Roster.objects.filter(county=roster.county, kind="register", state="applied").exclude(
        pk=roster.pk
    )
    if roster.applied_at:
        # A row let in by an answer counts from the day it would have with the others.
        earlier = earlier.filter(applied_at__lt=roster.applied_at)
    base = roster.policy_year.base_date
    return {
        "registered_all": earlier.filter(region=roster.county).exists(),
        "registered": list(earlier.exclude(town=None).values_list("town", flat=True).distinct()),
        "first_day": min(roster.as_of, base) if roster.as_of and base else roster.as_of,
    }


def _own_town(roster: Roster) -> int | None:
    """The town this register speaks for, where it does not speak for the county."""
    return roster.town_id if roster.region.level in (Level.TOWN, Level.VILLAGE) else None


def _facts_follow(roster: Roster, cursor: CursorWrapper, *, only_staged: bool = False) -> None:
    """The place columns of facts go with the people who moved.

    ``only_staged``: with those of the lines being applied, not with all the roster ever moved.
    """
    given = matching.parameters(roster) | {"only_staged": only_staged}
    for table in matching.tables_of_facts():
        if table not in ("enrollment_enrollment", "enrollment_payment"):
            cursor.execute(_FOLLOW.format(table=table, lines=_LINES), given)
    for statement in _FOLLOW_ENROLMENT:
        cursor.execute(statement.format(lines=_LINES), given)


_LINES = """(NOT %(only_staged)s OR EXISTS (
    SELECT FROM enrollment_stage s
    WHERE s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row AND s.part = r.part
))"""
_FOLLOW = """
UPDATE {table} f SET town_id = p.town_id, village_id = p.village_id
FROM enrollment_rosterrow r JOIN enrollment_person p ON p.id = r.person_id
WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND {lines} AND f.person_id = p.id
    AND f.village_id <> p.village_id
"""
# Enrolments may stand in a place of their own, and payments go with them.
_FOLLOW_ENROLMENT = (
    """
    UPDATE enrollment_enrollment f SET town_id = p.town_id, village_id = p.village_id
    FROM enrollment_rosterrow r JOIN enrollment_person p ON p.id = r.person_id
    WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND {lines} AND f.person_id = p.id
        AND f.place_follows AND f.village_id <> p.village_id
    """,
    """
    UPDATE enrollment_payment f SET town_id = e.town_id, village_id = e.village_id
    FROM enrollment_rosterrow r
    JOIN enrollment_enrollment e ON e.person_id = r.person_id
    WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND {lines} AND f.person_id = e.person_id
        AND f.policy_year_id = e.policy_year_id AND f.village_id <> e.village_id
    """,
)

KIND = Kind(
    key="register",
    title="户籍册",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    missing=missing,
    end=end,
    check=check,
    plain=("name",),
    makes_villages=True,
    hint="公安户籍人口名册，可按全县或按乡镇交全量，也可补充个别人员",
)
