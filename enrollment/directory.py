"""通讯录: who answers for which unit, kept by those who work there."""

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.query import QuerySet

from enrollment import audit
from enrollment.failure import Failure
from enrollment.models import Contact, Region, User


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
