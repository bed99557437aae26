"""通讯录: who answers for which unit, kept by those who work there."""

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.query import QuerySet
from django.utils import timezone

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import Assignment, Contact, Region, User


def of(region: Region) -> QuerySet[Contact]:
    """Who answers for a unit and those above and below it, the nearest above first."""
    above = [region.pk, region.parent_id, region.county_id]
    below = Q(region__county=region) if region.level == "county" else Q(region__parent=region)
    return (
        Contact.objects.filter(Q(region__in=above) | below, left_on=None)
        .select_related("region", "region__parent")
        .order_by("region__level", "region__order", "region__key", "office", "pk")
    )


@transaction.atomic
def add(
    region: Region,
    *,
    name: str,
    office: str,
    by: User,
    employer: str = "",
    phone: str = "",
    address: str = "",
) -> Contact:
    """Enter somebody for a unit of one's own area. Raises Failure."""
    _refuse(by, region)
    name = " ".join(name.split())
    if not name:
        raise Failure("name", "请填写姓名")
    try:
        with transaction.atomic():
            contact = Contact.objects.create(
                region=region,
                name=name,
                office=office,
                employer=" ".join(employer.split()),
                phone="".join(phone.split()),
            )
    except IntegrityError as error:
        raise Failure("twice", f"通讯录里{region.name}已有{name}，不用再加") from error
    _note("add_contact", contact, by=by, address=address)
    return contact


@transaction.atomic
def change(contact: Contact, *, phone: str, employer: str, by: User, address: str = "") -> None:
    """Correct telephone and employer."""
    _refuse(by, contact.region)
    contact.phone, contact.employer = "".join(phone.split()), " ".join(employer.split())
    contact.save(update_fields=["phone", "employer"])
    _note("change_contact", contact, by=by, address=address)


@transaction.atomic
def leave(contact: Contact, *, on: date, by: User, address: str = "") -> int:
    """Somebody no longer answers here; what they had been given is nobody's. Returns how many."""
    _refuse(by, contact.region)
    freed, _ = contact.assignments.all().delete()
    contact.left_on = on
    contact.save(update_fields=["left_on"])
    _note("remove_contact", contact, by=by, address=address, people=freed)
    return freed


def move(region: Region, *, to: Region) -> int:
    """Let whoever answers for a unit answer for the one it goes into. Returns how many.

    Who is listed there already, by name and office, stays one row, keeps the telephone that
    either has, and is given what was shared out to the other. Part of merging two units.
    """
    there = Contact.objects.filter(
        region=to, left_on=None, name=OuterRef("name"), office=OuterRef("office")
    )
    known = list(Contact.objects.filter(Exists(there), region=region, left_on=None))
    for contact in known:
        same = Contact.objects.get(
            region=to, left_on=None, name=contact.name, office=contact.office
        )
        same.phone = same.phone or contact.phone
        same.employer = same.employer or contact.employer
        same.save(update_fields=["phone", "employer"])
        Assignment.objects.filter(contact=contact).update(contact=same)
        contact.left_on = timezone.localdate()
        contact.save(update_fields=["left_on"])
    return len(known) + Contact.objects.filter(region=region, left_on=None).update(region=to)


def succeed(leaver: User, successor: User) -> int:
    """Put a successor's name and telephone where the directory had the leaver's.

    By unit and name; what was shared out to the entry stays with it. Where the successor is
    listed there in the same office already, that entry takes over. Part of handing over an
    account. Returns how many entries.
    """
    if not leaver.full_name or not successor.full_name:
        return 0
    named = Contact.objects.filter(region=leaver.region, left_on=None)
    entries = list(named.filter(name=leaver.full_name))
    for contact in entries:
        same = named.filter(name=successor.full_name, office=contact.office)
        if (known := same.exclude(pk=contact.pk).first()) is not None:
            Assignment.objects.filter(contact=contact).update(contact=known)
            known.phone = successor.phone or known.phone
            known.save(update_fields=["phone"])
            contact.left_on = timezone.localdate()
            contact.save(update_fields=["left_on"])
            continue
        contact.name, contact.phone = successor.full_name, successor.phone
        contact.save(update_fields=["name", "phone"])
    return len(entries)


def _refuse(by: User, region: Region) -> None:
    if not by.job.visits:
        raise Failure("role", f"“{by.job.title}”岗位不管通讯录")
    if not Region.objects.visible_to(by).filter(pk=region.pk).exists():
        raise Failure("region", "只能登记自己辖区内单位的人")


def _note(action: str, contact: Contact, *, by: User, address: str, **details: Any) -> None:
    audit.record(
        action,
        by=by,
        county=contact.region.county,
        subject=f"{contact.region.path} {contact}",
        address=address,
        **details,
    )
