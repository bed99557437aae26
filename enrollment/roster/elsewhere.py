"""县外参保明细: who is insured outside the county, where, as villages fill the form in.

One file tells several kinds, row by row, in the words of the form's drop-down list (C94); each is
a status of the year. It adds and corrects; whom it does not name is left alone.
"""

from collections import Counter

from django.db.backends.utils import CursorWrapper

from enrollment.headings import Column
from enrollment.models import Mode, Roster, StatusKind
from enrollment.roster import matching
from enrollment.roster.kinds import Kind, Line
from enrollment.roster.register import ID_NUMBER, NAME, PHONE, TOWN, VILLAGE

WORD = Column(
    "status_word",
    "县外参保情况",
    ("县外参保情况（下拉框选择）", "参保情况", "县外参保类型", "参保类型"),
    required=True,
)
PLACE = Column(
    "note",
    "现参保地",
    (
        "现参保地（职工医保填写到单位，居民医保填写到街道，大学生填写大学名称）",
        "参保地",
        "参保单位",
    ),
)
COLUMNS = (NAME, ID_NUMBER, TOWN, VILLAGE, PHONE, WORD, PLACE)


class _Words:
    """Turns the form's word of a row into the status it means; made once for each reading."""

    def __init__(self, roster: Roster) -> None:
        self.unknown: Counter[str] = Counter()
        self.kinds: dict[str, int] = {}
        year = roster.policy_year
        self.known = [kind.name for kind in kinds_of(year.pk)]
        for kind in kinds_of(year.pk):
            for word in (kind.name, kind.form_column, *kind.aliases):
                if word:
                    self.kinds.setdefault(_plain(word), kind.pk)

    def __call__(self, line: Line) -> list[Line]:
        word = str(line.values.pop("status_word", "") or "")
        kind = self.kinds.get(_plain(word))
        if kind is not None:
            line.values["facts"] = {"kind": kind}
        elif word:
            known = "、".join(self.known)
            line.refuse("unknown_word", f"县外参保情况“{word[:30]}”不在本县的选项中（{known}）")
        else:
            line.refuse("no_word", "没有填县外参保情况")
        return [line]


