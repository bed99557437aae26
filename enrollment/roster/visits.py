"""走访表: sheets carried out of the office, filled in without a connection and handed in.

A row is told by its sealed key and says which call it was made after. Where somebody recorded
another call meanwhile, nothing is written: the row is listed with what is on record. Rows nobody
filled in are passed over.
"""

from datetime import date
from typing import Any

from django.db import models
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from enrollment import cells, visits
from enrollment.cells import CellError
from enrollment.headings import Column
from enrollment.models import Mode, Roster, Visit
from enrollment.roster import matching
from enrollment.roster.kinds import Kind, Line
from enrollment.roster.places import Places
from enrollment.roster.register import NOTE

COLUMNS = (
    Column("known_as", "姓名", ()),
    Column("day", "走访日期", ("日期",)),
    Column("visitor", "走访人", ("走访人员",)),
    Column("method", "方式", ("走访方式",)),
    Column("result", "结果", ("走访结果",)),
    NOTE,
    Column("again", "下次走访日期", ("下次走访",)),
    Column("person_key", "人员编码", (), required=True),
    Column("version", "版本", (), required=True),
)
FILLED = ("day", "visitor", "method", "result", "note", "again")


def check(line: Line, places: Places) -> None:
    """Who is meant, and what was filled in; a row with neither date nor result is passed over."""
    values = line.values
    name = values.pop("known_as", "")
    told = {field: values.get(field) for field in FILLED}
    for field in ("visitor", "method", "result", "again", "person_key", "version"):
        told[field] = values.pop(field, None)
    values["name"] = str(name)[:60]
    if not any(told[field] for field in ("day", "method", "result", "note", "again")):
        line.problems.clear()
        values["fate"] = "ignored"
        line.remarks.append("没有填写")
        return
    facts: dict[str, Any] = {}
    try:
        facts["year"], facts["person"] = visits.person_of(str(told["person_key"] or ""))
        facts["version"] = int(str(told["version"]))
        if not 0 <= facts["version"] <= models.BigIntegerField.MAX_BIGINT:
            raise ValueError
    except ValueError:
        line.refuse("bad_key", "人员编码或版本不对，不是本系统发出的走访表，或被改动过")
    facts["method"] = _choice(line, "方式", told["method"] or Visit.Method.DOOR.label, Visit.Method)
    facts["result"] = _choice(line, "结果", told["result"], Visit.Result)
    facts["visitor"] = str(told["visitor"] or "")[:60]
    if not told["visitor"]:
        line.refuse("no_visitor", "缺少走访人")
    _dates(line, told["day"], told["again"], facts)
    if facts["result"] == Visit.Result.OTHER and not told["note"]:
        line.refuse("no_note", "结果是“其他”的，请写明说明")
    values["facts"] = facts


def _choice(line: Line, title: str, said: object, choices: Any) -> str:
    text = cells.text(said) if said else ""
    for value, label in choices.choices:
        if text in (label, value, label.partition("（")[0], label.partition("，")[0]):
            return value
    if text:
        line.refuse("bad_choice", f"{title}“{text[:20]}”不在下拉选项中")
    else:
        line.refuse("no_choice", f"缺少{title}")
    return ""


def _dates(line: Line, day: date | None, again: object, facts: dict[str, Any]) -> None:
    if day is None:
        line.refuse("no_day", "缺少走访日期")
        return
    if day > timezone.localdate():
        line.refuse("bad_day", "走访日期晚于今天")
    if not again:
        return
    try:
        following = cells.day(again)
    except CellError as error:
        line.refuse("bad_day", f"下次走访日期：{error}")
        return
    if following and following < day:
        line.refuse("bad_day", "下次走访不能早于本次走访")
    facts["again"] = following.isoformat() if following else None


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    given = matching.parameters(roster) | {
        f"result_{value}": label for value, label in Visit.Result.choices
    }
    words = " ".join(f"WHEN '{value}' THEN %(result_{value})s" for value in Visit.Result.values)
    cursor.execute(_DIFF.format(word=f"CASE before_result {words} END"), given)


