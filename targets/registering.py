"""Forms of the registration page: whom, what as, and how."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.urls import reverse

from enrollment.access import Place
from enrollment.failure import Failure
from enrollment.models import HomeHukou, Household, Person, Region
from enrollment.models.rules import EventRule, Registration
from enrollment.registration import eligibility, enrolling, persons
from subsidies import case
from subsidies.forms import Day
from subsidies.registering import Wish

SEXES = [("", "按证件号码"), ("男", "男"), ("女", "女")]
RELATIONS = ("户主", "配偶", "子", "女", "父", "母", "孙子", "孙女", "儿媳", "女婿", "其他")
NEW_HOUSEHOLD = "新立一户"


class VillageChoice(forms.ModelChoiceField):
    """Villages by their path."""

    def label_from_instance(self, obj: Region) -> str:
        return obj.path


class Newcomer(forms.Form):
    """Somebody the county does not know: the number first, it fills what it says."""

    number = forms.CharField(
        label="证件号码",
        max_length=40,
        required=False,
        help_text="居民身份证、港澳台居民居住证、外国人永久居留身份证、护照、出生医学证明；"
        "新生儿还没有的可不填",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "data-private": "", "inputmode": "text"}
        ),
    )
    name = forms.CharField(
        label="姓名", max_length=60, help_text="与户口簿或出生医学证明一致",
        error_messages={"required": "请填写姓名"},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    sex = forms.ChoiceField(label="性别", choices=SEXES, required=False)
    birth = Day("出生日期", "有居民身份证号码的不用填")
    phone = forms.CharField(
        label="联系电话",
        max_length=30,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "data-private": "", "inputmode": "tel"}
        ),
    )
    hukou = forms.ChoiceField(label="户籍", choices=HomeHukou.choices, initial=HomeHukou.HERE)
    hukou_place = forms.CharField(
        label="户籍所在地", max_length=100, required=False, help_text="非本县户籍的写到区县"
    )
    permit = forms.BooleanField(label="持有居住证", required=False)
    permit_until = Day("居住证有效至")
    household = forms.CharField(
        label="同户",
        max_length=100,
        required=False,
        help_text="户号，或从列表里选；不填则暂不编户",
        widget=forms.TextInput(attrs={"list": "households", "autocomplete": "off"}),
    )
    relation = forms.CharField(
        label="与户主关系",
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"list": "relations", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, place: Place, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place = place
        here = reverse("targets:register-check", args=[place.county.key, place.policy_year.year])
        self.fields["number"].widget.attrs |= {
            "hx-post": f"{here}?region={place.region.key}",
            "hx-trigger": "change, keyup changed delay:400ms",
            "hx-target": "#number-says",
        }

    def clean_household(self) -> Household | str | None:
        """A household of the user's area by its number; the rest of the line is the head's name."""
        text = self.cleaned_data["household"].strip()
        if not text or text == NEW_HOUSEHOLD:
            return text or None
        number = text.split()[0]
        visible = Household.objects.visible_to(self.place.user).filter(county=self.place.county)
        found = visible.filter(number=number).first()
        if found is None:
            raise forms.ValidationError(
                f"您的辖区没有户号“{number}”，请从列表里选，或填“{NEW_HOUSEHOLD}”"
            )
        return found

    def newcomer(self) -> dict[str, Any]:
        """What ``persons.add`` wants."""
        given = dict(self.cleaned_data)
        household = given.pop("household")
        return given | {
            "household": household if isinstance(household, Household) else None,
            "own_household": household == NEW_HOUSEHOLD,
        }


class Enrolling(forms.Form):
    """What somebody is registered as, and how; fields the county has no use for are left out."""

    village = VillageChoice(
        Region.objects.none(),
        label="登记到",
        empty_label="请选择村（社区）",
        error_messages={"required": "请选择登记到哪个村（社区）"},
    )
    tier = forms.ChoiceField(label="档次")
    group = forms.ChoiceField(label="人群")
    registration = forms.ChoiceField(
        label="是否首次参保登记",
        choices=[("", "不清楚"), *Registration.choices],
        required=False,
    )
    event = forms.ChoiceField(label="特殊情形", required=False)
    event_date = Day("事由日期", "断保、迁入、入学等发生之日；新生儿按出生日期，不用填")
    event_evidence = forms.CharField(label="情形的凭据", max_length=200, required=False)
    unemployed = forms.BooleanField(label="已核实未就业", required=False)
    studies = forms.BooleanField(label="在本地就读", required=False)
    talent = forms.BooleanField(label="引进人才的家属", required=False)
    proof = forms.CharField(
        label="与名单不符的凭据",
        max_length=200,
        required=False,
        help_text="名单列为职工参保等而已停保的，写明停保凭证",
    )
    agent = forms.CharField(label="代办人", max_length=60, required=False)
    agent_relation = forms.CharField(
        label="代办人与本人关系", max_length=20, required=False, help_text="如 子女、村干部"
    )
    guardian = forms.CharField(
        label="监护人", max_length=60, required=False, help_text="未满 14 周岁的必填"
    )
    guardian_relation = forms.CharField(
        label="监护人与本人关系", max_length=20, required=False, help_text="如 父、母、祖父"
    )
    guardian_phone = forms.CharField(
        label="监护人电话",
        max_length=30,
        required=False,
        widget=forms.TextInput(
            attrs={"data-private": "", "autocomplete": "off", "inputmode": "tel"}
        ),
    )
    shared_by = forms.CharField(
        label="共济账户持有人",
        max_length=60,
        required=False,
        help_text="用谁的职工医保个人账户缴费",
    )
    shared_relation = forms.ChoiceField(
        label="持有人是本人的",
        choices=[("", "—"), *[(one, one) for one in enrolling.SHARED]],
        required=False,
    )
    note = forms.CharField(label="备注", max_length=200, required=False)

    BASIC = ("village", "tier", "group", "registration", "event", "event_date", "event_evidence")
    FACTS = ("unemployed", "studies", "talent", "proof")
    HELPERS = ("guardian", "guardian_relation", "guardian_phone", "agent", "agent_relation",
               "shared_by", "shared_relation", "note")  # fmt: skip

    def __init__(
        self, *args: Any, place: Place, person: Person | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.place, self.person = place, person
        self.known = case.choices(place.policy_year)
        self._offer_villages()
        lists: dict[str, tuple[Iterable[Any], bool, str]] = {
            "tier": (self.known.tiers, len(self.known.tiers) > 1, ""),
            "group": (self.known.groups, len(self.known.groups) > 1, ""),
            "event": (self.known.events, bool(self.known.events), "没有"),
        }
        for name, (rows, wanted, empty) in lists.items():
            if not wanted:
                del self.fields[name]
                continue
            field = cast(forms.ChoiceField, self.fields[name])
            field.choices = [*([("", empty)] if empty else []), *[(r.name, r.name) for r in rows]]
        if "event" not in self.fields:
            del self.fields["event_date"], self.fields["event_evidence"]
        self._start_with()

    def _offer_villages(self) -> None:
        place, field = self.place, cast(VillageChoice, self.fields["village"])
        villages = persons.villages_for(place.user, place.county)
        if place.region.level == "town":
            villages = villages.filter(parent=place.region)
        field.queryset = villages
        if place.region.level == "village":
            field.queryset = villages.filter(pk=place.region.pk)
            field.initial = place.region
            field.empty_label = None
        elif self.person is not None and not self.person.village.placeholder:
            field.initial = self.person.village

    def _start_with(self) -> None:
        """Sensible defaults: the newborn's case, and whether registered before."""
        year, person = self.place.policy_year, self.person
        if person is None:
            return
        self.fields["registration"].initial = eligibility.known_registration(year, person)
        if "event" in self.fields and eligibility.is_newborn(year, person.birth):
            birth = [one for one in self.known.events if _from_birth(one)]
            self.fields["event"].initial = birth[0].name if birth else ""

    def parts(self) -> dict[str, list[forms.BoundField]]:
        """The fields by section, as the page shows them."""
        return {
            word: [self[name] for name in names if name in self.fields]
            for word, names in (
                ("basic", self.BASIC),
                ("facts", self.FACTS),
                ("helpers", self.HELPERS),
            )
        }

    def wish(self) -> Wish:
        """What ``registering.register`` wants; from what is valid so far. Raises Failure."""
        given = {name: self.cleaned_data.get(name) for name in self.fields}
        event = _named(self.known.events, given.get("event"))
        group = _named(self.known.groups, given.get("group"))
        if group is None and event is not None and event.group_id:
            group = next(one for one in self.known.groups if one.pk == event.group_id)
        return Wish(
            tier=_named(self.known.tiers, given.get("tier")) or self.known.tiers[0],
            group=group or self.known.groups[0],
            event=event,
            event_date=given.get("event_date"),
            event_evidence=given.get("event_evidence") or "",
            registration=given.get("registration") or "",
            employed=False if given.get("unemployed") else None,
            studies=bool(given.get("studies")),
            talent=bool(given.get("talent")),
            details=enrolling.Details(
                **{name: given.get(name) or "" for name in enrolling.Details.__dataclass_fields__}
            ),
        )


def _from_birth(event: EventRule) -> bool:
    return event.event_date_name == case.BORN and event.late_for_id is None


def _named(rows: Iterable[Any], name: Any) -> Any:
    return next((row for row in rows if row.name == name), None)


def read(text: str) -> tuple[str, str]:
    """What a clerk typed to find somebody: ("number", …) or ("name", …). Raises Failure."""
    tidy = " ".join(text.split())
    if not tidy:
        raise Failure("empty", "请输入证件号码或姓名")
    return (
        ("number", tidy)
        if any(one.isascii() and one.isdigit() for one in tidy)
        else (
            "name",
            tidy,
        )
    )
