"""缴费测算: what one person owes, by which rule, and from when they are covered.

A case of one goes through the same statement as the whole county-year (``subsidies.rule``).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from enrollment.models import NotStated, PolicyYear
from subsidies import rule
from subsidies.case import Case
from subsidies.models import Standard

NOT_STATED = "政策未规定"
ABSENT_TIER = "absent-tier"
"""Topic of a pack: whether a category with standards for other tiers gets anything in this one."""
YUAN = Decimal("0.01")

# What is open → the topics a pack may have listed it under, and a sentence where it has not.
QUESTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "before": (("before-notice", "before-window"), "缴费窗口开始以前缴费的如何处理"),
    "after": (
        ("after-extension", "after-windows", "after-window"),
        "缴费窗口以外能否参保",
    ),
    "others": (("after-window", "after-windows"), "这一时段不属于规定人群的人能否参保"),
    "newborn-late": (("newborn-late",), "超过规定期限参保的新生儿如何处理"),
    "event-late": (("event-late",), "超过规定期限的特殊情形如何处理"),
    "fee": (("fee",), "这一档次、这一人群的筹资标准"),
    "fiscal": (("fiscal",), "财政补助标准（因此无法计算全额缴费）"),
    "price": (("extension-price", "price"), "这一时段的缴费标准"),
    "start": (("benefit-start", "benefit-period"), "从何时起享受待遇"),
    "newborn-start": (("newborn-start",), "新生儿从何时起享受待遇"),
    "identity-date": (("identity-date",), "资助身份以哪一天为准，年中新增、退出如何处理"),
    "difference": (("difference",), "缴费以后认定的是否退补差额"),
    "removed": (("removed",), "集中参保缴费期内退出的人是否仍享受资助"),
    "subsidy-late": (("subsidy-late",), "集中参保缴费期以后缴费的是否享受资助"),
    "amount": (("amount",), "资助标准"),
    "student-subsidy": (("student-subsidy",), "这一人群的资助按原金额还是按比例"),
    "age": (("age",), "资助有年龄条件，而出生日期不详"),
    "several": (("several-identities",), "有多重资助身份的人按哪一种资助"),
}


@dataclass(frozen=True)
class Quote:
    """The answer. ``None`` is 政策未规定; amounts are yuan."""

    allowed: bool | None
    fee: Decimal | None
    fiscal: Decimal | None
    subsidy: Decimal | None
    due: Decimal | None
    category: str | None
    department: str | None
    benefit_from: datetime.date | None
    benefit_to: datetime.date | None
    reason: str
    rules: list[str]
    not_stated: list[str]
    case: Case = field(repr=False)
    way: str = ""
    """The window or special case by which the payment is taken."""
    full_price: bool = False
    sources: dict[str, str | None] = field(default_factory=dict)
    """The paragraph behind ``way``, ``fee``, ``fiscal`` and ``subsidy``."""

    def as_dict(self) -> dict[str, Any]:
        """The answer as the command prints it."""
        return {
            "allowed": self.allowed,
            "fee": _yuan(self.fee),
            "fiscal": _yuan(self.fiscal),
            "subsidy": _yuan(self.subsidy),
            "due": _yuan(self.due),
            "category": self.category,
            "department": self.department,
            "benefit_from": self.benefit_from,
            "benefit_to": self.benefit_to,
            "reason": self.reason,
            "rules": self.rules,
            "not_stated": self.not_stated,
        }


CASE = """
SELECT 0::bigint AS id, %(tier)s::bigint AS tier_id, %(group)s::bigint AS group_id,
       %(paid_on)s::date AS paid_on, %(arrived_on)s::date AS arrived_on, %(birth)s::date AS born,
       %(event)s::bigint AS event_id, %(event_date)s::date AS event_date,
       %(verified)s AS verified, %(hukou_here)s AS hukou_here,
       %(insured_here)s AS insured_here, %(attributes)s::bigint[] AS attributes
"""
HELD = """
SELECT 0::bigint AS case_id, *
FROM unnest(%(categories)s::bigint[], %(grades)s::int[], %(valid_from)s::date[],
            %(valid_to)s::date[], %(recognised)s::date[], %(removed)s::date[])
     AS held (category_id, grade, valid_from, valid_to, recognised_on, removed_on)
"""
ANSWER = """
SELECT allowed, fee, fiscal, subsidy, due, category, department, benefit_from, benefit_to,
       reason, rules, doubts, way_name, full_price, event IS NOT NULL, conditions,
       arrival_assumed, way_source, fee_source, fiscal_source, cites
