"""出生名单: the births 卫健 tells of, often before the child has a name or a number.

A child is told by its own number, else by its birth certificate, else by its mother's number, the
day, name and sex. It is kept as a person under the certificate's number or under none, in the
household of its mother where the register knows her. Lists accumulate: a later one adds, and fills
in a name, a certificate or a number that an earlier one did not have.
"""

from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from enrollment import documents
from enrollment.documents import DocumentError
from enrollment.headings import Column
from enrollment.models import Mode, Roster
from enrollment.roster import matching
from enrollment.roster.kinds import Kind, Line
from enrollment.roster.places import Places
from enrollment.roster.register import NOTE, PHONE, SEX, TOWN, VILLAGE
from enrollment.vault import vault

COLUMNS = (
    Column(
        "name",
        "新生儿姓名",
        ("婴儿姓名", "孩子姓名", "儿童姓名", "姓名", "新生儿名字", "新生儿", "婴幼儿姓名"),
    ),
    Column(
        "id_number",
        "新生儿身份证号",
        ("新生儿身份证号码", "婴儿身份证号", "婴儿身份证号码", "孩子身份证号", "儿童身份证号",
         "身份证号", "身份证号码", "公民身份号码", "证件号码", "新生儿公民身份号码"),
    ),
    SEX,
    Column(
        "birth",
        "出生日期",
        ("出生时间", "出生年月日", "新生儿出生日期", "婴儿出生日期", "出生", "分娩日期"),
        required=True,
    ),
    Column(
        "certificate",
        "出生医学证明编号",
        ("出生医学证明", "出生医学证明号", "出生医学证明号码", "出生证编号", "出生证号",
         "出生证明编号", "出生证明号", "出生证"),
    ),
    Column(
        "mother_name", "母亲姓名", ("母亲", "产妇姓名", "产妇", "生母姓名", "母亲名字")
    ),
    Column(
        "mother_number",
        "母亲身份证号",
        ("母亲身份证号码", "母亲身份证", "母亲证件号码", "母亲公民身份号码", "产妇身份证号",
         "产妇身份证号码", "生母身份证号", "母亲证件号"),
    ),
    TOWN,
    VILLAGE,
    Column("address", "住址", ("家庭住址", "户籍地址", "母亲住址", "现住址", "地址", "详细地址")),
    PHONE,
    NOTE,
)  # fmt: skip


def check(line: Line, places: Places) -> None:
    """A row must say when, and whose child or which certificate; the child's number is optional."""
    values = line.values
    today = timezone.localdate()
    facts: dict[str, Any] = {}
    if not values.get("birth"):
        line.refuse("no_birth", "缺少出生日期")
    elif values["birth"] > today:
        line.refuse("bad_birth", "出生日期晚于今天")
    if text := values.pop("certificate", ""):
        _read_certificate(line, text, facts)
    mother = values.pop("mother_number", "")
    facts["mother_name"] = values.pop("mother_name", "")[:60]
    if mother != "":
        try:
            document = documents.check(mother, today=today)
            facts["mother"] = vault().index_hex(document.number)
            facts["mother_doc"] = document.kind
        except DocumentError as error:
            told = values.get("id_index") or facts.get("certificate")
            if told:
                line.remarks.append(f"母亲身份证号：{error}，未能对上母亲")
            else:
                line.refuse("bad_mother_id", f"母亲身份证号：{error}")
    if not line.problems and not (
        values.get("id_index") or facts.get("certificate") or facts.get("mother")
    ):
        line.refuse(
            "no_key", "没有新生儿身份证号、出生医学证明编号，也没有母亲身份证号，不能确定是哪个孩子"
        )
    values["facts"] = facts


def _read_certificate(line: Line, text: str, facts: dict[str, Any]) -> None:
    values = line.values
    try:
        document = documents.check(text, today=timezone.localdate())
    except DocumentError:
        document = None
    if document is None or document.kind != "birth-certificate":
        line.refuse("bad_certificate", "出生医学证明编号应为一个字母加九位数字")
        return
    facts["certificate"] = vault().index_hex(document.number)
    if not values.get("id_index"):
        values["doc_type"] = document.kind
        values["id_index"] = facts["certificate"]
        values["id_cipher"] = "\\\\x" + vault().seal(document.number).hex()


