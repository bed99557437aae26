"""金额待核查 as a file: what was sent, what stands now, and what was answered, masked."""

from collections.abc import Iterator
from typing import IO

from django.db import transaction
from django.utils import timezone

from enrollment import sheets
from enrollment.documents import mask
from enrollment.models import PolicyYear, Region, User
from enrollment.sheets import DAY, MONEY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies import checks
from subsidies.checks import State
from subsidies.models import Subsidy
from subsidies.words import Words

BATCH = 2000
COLUMNS = (
    Column("序号", 8, WHOLE), Column("乡镇", 12), Column("村", 12), Column("姓名", 10),
    Column("证件号码", 21), Column("资助身份", 18), Column("应缴", 11, MONEY),
    Column("已缴", 11, MONEY), Column("差额", 11, MONEY), Column("核定理由", 40),
)  # fmt: skip
SENT = (
    Column("下发日期", 12, DAY), Column("核查结果", 20), Column("说明", 30), Column("答复人", 12),
    Column("答复日期", 12, DAY), Column("办结方式", 18), Column("办结结论", 24),
)  # fmt: skip


def write(
    target: IO[bytes], policy_year: PolicyYear, region: Region, state: str, *, viewer: User
) -> int:
    """Write the people of one state in a region; returns how many."""
    words = Words(policy_year, viewer)
    label = State(state).label
    unsent = state == State.UNSENT
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度缴费金额待核查（{label}）",
        f"导出 {timezone.localtime():%Y-%m-%d %H:%M}　应缴、已缴、差额是下发时的数，"
        "差额正数多缴，负数少缴",
        COLUMNS if unsent else (*COLUMNS, *SENT),
        _unsent(policy_year, region, viewer, words)
        if unsent
        else _sent(policy_year, region, state, viewer, words),
    )
    with transaction.atomic():
        return sheets.write_xlsx(target, sheet)


def _unsent(
    policy_year: PolicyYear, region: Region, viewer: User, words: Words
) -> Iterator[list[sheets.Value]]:
    rows = checks.unsent(policy_year, region, viewer=viewer)
    rows = rows.select_related("person", "town", "village").order_by("town", "village", "person")
    for number, row in enumerate(rows.iterator(chunk_size=BATCH), 1):
        yield [*_who(number, row), words.name(row.category_id), row.due, row.paid, row.difference,
               words.veiled(row.reason)]  # fmt: skip


def _sent(
    policy_year: PolicyYear, region: Region, state: str, viewer: User, words: Words
) -> Iterator[list[sheets.Value]]:
    found = checks.sent(policy_year, region, state, viewer=viewer)
    found = found.select_related("person", "town", "village").prefetch_related("answers__by")
    ledger = {
        person: (category, reason)
        for person, category, reason in Subsidy.objects.filter(
            policy_year=policy_year, person__in=found.order_by().values("person")
        ).values_list("person", "category", "reason")
    }
    for number, check in enumerate(found.iterator(chunk_size=BATCH), 1):
        category, reason = ledger.get(check.person_id, (None, ""))
        answers = list(check.answers.all())
        last = answers[-1] if answers else None
        told: list[sheets.Value] = [None, None, None, None]
        if last is not None:
            told = [
                last.get_finding_display(),
                last.text,
                last.by.display_name,
                timezone.localtime(last.at).date(),
            ]
        yield [
            *_who(number, check),
            *(words.name(category), check.due, check.paid, check.difference, words.veiled(reason)),
            *(timezone.localtime(check.sent_at).date(), *told),
            *(check.get_closed_display(), check.conclusion),
        ]


def _who(number: int, row) -> list[sheets.Value]:
    person = row.person
    number_shown = mask(vault().open(person.id_cipher)) if person.id_cipher else ""
    return [number, row.town.name, row.village.name, person.name, number_shown]
