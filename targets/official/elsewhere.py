"""汇总表 and 明细表 of who is insured elsewhere or out of scope (Nongba, annexes 4 and 5).

Each person on the roll stands in one column: that of the status which comes first in the policy's
order (C97); so the columns of a row add up to people.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from enrollment import demo, insured, people
from enrollment.documents import mask
from enrollment.models import PolicyYear, Region, Status, StatusKind, StatusRecord
from enrollment.roster.elsewhere import kinds_of
from enrollment.vault import vault
from targets import target as targets
from targets.models import Form, FormColumn
from targets.official.tables import Column, Table, form_for

Figure = FormColumn.Figure
Total = FormColumn.Total
Bucket = StatusKind.Bucket
WHOLE = "0"

# Who is on the roll on a day, by unit and by the one status that decides; and who has paid.
# {place} and {scope} are columns of ours.
COUNT = """
WITH told AS (
    SELECT DISTINCT ON (status.person_id) status.person_id, status.kind_id
    FROM enrollment_status status
    JOIN enrollment_statuskind kind ON kind.id = status.kind_id
    WHERE status.policy_year_id = %(year)s AND kind.policy_year_id = %(year)s
      AND kind.bucket <> 'none'
    ORDER BY status.person_id, kind."order", kind.id
), paid AS (
    SELECT payment.person_id FROM enrollment_payment payment
    WHERE payment.policy_year_id = %(year)s AND payment.withdrawn_at IS NULL
    GROUP BY payment.person_id HAVING {rule}
)
SELECT person.{place}, told.kind_id, paid.person_id IS NOT NULL, count(*)
FROM enrollment_person person
LEFT JOIN told ON told.person_id = person.id
LEFT JOIN paid ON paid.person_id = person.id
WHERE person.county_id = %(county)s AND person.{scope} = %(region)s
  AND person.on_roll_from <= %(day)s
  AND (person.on_roll_to IS NULL OR person.on_roll_to > %(day)s)
GROUP BY 1, 2, 3
"""


@dataclass
class Unit:
    """One unit's people on the roll: by status, and of those without any who has paid."""

    region: Region
    kinds: dict[int, int]
    plain: int = 0
    paid: int = 0
    """People without a status that counts, who are insured here by payment or declaration."""

    @property
    def population(self) -> int:
        return self.plain + sum(self.kinds.values())

    def of(self, kinds: list[StatusKind]) -> int:
        return sum(self.kinds.get(kind.pk, 0) for kind in kinds)


def count(
    policy_year: PolicyYear, region: Region, *, until: datetime | None = None
) -> tuple[list[Unit], Unit]:
    """The units of a region and their sum, under the year's base date."""
    place = {"county": "town_id", "town": "village_id", "village": "village_id"}[region.level]
    day = policy_year.base_date or timezone.localdate()
    found: dict[int, Unit] = {}
    total = Unit(region, {})
    known = {unit.pk: unit for unit in targets.units(region)}
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT.format(
                place=place, scope=f"{region.level}_id", rule=insured.RULE.format(cut="%(cut)s")
            ),
            {
                "year": policy_year.pk,
                "county": policy_year.county_id,
                "region": region.pk,
                "day": day,
                "cut": until or timezone.now(),
            },
        )
        for unit, kind, paid, number in cursor.fetchall():
            here = found.setdefault(unit, Unit(known.get(unit, region), {}))
            for one in (here, total):
                if kind is not None:
                    one.kinds[kind] = one.kinds.get(kind, 0) + number
                else:
                    one.plain += number
                    one.paid += number if paid else 0
    tasked = targets.in_force(policy_year, on=timezone.localdate()).own
    shown = targets.stand(list(known.values()), tasked=tasked, peopled=found)
    return [found.get(unit.pk) or Unit(unit, {}) for unit in shown], total


