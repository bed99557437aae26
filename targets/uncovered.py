"""应保尽保: the groups whose cover is watched, and who of them is not covered, by name."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from enrollment import people, sheets
from enrollment.documents import mask
from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, User
from enrollment.models.people import PersonQuerySet
from enrollment.sheets import DAY, WHOLE, Column, Sheet
from enrollment.vault import vault
from subsidies.coverage import Group, every_category, uncovered
from subsidies.models import Category, Entitlement
from subsidies.words import Words
from targets import exports
from targets.official.subsidised import goal_groups

EVERYBODY = "全部重点人群"
BATCH = 5000
COLUMNS = (
    Column("序号", 9, WHOLE), Column("乡镇", 14), Column("村", 14), Column("户号", 16),
    Column("姓名", 12), Column("证件号码", 22), Column("性别", 6), Column("出生日期", 12, DAY),
    Column("联系电话", 15), Column("人群", 26), Column("人员状态", 18),
)  # fmt: skip


def groups(policy_year: PolicyYear, words: Words) -> tuple[list[Group], list[Group]]:
    """The year's goals, and each category under the reader's words."""
    return goal_groups(policy_year), every_category(policy_year, words)


def find(policy_year: PolicyYear, words: Words, name: str) -> Group:
    """A group by its name; without one, everybody of the goals, else of all categories."""
    goals, kinds = groups(policy_year, words)
    if name and name != EVERYBODY:
        for one in (*goals, *kinds):
            if one.name == name:
                return one
        known = "、".join(one.name for one in (*goals, *kinds)) or "无"
        raise Failure("unknown_group", f"没有“{name}”这个人群（有：{known}）")
    if len(goals) == 1:
        return goals[0]
    members = {one.pk: one for group in goals or kinds for one in group.categories}
    counts = bool(goals) and all(goal.elsewhere for goal in goals)
    return Group(EVERYBODY, tuple(members.values()), elsewhere=counts or None)


def write(
    target: IO[bytes],
    policy_year: PolicyYear,
    region: Region,
    group: Group,
    *,
    words: Words,
    viewer: User | None = None,
    until: datetime | None = None,
    form: str = "xlsx",
) -> int:
    """Write who of a group is not covered; returns how many."""
    found = uncovered(policy_year, group, region, viewer=viewer, until=until)
    at = timezone.localtime(until)
    sheet = Sheet(
        f"{region.path}{policy_year.year}年度{group.name}未参保名单",
        f"截至 {at:%Y-%m-%d %H:%M}　证件号码和联系电话不含完整号码",
        COLUMNS,
        _lines(found, policy_year, group.categories, words=words, viewer=viewer),
    )
    return exports.write(target, sheet, form=form)


def _lines(
    found: PersonQuerySet,
    policy_year: PolicyYear,
    categories: Sequence[Category],
    *,
    words: Words,
    viewer: User | None,
) -> Iterator[list[sheets.Value]]:
    held = (
        Entitlement.objects.filter(
            policy_year=policy_year,
            person=OuterRef("pk"),
            removed_on=None,
            category__in=categories,
        )
        .order_by()
        .values("person")
        .annotate(ids=ArrayAgg("category", order_by=["category__order"]))
        .values("ids")
    )
    status = exports.status_words(found, policy_year, viewer)
    unseal = vault().open
    rows = found.annotate(held=Subquery(held)).order_by(
        "town__order", "village__order", "village_id", "household_id", "pk"
    )
    for number, row in enumerate(
        rows.values_list(
            *("pk", "town__name", "village__name", "household__number", "name", "id_cipher"),
            *("sex", "birth", "phone", "held"),
        ).iterator(chunk_size=BATCH),
        1,
    ):
        pk, town, village, household, name, cipher, sex, birth, phone, ids = row
        yield [
            *(number, town, village, household, name),
            mask(unseal(cipher)) if cipher else "",
            *(sex, birth, people.masked_phone(phone)),
            "、".join(dict.fromkeys(words.name(one) for one in ids or ())),
            status.get(pk),
        ]
