"""现金代收: an agent takes exactly what is owed, closes the day, pays online, and it all agrees.

C16: cash is the exception; what was received and what was paid online are two dates, and where
the notice does not say which counts, the agent is warned before the window's last midnight. C62:
limits in days and yuan are the county's. Taking cash insures nobody: the tax bureau's detail does.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection, models, transaction
from django.db.models import Count, Min, Sum
from django.utils import timezone

from enrollment import audit, people
from enrollment.failure import Failure
from enrollment.models import Person, PolicyYear, Region, User
from enrollment.models.rules import CashRule, Window
from subsidies import case, quote
from subsidies.models import CashDay, CashReceipt, ExtraHelp

LOCK = 4_023
WARN_DAYS = 3
FROZEN = (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED)


class State(models.TextChoices):
    """Where the money of a receipt is, by the tax bureau's own details."""

    HELD = "held", "现金在手"
    REMITTED = "remitted", "已线上缴费，税务明细未到"
    MATCHED = "matched", "与税务明细相符"
    DIFFERS = "differs", "税务明细金额不符"
    REVERSED = "reversed", "已冲销"


# One definition for lists, balances and reconciliation. A serial decides, else the person's sum.
STATE = """
CASE
    WHEN r.reverses_id IS NOT NULL OR r.reversed_at IS NOT NULL THEN 'reversed'
    WHEN paid.by_serial OR paid.total = r.amount THEN 'matched'
    WHEN paid.total <> 0 THEN 'differs'
    WHEN r.remitted_on IS NOT NULL THEN 'remitted'
    ELSE 'held'
END
"""
PAID = """
LEFT JOIN LATERAL (
    SELECT COALESCE(sum(p.amount), 0) AS total,
        bool_or(r.serial <> '' AND p.serial = r.serial AND p.amount = r.amount) AS by_serial
    FROM enrollment_payment p
    WHERE p.policy_year_id = r.policy_year_id AND p.person_id = r.person_id
        AND p.withdrawn_at IS NULL
) paid ON true
"""
# The people of a region, and what its agents took from others: somebody enrolled there and
# registered elsewhere, or moved away since.
OF_REGION = """
(r.{level}_id = %(region)s OR r.agent_id IN (
    SELECT agent.id FROM enrollment_user agent
    JOIN enrollment_region office ON office.id = agent.region_id
    WHERE %(region)s IN (office.id, office.town_id, office.county_id)
))
"""


@dataclass(frozen=True)
class Balance:
    """What one agent holds: yuan and receipts not yet paid online, the oldest day of them."""

    agent: User
    held: Decimal
    receipts: int
    oldest: date | None
    over_days: bool
    over_amount: bool


def rule(policy_year: PolicyYear) -> CashRule | None:
    """What the year's policy says of cash; None where agents take none."""
    return CashRule.objects.filter(policy_year=policy_year).first()


@dataclass(frozen=True)
class Owed:
    """What somebody is to hand over, in yuan, and why that much."""

    amount: Decimal
    answer: quote.Quote
    extra: Decimal
    """Help of a township or unit on top of the subsidy, already taken off."""


def owed(policy_year: PolicyYear, person: Person, *, on: date) -> Owed:
    """What the person would owe if the cash were paid online on this day.

    Raises Failure with the sentence that says why no cash can be taken.
    """
    if rule(policy_year) is None:
        raise Failure("no_cash", f"{policy_year}的政策没有写现金代收，请用线上渠道缴费")
    answer = quote.quote(policy_year, case.of_person(policy_year, person, paid_on=on))
    if not answer.allowed or answer.due is None:
        raise Failure("not_owed", f"不能收现金：{answer.reason}")
    helped = ExtraHelp.objects.filter(policy_year=policy_year, person=person)
    extra = min(helped.aggregate(sum=Sum("amount"))["sum"] or Decimal(0), answer.due)
    if answer.due == extra:
        raise Failure("nothing_owed", f"{person.name}应缴 0 元，不收现金")
    if person.pk in people.insured_among(policy_year, [person.pk]):
        raise Failure("paid", f"{person.name}本年度已缴费，不能再收")
    return Owed(answer.due - extra, answer, extra)