FROM verdict
"""
_STATEMENT = rule.statement(cases=CASE, held=HELD) + ANSWER


def quote(policy_year: PolicyYear, case: Case) -> Quote:
    """Ask the rule about one case."""
    held = case.identities
    values = rule.parameters(policy_year.pk) | {
        "tier": case.tier.pk,
        "group": case.group.pk,
        "paid_on": case.paid_on,
        "arrived_on": case.arrived_on,
        "birth": case.born,
        "event": case.event.pk if case.event else None,
        "event_date": case.event_date,
        "verified": case.verified,
        "hukou_here": case.hukou_here,
        "insured_here": case.insured_here,
        "attributes": [one.pk for one in case.attributes],
        "categories": [one.category.pk for one in held],
        "grades": [one.grade for one in held],
        "valid_from": [one.valid_from for one in held],
        "valid_to": [one.valid_to for one in held],
        "recognised": [one.recognised_on for one in held],
        "removed": [one.removed_on for one in held],
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, values)
        row = cursor.fetchone()
    (allowed, fee, fiscal, subsidy, due, category, department, start, end) = row[:9]
    (reason, rules, doubts, way, full, by_event, conditions, arrival_assumed) = row[9:17]
    return Quote(
        allowed=allowed,
        fee=fee,
        fiscal=fiscal,
        subsidy=subsidy,
        due=due if allowed else None,
        category=category,
        department=department,
        benefit_from=start,
        benefit_to=end,
        reason=_sentence(
            policy_year,
            case,
            allowed=allowed,
            way=way or "",
            about=reason or "",
            full=bool(full),
            fiscal=fiscal,
            benefit=(start, end),
            conditions=conditions if by_event else "",
            arrival_assumed=bool(arrival_assumed),
        ),
        rules=list(dict.fromkeys(one for cites in rules for one in cites.split("；"))),
        not_stated=[*questions(policy_year, doubts), *_absent_tier(policy_year, case)],
        case=case,
        way=way or "",
        full_price=bool(full),
        sources=dict(zip(("way", "fee", "fiscal", "subsidy"), row[17:], strict=True)),
    )


def questions(policy_year: PolicyYear, doubts: Iterable[str]) -> list[str]:
    """What the notice leaves open, in the words of the policy where it has listed it."""
    listed = dict(
        NotStated.objects.filter(policy_year=policy_year).values_list("topic", "question")
    )
    found = []
    for doubt in doubts:
        topics, sentence = QUESTIONS[doubt]
        found.append(next((listed[topic] for topic in topics if topic in listed), sentence))
    return list(dict.fromkeys(found))


def _absent_tier(policy_year: PolicyYear, case: Case) -> list[str]:
    """The question a pack lists about categories that its notice names for another tier only.

    Nobody is subsidised who is not named, so the amounts stand; the question stands beside them.
    """
    listed = NotStated.objects.filter(policy_year=policy_year, topic=ABSENT_TIER)
    here = Standard.objects.filter(policy_year=policy_year, tier=case.tier).values("category")
    elsewhere = Standard.objects.filter(
        policy_year=policy_year, category__in=[one.category.pk for one in case.identities]
    ).exclude(category__in=here)
    if not case.identities or not elsewhere.exists():
        return []
    return list(listed.values_list("question", flat=True))


def _sentence(
    policy_year: PolicyYear,
    case: Case,
    *,
    allowed: bool | None,
    way: str,
    about: str,
    full: bool,
    fiscal: Decimal | None,
    benefit: tuple[datetime.date | None, datetime.date | None],
    conditions: str,
    arrival_assumed: bool,
) -> str:
    day = f"{case.paid_on} 缴费"
    if not way and allowed is None:
        return f"{day}：{NOT_STATED}，文件没有写这种情况能否参保"
    if not way:
        return f"{day}：不在缴费期内，也不属于文件列明的特殊情形，不得中途参保"
    parts = [f"{day}，适用“{way}”" + (f"（{conditions}）" if conditions else "")]
    if full and fiscal is None:
        parts.append(
            f"按全额（个人缴费＋财政补助）缴费，而{policy_year.year}年财政补助标准文件没有写，"
            "补录以前不能受理"
        )
    elif full:
        parts.append("按全额（个人缴费＋财政补助）缴费")
    if about:
        parts.append(about)
    start, end = benefit
    if start and end and start > end:
        parts.append(f"待遇起算日 {start} 已过终止日 {end}，本年度没有待遇")
    elif start and end:
        days = (end - start).days + 1
        short = f"，只有 {days} 天" if days <= 7 else ""
        parts.append(f"待遇期 {start} 至 {end}{short}")
    elif start:
        parts.append(f"待遇自 {start} 起，终止日{NOT_STATED}")
    else:
        parts.append(f"待遇起算日{NOT_STATED}")
    if arrival_assumed:
        parts.append("到账日期不详，按缴费当日到账计算")
    return "；".join(parts)


def _yuan(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount.quantize(YUAN))
