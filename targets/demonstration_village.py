"""演示数据, a village clerk's part: a birth list, a village's grid, calls on its households.

Made from the demonstration's own people and handed in by the verbs the pages use. Whatever stands
already is left alone, so that what a visitor did stays.
"""

import io
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from openpyxl import Workbook

from enrollment import directory, roster, visits
from enrollment.models import Contact, Person, PolicyYear, Roster, User, Visit
from enrollment.models.rules import Department
from targets import worklist

YEAR = 2024
CLERK = "meishan-cun"
BIRTHS = "2023年9月至2024年2月出生名单.xlsx"
PAID = "新生儿缴费明细（截至2月28日）.xlsx"
FIRST_BIRTH = date(2023, 9, 2)
BIRTH_HEADINGS = (
    "序号", "新生儿姓名", "性别", "出生日期", "出生医学证明编号", "母亲姓名", "母亲身份证号",
    "家庭住址",
)  # fmt: skip
PAID_HEADINGS = ("姓名", "身份证号", "缴费金额", "缴费时间", "流水号")
# Numbers of exchanges begin with 2 to 9, so that nobody's telephone rings.
GRID = (
    ("李演示", Contact.Office.CADRE, "梅山镇人民政府", "0564-0000001"),
    ("王演示", Contact.Office.HELPER, "村网格", "0564-0000002"),
    ("赵演示", Contact.Office.TAX, "梅山镇税务所", "0564-0000003"),
)
RESULTS = (
    Visit.Result.WILL_PAY,
    Visit.Result.NOT_REACHED,
    Visit.Result.NOT_NOW,
    Visit.Result.ELSEWHERE,
)


def fill(county: str, *, tell: Callable[[str], None]) -> None:
    """The birth list of a county, who of the children has paid, and one village's calls."""
    year = PolicyYear.objects.select_related("county").get(county__key=county, year=YEAR)
    if not Roster.objects.filter(policy_year=year, kind="births").exists():
        _births(year, tell)
    clerk = User.objects.select_related("region__parent").filter(username=CLERK).first()
    begun = Contact.objects.filter(region__county=year.county).exists()
    if clerk is not None and clerk.region is not None and not begun:
        _grid(year, clerk, tell)


def _births(year: PolicyYear, tell: Callable[[str], None]) -> None:
    """Every hundredth person's worth of children of women in their twenties and thirties."""
    mothers = list(
        Person.objects.filter(
            county=year.county,
            sex="女",
            birth__range=(date(1985, 1, 1), date(2001, 12, 31)),
            doc_type="resident-id",
            village__placeholder=False,
        )
        .exclude(id_cipher=None)
        .select_related("household")
        .order_by("pk")[::12]
    )
    # One in the village whose clerk the demonstration signs in.
    clerk = User.objects.filter(username=CLERK).first()
    if clerk is not None:
        here = Person.objects.filter(village=clerk.region_id, sex="女", birth__year__gte=1975)
        mothers += [one for one in here.order_by("pk")[:3] if one not in mothers]
    rows: list[list[Any]] = []
    paid: list[list[Any]] = []
    for number, mother in enumerate(mothers, 1):
        born = FIRST_BIRTH + timedelta(days=(number * 7) % 175)
        certificate = f"Z{number:09}" if number % 5 else ""
        name = f"{mother.name[:1]}{'欣怡子轩雨桐浩然'[number % 8]}" if number % 3 else ""
        rows.append(
            [
                number,
                name,
                "男" if number % 2 else "女",
                born.isoformat(),
                certificate,
                mother.name,
                mother.number(),
                mother.household.address if mother.household else "",
            ]
        )
        if certificate and number % 4:
            day = born + timedelta(days=100 if number % 9 == 0 else 20 + number % 40)
            if day <= date(2024, 2, 28):
                paid.append([name, certificate, "380", f"{day} 10:30:00", f"YSXSE{number:06}"])
    _bring_in(year, BIRTHS, "births", BIRTH_HEADINGS, rows, "卫")
    _bring_in(year, PAID, "payments", PAID_HEADINGS, paid, "税务")
    tell(f"{year.county.name} {BIRTHS}：{len(rows):,} 人已入库")


def _bring_in(
    year: PolicyYear, name: str, kind: str, headings: Any, rows: list[list[Any]], office: str
) -> None:
    book = Workbook()
    page = book.active
    page.append(["演示数据，非真实统计"])
    page.append(list(headings))
    for row in rows:
        page.append(row)
    content = io.BytesIO()
    book.save(content)
    content.seek(0)
    officer = User.objects.filter(region=year.county, role="county_officer").order_by("pk").first()
    handed_in = roster.hand_in(
        content,
        file_name=name,
        year=year,
        kind=kind,
        by=officer,
        department=Department.objects.filter(county=year.county, name__contains=office).first(),
    )
    handed_in = roster.read(handed_in)
    if handed_in.state == "waiting":
        roster.apply(handed_in, by=officer, confirmed=True)


def _grid(year: PolicyYear, clerk: User, tell: Callable[[str], None]) -> None:
    """The grid of the clerk's village, its households shared out, some of them called on."""
    village = clerk.region
    assert village is not None
    grid = [
        directory.add(village, name=name, office=office, employer=employer, phone=phone, by=clerk)
        for name, office, employer, phone in GRID
    ]
    listed = worklist.people(year, village, worklist.MISSING, viewer=clerk)
    missing = list(listed.order_by("household_id", "pk"))
    for at, contact in enumerate(grid[:2]):
        part = [one.pk for one in missing[at::3]]
        if part:
            visits.assign(
                Person.objects.filter(pk__in=part), policy_year=year, contact=contact, by=clerk
            )
    today = timezone.localdate()
    day = min(today, date(2023, 12, 20))
    for at, person in enumerate(missing[::2]):
        result = RESULTS[at % len(RESULTS)]
        visits.record(
            [person.pk],
            policy_year=year,
            by=clerk,
            visited_on=day - timedelta(days=at),
            method=Visit.Method.DOOR if at % 2 else Visit.Method.PHONE,
            result=result,
            visitor=grid[at % 2].name,
            next_on=day + timedelta(days=7) if result == Visit.Result.NOT_REACHED else None,
        )
    tell(f"{village.path} 网格分工和走访已登记")