# Which child: by number, by certificate on an earlier list, by mother and day.
_TOLD = """
CREATE TEMP TABLE told ON COMMIT DROP AS
WITH lines AS MATERIALIZED (
    SELECT s.*, (s.facts->>'certificate')::uuid AS certificate, (s.facts->>'mother')::uuid AS mum,
           COALESCE(s.facts->>'certificate', s.id_index::text, concat_ws('|', s.facts->>'mother',
                    s.birth, s.name, s.sex)) AS same,
           dense_rank() OVER (
               PARTITION BY s.facts->>'mother', s.birth
               ORDER BY s.facts->>'certificate' NULLS LAST, s.name NULLS LAST, s.sex
           ) AS twin
    FROM enrollment_stage s WHERE s.roster_id = %(roster)s AND s.fate IS NULL
), ordered AS (
    SELECT lines.*, row_number() OVER again AS nth, first_value(row) OVER again AS first_row,
           max(twin) OVER (PARTITION BY mum, birth) AS children
    FROM lines WINDOW again AS (PARTITION BY same ORDER BY sheet, row, part)
)
SELECT o.*, mother.id AS mother_id, mother.household_id AS home,
       COALESCE(numbered.id, certified.person_id, alike.person_id) AS known_id,
       CASE WHEN l_village.placeholder IS FALSE THEN o.town_id
            ELSE COALESCE(mother.town_id, o.town_id, %(nowhere_town)s) END AS live_town,
       CASE WHEN l_village.placeholder IS FALSE THEN o.village_id
            ELSE COALESCE(mother.village_id, o.village_id, %(nowhere)s) END AS live_village
FROM ordered o
LEFT JOIN enrollment_region l_village ON l_village.id = o.village_id
LEFT JOIN enrollment_person mother
    ON mother.county_id = %(county)s AND mother.id_index = o.mum
    AND mother.doc_type = o.facts->>'mother_doc'
LEFT JOIN enrollment_person numbered
    ON numbered.county_id = %(county)s AND numbered.id_index = o.id_index
    AND numbered.doc_type = o.doc_type
LEFT JOIN LATERAL (
    SELECT b.person_id FROM enrollment_birth b
    WHERE b.county_id = %(county)s AND b.certificate_index = o.certificate
    ORDER BY b.id LIMIT 1
) certified ON o.certificate IS NOT NULL
LEFT JOIN LATERAL (
    SELECT b.person_id FROM enrollment_birth b JOIN enrollment_person p ON p.id = b.person_id
    WHERE b.county_id = %(county)s AND b.mother_index = o.mum AND b.born_on = o.birth
        AND (b.certificate_index IS NULL OR o.certificate IS NULL)
        AND (p.name = o.name OR o.children = 1
             OR b.twin = o.twin AND (o.name IS NULL OR p.name = %(nameless)s))
    ORDER BY p.name = o.name DESC NULLS LAST, b.id LIMIT 1
) alike ON o.mum IS NOT NULL
"""


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    given = matching.parameters(roster)
    cursor.execute("DROP TABLE IF EXISTS told")
    cursor.execute(_TOLD, given)
    cursor.execute(
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id,
             name, before)
        SELECT roster_id, sheet, row, part, outcome,
            CASE WHEN outcome <> 'problems' THEN '' WHEN not_same THEN 'not_same'
                 ELSE 'name_differs' END,
            left(concat_ws('；',
                CASE
                    WHEN nth > 1 THEN '与第' || first_row || '行是同一个孩子，只计一次'
                        || CASE WHEN certificate IS NULL AND id_index IS NULL
                           THEN '；如是双胞胎，请填出生医学证明编号' ELSE '' END
                    WHEN outcome = 'problems' AND not_same
                        THEN '经核实与在册的不是同一人，请改正证件号码'
                    WHEN outcome = 'problems'
                        THEN '在册姓名为“' || known_name || '”，与名册不一致'
                    WHEN outcome = 'outside_area' THEN '不在本次名册的范围内'
                    WHEN outcome = 'changed' THEN concat_ws('、',
                        CASE WHEN named THEN '补登姓名' END,
                        CASE WHEN certified THEN '补登出生医学证明编号' END,
                        CASE WHEN identified THEN '补登证件号码' END,
                        CASE WHEN redated THEN '出生日期变更' END)
                    WHEN outcome = 'unchanged' AND NOT numberless AND under_certificate
                        AND id_index <> known_index AND id_index IS DISTINCT FROM certificate
                        THEN '在册以出生医学证明编号登记，本行的新生儿身份证号没有写入，'
                            || '请在此人页面上更换证件号码'
                    WHEN outcome = 'new' THEN CASE
                        WHEN mother_id IS NOT NULL THEN '随母亲登记'
                        WHEN at_nowhere THEN '母亲不在户籍册，记入' || village_name END
                END, nullif(reason, '')), 300),
            CASE WHEN known_id IS NOT NULL THEN known_id WHEN nth = 1 AND outcome = 'new'
                 THEN nextval(pg_get_serial_sequence('enrollment_person', 'id')) END,
            at_town, at_village, COALESCE(name, known_name, %(nameless)s),
            CASE WHEN outcome = 'changed' THEN jsonb_build_object(
                'born_on', was_born, 'certificate_index', was_certificate,
                'written_by_id', was_written, 'name', known_name, 'numberless', numberless)
            END
        FROM (
            SELECT t.*, v.name AS village_name, v.placeholder AS at_nowhere,
                CASE
                    WHEN nth > 1 THEN 'unchanged'
                    WHEN (%(town)s::bigint IS NOT NULL AND at_town <> %(town)s)
                        OR (%(village)s::bigint IS NOT NULL AND at_village <> %(village)s)
                        THEN 'outside_area'
                    WHEN differs THEN 'problems'
                    WHEN birth_id IS NULL THEN 'new'
                    WHEN named OR certified OR identified OR redated THEN 'changed'
                    ELSE 'unchanged'
                END AS outcome
            FROM (
                SELECT told.*, p.name AS known_name, p.id_index IS NULL AS numberless,
                    p.id_index AS known_index,
                    p.doc_type = 'birth-certificate' AS under_certificate,
                    COALESCE(p.town_id, live_town) AS at_town,
                    COALESCE(p.village_id, live_village) AS at_village,
                    b.id AS birth_id, b.born_on AS was_born,
                    b.certificate_index AS was_certificate, b.written_by_id AS was_written,
                    {name_differs} AS differs,
                    {not_same} AS not_same,
                    told.name IS NOT NULL AND p.name = %(nameless)s AS named,
                    certificate IS NOT NULL AND b.certificate_index IS NULL AS certified,
                    p.id_index IS NULL AND told.id_index IS NOT NULL
                        AND told.id_index IS DISTINCT FROM certificate AS identified,
                    b.born_on <> told.birth AS redated
                FROM told
                LEFT JOIN enrollment_person p ON p.id = told.known_id
                LEFT JOIN enrollment_birth b
                    ON b.policy_year_id = %(year)s AND b.person_id = told.known_id
            ) t
            LEFT JOIN enrollment_region v ON v.id = t.at_village
        ) t
        """.format(  # noqa: S608
            name_differs=matching.name_differs("told"), not_same=matching.not_same("told")
        ),
        given,
    )


_STAGED = """
    FROM enrollment_rosterrow r
    JOIN enrollment_stage s
        ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row AND s.part = r.part
    LEFT JOIN enrollment_person mother
        ON mother.county_id = %(county)s AND mother.id_index = (s.facts->>'mother')::uuid
        AND mother.doc_type = s.facts->>'mother_doc'
    WHERE r.roster_id = %(roster)s
