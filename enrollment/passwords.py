"""What a password must be: of several kinds of characters, and none of the last ones.

Validators for AUTH_PASSWORD_VALIDATORS; age is `accounts.must_change_password`.
"""

import string

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError

from enrollment.models import User
from enrollment.models.users import PastPassword

KINDS = 3
REMEMBERED = 5


class SeveralKinds:
    """At least three of: lower case, upper case, digits, anything else (signs, 汉字)."""

    def validate(self, password: str, user: User | None = None) -> None:
        kinds = {_kind(character) for character in password}
        if len(kinds) < KINDS:
            raise ValidationError(
                "密码太简单：小写字母、大写字母、数字、其他（符号或汉字）四种里至少要有三种。",
                code="password_too_plain",
            )

    def get_help_text(self) -> str:
        return "小写字母、大写字母、数字、其他（符号或汉字）四种里至少要有三种。"


class NotUsedBefore:
    """None of the last five passwords of the account, the present one among them."""

    def validate(self, password: str, user: User | None = None) -> None:
        if user is None or user.pk is None:
            return
        if any(check_password(password, past.password) for past in _past(user)):
            raise ValidationError(
                f"这个密码用过了，请换一个没用过的（最近 {REMEMBERED} 个不能再用）。",
                code="password_used_before",
            )

    def password_changed(self, password: str, user: User | None = None) -> None:
        """Remember the new one, forget those before the last five. Called by Django on save."""
        if user is None or user.pk is None:
            return
        PastPassword.objects.create(user=user, password=user.password)
        kept = [past.pk for past in _past(user)]
        PastPassword.objects.filter(user=user).exclude(pk__in=kept).delete()

    def get_help_text(self) -> str:
        return f"不能是最近用过的 {REMEMBERED} 个密码。"


def _past(user: User) -> list[PastPassword]:
    return list(PastPassword.objects.filter(user=user).order_by("-pk")[:REMEMBERED])


def _kind(character: str) -> str:
    if character in string.ascii_lowercase:
        return "lower"
    if character in string.ascii_uppercase:
        return "upper"
    return "digit" if character in string.digits else "other"