def summary(
    policy_year: PolicyYear,
    *,
    region: Region | None = None,
    until: datetime | None = None,
    long: bool = False,
) -> Table:
    """参加基本医疗保险情况汇总表: who is out of scope, who is insured where, by unit.

    ``long`` adds who should be insured, who is, and the rate (C96); it is nobody's printed form.
    """
    form = None if long else form_for(policy_year, "summary", region)
    region = region or (form.region if form else None) or policy_year.county
    units, total = count(policy_year, region, until=until)
    kinds = list(StatusKind.objects.filter(policy_year=policy_year).order_by("order", "pk"))
    if form is not None:
        columns = list(form.columns.select_related("status"))
    else:
        form = Form(
            policy_year=policy_year,
            key="summary",
            title=f"{region.name}{policy_year.year}年度参加基本医疗保险情况汇总表",
            total_label="合计",
        )
        columns = _plain_columns(kinds, total)
    made = Table("summary-long" if long else "summary", form.title, [], [], [])
    made.plain, made.demo = form.pk is None, demo.is_running()
    made.annex, made.head_left, made.head_right = form.annex, form.head_left, form.head_right
    made.landscape, made.notes = True, list(form.notes)
    made.columns = [Column(tuple(one.heading), one.number_format, one.width) for one in columns]
    made.rows = [[_cell(one, unit, kinds) for one in columns] for unit in units]
    made.total = [
        (form.total_label or "合计")
        if one.total == Total.LABEL
        else None
        if one.total == Total.BLANK
        else _cell(one, total, kinds)
        for one in columns
    ]
    if long:
        _lengthen(made, units, total, kinds)
    day = policy_year.base_date or timezone.localdate()
    made.as_of = f"{timezone.localtime(until or timezone.now()):%Y-%m-%d %H:%M}"
    made.remarks = [
        f"户籍人数：{day:%Y-%m-%d} 在册",
        "一人有几种状态的，只计入政策所列次序在前的一栏，各栏相加等于人数",
    ]
    return made


def out_of_county(
    policy_year: PolicyYear, *, region: Region | None = None, full: bool = False
) -> Table:
    """县外参加基本医疗保险情况明细表, with the form's drop-down list; it can be handed in again.

    Numbers and telephones are masked unless ``full``. Where nobody is known yet, blank rows.
    """
    form = form_for(policy_year, "out-of-county", region) or form_for(policy_year, "out-of-county")
    region = region or (form.region if form else None) or policy_year.county
    kinds = kinds_of(policy_year.pk)
    columns = list(form.columns.all()) if form else _plain_form_columns(kinds)
    title = f"{region.name}{policy_year.year}年度县外参加基本医疗保险情况明细表"
    own_form = form is not None and (form.region or policy_year.county) == region
    made = Table("out-of-county", form.title if form and own_form else title, [], [], [])
    made.plain, made.demo, made.landscape = form is None, demo.is_running(), True
    made.annex = form.annex if form else ""
    made.head_left = (form.head_left if form else "填报单位：") + region.name
    made.head_right = form.head_right if form else "年        月     日"
    made.columns = [Column(tuple(one.heading), one.number_format, one.width) for one in columns]
    words = _words(kinds, columns)
    kinds = [kind for kind in kinds if kind.pk in words]
    made.choices = {
        at: list(dict.fromkeys(words.values()))
        for at, one in enumerate(columns)
        if one.figure == Figure.ELSEWHERE_KIND
    }
    records = StatusRecord.objects.filter(
        policy_year=policy_year, person=OuterRef("person"), kind=OuterRef("kind"), ended_at=None
    )
    found = (
        Status.objects.in_region(region)
        .filter(policy_year=policy_year, kind__in=kinds)
        .select_related("person", "town", "village")
        .annotate(insured_at=Subquery(records.values("insured_at")[:1]))
        .order_by("town__order", "village__order", "person__household_id", "person_id", "pk")
    )
    for number, status in enumerate(found.iterator(chunk_size=2000), 1):
        values: dict[str, Any] = {
            Figure.INDEX: number,
            Figure.TOWN: status.town.name,
            Figure.VILLAGE: status.village.name,
            Figure.NAME: status.person.name,
            Figure.ID_NUMBER: _number(status.person.id_cipher, full=full),
            Figure.PHONE: status.person.phone if full else people.masked_phone(status.person.phone),
            Figure.ELSEWHERE_KIND: words[status.kind_id],
            Figure.ELSEWHERE_PLACE: status.insured_at or status.note,
        }
        made.rows.append([values.get(one.figure, "") for one in columns])
    if not made.rows:
        blanks = (form.sample_rows if form else 0) or 14
        made.rows = [
            [number if one.figure == Figure.INDEX else "" for one in columns]
            for number in range(1, blanks + 1)
        ]
    made.as_of = f"{timezone.localtime():%Y-%m-%d %H:%M}"
    made.remarks = ["填好后在“名册”按“县外参保明细”上传，身份证号须填完整"]
    if not full:
        made.remarks.append("证件号码和联系电话不含完整号码")
    return made


def _number(cipher: bytes | memoryview | None, *, full: bool) -> str:
    if not cipher:
        return ""
    number = vault().open(cipher)
    return number if full else mask(number)


