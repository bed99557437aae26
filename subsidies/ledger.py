"""资助台账: per person every identity, the one that pays, what was due, paid, and why.

One way to choose rows (``entries``) and to say a row (``lines``) for the page and the file.
结算 (Subsidy) and 测算 (Estimate) are told apart by ``basis`` and never stand in one list. Numbers
are masked; below the county a sensitive identity keeps its public word (``subsidies.words``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import IO, Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery, Sum
from django.db.models.query import QuerySet
from django.utils import timezone

from enrollment import sheets
from enrollment.documents import mask
from enrollment.models import Level, PolicyYear, Region, User
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import assessment
from subsidies.models import Entitlement, Estimate, FundingPart, Standard, Subsidy
from subsidies.quote import NOT_STATED
from subsidies.words import Words

TICK = "√"
NOBODY_S = "没有资助身份或政策未规定"
NOT_SPLIT = "未写明如何分担"
BATCH = 5000
YUAN = Decimal("0.01")
BEFORE = (Column("序号", 8, WHOLE), Column("乡镇", 12), Column("村", 12), Column("姓名", 10),
          Column("证件号码", 21))  # fmt: skip
WORTH = (
    Column("资助身份", 18), Column("资助部门", 14), Column("档次", 10), Column("资助标准", 16),
    Column("个人缴费标准", 12, MONEY), Column("资助金额", 11, MONEY), Column("资金来源", 20),
    Column("个人应缴", 11, MONEY),
)  # fmt: skip
PAID = (
    Column("已缴金额", 11, MONEY), Column("缴费日期", 12, DAY), Column("另行扶持", 11, MONEY),
    Column("差额", 10, MONEY),
)  # fmt: skip
WHY = (Column("依据", 18), Column("理由", 40))


class Basis(models.TextChoices):
    SETTLED = "settled", "结算"
    ESTIMATE = "estimate", "测算"


class Only(models.TextChoices):
    """What a list can be narrowed to."""

    SUBSIDISED = "subsidised", "受资助"
    DIFFERENCE = "difference", "金额不一致"
    AFTERWARDS = "afterwards", "应退补差额"
    NOT_STATED = "not_stated", "政策未规定"


ONLY = {
    Only.SUBSIDISED: Q(subsidy__gt=0),
    Only.DIFFERENCE: Q(difference__isnull=False, recognised_after=False) & ~Q(difference=0),
    Only.AFTERWARDS: Q(recognised_after=True) & ~Q(difference=0),
    Only.NOT_STATED: Q(subsidy__isnull=True),
}
SETTLED_ONLY = (Only.DIFFERENCE, Only.AFTERWARDS)


@dataclass(frozen=True)
class Line:
    """One person of the ledger as a reader may see them; amounts in yuan, None = 政策未规定."""

    person: int
    town: str
    village: str
    name: str
    number: str
    ticks: list[bool]
    category: str
    department: str
    tier: str
    standard: str
    fee: Decimal | None
    subsidy: Decimal | None
    funds: str
    due: Decimal | None
    cites: str
    reason: str
    paid: Decimal | None = None
    paid_on: date | None = None
    extra: Decimal | None = None
    difference: Decimal | None = None
    afterwards: bool = False

    @property
    def listed(self) -> bool:
        """Whether any list with money names this person."""
        return any(self.ticks)


def write(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    *,
    department: str = "",
    category: str = "",
    tier: str = "",
    only: str = "",
    basis: str = Basis.SETTLED,
    viewer: User | None = None,
) -> int:
    """Write the ledger of a region as a workbook; returns how many people stand in it.

    Of one department or category: those it pays for; of one tier: those who stand in it. With a
    viewer, in the viewer's area only.
    """
    assessment.catch_up(policy_year)
    words = Words(policy_year, viewer)
    rows = entries(
        policy_year, region, words=words, department=department, category=category, tier=tier,
        only=only, basis=basis, viewer=viewer,
    )  # fmt: skip
    narrowed = "".join(
        f"（{one}）"
        for one in (department, category, tier, Only(only).label if only else "")
        if one
    )
    settled = basis == Basis.SETTLED
    kind = "资助台账" if settled else "资助测算"
    note = (
        "结算：按实际缴费或零申报的人员　差额：已缴多于应缴为正，少于应缴减另行扶持为负"
        if settled
        else "测算：按名单和集中参保缴费期的标准，不是实际缴费"
    )
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险{kind}{narrowed}",
        f"{note}　导出 {timezone.localtime():%Y-%m-%d %H:%M}",
        (
            *BEFORE,
            *(Column(title, 9) for title in words.columns()),
            *WORTH,
            *(PAID if settled else ()),
            *WHY,
        ),
        _cells(lines(rows, policy_year, words), settled=settled),
    )
    with transaction.atomic():
        return sheets.write_xlsx(target, sheet)


def entries(
    policy_year: PolicyYear,
    region: Region,
    *,
    words: Words,
    department: str = "",
    category: str = "",
    tier: str = "",
    only: str = "",
    basis: str = Basis.SETTLED,
    viewer: User | None = None,
) -> QuerySet[Any]:
    """The ledger's rows of a region, in printed order; ``category`` is a word of this reader's.

    A department's rows are those of its identities that the reader knows by name.
    """
    model = Subsidy if basis == Basis.SETTLED else Estimate
    found = model.objects.filter(policy_year=policy_year).in_region(region)
    if viewer is not None:
        found = found.visible_to(viewer)
    if department:
        found = found.filter(department=department).exclude(category__in=words.hidden)
    if category == NOBODY_S:
        found = found.filter(category=None)
    elif category:
        found = found.filter(category__in=words.columns().get(category, ()))
    if tier:
        found = found.filter(tier__name=tier)
    if only and (basis == Basis.SETTLED or only not in SETTLED_ONLY):
        found = found.filter(ONLY[Only(only)])
    return found.order_by("town__order", "village__order", "village", "person")


def lines(rows: QuerySet[Any], policy_year: PolicyYear, words: Words) -> Iterator[Line]:
    """Each row said in words; a handful of queries whatever their number."""
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
    columns = words.columns()
    standards = _standards(policy_year)
    funds = _funds(policy_year)
    unseal = vault().open
    plain = ("pk", "person", "town", "village", "category", "department", "fee", "subsidy",
             "standard", "due", "cites", "reason")  # fmt: skip
    paid: tuple[str, ...] = ("paid", "paid_on", "extra", "difference", "recognised_after")
    if rows.model is Estimate:
        paid = ()
    chosen = rows.annotate(
        held=Subquery(held),
        name=F("person__name"),
        cipher=F("person__id_cipher"),
        tier_name=F("tier__name"),
    ).values(*plain, *paid, "held", "name", "cipher", "tier_name")
    # A page has been cut out already; a whole county is read as it comes.
    for row in chosen if chosen.query.is_sliced else chosen.iterator(chunk_size=BATCH):
        mine = {*(row["held"] or ()), *([row["category"]] if row["category"] else [])}
        hidden = row["category"] in words.hidden
        yield Line(
            row["person"],
            places.get(row["town"], ""),
            places.get(row["village"], ""),
            row["name"],
            mask(unseal(row["cipher"])) if row["cipher"] else "",
            [bool(mine & members) for members in columns.values()],
            words.name(row["category"]),
            "" if hidden else row["department"],
            row["tier_name"] or "",
            "" if hidden else standards.get(row["standard"], ""),
            row["fee"],
            row["subsidy"],
            "" if hidden else split(row["subsidy"], funds.get(row["standard"], ())),
            row["due"],
            "" if hidden else row["cites"],
            words.veiled(row["reason"]),
            *((row["paid"], row["paid_on"], row["extra"] or None, row["difference"],
               row["recognised_after"]) if paid else ()),
        )  # fmt: skip


def split(subsidy: Decimal | None, parts: Iterable[FundingPart]) -> str:
    """Which purse gives what: 财政专项经费 190.00（100%）; the last share takes the odd fen."""
    parts = list(parts)
    if not parts or not subsidy:
        return ""
    if len(parts) == 1 and parts[0].amount is None:
        share = f"（{parts[0].share.normalize():f}%）" if parts[0].share is not None else ""
        return f"{parts[0].fund} {subsidy:.2f}{share}"
    told, left = [], subsidy
    for part in parts:
        if part.amount is not None:
            yuan, share = min(part.amount, left), ""
        elif part.share is not None:
            yuan = (subsidy * part.share / 100).quantize(YUAN, ROUND_HALF_UP)
            yuan = left if part is parts[-1] else min(yuan, left)
            share = f"（{part.share.normalize():f}%）"
        else:
            return "、".join(one.fund for one in parts) + f"（{NOT_SPLIT}）"
        left -= yuan
        told.append(f"{part.fund} {yuan:.2f}{share}")
    return "、".join(told)


def totals(rows: QuerySet[Any], *, settled: bool) -> dict[str, Any]:
    """People and yuan of what is listed."""
    return rows.order_by().aggregate(**_sums(settled=settled))


def by_unit(rows: QuerySet[Any], region: Region, *, settled: bool) -> list[dict[str, Any]]:
    """The same by the units below a region, in printed order."""
    unit = "town" if region.level == Level.COUNTY else "village"
    found = rows.order_by(f"{unit}__placeholder", f"{unit}__order", unit)
    return list(
        found.values(unit=F(unit), name=F(f"{unit}__name"), key=F(f"{unit}__key"))
        .annotate(**_sums(settled=settled))
        .order_by(f"{unit}__placeholder", f"{unit}__order", unit)
    )


def by_category(rows: QuerySet[Any], words: Words, *, settled: bool) -> list[dict[str, Any]]:
    """The same by the identity that pays, under the reader's words; nobody's stand last."""
    sums = {
        row["category"]: row
        for row in rows.order_by().values("category").annotate(**_sums(settled=settled))
    }
    told: dict[str, dict[str, Any]] = {}
    for one in (*words.categories, None):
        row = sums.get(one.pk if one else None)
        if row is None:
            continue
        word = words.name(one.pk) if one else NOBODY_S
        hidden = one is not None and one.pk in words.hidden
        office = one.department.name if one and one.department and not hidden else ""
        found = told.setdefault(word, {"label": word, "department": office})
        for key in _sums(settled=settled):
            found[key] = (found.get(key) or 0) + (row[key] or 0)
    return list(told.values())


def _sums(*, settled: bool) -> dict[str, Any]:
    zero = Decimal(0)
    sums: dict[str, Any] = {
        "people": Count("pk"),
        "subsidised": Count("pk", filter=ONLY[Only.SUBSIDISED]),
        "not_stated": Count("pk", filter=ONLY[Only.NOT_STATED]),
        "amount": Sum("subsidy", default=zero),
        "owed": Sum("due", default=zero),
    }
    if settled:
        sums |= {
            "got": Sum("paid", default=zero),
            "wrong": Count("pk", filter=ONLY[Only.DIFFERENCE]),
            "afterwards": Count("pk", filter=ONLY[Only.AFTERWARDS]),
        }
    return sums


def _standards(policy_year: PolicyYear) -> dict[int, str]:
    """全额, 定额 342.00, 第一档个人缴费标准的 90%: each standard in its own words."""
    found = {}
    for one in Standard.objects.filter(policy_year=policy_year):
        word = one.get_method_display()
        if one.method == Standard.Method.FIXED:
            word = f"{word} {one.amount:.2f}"
        elif one.method == Standard.Method.PERCENT and one.percent is not None:
            word = f"{one.get_base_display()}的 {one.percent.normalize():f}%"
        found[one.pk] = word
    return found


def _funds(policy_year: PolicyYear) -> dict[int, list[FundingPart]]:
    found: dict[int, list[FundingPart]] = {}
    for part in FundingPart.objects.filter(standard__policy_year=policy_year):
        found.setdefault(part.standard_id, []).append(part)
    return found


def _cells(found: Iterator[Line], *, settled: bool) -> Iterator[list[sheets.Value]]:
    for number, line in enumerate(found, 1):
        paid = (line.paid, line.paid_on, line.extra, line.difference) if settled else ()
        yield [
            *(number, line.town, line.village, line.name, line.number),
            *(TICK if tick else None for tick in line.ticks),
            *(line.category, line.department, line.tier, line.standard, line.fee),
            line.subsidy if line.subsidy is not None else NOT_STATED,
            *(line.funds, line.due, *paid, line.cites, line.reason),
        ]
