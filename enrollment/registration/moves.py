"""迁移: from village to village of the county, out of the county, and whom it takes along.

Inside one town its officer moves people directly. Between towns one side proposes and the other
agrees, so that nobody is taken or pushed away unseen; the county may do it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import models, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from enrollment.failure import Failure
from enrollment.models import (
    Decision,
    Enrollment,
    Level,
    Payment,
    Person,
    PolicyYear,
    Question,
    QuestionKind,
    Region,
    Relocation,
    User,
)
from enrollment.models.registration import RelocationQuerySet
from enrollment.registration import common
from enrollment.roster import answers
from enrollment.scope import Placed


@transaction.atomic
def propose(
    policy_year: PolicyYear,
    person: Person,
    *,
    to: Region,
    reason: str,
    by: User,
    whole_household: bool = False,
    address: str = "",
) -> list[Relocation]:
    """Move somebody (or their household) to a village, at once or after the other side agrees.

    At once where the mover answers for both villages, above the village; else the move stands
    open. ``by`` must answer for one of the two sides.
    """
    common.require_role(by)
    if to.level != Level.VILLAGE or to.placeholder or to.valid_to:
        raise Failure("village", "请选择迁入的村（社区）")
    now = common.lock(person)
    if to.pk == now.village_id:
        raise Failure("same", "已在这个村，不用迁移")
    if to.county_id != now.county_id:
        raise Failure("county", "迁往外县的，请办理迁出本县")
    from_mine, to_mine = answers_for(by, now.village), answers_for(by, to)
    if not (from_mine or to_mine):
        raise Failure("area", "迁出、迁入的村都不在您的辖区")
    reason = common.sentence(reason, most=200, what="迁移原因")
    going = [now]
    if whole_household and now.household_id:
        going = list(
            Person.objects.select_for_update(of=("self",)).filter(
                household=now.household_id, village=now.village_id
            )
        )
    taken = Relocation.objects.filter(person__in=going, state=Relocation.State.OPEN)
    if taken.exists():
        raise Failure("open", "已有一件待确认的迁移，请先处理")
    if (asked := _asked(one.pk for one in going).first()) is not None:
        raise Failure(
            "asked",
            f"名册上“迁移待确认”（迁往{asked.given}）还没有答复，请先在“待核实事项”中办结",
        )
    at_once = from_mine and to_mine and by.job.level != Level.VILLAGE
    rows = []
    for one in going:
        rows.append(
            Relocation.objects.create(
                **common.same_place(one),
                person=one,
                to_town_id=common.place_of(to)["town_id"],
                to_village=to,
                by_receiver=not from_mine,
                reason=reason,
                proposed_by=by,
            )
        )
    common.record(
        "propose_move",
        now,
        by=by,
        address=address,
        subject=to.path,
        people=len(going),
        reason=reason,
    )
    if at_once:
        _carry_out(rows, by=by, decision="辖区内迁移", address=address)
    return rows


@transaction.atomic
def decide(row: Relocation, *, agrees: bool, text: str, by: User, address: str = "") -> Relocation:
    """The other side's word on a move. Raises Failure where it is not theirs to give."""
    common.require_role(by)
    now = Relocation.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if now.state != Relocation.State.OPEN:
        raise Failure("decided", f"这件迁移已办：{now.get_state_display()}")
    if now.proposed_by_id == by.pk:
        raise Failure("own", "由对方确认，提出人不能自己确认；不办了的可以撤回")
    side = now.village if now.by_receiver else now.to_village
    if not answers_for(by, side):
        raise Failure("side", f"由{side.path}一方确认")
    text = common.sentence(text, most=200, what="不同意的原因", required=not agrees)
    if agrees:
        _carry_out([now], by=by, decision=text, address=address)
    else:
        _close(now, Relocation.State.REFUSED, by=by, decision=text)
        common.record(
            "decide_move", now.person, by=by, address=address, outcome="不同意", reason=text
        )
    return now


@transaction.atomic
def cancel(row: Relocation, *, by: User, address: str = "") -> None:
    """Take a proposal back; who made it, or somebody of the same side."""
    common.require_role(by)
    now = Relocation.objects.select_for_update(of=("self",)).get(pk=row.pk)
    side = now.to_village if now.by_receiver else now.village
    if now.state != Relocation.State.OPEN or not answers_for(by, side):
        raise Failure("cancel", "只有提出迁移的一方可以撤回，且须还没有确认")
    _close(now, Relocation.State.CANCELLED, by=by, decision="")
    common.record("decide_move", now.person, by=by, address=address, outcome="撤回")


@transaction.atomic
def leave(
    policy_year: PolicyYear,
    person: Person,
    *,
    on: date,
    to: str,
    by: User,
    address: str = "",
) -> None:
    """Somebody's hukou went out of the county: off the roll from that day, out of the household."""
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    to = common.sentence(to, most=100, what="迁往哪里")
    if now.on_roll_from is None or now.on_roll_to is not None:
        raise Failure("off_roll", "此人不在本县户籍册")
    if on > timezone.localdate() or on < now.on_roll_from:
        raise Failure("day", "迁出日期不能晚于今天，也不能早于入册日期")
    now.on_roll_to, now.household, now.relation = on, None, ""
    now.save(update_fields=["on_roll_to", "household", "relation"])
    common.record("leave_county", now, by=by, address=address, after=to)
    common.bump(now.county_id)