@transaction.atomic
def take(
    person: Person,
    *,
    policy_year: PolicyYear,
    amount: Decimal,
    by: User,
    on: date | None = None,
    address: str = "",
) -> CashReceipt:
    """Take cash from somebody; the receipt with its number. Raises Failure."""
    on = on or timezone.localdate()
    _refuse_agent(policy_year, by, taking=True)
    if on > timezone.localdate():
        raise Failure("future", "收款日期不能晚于今天")
    _queue(policy_year)
    here = CashReceipt.objects.filter(policy_year=policy_year)
    standing = here.filter(person=person, reverses=None, reversed_at=None)
    if (other := standing.select_related("agent").first()) is not None:
        raise Failure(
            "taken",
            f"{person.name}的现金已由{other.agent.display_name}于 {other.taken_on} 收取"
            f"（收据 {other.shown}）",
        )
    _refuse_closed(policy_year, by, on)
    due = owed(policy_year, person, on=on)
    if amount != due.amount:
        raise Failure(
            "amount", f"应收 {due.amount:.2f} 元，填写的是 {amount:.2f} 元；多收少收都不行"
        )
    last = here.aggregate(last=models.Max("number"))["last"] or 0
    receipt = CashReceipt.objects.create(
        county_id=person.county_id,
        town_id=person.town_id,
        village_id=person.village_id,
        policy_year=policy_year,
        person=person,
        agent=by,
        number=last + 1,
        amount=amount,
        tier=due.answer.case.tier.name,
        group=due.answer.case.group.name,
        taken_on=on,
    )
    _note("take_cash", receipt, by=by, address=address)
    return receipt


@transaction.atomic
def reverse(receipt: CashReceipt, *, reason: str, by: User, address: str = "") -> CashReceipt:
    """冲销: give the cash back, by an entry of today with its reason. Raises Failure."""
    _queue(receipt.policy_year)
    receipt = CashReceipt.objects.select_for_update(of=("self",)).get(pk=receipt.pk)
    reason = " ".join(reason.split())
    if not reason:
        raise Failure("reason", "请写明冲销原因")
    _refuse_agent(receipt.policy_year, by)
    if by.pk != receipt.agent_id:
        raise Failure("agent", f"收据由{receipt.agent.display_name}开具，须由本人冲销")
    if receipt.reverses_id or receipt.reversed_at:
        raise Failure("reversed", "这张收据已经冲销")
    if receipt.remitted_on or state_of(receipt) in (State.MATCHED, State.DIFFERS):
        raise Failure("remitted", "这笔钱已线上缴费，不能冲销；退费请按政策向税务部门申请")
    today = timezone.localdate()
    _refuse_closed(receipt.policy_year, by, today)
    last = CashReceipt.objects.filter(policy_year=receipt.policy_year).aggregate(
        last=models.Max("number")
    )["last"]
    CashReceipt.objects.filter(pk=receipt.pk).update(reversed_at=timezone.now())
    entry = CashReceipt.objects.create(
        county_id=receipt.county_id,
        town_id=receipt.town_id,
        village_id=receipt.village_id,
        policy_year=receipt.policy_year,
        person=receipt.person,
        agent=by,
        number=last + 1,
        amount=-receipt.amount,
        taken_on=today,
        reverses=receipt,
        reason=reason,
    )
    _note("reverse_cash", entry, by=by, address=address, reason=reason)
    return entry


@transaction.atomic
def remit(
    policy_year: PolicyYear,
    chosen: Collection[int],
    *,
    on: date,
    by: User,
    serial: str = "",
    address: str = "",
) -> int:
    """Say that the cash of these receipts was paid online on a day. Returns how many.

    A serial number goes with one receipt only. Raises Failure.
    """
    _refuse_agent(policy_year, by)
    if on > timezone.localdate():
        raise Failure("future", "线上缴费日期不能晚于今天")
    mine = CashReceipt.objects.select_for_update().filter(
        policy_year=policy_year, agent=by, pk__in=chosen, reverses=None, reversed_at=None
    )
    found = list(mine.filter(remitted_on=None))
    if not found:
        raise Failure("none", "请先勾选还没有缴费的收据")
    if serial and len(found) > 1:
        raise Failure("serial", "一个流水号只对应一张收据；几张一起时流水号留空，按人核对")
    early = [one for one in found if one.taken_on > on]
    if early:
        raise Failure(
            "early", f"收据 {early[0].shown} 的收款日期是 {early[0].taken_on}，晚于缴费日期"
        )
    mine.filter(pk__in=[one.pk for one in found]).update(remitted_on=on, serial=serial.strip())
    audit.record(
        "remit_cash", by=by, county=policy_year.county, address=address,
        rows=len(found), amount=str(sum(one.amount for one in found)),
    )  # fmt: skip
    return len(found)


