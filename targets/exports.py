"""名单导出: the names behind a figure as a file of any length, masked.

The list is read through a server-side cursor and written as it comes: half a million people cost
no more memory than fifty. Nobody's full number leaves the portal this way.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import IO

from django.db import connection, transaction
from django.db.models import (
    BooleanField,
    Expression,
    ExpressionWrapper,
    OuterRef,
    Q,
    Subquery,
    Sum,
    Value,
)
from django.utils import timezone

from enrollment import insured, people, sheets
from enrollment.documents import mask
from enrollment.failure import Failure
from enrollment.models import Enrollment, Payment, PolicyYear, Region, Status, StatusKind, User
from enrollment.models.people import PersonQuerySet
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from targets import progress, worklist
from targets.progress import Figure

COLUMNS = (
    Column("序号", 9, WHOLE),
    Column("乡镇", 14),
    Column("村", 14),
    Column("户号", 16),
    Column("姓名", 12),
    Column("证件号码", 22),
    Column("性别", 6),
    Column("出生日期", 12, DAY),
    Column("联系电话", 15),
    Column("参保情况", 10),
    Column("已缴金额", 12, MONEY),
    Column("人员状态", 18),
    Column("户籍地（归属不同时）", 24),
)
FORMS: dict[str, tuple[str, Callable[[IO[bytes], Sheet], int]]] = {
    "xlsx": ("xlsx", sheets.write_xlsx),
    "csv": ("csv", lambda target, sheet: sheets.write_csv(target, sheet, encoding="gb18030")),
    "csv-utf-8": ("csv", lambda target, sheet: sheets.write_csv(target, sheet, encoding="utf-8")),
}
"""What a list can be had as: the file's ending, and how it is written."""
BATCH = 5000


def names(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    figure: str,
    *,
    viewer: User | None = None,
    until: datetime | None = None,
    form: str = "xlsx",
    kinds: Sequence[StatusKind] | None = None,
    item: str = "",
) -> int:
    """Write the people behind a figure of a region, as the viewer may see them; returns how many.

    Without a viewer (a command) sensitive statuses have their names. ``kinds`` narrows the
    deducted, and ``item`` is what the viewer's pages call these kinds.
    Raises Failure for a figure there is not, or a list longer than a worksheet.
    """
    at = until or timezone.now()
    found = progress.names(policy_year, region, figure, until=at, viewer=viewer, kinds=kinds)
    label = Figure(figure).label + (f"（{item}）" if item else "")
    rows = lines(found, policy_year, region, figure, viewer=viewer, until=at)
    sheet = _sheet(policy_year, region, f"{label}名单", rows, viewer=viewer, until=at)
    return write(target, sheet, form=form)


def todo(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    key: str,
    *,
    viewer: User | None = None,
    until: datetime | None = None,
    form: str = "xlsx",
) -> int:
    """Write one of the lists of whom to see (``worklist``); returns how many.

    Raises Failure for a list there is not, and for one nothing on record can fill: an empty file
    would read as nobody.
    """
    at = until or timezone.now()
    found = worklist.people(policy_year, region, key, until=at, viewer=viewer)
    asked = worklist.of(policy_year, region, until=at).asked[key]
    title = asked.title
    if asked.people is None:
        raise Failure("unknown", f"{title}名单：{asked.note}")
    rows = lines(found, policy_year, region, Figure.MISSING, viewer=viewer, until=at)
    sheet = _sheet(policy_year, region, f"{title}名单", rows, viewer=viewer, until=at)
    return write(target, sheet, form=form)


def _sheet(
    policy_year: PolicyYear,
    region: Region,
    title: str,
    rows: Iterator[tuple[sheets.Value, ...]],
    *,
    viewer: User | None,
    until: datetime,
) -> Sheet:
    return Sheet(
        f"{region.path}{policy_year.year}年度{title}",
        f"截至 {_minute(until)}　导出 {_minute(timezone.now())}　"
        + (f"{viewer.display_name}　" if viewer else "")
        + "证件号码和联系电话不含完整号码",
        COLUMNS,
        rows,
    )


def write(target: IO[bytes], sheet: Sheet, *, form: str = "xlsx") -> int:
    """Write a list whose rows come from the database; returns how many."""
    _, writer = FORMS[form]
    # Inside a transaction the cursor reads as it goes; outside, PostgreSQL would copy all first.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64MB'")
        return writer(target, sheet)


def lines(
    found: PersonQuerySet,
    policy_year: PolicyYear,
    region: Region,
    figure: str,
    *,
    viewer: User | None,
    until: datetime,
) -> Iterator[tuple[sheets.Value, ...]]:
    """The rows of ``COLUMNS``, town by town and household by household."""
    counted = Payment.objects.counted(until=until).filter(
        policy_year=policy_year, person=OuterRef("pk")
    )
    paid = counted.order_by().values("person").annotate(sum=Sum("amount")).values("sum")
    yes: Expression = Value(figure in progress.ALL_INSURED)
    if figure in progress.PARTLY_INSURED:
        among = insured.few(found, region)
        members = insured.members(policy_year, until=until, among=among)
        yes = ExpressionWrapper(Q(pk__in=members), BooleanField())
    rows = found.order_by("town__order", "village__order", "village_id", "household_id", "pk")
    words = status_words(found, policy_year, viewer)
    places = dict(Region.objects.filter(county=policy_year.county).values_list("pk", "name"))
    elsewhere: dict[int, tuple[str, str]] = {}
    if figure in progress.ALL_INSURED:
        enrolled = Enrollment.objects.in_region(region)
        elsewhere = people.counted_elsewhere(policy_year, enrolled)
    unseal, phone = vault().open, people.masked_phone
    for number, row in enumerate(
        rows.annotate(paid=Subquery(paid), yes=yes)
        .values_list(
            *("pk", "town_id", "village_id", "household__number", "name", "id_cipher"),
            *("sex", "birth", "phone", "yes", "paid"),
        )
        .iterator(chunk_size=BATCH),
        1,
    ):
        pk, town, village, household, name, cipher, sex, birth, call, paid_up, amount = row
        at = elsewhere.get(pk)
        home = f"{places[town]} {places[village]}" if at else None
        yield (
            *(number, *(at or (places[town], places[village])), household, name),
            mask(unseal(cipher)) if cipher else "",
            *(sex, birth, phone(call), "已参保" if paid_up else "未参保", amount, words.get(pk)),
            home,
        )


def status_words(
    found: PersonQuerySet, policy_year: PolicyYear, viewer: User | None
) -> dict[int, str]:
    """What each of these people is on a list as, in the words this viewer may read."""
    statuses = Status.objects.filter(policy_year=policy_year, person__in=found.values("pk"))
    words: dict[int, str] = {}
    kinds = StatusKind.objects.filter(policy_year=policy_year)
    shown = {kind.pk: people.status_word(kind, viewer) if viewer else kind.name for kind in kinds}
    for person, kind in statuses.order_by("kind__order").values_list("person_id", "kind_id"):
        word, known = shown[kind], words.get(person)
        if known is None:
            words[person] = word
        elif word not in known.split("、"):
            words[person] = f"{known}、{word}"
    return words


def _minute(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
