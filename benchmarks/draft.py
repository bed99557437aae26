"""Decide who lives in a county, who is deducted, who paid what and when; count while deciding."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random

from benchmarks.forms import Listed
from benchmarks.payments import (
    CASE_NAMES,
    CASE_WEIGHTS,
    CUTOFFS,
    Row,
    Serials,
    Slip,
    half_up,
    insured,
    lines,
    moment,
)
from benchmarks.people import (
    BASE_DATE,
    FIRST_DAY,
    Numbers,
    Person,
    invented_name,
    surname,
    village_names,
    village_people,
)
from benchmarks.places import County, Unit

# Who can be on which list: least and greatest age, and sex where it matters.
FITS: dict[str, tuple[int, int, str]] = {
    "职工参保": (20, 92, ""),
    "死亡未注销": (50, 120, ""),
    "死亡": (50, 120, ""),
    "服役": (18, 26, "男"),
    "参军": (18, 26, "男"),
    "服刑": (18, 65, ""),
    "外嫁": (20, 50, "女"),
    "离婚": (22, 65, ""),
    "出国": (18, 60, ""),
    "县外市内职工": (20, 62, ""),
    "市外职工": (20, 62, ""),
}
TWO_LISTS = 0.05  # share of deducted people who stand on a second list
UNKNOWN = 0.004  # payers whom the register does not know, as a share of its payers
MARKS = [cutoff.isoformat() if cutoff else "end" for cutoff in CUTOFFS]


@dataclass
class Count:
    """What is true of one village or of the people without a village in one town."""

    population: int = 0
    deductions: int = 0
    insured: Counter[str] = field(default_factory=Counter)
    insured_though_deducted: int = 0
    insured_before: int = 0
    renewed: int = 0
    new: int = 0
    lapsed: int = 0


@dataclass
class Area:
    """One printed row with its villages; for Nongba the printed row is itself a village."""

    unit: Unit
    town: str
    population: int
    deductions: int
    villages: list[tuple[str, int]]


@dataclass
class Draft:
    """Everything kept in memory while the register streams to disk."""

    county: County
    random: Random
    numbers: Numbers
    others: Numbers
    serials: Serials
    areas: list[Area]
    counts: dict[tuple[int, int], Count] = field(default_factory=dict)
    unplaced: dict[str, Count] = field(default_factory=dict)
    lists: dict[str, list[Listed]] = field(default_factory=dict)
    payments: list[Row] = field(default_factory=list)
    before: list[tuple[str, str, str, str]] = field(default_factory=list)
    platform: list[tuple[str, str, str, str]] = field(default_factory=list)
    cases: Counter[str] = field(default_factory=Counter)
    unknown_people: int = 0
    payers: int = 0
    twice: int = 0

    def stranger(self) -> tuple[str, str]:
        """Name and number of somebody no list of this county knows."""
        male = self.random.random() < 0.5
        day = (BASE_DATE - FIRST_DAY).days - int(self.random.uniform(18, 60) * 365.25)
        name = invented_name(self.random, surname(self.random), male, 40)
        return name, self.others.new(day, male)


def plan(county: County, scale: Decimal, seed: int) -> Draft:
    # Places do not depend on seed or scale: the tree is the same in every generated county.
    places = Random(county.slug)
    whole = sum(unit.population for unit in county.units)
    areas = []
    for unit in county.units:
        population = max(12, half_up(unit.population * scale))
        deductions = half_up(unit.deductions * scale)
        if county.town:
            names = [unit.name]
        else:
            count = max(3, round(county.villages * unit.population / whole))
            odd = county.odd_villages.get(unit.name, [])
            names = village_names(places, town=unit.name, count=count, odd=odd)
        weights = [0.03 if name == "其他" else 0.5 + places.random() for name in names]
        sizes = split(population, weights)
        town = county.town or unit.name
        villages = list(zip(names, sizes, strict=True))
        areas.append(Area(unit, town, population, deductions, villages))
    return Draft(
        county,
        Random(f"{county.slug} {scale} {seed}"),
        Numbers(county.address),
        Numbers(county.elsewhere),
        Serials(county.key),
        areas,
        lists={kind: [] for kind in county.kinds},
    )


def split(total: int, weights: Sequence[float]) -> list[int]:
    """Whole shares of `total` by weight that add up to it (largest remainder)."""
    exact = [total * weight / sum(weights) for weight in weights]
    shares = [int(value) for value in exact]
    order = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for index in order[: total - sum(shares)]:
        shares[index] += 1
    return shares


def register_rows(draft: Draft) -> Iterator[tuple]:
    """Yield the register; on the way decide who is deducted, who paid and who was insured."""
    random, county = draft.random, draft.county
    for number, area in enumerate(draft.areas):
        people = [
            person
            for village, (_, size) in enumerate(area.villages)
            for person in village_people(
                random,
                draft.numbers,
                count=size,
                town=number,
                village=village,
                prefix=f"{county.key}{number + 1:02d}{village + 1:03d}",
            )
        ]
        deducted = _deducted(random, people, area.deductions)
        pace = county.share * random.uniform(0.75, 1.25)
        shares = [
            _village_share(random, county, pace, number, place)
            for place in range(len(area.villages))
        ]
        draft.counts |= {(number, place): Count() for place in range(len(area.villages))}
        known_payers = draft.payers
        slip: Slip | None = None
        for position, person in enumerate(people):
            village = area.villages[person.village][0]
            if person.relation == "户主":
                slip = _slip(draft) if random.random() < 0.25 else None
                group = 1 + int(random.random() * 18)
                address = f"{county.name}{area.town}{village}{group}组"
            share = shares[person.village]
            out = position in deducted
            chance = min(share, 0.012) if out else share
            count = draft.counts[number, person.village]
            _decide(draft, count, person, area, out=out, chance=chance, slip=slip)
            yield (
                person.household,
                person.relation,
                person.name,
                person.sex,
                person.born,
                person.nation,
                person.number,
                area.town,
                village,
                address,
                person.phone,
            )
        _unknown_payers(draft, number, area, draft.payers - known_payers)


def _deducted(random: Random, people: Sequence[Person], count: int) -> set[int]:
    """Positions of exactly `count` people, nineteen in twenty of them grown up."""
    adults = [i for i, person in enumerate(people) if person.age >= 18]
    minors = [i for i, person in enumerate(people) if person.age < 18]
    young = max(min(count // 20, len(minors)), count - len(adults))
    return {*random.sample(adults, count - young), *random.sample(minors, young)}


def _village_share(random: Random, county: County, pace: float, area: int, village: int) -> float:
    """How many of a village pay: one village all of them, one nobody, the rest around the town."""
    last = len(county.units) - 1
    if (area, village) == (0, 0):
        return 1.0
    if (area, village) == (last, 0):
        return 0.0
    return min(0.97, pace * random.uniform(0.85, 1.15))


def _slip(draft: Draft) -> Slip:
    paid = moment(draft.random)
    return Slip(paid, draft.random.choice(draft.county.channels), draft.serials.new(paid))


def _decide(
    draft: Draft,
    count: Count,
    person: Person,
    area: Area,
    *,
    out: bool,
    chance: float,
    slip: Slip | None,
) -> None:
    """Settle one register person: lists, payments, last year and the platform's list."""
    random = draft.random
    village = area.villages[person.village][0]
    count.population += 1
    if out:
        count.deductions += 1
        listed = Listed(person.name, person.number, person.phone, area.town, village)
        for kind in _kinds(draft, person):
            draft.lists[kind].append(listed)
    at_end = False
    if random.random() < chance:
        rows = _pay(draft, person.name, person.number, person.town, slip)
        for mark, cutoff in zip(MARKS, CUTOFFS, strict=True):
            if insured(rows, cutoff):
                count.insured[mark] += 1
                at_end = mark == "end"
    count.insured_though_deducted += out and at_end
    was = person.age > 0 and random.random() < (0.03 if out else 0.93 if at_end else 0.4)
    _remember(draft, count, (person.number, person.name, area.town, village), was, at_end)