def kinds_of(year_id: int) -> list[StatusKind]:
    """The statuses that say somebody is insured outside the county, in the policy's order."""
    return list(
        StatusKind.objects.filter(policy_year=year_id, bucket=StatusKind.Bucket.ELSEWHERE).order_by(
            "order", "pk"
        )
    )


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    matching.match(roster, cursor, by="s.facts->>'kind'")
    cursor.execute(
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id,
             name, before)
        SELECT m.roster_id, m.sheet, m.row, m.part, m.outcome,
            CASE WHEN m.outcome <> 'problems' THEN '' WHEN m.repeated THEN 'repeated'
                 WHEN m.not_same THEN 'not_same' ELSE 'name_differs' END,
            left(concat_ws('；', k.name,
                CASE
                    WHEN m.repeated THEN '与第' || m.first_row || '行同一证件号，'
                        || CASE WHEN m.outcome = 'unchanged' THEN '只计一次' ELSE '姓名不一致' END
                    WHEN m.outcome = 'problems' AND m.not_same
                        THEN '经核实与在册的不是同一人，请改正证件号码'
                    WHEN m.outcome = 'problems'
                        THEN '在册姓名为“' || m.known_name || '”，与名册不一致'
                    WHEN m.outcome = 'outside_area' THEN '此人不在本次名册的范围内'
                    WHEN m.outcome = 'not_in_register' THEN '户籍册中没有此人，记入' || v.name
                END, nullif(m.reason, '')), 300),
            m.person_id, m.at_town, m.at_village, COALESCE(m.name, m.known_name, ''),
            jsonb_build_object('kind_id', m.kind_id)
                || CASE WHEN m.outcome = 'changed' THEN
                    jsonb_build_object('note', m.old_note, 'written_by_id', m.old_writer)
                   ELSE '{}' END
        FROM (
            SELECT m.*, f.note AS old_note, f.written_by_id AS old_writer,
                CASE
                    WHEN (%(town)s::bigint IS NOT NULL AND at_town <> %(town)s)
                        OR (%(village)s::bigint IS NOT NULL AND at_village <> %(village)s)
                        THEN 'outside_area'
                    WHEN repeated AND NOT same_name THEN 'problems'
                    WHEN repeated THEN 'unchanged'
                    WHEN name_differs THEN 'problems'
                    WHEN f.id IS NOT NULL AND m.note IS NOT NULL AND f.note <> m.note
                        THEN 'changed'
                    WHEN f.id IS NOT NULL THEN 'unchanged'
                    WHEN NOT known OR NOT in_register THEN 'not_in_register'
                    ELSE 'new'
                END AS outcome
            FROM (SELECT *, (facts->>'kind')::bigint AS kind_id FROM matched) m
            LEFT JOIN enrollment_status f
                ON f.policy_year_id = %(year)s AND f.kind_id = m.kind_id
                AND f.person_id = m.person_id
        ) m
        LEFT JOIN enrollment_statuskind k ON k.id = m.kind_id
        LEFT JOIN enrollment_region v ON v.id = m.at_village
        """,
        matching.parameters(roster),
    )


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    given = matching.parameters(roster)
    matching.make_strangers(roster, cursor)
    cursor.execute(
        """
        INSERT INTO enrollment_status
            (county_id, town_id, village_id, policy_year_id, person_id, kind_id, note,
             written_by_id)
        SELECT DISTINCT ON (r.person_id, kind)
            %(county)s, r.town_id, r.village_id, %(year)s, r.person_id,
            (r.before->>'kind_id')::bigint AS kind, COALESCE(s.note, ''), %(roster)s
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
        ORDER BY r.person_id, kind, r.sheet, r.row, r.part
        """,
        given,
    )
    cursor.execute(
        """
        UPDATE enrollment_status f SET note = s.note, written_by_id = %(roster)s
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND f.policy_year_id = %(year)s
            AND f.kind_id = (r.before->>'kind_id')::bigint AND f.person_id = r.person_id
        """,
        given,
    )


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """Undo what this form wrote; what somebody wrote over since is marked and stays."""
    given = matching.parameters(roster)
    cursor.execute(
        """
        UPDATE enrollment_rosterrow r SET code = 'kept_back'
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register', 'changed')
            AND NOT EXISTS (
                SELECT FROM enrollment_status f
                WHERE f.policy_year_id = %(year)s AND f.person_id = r.person_id
                    AND f.kind_id = (r.before->>'kind_id')::bigint
                    AND f.written_by_id = %(roster)s
            )
        """,
        given,
    )
    kept = cursor.rowcount
    cursor.execute(
        """
        DELETE FROM enrollment_status f
        USING enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
            AND f.policy_year_id = %(year)s AND f.person_id = r.person_id
            AND f.kind_id = (r.before->>'kind_id')::bigint AND f.written_by_id = %(roster)s
        """,
        given,
    )
    cursor.execute(
        """
        UPDATE enrollment_status f
        SET note = r.before->>'note', written_by_id = (r.before->>'written_by_id')::bigint
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed'
            AND f.policy_year_id = %(year)s AND f.person_id = r.person_id
            AND f.kind_id = (r.before->>'kind_id')::bigint AND f.written_by_id = %(roster)s
        """,
        given,
    )
    matching.unmake_strangers(roster, cursor)
    return kept


def _plain(word: str) -> str:
    return "".join(word.replace("(", "（").replace(")", "）").split())


KIND = Kind(
    key="out-of-county",
    title="县外参保明细",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    split=_Words,
    ends_missing=False,
    modes=(Mode.SUPPLEMENT,),
    hint="按附件4的样式填报：县外参保情况从下拉框选，现参保地写到单位、街道或大学",
)
