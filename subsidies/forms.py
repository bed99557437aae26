"""Forms of this app's pages."""

from collections.abc import Iterable
from typing import Any

from django import forms

from subsidies.case import Choices


class Day(forms.DateField):
    """A day, picked or typed as 2023-12-31."""

    def __init__(self, label: str, help_text: str = "") -> None:
        super().__init__(
            label=label,
            required=False,
            help_text=help_text,
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            error_messages={"invalid": "日期写作 2023-12-31"},
        )


class Question(forms.Form):
    """One question to the policy, in its own words; no personal data, so it may stand in a link."""

    tier = forms.ChoiceField(label="档次", required=False)
    group = forms.ChoiceField(label="人群", required=False)
    categories = forms.MultipleChoiceField(
        label="资助身份", required=False, widget=forms.CheckboxSelectMultiple
    )
    paid_on = Day("缴费日期", "不填：按集中参保缴费期最后一日")
    event = forms.ChoiceField(label="特殊情形", required=False)
    event_date = Day("事由日期", "断保、迁入、入学等发生之日")
    born = Day("出生日期", "新生儿必填")
    arrived_on = Day("到账日期", "不填：按缴费当日到账")
    recognised_on = Day("身份认定日期", "不填：缴费以前已认定")
    removed_on = Day("退出名单日期", "当日起不在名单；没有退出的不填")
    attributes = forms.MultipleChoiceField(
        label="个人属性", required=False, widget=forms.CheckboxSelectMultiple
    )
    not_hukou = forms.BooleanField(label="非本县户籍", required=False)
    insured_elsewhere = forms.BooleanField(label="不在本县参保", required=False)
    region = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, choices: Choices) -> None:
        super().__init__(data)
        lists: dict[str, tuple[Iterable[Any], bool, str | None]] = {
            "tier": (choices.tiers, len(choices.tiers) > 1, None),
            "group": (choices.groups, len(choices.groups) > 1, None),
            "categories": (choices.categories, bool(choices.categories), None),
            "event": (choices.events, bool(choices.events), "没有"),
            "attributes": (choices.attributes, bool(choices.attributes), None),
        }
        for name, (rows, wanted, empty) in lists.items():
            if not wanted:
                del self.fields[name]
                continue
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [*([("", empty)] if empty else []), *_names(rows)]

    def asked(self) -> dict[str, Any]:
        """What ``case.ask`` wants to know."""
        given = self.cleaned_data
        plain = {
            name: given[name]
            for name in given
            if name not in ("not_hukou", "insured_elsewhere", "region")
        }
        return plain | {
            "hukou_here": not given["not_hukou"],
            "insured_here": not given["insured_elsewhere"],
        }


def _names(rows: Iterable[Any]) -> list[tuple[str, str]]:
    return [(row.name, row.name) for row in rows]
