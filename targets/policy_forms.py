"""Forms of the policy pages, made from the pack format itself: a new key gets its field by itself.

A field's label, type, allowed values and help are the model's; what a rule may name are the names
in the same policy. A key left empty is a key that the pack does not write.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields import Field

from enrollment.models import Region
from enrollment.pack_format import Data, Problem, Row, Section, Tables, default_of, required
from targets.changes import none_word, points_at, reference_names, title_of
from targets.spot import HEAD, Spot, is_inline

LONG = {
    "text",
    "note",
    "definition",
    "conditions",
    "question",
    "evidence",
    "title",
    "settlement",
    "extra_help_text",
    "base_formula",
    "basis",
    "follow_up",
    "exempt",
    "source_note",
    "based_on",
    "notes",
}
BLANK_LINES = 2
"""Empty lines offered below the lines of an entry."""
_YES = (("true", "是"), ("false", "否"))
_LINES = "一行一个"
_RATE = "写小数，如 0.95"


class EntryForm(forms.Form):
    """One entry of a table; ``section`` says of which."""

    def __init__(
        self, section: Section, tables: Tables, *args: Any, row: Row | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.row = row
        for name in section.fields:
            if section.key == "year" and name in HEAD:
                continue
            self.fields[name] = _field(section, name, tables)
            value = row[name] if row is not None else default_of(section.get(name))
            self.initial[name] = _shown(section.get(name), value)

    def values(self) -> Data:
        """The entry's keys as a pack writes them."""
        found: Data = {}
        for name in self.fields:
            value = _value(self.section.get(name), self.cleaned_data[name])
            was = self.row[name] if self.row is not None else None
            if isinstance(value, str) and isinstance(was, str) and value == was.strip():
                value = was  # blanks at the ends belong to printed forms
            if value not in (None, "", []):
                found[name] = value
        if self.section.key == "year" and self.row is not None:
            found = {name: self.row[name] for name in HEAD} | found
        return found


class Lines:
    """The lines of one table inside an entry: one form each, and some empty ones."""

    def __init__(self, section: Section, tables: Tables, rows: list[Row], data: Any = None) -> None:
        self.section = section
        self.title = title_of(section)
        count = len(rows) + BLANK_LINES
        if data is not None:
            given = data.get(f"{section.key}-count", "")
            count = min(int(given), 200) if given.isascii() and given.isdigit() else count
        self.count = count
        self.forms = []
        for number in range(count):
            row = rows[number] if number < len(rows) else None
            form = EntryForm(
                section, tables, data, row=row, prefix=f"{section.key}-{number}",
                use_required_attribute=False,
            )  # fmt: skip
            if row is None and data is None:
                form.initial = {
                    name: form.initial[name]
                    for name in form.initial
                    if section.get(name).choices and not required(section.get(name))
                }
            first, *_ = form.fields.values()
            first.widget.attrs["placeholder"] = first.label  # a phone shows no headings
            for field in form.fields.values():
                field.widget.attrs["aria-label"] = f"{self.title} 第 {number + 1} 行 {field.label}"
            self.forms.append(form)
        self.used = [form for form in self.forms if data is None or not self._blank(form)]

    def _blank(self, form: EntryForm) -> bool:
        """A line counts as written when one of the keys it must have is."""
        needed = [name for name in form.fields if required(self.section.get(name))]
        return not any(form.data.get(form.add_prefix(name), "").strip() for name in needed)

    def is_valid(self) -> bool:
        valid = [form.is_valid() for form in self.used]  # each says what is wrong with it
        return all(valid)

    def values(self) -> list[Data]:
        return [form.values() for form in self.used]

    @property
    def headings(self) -> list[str]:
        """What stands over the columns."""
        return [str(field.label) for field in self.forms[0].fields.values()] if self.forms else []


class Entry:
    """The page's form: an entry, the tables of lines inside it, and why it is changed."""

    def __init__(self, spot: Spot, tables: Tables, row: Row | None, data: Any = None) -> None:
        section = spot.section
        self.spot = spot
        self.form = EntryForm(section, tables, data, row=row)
        self.lines = [
            Lines(child, tables, row[child.key] if row else [], data)
            for child in section.children
            if is_inline(child)
        ]

    def is_valid(self) -> bool:
        return all([self.form.is_valid(), *(one.is_valid() for one in self.lines)])

    def values(self) -> Data:
        found = self.form.values()
        for one in self.lines:
            rows = one.values()
            if rows:
                found[one.section.key] = rows
        return found

    def add_problems(self, problems: Iterable[Problem]) -> list[Problem]:
        """Put each problem beside its field; returns those that stand elsewhere."""
        rest = []
        for problem in problems:
            if not self._add(problem):
                rest.append(problem)
        return rest

    def _add(self, problem: Problem) -> bool:
        path, reason = problem.path, problem.reason
        here = self.spot.path
        if path != here and not path.startswith((f"{here}.", f"{here}[")):
            return False
        name = path.removeprefix(here).lstrip(".")
        key, _, inner = name.partition("[")
        for one in self.lines:
            if one.section.key == key:
                number, _, field = inner.partition("].")
                line = number.rstrip("]")
                if line.isdigit() and 0 < int(line) <= len(one.used):
                    form = one.used[int(line) - 1]
                    form.add_error(field if field in form.fields else None, reason)
                else:
                    self.form.add_error(None, f"{one.title}：{reason}")
                return True
        if name and key not in self.form.fields:
            return False
        self.form.add_error(key or None, reason)
        return True


