"""区域权限: the only way a queryset is narrowed to what somebody may see.

Closed by default: no region, no role, not active → nothing. Scope is equality on the plain
columns county, town and village, which every fact carries.
"""

from typing import Self

from django.db import models
from django.db.models import Q

NOTHING = Q(pk__in=[])


def within(user, prefix: str = "") -> Q:
    """The condition "lies in this user's area" on a table with county, town and village."""
    region = getattr(user, "region", None)
    if region is None or not user.is_active:
        return NOTHING
    if region.level in ("county", "town", "village"):
        return Q(**{f"{prefix}{region.level}": region.pk})
    return Q(**{f"{prefix}county__parent": region.pk}) | Q(
        **{f"{prefix}county__parent__parent": region.pk}
    )


class PlacedQuerySet(models.QuerySet):
    """Facts about people, each with its county, town and village."""

    def visible_to(self, user) -> Self:
        """What lies in the user's area, for roles that see people at all."""
        if not getattr(user, "is_authenticated", False) or not user.job.sees_people:
            return self.none()
        return self.filter(within(user))

    def in_region(self, region) -> Self:
        """What lies in a region, whoever asks: combine with ``visible_to``."""
        return self.filter(**{region.level: region.pk})


class Placed(models.Model):
    """Where a fact counts. No database constraint on the three: they are written in bulk, checked
    when written, and three trigger calls a row would double the time of an import. The same goes
    for a fact's policy year and person; indexes over a year alone would only repeat the beginning
    of those that say the fact is there once."""

    county = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    town = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    village = models.ForeignKey(
        "enrollment.Region", models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        abstract = True
