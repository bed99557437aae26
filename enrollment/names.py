"""Names and their pinyin initials: zs finds 张三, and half a name finds the whole.

Every name that a person has stands once in ``NameKey`` (a trigger sees to it); its initials follow
from here, at the next tick or when somebody searches by them.
"""

import unicodedata
from functools import lru_cache

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.query import QuerySet
from pypinyin.pinyin_dict import pinyin_dict

from enrollment.models.people import NameKey

BATCH = 50_000
# Surnames read otherwise than the same character elsewhere.
SURNAMES = {
    "单": "s", "仇": "q", "曾": "z", "解": "x", "查": "z", "区": "o", "尉": "y", "朴": "p",
    "缪": "m", "乐": "y", "覃": "q", "翟": "z", "冼": "x", "重": "c", "员": "y", "盖": "g",
    "任": "r", "华": "h", "秘": "b", "折": "s", "黑": "h", "洗": "x", "种": "c", "晁": "c",
}  # fmt: skip


def initials(name: str) -> tuple[str, str]:
    """The initials of a name, and those under the usual other reading of its surname, or "".

    What has no reading stands for itself: a Latin letter, a dot between the parts of a name.
    """
    usual = name.translate(_table()).lower()
    surname = SURNAMES.get(name[:1], "")
    other = surname + usual[1:] if surname and surname != usual[:1] else ""
    return usual, other


def learn() -> int:
    """Give names that have none yet their initials. Returns how many names."""
    count = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            fresh = list(
                NameKey.objects.select_for_update(skip_locked=True)
                .filter(initials=None)
                .values_list("name", flat=True)[:BATCH]
            )
            if not fresh:
                return count
            keys = [initials(name) for name in fresh]
            cursor.execute(
                """
                UPDATE enrollment_namekey k SET initials = n.initials, other = n.other
                FROM unnest(%s::text[], %s::text[], %s::text[]) AS n(name, initials, other)
                WHERE k.name = n.name
                """,
                [fresh, [usual for usual, _ in keys], [other for _, other in keys]],
            )
        count += len(fresh)


def beginning(letters: str) -> QuerySet[NameKey]:
    """Names whose initials begin with these letters."""
    letters = letters.lower()
    return NameKey.objects.filter(Q(initials__startswith=letters) | Q(other__startswith=letters))


def containing(part: str) -> QuerySet[NameKey]:
    """Names in which this part occurs."""
    return NameKey.objects.filter(name__contains=part)


@lru_cache(maxsize=1)
def _table() -> dict[int, str]:
    """Character → the first letter of its first reading, without its tone."""
    return {
        point: unicodedata.normalize("NFD", readings[:1])[:1]
        for point, readings in pinyin_dict.items()
    }
