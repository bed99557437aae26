"""对比: issued targets beside what the register says now, and one version beside the one before.

Each difference says where it comes from: more people on the register, more deductions, another
rate; where a notice gave no base, that it cannot be told.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone

from enrollment.models import PolicyYear, Region
from targets.models import Target, TargetVersion
from targets.target import Draft, DraftRow, compute, in_force, percent, units

NO_BASE = "下达的任务没有写明基数，不能逐项比较"


@dataclass(frozen=True)
class Difference:
    """Issued and computed side by side for one unit (or the total)."""

    region: Region
    issued: Target | None
    computed: DraftRow | None
    rate: Decimal | None = None
    """What the computed target is reckoned with."""

    @property
    def target(self) -> int | None:
        """Computed target − issued target; None where one of them is missing."""
        return self._minus("target")

    @property
    def base(self) -> int | None:
        return self._minus("base")

    @property
    def population(self) -> int | None:
        return self._minus("population")

    @property
    def deductions(self) -> int | None:
        return self._minus("deductions")

    @property
    def reason(self) -> str:
        """Why the register's target is another one; empty where it is not."""
        if self.issued is None or self.computed is None or self.target is None:
            return ""
        return _reason(self, self.issued.rate, self.rate)

    def _minus(self, name: str) -> int | None:
        new, old = getattr(self.computed, name, None), getattr(self.issued, name, None)
        return None if new is None or old is None else new - old


def differences(
    policy_year: PolicyYear,
    *,
    region: Region | None = None,
    on: date | None = None,
    draft: Draft | None = None,
) -> list[Difference]:
    """The issued numbers with what the register says now beside them; the last one is the total.

    A ``draft`` already computed is used as it is.
    """
    draft = draft or compute(policy_year, region=region)
    rate = draft.rule.rate if draft.rule is not None else None
    issued = in_force(policy_year, on=on or timezone.localdate()).own
    computed = {row.region.pk: row for row in draft.rows}
    rows = [
        Difference(unit, issued.get(unit.pk), computed.get(unit.pk), rate)
        for unit in units(draft.region)
        if unit.pk in issued or unit.pk in computed
    ]
    return [*rows, Difference(draft.region, issued.get(draft.region.pk), draft.total, rate)]


# Versions


@dataclass(frozen=True)
class Change:
    """One unit in a version and in the one before it; None where it stands in only one of them."""

    region: Region
    before: Target | None
    after: Target | None

    @property
    def target(self) -> int | None:
        return self._minus("target")

    @property
    def base(self) -> int | None:
        return self._minus("base")

    @property
    def population(self) -> int | None:
        return self._minus("population")

    @property
    def deductions(self) -> int | None:
        return self._minus("deductions")

    @property
    def differs(self) -> bool:
        return self.before is None or self.after is None or bool(self.target)

    @property
    def reason(self) -> str:
        """Why this version's target is another one than the version's before."""
        if self.before is None:
            return "新增单位"
        if self.after is None:
            return "这一版不再下达"
        return _reason(self, self.before.rate, self.after.rate)

    def _minus(self, name: str) -> int | None:
        new, old = getattr(self.after, name, None), getattr(self.before, name, None)
        return None if new is None or old is None else new - old


def before(version: TargetVersion) -> TargetVersion | None:
    """The version the same unit had issued before this one."""
    earlier = TargetVersion.objects.filter(
        policy_year=version.policy_year_id,
        set_by=version.set_by_id,
        number__lt=version.number,
        state=TargetVersion.State.ISSUED,
    )
    return earlier.order_by("-number").first()


def changes(
    version: TargetVersion, earlier: TargetVersion | None
) -> tuple[list[Change], Change | None]:
    """The units of a version, and of the one before it, in printed order; and the total."""
    new = {one.region_id: one for one in version.targets.select_related("region")}
    old = {}
    if earlier is not None:
        old = {one.region_id: one for one in earlier.targets.select_related("region")}
    regions = {one.region_id: one.region for one in [*new.values(), *old.values()]}
    rows = [
        Change(region, old.get(pk), new.get(pk))
        for pk, region in sorted(regions.items(), key=lambda item: (item[1].order, item[0]))
    ]
    total = next((row for row in rows if row.region.pk == version.set_by_id), None)
    return [row for row in rows if row is not total], total


def _reason(found: Difference | Change, old: Decimal | None, new: Decimal | None) -> str:
    if not found.target and not found.base:
        return ""
    parts = []
    if found.population is not None and found.deductions is not None:
        parts += [_more("户籍", found.population), _more("扣减", found.deductions)]
    elif found.base is not None:
        parts.append(_more("基数", found.base))
    elif found.target:
        return NO_BASE
    if old is not None and new is not None and old != new:
        parts.append(f"比例由 {percent(old)} 改为 {percent(new)}")
    told = "，".join(filter(None, parts))
    return told or ("基数相同，任务数另行下达" if found.target else "")


def _more(word: str, people: int) -> str:
    if not people:
        return ""
    return f"{word}{'多' if people > 0 else '少'} {abs(people):,} 人"
