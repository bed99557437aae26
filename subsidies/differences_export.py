"""退补差名单 as a file: what the rule says, what was paid, what was settled and what is open."""

from collections.abc import Iterator
from typing import IO

from django.utils import timezone

from enrollment import sheets
from enrollment.documents import mask
from enrollment.models import Person, PolicyYear, Region, User
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import assessment, differences
from subsidies.words import Words

COLUMNS = (
    Column("序号", 8, WHOLE), Column("乡镇", 12), Column("村", 12), Column("姓名", 10),
    Column("证件号码", 21), Column("资助身份", 18), Column("种类", 12),
    Column("个人应缴", 11, MONEY), Column("另行扶持", 11, MONEY), Column("已缴金额", 11, MONEY),
    Column("差额", 11, MONEY), Column("已退补", 11, MONEY), Column("待退补", 11, MONEY),
    Column("退补日期", 12, DAY), Column("批次或凭证", 18), Column("理由", 40),
)  # fmt: skip


def write(
    target: IO[bytes], policy_year: PolicyYear, region: Region, *, viewer: User | None = None
) -> int:
    """Write the region's differences as a workbook; returns how many people stand in it."""
    if viewer is None:
        assessment.catch_up(policy_year)
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险退补差名单",
        "差额：已缴多于应缴为正，少于应缴减另行扶持为负　"
        f"导出 {timezone.localtime():%Y-%m-%d %H:%M}　证件号码不含完整号码",
        COLUMNS,
        _lines(policy_year, region, viewer),
    )
    return sheets.write_xlsx(target, sheet)


def _lines(
    policy_year: PolicyYear, region: Region, viewer: User | None
) -> Iterator[list[sheets.Value]]:
    words = Words(policy_year, viewer)
    found = differences.lines(policy_year, region)
    places = dict(Region.objects.filter(county=policy_year.county).values_list("pk", "name"))
    known = {
        pk: (name, cipher)
        for pk, name, cipher in Person.objects.filter(
            pk__in=[one.person for one in found]
        ).values_list("pk", "name", "id_cipher")
    }
    unseal = vault().open
    for number, one in enumerate(found, 1):
        name, cipher = known[one.person]
        yield [
            number,
            places.get(one.town, ""),
            places.get(one.village, ""),
            name,
            mask(unseal(cipher)) if cipher else "",
            words.name(one.category),
            one.kind.label,
            one.due,
            one.extra or None,
            one.paid,
            one.difference,
            one.settled or None,
            one.still_open,
            one.last_on,
            one.documents,
            words.veiled(one.reason),
        ]
