"""Places: the tree of regions, from province to village."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from enrollment.scope import NOTHING


class Level(models.TextChoices):
    PROVINCE = "province", "省"
    CITY = "city", "市"
    COUNTY = "county", "县"
    TOWN = "town", "乡镇"
    VILLAGE = "village", "村（社区）"


class RegionQuerySet(models.QuerySet["Region"]):
    def visible_to(self, user) -> Self:
        """The user's own region and everything below it."""
        region = getattr(user, "region", None)
        if region is None or not user.is_active:
            return self.none()
        return self.filter(self._below(region))

    def below(self, region: "Region") -> Self:
        """The region itself and everything below it."""
        return self.filter(self._below(region))

    def counties(self) -> Self:
        return self.filter(level=Level.COUNTY)

    def find(self, text: str, *, county: "Region | None" = None) -> "Region":
        """A region by its key, or by a path of names or aliases below a county (梅山镇/某村).

        Raises Region.DoesNotExist with a Chinese sentence where nothing or more than one fits.
        """
        if found := self.filter(key=text).first():
            if county is not None and found.county_id not in (None, county.pk):
                raise Region.DoesNotExist(f"{text}（{found.name}）不属于{county.name}")
            return found
        if county is None:
            raise Region.DoesNotExist(f"没有代码为 {text} 的行政区划")
        here = county
        for name in filter(None, text.replace("／", "/").split("/")):
            # A merged place handed its names on to the one it went into.
            living = self.filter(parent=here, merged_into=None)
            matches = list(living.filter(Q(name=name) | Q(aliases__contains=[name])))
            if len(matches) != 1:
                reason = "没有" if not matches else "有不止一个叫"
                raise Region.DoesNotExist(f"{here.name}{reason}“{name}”，请核对名称或改用代码")
            here = matches[0]
        return here

    @staticmethod
    def _below(region: "Region") -> Q:
        match region.level:
            case Level.COUNTY:
                return Q(county=region)
            case Level.TOWN:
                return Q(town=region)
            case Level.VILLAGE:
                return Q(pk=region.pk)
            case Level.CITY | Level.PROVINCE:
                return (
                    Q(pk=region.pk)
                    | Q(parent=region)
                    | Q(county__parent=region)
                    | Q(county__parent__parent=region)
                )
        return NOTHING


class Region(models.Model):
    """行政区划: one unit of the tree. Farms, offices and companies are units of their level."""

    key = models.CharField(
        "代码", max_length=40, help_text="核实过的统计用区划代码，否则为本系统自编代码"
    )
    name = models.CharField("名称", max_length=60)
    printed_name = models.CharField(
        "公文中的写法",
        max_length=60,
        blank=True,
        help_text="正式表格照原文印制时用，如“箕口镇人民政府”",
    )
    aliases = ArrayField(
        models.CharField(max_length=60), verbose_name="别名", default=list, blank=True
    )
    level = models.CharField("级别", max_length=10, choices=Level)
    kind = models.CharField("单位类型", max_length=20, blank=True)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name="上级"
    )
    county = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="所属县"
    )
    town = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="所属乡镇"
    )
    order = models.PositiveIntegerField("公文排序", default=0)
    placeholder = models.BooleanField(
        "未落实", default=False, help_text="尚不能确定到村（或乡镇）的人员暂放于此"
    )
    declared = models.BooleanField("由政策包列出", default=False)
    valid_from = models.DateField("启用日期", null=True, blank=True)
    valid_to = models.DateField("停用日期", null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="并入"
    )

    objects = RegionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "行政区划"
        ordering = ["placeholder", "order", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["key"], name="region_key_unique", violation_error_message="这个代码已经用过"
            ),
            models.UniqueConstraint(
                fields=["parent", "name"],
                name="region_name_unique_in_parent",
                violation_error_message="同一上级下已有同名单位",
            ),
            models.CheckConstraint(
                condition=~Q(level__in=["town", "village"])
                | Q(parent__isnull=False, county__isnull=False),
                name="region_town_and_village_have_county",
                violation_error_message="乡镇和村必须有上级和所属县",
            ),
        ]
        indexes = [
            models.Index(fields=["county", "level", "order"], name="region_county_level"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Names from the town down: 梅山镇/某村; a county is its own name."""
        if self.level == Level.VILLAGE and self.parent is not None:
            return f"{self.parent.name}/{self.name}"
        return self.name

    @property
    def printed(self) -> str:
        """The name as the county's official tables print it."""
        return self.printed_name or self.name
