"""零申报名单 as a file: everybody who owes 0, where each stands, and what speaks against paying."""

import datetime
from collections.abc import Iterator
from typing import IO

from django.db import transaction
from django.utils import timezone

from enrollment import sheets
from enrollment.documents import mask
from enrollment.models import Person, PolicyYear, Region, User
from enrollment.models.rules import Tier
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import assessment, case, grounds, zero
from subsidies.words import Words

COLUMNS = (
    Column("序号", 8, WHOLE), Column("乡镇", 12), Column("村", 12), Column("姓名", 10),
    Column("证件号码", 21), Column("资助身份", 18), Column("资助部门", 14), Column("档次", 10),
    Column("个人缴费标准", 12, MONEY), Column("资助金额", 11, MONEY),
    Column("个人应缴", 11, MONEY), Column("情况", 14), Column("申报日期", 12, DAY),
    Column("办理单位", 18), Column("批次或凭证", 14), Column("核对事项", 24), Column("依据", 18),
)  # fmt: skip


def write(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    *,
    on: datetime.date | None = None,
    viewer: User | None = None,
) -> int:
    """Write the region's list as a workbook, not yet declared first; returns how many stand in it.

    Without a day: the likely one. Without a viewer (a command) sensitive identities have their
    names.
    """
    if viewer is None:
        assessment.catch_up(policy_year)
    on = on or min(case.likely_day(policy_year), timezone.localdate())
    word = zero.word(policy_year)
    office = policy_year.proxy_office or "政策未规定"
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度城乡居民基本医疗保险{word}名单",
        f"个人应缴 0 元的人员，按 {on} 申报计算；办理单位：{office}　"
        f"导出 {timezone.localtime():%Y-%m-%d %H:%M}　证件号码不含完整号码",
        COLUMNS,
        _lines(policy_year, region, on=on, viewer=viewer),
    )
    with transaction.atomic():
        return sheets.write_xlsx(target, sheet)


def _lines(
    policy_year: PolicyYear, region: Region, *, on: datetime.date, viewer: User | None
) -> Iterator[list[sheets.Value]]:
    words, say = Words(policy_year, viewer), grounds.words(policy_year, viewer)
    open_ones = zero.lines(policy_year, region, on=on)
    done = zero.declared(policy_year, region, viewer=viewer)
    places = dict(Region.objects.filter(county=policy_year.county).values_list("pk", "name"))
    tiers = dict(Tier.objects.filter(policy_year=policy_year).values_list("pk", "name"))
    people = [one.person for one in open_ones] + [one.person for one in done]
    known = {
        pk: (name, cipher)
        for pk, name, cipher in Person.objects.filter(pk__in=people).values_list(
            "pk", "name", "id_cipher"
        )
    }
    unseal = vault().open
    everybody: list[zero.Line | zero.Declared] = [*open_ones, *done]
    for number, one in enumerate(everybody, 1):
        name, cipher = known[one.person]
        hidden = one.category in words.hidden
        yield [
            number,
            places.get(one.town, ""),
            places.get(one.village, ""),
            name,
            mask(unseal(cipher)) if cipher else "",
            words.name(one.category),
            *(
                (
                    "" if hidden else one.department,
                    tiers.get(one.tier, ""),
                    one.fee,
                    one.subsidy,
                    one.due,
                    one.state.label,
                    None,
                    "",
                    "",
                    say(one.open_grounds)
                    if one.state == zero.State.HELD
                    else words.veiled(one.reason)
                    if one.state == zero.State.NOT_NOW
                    else "",
                    "" if hidden else one.cites,
                )
                if isinstance(one, zero.Line)
                else (
                    *("", "", None, None, 0, zero.State.DECLARED.label),
                    *(one.on, one.office, one.document, "", ""),
                )
            ),
        ]
