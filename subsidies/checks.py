"""待核查: amounts that do not agree with the rule, between county, towns and villages.

What disagrees is computed from the ledger (``mismatches``), never typed. The county sends such
people to towns and villages, these say what they found, beside the ledger and not in it; the
county recalls or closes. An assessment after which the amount agrees closes the check by itself.
"""

from collections.abc import Collection

from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, User
from enrollment.scope import PlacedQuerySet
from subsidies import freeze
from subsidies.models import AmountCheck, CheckAnswer, Subsidy
from subsidies.models.checks import CheckQuerySet

TEXT_LIMIT = 280


class State(models.TextChoices):
    UNSENT = "unsent", "未下发"
    SENT = "sent", "待答复"
    ANSWERED = "answered", "已答复"
    CLOSED = "closed", "已办结"


def mismatches(policy_year: PolicyYear, region: Region, *, viewer: User | None) -> PlacedQuerySet:
    """Rows of the ledger whose amount does not agree; 退补差 that the policy grants is none."""
    found = Subsidy.objects.filter(policy_year=policy_year, recognised_after=False)
    found = found.exclude(difference=0).filter(difference__isnull=False).in_region(region)
    return found.visible_to(viewer) if viewer is not None else found


def unsent(policy_year: PolicyYear, region: Region, *, viewer: User | None) -> PlacedQuerySet:
    """Mismatches nobody is looking into, and that the county has not closed as they are."""
    mine = AmountCheck.objects.filter(policy_year=policy_year, person=OuterRef("person"))
    settled = mine.filter(
        closed=AmountCheck.Closed.BY_HAND, due=OuterRef("due"), paid=OuterRef("paid")
    )
    return mismatches(policy_year, region, viewer=viewer).exclude(
        Exists(mine.open()) | Exists(settled)
    )


def sent(policy_year: PolicyYear, region: Region, state: str, *, viewer: User) -> CheckQuerySet:
    """Checks of a region in a state other than 未下发."""
    found = AmountCheck.objects.filter(policy_year=policy_year).in_region(region)
    found = found.visible_to(viewer)
    if state == State.CLOSED:
        return found.filter(closed_at__isnull=False).order_by("-closed_at", "-pk")
    answered = state == State.ANSWERED
    return found.open().filter(answered_at__isnull=not answered).order_by("town", "village", "pk")


def counts(policy_year: PolicyYear, region: Region, *, viewer: User) -> dict[str, int]:
    """How many people stand in each state; 未下发 is the county's own affair."""
    now_open = Q(recalled_at__isnull=True, closed_at__isnull=True)
    found = (
        AmountCheck.objects.filter(policy_year=policy_year)
        .in_region(region)
        .visible_to(viewer)
        .aggregate(
            sent=models.Count("pk", filter=now_open & Q(answered_at__isnull=True)),
            answered=models.Count("pk", filter=now_open & Q(answered_at__isnull=False)),
            closed=models.Count("pk", filter=Q(closed_at__isnull=False)),
        )
    )
    told = {State.UNSENT.value: 0} | found
    if sends(viewer):
        told[State.UNSENT.value] = unsent(policy_year, region, viewer=viewer).count()
    return told


def waiting_for(policy_year: PolicyYear, region: Region, *, viewer: User) -> int:
    """How many checks wait for this reader: answers of a village or town, decisions of a county."""
    told = counts(policy_year, region, viewer=viewer)
    if sends(viewer):
        return told[State.UNSENT.value] + told[State.ANSWERED.value]
    return told[State.SENT.value]


def sends(user: User) -> bool:
    """Whether somebody may send, recall and close."""
    return user.job.may_issue


@transaction.atomic
def send(
    policy_year: PolicyYear,
    region: Region,
    *,
    by: User,
    people: Collection[int] | None = None,
    note: str = "",
    address: str = "",
) -> int:
    """Send the unsent mismatches of a region, or these people's, to where they count."""
    _refuse_sender(by)
    # Two clicks queue, so that each is told how many it sent.
    policy_year = freeze.begin(policy_year, what="不能再下发核查", settled_too=True)
    rows = unsent(policy_year, region, viewer=by)
    if people is not None:
        rows = rows.filter(person__in=people)
    note = _text(note)
    made = AmountCheck.objects.bulk_create(
        [
            AmountCheck(policy_year=policy_year, sent_by=by, note=note, **row)
            for row in rows.values(
                *("person_id", "county_id", "town_id", "village_id", "due", "paid", "difference")
            )
        ],
        batch_size=1000,
        # Whom a second click, or a colleague, has sent meanwhile is sent.
        ignore_conflicts=True,
    )
    if not made:
        raise Failure("nobody", "没有可下发的人；可能已由他人下发，请刷新本页")
    _note("send_checks", region, by, address, people=len(made))
    return len(made)


