"""行政区划: the county's towns and villages, and what changes about them."""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from enrollment import regions as verbs
from enrollment.access import Place, enter
from enrollment.failure import Failure
from enrollment.models import Level, Person, Region, User

MOVED = {
    "contact": "通讯录",
    "person": "人员",
    "household": "户",
    "enrollment": "参保登记",
    "payment": "缴费记录",
    "status": "人员状态",
    "cover": "平台参保记录",
    "question": "待核实事项",
}


LIVING = Q(children__valid_to=None, children__placeholder=False)


class RegionChoice(forms.ModelChoiceField):
    """Regions by their path, for there are many villages of one name."""

    def label_from_instance(self, obj: Region) -> str:
        return obj.path


class NewRegion(forms.Form):
    """A town of the county, or a village of a town."""

    name = forms.CharField(label="名称", max_length=60, help_text="如 红星村、东风社区")
    kind = forms.CharField(
        label="单位类型", max_length=20, required=False, help_text="如 社区、农场、公司"
    )
    aliases = forms.CharField(
        label="别名", max_length=300, required=False, help_text="名册里的其他写法，用顿号隔开"
    )
    key = forms.CharField(
        label="代码", max_length=40, required=False, help_text="核实过的区划代码；不确定就留空"
    )


class NewName(forms.Form):
    name = forms.CharField(label="新名称", max_length=60, help_text="原名称自动成为别名")


class NewAlias(forms.Form):
    alias = forms.CharField(label="别名", max_length=60, help_text="名册里的另一种写法")


class Other(forms.Form):
    """Another place, and the word that one has looked at what it means."""

    other = RegionChoice(Region.objects.none(), empty_label="请选择")
    sure = forms.BooleanField(
        label="已核对，知道这一步不能撤回",
        error_messages={"required": "请先核对上面的说明，再勾选"},
    )

    def __init__(self, *args: Any, label: str, among, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.ModelChoiceField, self.fields["other"])
        field.label, field.queryset = label, among
        field.error_messages["required"] = f"请选择{label}"