"""


_MAKE = """
INSERT INTO enrollment_person
    (id, county_id, town_id, village_id, doc_type, id_index, tail_index, id_cipher, name, sex,
     birth, phone, household_id, relation, written_by_id, created_at)
SELECT r.person_id, %(county)s, r.town_id, r.village_id,
    COALESCE(s.doc_type, 'birth-certificate'), s.id_index, s.tail_index, s.id_cipher,
    COALESCE(s.name, %(nameless)s), COALESCE(s.sex, ''), s.birth, COALESCE(s.phone, ''),
    CASE WHEN mother.village_id = r.village_id THEN mother.household_id END, '', %(roster)s, now()
{staged} AND r.fate = 'new'
    AND NOT EXISTS (SELECT FROM enrollment_person p WHERE p.id = r.person_id)
"""
_TELL = """
INSERT INTO enrollment_birth
    (county_id, town_id, village_id, policy_year_id, person_id, born_on, certificate_index,
     mother_index, mother_name, mother_id, twin, note, written_by_id)
SELECT %(county)s, r.town_id, r.village_id, %(year)s, r.person_id, s.birth,
    (s.facts->>'certificate')::uuid, (s.facts->>'mother')::uuid,
    COALESCE(s.facts->>'mother_name', ''), mother.id,
    dense_rank() OVER (
        PARTITION BY s.facts->>'mother', s.birth
        ORDER BY s.facts->>'certificate' NULLS LAST, s.name NULLS LAST, s.sex
    ), COALESCE(s.note, ''), %(roster)s
{staged} AND r.fate = 'new'
"""
_FILL_BIRTHS = """
UPDATE enrollment_birth b SET
    born_on = told.birth,
    certificate_index = COALESCE(b.certificate_index, told.certificate),
    mother_index = COALESCE(b.mother_index, told.mum),
    mother_id = COALESCE(b.mother_id, told.mother_id),
    written_by_id = %(roster)s
