"""How a table of a policy pack becomes rows of a model, and rows become a table again.

A ``Section`` says which fields of a model stand in the pack; their types, allowed values and
defaults are the model's own. A key that is absent is the field's default, NULL where the notice
does not say. Rows stay in the order of the pack. References are written by name: a region by its
key, everything else by the name it has in the same pack.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F
from django.db.models.fields import NOT_PROVIDED, Field

from enrollment.models.rules import Rule

Row = dict[str, Any]
Data = dict[str, Any]
Tables = dict[str, list[Row]]
"""All tables of a pack as checked rows, by the key of the table."""

# Orders are moved out of the way before rows are written anew, so that two may change places.
_ASIDE = 10_000


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a pack: the key path, counted from 1, and a sentence."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}：{self.reason}"


@dataclass(frozen=True)
class Section:
    """One table of the pack.

    ``natural`` names the fields by which an existing row is found again, so that facts that point
    at it stay; rows without a name of their own are found by their place in the list.
    ``inline`` rows are written one a line.
    ``owner`` is the foreign key to the year, or to the row of the table around this one.
    """

    key: str
    model: type[models.Model]
    fields: tuple[str, ...]
    natural: tuple[str, ...] = ("order",)
    single: bool = False
    owner: str = "policy_year"
    ordered: bool = True
    inline: bool = False
    children: tuple[Section, ...] = ()
    fixed: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Field:
        """The model's field of this name."""
        return self.model._meta.get_field(name)  # type: ignore[return-value]


def reference_field(model: type[models.Model]) -> str:
    """The field by which packs name a row of this model."""
    return "key" if model.__name__ == "Region" else "name"


def related(model_field: Field) -> type[models.Model]:
    """The model that a relation points at."""
    model = model_field.related_model
    assert isinstance(model, type)
    return model


# ------------------------------------------------------------------ pack text → plain rows


class Reader:
    """Reads a pack's tables, collecting every problem instead of stopping at the first."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.names: dict[type[models.Model], dict[str, str]] = {}
        self.references: list[tuple[str, Any, list[str]]] = []

    def add(self, path: str, reason: str) -> None:
        self.problems.append(Problem(path, reason))

    def section(self, section: Section, raw: Any, path: str | None = None) -> list[Row]:
        """The rows of one table; a table of its own gives one row."""
        path = path or section.key
        if raw is None:
            return []
        if section.single:
            if not isinstance(raw, dict):
                self.add(path, f"应写成 [{section.key}] 一个表")
                return []
            return [self._row(section, raw, path)]
        if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
            self.add(path, f"应写成 [[{section.key}]] 一组表")
            return []
        rows = [self._row(section, item, f"{path}[{number}]") for number, item in enumerate(raw, 1)]
        seen: dict[tuple[Any, ...], int] = {}
        for number, row in enumerate(rows, 1):
            natural = tuple(number if name == "order" else row[name] for name in section.natural)
            first = seen.setdefault(natural, number)
            if first != number:
                self.add(f"{path}[{number}]", f"与 {path}[{first}] 重复")
        return rows

    def _row(self, section: Section, raw: dict[str, Any], path: str) -> Row:
        row: Row = {}
        child_keys = {child.key for child in section.children}
        for key in raw:
            if key not in section.fields and key not in child_keys:
                self.add(f"{path}.{key}", "没有这个键，请核对拼写")
        for name in section.fields:
            model_field = section.get(name)
            if name in raw:
                row[name] = self._value(model_field, raw[name], f"{path}.{name}")
            else:
                row[name] = default_of(model_field)
                if required(model_field):
                    self.add(f"{path}.{name}", "必须填写")
        for child in section.children:
            row[child.key] = self.section(child, raw.get(child.key), f"{path}.{child.key}")
        self._remember(section, row, path)
        return row

    def _remember(self, section: Section, row: Row, path: str) -> None:
        name = row.get(reference_field(section.model))
        if isinstance(name, str) and name:
            self.names.setdefault(section.model, {}).setdefault(name, path)

    def _value(self, model_field: Field, raw: Any, path: str) -> Any:
        if model_field.is_relation:
            return self._reference(model_field, raw, path)
        if isinstance(model_field, ArrayField):
            if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
                self.add(path, '应为文字的列表，如 ["甲", "乙"]')
                return []
            return [self._choice(model_field.base_field, item, path) for item in raw]
        problem = _type_problem(model_field, raw)
        if problem:
            shown = raw.isoformat() if isinstance(raw, date) else repr(raw)
            self.add(path, f"{problem}，现在是 {shown}")
            return default_of(model_field)
        if isinstance(model_field, models.DecimalField):
            return self._decimal(model_field, raw, path)
        if isinstance(model_field, models.BooleanField | models.DateField):
            return raw
        if isinstance(raw, str) and "\x00" in raw:
            self.add(path, "含有不能保存的空字符")
            return ""
        try:
            # Lengths and ranges of the column; Django's sentences for them are Chinese.
            model_field.run_validators(raw)
        except ValidationError as error:
            for message in error.messages:
                self.add(path, f"{message}现在是 {raw!r}")
        return self._choice(model_field, raw, path) if isinstance(raw, str) else raw

    def _decimal(self, model_field: models.DecimalField, raw: Any, path: str) -> Decimal:
        value = Decimal(str(raw))
        if not value.is_finite():
            self.add(path, f"应为数字，现在是 {raw}")
            return Decimal(0)
        if value != round(value, model_field.decimal_places):
            self.add(path, f"最多 {model_field.decimal_places} 位小数，现在是 {raw}")
        elif abs(value) >= 10 ** (model_field.max_digits - model_field.decimal_places):
            self.add(path, f"数字太大：{raw}")
        return value

    def _choice(self, model_field: Field, raw: str, path: str) -> str:
        if model_field.choices and raw not in {value for value, _ in model_field.choices}:
            allowed = "、".join(f"{value}（{label}）" for value, label in model_field.choices)
            self.add(path, f"“{raw}”不在可选值内，可用：{allowed}")
        return raw

    def _reference(self, model_field: Field, raw: Any, path: str) -> Any:
        if model_field.many_to_many:
            if not isinstance(raw, list) or not all(isinstance(item, str) for item in raw):
                self.add(path, '应为名称的列表，如 ["甲", "乙"]')
                return []
            self.references.append((path, model_field.related_model, raw))
            return raw
        if not isinstance(raw, str):
            self.add(path, f"应为名称（文字），现在是 {raw!r}")
            return None
        self.references.append((path, model_field.related_model, [raw]))
        return raw

    def check_references(self) -> None:
        """Every name used stands in the pack; lists of names take the order of their table."""
        for path, model, names in self.references:
            known = list(self.names.get(model, {}))
            for name in names:
                if name not in known:
                    self.add(path, f"政策包里没有名为“{name}”的{model._meta.verbose_name}")
            names.sort(key=lambda name: known.index(name) if name in known else len(known))


def _type_problem(model_field: Field, raw: Any) -> str | None:
    """What the value should have been, or None where it is of the field's type."""
    if isinstance(model_field, models.BooleanField):
        return None if isinstance(raw, bool) else "应为 true 或 false"
    if isinstance(model_field, models.DecimalField):
        good = isinstance(raw, int | float | Decimal) and not isinstance(raw, bool)
        return None if good else "应为数字"
    if isinstance(model_field, models.IntegerField):
        return None if isinstance(raw, int) and not isinstance(raw, bool) else "应为整数"
    if isinstance(model_field, models.DateTimeField):
        good = isinstance(raw, datetime) and raw.tzinfo is not None
        return None if good else "应为带时区的时刻，如 2023-12-31T23:59:59+08:00"
    if isinstance(model_field, models.DateField):
        good = isinstance(raw, date) and not isinstance(raw, datetime)
        return None if good else "应为日期，如 2023-12-31（不加引号）"
    return None if isinstance(raw, str) else "应为文字"


