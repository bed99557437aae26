"""Forms of what is done about one person: each knows its verb and says what was done."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from enrollment import people
from enrollment.access import Place
from enrollment.failure import Failure
from enrollment.models import (
    HomeHukou,
    Household,
    Payment,
    Person,
    RefundReason,
    Region,
    RegistrationRecord,
    StatusKind,
)
from enrollment.models.places import Level
from enrollment.registration import (
    eligibility,
    enrolling,
    households,
    joining,
    moves,
    papers,
    persons,
    statuses,
)
from subsidies.forms import Day
from targets.registering import NEW_HOUSEHOLD, VillageChoice

PRIVATE = {"data-private": "", "autocomplete": "off"}
LONG = forms.Textarea(attrs={"rows": 2})


def _text(label: str, most: int, help_text: str = "", *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=most,
        help_text=help_text,
        required=required,
        error_messages={"required": f"请写明{label}"},
    )


class Deed(forms.Form):
    """One thing to do about a person; ``run`` does it and returns the sentence to show."""

    title = ""
    submit = "保存"
    danger = False

    def __init__(self, *args: Any, place: Place, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.place, self.person = place, person
        self.prepare()

    def prepare(self) -> None:
        """Fill the choices and what is known."""

    @classmethod
    def offered(cls, place: Place, person: Person) -> bool:
        """Whether this can be asked for somebody at all."""
        return True

    def given(self) -> dict[str, Any]:
        return dict(self.cleaned_data)

    def run(self, address: str) -> str:
        """Do it. Raises Failure."""
        raise NotImplementedError

    @property
    def who(self) -> dict[str, Any]:
        return {"by": self.place.user}


class Correct(Deed):
    title = "更正"
    name = forms.CharField(label="姓名", max_length=60)
    sex = forms.ChoiceField(
        label="性别", choices=[("", "不详"), ("男", "男"), ("女", "女")], required=False
    )
    birth = Day("出生日期")
    phone = forms.CharField(
        label="新的联系电话",
        max_length=30,
        required=False,
        help_text="不填则不改",
        widget=forms.TextInput(attrs={**PRIVATE, "inputmode": "tel"}),
    )
    drop_phone = forms.BooleanField(label="删除现有电话", required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput)

    def prepare(self) -> None:
        for name in ("name", "sex", "birth"):
            self.fields[name].initial = getattr(self.person, name)
        self.fields["seen"].initial = persons.version(self.person)
        if self.person.doc_type == "resident-id" and self.person.id_index:
            del self.fields["sex"], self.fields["birth"]

    def changes(self) -> dict[str, Any]:
        """Only what was touched, against the person as the form was made from."""
        given = self.given()
        changes: dict[str, Any] = {
            name: given[name] for name in ("name", "sex", "birth") if name in given
        }
        if given["drop_phone"]:
            changes["phone"] = ""
        elif given["phone"]:
            changes["phone"] = given["phone"]
        return changes

    def run(self, address: str) -> str:
        given = self.given()
        base = persons.as_seen(self.person, given["seen"])
        changes = {name: value for name, value in self.changes().items() if value != base.get(name)}
        persons.correct(
            self.place.policy_year,
            self.person,
            changes=changes,
            seen=given["seen"],
            address=address,
            **self.who,
        )
        return "已更正。"


class Number(Deed):
    title = "证件号码"
    number = forms.CharField(
        label="证件号码",
        max_length=40,
        help_text="原来的号码留作曾用证件，仍可按它查到",
        widget=forms.TextInput(attrs=PRIVATE),
        error_messages={"required": "请填写证件号码"},
    )
    reason = _text("依据", 200, "如 已查户口簿；新生儿已落户")

    def run(self, address: str) -> str:
        persons.give_number(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "证件号码已登记，原有的登记、缴费和状态都还在。"


class ResidenceForm(Deed):
    title = "居住登记"
    hukou = forms.ChoiceField(
        label="户籍",
        choices=[one for one in HomeHukou.choices if one[0] != HomeHukou.HERE],
    )
    hukou_place = _text("户籍所在地", 100, "写到区县", required=False)
    permit = forms.BooleanField(label="持有居住证", required=False)
    permit_until = Day("居住证有效至")

    @classmethod
    def offered(cls, place: Place, person: Person) -> bool:
        return person.on_roll_from is None or person.on_roll_to is not None

    def prepare(self) -> None:
        if (known := self.person.residences.first()) is not None:
            for name in ("hukou", "hukou_place", "permit", "permit_until"):
                self.fields[name].initial = getattr(known, name)
        elif self.person.doc_type in (*eligibility.COMPATRIOT, *eligibility.FOREIGN):
            self.fields["hukou"].initial = HomeHukou.NONE

    def run(self, address: str) -> str:
        persons.note_residence(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "居住登记已保存。"


class StatusForm(Deed):
    title = "登记状态"
    kind = forms.ModelChoiceField(
        StatusKind.objects.none(),
        label="状态",
        empty_label="请选择",
        error_messages={"required": "请选择状态"},
    )
    since = Day("起始日期")
    insured_at = _text(
        "现参保地或单位", 100, "职工医保写单位，居民医保写乡镇（街道）或学校", required=False
    )
    text = _text("情况说明", 200, required=False)
    evidence = _text("凭据", 200, "如 参保凭证、入伍通知书、注销证明", required=False)
    file = forms.FileField(
        label="凭据照片或 PDF",
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,.pdf"}),
        help_text=f"不超过 {papers.LIMIT >> 20} MB，{papers.KEPT_DAYS} 天后自动删除",
    )

    def prepare(self) -> None:
        field = cast(forms.ModelChoiceField, self.fields["kind"])
        field.queryset = StatusKind.objects.filter(policy_year=self.place.policy_year).order_by(
            "order"
        )
        field.label_from_instance = _kind_label  # type: ignore

    def run(self, address: str) -> str:
        given = self.given()
        file = given.pop("file")
        year = self.place.policy_year
        row = statuses.record(year, self.person, address=address, **given, **self.who)
        if file:
            papers.attach(
                year,
                self.person,
                file=file,
                title=f"{people.public_word(row.kind)}凭据",
                status_record=row,
                address=address,
                **self.who,
            )
        if statuses.deducts(row.kind):
            return "状态已登记。这一项从参保基数中扣减，已列入县级核对清单。"
        return "状态已登记。"


def _kind_label(kind: StatusKind) -> str:
    word = kind.name if kind.sensitive else people.public_word(kind)
    return f"{word}（从基数中扣减，须凭据）" if statuses.deducts(kind) else word


class HouseholdForm(Deed):
    title = "编户"
    household = _text("户号", 100, f"同村的户号；填“{NEW_HOUSEHOLD}”另立一户")
    relation = _text("与户主关系", 20, "如 配偶、子、女", required=False)

    def prepare(self) -> None:
        self.fields["household"].widget.attrs |= {"list": "households", "autocomplete": "off"}

    def run(self, address: str) -> str:
        text = self.given()["household"].strip()
        household = None
        if text != NEW_HOUSEHOLD:
            visible = Household.objects.visible_to(self.place.user)
            household = visible.filter(
                county=self.place.county, number=text.split()[0] if text else ""
            ).first()
            if household is None:
                raise Failure("household", f"您的辖区没有户号“{text.split()[0]}”")
        households.put_in(
            self.place.policy_year,
            self.person,
            household=household,
            relation=self.given()["relation"],
            address=address,
            **self.who,
        )
        return "已编户。"


class Move(Deed):
    title = "迁移"
    submit = "提出迁移"
    to = VillageChoice(
        Region.objects.none(),
        label="迁入",
        empty_label="请选择村（社区）",
        error_messages={"required": "请选择迁入的村（社区）"},
    )
    whole_household = forms.BooleanField(label="全户一起迁", required=False)
    reason = _text("迁移原因", 200, "如 婚迁、移民搬迁")

    def prepare(self) -> None:
        field = cast(VillageChoice, self.fields["to"])
        field.queryset = (
            Region.objects.filter(
                county=self.place.county,
                level=Level.VILLAGE,
                placeholder=False,
                valid_to__isnull=True,
            )
            .exclude(pk=self.person.village_id)
            .select_related("parent")
            .order_by("parent__order", "parent__key", "order", "key")
        )

    def run(self, address: str) -> str:
        rows = moves.propose(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        if rows[0].state == "done":
            return f"已迁到{rows[0].to_village.path}，共 {len(rows)} 人。"
        return f"已提出，待对方（{rows[0].to_village.path}）确认，共 {len(rows)} 人。"


class Leave(Deed):
    title = "迁出本县"
    to = _text("迁往哪里", 100, "写到区县")
    on = Day("迁出日期")

    @classmethod
    def offered(cls, place: Place, person: Person) -> bool:
        return not ResidenceForm.offered(place, person)

    def prepare(self) -> None:
        self.fields["on"].required = True

    def run(self, address: str) -> str:
        moves.leave(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "已记为迁出，不再在本县户籍册；本年度的登记和缴费不受影响。"


class Death(Deed):
    title = "去世"
    day = Day("去世日期")
    cancelled_on = Day("户口注销日期", "还没有注销的不填")
    evidence = _text("凭据", 200, "如 死亡医学证明、火化证明")

    def prepare(self) -> None:
        self.fields["day"].required = True

    def run(self, address: str) -> str:
        statuses.record_death(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "已登记去世。户主去世的，请在“户”里更换户主。"


class Join(Deed):
    title = "合并建档"
    submit = "合并"
    danger = True
    other = forms.ChoiceField(
        label="与哪一份是同一个人",
        widget=forms.RadioSelect,
        error_messages={"required": "请选择另一份档案"},
    )
    reason = _text("依据", 200, "如 已查户口簿，是同一个孩子")

    def prepare(self) -> None:
        found = joining.candidates(self.place.policy_year, self.person, viewer=self.place.user)
        self.found = {str(one.pk): one for one in found}
        field = cast(forms.ChoiceField, self.fields["other"])
        field.choices = [(pk, _file_label(one)) for pk, one in self.found.items()]

    def run(self, address: str) -> str:
        other = self.found[self.given()["other"]]
        done = joining.join(
            self.place.policy_year,
            self.person,
            other,
            reason=self.given()["reason"],
            address=address,
            **self.who,
        )
        self.person = done.person
        return "已合并，缴费、登记、状态、身份认定和待核实事项都在同一份档案里。"


def _file_label(person: Person) -> str:
    document = person.get_doc_type_display() if person.id_index else "暂无证件号码"
    return f"{person.name}，{person.birth}，{document}，{person.village.path}"


class Withdraw(Deed):
    title = "撤销登记"
    submit = "撤销登记"
    danger = True
    reason = _text("撤销原因", 200)

    @classmethod
    def offered(cls, place: Place, person: Person) -> bool:
        return RegistrationRecord.objects.filter(
            policy_year=place.policy_year, person=person, withdrawn_at__isnull=True
        ).exists()

    def run(self, address: str) -> str:
        enrolling.withdraw(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "登记已撤销。"


class Refund(Deed):
    title = "退费申请"
    submit = "登记申请"
    reason = forms.ChoiceField(
        label="退费原因",
        choices=[("", "请选择"), *RefundReason.choices],
        error_messages={"required": "请选择退费原因"},
    )
    text = _text("情况说明", 200)
    answer_by = Day("答复期限", "与本人约定的日期；文件没有规定退费期限")

    @classmethod
    def offered(cls, place: Place, person: Person) -> bool:
        return Payment.objects.filter(
            policy_year=place.policy_year, person=person, withdrawn_at__isnull=True
        ).exists()

    def run(self, address: str) -> str:
        enrolling.ask_refund(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "退费申请已登记，待县级答复；钱由税务退回，到账后自动显示。"


class Object(Deed):
    title = "异议"
    submit = "登记异议"
    raised_by = _text("提出人", 60, "本人或其亲属的姓名")
    text = forms.CharField(
        label="异议内容",
        max_length=300,
        widget=LONG,
        error_messages={"required": "请写明异议内容"},
    )

    def run(self, address: str) -> str:
        statuses.object_to(
            self.place.policy_year, self.person, address=address, **self.given(), **self.who
        )
        return "异议已登记，待县级答复。"


class PaperForm(Deed):
    title = "附件"
    submit = "上传"
    name = _text("附件名称", 60, "如 户口簿、参保凭证")
    file = forms.FileField(
        label="照片或 PDF",
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,.pdf"}),
        help_text=f"不超过 {papers.LIMIT >> 20} MB，{papers.KEPT_DAYS} 天后自动删除",
        error_messages={"required": "请选择文件", "empty": "文件是空的，请重新选择"},
    )

    def run(self, address: str) -> str:
        papers.attach(
            self.place.policy_year,
            self.person,
            file=self.given()["file"],
            title=self.given()["name"],
            address=address,
            **self.who,
        )
        return "附件已保存。"


DEEDS: dict[str, type[Deed]] = {
    "status": StatusForm,
    "correct": Correct,
    "number": Number,
    "residence": ResidenceForm,
    "household": HouseholdForm,
    "move": Move,
    "leave": Leave,
    "death": Death,
    "join": Join,
    "withdraw": Withdraw,
    "refund": Refund,
    "object": Object,
    "paper": PaperForm,
}