FROM (
    SELECT r.person_id, s.birth, (s.facts->>'certificate')::uuid AS certificate,
           (s.facts->>'mother')::uuid AS mum, mother.id AS mother_id
    {staged} AND r.fate = 'changed'
) told
WHERE b.policy_year_id = %(year)s AND b.person_id = told.person_id
"""
_FILL_PEOPLE = """
UPDATE enrollment_person p SET
    name = CASE WHEN p.name = %(nameless)s THEN COALESCE(told.name, p.name) ELSE p.name END,
    id_index = COALESCE(p.id_index, told.id_index),
    tail_index = CASE WHEN p.id_index IS NULL THEN told.tail_index ELSE p.tail_index END,
    id_cipher = COALESCE(p.id_cipher, told.id_cipher),
    doc_type = CASE WHEN p.id_index IS NULL THEN COALESCE(told.doc_type, p.doc_type)
                    ELSE p.doc_type END,
    birth = CASE WHEN p.doc_type = 'birth-certificate' THEN told.birth ELSE p.birth END
FROM (
    SELECT r.person_id, s.name, s.id_index, s.tail_index, s.id_cipher, s.doc_type, s.birth
    {staged} AND r.fate = 'changed'
) told
WHERE p.id = told.person_id
"""


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    """Make the children nobody knows, write the births, fill in names and certificates."""
    given = matching.parameters(roster)
    for statement in (_MAKE, _TELL, _FILL_BIRTHS, _FILL_PEOPLE):
        cursor.execute(statement.format(staged=_STAGED), given)


# Births this list wrote last; a later one's stay.
_MINE = """
    EXISTS (SELECT FROM enrollment_birth b WHERE b.policy_year_id = %(year)s
            AND b.person_id = r.person_id AND b.written_by_id = %(roster)s)
"""
_KEEP_BACK = """
UPDATE enrollment_rosterrow r SET code = 'kept_back'
WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'changed') AND NOT {mine}
"""
_EMPTY_PEOPLE = """
UPDATE enrollment_person p SET
    name = r.before->>'name',
    birth = CASE WHEN p.doc_type = 'birth-certificate' OR (r.before->>'numberless')::boolean
                 THEN (r.before->>'born_on')::date ELSE p.birth END,
    doc_type = CASE WHEN (r.before->>'numberless')::boolean
                    THEN 'birth-certificate' ELSE p.doc_type END,
    tail_index = CASE WHEN (r.before->>'numberless')::boolean THEN NULL ELSE p.tail_index END,
    id_index = CASE WHEN (r.before->>'numberless')::boolean THEN NULL ELSE p.id_index END,
    id_cipher = CASE WHEN (r.before->>'numberless')::boolean THEN NULL ELSE p.id_cipher END
FROM enrollment_rosterrow r
WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND p.id = r.person_id AND {mine}
"""


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """Undo what this list wrote; births a later one filled in are marked and stay."""
    given = matching.parameters(roster)
    cursor.execute(_KEEP_BACK.format(mine=_MINE), given)
    kept = cursor.rowcount
    cursor.execute(_EMPTY_PEOPLE.format(mine=_MINE), given)
    cursor.execute(
        """
        UPDATE enrollment_birth b SET
            born_on = (r.before->>'born_on')::date,
            certificate_index = (r.before->>'certificate_index')::uuid,
            written_by_id = (r.before->>'written_by_id')::bigint
        FROM enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'changed' AND b.policy_year_id = %(year)s
            AND b.person_id = r.person_id AND b.written_by_id = %(roster)s
        """,
        given,
    )
    cursor.execute(
        """
        DELETE FROM enrollment_birth b
        USING enrollment_rosterrow r
        WHERE r.roster_id = %(roster)s AND r.fate = 'new' AND b.policy_year_id = %(year)s
            AND b.person_id = r.person_id AND b.written_by_id = %(roster)s
        """,
        given,
    )
    matching.unmake_strangers(roster, cursor)
    return kept


KIND = Kind(
    key="births",
    title="出生名单",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    check=check,
    ends_missing=False,
    number_optional=True,
    modes=(Mode.SUPPLEMENT,),
    hint="卫健部门的出生名单；没有姓名、身份证号的孩子按出生证或母亲登记",
)