def _words(kinds: list[StatusKind], columns: list[FormColumn]) -> dict[int, str]:
    """Status → its word in the form's drop-down list; those not offered there are left out."""
    offered = [word for one in columns for word in one.choices]
    found = {}
    for kind in kinds:
        word = next((one for one in (kind.form_column, kind.name) if one in offered), None)
        if word:
            found[kind.pk] = word
    return found


def _cell(column: FormColumn, unit: Unit, kinds: list[StatusKind]) -> Any:
    match column.figure:
        case Figure.REGION:
            return unit.region.name
        case Figure.POPULATION:
            return unit.population
        case Figure.STATUS:
            return unit.kinds.get(column.status_id or 0, 0)
        case Figure.BUCKET:
            return unit.of([kind for kind in kinds if kind.bucket == column.bucket])
    return None


def _lengthen(made: Table, units: list[Unit], total: Unit, kinds: list[StatusKind]) -> None:
    out = [kind for kind in kinds if kind.bucket in StatusKind.OUT_OF_BASE]
    away = [kind for kind in kinds if kind.bucket == Bucket.ELSEWHERE]
    here = [kind for kind in kinds if kind.bucket == Bucket.COVERED]
    made.columns += [
        Column([heading], style, 10)
        for heading, style in (
            ("应参保人数", WHOLE), ("县内居民", WHOLE), ("县内职工", WHOLE), ("县外合计", WHOLE),
            ("已参保合计", WHOLE), ("未参保", WHOLE), ("参保率", "0.0%"),
        )
    ]  # fmt: skip

    def further(unit: Unit) -> list[Any]:
        due = unit.population - unit.of(out)
        covered = unit.paid + unit.of(here) + unit.of(away)
        rate = (Decimal(covered) / due).quantize(Decimal("0.001"), ROUND_HALF_UP) if due else None
        return [
            due, unit.paid, unit.of(here), unit.of(away), covered, due - covered,
            float(rate) if rate is not None else None,
        ]  # fmt: skip

    for row, unit in zip(made.rows, units, strict=True):
        row += further(unit)
    made.total += further(total)


def _plain_columns(kinds: list[StatusKind], total: Unit) -> list[FormColumn]:
    """Every status somebody has, under its heading, each group with its sum."""
    columns = [
        FormColumn(heading=["单位"], figure=Figure.REGION, width=16, total=Total.LABEL),
        FormColumn(heading=["户籍人数"], figure=Figure.POPULATION, number_format=WHOLE, width=10,
                   total=Total.SUM),
    ]  # fmt: skip
    for bucket, heading in (
        (Bucket.OUT_OF_SCOPE, "不在参保范围内人数"),
        (Bucket.DEDUCTED, "从基数中扣减人数"),
        (Bucket.ELSEWHERE, "县外参加基本医疗保险人数"),
        (Bucket.COVERED, "另有基本医保人数"),
    ):
        held = [kind for kind in kinds if kind.bucket == bucket and total.kinds.get(kind.pk)]
        columns += [
            FormColumn(heading=[heading, kind.name], figure=Figure.STATUS, status=kind,
                       number_format=WHOLE, width=10, total=Total.SUM)
            for kind in held
        ]  # fmt: skip
        if held:
            columns.append(
                FormColumn(heading=[heading, "合计"], figure=Figure.BUCKET, bucket=bucket,
                           number_format=WHOLE, width=9, total=Total.SUM)
            )  # fmt: skip
    return columns


def _plain_form_columns(kinds: list[StatusKind]) -> list[FormColumn]:
    """The form's usual columns, for a county whose notice prints none."""
    heads: list[tuple[str, str, int]] = [
        ("序号", Figure.INDEX, 6),
        ("乡镇", Figure.TOWN, 12),
        ("村", Figure.VILLAGE, 14),
        ("姓名", Figure.NAME, 12),
        ("身份证号", Figure.ID_NUMBER, 22),
        ("联系电话", Figure.PHONE, 16),
        ("县外参保情况（下拉框选择）", Figure.ELSEWHERE_KIND, 26),
        ("现参保地", Figure.ELSEWHERE_PLACE, 34),
    ]
    text = (Figure.ID_NUMBER, Figure.PHONE)
    return [
        FormColumn(
            heading=[heading], figure=figure, width=width,
            number_format="@" if figure in text else "",
            choices=[kind.name for kind in kinds] if figure == Figure.ELSEWHERE_KIND else [],
        )
        for heading, figure, width in heads
    ]  # fmt: skip