_DIFF = """
INSERT INTO enrollment_rosterrow
    (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id, name)
SELECT roster_id, sheet, row, part, outcome,
    CASE WHEN outcome = 'problems' THEN why ELSE '' END,
    left(concat_ws('；',
        CASE
            WHEN outcome = 'outside_area' THEN '此人不在本次走访表的范围内'
            WHEN why = 'other_year' THEN '这份走访表是别的年度的'
            WHEN why = 'nobody' THEN '系统里已没有这个人'
            WHEN why = 'repeated' THEN '本文件内同一个人填了不止一行'
            WHEN why = 'conflict' THEN '走访表下载以后，' || before_visitor || ' '
                || before_day || ' 又记过走访（' || {word} || '），没有覆盖；请核对后在网页上补记'
            WHEN outcome = 'unchanged' THEN '这次走访已经记过'
        END, nullif(reason, '')), 300),
    CASE WHEN why IS DISTINCT FROM 'nobody' THEN person_id END, at_town, at_village,
    COALESCE(known_name, name)
FROM (
    SELECT t.*,
        CASE
            WHEN why IN ('other_year', 'nobody') THEN 'problems'
            WHEN (%(town)s::bigint IS NOT NULL AND at_town <> %(town)s)
                OR (%(village)s::bigint IS NOT NULL AND at_village <> %(village)s)
                THEN 'outside_area'
            WHEN same THEN 'unchanged'
            WHEN why IS NOT NULL THEN 'problems'
            WHEN before_id IS NULL THEN 'new'
            ELSE 'changed'
        END AS outcome
    FROM (
        SELECT s.roster_id, s.sheet, s.row, s.part, s.reason, s.name,
            (s.facts->>'person')::bigint AS person_id, p.name AS known_name,
            p.town_id AS at_town, p.village_id AS at_village, v.id AS before_id,
            v.visitor AS before_visitor, v.visited_on AS before_day, v.result AS before_result,
            COALESCE(v.visited_on = s.day AND v.result = s.facts->>'result'
                AND v.visitor = s.facts->>'visitor', FALSE) AS same,
            CASE
                WHEN (s.facts->>'year')::bigint <> %(year)s THEN 'other_year'
                WHEN p.id IS NULL THEN 'nobody'
                WHEN count(*) OVER (PARTITION BY s.facts->>'person') > 1 THEN 'repeated'
                WHEN COALESCE(v.id, 0) <> (s.facts->>'version')::bigint THEN 'conflict'
            END AS why
        FROM enrollment_stage s
        LEFT JOIN enrollment_person p
            ON p.id = (s.facts->>'person')::bigint AND p.county_id = %(county)s
        LEFT JOIN LATERAL (
            SELECT * FROM enrollment_visit
            WHERE policy_year_id = %(year)s AND person_id = p.id
            ORDER BY id DESC LIMIT 1
        ) v ON TRUE
        WHERE s.roster_id = %(roster)s AND s.fate IS NULL
    ) t
) t
"""


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    """Add the calls as rows of their own; what is on record stays as it is."""
    cursor.execute(
        """
        INSERT INTO enrollment_visit
            (county_id, town_id, village_id, policy_year_id, person_id, visited_on, method, result,
             visitor, note, next_on, recorded_by_id, recorded_at, written_by_id)
        SELECT %(county)s, r.town_id, r.village_id, %(year)s, r.person_id, s.day,
            s.facts->>'method', s.facts->>'result', s.facts->>'visitor', COALESCE(s.note, ''),
            (s.facts->>'again')::date, %(by)s, now(), %(roster)s
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'changed')
        ORDER BY r.sheet, r.row
        """,
        matching.parameters(roster) | {"by": roster.uploaded_by_id},
    )


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """Take this sheet's calls back; nothing else was touched."""
    cursor.execute("DELETE FROM enrollment_visit WHERE written_by_id = %s", [roster.pk])
    return 0


KIND = Kind(
    key="visits",
    title="走访表",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    check=check,
    about_people=False,
    ends_missing=False,
    modes=(Mode.SUPPLEMENT,),
    hint="从“走访”页下载、在外面填好的走访表；别人后来记过的不会被覆盖",
)
