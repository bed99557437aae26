"""Signing in and out, changing one's password; each is on record."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import forms, views
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy

from enrollment import audit, demo
from enrollment.models import Region, User


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
        response = super().form_valid(form)
        _note("sign_in", self.request, form.get_user())
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
        User.objects.filter(pk=self.request.user.pk).update(must_change_password=False)
        _note("change_password", self.request, self.request.user)
        messages.success(self.request, "密码已修改，其他地方的登录已退出。")
        return response


def keep_alive(request: HttpRequest) -> HttpResponse:
    """“继续使用”: the middleware renews the session of whoever asks."""
    return HttpResponse(status=204)


def _note(action: str, request: HttpRequest, user: User | None) -> None:
    region: Region | None = user.region if user else None
    audit.record(
        action,
        by=user,
        county=region.county if region else None,
        address=request.META.get("REMOTE_ADDR", ""),
    )
