"""个人信息档案: everything held on one person, complete by construction."""

import pytest
from django.apps import apps
from django.urls import reverse

from enrollment import record
from enrollment.audit import record as note
from enrollment.models import AuditEvent, Person
from enrollment.tests.cast import make_payment, make_status

pytestmark = pytest.mark.django_db


def url(cast) -> str:
    return reverse("targets:record", args=["990001", 2024, cast.people["甲一"].pk])


def test_every_table_that_points_at_a_person_is_shown(cast):
    pointing = {
        model
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.related_model is Person and field.name == "person"
    }
    assert pointing and pointing <= set(record.tables())


def test_what_is_held_and_who_looked(cast, signed_in):
    somebody = cast.people["甲一"]
    make_payment(somebody, cast.year)
    make_status(somebody, cast.kinds["服役"])
    somebody.phone = "13900009999"
    somebody.save()
    note("reveal", by=cast.east_officer, county=cast.county, person_id=somebody.pk, reason="核对")
    page = signed_in(cast.county_officer).get(url(cast)).content.decode()
    for said in (
        "缴费记录",
        "380.00",
        "服役",
        "改动前的内容",
        "东风镇经办",
        "查看完整号码",
        "核对",
    ):
        assert said in page
    for kept in ("13800005678", "13900009999", "密文"):
        assert kept not in page
    assert AuditEvent.objects.filter(action="open_record", person_id=somebody.pk).exists()


def test_the_queries_do_not_grow_with_rows(cast, signed_in, django_assert_max_num_queries):
    for number in range(20):
        make_payment(cast.people["甲一"], cast.year, serial=f"S{number}")
    browser = signed_in(cast.county_officer)
    with django_assert_max_num_queries(2 * len(record.tables()) + 40):
        browser.get(url(cast))