def _remember(
    draft: Draft, count: Count, entry: tuple[str, str, str, str], was: bool, now: bool
) -> None:
    if was:
        draft.before.append(entry)
        count.insured_before += 1
    count.renewed += was and now
    count.new += now and not was
    count.lapsed += was and not now
    # The platform is a little behind the tax bureau and holds a few people it does not know.
    if draft.random.random() < (0.995 if now else 0.001):
        draft.platform.append(entry)


def _kinds(draft: Draft, person: Person) -> list[str]:
    kinds = draft.county.kinds
    fitting = []
    for kind in kinds:
        least, most, sex = FITS.get(kind, (0, 120, ""))
        if least <= person.age <= most and sex in ("", person.sex):
            fitting.append(kind)
    chosen = draft.random.choices(fitting, [kinds[kind] for kind in fitting])
    # The first one always, so that in the smallest county too the lists add up to more than people.
    twice = draft.random.random() < TWO_LISTS or not draft.twice
    if len(fitting) > 1 and twice:
        draft.twice += 1
        chosen.append(draft.random.choice([kind for kind in fitting if kind not in chosen]))
    return chosen


def _pay(
    draft: Draft, name: str, number: str, town: int, slip: Slip | None
) -> list[tuple[datetime, int]]:
    random = draft.random
    prices, weights = zip(*draft.county.prices, strict=True)
    price = random.choices(prices, weights)[0]
    case = random.choices(CASE_NAMES, CASE_WEIGHTS)[0]
    if draft.payers < len(CASE_NAMES):
        # The first payers go through every case, so that the smallest county has them all.
        case, price = CASE_NAMES[draft.payers], prices[0]
    rows = lines(random, case=case, price=price, slip=slip)
    draft.cases[case if price else "zero_declaration"] += 1
    draft.payers += 1
    channel = "零申报" if price == 0 else random.choice(draft.county.channels)
    for paid, cents in rows:
        if slip and price and len(rows) == 1 and paid == slip.paid:
            serial, channel = slip.serial, slip.channel
        else:
            serial = draft.serials.new(paid)
        draft.payments.append(Row(paid, cents, serial, channel, town, name, number))
    return rows


def _unknown_payers(draft: Draft, number: int, area: Area, known: int) -> None:
    """Newborns after the base date and residents from elsewhere, whom the register lacks."""
    random = draft.random
    count = draft.unplaced.setdefault(area.town, Count())
    for position in range(max(1, round(known * UNKNOWN))):
        if position % 2:
            name, own = draft.stranger()
        else:
            day = (BASE_DATE - FIRST_DAY).days + 1 + int(random.random() * 100)
            male = random.random() < 0.5
            name = invented_name(random, surname(random), male, 0)
            own = draft.numbers.new(day, male)
        draft.unknown_people += 1
        rows = _pay(draft, name, own, number, None)
        for mark, cutoff in zip(MARKS, CUTOFFS, strict=True):
            count.insured[mark] += insured(rows, cutoff)
        now = insured(rows, None)
        was = position % 2 == 1 and random.random() < 0.3
        _remember(draft, count, (own, name, area.town, ""), was, now)


def target(area: Area, county: County) -> int:
    if county.rate is not None:
        return half_up((area.population - area.deductions) * Decimal(county.rate))
    assert area.unit.target is not None
    exact = Decimal(area.unit.target) * area.population / area.unit.population
    return max(1, half_up(exact))