@transaction.atomic
def close_day(policy_year: PolicyYear, *, day: date, by: User, address: str = "") -> CashDay:
    """日清 of one's own day; earlier open days come first. Raises Failure."""
    _refuse_agent(policy_year, by)
    if day > timezone.localdate():
        raise Failure("future", "不能日清以后的日子")
    _queue(policy_year)
    waiting = open_days(policy_year, by)
    if day not in waiting:
        raise Failure("nothing", f"{day} 没有待日清的收据")
    if waiting[0] < day:
        raise Failure("earlier", f"{waiting[0]} 还没有日清，请按日期先后办理")
    receipts = CashReceipt.objects.select_for_update().filter(
        policy_year=policy_year, agent=by, taken_on=day, day=None
    )
    amounts = list(receipts.values_list("amount", flat=True))
    closed = CashDay.objects.create(
        policy_year=policy_year, agent=by, day=day, entries=len(amounts), total=sum(amounts)
    )
    receipts.update(day=closed)
    audit.record(
        "close_cash_day", by=by, county=policy_year.county, subject=str(day), address=address,
        rows=len(amounts), amount=str(closed.total),
    )  # fmt: skip
    return closed


@transaction.atomic
def see_day(closed: CashDay, *, by: User, address: str = "") -> CashDay:
    """The second person has counted money and receipts, and they agree. Raises Failure."""
    closed = CashDay.objects.select_for_update(of=("self",)).get(pk=closed.pk)
    if by.pk == closed.agent_id:
        raise Failure("oneself", "日清须由代收人以外的另一个人复核")
    if not by.job.may_answer or not CashDay.objects.visible_to(by).filter(pk=closed.pk).exists():
        raise Failure("role", "日清由乡镇或县级经办复核")
    if closed.seen_at is not None:
        raise Failure("seen", "这一天已经复核")
    closed.seen_by, closed.seen_at = by, timezone.now()
    closed.save(update_fields=["seen_by", "seen_at"])
    audit.record(
        "see_cash_day", by=by, county=closed.policy_year.county,
        subject=f"{closed.agent.username} {closed.day}", address=address,
    )  # fmt: skip
    return closed


def open_days(policy_year: PolicyYear, agent: User) -> list[date]:
    """Days on which the agent took cash and that are not closed, the oldest first."""
    waiting = CashReceipt.objects.filter(policy_year=policy_year, agent=agent, day=None)
    return list(waiting.order_by("taken_on").values_list("taken_on", flat=True).distinct())


def state_of(receipt: CashReceipt) -> State:
    """Where this receipt's money is."""
    return states([receipt.pk])[receipt.pk]