@transaction.atomic
def follow(question: Question, *, moves: bool, text: str, by: User) -> None:
    """Close somebody's open move when the 迁移待确认 of a roster is answered.

    Where they were let go, whatever it said; where they stay, if it went to the same village.
    """
    for row in Relocation.objects.select_for_update(of=("self",)).filter(
        person=question.person_id, state=Relocation.State.OPEN
    ):
        same = _as_given(row.to_village) == question.given
        if moves:
            state = Relocation.State.DONE if same else Relocation.State.CANCELLED
        elif same:
            state = Relocation.State.REFUSED
        else:
            continue
        _close(row, state, by=by, decision=f"待核实事项已答复：{text}"[:200])


def may_decide(row: Relocation, user: User) -> bool:
    """Whether a move waits for this user's word."""
    side = row.village if row.by_receiver else row.to_village
    return row.proposed_by_id != user.pk and answers_for(user, side)


def may_cancel(row: Relocation, user: User) -> bool:
    """Whether this user's side proposed a move."""
    return answers_for(user, row.to_village if row.by_receiver else row.village)


def waiting(viewer: User, *, county: Region) -> RelocationQuerySet:
    """Open moves into or out of somebody's area, the oldest first."""
    rows = Relocation.objects.visible_to(viewer).open().filter(county=county)
    related = ("person", "village", "village__parent", "to_village", "to_village__parent")
    return rows.select_related(*related, "proposed_by").order_by("pk")


def relocate(people: Iterable[int], village: Region) -> None:
    """Put people and all facts that follow them into a village; one statement a table.

    An enrolment with a place of its own stays, and payments stay with their enrolment. What belongs
    to a settled or closed year stays where it counted when that year was closed: its figures are
    printed, and its ledger's checksum stands.
    """
    ids = list(people)
    where = common.place_of(village)
    Person.objects.filter(pk__in=ids).update(**where)
    for model, key in common.facts_of_people():
        if (
            key != "person"
            or not issubclass(model, Placed)
            or model in (Enrollment, Payment, Relocation)
        ):
            continue
        everybody: models.Manager[Any] = model._default_manager
        rows = everybody.filter(person__in=ids)
        if any(field.name == "policy_year" for field in model._meta.concrete_fields):
            rows = rows.exclude(policy_year__state__in=common.FROZEN)
        rows.update(**where)
    open_years = Enrollment.objects.exclude(policy_year__state__in=common.FROZEN)
    open_years.filter(person__in=ids, place_follows=True).update(**where)
    own = Enrollment.objects.filter(person=OuterRef("person"), policy_year=OuterRef("policy_year"))
    payments = Payment.objects.exclude(policy_year__state__in=common.FROZEN)
    payments.filter(person__in=ids).exclude(village__in=own.values("village")).update(
        town=Subquery(own.values("town")[:1]), village=Subquery(own.values("village")[:1])
    )


def _carry_out(rows: list[Relocation], *, by: User, decision: str, address: str) -> None:
    village = rows[0].to_village
    ids = [row.person_id for row in rows]
    people = list(Person.objects.filter(pk__in=ids).select_related("household", "county"))
    for household in {one.household for one in people if one.household}:
        stays = Person.objects.filter(household=household).exclude(pk__in=ids).exists()
        if stays:
            # Who leaves part of a household behind goes without it.
            Person.objects.filter(pk__in=ids, household=household).update(
                household=None, relation=""
            )
        else:
            type(household).objects.filter(pk=household.pk).update(**common.place_of(village))
    relocate(ids, village)
    for row in rows:
        _close(row, Relocation.State.DONE, by=by, decision=decision)
    _answer_rosters(ids, village, by=by)
    for one in people:
        common.record("move_person", one, by=by, address=address, subject=village.path)
    common.bump(rows[0].county_id)


def _asked(people: Iterable[int]) -> models.QuerySet[Question]:
    """What rosters ask about where these people live, as yet without an answer."""
    return Question.objects.open().filter(kind=QuestionKind.MOVES_TOWN, person__in=list(people))


def _answer_rosters(people: list[int], village: Region, *, by: User) -> None:
    """Answer what rosters asked about people who have just moved; a row to elsewhere stays out."""
    text = f"已按迁移办理到{village.path}"
    given = _as_given(village)
    asked = list(_asked(people).values_list("pk", "given"))
    same = [pk for pk, to in asked if to == given]
    other = [pk for pk, to in asked if to != given]
    for questions, decision in ((same, Decision.MOVES), (other, Decision.STAYS)):
        Question.objects.filter(pk__in=questions).update(
            decision=decision, answer=text, answered_by=by, answered_at=timezone.now()
        )
    answers.drop(other, f"{text}，这一行没有入库")
    answers.settle(same, by=by)


def _as_given(village: Region) -> str:
    """A village as a question of a roster writes it."""
    return f"{village.town.name}/{village.name}" if village.town else village.name


def _close(row: Relocation, state: str, *, by: User, decision: str) -> None:
    row.state, row.decision = state, decision
    row.decided_by, row.decided_at = by, timezone.now()
    row.save(update_fields=["state", "decision", "decided_by", "decided_at"])


def answers_for(user: User, village: Region) -> bool:
    """Whether a village lies in somebody's area."""
    own = user.region
    if own is None:
        return False
    return own.pk in (village.pk, village.town_id, village.county_id)
