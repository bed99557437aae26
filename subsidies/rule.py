"""The rule, in one place: who is helped, by which identity, how much, and what is left to pay.

``statement`` is one SQL text over two relations, ``cases`` and ``held`` (their columns stand in
``situation``). The assessment of a county-year feeds it from the tables, the quote and the person
page one case at a time; whatever the way in, the same text decides.

An identity counts or not (``state``):

- when it counts is the county's rule of timing: at the payment, within the window (later ones
  next year), at a fixed instant, in the month of payment;
- it must meet a standard of the chosen tier and its conditions;
- the payment's own time must be one in which subsidies are given.

Among those that count the highest amount for the tier wins, or the first of the priority list;
ties by the printed order. Where the notice leaves open something that the result hangs on, the
amount is NULL and the open question stands in ``doubts``.
"""

import json
from typing import Any

from subsidies import cover, situation

# Why an identity does not count ({} takes no value), or what is open about it.
REFUSALS = {
    "no-standard": "在所选档次没有资助标准",
    "not-yet": "缴费时尚未认定",
    "not-at-cut-off": "规定时点不在名单",
    "not-in-month": "缴费当月不在名单",
    "next-year": "集中参保缴费期结束后新增，纳入下一年度",
    "ended": "缴费时已退出",
    "no-difference": "缴费后认定，不退补差额",
    "late": "这一时段缴费不享受参保资助",
}
OPEN = (
    "identity-date",
    "difference",
    "removed",
    "subsidy-late",
    "amount",
    "student-subsidy",
    "age",
)

STANDARDS = """
category AS MATERIALIZED (
    SELECT category.id, category.name, category.grade_from, category.grade_to,
           department.name AS department,
           row_number() OVER (
               ORDER BY CASE WHEN rule.several = 'priority' THEN category.priority END NULLS LAST,
                        category."order", category.id
           ) AS rank
    FROM subsidies_category category
    CROSS JOIN rule
    LEFT JOIN enrollment_department department ON department.id = category.department_id
    WHERE category.policy_year_id = %(year)s AND category.purpose = 'subsidy'
),
offer AS MATERIALIZED (
    SELECT way.key, standard.id, standard.category_id, standard.method, standard.cites,
           standard."order", standard.grade_from, standard.grade_to, standard.min_age,
           standard.max_age, standard.age_on, standard.hukou_here, standard.insured_here,
           required.ids AS requires, excluded.ids AS excludes,
           standard.group_id IS NOT NULL AS specific,
           CASE WHEN worth.yuan IS NOT NULL AND way.cap IS NOT NULL
                THEN greatest(least(worth.yuan, way.cap), 0) END AS amount,
           -- Yuan printed for the ordinary fee, and a fee of one's own: the same yuan, or the
           -- same share of it? Open only where the two readings differ.
           way.special AND rule.group_open AND standard.group_id IS NULL
               AND standard.method = 'fixed' AND standard.amount < way.cap AS group_doubt
    FROM way
    CROSS JOIN rule
    JOIN subsidies_standard standard
        ON standard.tier_id = way.tier_id
       AND (standard.group_id IS NULL OR standard.group_id = way.group_id)
       AND (standard.valid_from IS NULL OR standard.valid_from <= way.paid_on)
       AND (standard.valid_to IS NULL OR standard.valid_to >= way.paid_on)
    LEFT JOIN enrollment_fee own_tier
        ON own_tier.tier_id = way.tier_id
       AND own_tier.group_id = coalesce(standard.group_id, rule.ordinary)
    LEFT JOIN enrollment_fee first_tier
        ON first_tier.tier_id = rule.first_tier
       AND first_tier.group_id = coalesce(standard.group_id, rule.ordinary)
    LEFT JOIN enrollment_fee own_group
        ON own_group.tier_id = way.tier_id AND own_group.group_id = way.group_id
    CROSS JOIN LATERAL (
        SELECT CASE standard.method
            WHEN 'full' THEN way.cap
            WHEN 'fixed' THEN standard.amount
            WHEN 'percent' THEN round(standard.percent / 100 * CASE standard.base
                WHEN 'own_tier' THEN own_tier.personal
                WHEN 'first_tier' THEN first_tier.personal
                WHEN 'own_group' THEN own_group.personal
            END, 2)
        END AS yuan
    ) worth
    LEFT JOIN (SELECT standard_id, array_agg(category_id) AS ids
               FROM subsidies_standard_requires GROUP BY standard_id) required
        ON required.standard_id = standard.id
    LEFT JOIN (SELECT standard_id, array_agg(category_id) AS ids
               FROM subsidies_standard_excludes GROUP BY standard_id) excluded
        ON excluded.standard_id = standard.id
    WHERE standard.policy_year_id = %(year)s AND way.found
)
"""

