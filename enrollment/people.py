"""Finding people by what a clerk has at hand, and showing a full number on record.

What was typed is read into a ``Search`` that holds no document number, only its keyed index, so
that it can be kept for paging without a number standing in any address, log or session.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Self

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from enrollment import audit, insured, names
from enrollment.documents import DocumentError, check, mask, normalise
from enrollment.failure import Failure
from enrollment.models import Enrollment, Person, PolicyYear, Status, StatusKind, User
from enrollment.models.people import PersonQuerySet
from enrollment.scope import PlacedQuerySet
from enrollment.vault import vault

REASON_LIMIT = 100
HEAD = "户主"
REVEALED = {"number": "证件号码", "phone": "联系电话"}

_PHONE = re.compile(r"1\d{10}|0\d{2,3}-?\d{7,8}")
_TAIL = re.compile(r"[0-9]{3}[0-9X]")
_HEAD = re.compile(r"户主[:： ]?(\S{1,20})")
_INITIALS = re.compile(r"[A-Za-z]{2,6}")
_DAY = re.compile(r"(\d{4})[-./年]?(\d{1,2})[-./月]?(\d{1,2})日?")


@dataclass(frozen=True)
class Search:
    """What is looked for, and how it is shown on the page.

    ``kind`` is id, tail, phone, name, initials or head (the household of a head so named).
    """

    kind: str
    value: str
    shown: str
    birth: str = ""
    """With a tail: the day the index narrows the county down to before the tail decides."""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, str]) -> Self:
        return cls(**stored)


def read(text: str, *, today: date) -> Search:
    """Understand what was typed: a name, a number, a phone, or last four and birth date.

    Raises Failure where it can be none of these.
    """
    text = " ".join(text.split())
    if not text:
        raise Failure("empty", "请输入姓名或首字母、证件号码、手机号，或后四位加出生日期")
    if tail := _tail(text):
        birth, last_four = tail
        shown = f"后四位 **** 出生 {birth:%Y-%m-%d}"
        index = vault().tail(f"{birth:%Y%m%d}", last_four).hex
        return Search("tail", index, shown, birth.isoformat())
    number = normalise(text)
    if _PHONE.fullmatch(number):
        return Search("phone", number, f"电话 {masked_phone(number)}")
    if number.isascii() and any(character.isdigit() for character in number):
        try:
            document = check(number, today=today)
        except DocumentError as error:
            raise Failure("number", f"{error}。也可以按姓名，或按后四位加出生日期查找") from error
        return Search("id", vault().index(document.number).hex, f"证件号码 {mask(document.number)}")
    if head := _HEAD.fullmatch(text):
        return Search("head", head[1], f"户主姓名含“{head[1]}”")
    if _INITIALS.fullmatch(text):
        return Search("initials", text.lower(), f"姓名首字母“{text.upper()}”")
    if len(text) > 60:
        raise Failure("name", "姓名不会超过 60 个字，请检查输入")
    return Search("name", text, f"姓名含“{text}”")


def visible(user: User, policy_year: PolicyYear) -> PersonQuerySet:
    """Whom somebody may open: people registered in their area, and those enrolled there this year.

    A village answers for whoever is enrolled with it, wherever the household register has them.
    """
    here = Person.objects.visible_to(user).filter(county=policy_year.county)
    if user.region is None or user.region.level not in ("town", "village"):
        return here
    enrolled = Enrollment.objects.filter(policy_year=policy_year).visible_to(user)
    return here | Person.objects.filter(county=policy_year.county, pk__in=enrolled.values("person"))


def insured_among(
    policy_year: PolicyYear, people: Collection[int], *, until: datetime | None = None
) -> set[int]:
    """Which of a few people (a page of a list) are insured, by the one definition."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT payment.person_id FROM enrollment_payment payment
            WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
              AND payment.person_id = ANY(%(people)s)
            GROUP BY payment.person_id HAVING {insured.RULE.format(cut="%(cut)s")}
            """,  # noqa: S608  (a constant)
            {"year": policy_year.pk, "people": list(people), "cut": until or timezone.now()},
        )
        return {row[0] for row in cursor.fetchall()}


def status_word(kind: StatusKind, viewer: User) -> str:
    """What a page calls a status: below the county in public words (暂未联系上, not 失联)."""
    return kind.name if sees_sensitive(viewer) else public_word(kind)


def public_word(kind: StatusKind) -> str:
    """A status in words that a village may read: the policy's 页面用语 where it has one."""
    return kind.public_word or ("特殊情形" if kind.sensitive else kind.name)


def sees_sensitive(viewer: User) -> bool:
    """Whether somebody works at the county or above, where sensitive statuses have their name."""
    return viewer.region is not None and viewer.region.level not in ("town", "village")


