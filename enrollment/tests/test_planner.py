"""The planner learns of a table that has just been filled."""

import pytest
from django.db import connection

from enrollment import planner
from enrollment.tests.cast import make_county


@pytest.mark.django_db(transaction=True)
def test_a_table_that_has_just_been_filled_is_looked_at_once():
    county = make_county("990009", "新县")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO enrollment_person (county_id, town_id, village_id, doc_type, name, sex,"
            " phone, relation, created_at) SELECT %s, %s, %s, 'resident-id', '人' || n, '', '', '',"
            " now() FROM generate_series(1, 1500) n",
            [county.pk] * 3,
        )
    assert "enrollment_person" in planner.learn()
    assert "enrollment_person" not in planner.learn()