@transaction.atomic
def recall(
    policy_year: PolicyYear, region: Region, *, by: User, checks: Collection[int], address: str = ""
) -> int:
    """Take checks back; what was answered stays, and the people are 未下发 again."""
    _refuse_sender(by)
    found = _open(policy_year, region, by, checks)
    number = found.update(recalled_at=timezone.now(), recalled_by=by)
    return _done(number, "recall_checks", region, by, address)


@transaction.atomic
def close(
    policy_year: PolicyYear,
    region: Region,
    *,
    by: User,
    checks: Collection[int],
    conclusion: str = "",
    address: str = "",
) -> int:
    """Close checks as they are, with what was decided; the ledger is not changed by it."""
    _refuse_sender(by)
    number = _open(policy_year, region, by, checks).update(
        closed=AmountCheck.Closed.BY_HAND,
        closed_at=timezone.now(),
        closed_by=by,
        conclusion=_text(conclusion),
    )
    return _done(number, "close_checks", region, by, address)


@transaction.atomic
def answer(
    check: AmountCheck, *, finding: str, text: str = "", by: User, address: str = ""
) -> CheckAnswer:
    """Say what was found. Answers given before stay. Raises Failure once recalled or closed."""
    if not by.job.may_reply:
        raise Failure("role", f"“{by.job.title}”岗位不能答复核查，数据没有变化")
    check = AmountCheck.objects.select_for_update(of=("self",)).get(pk=check.pk)
    if check.recalled_at or check.closed_at:
        raise Failure("closed", "这一项已由县级收回或办结，不用再答复")
    if finding not in CheckAnswer.Finding.values:
        raise Failure("finding", "请选择核查结果")
    text = _text(text)
    if finding == CheckAnswer.Finding.OTHER and not text:
        raise Failure("text", "选“其他”时请写明情况")
    made = CheckAnswer.objects.create(of=check, finding=finding, text=text, by=by)
    AmountCheck.objects.filter(pk=check.pk).update(answered_at=made.at)
    audit.record(
        "answer_check",
        by=by,
        county=check.county,
        subject=made.get_finding_display(),
        person_id=check.person_id,
        address=address,
    )
    return made


def close_resolved(policy_year: PolicyYear) -> int:
    """After an assessment: close the checks of people whose amount is no longer in question.

    So are those who are no longer in the ledger, and those whose difference is now one that the
    policy gives back. Where the policy no longer says what is due, the question stays open.
    """
    disputed = Subsidy.objects.filter(
        policy_year=policy_year, person=OuterRef("person"), recognised_after=False
    ).exclude(difference=0)
    number = (
        AmountCheck.objects.filter(~Exists(disputed), policy_year=policy_year)
        .open()
        .update(closed=AmountCheck.Closed.RESOLVED, closed_at=timezone.now())
    )
    if number:
        audit.record("resolve_checks", by=None, county=policy_year.county, people=number)
    return number


def history(check: AmountCheck) -> list[AmountCheck]:
    """Every check of this person in the year, newest first, each with its answers."""
    found = AmountCheck.objects.filter(policy_year=check.policy_year, person=check.person_id)
    related = ("sent_by", "recalled_by", "closed_by")
    return list(found.select_related(*related).prefetch_related("answers__by").order_by("-pk"))


def _open(
    policy_year: PolicyYear, region: Region, by: User, checks: Collection[int]
) -> CheckQuerySet:
    found = AmountCheck.objects.filter(policy_year=policy_year, pk__in=checks).open()
    return found.in_region(region).visible_to(by)


def _done(number: int, action: str, region: Region, by: User, address: str) -> int:
    if not number:
        raise Failure("nobody", "请先勾选；勾选的可能已由他人收回或办结，请刷新本页")
    _note(action, region, by, address, people=number)
    return number


def _note(action: str, region: Region, by: User, address: str, *, people: int) -> None:
    audit.record(
        action, by=by, county=region.county, subject=region.path, address=address, people=people
    )


def _refuse_sender(by: User) -> None:
    if not sends(by):
        raise Failure("role", f"“{by.job.title}”岗位不能下发、收回或办结核查，数据没有变化")


def _text(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > TEXT_LIMIT:
        raise Failure("too_long", f"说明请写在 {TEXT_LIMIT} 字以内")
    return text