CLAIMS = """
term AS (
    SELECT situation.*, way.cap, way.subsidised, split_part(one, ',', 1)::bigint AS category_id,
           nullif(split_part(one, ',', 2), '')::int AS grade, split_part(one, ',', 3) AS timing,
           split_part(one, ',', 5) = '1' AS after
    FROM situation
    JOIN way ON way.key = situation.key
    CROSS JOIN LATERAL string_to_table(nullif(situation.identities, ''), ';') one
    WHERE way.found
),
met AS (
    SELECT DISTINCT ON (term.key, term.category_id)
           term.key, term.category_id, term.timing, term.after, term.cap, term.subsidised,
           category.name, category.department, category.rank,
           offer.id AS standard_id, offer.method, offer.cites, offer.amount, offer.group_doubt,
           coalesce(offer.min_age, offer.max_age) IS NOT NULL AND term.born IS NULL AS age_doubt
    FROM term
    JOIN category ON category.id = term.category_id
    LEFT JOIN offer
        ON offer.key = term.key AND offer.category_id = term.category_id
       AND (category.grade_from IS NULL OR term.grade IS NULL
            OR term.grade BETWEEN category.grade_from AND category.grade_to)
       AND (offer.grade_from IS NULL OR term.grade >= offer.grade_from)
       AND (offer.grade_to IS NULL OR term.grade <= offer.grade_to)
       AND (offer.min_age IS NULL OR term.born IS NULL
            OR date_part('year', age(offer.age_on, term.born)) >= offer.min_age)
       AND (offer.max_age IS NULL OR term.born IS NULL
            OR date_part('year', age(offer.age_on, term.born)) <= offer.max_age)
       AND (offer.hukou_here IS NULL OR offer.hukou_here = term.hukou_here)
       AND (offer.insured_here IS NULL OR offer.insured_here = term.insured_here)
       AND (offer.requires IS NULL OR offer.requires <@ term.holds)
       AND (offer.excludes IS NULL OR NOT offer.excludes && term.holds)
    ORDER BY term.key, term.category_id, offer.specific DESC NULLS LAST, offer."order", offer.id
),
claim AS (
    SELECT met.*, rule.several,
           CASE
               WHEN met.standard_id IS NULL THEN 'no-standard'
               WHEN met.timing <> 'yes' THEN met.timing
               WHEN met.subsidised IS NULL THEN 'subsidy-late'
               WHEN NOT met.subsidised THEN 'late'
               WHEN met.age_doubt THEN 'age'
               WHEN met.group_doubt THEN 'student-subsidy'
               WHEN met.amount IS NULL THEN 'amount'
               ELSE 'yes'
           END AS state
    FROM met CROSS JOIN rule
),
ranked AS (
    SELECT claim.*, state = ANY (%(open)s) AS is_open,
           row_number() OVER (
               PARTITION BY key
               ORDER BY state <> 'yes', amount = 0,
                        CASE WHEN several = 'priority' THEN NULL ELSE amount END DESC, rank
           ) AS place
    FROM claim
),
summary AS (
    SELECT key,
           max(category_id) FILTER (WHERE place = 1 AND state = 'yes') AS category_id,
           max(standard_id) FILTER (WHERE place = 1 AND state = 'yes') AS standard_id,
           max(name) FILTER (WHERE place = 1 AND state = 'yes') AS name,
           max(department) FILTER (WHERE place = 1 AND state = 'yes') AS department,
           max(method) FILTER (WHERE place = 1 AND state = 'yes') AS method,
           max(cites) FILTER (WHERE place = 1 AND state = 'yes') AS cites,
           max(amount) FILTER (WHERE place = 1 AND state = 'yes') AS amount,
           bool_or(after) FILTER (WHERE place = 1 AND state = 'yes') AS after,
           max(rank) FILTER (WHERE place = 1 AND state = 'yes') AS rank,
           min(rank) FILTER (WHERE is_open) AS open_rank,
           array_agg(DISTINCT state) FILTER (WHERE is_open) AS open_states,
           string_agg(name, '、' ORDER BY rank) FILTER (WHERE is_open) AS open_names,
           string_agg(name, '、' ORDER BY rank) FILTER (WHERE place > 1 AND state = 'yes')
               AS others,
           string_agg(name || ' ' || (%(refusals)s::jsonb ->> state), '；' ORDER BY rank)
               FILTER (WHERE state <> 'yes' AND NOT is_open) AS refused,
           count(DISTINCT amount) FILTER (WHERE state = 'yes' AND amount > 0) AS amounts,
           max(cap) AS cap, max(several) AS several
    FROM ranked
    GROUP BY key
)
"""

