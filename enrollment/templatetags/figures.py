"""How figures are written, everywhere the same: on pages, in tables, in messages.

A figure that does not apply (None) is —, 0 is 0. Rates are fractions (0.578), written 57.8%.
Django's zh_Hans format has no thousands separator, so intcomma and localisation do not serve.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import template

from enrollment.shares import honest

register = template.Library()

NOT_APPLICABLE = "—"


@register.filter
def number(value: Any) -> str:
    """52310 → 52,310; None → —."""
    return NOT_APPLICABLE if value is None or value == "" else f"{int(value):,}"


@register.filter
def signed(value: Any) -> str:
    """A change: +1,204, −6, 0; None → —."""
    if value is None or value == "":
        return NOT_APPLICABLE
    return f"+{int(value):,}" if value > 0 else f"{int(value):,}".replace("-", "−")


@register.filter
def rate(value: Any) -> str:
    """A fraction as a percentage with one decimal, half up: 0.5784 → 57.8%; None → —.

    Less than the whole is 99.9% at most, more than nothing 0.1% at least.
    """
    if value is None or value == "":
        return NOT_APPLICABLE
    percent = Decimal(str(value)) * 100
    return f"{honest(percent, Decimal('0.1'), all=Decimal(100)):,}%"


@register.filter
def money(value: Any) -> str:
    """Yuan with two decimals and without the unit: 380 → 380.00; None → —."""
    if value is None or value == "":
        return NOT_APPLICABLE
    return f"{Decimal(str(value)).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP):,}"


@register.inclusion_tag("_bar.html")
def bar(value: Any, max: Any, mark: Any = None, state: str = "") -> dict[str, Any]:
    """A bar of `value` out of `max`, its rate in figures beside it; see _bar.html."""
    share = Decimal(value) / Decimal(max) if max and value is not None else None
    return {"value": value, "max": max, "mark": mark, "state": state, "rate": share}
