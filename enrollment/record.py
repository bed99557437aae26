"""个人信息档案: everything held on one person, and who looked at it.

Collected from the models themselves: every table that points at a person is shown, so that a new
one cannot be forgotten. Numbers stay masked, ciphertext and indexes are left out.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

from enrollment.models import AuditEvent, Person
from enrollment.people import masked_phone

# Where a row stands is said once, as a path; keys and secrets say nothing to anybody.
PLACE = {"county", "town", "village"}
UNSAID = {"id", "person", "person_id", "id_index", "tail_index", "id_cipher", "before"}
UNSAID |= {"town_id", "village_id"}  # of a roster's rows, whose place is that of the person
ROWS = 200
LOOKS = 200


@dataclass(frozen=True)
class Section:
    """One table's rows about the person: headings and cells as text, and how many there are."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    total: int
    history: bool = False


def sections(person: Person) -> list[Section]:
    """All that is held: the person, then each table that points at them, then what they were."""
    about = [_section(Person, Person.objects.filter(pk=person.pk))]
    past = []
    for model in tables():
        found = model._default_manager.filter(person_id=person.pk)
        if _is_history(model):
            past.append(_section(model, found, history=True))
        else:
            about.append(_section(model, found))
    events = apps.get_model("enrollment", "PersonEvent")
    past.append(_section(events, events.objects.filter(pgh_obj_id=person.pk), history=True))
    return [section for section in about + past if section.total]


def tables() -> list[type[models.Model]]:
    """Every table that points at a person, in the order of the apps."""
    return [
        model
        for model in apps.get_models()
        if model is not AuditEvent
        and any(field.attname == "person_id" for field in model._meta.concrete_fields)
    ]


def looks(person: Person) -> list[AuditEvent]:
    """Who looked at this person or changed something about them, the latest first."""
    events = AuditEvent.objects.filter(person_id=person.pk).select_related("user__region__parent")
    return list(events.order_by("-pk")[:LOOKS])


def _is_history(model: type[models.Model]) -> bool:
    return any(field.name == "pgh_obj" for field in model._meta.concrete_fields)


def _section(model: type[models.Model], rows: models.QuerySet, *, history: bool = False) -> Section:
    fields = [
        field
        for field in model._meta.concrete_fields
        if field.name not in UNSAID | PLACE and not field.name.startswith("pgh_")
    ]
    placed = {field.name for field in model._meta.concrete_fields} >= PLACE
    related = [field.name for field in fields if field.is_relation]
    related += ["town", "village"] if placed else []
    total = rows.count()
    shown = rows.select_related(*related) if related else rows
    shown = shown.order_by("-pgh_id" if history else "-pk")[:ROWS]
    title = str(model._meta.verbose_name)
    if history:
        title = f"{_heading(model._meta.get_field('pgh_obj'))}：改动前的内容"
    headings = [_heading(field) for field in fields]
    at = ["改动时间"] if history else []
    where = ["地区"] if placed else []
    return Section(
        title=title,
        headings=at + where + headings,
        rows=[
            ([_said(row.pgh_created_at)] if history else [])
            + ([_path(row)] if placed else [])
            + [_cell(row, field) for field in fields]
            for row in shown
        ],
        total=total,
        history=history,
    )


def _heading(field: Any) -> str:
    """The field in Chinese; a pointer without a name of its own is called by what it points at."""
    name = str(field.verbose_name)
    if name.isascii() and field.is_relation:
        name = str(field.related_model._meta.verbose_name)
    return name


def _cell(row: Any, field: models.Field) -> str:
    if field.choices:
        return str(getattr(row, f"get_{field.name}_display")()) or "—"
    if field.name.endswith("phone"):
        return masked_phone(getattr(row, field.name) or "") or "—"
    return _said(getattr(row, field.name))


def _path(row: Any) -> str:
    town, village = row.town, row.village
    return "/".join(one.name for one in (town, village) if one is not None)


def _said(value: object) -> str:
    """A value as a resident reads it."""
    if value is None or value == "":
        return "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
    if isinstance(value, date | Decimal | int | str):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return "（密文）"
    if isinstance(value, dict | list):
        return "；".join(map(str, value)) if isinstance(value, list) else _pairs(value)
    return str(value)


def _pairs(value: dict[str, object]) -> str:
    return "；".join(f"{key} {_said(inner)}" for key, inner in value.items())
