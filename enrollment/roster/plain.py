"""Plain rows, a block at a time and column by column: nearly all of every county's file.

A row is plain where each of its cells is read without objection and says nothing of the person
that the number does not. Stripping, measuring and comparing a column of two thousand cells is a
handful of calls then, not twenty thousand. Whatever is out of the ordinary in any way is left to
the row loop in ``reading``, which alone knows what to say of it; for a plain row both write the
same line, and a test holds them to that.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import repeat
from typing import Any

from enrollment import cells, documents
from enrollment.cells import CellError
from enrollment.roster.places import Places
from enrollment.vault import Vault

NULL = "\\N"
_ODD = "?"
# Since 1992 China's clocks do not change: a day and a time of day make a moment without asking.
_STEADY = "1992"
_ZONE = "+08:00"
_HOURS = frozenset(f" {hour:02}" for hour in range(24))
_SIXTY = frozenset(f":{part:02}" for part in range(60))
_KEPT = 65_536

Row = Sequence[Any]
# field, column, parser, longest text (0: no limit)
Plan = list[tuple[str, int, Callable[[object], Any], int]]


class PlainRows:
    """What one sheet's plain rows are made into; ``needs`` are fields no plain row is without."""

    def __init__(
        self,
        *,
        roster: int,
        fields: Sequence[str],
        plan: Plan,
        pair: tuple[int, int],
        limit: int,
        needs: Sequence[str],
        places: Places,
        propose: bool,
        vault: Vault,
        today: date,
    ) -> None:
        self.name_at, self.id_at = pair
        self.plan, self.limit, self.needs = plan, limit, needs
        self.places, self.propose, self.vault, self.today = places, propose, vault, today
        self.width = 1 + max(self.name_at, self.id_at, *(column for _, column, _, _ in plan))
        self.told = {field for field, _, _, _ in plan}
        self.placed = bool({"town", "village"} & self.told)
        self._start = f"{roster}\t"
        self._fields = fields
        self._read: dict[str, dict[object, str]] = {field: {} for field in self.told}
        self._places: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._days: set[str] = set()

    def lines(self, sheet: int, first: int, rows: list[list[Any]]) -> list[str | None]:
        """For each row its line of COPY, or None for one that is to be read by itself."""
        width, count = self.width, len(rows)
        if min(map(len, rows)) < width:
            rows = [row + [""] * (width - len(row)) for row in rows]
        columns: list[Row] = list(zip(*rows, strict=False))
        numbers = columns[self.id_at]
        said = documents.plain(numbers, today=self.today)
        odd = {at for at, found in enumerate(said) if found is None}
        if len(odd) > count // 2:
            return [None] * count
        known = [found or ("", "", "") for found in said]
        births, tails, sexes = zip(*known, strict=True)
        if odd:
            numbers = ["" if found is None else number
                       for number, found in zip(numbers, said, strict=True)]  # fmt: skip
        values: dict[str, Iterable[str]] = {
            "sheet": repeat(str(sheet)),
            "row": map(str, range(first, first + count)),
            "part": repeat("0"),
            "code": repeat(""),
            "reason": repeat(""),
            "doc_type": repeat("resident-id"),
            "sex": sexes,
            "birth": births,
        }
        towns: Iterable[str] = repeat("")
        villages: Iterable[str] = repeat("")
        if self.name_at >= 0:
            values["name"] = self._names(columns[self.name_at], odd)
        elif "name" in self.needs:
            return [None] * count
        for field, column, parse, limit in self.plan:
            found = columns[column]
            if field == "birth":
                self._agree(found, births, parse, odd)
            elif field == "sex":
                self._agree(found, sexes, parse, odd)
            elif parse is cells.text:
                texts = self._texts(found, limit, odd)
                if field == "town":
                    towns = texts
                elif field == "village":
                    villages = texts
                else:
                    if field == "household_number":
                        # One that may be somebody's document is not kept in clear.
                        odd.update(at for at, text in enumerate(texts) if len(text) >= 18)
                    values[field] = self._out(texts, field, odd)
            else:
                values[field] = self._parsed(field, found, parse, odd)
        if not self.told.issuperset(field for field in self.needs if field != "name"):
            return [None] * count
        values["town_id"], values["village_id"] = self._located(towns, villages, count, odd)
        values["id_index"] = self.vault.indexes_hex(numbers)
        values["tail_index"] = self.vault.indexes_hex(tails)
        values["id_cipher"] = self.vault.seals_hex(numbers, before="\\\\x")
        start, null = self._start, repeat(NULL)
        joined = map("\t".join, zip(*[values.get(f, null) for f in self._fields], strict=False))
        out: list[str | None] = [f"{start}{line}\n" for line in joined]
        for at in odd:
            out[at] = None
        return out

    def _texts(self, column: Row, limit: int, odd: set[int]) -> list[str]:
        """A column of texts, each as ``cells.text`` reads it."""
        try:
            joined = "".join(column)
            found = list(column)
        except TypeError:  # numbers, days or nothing among the texts
            found = [cell if type(cell) is str else cells.text(cell) for cell in column]
            joined = "".join(found)
        if not joined.isprintable():
            for at, text in enumerate(found):
                if not text.isprintable():
                    try:
                        found[at] = cells.text(text)
                    except CellError:
                        found[at] = ""
                        odd.add(at)
        if " " in joined:
            found = [text.strip() for text in found]
        if limit and max(map(len, found)) > limit:
            odd.update(at for at, text in enumerate(found) if len(text) > limit)
        return found

    def _names(self, column: Row, odd: set[int]) -> list[str]:
        found = self._texts(column, self.limit, odd)
        if set(map(type, column)) != {str} or not "".join(found).isalpha():
            for at, (text, cell) in enumerate(zip(found, column, strict=True)):
                if type(cell) is str and text.isalpha():
                    continue
                try:
                    found[at] = cells.name(cell)
                except CellError:
                    odd.add(at)
        return self._out(found, "name", odd)

    def _out(self, texts: list[str], field: str, odd: set[int]) -> list[str]:
        """Texts as COPY wants them; the rows without one are not plain where it is needed."""
        if "\\" in "".join(texts):
            texts = [text.replace("\\", "\\\\") for text in texts]
        if "" in texts:
            if field in self.needs:
                odd.update(at for at, text in enumerate(texts) if not text)
            texts = [text or NULL for text in texts]
        return texts

    def _agree(
        self, column: Row, said: Sequence[str], parse: Callable[[object], Any], odd: set[int]
    ) -> None:
        """Rows whose cell says something else than their number are not plain."""
        if column == said:
            return
        for at, (cell, other) in enumerate(zip(column, said, strict=True)):
            if cell == other or cell == "" or cell is None:
                continue
            try:
                value = parse(cell)
            except CellError:
                odd.add(at)
                continue
            if value is not None and value != "" and str(value) != other:
                odd.add(at)

    def _parsed(
        self, field: str, column: Row, parse: Callable[[object], Any], odd: set[int]
    ) -> list[str]:
        """A column of days, amounts, counts; most values come again and again."""
        read = self._read[field]
        if len(read) > _KEPT:
            read.clear()
        needed = field in self.needs
        # True is 1, and would be found as it.
        if bool in set(map(type, column)):
            odd.update(at for at, cell in enumerate(column) if type(cell) is bool)
            column = [None if type(cell) is bool else cell for cell in column]
        try:
            out = [read[cell] for cell in column]
        except KeyError:
            out = [
                self._moment(cell) or read.get(cell) or self._parse(cell, parse, read)
                for cell in column
            ]
        if needed and NULL in out or _ODD in out:
            for at, value in enumerate(out):
                if value == _ODD or needed and value == NULL:
                    odd.add(at)
        return out

    def _moment(self, cell: object) -> str:
        """A moment as systems write it, on a day that was read before; else nothing."""
        if (
            type(cell) is str
            and len(cell) == 19
            and cell[:10] in self._days
            and cell[10:13] in _HOURS
            and cell[13:16] in _SIXTY
            and cell[16:] in _SIXTY
        ):
            return cell + _ZONE
        return ""

    def _parse(self, cell: object, parse: Callable[[object], Any], read: dict[object, str]) -> str:
        """The value as COPY wants it, remembered; ``_ODD`` where it cannot be read."""
        try:
            value = None if cell is None or cell == "" else parse(cell)
        except CellError:
            found = _ODD
        else:
            found = NULL if value is None or value == "" else str(value)
        if type(cell) is str and found == cell + _ZONE and cell >= _STEADY:
            self._days.add(cell[:10])
        else:
            read[cell] = found
        return found

    def _located(
        self, towns: Iterable[str], villages: Iterable[str], count: int, odd: set[int]
    ) -> tuple[Iterable[str], Iterable[str]]:
        """The ids of town and village of each row."""
        named = list(zip(towns, villages, strict=False)) if self.placed else [("", "")] * count
        known = self._places
        try:
            found = [known[place] for place in named]
        except KeyError:
            # Not for rows that may be none: a 合计 under 乡镇 is no village to be proposed.
            for at, place in enumerate(named):
                if place not in known and at not in odd:
                    known[place] = self._place(*place)
            found = [known.get(place) for place in named]
        if None in found:
            odd.update(at for at, place in enumerate(found) if place is None)
            found = [place or (NULL, NULL) for place in found]
        town_ids, village_ids = zip(*found, strict=True)
        return town_ids, village_ids

    def _place(self, town: str, village: str) -> tuple[str, str] | None:
        """The ids as text; None where there is something to say of the place."""
        places = self.places
        if not town and not village and not places.own_town and "address" in self.told:
            return None
        found = places.locate(town, village, propose=self.propose)
        if isinstance(found, str):
            return None if self.propose or town else (NULL, NULL)
        if self.propose and not village and found[1] == places.unplaced.get(found[0]):
            return None
        return str(found[0]), str(found[1])
