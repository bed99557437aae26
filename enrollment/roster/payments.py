"""缴费明细: the tax bureau's details. Several rows of a person add up; refunds are negative.

A serial number makes a second hand-in harmless. Without one, the same person, amount and time in
another hand-in is a question; inside one file it adds up. The number decides who paid; a name
that differs is a question beside the payment, because the money is there.
"""

from django.db.backends.utils import CursorWrapper

from enrollment.headings import Column
from enrollment.models import Mode, Roster
from enrollment.roster import matching
from enrollment.roster.kinds import Kind, Line
from enrollment.roster.places import Places
from enrollment.roster.register import ID_NUMBER, NAME, PHONE, TOWN, VILLAGE

COLUMNS = (
    NAME,
    ID_NUMBER,
    TOWN,
    VILLAGE,
    Column(
        "amount",
        "缴费金额",
        ("金额", "实缴金额", "个人缴费金额", "居民医保缴费金额", "个人缴费", "缴费额", "实缴费额",
         "实缴税额", "缴款金额", "自付金额", "入库金额"),
        required=True,
    ),
    Column(
        "paid_at",
        "缴费时间",
        ("缴费日期", "缴款时间", "缴款日期", "支付日期", "支付时间", "个人缴费日期", "扣款时间",
         "扣款日期", "缴费完成时间"),
        required=True,
    ),
    Column("arrived_at", "到账时间", ("到账日期", "入库日期", "入库时间", "上解日期")),
    Column("channel", "缴费渠道", ("渠道", "缴费方式", "缴费途径", "支付方式", "征收方式")),
    Column(
        "serial",
        "流水号",
        ("电子税票号码", "税票号码", "电子税票号", "税票号", "缴费流水号", "交易流水号", "凭证号",
         "缴款书号", "完税凭证号", "应征凭证序号", "订单号", "票据号"),
    ),
    PHONE,
)  # fmt: skip


def check(line: Line, places: Places) -> None:
    """A payment needs an amount and a time; 0 is a zero declaration, blank is nothing."""
    if line.problems:
        return
    if line.values.get("amount") is None:
        line.refuse("no_amount", "缺少缴费金额（零申报请填 0）")
    if line.values.get("paid_at") is None:
        line.refuse("no_time", "缺少缴费时间")


