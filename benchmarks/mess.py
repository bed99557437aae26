"""Spoil a clean list the way real lists are spoilt, and say what must become of every row.

Nothing here changes the truth: a row is either written in another shape that means the same
person, or an extra row that must be refused, repeated, or belongs to somebody unknown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random

from benchmarks.people import check_digit
from benchmarks.sheets import Value

Line = tuple[Value, ...]
FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


def spoil(
    rows: Sequence[Line],
    random: Random,
    *,
    kind: str,
    number: int,
    name: int,
    town: int,
    stranger: Callable[[], tuple[str, str]],
    amount: int | None = None,
    paid: int | None = None,
) -> tuple[list[Line], dict[str, int]]:
    """The spoilt rows and how many of each sort there are; the counts add up to the rows.

    `number`, `name`, `town`, `amount`, `paid` are column positions; `stranger` gives the name
    and a valid ID number of somebody whom no list knows.
    """
    lines = [list(row) for row in rows]
    counts: Counter[str] = Counter()
    each = max(1, min(6, len(lines) // 60))
    free = list(range(len(lines)))
    random.shuffle(free)

    def take(fits: Callable[[str], bool]) -> list[int]:
        taken: list[int] = []
        for index in free:
            if len(taken) == each:
                break
            if fits(str(lines[index][number])):
                taken.append(index)
        for index in taken:
            free.remove(index)
        return taken

    def reshape(sort: str, fits: Callable[[str], bool], shape: Callable[[str], str]) -> None:
        for index in take(fits):
            lines[index][number] = shape(str(lines[index][number]))
            counts[sort] += 1

    reshape("lower_case_x", lambda text: text.endswith("X"), str.lower)
    reshape("fifteen_digits", lambda text: text[6:8] == "19", lambda t: t[:6] + t[8:17])
    reshape("full_width", bool, lambda text: text.translate(FULL_WIDTH))
    reshape("spaced", bool, lambda t: f"\u3000{t[:6]} {t[6:14]}\u00a0{t[14:]}\u200b")
    reshape("apostrophe", bool, lambda text: f"'{text}")

    extra: list[tuple[int, Line]] = []

    def add(sort: str, after: int, line: Iterable[Value]) -> None:
        extra.append((after, tuple(line)))
        counts[sort] += 1

    for index in take(bool):
        add("repeated", min(index + random.randrange(5), len(lines) - 1), lines[index])
    for index in take(bool):
        other = list(lines[index])
        other[name] = str(other[name])[:1] + random.choice(("※", "？", "wei", "改"))
        if kind == "register":
            add("name_differs", min(index + random.randrange(5), len(lines) - 1), other)
        else:
            lines[index] = other
            counts["name_differs"] += 1
    if amount is not None and paid is not None:
        _spoil_money(lines, take, counts, amount=amount, paid=paid)

    def refuse(sort: str, shape: Callable[[str], Value], times: int = each) -> None:
        for _ in range(times):
            index = random.randrange(len(lines))
            line = list(lines[index])
            if kind == "payments":
                line[-1] = None  # a serial would make it a repetition of the row it was taken from
            line[name], own = stranger()
            line[number] = shape(own)
            add(sort, index, line)

    refuse("number_as_number", lambda text: float(text[:17] + "0"))
    refuse("wrong_check_digit", lambda t: t[:17] + ("1" if t[17] == "0" else "0"))
    refuse("no_such_date", lambda t: (f := t[:6] + "19990230" + t[14:17]) + check_digit(f))
    refuse("wrong_length", lambda text: text[:17])
    refuse("number_missing", lambda text: None)
    if kind == "status":
        refuse("not_in_register", lambda text: text)
    if amount is not None:
        for index in random.sample(range(len(lines)), each):
            line = list(lines[index])
            line[name], line[number] = stranger()
            line[amount], line[-1] = "--", None
            add("amount_unreadable", index, line)

    whole = _merge(lines, extra)
    return _furnish(whole, random, counts, town=town, grouped=kind != "payments"), dict(counts)


def _spoil_money(
    lines: list[list[Value]],
    take: Callable[[Callable[[str], bool]], list[int]],
    counts: Counter[str],
    *,
    amount: int,
    paid: int,
) -> None:
    """Amounts and moments in the other spellings that lists have; their values stay the same."""
    for position, index in enumerate(take(bool)):
        value = float(lines[index][amount] or 0)
        lines[index][amount] = (f"¥{value:,.2f}", f"{value:g}元", f"{value:.2f}")[position % 3]
        counts["amount_as_text"] += 1
    for position, index in enumerate(take(bool)):
        text = str(lines[index][paid])
        lines[index][paid] = (
            text.replace("-", "/"),
            text.replace("-", "."),
            text.replace("-", "年", 1).replace("-", "月", 1).replace(" ", "日 ", 1),
        )[position % 3]
        counts["moment_other_spelling"] += 1


def _merge(lines: Sequence[Sequence[Value]], extra: Sequence[tuple[int, Line]]) -> list[Line]:
    """Put each extra row somewhere after the row it follows."""
    following: dict[int, list[Line]] = {}
    for after, line in extra:
        following.setdefault(after, []).append(line)
    whole: list[Line] = []
    for index, kept in enumerate(lines):
        whole.append(tuple(kept))
        whole.extend(following.get(index, ()))
    return whole


def _furnish(
    rows: Sequence[Line], random: Random, counts: Counter[str], *, town: int, grouped: bool
) -> list[Line]:
    """Add subtotals, a total, blank rows and rows of dots; count what was left as it was."""
    width = len(rows[0])
    counts["as_it_was"] = len(rows) - sum(counts.values())
    furnished: list[Line] = []
    since = 0
    for position, line in enumerate(rows):
        furnished.append(line)
        since += 1
        following = rows[position + 1] if position + 1 < len(rows) else None
        if following is None:
            break
        if grouped and following[town] != line[town]:
            furnished.append(_summary("小计", since, width))
            counts["subtotal"] += 1
            since = 0
        if random.random() < 3 / len(rows):
            furnished.append((None,) * width)
            counts["blank"] += 1
        if random.random() < 3 / len(rows):
            furnished.append(("……",) * width)
            counts["dots"] += 1
    furnished.append(_summary("合  计", len(rows), width))
    counts["total"] += 1
    return furnished


def _summary(word: str, count: int, width: int) -> Line:
    return (word, *(None,) * (width - 2), count)
