"""资助台账: per person every identity, the one that pays, what was due, paid and why; as a file.

Numbers are masked. Towns and villages read a sensitive category under its public word (C116).
"""

from collections.abc import Iterator
from typing import IO

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.query import QuerySet
from django.utils import timezone

from enrollment import sheets
from enrollment.documents import mask
from enrollment.models import Level, PolicyYear, Region, User
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import assessment
from subsidies.models import Category, Entitlement, FundingPart, Subsidy
from subsidies.quote import NOT_STATED

TICK = "√"
SPECIAL = "特殊情形"
BATCH = 5000
BEFORE = (Column("序号", 8, WHOLE), Column("乡镇", 12), Column("村", 12), Column("姓名", 10),
          Column("证件号码", 21))  # fmt: skip
AFTER = (
    Column("资助身份", 18), Column("资助部门", 14), Column("档次", 10),
    Column("个人缴费标准", 12, MONEY), Column("资助金额", 11, MONEY), Column("资金来源", 16),
    Column("个人应缴", 11, MONEY), Column("已缴金额", 11, MONEY), Column("缴费日期", 12, DAY),
    Column("另行扶持", 11, MONEY), Column("差额", 10, MONEY), Column("依据", 18),
    Column("理由", 40),
)  # fmt: skip


def write(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    *,
    department: str = "",
    category: Category | None = None,
    viewer: User | None = None,
) -> int:
    """Write the ledger of a region as a workbook; returns how many people stand in it.

    Of one department or category: those it pays for. With a viewer, in the viewer's area only.
    """
    assessment.catch_up(policy_year)
    rows = entries(policy_year, region, department=department, category=category, viewer=viewer)
    columns = _identities(policy_year, viewer)
    narrowed = "".join(f"（{one}）" for one in (department, category) if one)
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险资助台账{narrowed}",
        f"结算：按实际缴费或零申报的人员　导出 {timezone.localtime():%Y-%m-%d %H:%M}　"
        "差额＝已缴－（应缴－另行扶持），正数应退，负数应补",
        (*BEFORE, *(Column(title, 9) for title in columns), *AFTER),
        _lines(rows, policy_year, columns),
    )
    with transaction.atomic():
        return sheets.write_xlsx(target, sheet)


def entries(
    policy_year: PolicyYear,
    region: Region,
    *,
    department: str = "",
    category: Category | None = None,
    viewer: User | None = None,
) -> QuerySet[Subsidy]:
    """The ledger's rows of a region."""
    found = Subsidy.objects.filter(policy_year=policy_year).in_region(region)
    if viewer is not None:
        found = found.visible_to(viewer)
    if department:
        found = found.filter(department=department)
    if category is not None:
        found = found.filter(category=category)
    return found


def _identities(policy_year: PolicyYear, viewer: User | None) -> dict[str, set[int]]:
    """A column per identity: its heading and the categories it stands for."""
    open_words = viewer is None or viewer.job.level == Level.COUNTY
    found: dict[str, set[int]] = {}
    for one in Category.objects.filter(policy_year=policy_year, purpose="subsidy").order_by(
        "order", "pk"
    ):
        title = one.name if open_words or not one.sensitive else one.public_word or SPECIAL
        found.setdefault(title, set()).add(one.pk)
    return found


def _lines(
    rows: QuerySet[Subsidy], policy_year: PolicyYear, columns: dict[str, set[int]]
) -> Iterator[list[sheets.Value]]:
    held = (
        Entitlement.objects.filter(
            policy_year=policy_year, person=OuterRef("person"), removed_on=None
        )
        .order_by()
        .values("person")
        .annotate(ids=ArrayAgg("category"))
        .values("ids")
    )
    places = dict(Region.objects.filter(county=policy_year.county).values_list("pk", "name"))
    titles = {pk: title for title, members in columns.items() for pk in members}
    funds: dict[int, list[str]] = {}
    for standard, fund in FundingPart.objects.filter(standard__policy_year=policy_year).values_list(
        "standard", "fund"
    ):
        funds.setdefault(standard, []).append(fund)
    unseal = vault().open
    chosen = rows.annotate(held=Subquery(held)).order_by(
        "town__order", "village__order", "village", "person"
    )
    for number, row in enumerate(
        chosen.values_list(
            *("town", "village", "person__name", "person__id_cipher", "held", "category"),
            *("department", "tier__name", "fee", "subsidy", "standard", "due", "paid", "paid_on"),
            *("extra", "difference", "cites", "reason"),
        ).iterator(chunk_size=BATCH),
        1,
    ):
        (town, village, name, cipher, ids, category, department, tier, fee, subsidy, standard,
         due, paid, paid_on, extra, difference, cites, reason) = row  # fmt: skip
        mine = {*(ids or ()), *([category] if category else [])}
        yield [
            number,
            places.get(town, ""),
            places.get(village, ""),
            name,
            mask(unseal(cipher)) if cipher else "",
            *(TICK if mine & members else None for members in columns.values()),
            titles.get(category, ""),
            department,
            tier or "",
            fee,
            subsidy if subsidy is not None else NOT_STATED,
            "、".join(funds.get(standard, ())),
            due,
            paid,
            paid_on,
            extra or None,
            difference,
            cites,
            reason,
        ]