def states(chosen: Collection[int]) -> dict[int, State]:
    """Where the money of these receipts is, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.id, {STATE} FROM subsidies_cashreceipt r {PAID} WHERE r.id = ANY(%s)",  # noqa: S608
            [list(chosen)],
        )
        return {pk: State(state) for pk, state in cursor.fetchall()}


def in_state(policy_year: PolicyYear, region: Region, state: State) -> list[int]:
    """The receipts of a region whose money is there, for the reconciliation list."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.id FROM subsidies_cashreceipt r {PAID}
            WHERE r.policy_year_id = %(year)s AND {OF_REGION.format(level=region.level)}
                AND {STATE} = %(state)s
            ORDER BY r.taken_on, r.number
            """,  # noqa: S608  (a level is one of three words)
            {"year": policy_year.pk, "region": region.pk, "state": state.value},
        )
        return [pk for (pk,) in cursor.fetchall()]


def counted(policy_year: PolicyYear, region: Region) -> dict[State, tuple[int, Decimal]]:
    """Receipts and yuan of a region by where the money is."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {STATE} AS state, count(*), sum(r.amount)
            FROM subsidies_cashreceipt r {PAID}
            WHERE r.policy_year_id = %(year)s AND {OF_REGION.format(level=region.level)}
                AND r.reverses_id IS NULL
            GROUP BY 1
            """,  # noqa: S608
            {"year": policy_year.pk, "region": region.pk},
        )
        found = {State(state): (count, total) for state, count, total in cursor.fetchall()}
    return {state: found.get(state, (0, Decimal(0))) for state in State}


def balances(policy_year: PolicyYear, *, agents: models.QuerySet[User]) -> list[Balance]:
    """Who holds how much cash, the most first; agents who hold none are left out."""
    held = CashReceipt.objects.filter(
        policy_year=policy_year, agent__in=agents, pk__in=_held(policy_year)
    )
    sums = held.values("agent").annotate(
        total=Sum("amount"), receipts=Count("pk"), oldest=Min("taken_on")
    )
    known = agents.select_related("region__parent").in_bulk([one["agent"] for one in sums])
    limits = rule(policy_year)
    days, amount = (limits.days_limit, limits.amount_limit) if limits else (None, None)
    today = timezone.localdate()
    found = [
        Balance(
            agent=known[one["agent"]],
            held=one["total"],
            receipts=one["receipts"],
            oldest=one["oldest"],
            over_days=days is not None and (today - one["oldest"]).days > days,
            over_amount=amount is not None and one["total"] > amount,
        )
        for one in sums
    ]
    return sorted(found, key=lambda one: (-one.held, one.agent.pk))


def warnings(policy_year: PolicyYear, balance: Balance | None) -> list[str]:
    """What an agent with this balance has to be told today, in sentences."""
    limits, today = rule(policy_year), timezone.localdate()
    if balance is None or limits is None:
        return []
    said = []
    if balance.over_amount:
        said.append(
            f"手上现金 {balance.held:,.2f} 元，超过限额 {limits.amount_limit:,.2f} 元，"
            "请先缴费再收。"
        )
    if balance.over_days:
        said.append(
            f"最早一笔是 {balance.oldest} 收的，超过 {limits.days_limit} 天，请立即线上缴费。"
        )
    closing = (
        Window.objects.filter(policy_year=policy_year, pays_from__lte=today, pays_to__gte=today)
        .order_by("pays_to")
        .values_list("pays_to", flat=True)
        .first()
    )
    if closing is not None and closing - today <= timedelta(days=WARN_DAYS):
        counts = (
            f"按文件以{limits.get_counts_display()}为准"
            if limits.counts
            else "文件没有写以收款日还是缴费日为准（政策未规定）"
        )
        said.append(
            f"缴费期 {closing} 24:00 截止，手上还有 {balance.receipts} 人的现金没有线上缴费；"
            f"{counts}，请务必在截止前缴清。"
        )
    return said


def _held(policy_year: PolicyYear) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT r.id FROM subsidies_cashreceipt r {PAID}
            WHERE r.policy_year_id = %s AND r.reverses_id IS NULL AND r.reversed_at IS NULL
                AND {STATE} = 'held'
            """,  # noqa: S608
            [policy_year.pk],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _queue(policy_year: PolicyYear) -> None:
    """One at a time: receipts are numbered without a gap, and none comes after its day's close."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, policy_year.pk])


def _refuse_agent(policy_year: PolicyYear, by: User, *, taking: bool = False) -> None:
    """A settled year takes no more cash; what is in hand is still paid on, given back, counted."""
    if not by.job.takes_cash:
        raise Failure("role", "现金由村级代办或乡镇经办代收")
    over = FROZEN if taking else (PolicyYear.State.CLOSED,)
    if policy_year.state in over:
        what = "不能再收现金" if taking else "现金记录不能再改动"
        raise Failure("year_closed", f"{policy_year}{policy_year.get_state_display()}，{what}")


def _refuse_closed(policy_year: PolicyYear, by: User, day: date) -> None:
    if CashDay.objects.filter(policy_year=policy_year, agent=by, day=day).exists():
        raise Failure("closed", f"{day} 已经日清，不能再增加；请记在明天")


def _note(action: str, receipt: CashReceipt, *, by: User, address: str, **details: object) -> None:
    audit.record(
        action,
        by=by,
        county=receipt.policy_year.county,
        person_id=receipt.person_id,
        subject=receipt.shown,
        address=address,
        amount=str(receipt.amount),
        **details,
    )
