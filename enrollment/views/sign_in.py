"""Signing in and out, the second step, changing one's password; each is on record."""

from datetime import timedelta
from typing import Any

import segno
from django import forms as plain
from django.contrib import messages
from django.contrib.auth import forms, views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from enrollment import accounts, audit, demo, second_factor
from enrollment.access import user_of
from enrollment.failure import Failure
from enrollment.models import Region, User

LAST_SIGN_IN = "last_sign_in"


class SignIn(views.LoginView):
    """登录. Five wrong passwords lock the account for a while (django-axes)."""

    template_name = "enrollment/sign_in.html"
    redirect_authenticated_user = True

    def get_form(self, form_class: Any = None) -> forms.AuthenticationForm:
        form = super().get_form(form_class)
        form.fields["username"].label = "用户名"
        form.fields["password"].label = "密码"
        form.error_messages = {
            "invalid_login": "用户名或密码不对。请检查大小写；连续输错五次，账号会锁定十五分钟。",
            "inactive": "这个账号已停用，请联系县医保局系统管理员。",
        }
        return form

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        next_url = self.get_redirect_url()
        logins = demo.logins_in_words()
        return super().get_context_data(demo_logins=logins, next=next_url, **context)

    def form_valid(self, form: forms.AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        before = user.last_login
        response = super().form_valid(form)
        session = self.request.session
        session[LAST_SIGN_IN] = f"{timezone.localtime(before):%Y-%m-%d %H:%M}" if before else ""
        if second_factor.has_one(user):
            session[second_factor.SESSION_KEY] = second_factor.DUE
            session["after_code"] = self.get_success_url()
            _note("sign_in_password", self.request, user)
            return redirect("enrollment:second-factor-code")
        _note("sign_in", self.request, user)
        _welcome(self.request, user)
        return response

    def form_invalid(self, form: forms.AuthenticationForm) -> HttpResponse:
        # What was typed may be a password in the wrong field, so only a known name is kept.
        typed = form.data.get("username", "")
        _note("sign_in_failed", self.request, User.objects.filter(username=typed).first())
        return super().form_invalid(form)


class SignOut(views.LogoutView):
    """退出登录."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user = request.user
        response = super().post(request, *args, **kwargs)
        if isinstance(user, User):
            _note("sign_out", request, user)
        return response


class NewPassword(forms.PasswordChangeForm):
    """A new password that is not the old one, which may have been given by somebody else."""

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("old_password") and given["old_password"] == given.get("new_password1"):
            self.add_error("new_password1", "新密码不能与原密码相同。")
        return given


class Password(views.PasswordChangeView):
    """修改密码, one's own."""

    form_class = NewPassword
    template_name = "enrollment/password.html"
    success_url = reverse_lazy("targets:home")
    extra_context = {"page_title": "修改密码"}

    def form_valid(self, form: forms.PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        assert isinstance(self.request.user, User)
        User.objects.filter(pk=self.request.user.pk).update(
            must_change_password=False, password_set_at=timezone.now()
        )
        _note("change_password", self.request, self.request.user)
        messages.success(self.request, "密码已修改，其他地方的登录已退出。")
        return response


class Code(plain.Form):
    """验证码: what the telephone shows now, or a recovery code."""

    code = plain.CharField(
        label="验证码",
        max_length=20,
        help_text="手机验证器上的 6 位数字；手机不在身边时填一个备用码",
        error_messages={"required": "请填验证码"},
        widget=plain.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}
        ),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second step of signing in."""
    user = user_of(request)
    if not second_factor.is_due(request.session):
        return redirect("/")
    form = Code(request.POST or None)
    if request.method == "POST" and form.is_valid():
        sentence = second_factor.complaint(user, form.cleaned_data["code"])
        if not sentence:
            request.session.cycle_key()
            request.session[second_factor.SESSION_KEY] = second_factor.PASSED
            _note("sign_in", request, user)
            _welcome(request, user)
            onward = request.session.pop("after_code", "/")
            safe = url_has_allowed_host_and_scheme(onward, allowed_hosts={request.get_host()})
            return redirect(onward if safe else "/")
        _note("sign_in_failed", request, user)
        form.add_error("code", sentence)
    context = {"page_title": "两步验证", "form": form, "demo": demo.is_running()}
    status = 400 if form.errors else 200
    return render(request, "enrollment/second_factor_code.html", context, status=status)


@never_cache
@sensitive_variables("codes")
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest) -> HttpResponse:
    """One's own second factor: the picture to scan, the first code, the recovery codes."""
    user = user_of(request)
    context: dict[str, Any] = {"page_title": "两步验证", "required": user.job.may_reveal}
    if second_factor.has_one(user):
        context["answer"] = "两步验证已开通，登录时在密码之后再输验证码。"
        return render(request, "enrollment/second_factor.html", context | {"on": True})
    device = second_factor.begin(user)
    form = Code(request.POST or None)
    form.fields["code"].help_text = "手机上现在显示的 6 位数字"
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.confirm(
                user, form.cleaned_data["code"], address=request.META.get("REMOTE_ADDR", "")
            )
        except Failure as failure:
            form.add_error("code", failure.message)
        else:
            request.session[second_factor.SESSION_KEY] = second_factor.PASSED
            answer = "两步验证已开通。请现在把备用码抄下来收好，离开本页后不再显示。"
            context |= {"answer": answer, "codes": codes, "on": True}
            return render(request, "enrollment/second_factor.html", context)
    context |= {
        "answer": "用手机上的验证器（如微信小程序“腾讯身份验证器”、Google Authenticator）扫码，"
        "不需要联网。",
        "form": form,
        "picture": segno.make(device.config_url).svg_inline(scale=4, omitsize=True),
        "secret": _in_fours(device.config_url),
    }
    status = 400 if form.errors else 200
    return render(request, "enrollment/second_factor.html", context, status=status)


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """隐私说明: what is kept about residents, what for, how long, and their rights."""
    context = {"page_title": "个人信息保护说明"}
    return render(request, "enrollment/privacy.html", context)


def keep_alive(request: HttpRequest) -> HttpResponse:
    """“继续使用”: the middleware renews the session of whoever asks."""
    return HttpResponse(status=204)


def _welcome(request: HttpRequest, user: User) -> None:
    """When the account was last used, and a password that is about to end."""
    if before := request.session.get(LAST_SIGN_IN):
        messages.info(request, f"上次登录 {before}。如果不是您本人，请立即修改密码并报告。")
    left = accounts.password_lasts(user)
    exempt = user.is_demo or user.must_change_password
    if not exempt and timedelta(0) < left <= accounts.PASSWORD_WARNS:
        messages.warning(
            request, f"密码还有 {left.days + 1} 天到期，请在右上角自己的名字下面修改。"
        )


def _in_fours(url: str) -> str:
    """The secret of an otpauth address, to be typed where nothing can be scanned."""
    secret = url.split("secret=")[1].split("&")[0]
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _note(action: str, request: HttpRequest, user: User | None) -> None:
    region: Region | None = user.region if user else None
    audit.record(
        action,
        by=user,
        county=region.county if region else None,
        address=request.META.get("REMOTE_ADDR", ""),
    )