@require_safe
def regions(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The children of where one stands: towns of the county, villages of a town."""
    place = enter(request, county, year, may="keeps_regions")
    parent = place.region.parent if place.region.level == Level.VILLAGE else place.region
    assert parent is not None
    unit = "town" if parent.level == Level.COUNTY else "village"
    people = dict(
        Person.objects.in_region(parent).order_by().values_list(unit).annotate(n=Count("pk"))
    )
    children = list(
        parent.children.select_related("merged_into").annotate(
            villages=Count("children", filter=LIVING)
        )
    )
    ended = sum(child.valid_to is not None for child in children)
    living = len(children) - ended - sum(child.placeholder for child in children)
    word = "乡镇" if unit == "town" else "村（社区）"
    context = {
        "page_title": "行政区划",
        "answer": f"{parent.path} 下有 {living} 个{word}"
        + (f"，另有 {ended} 个已停用" if ended else "")
        + f"，登记人员 {sum(people.values()):,} 人。",
        "parent": parent,
        "word": word,
        "rows": [{"region": child, "people": people.get(child.pk, 0)} for child in children],
        "policy_year": place.policy_year,
    }
    return render(request, "enrollment/regions.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, county: str, year: int, key: str) -> HttpResponse:
    """A new town or village below ``key``."""
    place = enter(request, county, year, may="keeps_regions")
    parent = _region_or_404(place, key)
    form = NewRegion(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        given["aliases"] = given["aliases"].replace("，", "、").replace(",", "、").split("、")
        given["aliases"] = [alias.strip() for alias in given["aliases"] if alias.strip()]
        try:
            region = verbs.add(parent, by=place.user, address=_address(request), **given)
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(request, f"已新增{region.path}（代码 {region.key}）。")
            return redirect(_list_url(place, parent))
    word = "乡镇" if parent.level == Level.COUNTY else "村（社区）"
    context = {
        "page_title": f"新增{word}",
        "answer": f"在{parent.name}下新增一个{word}。",
        "form": form,
        "cancel_url": _list_url(place, parent),
    }
    status = 400 if form.errors else 200
    return render(request, "enrollment/region_new.html", context, status=status)


@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, county: str, year: int, key: str) -> HttpResponse:
    """One town or village: its names, and its end or move to elsewhere."""
    place = enter(request, county, year, may="keeps_regions")
    region = _region_or_404(place, key)
    if region.level not in (Level.TOWN, Level.VILLAGE):
        return redirect(_list_url(place, region))
    bound = request.POST.get("verb", "") if request.method == "POST" else ""
    forms_ = _forms(region, request.POST, bound)
    if bound in VERBS:
        form = forms_.get(bound)
        if form is None or form.is_valid():
            values = (
                form.cleaned_data if form is not None else {"alias": request.POST.get("alias", "")}
            )
            try:
                said = VERBS[bound](region, values, place.user, _address(request))
            except Failure as failure:
                if form is None:
                    messages.error(request, failure.message)
                else:
                    form.add_error(None, failure.message)
            else:
                messages.success(request, said)
                return redirect("enrollment:regions-one", county, year, key)
    context = {
        "page_title": region.path,
        "answer": _answer(region),
        "region": region,
        "forms": forms_,
        "policy_year": place.policy_year,
        "list_url": _list_url(place, region.parent or region),
        "people": Person.objects.in_region(region).count(),
        "accounts": User.objects.filter(region=region, is_active=True).count(),
        "fixed": region.placeholder or region.valid_to is not None,
    }
    status = 400 if any(form.errors for form in forms_.values()) else 200
    return render(request, "enrollment/region.html", context, status=status)


# What each form of the page does; the sentence that is shown afterwards.


def _rename(region: Region, values: dict[str, Any], by: User, address: str) -> str:
    before = region.name
    verbs.rename(region, name=values["name"], by=by, address=address)
    return f"{before}已改名为{region.name}，原名称留作别名。"


def _add_alias(region: Region, values: dict[str, Any], by: User, address: str) -> str:
    verbs.add_alias(region, alias=values["alias"], by=by, address=address)
    return f"名册里的“{values['alias']}”今后认作{region.name}。"


def _remove_alias(region: Region, values: dict[str, Any], by: User, address: str) -> str:
    alias = values["alias"]
    verbs.remove_alias(region, alias=alias, by=by, address=address)
    return f"已去掉别名“{alias}”。"


def _merge(region: Region, values: dict[str, Any], by: User, address: str) -> str:
    into = values["other"]
    moved = verbs.merge(region, into=into, by=by, address=address)
    return f"{region.name}已并入{into.path}：{_moved(moved)}。"


def _move(region: Region, values: dict[str, Any], by: User, address: str) -> str:
    to = values["other"]
    moved = verbs.move(region, to=to, by=by, address=address)
    return f"{region.name}已划到{to.name}：{_moved(moved)}。"


VERBS: dict[str, Callable[[Region, dict[str, Any], User, str], str]] = {
    "rename": _rename,
    "add_alias": _add_alias,
    "remove_alias": _remove_alias,
    "merge": _merge,
    "move": _move,
}


def _forms(region: Region, data: Any, bound: str) -> dict[str, forms.Form]:
    """The page's forms, the one that was sent holding what was typed."""
    if region.placeholder or region.valid_to:
        return {}
    living = Region.objects.filter(county=region.county, valid_to=None, placeholder=False)
    living = living.select_related("parent").order_by("parent__order", "order", "key")
    same = living.filter(level=region.level).exclude(pk=region.pk)

    def given(verb: str) -> dict[str, Any]:
        return {"data": data if bound == verb else None, "auto_id": f"{verb}_%s"}

    found: dict[str, forms.Form] = {
        "rename": NewName(**given("rename")),
        "add_alias": NewAlias(**given("add_alias")),
        "merge": Other(**given("merge"), label="并入哪里", among=same),
    }
    if region.level == Level.VILLAGE:
        towns = living.filter(level=Level.TOWN).exclude(children=region)
        found["move"] = Other(**given("move"), label="划到哪个乡镇", among=towns)
    return found


def _answer(region: Region) -> str:
    if region.merged_into:
        return f"{region.name}已于 {region.valid_to} 并入{region.merged_into.path}。"
    if region.valid_to:
        return f"{region.name}已于 {region.valid_to} 停用。"
    if region.placeholder:
        return "尚不能确定到村的人员暂放在这里，请在“待核实事项”中落实。"
    return f"{region.name}的名称、别名和归属。"


def _moved(moved: dict[str, int]) -> str:
    parts = [f"{MOVED.get(kind, kind)} {number:,}" for kind, number in moved.items() if number]
    return "，".join(parts) or "没有人员和记录"


def _region_or_404(place: Place, key: str) -> Region:
    visible = Region.objects.visible_to(place.user).select_related(
        "parent", "county", "merged_into"
    )
    return get_object_or_404(visible, key=key, county=place.county)


def _list_url(place: Place, parent: Region) -> str:
    here = reverse("enrollment:regions", args=[place.county.key, place.policy_year.year])
    return f"{here}?region={parent.key}"


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")
