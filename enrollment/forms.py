"""Forms of the roster pages."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from enrollment import headings, workbook
from enrollment.access import Place
from enrollment.models import Department, Level, Mode, Region, Roster
from enrollment.models.rules import StatusKind
from enrollment.roster.kinds import KINDS, Kind
from enrollment.roster.receiving import statuses_for

YEARS_BACK = 10
MODES = {
    Mode.FULL: "全量：范围内的全部名单，名单里没有的人会退出",
    Mode.SUPPLEMENT: "补充：只增加或更正名单里的人，不使任何人退出",
    Mode.EXIT: "退出名单：使名单里的人退出",
}


class Upload(forms.Form):
    """One kind's file and what it claims to be; only the questions that this kind has."""

    file = forms.FileField(
        label="文件",
        widget=forms.FileInput(attrs={"accept": ".xlsx,.xls,.csv"}),
        error_messages={"required": "请选择文件", "empty": "文件是空的，请检查后重新选择"},
    )
    status = forms.ModelChoiceField(
        StatusKind.objects.none(),
        label="人员状态",
        empty_label="请选择",
        help_text="一种状态一份名单",
        error_messages={"required": "请选择是哪一种人员状态"},
    )
    topic = forms.ChoiceField(
        required=False,
        help_text="整份名单是同一类的选它；名单里逐行写明的，选第一项",
    )
    year = forms.TypedChoiceField(
        label="待遇年度", coerce=int, help_text="以往年度的名单用来核对连续参保"
    )
    mode = forms.ChoiceField(label="方式", widget=forms.RadioSelect)
    region = forms.ModelChoiceField(
        Region.objects.none(), label="名册范围", empty_label=None, help_text="这份名册是哪里的"
    )
    as_of = forms.DateField(
        label="数据日期",
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text="名单是截至哪一天的",
        error_messages={"required": "请填写数据日期", "invalid": "日期写作 2023-08-31"},
    )
    department = forms.ModelChoiceField(
        Department.objects.none(),
        label="报送部门",
        empty_label="不填",
        required=False,
        help_text="表头的对应关系按部门记住",
    )
    sheet = forms.CharField(
        label="工作表",
        max_length=100,
        required=False,
        help_text="只读某一个工作表（包括隐藏的）时填它的名称；不填则读所有未隐藏的",
    )

    def __init__(
        self, *args: Any, place: Place, kind: Kind, topic: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.place, self.kind = place, kind
        year, user = place.policy_year, place.user
        fields = self.fields
        if kind.key == "status":
            statuses = statuses_for(user, year)
            fields["status"].queryset = statuses  # type: ignore[attr-defined]
            fields["status"].initial = next((one for one in statuses if one.name == topic), None)
        else:
            del fields["status"]
        if kind.topics:
            named = [(one, one) for one in kind.topics(year, user)]
            fields["topic"].label = kind.topic_word
            fields["topic"].choices = [("", "按名单里的身份列"), *named]  # type: ignore[attr-defined]
            fields["topic"].initial = topic
        else:
            del fields["topic"]
        if kind.key == "insured":
            back = range(year.year, year.year - YEARS_BACK - 1, -1)
            fields["year"].choices = [(one, f"{one}年度") for one in back]  # type: ignore[attr-defined]
            fields["year"].initial = year.year
        else:
            del fields["year"]
        if len(kind.modes) > 1:
            fields["mode"].choices = [(mode, MODES[Mode(mode)]) for mode in kind.modes]  # type: ignore[attr-defined]
            fields["mode"].initial = kind.modes[0]
        else:
            del fields["mode"]
        if user.job.level == "county" and not user.job.own_department:
            self._offer_regions(place)
            departments = Department.objects.filter(county=place.county)
            fields["department"].queryset = departments  # type: ignore[attr-defined]
        else:
            del fields["region"], fields["department"]
        today = timezone.localdate()
        fields["as_of"].initial = (year.base_date if kind.key == "register" else None) or today

    def _offer_regions(self, place: Place) -> None:
        towns = Region.objects.filter(
            county=place.county,
            level__in=(Level.COUNTY, Level.TOWN),
            valid_to=None,
            placeholder=False,
        )
        region = self.fields["region"]
        # The county sorts before its towns, those in printed order.
        region.queryset = towns.order_by("level", "order", "key")  # type: ignore[attr-defined]
        region.label_from_instance = _region_label  # type: ignore[attr-defined]
        region.initial = place.region.town_id or place.county.pk

    def clean_file(self) -> UploadedFile:
        file = self.cleaned_data["file"]
        most = workbook.LIMITS.size
        if file.size > most:
            raise forms.ValidationError(
                f"文件有 {file.size / (1 << 20):,.0f} MB，超过上限 {most >> 20} MB，"
                "请按乡镇分成几个文件再上传"
            )
        try:
            workbook.glance(file.temporary_file_path(), file.name)
        except workbook.Refused as refused:
            raise forms.ValidationError(refused.message) from refused
        return file

    def clean_as_of(self) -> Any:
        day = self.cleaned_data["as_of"]
        if day > timezone.localdate():
            raise forms.ValidationError("数据日期不能晚于今天")
        return day


class Headings(forms.Form):
    """What each heading of a file means: one of the kind's columns, or not used."""

    def __init__(self, *args: Any, roster: Roster, shown: dict[str, list[str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.kind = KINDS[roster.kind]
        known: dict[str, str] = {}
        for column in self.kind.columns:
            for name in (column.title, *column.aliases):
                known.setdefault(headings.key(name), column.field)
        choices = [("", "不使用")]
        for column in sorted(self.kind.columns, key=lambda column: not column.required):
            word = "（必需）" if column.required else ""
            choices.append((column.field, f"{column.title}{word}"))
        self.asked: dict[str, str] = {}
        for number, heading in enumerate(dict.fromkeys(roster.headings)):
            name = f"heading-{number}"
            self.asked[name] = heading
            self.fields[name] = forms.ChoiceField(
                label=heading,
                choices=choices,
                required=False,
                initial=roster.mapping.get(heading, known.get(headings.key(heading), "")),
                help_text="、".join(shown.get(heading, [])),
            )

    @property
    def mapping(self) -> dict[str, str]:
        """Heading → field, "" for one that is left out."""
        return {heading: self.cleaned_data[name] for name, heading in self.asked.items()}

    def clean(self) -> None:
        super().clean()
        chosen = [field for field in self.cleaned_data.values() if field]
        titles = {column.field: column for column in self.kind.columns}
        missing = [c.title for c in self.kind.columns if c.required and c.field not in chosen]
        if missing:
            self.add_error(None, f"必需的列还没有指明：{'、'.join(missing)}")
        for field in sorted({one for one in chosen if chosen.count(one) > 1}):
            if not titles[field].repeated:
                self.add_error(None, f"“{titles[field].title}”只能对应一列")


def _region_label(region: Region) -> str:
    return f"全县（{region.name}）" if region.level == Level.COUNTY else region.name
