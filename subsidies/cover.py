"""What a payment costs and from when it covers: the way in, its price, start and end.

Everybody who pays does so by one *way*: a special case (特殊情形) that fits, else a window that is
open to them on that day. Which one, at what price and with which benefit period depends on few
things of a person, so it is worked out once for each distinct situation and joined back.

Days are counted as decided for all counties: the day of an event is day 0 and day N is inside;
months are calendar months, clipped at the month's end; a wait of N days covers from the day after
the Nth, unless the policy says ``plus``; "N days after arrival" begins the day after the Nth.
Where the notice is silent the answer is NULL and ``doubts`` names the open question.
"""

WAY = """
timed AS MATERIALIZED (
    SELECT situation.*, base.id AS base_id,
           base.event_date_name = %(born)s AS from_birth,
           -- NULL: the rule has a deadline and nobody knows the event's date.
           CASE
               WHEN base.id IS NULL THEN NULL
               WHEN coalesce(base.within_days, base.within_months) IS NULL THEN TRUE
               ELSE situation.paid_on >= situation.event_date
                AND situation.paid_on <= situation.event_date + make_interval(
                    months => coalesce(base.within_months, 0), days => coalesce(base.within_days, 0)
                )
           END AS on_time,
           CASE
               WHEN base.id IS NULL OR coalesce(base.within_days, base.within_months) IS NULL
                   THEN FALSE
               WHEN situation.event_date IS NULL THEN asked.late_for_id IS NOT NULL
               ELSE situation.paid_on > situation.event_date + make_interval(
                   months => coalesce(base.within_months, 0), days => coalesce(base.within_days, 0)
               )
           END AS late
    FROM situation
    LEFT JOIN enrollment_eventrule asked ON asked.id = situation.event_id
    LEFT JOIN enrollment_eventrule base ON base.id = coalesce(asked.late_for_id, asked.id)
),
chosen AS MATERIALIZED (
    SELECT timed.*, way.event, way.window_id, way.name, way.price, way.start, way.start_on,
           way.wait, way.counting, way.benefit_to, way.subsidised, way.cites, way.conditions
    FROM timed
    LEFT JOIN LATERAL (
        SELECT id AS event, NULL::bigint AS window_id, 0 AS rank, "order", name, price, start,
               start_on, wait, counting, benefit_to, subsidised, cites,
               concat_ws('；', nullif(conditions, ''), nullif(evidence, '')) AS conditions
        FROM enrollment_eventrule event
        WHERE event.policy_year_id = %(year)s AND timed.eligible
          AND ((event.id = timed.base_id AND timed.on_time)
               OR (event.late_for_id = timed.base_id AND timed.late))
          AND (event.group_id IS NULL OR event.group_id = timed.group_id)
          AND (event.attribute_id IS NULL OR event.attribute_id = ANY (timed.attributes))
          AND (event.hukou IS NULL
               OR (event.hukou IN ('here', 'city') AND timed.hukou_here)
               OR (event.hukou IN ('elsewhere', 'outside') AND NOT timed.hukou_here))
          AND (event.event_from IS NULL OR timed.event_date >= event.event_from)
          AND (event.event_to IS NULL OR timed.event_date <= event.event_to)
          AND (event.pays_from IS NULL OR timed.paid_on >= event.pays_from)
          AND (event.pays_to IS NULL OR timed.paid_on <= event.pays_to)
        UNION ALL
        SELECT NULL, id, CASE WHEN attribute_id IS NOT NULL THEN 1
                              WHEN group_id IS NOT NULL THEN 2 ELSE 3 END, "order",
               name, price, start, start_on, wait, counting, benefit_to,
               coalesce(subsidised, CASE WHEN main THEN TRUE END), cites, ''
        FROM enrollment_window opening
        WHERE opening.policy_year_id = %(year)s
          AND timed.paid_on BETWEEN opening.pays_from AND opening.pays_to
          AND (opening.group_id IS NULL OR opening.group_id = timed.group_id)
          AND (opening.attribute_id IS NULL OR opening.attribute_id = ANY (timed.attributes))
          -- Too late for a case that has no rule for the late: only the main window is for all.
          AND (opening.main OR NOT (timed.late AND timed.eligible))
        ORDER BY rank, "order", event, window_id
        LIMIT 1
    ) way ON TRUE
),
way AS MATERIALIZED (
    SELECT chosen.key, chosen.tier_id, chosen.group_id, chosen.paid_on, chosen.event,
           chosen.event_date, chosen.window_id, chosen.name, chosen.price, chosen.conditions,
           chosen.found, chosen.fee, chosen.fiscal, tier.name AS tier,
           chosen.full_price, chosen.allowed,
           chosen.group_id IS DISTINCT FROM rule.ordinary AS special,
           CASE WHEN chosen.price = 'none' THEN 0
                WHEN chosen.full_price AND rule.fiscal_part THEN chosen.fee + chosen.fiscal
                ELSE chosen.fee END AS cap,
           CASE
               WHEN chosen.full_price AND rule.fiscal_part IS NULL THEN NULL
               WHEN chosen.subsidised IS NOT NULL THEN chosen.subsidised
               WHEN chosen.paid_on BETWEEN rule.main_from AND rule.main_to THEN TRUE
               ELSE rule.late_windows
           END AS subsidised,
           CASE chosen.start
               WHEN 'fixed' THEN chosen.start_on
               WHEN 'payment_day' THEN chosen.paid_on
               WHEN 'next_day' THEN chosen.paid_on + 1
               WHEN 'next_month' THEN (date_trunc('month', chosen.paid_on) + '1 month')::date
               WHEN 'wait_days' THEN chosen.paid_on + chosen.wait + chosen.after_last
               WHEN 'wait_months'
                   THEN (coalesce(chosen.arrived_on, chosen.paid_on)
                         + make_interval(months => chosen.wait))::date
                        + CASE WHEN chosen.counting = 'full' THEN 1 ELSE 0 END
               WHEN 'after_arrival'
                   THEN coalesce(chosen.arrived_on, chosen.paid_on) + chosen.wait
                        + chosen.after_last
               WHEN 'event_date' THEN chosen.event_date
           END AS benefit_from,
           CASE WHEN chosen.found THEN coalesce(chosen.benefit_to, rule.benefit_to) END
               AS benefit_to,
           chosen.start IN ('wait_months', 'after_arrival') AND chosen.arrived_on IS NULL
               AS arrival_assumed,
           chosen.cites AS way_source,
           CASE WHEN chosen.found THEN chosen.fee_cites END AS fee_source,
           chosen.fiscal_cites AS fiscal_source,
           array_remove(ARRAY[
               CASE
                   WHEN chosen.found OR chosen.allowed IS FALSE THEN NULL
                   WHEN chosen.paid_on < rule.first_day THEN 'before'
                   WHEN chosen.late AND chosen.from_birth THEN 'newborn-late'
                   WHEN chosen.late THEN 'event-late'
                   WHEN EXISTS (SELECT FROM enrollment_window opening
                                WHERE opening.policy_year_id = %(year)s
                                  AND chosen.paid_on BETWEEN opening.pays_from AND opening.pays_to)
                       THEN 'others'
                   ELSE 'after'
               END,
               CASE WHEN chosen.found AND chosen.listed IS NULL THEN 'fee' END,
               CASE WHEN chosen.full_price AND chosen.fiscal IS NULL THEN 'fiscal' END,
               CASE WHEN chosen.found AND chosen.price IS NULL THEN 'price' END,
               CASE WHEN chosen.found AND chosen.start IS NULL AND chosen.from_birth
                        THEN 'newborn-start'
                    WHEN chosen.found AND chosen.start IS NULL AND chosen.price <> 'none'
                        THEN 'start' END
           ]::text[], NULL) AS doubts,
           array_remove(ARRAY[
               nullif(chosen.cites, ''),
               CASE WHEN chosen.found THEN nullif(chosen.fee_cites, '') END,
               CASE WHEN NOT chosen.found AND chosen.allowed IS FALSE
                    THEN nullif(rule.midyear_cites, '') END
           ]::text[], NULL) AS cites
    FROM (
        SELECT chosen.*, fee.personal AS listed, fee.fiscal, fee.cites AS fee_cites,
               fee.fiscal_cites,
               coalesce(chosen.event, chosen.window_id) IS NOT NULL AS found,
               chosen.price = 'full' AS full_price,
               CASE WHEN chosen.counting = 'plus' THEN 0 ELSE 1 END AS after_last,
               CASE chosen.price WHEN 'none' THEN 0.00 WHEN 'full' THEN fee.personal
                                 WHEN 'personal' THEN fee.personal END AS fee,
               CASE
                   WHEN coalesce(chosen.event, chosen.window_id) IS NULL
                       THEN CASE WHEN rule.midyear_refused AND chosen.paid_on > rule.last_day
                                 THEN FALSE END
                   WHEN fee.id IS NULL THEN NULL
                   WHEN chosen.price = 'full' AND fee.fiscal IS NULL THEN FALSE
                   ELSE TRUE
               END AS allowed
        FROM chosen
        CROSS JOIN rule
        LEFT JOIN enrollment_fee fee
            ON fee.policy_year_id = %(year)s AND fee.tier_id = chosen.tier_id
           AND fee.group_id = chosen.group_id
    ) chosen
    CROSS JOIN rule
    LEFT JOIN enrollment_tier tier ON tier.id = chosen.tier_id
)
"""
