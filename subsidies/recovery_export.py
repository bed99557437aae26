"""资助收回名单 as a file: whom a list speaks against, what was paid, and what came of it."""

from collections.abc import Iterator
from typing import IO

from django.db import transaction
from django.utils import timezone

from enrollment import sheets
from enrollment.documents import mask
from enrollment.models import PolicyYear, Region, User
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import assessment, grounds
from subsidies.models import Recovery
from subsidies.words import Words

COLUMNS = (
    Column("序号", 8, WHOLE), Column("乡镇", 12), Column("村", 12), Column("姓名", 10),
    Column("证件号码", 21), Column("原因", 24), Column("资助身份", 18), Column("资助部门", 14),
    Column("资助金额", 11, MONEY), Column("发现日期", 12, DAY), Column("情况", 10),
    Column("收回日期", 12, DAY), Column("收回金额", 11, MONEY), Column("说明", 30),
)  # fmt: skip
ORDER = ("town__placeholder", "town__order", "town", "village__order", "village", "person")


def write(
    target: IO[bytes], policy_year: PolicyYear, region: Region, *, viewer: User | None = None
) -> int:
    """Write the region's list as a workbook, decided or not; returns how many stand in it."""
    if viewer is None:
        assessment.catch_up(policy_year)
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险资助收回名单",
        f"政府已资助、后来的名单表明不应资助的人员　"
        f"导出 {timezone.localtime():%Y-%m-%d %H:%M}　证件号码不含完整号码",
        COLUMNS,
        _lines(policy_year, region, viewer),
    )
    with transaction.atomic():
        return sheets.write_xlsx(target, sheet)


def _lines(
    policy_year: PolicyYear, region: Region, viewer: User | None
) -> Iterator[list[sheets.Value]]:
    words, say = Words(policy_year, viewer), grounds.words(policy_year, viewer)
    rows = Recovery.objects.filter(policy_year=policy_year).in_region(region)
    if viewer is not None:
        rows = rows.visible_to(viewer)
    unseal = vault().open
    for number, one in enumerate(
        rows.select_related("person", "town", "village").order_by(*ORDER), 1
    ):
        cipher = one.person.id_cipher
        yield [
            number,
            one.town.name,
            one.village.name,
            one.person.name,
            mask(unseal(cipher)) if cipher else "",
            say(one.grounds),
            words.name(one.category_id),
            "" if one.category_id in words.hidden else one.department,
            one.amount,
            timezone.localdate(one.found_at),
            one.get_state_display(),
            one.closed_on,
            one.recovered,
            one.reason,
        ]
