"""参保登记花名册 and 报盘: who is registered, masked unless asked, in files of a set length."""

import io
import zipfile

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from enrollment.models import Cover
from enrollment.tests.cast import id_number, make_payment, make_person, place
from targets import registers
from targets.models import Form, FormColumn

pytestmark = pytest.mark.django_db


def book(cast, region, **given) -> list[tuple]:
    target = io.BytesIO()
    registers.register_book(target, cast.year, region, **given)
    return [row for row in load_workbook(target).worksheets[0].values if isinstance(row[0], int)]


def parts(cast, region, **given) -> list[list[tuple]]:
    target = io.BytesIO()
    count = registers.batch_files(target, cast.year, region, **given)
    with zipfile.ZipFile(target) as archive:
        found = [
            list(load_workbook(io.BytesIO(archive.read(name))).worksheets[0].values)
            for name in archive.namelist()
        ]
    assert count == sum(len(rows) - 1 for rows in found)
    return found


def test_the_book_lists_everybody_registered_household_by_household(cast):
    make_payment(cast.people["甲一"], cast.year, "380.00", "2023-11-20 10:00")
    make_payment(cast.people["丙一"], cast.year)
    rows = book(cast, cast.county)
    assert [row[4] for row in rows] == ["甲一", "丙一"]
    assert rows[0][3] == "H001" and rows[0][5].endswith("*" * 12) and float(rows[0][13]) == 380
    assert [row[4] for row in book(cast, cast.east)] == ["甲一"]
    assert book(cast, cast.east, full=True)[0][5] == id_number(1)


def test_the_batch_leaves_out_whom_the_platform_has(cast):
    for name in ("甲一", "乙一"):
        make_payment(cast.people[name], cast.year)
    Cover.objects.create(**place(cast.willow), policy_year=cast.year, person=cast.people["乙一"])
    [rows] = parts(cast, cast.county, full=True)
    assert rows[0][:3] == ("证件类型", "证件号码", "姓名")
    assert [row[1:3] for row in rows[1:]] == [(id_number(1), "甲一")]
    [masked] = parts(cast, cast.county)
    assert masked[1][1].endswith("*" * 12)


def test_the_county_chooses_columns_and_how_long_a_file_may_be(cast):
    form = Form.objects.create(
        policy_year=cast.year, key="batch-file", title="报盘", rows_per_file=2, cites="附件"
    )
    for order, (heading, figure) in enumerate(
        [("身份证号", "id_number"), ("户主关系", "relation")]
    ):
        FormColumn.objects.create(form=form, order=order, heading=[heading], figure=figure)
    for number in range(5):
        make_payment(make_person(cast.red_star, f"人{number}", id_number(50 + number)), cast.year)
    found = parts(cast, cast.county, full=True)
    assert [len(rows) - 1 for rows in found] == [2, 2, 1]
    assert all(rows[0] == ("身份证号", "户主关系") for rows in found)


def test_an_empty_batch_is_one_file_with_its_headings(cast):
    [rows] = parts(cast, cast.county)
    assert len(rows) == 1


def test_full_numbers_leave_for_those_who_may_only(cast, signed_in):
    make_payment(cast.people["甲一"], cast.year)
    url = reverse("targets:list-file", args=["990001", 2024, "batch-file"])
    answer = signed_in(cast.east_officer).get(f"{url}?form=zip&full=1")
    assert answer.status_code == 200 and answer["Content-Disposition"].endswith("zip")
    assert signed_in(cast.county_viewer).get(f"{url}?form=zip&full=1").status_code == 302
    assert signed_in(cast.county_viewer).get(f"{url}?form=zip").status_code == 200
    assert signed_in(cast.county_viewer).get(f"{url}?form=xlsx").status_code == 404