VERDICT = """
decided AS (
    SELECT way.key AS situation, summary.*,
           CASE
               WHEN summary.several IS NULL AND summary.amounts > 1 THEN ARRAY['several']
               WHEN summary.open_states IS NULL THEN '{}'
               WHEN summary.category_id IS NULL THEN summary.open_states
               WHEN summary.several = 'priority' AND summary.rank < summary.open_rank THEN '{}'
               WHEN summary.several IS DISTINCT FROM 'priority' AND summary.amount >= summary.cap
                   THEN '{}'
               ELSE summary.open_states
           END::text[] AS open
    FROM way
    LEFT JOIN summary ON summary.key = way.key
),
priced AS (
    SELECT decided.*, way.allowed, way.fee, way.fiscal, way.full_price, way.price, way.tier_id,
           way.group_id, way.tier, way.found, way.event, way.name AS way_name, way.conditions,
           way.benefit_from, way.benefit_to, way.arrival_assumed, way.paid_on,
           way.cites AS way_cites, way.doubts AS way_doubts, way.way_source, way.fee_source,
           way.fiscal_source,
           CASE
               WHEN NOT way.found OR way.fee IS NULL OR cardinality(decided.open) > 0 THEN NULL
               ELSE coalesce(decided.amount, 0.00)
           END AS subsidy,
           CASE WHEN way.full_price THEN way.fee + way.fiscal ELSE way.fee END AS whole
    FROM decided
    JOIN way ON way.key = decided.situation
),
answer AS MATERIALIZED (
    SELECT priced.situation AS key, priced.tier_id, priced.group_id, priced.allowed, priced.fee,
           priced.fiscal, priced.subsidy, priced.whole - priced.subsidy AS due, priced.full_price,
           CASE WHEN priced.subsidy > 0 THEN priced.category_id END AS category_id,
           CASE WHEN priced.subsidy > 0 THEN priced.standard_id END AS standard_id,
           CASE WHEN priced.subsidy > 0 THEN priced.name END AS category,
           CASE WHEN priced.subsidy > 0 THEN priced.department END AS department,
           CASE WHEN priced.subsidy > 0 THEN priced.cites END AS cites,
           priced.event, priced.way_name, priced.conditions, priced.arrival_assumed,
           priced.benefit_from, priced.benefit_to, priced.way_source, priced.fee_source,
           priced.fiscal_source,
           coalesce(priced.subsidy > 0 AND priced.after, FALSE) AS recognised_after,
           priced.way_doubts || priced.open AS doubts,
           priced.way_cites || array_remove(ARRAY[
               CASE WHEN priced.subsidy > 0 THEN nullif(priced.cites, '') END,
               CASE WHEN priced.key IS NOT NULL THEN nullif(rule.identity_cites, '') END,
               CASE WHEN priced.others IS NOT NULL THEN nullif(rule.several_cites, '') END,
               CASE WHEN priced.after THEN nullif(rule.difference_cites, '') END
           ]::text[], NULL) AS rules,
           concat(
               CASE
                   WHEN NOT priced.found THEN ''
                   WHEN 'several' = ANY (priced.open)
                       THEN concat(priced.name, '、', priced.others,
                                   '资助金额不同，按哪一种资助：政策未规定')
                   WHEN cardinality(priced.open) > 0
                       THEN concat(priced.open_names, '是否资助、资助多少：政策未规定')
                   WHEN priced.subsidy > 0 THEN concat(
                       priced.name, '（', priced.department, '认定）：', priced.tier, '应缴',
                       to_char(priced.whole, 'FM999990.00'), '元，',
                       CASE priced.method WHEN 'full' THEN '全额' WHEN 'fixed' THEN '定额'
                                          WHEN 'percent' THEN '按比例' END,
                       '资助', to_char(priced.subsidy, 'FM999990.00'), '元，个人缴',
                       coalesce(to_char(priced.whole - priced.subsidy, 'FM999990.00') || '元',
                                '额政策未规定'),
                       coalesce('（' || nullif(priced.cites, '') || '）', ''))
                   WHEN priced.fee IS NOT NULL THEN concat(
                       '不享受参保资助，', priced.tier, '个人缴',
                       coalesce(to_char(priced.whole, 'FM999990.00') || '元', '额政策未规定'))
               END,
               CASE WHEN priced.subsidy > 0 AND priced.others IS NOT NULL THEN concat(
                   '；同时属于', priced.others,
                   CASE WHEN priced.several = 'priority' THEN '，按优先次序' ELSE '，按就高' END,
                   '由', priced.name, '资助',
                   coalesce('（' || nullif(rule.several_cites, '') || '）', '')) END,
               CASE WHEN priced.subsidy > 0 AND priced.after THEN concat(
                   '；认定晚于缴费，应退补差额',
                   coalesce('（' || nullif(rule.difference_cites, '') || '）', '')) END,
               '；' || nullif(priced.refused, '')
           ) AS reason
    FROM priced CROSS JOIN rule
),
verdict AS (
    SELECT asked.id, answer.* FROM asked JOIN answer ON answer.key = asked.key
)
"""


def statement(*, cases: str, held: str) -> str:
    """The CTEs up to ``verdict``; append what is to be done with it.

    ``cases`` and ``held`` are queries of ours (never a user's text; ``cases`` may look at
    ``held``); bind ``parameters`` with the
    values they use themselves.
    """
    parts = (
        situation.RULE,
        situation.HELD,
        situation.ASKED,
        cover.WAY,
        STANDARDS,
        CLAIMS,
        VERDICT,
    )
    relations = f"held AS MATERIALIZED ({held}), cases AS MATERIALIZED ({cases})"
    return ",".join((f"WITH {relations}", *(part.strip() for part in parts)))


def parameters(policy_year_id: int) -> dict[str, Any]:
    """What ``statement`` binds, whoever asks."""
    return {
        "year": policy_year_id,
        "born": situation.BORN,
        "open": list(OPEN),
        "refusals": json.dumps(REFUSALS, ensure_ascii=False),
    }
