"""另行扶持: help of a township, a collective or a unit on top of the subsidy (C114).

What was given is recorded as it was; the ledger counts it up to what is left to pay, apart from
the subsidy. The tax bureau may have it among what was paid, or not.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

import pghistory
from django.db import transaction
from django.utils import timezone

from enrollment import audit, cells, documents, headings, people, store, workbook
from enrollment.failure import Failure
from enrollment.models import Enrollment, Person, PolicyYear, User
from enrollment.roster.register import ID_NUMBER, NAME
from enrollment.vault import vault
from subsidies import freeze
from subsidies.models import ExtraHelp, SubsidyRule

MOST = 500
MOST_WORDS = 80
COLUMNS = (
    NAME,
    ID_NUMBER,
    headings.Column(
        "amount",
        "扶持金额",
        ("金额", "补助金额", "资助金额", "代缴金额", "扶持金额（元）"),
        required=True,
    ),
)


@dataclass(frozen=True)
class Done:
    """How many were recorded, and who was not, with the reason."""

    added: int
    left: list[tuple[int, str]]


@dataclass(frozen=True)
class Read:
    """One row of a handed-in list: who is meant and how much, or what is wrong with it."""

    row: int
    name: str
    person: Person | None = None
    amount: Decimal | None = None
    problem: str = ""


@transaction.atomic
def give(
    policy_year: PolicyYear,
    amounts: Mapping[int, Decimal],
    *,
    giver: str,
    by: User,
    address: str = "",
) -> Done:
    """Record what a giver gave to each person, in yuan. Whom it is already on record for is told.

    Raises Failure where the policy forbids it, or nobody is left.
    """
    if not by.job.may_declare:
        raise Failure("role", f"“{by.job.title}”岗位不能登记扶持，请交乡镇或县级经办人员")
    policy_year = freeze.begin(policy_year, what="不能再登记扶持")
    rule = SubsidyRule.objects.filter(policy_year=policy_year).first()
    if rule is not None and rule.extra_help is False:
        raise Failure("not_allowed", f"本年度政策规定不得另行扶持（{rule.extra_help_cites}）")
    giver = " ".join(giver.split())[:MOST_WORDS]
    if not giver:
        raise Failure("no_giver", "请填写扶持单位，如 红星村集体经济组织")
    if any(amount <= 0 for amount in amounts.values()):
        raise Failure("amount", "扶持金额应大于 0 元")
    if len(amounts) > MOST:
        raise Failure("many", f"一次最多登记 {MOST} 人，请分几次登记")
    visible = people.visible(by, policy_year).filter(pk__in=list(amounts))
    known = {person.pk: person for person in visible}
    given = set(
        ExtraHelp.objects.filter(
            policy_year=policy_year, giver=giver, person__in=list(known)
        ).values_list("person", flat=True)
    )
    left = [(pk, "不在您的辖区内") for pk in amounts if pk not in known]
    left += [(pk, f"{giver}对此人的扶持已登记，金额有误的先删除再登记") for pk in given]
    enrolled = {
        one.person_id: one
        for one in Enrollment.objects.filter(policy_year=policy_year, person__in=list(known))
    }
    wanted = [known[pk] for pk in amounts if pk in known and pk not in given]
    if not wanted:
        raise Failure("nobody", left[0][1] if left else "请勾选或填写要扶持的人")
    places = {one.pk: enrolled.get(one.pk, one) for one in wanted}
    with pghistory.context(user=by.pk):
        ExtraHelp.objects.bulk_create(
            ExtraHelp(
                county_id=policy_year.county_id,
                town_id=places[one.pk].town_id,
                village_id=places[one.pk].village_id,
                policy_year=policy_year,
                person=one,
                giver=giver,
                amount=amounts[one.pk],
                recorded_by=by,
            )
            for one in wanted
        )
    audit.record(
        "add_help",
        by=by,
        county=policy_year.county,
        subject="另行扶持",
        person_id=wanted[0].pk if len(wanted) == 1 else None,
        address=address,
        people=len(wanted),
        giver=giver,
        amount=f"{sum((amounts[one.pk] for one in wanted), Decimal(0)):.2f}",
    )
    policy_year.bump()
    return Done(len(wanted), left)


@transaction.atomic
def remove(
    policy_year: PolicyYear,
    rows: Collection[int],
    *,
    by: User,
    reason: str,
    address: str = "",
) -> int:
    """Take records out that are wrong; the trail and the history keep them. Returns how many."""
    if not by.job.may_declare:
        raise Failure("role", f"“{by.job.title}”岗位不能删除扶持，请交乡镇或县级经办人员")
    policy_year = freeze.begin(policy_year, what="扶持不能再删除")
    reason = " ".join(reason.split())[:MOST_WORDS]
    if not reason:
        raise Failure("no_reason", "请写明删除的原因")
    found = list(
        ExtraHelp.objects.visible_to(by)
        .filter(policy_year=policy_year, pk__in=list(rows))
        .values_list("pk", "person", "giver", "amount")
    )
    if not found:
        raise Failure("nobody", "请勾选要删除的扶持记录")
    with pghistory.context(user=by.pk):
        ExtraHelp.objects.filter(pk__in=[pk for pk, *_ in found]).delete()
    audit.record(
        "remove_help",
        by=by,
        county=policy_year.county,
        subject="另行扶持",
        person_id=found[0][1] if len(found) == 1 else None,
        address=address,
        people=len(found),
        giver="、".join(sorted({giver for *_, giver, _ in found})),
        amount=f"{sum((amount for *_, amount in found), Decimal(0)):.2f}",
        reason=reason,
    )
    policy_year.bump()
    return len(found)


def read(file: BinaryIO, *, file_name: str, policy_year: PolicyYear, by: User) -> list[Read]:
    """A small list of name, number and amount, each row with whom it means or what is wrong.

    Nothing is recorded. Raises Failure where the file cannot be read.
    """
    try:
        with store.scratch(suffix=".xlsx") as path:
            path.write_bytes(file.read())
            rows = [
                (block.first_row + at, row)
                for block in workbook.read(path, file_name)
                if not block.hidden
                for at, row in enumerate(block.rows)
            ]
        layout = headings.find([row for _, row in rows], COLUMNS)
    except workbook.Refused as refused:
        raise Failure(refused.code, refused.message) from refused
    except headings.HeadingsUnknown as unknown:
        raise Failure(
            "headings", f"{unknown.message}列名写作 姓名、身份证号、扶持金额。"
        ) from unknown
    body = [
        (number, row)
        for number, row in rows[layout.first_data_row :]
        if not headings.ignorable(row, layout)
    ]
    if len(body) > MOST:
        raise Failure("many", f"名单有 {len(body):,} 行，一次最多 {MOST} 行，请分几份上传")
    told = [_row(number, row, layout.columns) for number, row in body]
    return _meant(told, policy_year, by)


# A row as it stands: number, name, document number, amount, problem.
Told = tuple[int, str, str, Decimal | None, str]


def _row(number: int, row: list[Any], columns: Mapping[str, int]) -> Told:
    def cell(field: str) -> Any:
        at = columns.get(field)
        return row[at] if at is not None and at < len(row) else ""

    name = cells.shown(cell("name")).strip()[:60]
    try:
        document = documents.check(cell("id_number"), today=timezone.localdate())
        amount = cells.money(cell("amount"))
    except (documents.DocumentError, cells.CellError) as error:
        return number, name, "", None, f"{error}"
    if amount is None or amount <= 0:
        return number, name, "", None, "缺少扶持金额，或金额不大于 0"
    return number, name, document.number, amount, ""


def _meant(told: list[Told], policy_year: PolicyYear, by: User) -> list[Read]:
    """Whom the numbers mean, among those that the user may see; each person once."""
    index = vault().index
    codes = {number: index(number) for _, _, number, _, problem in told if not problem}
    known = {
        person.id_index: person
        for person in people.visible(by, policy_year).filter(id_index__in=list(codes.values()))
    }
    found, seen = [], set()
    for row, name, number, amount, problem in told:
        if problem:
            found.append(Read(row, name, problem=problem))
            continue
        person = known.get(codes[number])
        if person is None:
            problem = "您的辖区内没有这个证件号码的人"
        elif name and cells.name_key(name) != cells.name_key(person.name):
            problem = f"在册姓名为“{person.name}”，与名单不一致"
        elif person.pk in seen:
            problem = "名单里前面已有此人"
        if problem or person is None:
            found.append(Read(row, name, problem=problem))
            continue
        seen.add(person.pk)
        found.append(Read(row, name, person, amount))
    return found
