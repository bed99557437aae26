"""People, households, and what people are instead of enrolled."""

from typing import Self

import pghistory
import pgtrigger
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q

from enrollment.documents import KINDS, mask
from enrollment.scope import Placed, PlacedQuerySet
from enrollment.vault import vault


def tracked() -> tuple[pghistory.Tracker, ...]:
    """Row history: the row as it was, at each change of it, bulk changes included.

    Together with the live row this is every before and after. Ciphertext is left out, so that
    keys can be rotated.
    """
    return (pghistory.UpdateEvent(row=pghistory.Old), pghistory.DeleteEvent())


DOC_TYPES = list(KINDS.items())


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Household(Placed):
    """户: people who stand under one number in the police register."""

    number = models.CharField("户号", max_length=40)
    address = models.CharField("住址", max_length=200, blank=True)
    written_by = models.ForeignKey(
        "enrollment.Roster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "户"
        constraints = [
            models.UniqueConstraint(
                fields=["county", "number"],
                name="household_number_unique",
                violation_error_message="本县已有这个户号",
            )
        ]

    def __str__(self) -> str:
        return self.number


class PersonQuerySet(PlacedQuerySet):
    def on_roll(self, day) -> Self:
        """Those on the police register on a day."""
        return self.filter(
            Q(on_roll_from__lte=day) & (Q(on_roll_to__isnull=True) | Q(on_roll_to__gt=day))
        )

    def numbered(self, number: str) -> Self:
        """Whoever has this (normalised) document number."""
        return self.filter(id_index=vault().index(number))


@pghistory.track(*tracked(), exclude=["id_cipher"], level=pghistory.Statement, append_only=True)
class Person(Placed):
    """人员: somebody the county knows, on the police register or not."""

    doc_type = models.CharField("证件类型", max_length=24, choices=DOC_TYPES, default="resident-id")
    id_index = models.UUIDField("证件号检索码", null=True, blank=True, db_index=False)
    tail_index = models.UUIDField("出生日期和后四位检索码", null=True, blank=True)
    id_cipher = models.BinaryField("证件号密文", null=True, blank=True)
    name = models.CharField("姓名", max_length=60)
    sex = models.CharField("性别", max_length=1, blank=True)
    birth = models.DateField("出生日期", null=True, blank=True)
    phone = models.CharField("联系电话", max_length=30, blank=True)
    household = models.ForeignKey(
        Household,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="members",
        db_constraint=False,
    )
    relation = models.CharField("与户主关系", max_length=20, blank=True)
    on_roll_from = models.DateField("在册起", null=True, blank=True)
    on_roll_to = models.DateField("在册止", null=True, blank=True)
    written_by = models.ForeignKey(
        "enrollment.Roster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    created_at = models.DateTimeField("建档时间", auto_now_add=True)

    objects = PersonQuerySet.as_manager()

    PERSONAL = ("id_cipher", "name", "birth", "phone")

    class Meta:
        verbose_name = verbose_name_plural = "人员"
        constraints = [
            models.UniqueConstraint(
                fields=["county", "id_index", "doc_type"],
                name="person_document_unique",
                violation_error_message="本县已有这个证件号码的人员",
            ),
            models.CheckConstraint(
                condition=Q(on_roll_to__isnull=True) | Q(on_roll_from__isnull=False),
                name="person_roll_starts_before_it_ends",
                violation_error_message="在册止需先有在册起",
            ),
        ]
        # In order, so that two hand-ins at once wait for each other and do not lock each other out.
        triggers = [
            pgtrigger.Trigger(
                name=f"names_known_on_{str(operation).lower()}",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=operation,
                referencing=pgtrigger.Referencing(new="written"),
                func="""
                    INSERT INTO enrollment_namekey (name)
                    SELECT DISTINCT name FROM written ORDER BY name ON CONFLICT DO NOTHING;
                    RETURN NULL;
                """,
            )
            for operation in (pgtrigger.Insert, pgtrigger.Update)
        ]
        indexes = [
            models.Index(fields=["county", "town", "village"], name="person_place"),
            models.Index(fields=["county", "name"], name="person_name"),
            models.Index(fields=["county", "phone"], name="person_phone", condition=~Q(phone="")),
            models.Index(fields=["county", "birth"], name="person_birth"),
        ]

    def __str__(self) -> str:
        return self.name

    def number(self) -> str:
        """The full document number. Callers put the reveal on record first."""
        return vault().open(self.id_cipher) if self.id_cipher else ""

    def masked(self) -> str:
        """The number as pages show it beside birth date and age: area code, then stars."""
        return mask(self.number())


class NameKey(models.Model):
    """姓名索引: a name somebody has, with its pinyin initials (NULL = not yet known).

    Searching a few hundred thousand names instead of a million people is what makes a part of a
    name, or its initials, as quick to find as a number.
    """

    name = models.CharField("姓名", max_length=60, primary_key=True)
    # NULL until `names.learn` has been by; "" would be a name without initials.
    initials = models.CharField("拼音首字母", max_length=60, null=True)  # noqa: DJ001
    other = models.CharField("另一种读音", max_length=60, blank=True, db_default="")

    class Meta:
        verbose_name = verbose_name_plural = "姓名索引"
        indexes = [
            models.Index(OpClass("initials", name="text_pattern_ops"), name="namekey_initials"),
            models.Index(OpClass("other", name="text_pattern_ops"), name="namekey_other"),
            models.Index(
                fields=["name"], name="namekey_unread", condition=Q(initials__isnull=True)
            ),
        ]


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Status(Placed):
    """人员状态: what somebody is, by a list or a record, in one benefit year (职工参保, 服役 …)."""

    policy_year = models.ForeignKey(
        "enrollment.PolicyYear",
        models.PROTECT,
        related_name="statuses",
        db_constraint=False,
        db_index=False,
    )
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="statuses", db_constraint=False, db_index=False
    )
    kind = models.ForeignKey(
        "enrollment.StatusKind", models.PROTECT, related_name="statuses", db_constraint=False
    )
    since = models.DateField("起始日期", null=True, blank=True)
    note = models.CharField("说明", max_length=200, blank=True)
    written_by = models.ForeignKey(
        "enrollment.Roster",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )

    objects = PlacedQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "人员状态"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person", "kind"],
                name="status_once_per_year",
                violation_error_message="这个人本年度已登记过这种状态",
            )
        ]
        indexes = [
            models.Index(fields=["person"], name="status_person"),
            models.Index(fields=["policy_year", "kind", "village"], name="status_kind_place"),
        ]