def default_of(model_field: Field) -> Any:
    """What an absent key means: the model's default, NULL, an empty text or list."""
    if model_field.many_to_many or isinstance(model_field, ArrayField):
        return []
    if model_field.default is not NOT_PROVIDED:
        return model_field.get_default()
    if model_field.null or model_field.is_relation:
        return None
    return "" if model_field.empty_strings_allowed else None


def required(model_field: Field) -> bool:
    """Whether a pack must write this key."""
    return not (
        model_field.blank
        or model_field.null
        or model_field.many_to_many
        or model_field.default is not NOT_PROVIDED
    )


# ------------------------------------------------------------------ plain rows → pack data


def to_data(section: Section, rows: Iterable[Row]) -> Any:
    """The table as a pack writes it: keys in order, defaults left out."""
    tables = [_table(section, row) for row in rows]
    if section.single:
        return tables[0] if tables else None
    return tables or None


def _table(section: Section, row: Row) -> Data:
    table = {
        name: _plain_number(row[name])
        for name in section.fields
        if row[name] != default_of(section.get(name))
    }
    for child in section.children:
        data = to_data(child, row[child.key])
        if data is not None:
            table[child.key] = data
    return table


def _plain_number(value: Any) -> Any:
    """380.00 as 380, 0.9500 as 0.95: a pack shows numbers as a person writes them."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()


# ------------------------------------------------------------------ database → plain rows


def fetch(section: Section, owners: Iterable[models.Model]) -> dict[Any, list[Row]]:
    """The rows of a table for each owner, in their order; one query per table and relation."""
    relations = [section.get(name) for name in section.fields if section.get(name).is_relation]
    single = [item.name for item in relations if not item.many_to_many]
    many = [item.name for item in relations if item.many_to_many]
    found = list(
        section.model._default_manager.filter(**{f"{section.owner}__in": owners}, **section.fixed)
        .select_related(*single)
        .prefetch_related(*many)
        .order_by(*(["order", "pk"] if section.ordered else ["pk"]))
    )
    children = {child.key: fetch(child, found) if found else {} for child in section.children}
    result: dict[Any, list[Row]] = {}
    for instance in found:
        row: Row = {name: _fetched(section, instance, name) for name in section.fields}
        for key, rows in children.items():
            row[key] = rows.get(instance.pk, [])
        result.setdefault(getattr(instance, f"{section.owner}_id"), []).append(row)
    return result


def _fetched(section: Section, instance: models.Model, name: str) -> Any:
    model_field = section.get(name)
    value = getattr(instance, name)
    if model_field.many_to_many:
        attribute = reference_field(related(model_field))
        ordered = sorted(value.all(), key=lambda item: (getattr(item, "order", 0), item.pk))
        return [getattr(item, attribute) for item in ordered]
    if model_field.is_relation and value is not None:
        return getattr(value, reference_field(related(model_field)))
    return value


# ------------------------------------------------------------------ plain rows → database


class Writer:
    """Writes checked rows: what is there by its natural key is changed, the rest comes and goes."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.index: dict[tuple[type[models.Model], str], models.Model] = {}
        self._gone: list[tuple[models.Model, str]] = []

    def know(self, instance: models.Model) -> None:
        """Remember a row that others of the pack may name."""
        name = getattr(instance, reference_field(type(instance)), None)
        if isinstance(name, str):
            self.index[type(instance), name] = instance

    def store(self, section: Section, rows: list[Row], owner: models.Model, path: str = "") -> None:
        """Make the table of this owner equal to `rows`."""
        path = path or section.key
        queryset = section.model._default_manager.filter(**{section.owner: owner}, **section.fixed)
        if section.ordered and not section.single:
            queryset.update(order=F("order") + _ASIDE)
        existing = {
            self._natural(section, item, number): item
            for number, item in enumerate(
                queryset.order_by(*(["order", "pk"] if section.ordered else ["pk"])), 1
            )
        }
        wanted = [(self._wanted(section, row, number), row) for number, row in enumerate(rows, 1)]
        for natural in set(existing) - {key for key, _ in wanted}:
            self._gone.append((existing[natural], path))
        stored = []
        for number, (natural, row) in enumerate(wanted, 1):
            where = path if section.single else f"{path}[{number}]"
            found = existing.get(natural) or section.model(**section.fixed)
            stored.append((self._save(section, found, row, owner, number, where), row, where))
        # Rows may name each other, so their relations wait until all of them are there.
        for instance, row, where in stored:
            if instance is not None:
                self._relate(section, instance, row)
                for child in section.children:
                    self.store(child, row[child.key], instance, f"{where}.{child.key}")

    def _wanted(self, section: Section, row: Row, number: int) -> tuple[Any, ...]:
        return tuple(number if name == "order" else row[name] for name in section.natural)

    def _natural(self, section: Section, instance: models.Model, number: int) -> tuple[Any, ...]:
        return tuple(
            number if name == "order" else _fetched(section, instance, name)
            for name in section.natural
        )

    def _save(
        self,
        section: Section,
        instance: models.Model,
        row: Row,
        owner: models.Model,
        number: int,
        path: str,
    ) -> models.Model | None:
        setattr(instance, section.owner, owner)
        if isinstance(instance, Rule) and isinstance(owner, Rule):
            instance.policy_year_id = owner.policy_year_id
        for name in section.fields:
            model_field = section.get(name)
            if model_field.many_to_many:
                continue
            value = row[name]
            if model_field.is_relation and value is not None:
                value = self.index.get((related(model_field), value))
                if value is None:
                    self.problems.append(
                        Problem(f"{path}.{name}", f"“{row[name]}”须写在引用它的条目之前")
                    )
                    return None
            setattr(instance, name, value)
        if section.ordered and not section.single:
            instance.order = number  # type: ignore[attr-defined]
        if not self.keeps_promises(instance, path):
            return None
        instance.save()
        self.know(instance)
        return instance

    def _relate(self, section: Section, instance: models.Model, row: Row) -> None:
        for name in section.fields:
            model_field = section.get(name)
            if model_field.many_to_many:
                model = related(model_field)
                getattr(instance, name).set([self.index[model, item] for item in row[name]])

    def keeps_promises(self, instance: models.Model, path: str) -> bool:
        """Whether the row meets its check constraints; if not, their sentences are problems."""
        good = True
        for constraint in instance._meta.constraints:
            if isinstance(constraint, models.CheckConstraint):
                try:
                    constraint.validate(type(instance), instance)
                except ValidationError as error:
                    good = False
                    self.problems.extend(Problem(path, message) for message in error.messages)
        return good

    def finish(self) -> None:
        """Delete what the pack no longer says, what refers to others first."""
        for instance, path in reversed(self._gone):
            try:
                instance.delete()
            except models.ProtectedError:
                self.problems.append(
                    Problem(path, f"新的政策包里没有“{instance}”，但已有数据引用它，不能删除")
                )