def diff(roster: Roster, cursor: CursorWrapper) -> None:
    matching.carry_over(roster, cursor)
    matching.match(roster, cursor)
    # OFFSET 0: each step is reckoned once, not anew wherever the next ones name it.
    cursor.execute(
        """
        INSERT INTO enrollment_rosterrow
            (roster_id, sheet, row, part, fate, code, reason, person_id, town_id, village_id,
             name)
        SELECT m.roster_id, m.sheet, m.row, m.part, m.outcome,
            CASE WHEN m.outcome = 'problems' THEN m.why
                 WHEN m.decided = 'another' AND m.outcome <> 'unchanged'
                    THEN CASE m.why WHEN 'serial_differs' THEN 'another_serial' ELSE 'another' END
                 WHEN m.name_differs AND m.not_same THEN ''
                 WHEN m.name_differs AND m.outcome IN ('new', 'not_in_register')
                    THEN 'name_differs' ELSE '' END,
            left(concat_ws('；',
                CASE
                    WHEN m.outcome = 'unchanged' AND m.decided = 'same'
                        THEN '经核实与已入库的是同一笔'
                    WHEN m.outcome = 'unchanged' AND m.decided = 'another'
                        THEN '经核实是另一笔，已入库'
                    WHEN m.outcome = 'unchanged' AND m.nth_serial > 1
                        THEN '本文件内流水号重复，只计一次'
                    WHEN m.outcome = 'unchanged' THEN '该流水号已入库'
                    WHEN m.outcome = 'problems' AND m.why = 'serial_differs'
                        THEN '流水号已有，但金额或时间不同'
                    WHEN m.outcome = 'problems' AND m.why = 'paid_again'
                        THEN '同一人同一时间同一金额已入库，且一方没有流水号，疑似重复'
                    WHEN m.outcome = 'outside_area' THEN '此人不在本次名册的范围内'
                    WHEN m.outcome = 'not_in_register'
                        THEN '户籍册中没有此人，记入' || COALESCE(t.name || '/', '') || v.name
                END,
                CASE WHEN m.name_differs AND m.not_same
                    THEN '姓名经核实不是同一人，缴费按证件号码照计'
                    WHEN m.name_differs
                    THEN '在册姓名为“' || m.known_name || '”，缴费照计，姓名待核实' END,
                nullif(m.reason, '')), 300),
            m.person_id, m.at_town, m.at_village, COALESCE(m.name, m.known_name, '')
        FROM (
            SELECT m.*,
                CASE
                    WHEN (%(town)s::bigint IS NOT NULL AND at_town <> %(town)s)
                        OR (%(village)s::bigint IS NOT NULL AND at_village <> %(village)s)
                        THEN 'outside_area'
                    WHEN m.why IS NOT NULL AND m.decided IS NULL THEN 'problems'
                    WHEN m.decided = 'same' OR m.decided = 'another' AND {there} THEN 'unchanged'
                    WHEN m.why IS NULL AND (m.nth_serial > 1 OR m.same_known) THEN 'unchanged'
                    WHEN NOT known OR NOT in_register THEN 'not_in_register'
                    ELSE 'new'
                END AS outcome
            FROM (
                SELECT m.*,
                    CASE WHEN m.why IS NOT NULL THEN (
                        SELECT q.decision FROM enrollment_question q
                        WHERE q.person_id = m.person_id AND q.policy_year_id = %(year)s
                            AND q.kind = m.why AND q.answered_at IS NOT NULL AND q.given = {given}
                        ORDER BY q.answered_at DESC LIMIT 1
                    ) END AS decided
                FROM (
                    SELECT m.*,
                        CASE
                            WHEN m.differs_inside OR (m.serial_known AND NOT m.same_known)
                                THEN 'serial_differs'
                            WHEN m.looks_known AND m.same_known IS NOT TRUE THEN 'paid_again'
                        END AS why
                    FROM (
                        SELECT m.*,
                            COALESCE(o.nth, 1) AS nth_serial,
                            COALESCE(o.differs, false) AS differs_inside,
                            x.id IS NOT NULL AS serial_known,
                            x.amount = m.amount AND x.paid_at = m.paid_at AS same_known,
                            (m.person_id, m.amount, m.paid_at) IN (
                                SELECT y.person_id, y.amount, y.paid_at FROM enrollment_payment y
                                WHERE y.policy_year_id = %(year)s AND y.withdrawn_at IS NULL
                                    AND y.serial IS NULL
                            ) OR m.serial IS NULL AND (m.person_id, m.amount, m.paid_at) IN (
                                SELECT y.person_id, y.amount, y.paid_at FROM enrollment_payment y
                                WHERE y.policy_year_id = %(year)s AND y.withdrawn_at IS NULL
                            ) AS looks_known
                        FROM matched m
                        LEFT JOIN (
                            -- Only serial numbers that a person has twice are sorted.
                            SELECT n.id, row_number() OVER one AS nth,
                                n.amount <> first_value(n.amount) OVER one
                                    OR n.paid_at <> first_value(n.paid_at) OVER one AS differs
                            FROM matched n
                            JOIN (
                                SELECT serial, person_id FROM matched WHERE serial IS NOT NULL
                                GROUP BY serial, person_id HAVING count(*) > 1
                            ) twice ON twice.serial = n.serial AND twice.person_id = n.person_id
                            WINDOW one AS (
                                PARTITION BY n.serial, n.person_id ORDER BY n.sheet, n.row, n.part
                            )
                        ) o ON o.id = m.id
                        LEFT JOIN enrollment_payment x
                            ON x.county_id = %(county)s AND x.policy_year_id = %(year)s
                            AND x.serial = m.serial AND x.person_id = m.person_id
                            AND x.withdrawn_at IS NULL
                        OFFSET 0
                    ) m
                    OFFSET 0
                ) m
                OFFSET 0
            ) m
            OFFSET 0
        ) m
        LEFT JOIN enrollment_region v ON v.id = m.at_village
        LEFT JOIN enrollment_region t ON t.id = m.at_town
        """.format(there=_THERE, given=matching.PAYMENT.replace("s.", "m.")),  # noqa: S608
        matching.parameters(roster),
    )


# Whether a row that was said to be another payment stands there already. Rows without a serial are
# told apart by how often they stand there: those let in by the answer, and those known before.
_THERE = """
    CASE WHEN m.why = 'serial_differs' THEN EXISTS (
        SELECT FROM enrollment_payment y
        WHERE y.policy_year_id = %(year)s AND y.person_id = m.person_id
            AND y.withdrawn_at IS NULL AND y.amount = m.amount AND y.paid_at = m.paid_at
            AND starts_with(y.serial, m.serial || '（另')
    ) WHEN m.serial IS NOT NULL THEN false ELSE (
        SELECT count(*) FILTER (WHERE n.let_in) > 0 AND count(*) FILTER (WHERE NOT n.let_in) > 0
            AND GREATEST(
                count(*) FILTER (WHERE n.let_in), count(*) FILTER (WHERE NOT n.let_in)
            ) >= (
                SELECT count(*) FROM matched o
                WHERE o.person_id = m.person_id AND o.amount = m.amount AND o.serial IS NULL
                    AND o.paid_at = m.paid_at
                    AND (o.sheet, o.row, o.part) <= (m.sheet, m.row, m.part)
            )
        FROM (
            SELECT EXISTS (
                SELECT FROM enrollment_rosterrow r
                WHERE r.person_id = y.person_id AND r.roster_id = y.roster_id
                    AND r.code = 'another'
            ) AS let_in
            FROM enrollment_payment y
            WHERE y.policy_year_id = %(year)s AND y.person_id = m.person_id
                AND y.withdrawn_at IS NULL AND y.amount = m.amount AND y.paid_at = m.paid_at
        ) n
    ) END
"""


