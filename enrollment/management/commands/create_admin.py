"""create_admin: an administrator or security administrator, made on the machine itself."""

import getpass
import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser
from django.db import transaction
from django.db.models import F

from enrollment import accounts, regions
from enrollment.commands import PortalCommand, county_of
from enrollment.failure import Failure
from enrollment.models import Level, Region, User


class Command(PortalCommand):
    help = (
        "在服务器上建立县的系统管理员或安全管理员（两人各建一次，须是两个人；其余账号由系统管理员"
        "在“账号”页建立、安全管理员授权）。"
        "不给密码文件时当面输入；不在终端上运行、或加 --generate 时，生成一次性密码并只显示一次。"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", required=True, metavar="用户名")
        parser.add_argument("--full-name", default="", metavar="姓名")
        parser.add_argument("--county", required=True, metavar="代码", help="县的代码，如 341524")
        parser.add_argument(
            "--county-name", metavar="名称", help="县还没有建立时，用这个名称建立，如 金寨县"
        )
        parser.add_argument(
            "--role",
            default="administrator",
            choices=["administrator", "security"],
            help="administrator 系统管理员（缺省）或 security 安全管理员",
        )
        given = parser.add_mutually_exclusive_group()
        given.add_argument("--password-file", type=Path, metavar="文件", help="第一行是密码")
        given.add_argument("--generate", action="store_true", help="生成一次性密码")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        county = _county(options["county"], options["county_name"])
        password, chosen = _password(options, User(username=options["username"]))
        user, password = accounts.create(
            username=options["username"],
            full_name=options["full_name"],
            role=options["role"],
            region=county,
            by=None,
            password=password,
        )
        if chosen:
            User.objects.filter(pk=user.pk).update(must_change_password=False)
        data = {"username": user.username, "county": county.key, "role": user.role}
        words = [f"已建立{county.name}{user.job.title} {user.username}。"]
        if not options["password_file"] and not chosen:
            data["password"] = password
            words.append(f"一次性密码（只显示这一次，首次登录须修改）：{password}")
        self.answer(data, "\n".join(words))


def _county(key: str, name: str | None) -> Region:
    """The county; made, with its 未落实, where it is not there and a name is given."""
    if not name or Region.objects.counties().filter(key=key).exists():
        return county_of(key)
    if Region.objects.filter(key=key).exists():
        raise Failure("key_taken", f"代码 {key} 已用于别的行政区划")
    county = Region.objects.create(key=key, name=name.strip(), level=Level.COUNTY)
    Region.objects.filter(pk=county.pk).update(county=F("pk"))
    county.refresh_from_db()
    regions.ensure_placeholders(county)
    return county


def _password(options: dict[str, Any], user: User) -> tuple[str, bool]:
    """The password, "" for one to be generated; and whether its owner has chosen it."""
    if path := options["password_file"]:
        try:
            password = path.read_text(encoding="utf-8").split("\n", 1)[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Failure("password_file", f"密码文件 {path} 读不出来：{error}") from error
        _check(password, user)
        return password, False
    if options["generate"] or options["json"] or not sys.stdin.isatty():
        return "", False
    password = getpass.getpass("密码：")
    if password != getpass.getpass("再输一次："):
        raise Failure("password", "两次输入的密码不一样，没有建立账号")
    _check(password, user)
    return password, True


def _check(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Failure("password", " ".join(error.messages)) from error
