"""What the verbs of registering share: who may, where, and that figures are computed anew."""

from django.db import models, transaction
from django.db.models import F

from enrollment import audit, people
from enrollment.failure import Failure
from enrollment.models import Level, Person, PolicyYear, Region, User

# Nothing of such a year is written any more, not even where somebody lived.
FROZEN = (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED)


def bump(county_id: int) -> None:
    """Say that an input of the county's figures changed; last statement of a transaction."""
    PolicyYear.objects.filter(county=county_id).update(revision=F("revision") + 1)


def require_role(by: User | None) -> None:
    """Raise Failure where the role does not register people; a command (None) may."""
    if by is not None and not by.job.registers:
        raise Failure("role", f"“{by.job.title}”岗位不能办理登记，请交村、乡镇或县级经办人员")


def require_village(village: Region, by: User | None) -> None:
    """Raise Failure where somebody may not register people in a village."""
    require_role(by)
    if village.level != Level.VILLAGE or village.valid_to is not None:
        raise Failure("village", "请选择登记到哪个村（社区）")
    if by is not None and not Region.objects.visible_to(by).filter(pk=village.pk).exists():
        raise Failure("area", f"{village.path}不在您的辖区，不能在那里登记")


def require_person(policy_year: PolicyYear, person: Person, by: User | None) -> None:
    """Raise Failure where somebody may not change a person."""
    require_role(by)
    if by is not None and not people.visible(by, policy_year).filter(pk=person.pk).exists():
        raise Failure("area", "这个人不在您的辖区，不能修改")


def require_open(policy_year: PolicyYear) -> None:
    """Raise Failure where a year is settled, closed or has no rules."""
    if policy_year.state in (PolicyYear.State.SETTLED, PolicyYear.State.CLOSED):
        raise Failure("year", f"{policy_year}已结算或关闭，不能再登记")
    if not policy_year.has_rules:
        raise Failure("year", f"{policy_year}只有历史名单，没有政策，不能登记")


def place_of(village: Region) -> dict[str, int]:
    """The three scope columns of a fact in a village."""
    return {
        "county_id": village.county_id or 0,
        "town_id": village.town_id or 0,
        "village_id": village.pk,
    }


def same_place(person: Person) -> dict[str, int]:
    """The three scope columns of a fact where somebody stands."""
    return {
        "county_id": person.county_id,
        "town_id": person.town_id,
        "village_id": person.village_id,
    }


def lock(person: Person) -> Person:
    """The person as they are now, kept from other writers until the transaction ends."""
    locked = Person.objects.select_for_update(of=("self",))
    found = locked.select_related("county", "town", "village", "household").filter(pk=person.pk)
    now = found.first()
    if now is None:
        raise Failure("gone", "这个人的档案已不在（可能已与另一份合并），请重新查找")
    return now


def sentence(text: str, *, most: int, what: str, required: bool = True) -> str:
    """A clerk's words, spaces tidied. Raises Failure where missing or longer than ``most``."""
    tidy = " ".join(text.split())
    if required and not tidy:
        raise Failure("missing", f"请写明{what}")
    if len(tidy) > most:
        raise Failure("too_long", f"{what}请写在 {most} 字以内")
    return tidy


def record(
    action: str,
    person: Person,
    *,
    by: User | None,
    address: str = "",
    subject: object = "",
    **details: object,
) -> None:
    """Put a change of somebody on record; call it inside the change's transaction."""
    assert transaction.get_connection().in_atomic_block
    audit.record(
        action,
        by=by,
        county=person.county,
        subject=subject,
        person_id=person.pk,
        address=address,
        **details,
    )


def facts_of_people() -> list[tuple[type[models.Model], str]]:
    """Every table with a foreign key to a person, whichever app's it is, and the key's name.

    Row history is left out: it tells what was.
    """
    found = {
        (relation.related_model, relation.field.name)
        for relation in Person._meta.get_fields(include_hidden=True)
        if isinstance(relation, models.ManyToOneRel)
        and not any(field.name == "pgh_obj" for field in relation.related_model._meta.fields)
    }
    return sorted(found, key=lambda pair: (pair[0]._meta.db_table, pair[1]))
