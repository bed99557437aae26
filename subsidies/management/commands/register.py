"""Register one person, described on standard input, by the same verbs as the page."""

from __future__ import annotations

import json
import sys
from datetime import date
from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from enrollment import commands
from enrollment.failure import Failure
from enrollment.models import HomeHukou, Household, Level, Person, PolicyYear, Region, User
from enrollment.registration import enrolling, persons
from subsidies import case, registering

TEXTS = ("name", "number", "sex", "phone", "hukou", "hukou_place", "relation", "village", "tier",
         "group", "event", "event_evidence", "registration", "household")  # fmt: skip
DAYS = ("birth", "event_date", "permit_until")
FLAGS = ("permit", "unemployed", "studies", "talent", "own_household")
DETAILS = tuple(enrolling.Details.__dataclass_fields__)


class Command(commands.PortalCommand):
    help = "登记一个人参保：标准输入是一个 JSON 对象；不加 --apply 只试算、不写入"

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_place_arguments(parser, region=False)
        parser.add_argument("--apply", action="store_true", help="写入；不加则只试算")
        parser.add_argument("--user", metavar="账号", help="登记人；办理单位按其岗位核对")
        parser.add_argument("--list", action="store_true", help="列出可填的内容")

    def handle(self, *args: Any, **options: Any) -> None:
        year = commands.policy_year(options["county"], options["year"])
        known = case.choices(year)
        if options["list"]:
            self.answer(
                {
                    "fields": [*TEXTS, *DAYS, *FLAGS, *DETAILS],
                    "hukou": dict(HomeHukou.choices),
                    "shared_relation": enrolling.SHARED,
                    **{name: known.as_dict()[name] for name in ("tiers", "groups", "events")},
                }
            )
            return
        given = _read(sys.stdin.read())
        by = _user(options["user"], year)
        village = _village(given.get("village", ""), year)
        with transaction.atomic():
            done = _register(year, known, given, village=village, by=by)
            if not options["apply"]:
                transaction.set_rollback(True)
        answer = {
            "applied": bool(options["apply"]),
            "person": done.person.pk if options["apply"] or "new" not in given else None,
            "name": done.person.name,
            "village": village.path,
            "state": "已登记，待缴费",
            "findings": [
                {"about": one.about, "answer": one.answer, "text": one.text, "cites": one.cites}
                for one in done.eligible.findings
            ],
            "channels": [
                {"name": one.name, "steps": one.steps}
                for one in registering.channels(year, given.get("registration", ""))
            ],
            **done.quote.as_dict(),
        }
        word = "已登记" if options["apply"] else "可以登记（没有写入，加 --apply 写入）"
        due = "政策未规定" if done.quote.due is None else f"{done.quote.due} 元"
        self.answer(
            answer, f"{done.person.name} {village.path}：{word}，应缴 {due}，缴费后才算参保"
        )


def _register(
    year: PolicyYear,
    known: case.Choices,
    given: dict[str, Any],
    *,
    village: Region,
    by: User | None,
) -> registering.Registered:
    """Whoever has this number, else somebody new."""
    event = _named(known.events, given.get("event", ""), "event", "特殊情形")
    group = _named(known.groups, given.get("group", ""), "group", "人群")
    if group is None and event is not None and event.group_id:
        group = next(one for one in known.groups if one.pk == event.group_id)
    wish = registering.Wish(
        tier=_named(known.tiers, given.get("tier", ""), "tier", "档次") or known.tiers[0],
        group=group or known.groups[0],
        event=event,
        event_date=given.get("event_date"),
        event_evidence=given.get("event_evidence", ""),
        registration=given.get("registration", ""),
        employed=False if given.get("unemployed") else None,
        studies=given.get("studies", False),
        talent=given.get("talent", False),
        details=enrolling.Details(**{name: given[name] for name in DETAILS if name in given}),
    )
    person = _holder(year, given)
    newcomer = None
    if person is None:
        names = ("name", "number", "sex", "birth", "phone", "hukou", "hukou_place", "permit",
                 "permit_until", "relation", "own_household")  # fmt: skip
        newcomer = {name: given[name] for name in names if name in given}
        newcomer["household"] = _household(year, given.get("household", ""))
        newcomer.setdefault("name", "")
        given["new"] = True
    return registering.register(
        year, village=village, wish=wish, by=by, person=person, newcomer=newcomer
    )


def _read(text: str) -> dict[str, Any]:
    """The object on standard input, checked field by field. Raises Failure."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise Failure("json", f"标准输入不是 JSON：第 {error.lineno} 行 {error.msg}") from error
    if not isinstance(raw, dict):
        raise Failure("json", '标准输入应是一个 JSON 对象，如 {"number": "…", "name": "…"}')
    given: dict[str, Any] = {}
    for name, value in raw.items():
        if value is None:
            continue
        if name in DAYS:
            given[name] = _day(name, value)
        elif name in FLAGS:
            if not isinstance(value, bool):
                raise Failure("field", f"{name} 应为 true 或 false")
            given[name] = value
        elif name in (*TEXTS, *DETAILS):
            if not isinstance(value, str):
                raise Failure("field", f"{name} 应为文字；证件号码写成带引号的文字，才不会丢位")
            given[name] = value
        else:
            raise Failure("field", f"没有“{name}”这一项（--list 列出可填的内容）")
    if given.get("hukou", "here") not in HomeHukou.values:
        raise Failure("hukou", f"hukou 应为 {'、'.join(HomeHukou.values)} 之一")
    if given.get("registration", "") not in ("", "first", "renewal"):
        raise Failure("registration", "registration 应为 first（新参保）或 renewal（已登记）")
    return given


def _day(name: str, value: Any) -> date:
    if not isinstance(value, str):
        raise Failure("bad_date", f"{name} 应为 2023-08-31 这样的日期")
    return commands.day(value, name)


def _user(username: str | None, year: PolicyYear) -> User | None:
    if not username:
        return None
    found = User.objects.filter(username=username, is_active=True).first()
    if found is None or found.region is None or found.region.county_id != year.county_id:
        raise Failure("user", f"本县没有账号“{username}”")
    return found


def _village(text: str, year: PolicyYear) -> Region:
    if not text:
        raise Failure("village", "请用 village 写明登记到哪个村，如 梅山镇/某村")
    found = commands.place(text, year)
    if found.level != Level.VILLAGE:
        raise Failure("village", f"“{text}”不是村（社区）")
    return found


def _holder(year: PolicyYear, given: dict[str, Any]) -> Person | None:
    if not given.get("number", "").strip():
        return None
    known = persons.holder(year.county, persons.read_number(given["number"]))
    if known is not None and known.name != given.get("name", known.name):
        raise Failure("name_differs", "姓名与这个证件号码的登记不符，请核对证件")
    return known


def _household(year: PolicyYear, number: str) -> Household | None:
    if not number:
        return None
    found = Household.objects.filter(county=year.county, number=number).first()
    if found is None:
        raise Failure("household", f"本县没有户号“{number}”")
    return found


def _named(rows: list[Any], text: str, code: str, what: str) -> Any:
    if not text:
        return None
    for row in rows:
        if text in (row.name, *getattr(row, "aliases", ())):
            return row
    listed = "、".join(row.name for row in rows)
    raise Failure(f"unknown_{code}", f"没有名为“{text}”的{what}（有：{listed}）")
