"""账号: who may sign in, as what and where.

For the administrator, who opens and stops accounts, and the security administrator, who grants.
"""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from enrollment import accounts as verbs
from enrollment import second_factor
from enrollment.access import Place, enter, require
from enrollment.failure import Failure
from enrollment.models import Region, User
from enrollment.models.rules import Department
from enrollment.roles import ROLES
from enrollment.views.regions import RegionChoice

PER_PAGE = 50
LEVELS = {"county": "县", "town": "乡镇", "village": "村（社区）"}


class Grant(forms.Form):
    """A role in a region; a department's uploader also names the department."""

    role = forms.ChoiceField(label="岗位", error_messages={"required": "请选择岗位"})
    region = RegionChoice(
        Region.objects.none(),
        label="区域",
        empty_label="请选择",
        help_text="县级岗位选县，乡镇岗位选乡镇，村级岗位选村",
        error_messages={"required": "请选择区域"},
    )
    department = forms.ModelChoiceField(
        Department.objects.none(),
        label="部门",
        empty_label="不属于部门",
        required=False,
        help_text="只有“部门报送”要选",
    )

    def __init__(self, *args: Any, county: Region, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = cast(forms.ChoiceField, self.fields["role"])
        roles.choices = [
            ("", "请选择"),
            *[(role.key, f"{role.title}（{LEVELS[role.level]}）") for role in ROLES.values()],
        ]
        living = Region.objects.filter(county=county, valid_to=None, placeholder=False)
        region = cast(forms.ModelChoiceField, self.fields["region"])
        region.queryset = living.select_related("parent").order_by(
            "town__order", "town__key", "level", "order", "key"
        )
        department = cast(forms.ModelChoiceField, self.fields["department"])
        department.queryset = Department.objects.filter(county=county)


class NewAccount(Grant):
    username = forms.CharField(
        label="用户名", max_length=150, help_text="字母、数字或汉字，如 dongfeng-wang"
    )
    full_name = forms.CharField(label="姓名", max_length=60)
    phone = forms.CharField(label="联系电话", max_length=30, required=False)

    field_order = ["username", "full_name", "phone", "role", "region", "department"]


class Successor(forms.Form):
    """Who takes over: the rest is as it was."""

    username = forms.CharField(
        label="接手人用户名", max_length=150, error_messages={"required": "请填接手人的用户名"}
    )
    full_name = forms.CharField(
        label="接手人姓名", max_length=60, error_messages={"required": "请填接手人的姓名"}
    )
    phone = forms.CharField(label="联系电话", max_length=30, required=False)


@require_safe
def accounts(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """The accounts of the county, those that can sign in first."""
    place = _enter(request, county, year)
    known = User.objects.visible_to(place.user).filter(region__county=place.county)
    listed = known.select_related("region__parent", "department")
    typed = request.GET.get("q", "").strip()
    if typed:
        listed = listed.filter(
            Q(username__icontains=typed)
            | Q(full_name__contains=typed)
            | Q(region__name__contains=typed)
        )
    # What waits for a grant first: until then nobody can work with it.
    listed = listed.annotate(waits=Q(granted_at=None)).order_by(
        "-waits",
        "-is_active",
        F("region__town__order").asc(nulls_first=True),
        "region__level",
        "username",
    )
    active = known.filter(is_active=True).count()
    waiting = known.filter(granted_at=None).count()
    stopped = known.filter(is_active=False).exclude(granted_at=None).count()
    answer = f"{place.county.name}有 {active} 个账号在用，{stopped} 个已停用"
    context = {
        "page_title": "账号",
        "answer": f"{answer}，{waiting} 个等待安全管理员授权。" if waiting else f"{answer}。",
        "may_open": place.user.job.keeps_accounts,
        "page": Paginator(listed, PER_PAGE).get_page(request.GET.get("page")),
        "typed": typed,
        "policy_year": place.policy_year,
    }
    return render(request, "enrollment/accounts.html", context)


@sensitive_variables("password")
@never_cache
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, county: str, year: int) -> HttpResponse:
    """A new account; its password is shown in the answer to this request and nowhere else."""
    place = enter(request, county, year, may="keeps_accounts")
    form = NewAccount(request.POST or None, county=place.county)
    if request.method == "POST" and form.is_valid():
        try:
            user, password = verbs.create(
                by=place.user, address=_address(request), **form.cleaned_data
            )
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            return _password_page(request, place, user, password, "账号已建立，待安全管理员授权")
    context = {
        "page_title": "新建账号",
        "answer": "建立后会显示一次性密码，请转告本人；安全管理员授权后才能登录。",
        "form": form,
        "policy_year": place.policy_year,
    }
    return render(
        request, "enrollment/account_new.html", context, status=400 if form.errors else 200
    )


@sensitive_variables("password")
@never_cache
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """One account: its role and region, its password, its end."""
    place = _enter(request, county, year)
    visible = User.objects.visible_to(place.user).filter(region__county=place.county)
    user = get_object_or_404(visible.select_related("region__parent", "department"), pk=pk)
    verb = request.POST.get("verb", "") if request.method == "POST" else ""
    if verb == "assign":
        require(place.user, "may_grant")
    initial = {"role": user.role, "region": user.region_id, "department": user.department_id}
    form = Grant(request.POST if verb == "assign" else None, county=place.county, initial=initial)
    if verb == "assign" and form.is_valid():
        try:
            verbs.assign(user, by=place.user, address=_address(request), **form.cleaned_data)
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            messages.success(request, f"{user.display_name}的岗位和区域已修改，立即生效。")
            return redirect("enrollment:accounts-one", county, year, pk)
    elif verb in VERBS:
        try:
            title, password = VERBS[verb](user, place.user, _address(request))
        except Failure as failure:
            messages.error(request, failure.message)
        else:
            if password:
                return _password_page(request, place, user, password, title)
            messages.success(request, title)
        return redirect("enrollment:accounts-one", county, year, pk)
    context = {
        "page_title": user.display_name,
        "answer": _answer(user),
        "account": user,
        "form": form,
        "oneself": user.pk == place.user.pk,
        "second_factor": second_factor.has_one(user),
        "job": place.user.job,
        "policy_year": place.policy_year,
    }
    return render(request, "enrollment/account.html", context, status=400 if form.errors else 200)


@sensitive_variables("password")
@never_cache
@require_http_methods(["GET", "POST"])
def hand_over(request: HttpRequest, county: str, year: int, pk: int) -> HttpResponse:
    """Somebody leaves: the successor's account, in one step."""
    place = enter(request, county, year, may="keeps_accounts")
    visible = User.objects.visible_to(place.user).filter(region__county=place.county)
    user = get_object_or_404(visible.select_related("region__parent", "department"), pk=pk)
    form = Successor(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            successor, password = verbs.hand_over(
                user, by=place.user, address=_address(request), **form.cleaned_data
            )
        except Failure as failure:
            form.add_error(None, failure.message)
        else:
            title = f"{user.display_name}的工作已交接，待安全管理员授权"
            return _password_page(request, place, successor, password, title)
    region = user.region.path if user.region else ""
    context = {
        "page_title": f"{user.display_name}的工作交接",
        "answer": f"原账号立即停用；接手人得到同样的岗位和区域（{user.job.title}，{region}）。",
        "form": form,
        "account": user,
        "policy_year": place.policy_year,
    }
    status = 400 if form.errors else 200
    return render(request, "enrollment/account_hand_over.html", context, status=status)


def _enter(request: HttpRequest, county: str, year: int) -> Place:
    """For either of the two who share this work."""
    place = enter(request, county, year)
    if not place.user.job.may_grant:
        require(place.user, "keeps_accounts")
    return place


def _grant(user: User, by: User, address: str) -> tuple[str, str]:
    verbs.grant(user, by=by, address=address)
    return f"{user.display_name}的账号已授权，可以登录。", ""


def _remove_factor(user: User, by: User, address: str) -> tuple[str, str]:
    second_factor.remove(user, by=by, address=address)
    return f"{user.display_name}的两步验证已解除，本人登录后可重新开通。", ""


def _reset(user: User, by: User, address: str) -> tuple[str, str]:
    password = verbs.reset_password(user, by=by, address=address)
    return "密码已重置", password


def _stop(user: User, by: User, address: str) -> tuple[str, str]:
    verbs.deactivate(user, by=by, address=address)
    return f"{user.display_name}的账号已停用，已登录的也立即退出。", ""


def _start(user: User, by: User, address: str) -> tuple[str, str]:
    _, password = verbs.activate(user, by=by, address=address)
    return "账号已重新启用", password


VERBS: dict[str, Callable[[User, User, str], tuple[str, str]]] = {
    "reset": _reset,
    "stop": _stop,
    "start": _start,
    "grant": _grant,
    "remove_factor": _remove_factor,
}


def _password_page(
    request: HttpRequest, place: Place, user: User, password: str, title: str
) -> HttpResponse:
    """Shown once: the password is in this answer and nowhere else."""
    context = {
        "page_title": title,
        "answer": "下面的密码只显示这一次，请现在抄下或当面告诉本人。",
        "account": user,
        "password": password,
        "policy_year": place.policy_year,
    }
    return render(request, "enrollment/account_password.html", context)


def _answer(user: User) -> str:
    if user.granted_at is None:
        return f"{user.username} 等待安全管理员授权，现在不能登录。"
    if not user.is_active:
        return f"{user.username} 已停用，不能登录。"
    region = user.region.path if user.region else "没有区域"
    return f"{user.username}：{user.job.title}，{region}。"


def _address(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")
