"""参保登记花名册 and 报盘: who is registered this year, to be signed, and for the platform.

The register book lists every enrolment of a region. The batch file holds those whom the
platform's own list does not have yet, in the columns and in files of the length that the county's
form asks for (C15). Numbers are masked unless ``full``.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.db.models import Exists, Min, OuterRef, Subquery, Sum
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from enrollment import demo, people
from enrollment.documents import KINDS, mask
from enrollment.models import Cover, Enrollment, Payment, PolicyYear, Region
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from targets import exports
from targets.models import FormColumn
from targets.official import form_for

Figure = FormColumn.Figure
BATCH = 5000
ROWS_PER_FILE = 5000
BOOK = (
    Column("序号", 7, WHOLE), Column("乡镇", 12), Column("村", 14), Column("户号", 16),
    Column("姓名", 10), Column("证件号码", 22), Column("性别", 6), Column("出生日期", 12, DAY),
    Column("与户主关系", 10), Column("档次", 10), Column("人群", 12), Column("联系电话", 14),
    Column("登记日期", 12, DAY), Column("已缴金额", 10, MONEY), Column("缴费日期", 12, DAY),
    Column("签字", 12),
)  # fmt: skip
# What the platform wants where the county's pack gives no form of its own.
USUAL: tuple[tuple[str, Figure], ...] = (
    ("证件类型", Figure.DOC_TYPE),
    ("证件号码", Figure.ID_NUMBER),
    ("姓名", Figure.NAME),
    ("性别", Figure.SEX),
    ("出生日期", Figure.BIRTH),
    ("人群", Figure.GROUP),
    ("参保档次", Figure.TIER),
    ("联系电话", Figure.PHONE),
    ("乡镇", Figure.TOWN),
    ("村", Figure.VILLAGE),
)


def register_book(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    *,
    full: bool = False,
    form: str = "xlsx",
) -> int:
    """Write every enrolment of a region, household by household, with room to sign; how many."""
    paid = (
        Payment.objects.counted()
        .filter(policy_year=policy_year, person=OuterRef("person"))
        .order_by()
        .values("person")
    )
    rows = _enrolled(policy_year, region).annotate(
        paid=Subquery(paid.annotate(sum=Sum("amount")).values("sum")),
        first=Subquery(paid.annotate(day=Min("paid_at")).values("day")),
    )
    note = f"导出 {timezone.localtime():%Y-%m-%d %H:%M}"
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险参保登记花名册",
        note if full else f"{note}　证件号码和联系电话不含完整号码",
        BOOK,
        _book_lines(rows, full=full),
    )
    return exports.write(target, sheet, form=form)


def batch_files(
    target: IO[bytes], policy_year: PolicyYear, region: Region, *, full: bool = False
) -> int:
    """Write a ZIP of workbooks with those the platform does not list yet; returns how many."""
    form = form_for(policy_year, "batch-file")
    columns = (
        [("".join(one.heading), Figure(one.figure)) for one in form.columns.all()]
        if (form)
        else list(USUAL)
    )
    size = (form.rows_per_file if form else None) or ROWS_PER_FILE
    listed = Cover.objects.filter(policy_year=policy_year, person=OuterRef("person"))
    rows = _enrolled(policy_year, region).exclude(Exists(listed))
    count = part = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        lines = _batch_lines(rows, [figure for _, figure in columns], full=full)
        while True:
            part += 1
            book = Workbook(write_only=True)
            page = book.create_sheet(demo.NOTICE if demo.is_running() else "报盘")
            page.append([heading for heading, _ in columns])
            taken = 0
            for line in lines:
                page.append([_text(page, value) for value in line])
                taken += 1
                if taken == size:
                    break
            if taken or part == 1:
                packed = io.BytesIO()
                book.save(packed)
                mark = f"（{demo.NOTICE}）" if demo.is_running() else ""
                name = f"{region.name}{policy_year.year}年度报盘{mark}-{part:03}.xlsx"
                archive.writestr(name, packed.getvalue())
            count += taken
            if taken < size:
                return count


def _enrolled(policy_year: PolicyYear, region: Region) -> Any:
    return (
        Enrollment.objects.in_region(region)
        .filter(policy_year=policy_year)
        .order_by("town__order", "village__order", "person__household_id", "person_id")
    )


def _book_lines(rows: Any, *, full: bool) -> Iterator[list[Any]]:
    number_of, phone_of = _number(full), _phone(full)
    found = rows.values_list(
        *("town__name", "village__name", "person__household__number", "person__name"),
        *("person__id_cipher", "person__sex", "person__birth", "person__relation"),
        *("tier__name", "group__name", "person__phone", "created_at", "paid", "first"),
    )
    for at, row in enumerate(found.iterator(chunk_size=BATCH), 1):
        town, village, household, name, cipher, sex, birth, relation = row[:8]
        tier, group, phone, registered, paid, first = row[8:]
        yield [
            *(at, town, village, household, name, number_of(cipher), sex, birth, relation),
            *(tier, group, phone_of(phone), _day(registered), paid, _day(first), ""),
        ]


FIELDS: dict[Figure, str] = {
    Figure.DOC_TYPE: "person__doc_type",
    Figure.ID_NUMBER: "person__id_cipher",
    Figure.NAME: "person__name",
    Figure.SEX: "person__sex",
    Figure.BIRTH: "person__birth",
    Figure.GROUP: "group__name",
    Figure.TIER: "tier__name",
    Figure.PHONE: "person__phone",
    Figure.TOWN: "town__name",
    Figure.VILLAGE: "village__name",
    Figure.RELATION: "person__relation",
    Figure.HOUSEHOLD: "person__household__number",
}


def _batch_lines(rows: Any, figures: list[Figure], *, full: bool) -> Iterator[list[Any]]:
    said: dict[Figure, Callable[[Any], Any]] = {
        Figure.ID_NUMBER: _number(full),
        Figure.PHONE: _phone(full),
        Figure.DOC_TYPE: lambda key: KINDS.get(key, key),
        Figure.BIRTH: lambda day: f"{day:%Y-%m-%d}" if day else "",
    }
    wanted = [figure for figure in figures if figure in FIELDS]
    found = rows.values_list(*(FIELDS[figure] for figure in wanted))
    for at, row in enumerate(found.iterator(chunk_size=BATCH), 1):
        values = dict(zip(wanted, row, strict=True)) | {Figure.INDEX: at}
        yield [
            said[figure](values[figure]) if figure in said else values.get(figure, "")
            for figure in figures
        ]


def _number(full: bool) -> Callable[[Any], str]:
    unseal = vault().open
    return lambda cipher: (unseal(cipher) if full else mask(unseal(cipher))) if cipher else ""


def _phone(full: bool) -> Callable[[str], str]:
    return (lambda phone: phone) if full else people.masked_phone


def _day(moment: Any) -> Any:
    return timezone.localdate(moment) if moment else None


def _text(page: Any, value: Any) -> Any:
    """A text cell: numbers keep their digits, and nothing that looks like a formula is one."""
    cell = WriteOnlyCell(page, value="" if value is None else value)
    if isinstance(value, str):
        cell.number_format = "@"
        cell.data_type = "s"
    return cell