@dataclass(frozen=True)
class Line:
    """One person of a list: what tells people apart, and how they stand this year."""

    person: Person
    age: int | None
    phone: str
    insured: bool
    words: list[str]
    left: bool
    """No longer on the police register."""
    counts_at: str = ""
    """Where an insured person counts (归属), where that is not where the register has them."""


def lines(
    persons: Iterable[Person],
    policy_year: PolicyYear,
    viewer: User,
    *,
    until: datetime | None = None,
) -> list[Line]:
    """The people of one page of a list, masked, in three queries whatever their number."""
    shown = list(persons)
    ids = [person.pk for person in shown]
    paid = insured_among(policy_year, ids, until=until)
    words: dict[int, list[str]] = {}
    statuses = Status.objects.filter(policy_year=policy_year, person__in=ids)
    for one in statuses.select_related("kind").order_by("kind__order"):
        words.setdefault(one.person_id, []).append(status_word(one.kind, viewer))
    elsewhere = counted_elsewhere(policy_year, Enrollment.objects.filter(person__in=paid))
    today = timezone.localdate()
    return [
        Line(
            person,
            age(person, today),
            masked_phone(person.phone),
            person.pk in paid,
            list(dict.fromkeys(words.get(person.pk, []))),
            person.on_roll_to is not None and person.on_roll_to <= today,
            " ".join(elsewhere.get(person.pk, ())),
        )
        for person in shown
    ]


def counted_elsewhere(
    policy_year: PolicyYear, enrolments: PlacedQuerySet
) -> dict[int, tuple[str, str]]:
    """Town and village where people count (归属), of those whom the register has elsewhere."""
    if policy_year.attribution == PolicyYear.Attribution.REGISTER:
        return {}
    apart = enrolments.filter(policy_year=policy_year).exclude(village=F("person__village"))
    return {
        person: (town, village)
        for person, town, village in apart.values_list("person", "town__name", "village__name")
    }


def age(person: Person, on: date) -> int | None:
    """Whole years on a day; None where the birth date is not known."""
    if person.birth is None:
        return None
    had_birthday = (on.month, on.day) >= (person.birth.month, person.birth.day)
    return on.year - person.birth.year - (not had_birthday)


def find(search: Search, *, among: PersonQuerySet) -> PersonQuerySet:
    """The people a search names within ``among`` (scope it first), those on the roll first."""
    if search.kind == "initials":
        names.learn()  # those who came in within the last seconds
    condition = {
        "id": Q(id_index=search.value),
        "tail": Q(tail_index=search.value, **({"birth": search.birth} if search.birth else {})),
        "phone": Q(phone=search.value),
        "name": Q(name__in=names.containing(search.value)),
        "initials": Q(name__in=names.beginning(search.value)),
        "head": Q(
            household__in=Person.objects.filter(
                relation=HEAD, name__in=names.containing(search.value)
            ).values("household")
        ),
    }[search.kind]
    return among.filter(condition).order_by(F("on_roll_to").desc(nulls_first=True), "name", "pk")


def reveal(person: Person, *, field: str, by: User, reason: str, address: str = "") -> str:
    """The full number or phone, with who asked and why on record.

    Raises Failure where the role may not or no reason is given.
    """
    if not by.job.may_reveal:
        raise Failure("role", "您的岗位不能查看完整号码；如工作需要，请联系县级经办人员")
    reason = " ".join(reason.split())[:REASON_LIMIT]
    if not reason:
        raise Failure("reason", "请先选择或写明查看原因")
    if field not in REVEALED:
        raise Failure("field", "没有这一项")
    with transaction.atomic():
        audit.record(
            "reveal",
            by=by,
            county=person.county,
            person_id=person.pk,
            subject=REVEALED[field],
            address=address,
            reason=reason,
        )
        return person.number() if field == "number" else person.phone


def masked_phone(phone: str) -> str:
    """138****5678; shorter numbers keep their last two digits."""
    if len(phone) >= 11:
        return f"{phone[:3]}****{phone[-4:]}"
    return f"****{phone[-2:]}" if phone else ""


def masked_name(name: str) -> str:
    """张*, 欧**: who it may be, for those who read the trail and not the register."""
    return name[:1] + "*" * (len(name) - 1)


def _tail(text: str) -> tuple[date, str] | None:
    """Birth date and last four digits, typed in either order with a space between."""
    parts = normalise_parts(text)
    if len(parts) != 2:
        return None
    for last_four, day in (parts, parts[::-1]):
        match = _DAY.fullmatch(day)
        if _TAIL.fullmatch(last_four) and match and len(day) >= 8:
            try:
                return date(*map(int, match.groups())), last_four
            except ValueError:
                raise Failure("birth", f"没有 {day} 这一天，出生日期请写作 1980-01-02") from None
    return None


def normalise_parts(text: str) -> list[str]:
    """The words of a line, half-width and upper case, each without what Excel leaves in cells."""
    return [normalise(part) for part in text.split(" ")]
