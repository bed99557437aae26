"""待核实事项: what files say and the portal must not decide, and who decides it.

Questions of rosters are rows that are answered. Two more kinds are derived and go away by
themselves: people whose village nobody knows yet, and people who are insured although a list
takes them out of the base (which bars nobody, but one of the two is probably wrong).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from enrollment import audit, insured
from enrollment.failure import Failure
from enrollment.models import (
    Cover,
    Decision,
    Enrollment,
    HeldRow,
    Household,
    Level,
    Person,
    PolicyYear,
    Question,
    QuestionKind,
    Region,
    Roster,
    Status,
    StatusKind,
    User,
)
from enrollment.models.people import PersonQuerySet
from enrollment.models.rosters import QuestionQuerySet
from enrollment.regions import placed_models
from enrollment.registration import moves
from enrollment.roster import KINDS as ROSTERS
from enrollment.roster import answers

UNPLACED = "unplaced"
DEDUCTED_INSURED = "deducted_insured"
KINDS = {**dict(QuestionKind.choices), UNPLACED: "未落实到村", DEDUCTED_INSURED: "扣减后又参保"}

# What may be answered, by kind of question.
DECISIONS = {
    QuestionKind.NAME_DIFFERS: (Decision.KEEP, Decision.TAKE, Decision.OTHER),
    QuestionKind.PAID_AGAIN: (Decision.ANOTHER, Decision.SAME),
    QuestionKind.SERIAL_DIFFERS: (Decision.ANOTHER, Decision.SAME),
    QuestionKind.MOVES_TOWN: (Decision.MOVES, Decision.STAYS),
}
NAME_LIMIT = 60


# What is open


def open_ones(policy_year: PolicyYear, region: Region, *, viewer: User) -> QuestionQuerySet:
    """The rows to answer in a region, the oldest first."""
    visible = Question.objects.visible_to(viewer).in_region(region)
    return visible.open().filter(policy_year=policy_year).order_by("pk")


def unplaced(policy_year: PolicyYear, region: Region, *, viewer: User) -> PersonQuerySet:
    """People who, or whose enrolment of the year, stand in a 未落实 village.

    ``at_town`` and ``at_village`` say which one.
    """
    spots = _spots(policy_year)
    people = Person.objects.visible_to(viewer).in_region(region).filter(village__in=spots)
    # Whom only a withdrawn file ever named waits for no village.
    people = people.filter(
        Q(on_roll_from__isnull=False)
        | Exists(Status.objects.filter(person=OuterRef("pk")))
        | Exists(Cover.objects.filter(person=OuterRef("pk")))
        | Exists(Enrollment.objects.filter(person=OuterRef("pk")))
    )
    enrolled = (
        Enrollment.objects.visible_to(viewer)
        .in_region(region)
        .filter(policy_year=policy_year, village__in=spots)
    )
    own = enrolled.filter(person=OuterRef("pk"))
    # A union, not an "or": the planner then starts from the few and not from everybody.
    either = people.values("pk").union(enrolled.values("person"))
    return (
        Person.objects.filter(pk__in=either)
        .annotate(
            at_town=Coalesce(
                Subquery(own.values("town")[:1]), F("town_id"), output_field=BigIntegerField()
            ),
            at_village=Coalesce(
                Subquery(own.values("village")[:1]), F("village_id"), output_field=BigIntegerField()
            ),
        )
        .order_by("at_town", "name", "pk")
    )


def deducted_insured(
    policy_year: PolicyYear, region: Region, *, viewer: User | None, until: datetime | None = None
) -> PersonQuerySet:
    """Insured people whom a list of the year takes out of the base; ``at_*`` as they count."""
    deducted = Status.objects.filter(
        policy_year=policy_year, kind__bucket__in=StatusKind.OUT_OF_BASE
    )
    people = insured.insured_in(policy_year, region, until=until, viewer=viewer)
    people = people.filter(pk__in=deducted.values("person"))
    if policy_year.attribution == PolicyYear.Attribution.REGISTER:
        places: dict[str, Any] = {"at_town": F("town_id"), "at_village": F("village_id")}
    else:
        own = Enrollment.objects.filter(policy_year=policy_year, person=OuterRef("pk"))
        places = {
            "at_town": Subquery(own.values("town")[:1]),
            "at_village": Subquery(own.values("village")[:1]),
        }
    return people.annotate(**places).order_by("at_town", "at_village", "pk")


def counts(policy_year: PolicyYear, region: Region, *, viewer: User) -> dict[int, dict[str, int]]:
    """Open questions per unit below the region and kind: {region id: {kind: number}}."""
    unit = "town" if region.level == Level.COUNTY else "village"
    found: dict[int, dict[str, int]] = {}
    rows = open_ones(policy_year, region, viewer=viewer).order_by()
    for place, kind, number in rows.values_list(unit, "kind").annotate(number=Count("pk")):
        found.setdefault(place, {})[kind] = number
    for kind, people in (
        (UNPLACED, unplaced(policy_year, region, viewer=viewer)),
        (DEDUCTED_INSURED, deducted_insured(policy_year, region, viewer=viewer)),
    ):
        tally = people.order_by().values_list(f"at_{unit}").annotate(number=Count("pk"))
        for place, number in tally:
            found.setdefault(place, {})[kind] = number
    return found


@dataclass(frozen=True)
class Source:
    """Where a question comes from: a file, and its row."""

    title: str
    row: int | None
    at: datetime
    waits: bool
    """The row is kept out until the answer."""


def sources(asked: Sequence[Question], *, viewer: User) -> dict[int, list[Source]]:
    """The rows behind some questions, for one page. Two queries whatever their number.

    Whoever may not open a roster is not told its file's name, which may say what a list is of.
    """
    found: dict[int, list[Source]] = {question.pk: [] for question in asked}
    held = HeldRow.objects.filter(question__in=found).select_related("roster")
    named = Roster.objects.visible_to(viewer)
    rosters = [question.roster_id for question in asked if question.roster_id]
    seen = set(
        named.filter(Q(pk__in=rosters) | Q(pk__in=held.order_by().values("roster"))).values_list(
            "pk", flat=True
        )
    )

    def source(roster: Roster, row: int | None, *, waits: bool) -> Source:
        title = roster.file_name if roster.pk in seen else ROSTERS[roster.kind].title
        return Source(title, row, roster.uploaded_at, waits)

    for one in held.order_by("roster", "sheet", "row", "part"):
        told = source(one.roster, one.row, waits=True)
        if told not in found[one.question_id]:
            found[one.question_id].append(told)
    for question in asked:
        if not found[question.pk] and question.roster:
            found[question.pk].append(source(question.roster, question.row, waits=False))
    return found


def may_answer(question: Question, user: User) -> bool:
    """Whether this user may decide it now: once a town has objected, only the county."""
    if question.answered_at or not user.job.may_answer:
        return False
    return question.objected_at is None or user.job.level == "county"


def decider(kind: str, town: Region | None, *, objected: bool = False) -> str:
    """Who decides a question that stands in a town."""
    if kind == DEDUCTED_INSURED:
        return "县级经办（与提供名单的部门核对）"
    if objected:
        return "县级经办（两镇意见不一）"
    if town is None or town.placeholder:
        return "县级经办"
    return f"{town.name}经办、县级经办"


# Deciding


@transaction.atomic
def answer(
    question: Question, *, text: str, by: User, decision: str = "", address: str = ""
) -> int:
    """Decide a question by one of its kind's DECISIONS, in words, and let in the rows that waited.

    Taking the given name corrects the person; the same question in other years is answered with
    it. A town that will not let somebody go to another only objects: then the county decides.
    Returns how many rows went in. Raises Failure, also where somebody else was faster.
    """
    _refuse_role(by)
    visible = Question.objects.visible_to(by).select_for_update(of=("self",))
    found = visible.filter(pk=question.pk).first()
    if found is None:
        raise Failure("gone", "这一项已撤销，或不在您的辖区")
    question = found
    if question.answered_at:
        who = question.answered_by.display_name if question.answered_by else "他人"
        raise Failure("answered", f"这一项已由{who}核实：{question.answer}")
    text = " ".join(text.split())
    if not text:
        raise Failure("no_answer", "请写明核实结论和依据，如 查户口簿，应为张三")
    if decision not in DECISIONS[QuestionKind(question.kind)]:
        raise Failure("no_decision", "请选择一种结论")
    objects = decision == Decision.STAYS and by.job.level != Level.COUNTY
    text = f"{Decision(decision).label}。{text}"
    if len(text) > 300:
        raise Failure("too_long", "核实结论请写在 280 字以内")
    let_in = 0
    if objects:
        _object(question, text=text, by=by)
    else:
        let_in = _decide(question, decision, text=text, by=by)
    audit.record(
        "object_to_move" if objects else "answer_question",
        by=by,
        county=question.county,
        subject=question.get_kind_display(),
        person_id=question.person_id,
        address=address,
        question=question.pk,
        decision=decision,
        let_in=let_in,
    )
    return let_in


def _decide(question: Question, decision: str, *, text: str, by: User) -> int:
    if decision == Decision.TAKE:
        _take_name(question)
    same = Question.objects.open().filter(pk=question.pk)
    if question.person_id and question.kind == QuestionKind.NAME_DIFFERS:
        same = Question.objects.open().filter(
            person=question.person_id, kind=question.kind, given=question.given
        )
    answered = list(same.values_list("pk", flat=True))
    same.update(decision=decision, answer=text, answered_by=by, answered_at=timezone.now())
    if question.kind == QuestionKind.MOVES_TOWN:
        moves.follow(question, moves=decision == Decision.MOVES, text=text, by=by)
    let_in = answers.settle(answered, by=by)
    # Also where nothing went in: what waits to be applied is decided by this answer.
    _bump(question)
    return let_in


def _object(question: Question, *, text: str, by: User) -> None:
    """Put on record that the town does not agree; its rows wait on, and say so."""
    if question.objected_at:
        raise Failure("objected", "本镇已提出不同意，等待县级决定")
    Question.objects.filter(pk=question.pk).update(
        objection=text, objected_by=by, objected_at=timezone.now()
    )
    answers.remark([question.pk], f"{question.town.name}不同意迁出，等待县级决定")


@transaction.atomic
def place(people: Iterable[int], *, village: Region, by: User, address: str = "") -> int:
    """Put people out of 未落实 into a village, with all facts that stand in 未落实.

    Facts that already have a village keep it. One statement per table. Returns how many people.
    """
    _refuse_role(by)
    allowed = Region.objects.visible_to(by).filter(level=Level.VILLAGE, placeholder=False)
    if not allowed.filter(pk=village.pk, valid_to=None).exists():
        raise Failure("village", "请选择您辖区内的村（社区）")
    wanted = set(people)
    spots = _spots(village)
    where = {"county": village.county_id, "town": village.town_id, "village": village.pk}
    placed: set[int] = set()
    households = Household.objects.visible_to(by).filter(
        members__in=wanted, members__village__in=spots, village__in=spots
    )
    Household.objects.filter(pk__in=households.values("pk")).update(**where)
    for model in placed_models():
        if model is Household:
            continue
        person = "pk" if model is Person else "person"
        rows = model._default_manager.visible_to(by).filter(  # type: ignore[attr-defined]
            **{f"{person}__in": wanted}, village__in=spots
        )
        if model in (Person, Enrollment):
            placed |= set(rows.values_list(person, flat=True))
        rows.update(**where)
    if not placed:
        raise Failure("nobody", "请勾选要落实的人；可能已被他人落实，请刷新本页")
    _bump(village)
    audit.record(
        "place_people",
        by=by,
        county=village.county,
        subject=village.path,
        person_id=min(placed) if len(placed) == 1 else None,
        address=address,
        village=village.key,
        people=sorted(placed),
    )
    return len(placed)


def _take_name(question: Question) -> None:
    locked = Person.objects.select_for_update(of=("self",))
    person = locked.get(pk=question.person.pk) if question.person else None
    if person is None:
        raise Failure("no_person", "这个人的登记已不在，请选另一种结论")
    if person.name not in (question.known, question.given):
        raise Failure(
            "changed", f"在册姓名已改为“{person.name}”，与提出问题时不同，请重新核对后再选"
        )
    if not 0 < len(question.given) <= NAME_LIMIT:
        raise Failure("bad_name", f"“{question.given[:20]}”不能作为姓名，请选另一种结论")
    Person.objects.filter(pk=person.pk).update(name=question.given)


def _bump(fact: Region | Question) -> None:
    PolicyYear.objects.filter(county=fact.county_id).update(revision=F("revision") + 1)


def _spots(fact: Region | PolicyYear) -> list[int]:
    """The county's 未落实 villages, as numbers: the planner knows how few people stand there."""
    villages = Region.objects.filter(county=fact.county_id, placeholder=True, level=Level.VILLAGE)
    return list(villages.values_list("pk", flat=True))


def _refuse_role(by: User) -> None:
    if not by.job.may_answer:
        raise Failure("role", f"“{by.job.title}”岗位不能核实，请交县、乡镇经办人员")
