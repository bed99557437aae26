"""What the tax bureau's list says of one person: rows, refunds, zero declarations, their times."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

# Without a zone, as the list prints them: local time, Asia/Shanghai.
OPENING = datetime.fromisoformat("2023-09-01T00:00:00")
WINDOW_END = datetime.fromisoformat("2023-12-31T23:59:59")
INTERIM = datetime.fromisoformat("2023-11-20T23:59:59")
LAST = datetime.fromisoformat("2024-02-28T23:59:59")
# The cut-offs the truth is counted at; None is the end of the file.
CUTOFFS: tuple[datetime | None, ...] = (INTERIM, WINDOW_END, None)

# Share of payments per span of days after the opening: a slow start and a rush in December.
SPANS = ((0, 30, 8), (30, 61, 20), (61, 91, 27), (91, 122, 36), (122, 181, 9))
SPAN_WEIGHTS = [span[2] for span in SPANS]

# How a person's money arrives, in rows per ten thousand payers.
CASES = {
    "single": 9755,
    "two_parts": 90,
    "refunded": 45,
    "paid_twice_refunded_once": 30,
    "part_refunded": 40,
    "refunded_and_paid_again": 20,
    "window_end": 6,
    "window_end_plus_one": 6,
    "interim_end": 4,
    "interim_end_plus_one": 4,
}
CASE_NAMES, CASE_WEIGHTS = list(CASES), list(CASES.values())


class Row(NamedTuple):
    """One line of the list. `cents` is signed; `serial` is shared where a family paid at once."""

    paid: datetime
    cents: int
    serial: str
    channel: str
    town: int
    name: str
    number: str


@dataclass(frozen=True)
class Slip:
    """A family's one payment: the members on it share moment, channel and serial."""

    paid: datetime
    channel: str
    serial: str


class Serials:
    """Electronic tax receipt numbers: eighteen digits, as easily taken for an ID number."""

    def __init__(self, county_key: str) -> None:
        self.start = f"3{county_key[:5]}"
        self.last = 0

    def new(self, paid: datetime) -> str:
        self.last += 1
        return f"{self.start}{paid:%y%m}{self.last:08d}"


def moment(random: Random) -> datetime:
    first, after, _ = random.choices(SPANS, SPAN_WEIGHTS)[0]
    days = first + int(random.random() * (after - first))
    seconds = int((7 + random.random() * 15) * 3600)
    return min(OPENING + timedelta(days=days, seconds=seconds), LAST)


def lines(random: Random, *, case: str, price: int, slip: Slip | None) -> list[tuple]:
    """(paid, cents, on the slip) for one payer; refunds come some days after the payment."""
    full = price * 100
    paid = slip.paid if slip and case == "single" else moment(random)
    later = min(paid + timedelta(days=int(1 + random.random() * 40), seconds=77), LAST)
    match case:
        case "two_parts" if full:
            part = (full // 200) * 100
            return [(paid, part), (later, full - part)]
        case "refunded" if full:
            return [(paid, full), (later, -full)]
        case "paid_twice_refunded_once" if full:
            return [(paid, full), (paid + timedelta(seconds=40), full), (later, -full)]
        case "part_refunded" if full >= 38000:
            return [(paid, full), (later, -19000)]
        case "refunded_and_paid_again" if full:
            return [(paid, full), (later, -full), (later + timedelta(seconds=60), full)]
        case "window_end":
            return [(WINDOW_END, full)]
        case "window_end_plus_one":
            return [(WINDOW_END + timedelta(seconds=1), full)]
        case "interim_end":
            return [(INTERIM, full)]
        case "interim_end_plus_one":
            return [(INTERIM + timedelta(seconds=1), full)]
        case _:
            return [(paid, full)]


def insured(rows: list[tuple], cutoff: datetime | None) -> bool:
    """Rows exist up to the cut-off and add up to more than 0, or to 0 without any refund."""
    known = [cents for paid, cents in rows if cutoff is None or paid <= cutoff]
    total = sum(known)
    return bool(known) and (total > 0 or (total == 0 and min(known) >= 0))


def half_up(value: Decimal) -> int:
    """Round to whole numbers, .5 away from zero."""
    return int(value.quantize(Decimal(1), rounding="ROUND_HALF_UP"))


def yuan(cents: int) -> str:
    return f"{Decimal(cents) / 100:.2f}"
