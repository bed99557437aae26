"""Births: the children 卫健 tells of, many of them without a number of their own yet."""

import pghistory
from django.db import models

from enrollment.models.people import Person, tracked
from enrollment.scope import Placed, PlacedQuerySet


@pghistory.track(*tracked(), level=pghistory.Statement, append_only=True)
class Birth(Placed):
    """出生记录: a child on the birth list of a benefit year, with whose child it is.

    The child is a ``Person`` under its birth certificate, or under no number at all. The keyed
    indexes tell the same child on the next list: by certificate, else by mother, day and the
    how-manieth of that day (twins).
    """

    policy_year = models.ForeignKey("enrollment.PolicyYear", models.PROTECT, related_name="births")
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="births", db_constraint=False, db_index=False
    )
    born_on = models.DateField("出生日期")
    certificate_index = models.UUIDField("出生证号检索码", null=True, blank=True)
    mother_index = models.UUIDField("母亲证件号检索码", null=True, blank=True)
    mother_name = models.CharField("母亲姓名", max_length=60, blank=True)
    mother = models.ForeignKey(
        Person,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="children_born",
        db_constraint=False,
        db_index=False,
        verbose_name="母亲",
    )
    twin = models.PositiveSmallIntegerField("同日第几个", default=1)
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
        verbose_name = verbose_name_plural = "出生记录"
        constraints = [
            models.UniqueConstraint(
                fields=["policy_year", "person"],
                name="birth_once_per_year",
                violation_error_message="这个孩子本年度已在出生名单内",
            )
        ]
        indexes = [
            models.Index(fields=["person"], name="birth_person"),
            models.Index(fields=["policy_year", "town", "village"], name="birth_place"),
        ]
