"""Of what a case consists, and which cases are alike.

A county has hundreds of thousands of cases and a few thousand different *situations*: the same
tier, group, day of payment, identities and so on. The rule is asked once for each situation.
"""

# Input, given by the caller as a relation `cases`, one row a case:
#   id, tier_id, group_id, paid_on, arrived_on, born, event_id, event_date, verified, hukou_here,
#   insured_here, attributes bigint[]
# and `held`, one row for each identity of a case:
#   case_id, category_id, grade, valid_from, valid_to, recognised_on, removed_on

BORN = "出生日期"
"""``event_date_name`` of a rule that counts from birth: then a birth date is the event's date."""

RULE = """
rule AS MATERIALIZED (
    SELECT year.benefit_from, year.benefit_to, year.midyear_refused, year.midyear_cites,
           subsidy.identity, subsidy.identity_cites, subsidy.difference_due,
           subsidy.difference_cites, subsidy.removed, subsidy.several, subsidy.late_windows,
           subsidy.fiscal_part,
           concat_ws('；', nullif(subsidy.several_cites, ''), nullif(subsidy.several_source, ''))
               AS several_cites,
           (subsidy.cut_off AT TIME ZONE 'Asia/Shanghai')::date AS cut_off_on,
           main.pays_from AS main_from, main.pays_to AS main_to, span.first_day, span.last_day,
           (SELECT id FROM enrollment_tier WHERE policy_year_id = year.id
            ORDER BY "order", id LIMIT 1) AS first_tier,
           (SELECT id FROM enrollment_populationgroup WHERE policy_year_id = year.id
            ORDER BY "order", id LIMIT 1) AS ordinary,
           EXISTS (SELECT FROM enrollment_notstated WHERE policy_year_id = year.id
                   AND topic = 'student-subsidy') AS group_open,
           newborn.id AS newborn_id,
           make_interval(months => coalesce(newborn.within_months, 0),
                         days => coalesce(newborn.within_days, 0)) AS newborn_within,
           coalesce(newborn.within_days, newborn.within_months) IS NOT NULL AS newborn_limited,
           EXISTS (SELECT FROM subsidies_standard WHERE policy_year_id = year.id
                   AND coalesce(min_age, max_age) IS NOT NULL) AS by_age
    FROM enrollment_policyyear year
    LEFT JOIN subsidies_subsidyrule subsidy ON subsidy.policy_year_id = year.id
    LEFT JOIN LATERAL (
        SELECT pays_from, pays_to FROM enrollment_window
        WHERE policy_year_id = year.id AND main ORDER BY "order", id LIMIT 1
    ) main ON TRUE
    LEFT JOIN LATERAL (
        SELECT min(pays_from) AS first_day, max(pays_to) AS last_day FROM enrollment_window
        WHERE policy_year_id = year.id
    ) span ON TRUE
    LEFT JOIN LATERAL (
        SELECT id, within_months, within_days FROM enrollment_eventrule
        WHERE policy_year_id = year.id AND event_date_name = %(born)s AND late_for_id IS NULL
        ORDER BY "order", id LIMIT 1
    ) newborn ON TRUE
    WHERE year.id = %(year)s
)
"""