def apply(roster: Roster, cursor: CursorWrapper) -> None:
    """Strangers, then enrolments for those without one, then the payments themselves.

    An enrolment made here counts in the town the payment names, where the year's rule says so
    (归属); it follows the person where file and register agree.
    """
    given = {
        **matching.parameters(roster),
        "by_payment": roster.policy_year.attribution != "register",
    }
    matching.make_strangers(roster, cursor)
    cursor.execute(
        """
        INSERT INTO enrollment_enrollment
            (county_id, town_id, village_id, policy_year_id, person_id, place_follows,
             written_by_id, created_at)
        SELECT DISTINCT ON (r.person_id)
            %(county)s,
            CASE WHEN elsewhere THEN s.town_id ELSE p.town_id END,
            CASE WHEN elsewhere THEN s.village_id ELSE p.village_id END,
            %(year)s, r.person_id, NOT elsewhere, %(roster)s, now()
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        JOIN enrollment_person p ON p.id = r.person_id
        CROSS JOIN LATERAL (
            SELECT %(by_payment)s AND s.town_id IS NOT NULL AND s.town_id <> p.town_id
                AS elsewhere
        ) w
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
            AND NOT EXISTS (
                SELECT FROM enrollment_enrollment e
                WHERE e.policy_year_id = %(year)s AND e.person_id = r.person_id
            )
        ORDER BY r.person_id, s.paid_at, r.sheet, r.row, r.part
        """,
        given,
    )
    cursor.execute(
        """
        INSERT INTO enrollment_payment
            (county_id, town_id, village_id, policy_year_id, person_id, amount, paid_at,
             arrived_at, channel, serial, roster_id, created_at)
        SELECT %(county)s, e.town_id, e.village_id, %(year)s, r.person_id, s.amount, s.paid_at,
            s.arrived_at, COALESCE(s.channel, ''),
            -- A serial stands once for a person; of another payment under it the serial says so.
            CASE WHEN r.code = 'another_serial' THEN s.serial || '（另' || (
                SELECT count(*) FROM enrollment_payment y
                WHERE y.policy_year_id = %(year)s AND y.person_id = r.person_id
                    AND starts_with(y.serial, s.serial || '（另')
            ) + row_number() OVER (
                PARTITION BY r.person_id, r.code, s.serial ORDER BY s.sheet, s.row, s.part
            ) || '笔）' ELSE s.serial END,
            %(roster)s, now()
        FROM enrollment_rosterrow r
        JOIN enrollment_stage s
            ON s.roster_id = r.roster_id AND s.sheet = r.sheet AND s.row = r.row
            AND s.part = r.part
        JOIN enrollment_enrollment e
            ON e.policy_year_id = %(year)s AND e.person_id = r.person_id
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
        """,
        given,
    )


def withdraw(roster: Roster, cursor: CursorWrapper) -> int:
    """Payments are kept and marked; enrolments that stood on them alone go."""
    given = matching.parameters(roster)
    cursor.execute(
        """
        UPDATE enrollment_payment SET withdrawn_at = now()
        WHERE policy_year_id = %(year)s AND roster_id = %(roster)s AND withdrawn_at IS NULL
        """,
        given,
    )
    cursor.execute(
        """
        DELETE FROM enrollment_enrollment e
        WHERE e.policy_year_id = %(year)s
            AND e.person_id IN (
                SELECT person_id FROM enrollment_payment WHERE roster_id = %(roster)s
            )
            AND EXISTS (
                SELECT FROM enrollment_roster w
                WHERE w.id = e.written_by_id AND (w.id = %(roster)s OR w.state = 'withdrawn')
            )
            AND NOT EXISTS (
                SELECT FROM enrollment_payment p
                WHERE p.policy_year_id = %(year)s AND p.person_id = e.person_id
                    AND p.withdrawn_at IS NULL
            )
        """,
        given,
    )
    cursor.execute(
        """
        UPDATE enrollment_rosterrow r SET code = 'kept_back'
        FROM enrollment_enrollment e
        WHERE r.roster_id = %(roster)s AND r.fate IN ('new', 'not_in_register')
            AND e.policy_year_id = %(year)s AND e.written_by_id = %(roster)s
            AND e.person_id = r.person_id
        """,
        given,
    )
    return cursor.rowcount


KIND = Kind(
    key="payments",
    title="缴费明细",
    columns=COLUMNS,
    diff=diff,
    apply=apply,
    withdraw=withdraw,
    check=check,
    plain=("amount", "paid_at"),
    ends_missing=False,
    modes=(Mode.SUPPLEMENT,),
    hint="税务部门的缴费明细；一人多行相加，退费为负数，零申报填 0",
    unit="笔",
)