# ------------------------------------------------------------------ fields


def _field(section: Section, name: str, tables: Tables) -> forms.Field:
    model_field = section.get(name)
    must = required(model_field)
    about: dict[str, Any] = {
        "label": model_field.verbose_name,
        "required": must,
        "help_text": _help(section, name, model_field),
    }
    model = points_at(section, name)
    if model is not None:
        return _choice_of(model_field, model, tables, name, about)
    if isinstance(model_field, ArrayField):
        if model_field.base_field.choices:
            return forms.MultipleChoiceField(
                choices=model_field.base_field.choices,
                widget=forms.CheckboxSelectMultiple,
                **about,
            )
        return forms.CharField(widget=forms.Textarea({"rows": 3}), strip=False, **about)
    if isinstance(model_field, models.BooleanField):
        if not model_field.null:
            return forms.BooleanField(**about | {"required": False})
        return forms.ChoiceField(choices=[("", none_word(model_field, name)), *_YES], **about)
    if model_field.choices:
        empty = [] if must or not model_field.null else [("", none_word(model_field, name))]
        if must:
            empty = [("", "请选择")]
        return forms.ChoiceField(choices=[*empty, *model_field.flatchoices], **about)
    if isinstance(model_field, models.DateTimeField):
        return forms.DateTimeField(
            widget=forms.DateTimeInput(
                {"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
            ),
            **about,
        )
    if isinstance(model_field, models.DateField):
        return forms.DateField(
            widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            error_messages={"invalid": "日期写作 2023-12-31"},
            **about,
        )
    if isinstance(model_field, models.DecimalField):
        return forms.DecimalField(
            max_digits=model_field.max_digits,
            decimal_places=model_field.decimal_places,
            widget=forms.TextInput({"inputmode": "decimal"}),
            **about,
        )
    if isinstance(model_field, models.IntegerField):
        return forms.IntegerField(
            min_value=0, widget=forms.TextInput({"inputmode": "numeric"}), **about
        )
    widget = forms.Textarea({"rows": 2}) if name in LONG else forms.TextInput()
    return forms.CharField(widget=widget, **about)


def _help(section: Section, name: str, model_field: Field) -> str:
    parts = [str(model_field.help_text)] if model_field.help_text else []
    if isinstance(model_field, ArrayField) and not model_field.base_field.choices:
        parts.append(_LINES + ("，栏目内换行写 \\n" if name == "heading" else ""))
    elif name == "rate":
        parts.append(_RATE)
    typed = isinstance(model_field, models.DateField | models.DecimalField | models.IntegerField)
    nothing = none_word(model_field, name)
    if typed and model_field.null and nothing != "—":
        parts.append(f"不填：{nothing}")
    return "；".join(parts)


def _choice_of(
    model_field: Field,
    model: type[models.Model],
    tables: Tables,
    name: str,
    about: dict[str, Any],
) -> forms.Field:
    names = list(reference_names(tables, model))
    if model_field.many_to_many:
        return forms.MultipleChoiceField(
            choices=names, widget=forms.CheckboxSelectMultiple, **about
        )
    empty = "请选择" if about["required"] else none_word(model_field, name)
    if model is Region and len(names) > 400:
        return forms.CharField(**about | {"help_text": "单位代码"})
    return forms.ChoiceField(choices=[("", empty), *names], **about)


def _shown(model_field: Field, value: Any) -> Any:
    """A row's value as its form field begins with it."""
    if isinstance(value, list) and isinstance(model_field, ArrayField):
        if model_field.base_field.choices:
            return value
        return "\n".join(item.replace("\n", "\\n") for item in value)
    if isinstance(value, bool) and model_field.null:
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value


def _value(model_field: Field, value: Any) -> Any:
    """What the form gave, as a pack writes it."""
    if isinstance(model_field, ArrayField) and not model_field.base_field.choices:
        lines = [line.strip("\r") for line in (value or "").split("\n")]
        return [line.strip().replace("\\n", "\n") for line in lines if line.strip()]
    if isinstance(model_field, models.BooleanField):
        if model_field.null:
            return {"true": True, "false": False}.get(value)
        return value if value != default_of(model_field) else None
    if isinstance(value, str):
        value = value.replace("\r\n", "\n")
    return value
