"""From a file to staging: every row parsed and checked, nothing decided yet.

This is the loop that runs 700,000 times; what it does per row is kept cheap on purpose.
"""

import gc
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import count, repeat
from operator import itemgetter
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from enrollment import cells, documents, headings, workbook
from enrollment.cells import CellError
from enrollment.documents import DocumentError
from enrollment.jobs import Watch
from enrollment.models import HeadingMap, Roster
from enrollment.roster.kinds import Kind, Line
from enrollment.roster.places import Places
from enrollment.roster.plain import PlainRows, Plan
from enrollment.vault import Vault, vault

FIELDS = (
    "sheet", "row", "part", "fate", "code", "reason",
    "doc_type", "id_index", "tail_index", "id_cipher", "name", "sex", "birth", "phone",
    "household_number", "relation", "address", "day", "note",
    "amount", "paid_at", "arrived_at", "channel", "serial", "number", "facts",
    "town_id", "village_id",
)  # fmt: skip
# Columns every kind has; the others are staged where a kind names them.
ALWAYS = {
    "sheet", "row", "part", "fate", "code", "reason", "doc_type", "id_index", "tail_index",
    "id_cipher", "name", "sex", "birth", "phone", "facts", "town_id", "village_id",
}  # fmt: skip
TEXTS = ("code", "reason", "name", "phone", "household_number", "relation", "address", "note",
         "channel", "serial")  # fmt: skip
FILLED_DOWN = {"town", "village", "household_number", "address"}
_LONG_NUMBER = re.compile(r"\d{14,}[Xx]?")
TOTAL_ROW = "合计行"
BATCH = 2000
PHASES = {"checking": "检查文件", "opening": "打开文件", "reading": "读取并核对"}


@dataclass
class Reading:
    """What a reading found besides its rows."""

    headings: list[str] = field(default_factory=list)
    staged: int = 0
    proposals: list[dict[str, Any]] = field(default_factory=list)
    unread_sheets: list[str] = field(default_factory=list)
    pages: list[tuple[int, int, bytes]] = field(default_factory=list)
    unknown_words: list[dict[str, Any]] = field(default_factory=list)


def _sex(value: object) -> str:
    text = cells.text(value)
    if text in ("男", "女", ""):
        return text
    if text in ("1", "男性", "2", "女性"):
        return "男" if text in ("1", "男性") else "女"
    raise CellError("应为男或女")


def _moment(value: object) -> datetime | None:
    found = cells.moment(value)
    return found.at if found else None


def _day(value: object) -> date | None:
    return cells.day(value, month="first")


PARSERS: dict[str, Callable[[object], Any]] = {
    "name": cells.name,
    "sex": _sex,
    "birth": cells.day,
    "day": _day,
    "recognised_on": _day,
    "ends_on": _day,
    "amount": cells.money,
    "paid_at": _moment,
    "arrived_at": _moment,
    "number": cells.whole,
    # As it stands: a number that Excel made a quantity of must be recognised as lost.
    "mother_number": lambda value: value,
}
LIMITS = {
    "name": 60, "phone": 30, "household_number": 40, "relation": 20, "address": 200,
    "note": 200, "channel": 40, "serial": 60,
}  # fmt: skip


def stage(
    roster: Roster, kind: Kind, path: Path, *, watch: Watch, mapping: dict[str, str] | None
) -> Reading:
    """Read the file at ``path`` into staging. Raises Refused (the file) or HeadingsUnknown."""
    reader = _Reader(roster, kind, mapping)
    copy = f"COPY enrollment_stage (roster_id, {', '.join(reader.fields)}) FROM STDIN"

    def progress(phase: str, done: int, total: int | None) -> None:
        watch.tell(PHASES[phase], done, total)

    blocks = workbook.read(path, roster.file_name, sheet=roster.sheet or None, on_progress=progress)
    with _uncollected(), connection.cursor() as cursor, cursor.copy(copy) as sink:
        for lines in reader.lines(blocks):
            sink.write("".join(lines))
    return reader.finish()


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: rows are millions of objects and no cycle.

    It would walk through all of them again and again, a third of the time spent here.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def columns_for(roster: Roster, kind: Kind) -> tuple[headings.Column, ...]:
    """The kind's columns; without a topic for the whole file, the one that tells it is needed."""
    if roster.topic or not kind.topic_column:
        return kind.columns
    return tuple(
        replace(column, required=True) if column.field == kind.topic_column else column
        for column in kind.columns
    )