# When an identity counts. `since` is the first day it holds, `gone` the first day it no longer
# does; NULL = always. What a case's identities come to is one text, so that cases can be compared:
# category,grade,timing,held at the payment,recognised after it;…
HELD = """
profile AS (
    SELECT term.case_id, string_agg(concat_ws(',', term.category_id, coalesce(term.grade::text, ''),
               CASE
                   WHEN rule.identity IS NULL THEN CASE
                       WHEN term.since > term.paid_on THEN 'identity-date'
                       WHEN term.gone <= least(rule.main_from, term.paid_on) THEN 'ended'
                       WHEN term.gone <= term.paid_on THEN 'identity-date'
                       ELSE 'yes' END
                   WHEN rule.identity = 'at_payment' THEN CASE
                       WHEN term.since > term.paid_on THEN 'not-yet'
                       WHEN term.gone <= term.paid_on THEN 'ended'
                       ELSE 'yes' END
                   WHEN rule.identity = 'month_of_payment' THEN CASE
                       WHEN term.since >= date_trunc('month', term.paid_on) + interval '1 month'
                           THEN 'not-in-month'
                       WHEN term.gone <= date_trunc('month', term.paid_on) THEN 'not-in-month'
                       ELSE 'yes' END
                   WHEN rule.identity = 'cut_off'
                        AND (term.since > rule.cut_off_on OR term.gone <= rule.cut_off_on)
                       THEN 'not-at-cut-off'
                   WHEN rule.identity = 'within_window' AND term.since > rule.main_to
                       THEN 'next-year'
                   WHEN rule.identity = 'within_window' AND term.gone <= rule.main_from
                       THEN 'ended'
                   WHEN rule.identity = 'within_window' AND term.gone <= rule.main_to
                        AND rule.removed IS DISTINCT FROM 'keeps'
                       THEN CASE WHEN rule.removed IS NULL THEN 'removed' ELSE 'ended' END
                   WHEN term.since > term.paid_on AND rule.difference_due IS NOT TRUE
                       THEN CASE WHEN rule.difference_due IS NULL THEN 'difference'
                                 ELSE 'no-difference' END
                   ELSE 'yes'
               END,
               CASE WHEN term.gone <= term.paid_on THEN 0 ELSE 1 END,
               CASE WHEN term.since > term.paid_on THEN 1 ELSE 0 END
           ), ';' ORDER BY term.category_id) AS identities
    FROM (
        SELECT held.case_id, held.category_id, held.grade, cases.paid_on,
               greatest(held.recognised_on, held.valid_from) AS since,
               least(held.removed_on, held.valid_to + 1) AS gone
        FROM held JOIN cases ON cases.id = held.case_id
    ) term
    CROSS JOIN rule
    GROUP BY term.case_id
)
"""

# A birth date alone is enough to be a newborn: within the rule's time, or born in the benefit
# year and so never able to pay in the main window.
ASKED = """
asked AS MATERIALIZED (
    SELECT named.*,
           ROW(tier_id, group_id, paid_on, arrived_on, event_id, event_date, verified, hukou_here,
               insured_here, attributes, identities, born)::text COLLATE "C" AS key
    FROM (
        SELECT cases.id, cases.tier_id, cases.group_id, cases.paid_on, cases.arrived_on,
               coalesce(cases.event_id, CASE WHEN newborn.yes THEN rule.newborn_id END)
                   AS event_id,
               cases.event_date, cases.verified, cases.hukou_here, cases.insured_here,
               cases.attributes, coalesce(profile.identities, '') AS identities,
               CASE WHEN rule.by_age OR newborn.yes OR cases.event_id IS NOT NULL
                    THEN cases.born END AS born
        FROM cases
        CROSS JOIN rule
        CROSS JOIN LATERAL (
            SELECT cases.event_id IS NULL AND cases.born <= cases.paid_on
                   AND ((rule.newborn_limited
                         AND cases.paid_on <= cases.born + rule.newborn_within)
                        OR cases.born >= rule.benefit_from) AS yes
        ) newborn
        LEFT JOIN profile ON profile.case_id = cases.id
    ) named
),
situation AS MATERIALIZED (
    SELECT alike.key, alike.tier_id, alike.group_id, alike.paid_on, alike.arrived_on, alike.born,
           alike.hukou_here, alike.insured_here, alike.attributes, alike.identities, holding.holds,
           event.id AS event_id,
           coalesce(alike.event_date,
                    CASE WHEN event.event_date_name = %(born)s THEN alike.born END) AS event_date,
           event.id IS NULL
           OR ((NOT event.needs_verification OR alike.verified)
               AND (entitled.categories IS NULL OR entitled.categories && holding.holds))
               AS eligible
    FROM (
        -- DISTINCT ON one column tells the planner that it is unique.
        SELECT DISTINCT ON (key) key, tier_id, group_id, paid_on, arrived_on, event_id,
               event_date, verified, hukou_here, insured_here, attributes, identities, born
        FROM asked ORDER BY key
    ) alike
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(split_part(one, ',', 1)::bigint), '{}') AS holds
        FROM string_to_table(nullif(alike.identities, ''), ';') one
        WHERE split_part(one, ',', 4) = '1'
    ) holding
    LEFT JOIN enrollment_eventrule event ON event.id = alike.event_id
    LEFT JOIN (
        SELECT eventrule_id, array_agg(category_id) AS categories
        FROM subsidies_category_events GROUP BY eventrule_id
    ) entitled ON entitled.eventrule_id = event.id
)
"""
