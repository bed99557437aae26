"""建档和更正: a person the county did not know, and what turned out to be different about one.

A number decides who somebody is. Who has none yet (a newborn) is found by name, birth and
guardian, and gets the number later, by ``give_number`` or, where the register has meanwhile
brought the same child in with its number, by joining the two rows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from enrollment.documents import KINDS, Document, DocumentError, check
from enrollment.failure import Failure
from enrollment.models import (
    Contact,
    FormerDocument,
    HomeHukou,
    Household,
    Level,
    Person,
    PolicyYear,
    Region,
    Residence,
    User,
)
from enrollment.registration import common, households
from enrollment.vault import vault

NAME_LIMIT = 60
PHONE = re.compile(r"1\d{10}|0\d{2,3}-?\d{7,8}")
BAD_NAME = re.compile(r"[\x00-\x1f\x7f0-9?？※*]")
MASKED_FIELDS = ("phone",)


def read_number(text: str) -> Document:
    """The document behind what was typed. Raises Failure with the reason, never the number."""
    try:
        return check(text, today=timezone.localdate())
    except DocumentError as error:
        raise Failure("number", str(error)) from error


def holder(county: Region, document: Document) -> Person | None:
    """Who is registered in the county under this number, now or formerly."""
    index = vault().index(document.number)
    people = Person.objects.select_related("county", "town", "village", "household")
    found = people.filter(county=county, id_index=index, doc_type=document.kind).first()
    if found is None:
        former = FormerDocument.objects.filter(
            county=county, id_index=index, doc_type=document.kind
        ).order_by("-pk")
        found = people.filter(pk__in=former.values("person")).first()
    return found


def whom_to_call(village: Region) -> str:
    """Who answers for a unit, or its town: by the directory, else by the accounts."""
    answers = (Contact.Office.CLERK, Contact.Office.TOWN, Contact.Office.SECURITY)
    for region, word in ((village, "村"), (village.town, "乡镇")):
        if region is None or region.placeholder:
            continue
        listed = Contact.objects.filter(region=region, left_on__isnull=True, office__in=answers)
        if (contact := listed.order_by("pk").first()) is not None:
            phone = f"，电话 {contact.phone}" if contact.phone else ""
            return f"{contact}{phone}"
        users = User.objects.filter(region=region, is_active=True).order_by("pk")
        for one in users:
            if one.job.registers:
                phone = f"，电话 {one.phone}" if one.phone else ""
                return f"{word}经办 {one.display_name}{phone}"
    return "县医保局"


@transaction.atomic
def add(
    policy_year: PolicyYear,
    *,
    name: str,
    village: Region,
    by: User | None,
    number: str = "",
    sex: str = "",
    birth: date | None = None,
    phone: str = "",
    hukou: str = HomeHukou.HERE,
    hukou_place: str = "",
    permit: bool = False,
    permit_until: date | None = None,
    household: Household | None = None,
    own_household: bool = False,
    relation: str = "",
    address: str = "",
) -> Person:
    """Somebody the county did not know yet, into a household or one of their own.

    With hukou here they are on the roll from today (a child from birth); else they get a residence
    record. Raises Failure, also where the number is known in the county (code ``known``).
    """
    common.require_village(village, by)
    document = read_number(number) if number.strip() else None
    county = village.county
    assert county is not None
    if document and (known := holder(county, document)) is not None:
        raise Failure("known", f"本县已有这个证件号码的人员，登记在{known.village.path}")
    birth = _agree("出生日期", document.birth if document else None, birth)
    sex = _agree("性别", (document.sex if document else "") or None, sex or None) or ""
    name = checked_name(name)
    if birth is None and document is None:
        raise Failure("birth", "没有证件号码时，请填写出生日期")
    if document is None and (twin := same_child(county, name, birth)) is not None:
        raise Failure(
            "twin",
            f"{twin.village.path}已有同名、同日出生、还没有证件号码的“{name}”，"
            "请先核对是不是同一个人",
        )
    hukou = _hukou_of(document, hukou)
    today = timezone.localdate()
    on_roll = None
    if hukou == HomeHukou.HERE:
        on_roll = birth if birth and (today - birth).days <= 366 else today
    person = Person(
        **common.place_of(village),
        doc_type=document.kind if document else "resident-id",
        name=name,
        sex=sex,
        birth=birth,
        phone=checked_phone(phone),
        household=household,
        relation=relation.strip()[:20],
        on_roll_from=on_roll,
        **_sealed(document),
    )
    if household is not None and household.village_id != village.pk:
        raise Failure("household", "只能编入同一个村的户")
    person.save()
    if own_household and household is None:
        households.start(person)
    if hukou != HomeHukou.HERE:
        _note_residence(
            person, hukou=hukou, place=hukou_place, permit=permit, until=permit_until, by=by
        )
    common.record(
        "add_person",
        person,
        by=by,
        address=address,
        subject=village.path,
        document=KINDS[person.doc_type] if document else "暂无证件号码",
    )
    common.bump(person.county_id)
    return person


def same_child(county: Region, name: str, birth: date | None) -> Person | None:
    """Somebody without a number of this name and birth date."""
    found = Person.objects.filter(county=county, name=name, birth=birth, id_index=None)
    return found.select_related("village", "village__parent").first()


def checked_name(name: str) -> str:
    """A name as it may stand in the register. Raises Failure."""
    tidy = " ".join(name.split())
    if not tidy:
        raise Failure("name", "请填写姓名，与户口簿或出生医学证明一致")
    if len(tidy) > NAME_LIMIT or BAD_NAME.search(tidy):
        raise Failure("name", "姓名里有数字、问号等不能作姓名的字符，或超过 60 个字")
    return tidy


def checked_phone(phone: str) -> str:
    """A phone number without spaces. Raises Failure where it is none."""
    tidy = re.sub(r"\s", "", phone)
    if tidy and not PHONE.fullmatch(tidy):
        raise Failure("phone", "联系电话应为 11 位手机号，或区号加座机号码")
    return tidy


def _agree(word: str, by_number: Any, typed: Any) -> Any:
    if by_number is not None and typed is not None and by_number != typed:
        raise Failure("differs", f"所填{word}与证件号码里的不一致，请核对证件")
    return by_number if by_number is not None else typed


def _hukou_of(document: Document | None, hukou: str) -> str:
    """People with papers of elsewhere have no hukou on the mainland. Raises Failure."""
    mainland = document is None or document.kind in ("resident-id", "birth-certificate")
    if mainland and hukou == HomeHukou.NONE:
        raise Failure("hukou", "持居民身份证的人有户籍，请选择户籍所在")
    return hukou if mainland else HomeHukou.NONE.value


def _sealed(document: Document | None) -> dict[str, Any]:
    if document is None:
        return {}
    keys, number = vault(), document.number
    tail = None
    if document.birth and len(number) == 18:
        tail = keys.tail(f"{document.birth:%Y%m%d}", number[-4:])
    return {"id_index": keys.index(number), "tail_index": tail, "id_cipher": keys.seal(number)}


def _note_residence(
    person: Person, *, hukou: str, place: str, permit: bool, until: date | None, by: User | None
) -> None:
    Residence.objects.update_or_create(
        person=person,
        defaults={
            **common.same_place(person),
            "hukou": hukou,
            "hukou_place": place.strip()[:100],
            "permit": permit,
            "permit_until": until if permit else None,
            "recorded_by": by,
        },
    )


# Correcting


FIELDS = {
    "name": "姓名",
    "sex": "性别",
    "birth": "出生日期",
    "phone": "联系电话",
    "relation": "与户主关系",
}


@dataclass(frozen=True)
class Difference:
    """One field that two people changed: as it was, as the other has it, as I have it."""

    field: str
    word: str
    base: Any
    theirs: Any
    mine: Any
    both: bool
    """Whether I changed it too, so that one of us has to give way."""


class Changed(Failure):
    """Somebody else saved meanwhile; nothing was written. ``differences`` is what they did."""

    def __init__(self, differences: list[Difference], *, who: str) -> None:
        super().__init__("changed", f"您填写期间{who}已修改了这个人，请核对后再保存")
        self.differences = differences


def version(person: Person) -> int:
    """A number that grows with every change of somebody; a form carries it."""
    events = apps.get_model("enrollment", "PersonEvent").objects.filter(id=person.pk)
    return events.order_by("-pgh_id").values_list("pgh_id", flat=True).first() or 0


def as_seen(person: Person, seen: int) -> dict[str, Any]:
    """The fields of somebody as they were at a version."""
    event = apps.get_model("enrollment", "PersonEvent")
    base = event.objects.filter(id=person.pk, pgh_id__gt=seen).order_by("pgh_id").first() or person
    return {name: getattr(base, name) for name in FIELDS}


@transaction.atomic
def correct(
    policy_year: PolicyYear,
    person: Person,
    *,
    changes: Mapping[str, Any],
    seen: int,
    by: User,
    address: str = "",
) -> Person:
    """Write what is different about somebody; ``seen`` is the version the form was made from.

    ``changes`` holds only fields that were touched. Raises Changed where somebody else changed the
    same person meanwhile, with both sides of each field; sending it again with the new version
    settles it.
    """
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    wanted = _checked(now, changes)
    _refuse_stale(now, wanted, seen=seen)
    before = {name: getattr(now, name) for name in wanted if getattr(now, name) != wanted[name]}
    if not before:
        raise Failure("same", "没有改动")
    for name in before:
        setattr(now, name, wanted[name])
    now.save(update_fields=list(before))
    common.record(
        "correct_person",
        now,
        by=by,
        address=address,
        subject="、".join(FIELDS[name] for name in before),
    )
    common.bump(now.county_id)
    return now


def _checked(person: Person, changes: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(changes) - set(FIELDS)
    if unknown:
        raise Failure("field", "没有这一项")
    wanted = dict(changes)
    if "name" in wanted:
        wanted["name"] = checked_name(wanted["name"])
    if "phone" in wanted:
        wanted["phone"] = checked_phone(wanted["phone"])
    if "relation" in wanted:
        wanted["relation"] = wanted["relation"].strip()[:20]
    if person.id_cipher and person.birth and person.doc_type == "resident-id":
        for name in ("birth", "sex"):
            if name in wanted and wanted[name] != getattr(person, name):
                raise Failure("derived", f"{FIELDS[name]}由身份证号码决定；号码有误的请更正号码")
    if wanted.get("birth") and wanted["birth"] > timezone.localdate():
        raise Failure("birth", "出生日期不能晚于今天")
    return wanted


def _refuse_stale(now: Person, wanted: Mapping[str, Any], *, seen: int) -> None:
    """The first event after ``seen`` holds the row as the form showed it."""
    event = apps.get_model("enrollment", "PersonEvent")
    since = event.objects.filter(id=now.pk, pgh_id__gt=seen).order_by("pgh_id")
    base = since.first()
    if base is None:
        return
    differences = [
        Difference(
            name,
            word,
            getattr(base, name),
            getattr(now, name),
            wanted.get(name, getattr(base, name)),
            name in wanted and wanted[name] not in (getattr(base, name), getattr(now, name)),
        )
        for name, word in FIELDS.items()
        if getattr(base, name) != getattr(now, name)
    ]
    if not differences:
        return
    last = since.select_related("pgh_context").last()
    user = (last.pgh_context.metadata.get("user") if last and last.pgh_context else None) or 0
    other = User.objects.filter(pk=user).first()
    raise Changed(differences, who=other.display_name if other else "他人")


@transaction.atomic
def give_number(
    policy_year: PolicyYear,
    person: Person,
    *,
    number: str,
    reason: str,
    by: User,
    address: str = "",
) -> Person:
    """Give somebody a document number, a first one or another; the old one is kept and found by.

    Raises Failure ``known`` where another person of the county has it: then they are joined.
    """
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    reason = common.sentence(reason, most=200, what="依据，如 已查户口簿")
    document = read_number(number)
    known = holder(now.county, document)
    if known is not None and known.pk != now.pk:
        raise Failure(
            "known",
            f"这个号码登记在{known.village.path}的“{known.name}”名下；如是同一人，请办理合并建档",
        )
    if document.kind == now.doc_type and vault().index(document.number) == now.id_index:
        raise Failure("same", "就是现在的号码，没有改动")
    birth = document.birth
    if birth and now.birth and now.id_index is None and birth != now.birth:
        raise Failure("differs", "号码里的出生日期与登记的不一致，请先核对是不是同一个人")
    if now.id_index is not None:
        keep_former(now, reason=reason, by=by)
    before = KINDS[now.doc_type] if now.id_index else "暂无证件号码"
    now.doc_type = document.kind
    sealed = _sealed(document)
    for name, value in sealed.items():
        setattr(now, name, value)
    now.birth, now.sex = birth or now.birth, document.sex or now.sex
    now.save(update_fields=["doc_type", *sealed, "birth", "sex"])
    common.record(
        "give_number",
        now,
        by=by,
        address=address,
        before=before,
        after=KINDS[now.doc_type],
        reason=reason,
    )
    common.bump(now.county_id)
    return now


def keep_former(person: Person, *, reason: str, by: User, of: Person | None = None) -> None:
    """Keep a person's present number among the former ones, of themselves or of ``of``."""
    FormerDocument.objects.create(
        **common.same_place(of or person),
        person=of or person,
        doc_type=person.doc_type,
        id_index=person.id_index,
        tail_index=person.tail_index,
        id_cipher=person.id_cipher,
        birth=person.birth,
        reason=reason,
        recorded_by=by,
    )


@transaction.atomic
def note_residence(
    policy_year: PolicyYear,
    person: Person,
    *,
    hukou: str,
    hukou_place: str,
    permit: bool,
    permit_until: date | None,
    by: User,
    address: str = "",
) -> None:
    """Write down where somebody's hukou is and whether they hold a residence permit."""
    common.require_person(policy_year, person, by)
    now = common.lock(person)
    if now.on_roll_from is not None and now.on_roll_to is None:
        raise Failure("on_roll", "此人在本县户籍册，不用作居住登记")
    if hukou not in HomeHukou.values or hukou == HomeHukou.HERE:
        raise Failure("hukou", "请选择户籍所在")
    _note_residence(now, hukou=hukou, place=hukou_place, permit=permit, until=permit_until, by=by)
    common.record("note_residence", now, by=by, address=address)


def villages_for(user: User, county: Region) -> Any:
    """Where somebody may register people: the living villages of their area, in printed order."""
    return (
        Region.objects.visible_to(user)
        .filter(county=county, level=Level.VILLAGE, valid_to__isnull=True, placeholder=False)
        .select_related("parent", "town", "county")
        .order_by("parent__order", "parent__key", "order", "key")
    )
