"""A part of a whole as a fraction: one way to round it, for every rate that is shown."""

from decimal import ROUND_HALF_UP, Decimal

STEP = Decimal("0.0001")


def share(part: int, whole: int | None) -> Decimal | None:
    """A fraction to four places, half up; None of nothing. All is 1 and nothing 0, nothing else."""
    return honest(Decimal(part) / whole, STEP) if whole else None


def honest(value: Decimal, step: Decimal, *, all: Decimal = Decimal(1)) -> Decimal:
    """Round half up, but less than ``all`` never up to it, and more than 0 never down to it."""
    rounded = value.quantize(step, rounding=ROUND_HALF_UP)
    if value < all <= rounded:
        return (all - step).quantize(step)
    return step if value > 0 >= rounded else rounded