class _Reader:
    def __init__(self, roster: Roster, kind: Kind, mapping: dict[str, str] | None) -> None:
        self.roster, self.kind, self.mapping = roster, kind, mapping
        self.places = Places(roster.county, roster.region, propose=kind.makes_villages)
        self.vault: Vault = vault()
        # What this department answered when its headings were asked for.
        self.remembered: dict[str, dict[str, str]] = dict(
            HeadingMap.objects.filter(
                county=roster.county, department=roster.department, kind=kind.key
            ).values_list("signature", "mapping")
        )
        self.today = timezone.localdate()
        self.result = Reading()
        self.unrecognised: list[headings.HeadingsUnknown] = []
        self.columns = columns_for(roster, kind)
        self.split = kind.split(roster) if kind.split else None
        self.titles = {column.field: column.title for column in kind.columns}
        told = {column.field for column in kind.columns}
        self.fields = [name for name in FIELDS if name in ALWAYS or name in told]
        self._pattern = f"{roster.pk}" + "\t%s" * len(self.fields) + "\n"
        self.declared: list[int] = []
        self.pairs: list[tuple[int, int]] = []
        self.many = False
        self._json = json.JSONEncoder(ensure_ascii=False, default=cells.shown).encode

    # ------------------------------------------------------------ sheets

    def lines(self, blocks: Iterator[workbook.Block]) -> Iterator[list[str]]:
        """COPY lines in batches, sheet by sheet; each sheet's own headings are found first."""
        current = -1
        skipping = visible_read = False
        plan: Plan = []
        plain: PlainRows | None = None
        below: set[int] = set()
        head: list[list[Any]] = []
        layout: headings.Layout | None = None
        for block in blocks:
            rows, first = block.rows, block.first_row
            if block.sheet_index != current:
                current, head, layout = block.sheet_index, [], None
                skipping = block.hidden and not self.roster.sheet
                if skipping:
                    self.result.unread_sheets.append(f"{block.sheet_name}（隐藏）")
            if skipping:
                continue
            if layout is None:
                head = rows
                if all(headings.is_blank(row) for row in head):
                    continue
                try:
                    layout = self._recognise(head)
                except headings.HeadingsUnknown as unknown:
                    self.unrecognised.append(unknown)
                    self.result.unread_sheets.append(f"{block.sheet_name}（表头不认识）")
                    skipping = True
                    continue
                visible_read = True
                self.result.headings = self.result.headings or list(layout.headings)
                plan = self._plan(layout)
                plain = self._plain(layout, plan)
                yield [
                    self._ignored(current, first + at, "标题行")
                    for at in range(min(layout.first_data_row, len(rows)))
                ]
                below = {layout.columns[f] for f in FILLED_DOWN & set(layout.columns)}
                _fill_down(block, below)
                rows, first = rows[layout.first_data_row :], first + layout.first_data_row
            else:
                _fill_down(block, below)
            if rows:
                self._keep(current, first, rows)
            for start in range(0, len(rows), BATCH):
                batch, at = rows[start : start + BATCH], first + start
                made = plain.lines(current, at, batch) if plain else repeat(None)
                out: list[str] = []
                for number, row, line in zip(count(at), batch, made, strict=False):
                    if line is None:
                        self._row(out, current, number, row, layout, plan)
                    else:
                        out.append(line)
                self.result.staged += len(batch)
                yield out
        if not visible_read:
            if self.unrecognised:
                raise self.unrecognised[0]
            raise workbook.Refused("no_rows", "文件里没有可读的行，请检查后重新上传。")

    def _recognise(self, head: list[list[Any]]) -> headings.Layout:
        """The sheet's layout; headings nobody knows may have been explained once before."""
        try:
            return headings.find(head, self.columns, mapping=self.mapping)
        except headings.HeadingsUnknown as unknown:
            if self.mapping or (known := self.remembered.get(unknown.signature)) is None:
                raise
            return headings.find(head, self.columns, mapping=known)

    def finish(self) -> Reading:
        town_names = self.places.names
        self.result.proposals = [
            {"id": pk, "town": town, "town_name": town_names.get(town, ""), "name": name}
            for (town, name), pk in self.places.proposals.items()
        ]
        if self.split:
            self.result.unknown_words = [
                {"word": word, "count": count} for word, count in self.split.unknown.most_common()
            ]
        return self.result

    def _plan(self, layout: headings.Layout) -> Plan:
        """What to parse where: every recognised column but name and number, which come in pairs."""
        columns = layout.columns
        self.pairs = layout.pairs or [(columns.get("name", -1), columns.get("id_number", -1))]
        self.many = len(self.pairs) > 1
        self.declared = sorted(
            {*layout.columns.values(), *(column for pair in layout.pairs for column in pair)}
        )
        return [
            (field, index, PARSERS.get(field, cells.text), LIMITS.get(field, 0))
            for field, index in columns.items()
            if field not in ("name", "id_number")
        ]

    def _plain(self, layout: headings.Layout, plan: Plan) -> PlainRows | None:
        """The quick way through this sheet's plain rows, where the kind has such."""
        kind, places = self.kind, self.places
        if kind.plain is None or self.split or self.many or not layout.pairs:
            return None
        if kind.check and places.own_town:
            return None
        return PlainRows(
            roster=self.roster.pk,
            fields=self.fields,
            plan=plan,
            pair=self.pairs[0],
            limit=LIMITS["name"],
            needs=kind.plain,
            places=places,
            propose=kind.makes_villages,
            vault=self.vault,
            today=self.today,
        )

    # ------------------------------------------------------------ rows

    def _ignored(self, sheet: int, row: int, why: str) -> str:
        return self._copy(
            {"sheet": sheet, "row": row, "part": 0, "fate": "ignored", "code": "", "reason": why}
        )

    def _row(
        self,
        out: list[str],
        sheet: int,
        number: int,
        row: list[Any],
        layout: headings.Layout,
        plan: Plan,
    ) -> None:
        """Parse one row into as many lines as it has people."""
        why = headings.ignorable(row, layout)
        if why and not (self.kind.reads_totals and why == TOTAL_ROW):
            out.append(self._ignored(sheet, number, why))
            return
        width = len(row)
        shared: dict[str, Any] = {"code": "", "reason": ""}
        problems: list[str] = []
        remarks: list[str] = []
        text = cells.text
        for field_name, index, parse, limit in plan:
            cell = row[index] if index < width else ""
            if cell == "" or cell is None:
                continue
            try:
                if parse is text and type(cell) is str and cell.isprintable():
                    value: Any = cell.strip()  # what text() would do, without the call
                else:
                    value = parse(cell)
            except CellError as error:
                # Reasons are kept in clear, so a number that strayed into this column is not said.
                said = _LONG_NUMBER.sub("***", " ".join(cells.shown(cell)[:40].split()))
                problems.append(f"{self.titles[field_name]}“{said}”：{error}")
                continue
            if value is None or value == "":
                continue
            if limit and len(value) > limit:
                problems.append(f"{self.titles[field_name]}超过{limit}个字")
                continue
            if field_name == "household_number" and (label := self._label_of(value)):
                value = label
                remarks.append("户号是证件号码，不以明文保存，改用编号")
            shared[field_name] = value
        part = 0
        for name_at, id_at in self.pairs:
            name_cell = row[name_at] if 0 <= name_at < width else ""
            id_cell = row[id_at] if 0 <= id_at < width else ""
            if name_cell == "" and id_cell == "" and len(self.pairs) > 1:
                continue
            line = Line(dict(shared) if self.many else shared, list(problems), list(remarks))
            if problems:
                line.code = "bad_cell"
            if self.kind.about_people:
                if name_cell != "":
                    try:
                        if name := cells.name(name_cell):
                            if len(name) > LIMITS["name"]:
                                line.refuse("bad_cell", f"姓名超过{LIMITS['name']}个字")
                            line.values["name"] = name
                    except CellError as error:
                        line.refuse("bad_cell", f"姓名：{error}")
                if not self.kind.number_optional or cells.shown(id_cell).strip():
                    self._identify(line, id_cell)
                self._locate(line)
            if self.kind.check:
                self.kind.check(line, self.places)
            for told in self.split(line) if self.split else (line,):
                out.append(self._line(told, sheet, number, part))
                part += 1
        if not part:
            out.append(self._ignored(sheet, number, "空行"))

    def _label_of(self, household: str) -> str:
        """A label for a household that is numbered by its head's document, else nothing.

        Drawn from the keyed index, so that the household is found again and the number is not.
        """
        if len(household) < 18:
            return ""
        try:
            document = documents.check(household, today=self.today)
        except DocumentError:
            return ""
        if document.kind != "resident-id":
            return ""
        return f"证件户{self.vault.index_hex(document.number)[:12]}"

    def _identify(self, line: Line, cell: object) -> None:
        """The document's number: checked, indexed, encrypted; what it says of birth and sex."""
        values = line.values
        try:
            document = documents.check(cell, today=self.today)
        except DocumentError as error:
            line.refuse("bad_id", f"身份证号：{error}")
            return
        kind, number, birth, sex, note, warning = document[:6]
        if note:
            line.remarks.append(note)
        if warning:
            line.remarks.append(warning)
        seal = self.vault
        values["doc_type"] = kind
        values["id_index"] = seal.index_hex(number)
        values["id_cipher"] = "\\\\x" + seal.seal(number).hex()
        if birth:
            values["tail_index"] = seal.index_hex(f"{birth:%Y%m%d}{number[-4:]}")
            if (said := values.get("birth")) and said != birth:
                line.remarks.append(f"出生日期与证件号不符（表中为{said}），以证件号为准")
            values["birth"] = birth
        if sex:
            if (told := values.get("sex")) and told != sex:
                line.remarks.append(f"性别与证件号不符（表中为{told}），以证件号为准")
            values["sex"] = sex
        if document.grade:
            values["grade"] = document.grade

    def _locate(self, line: Line) -> None:
        """Town and village of the row; what is not known is a problem only where it matters."""
        values, places, propose = line.values, self.places, self.kind.makes_villages
        town, village = values.pop("town", ""), values.pop("village", "")
        if not town and not village and not places.own_town and (spelt := values.get("address")):
            found: tuple[int, int] | str | None = places.locate_by_address(spelt, propose=propose)
            found = found or "住址中没有本县的乡镇"
        else:
            found = places.locate(town, village, propose=propose)
        if isinstance(found, str):
            if propose:
                line.refuse("unknown_place", found)
            elif town:
                line.remarks.append(found)
            return
        values["town_id"], values["village_id"] = found
        if propose and not village and found[1] == places.unplaced.get(found[0]):
            line.remarks.append("没有村名，先放在该乡镇的未落实")

    def _line(self, line: Line, sheet: int, number: int, part: int) -> str:
        values = line.values
        values["sheet"], values["row"], values["part"] = sheet, number, part
        if "facts" in values:
            values["facts"] = self._json(values["facts"]).replace("\\", "\\\\")
        if line.problems:
            values["fate"], values["code"] = "problems", line.code
            values["reason"] = "；".join(line.problems)[:300]
            values.setdefault("name", "")
        elif line.remarks:
            values["reason"] = "；".join(line.remarks)[:300]
        return self._copy(values)

    def _keep(self, sheet: int, first: int, rows: list[list[Any]]) -> None:
        """Seal a run of rows, the declared cells only, for when the file is long gone."""
        declared = self.declared
        last = max(declared, default=0)
        if len(declared) > 1 and min(map(len, rows)) > last:
            kept: list[Any] = list(map(itemgetter(*declared), rows))
        else:
            kept = [[row[i] if i < len(row) else "" for i in declared] for row in rows]
        packed = zlib.compress(self._json(kept).encode(), 1)
        self.result.pages.append((sheet, first, self.vault.seal_bytes(packed)))

    def _copy(self, values: dict[str, Any]) -> str:
        """A line of PostgreSQL's COPY text format: text escaped, the rest is safe as it is."""
        get = values.get
        for name in TEXTS:
            if (text := get(name)) and "\\" in text:
                values[name] = text.replace("\\", "\\\\")
        return self._pattern % tuple(
            ["\\N" if (value := get(name)) is None else value for name in self.fields]
        )


def _fill_down(block: workbook.Block, columns: set[int]) -> None:
    """Give rows under a cell merged downwards its text, for place and household only."""
    for at, column, value in block.merged:
        if column in columns:
            row = block.rows[at]
            row.extend([""] * (column + 1 - len(row)))
            row[column] = value
