"""What PostgreSQL's planner should know before somebody opens a page.

Autovacuum learns of a table some minutes after it was first filled; until then a county is taken
for a handful of rows, and a page that takes a third of a second takes seventeen.
"""

from django.db import connection

TABLES = (
    "enrollment_person",
    "enrollment_household",
    "enrollment_enrollment",
    "enrollment_payment",
    "enrollment_status",
    "enrollment_cover",
    "enrollment_namekey",
    "subsidies_entitlement",
)
GROWN = 2
"""Looked at again when a table holds more than this many times what the planner thinks."""


def learn() -> list[str]:
    """Analyse the large tables that are new or have grown many times; which these were."""
    with connection.cursor() as cursor:
        # Our own changes of a moment ago are otherwise not counted for a second.
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            """
            SELECT s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
            WHERE s.schemaname = current_schema() AND s.relname = ANY(%s)
                AND s.n_live_tup > 1000 AND s.n_live_tup > %s * GREATEST(c.reltuples, 0)
            """,
            [list(TABLES), GROWN],
        )
        found = [name for (name,) in cursor.fetchall()]
        for name in found:
            cursor.execute(f"ANALYZE {connection.ops.quote_name(name)}")
    return found


def learn_all() -> None:
    """Analyse everything: after a restore nothing is known of anything."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
