"""Headings: where a sheet's names begin, and which column is which.

Offices put titles, 填报单位 and dates above the headings, merge two rows into one heading, break
lines inside a cell, put the columns in any order and several people in one row. `find` copes with
all of that and raises HeadingsUnknown where it does not, so that the page can ask once; the
answer is remembered under `signature`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from enrollment import cells

Row = Sequence[Any]

# Titles, the office and the date come first; headings further down than this are not looked for.
DEPTH = 30


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a kind of roster knows: the field's name, its heading and what else it is
    called. The two `repeated` columns, name first, may occur several times in a row."""

    field: str
    title: str
    aliases: Sequence[str] = ()
    required: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sheet is laid out; rows and columns are indexes from 0 into what `find` was given.

    `columns` has every recognised field once, `pairs` each (name, ID) of a row in order, `unknown`
    the headings that nothing was read from, `headings` all of them as they stand.
    """

    header_row: int
    first_data_row: int
    columns: dict[str, int]
    pairs: list[tuple[int, int]]
    unknown: list[str]
    headings: list[str]
    _keys: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @property
    def signature(self) -> str:
        return signature(self.headings)


class HeadingsUnknown(Exception):
    """The headings do not say enough. `headings` are those found (perhaps none), `missing` the
    required columns that none of them was recognised as."""

    def __init__(
        self, headings: list[str], missing: list[Column], header_row: int | None = None
    ) -> None:
        self.headings = headings
        self.missing = missing
        self.header_row = header_row
        self.signature = signature(headings)
        titles = "、".join(column.title for column in missing)
        if headings:
            message = (
                f"没有认出必需的列：{titles}。表头有：{'、'.join(headings)}。请指明各列的含义。"
            )
        else:
            message = f"没有找到表头。表格里应有一行写明各列的名称，至少要有：{titles}。"
        super().__init__(message)
        self.message = message


_REMARK = re.compile(
    r"[(（\[【](?:必填|选填|可选|必须|必填项|元|万元|人民币|单位.{0,5}?|人|个|岁|文本.*?|格式.*?"
    r"|\d+位|[^()（）]*?yyyy.*?|如.*?|例.*?|下拉.*?|请.*?|是[/／、]否|男[/／、]女)[)）\]】]",
    re.IGNORECASE,
)
_NUMBERING = re.compile(r"^\s*\d{1,2}\s*[.、．]\s*")
_NOT_WORD = re.compile(r"[\W_]+")


def key(heading: object) -> str:
    """What two spellings of a heading share: no spaces, breaks, marks, brackets or remarks."""
    raw = cells.shown(heading).translate(_FULL_WIDTH)
    raw = _NUMBERING.sub("", _REMARK.sub("", raw))
    return _NOT_WORD.sub("", raw).lower()


_FULL_WIDTH = {0xFF01 + i: 0x21 + i for i in range(94)}


def signature(headings: Sequence[str]) -> str:
    """A stable name for a set of headings, whatever their order, spacing and remarks."""
    keys = sorted({key(heading) for heading in headings} - {""})
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]


def find(
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    mapping: Mapping[str, str] | None = None,
) -> Layout:
    """Find the headings among a sheet's first rows.

    `mapping` is what somebody answered or put in a file, heading → field ("" for a column to
    leave out); it goes before every alias. Raises HeadingsUnknown.
    """
    names = _Names(columns, mapping or {})
    best: _Candidate | None = None
    for index, row in enumerate(rows[:DEPTH]):
        if is_blank(row):
            continue
        candidates = [_Candidate(index, (row,), names, above=rows[index - 1] if index else ())]
        if index + 1 < len(rows) and not is_blank(rows[index + 1]):
            candidates.append(_Candidate(index, (row, rows[index + 1]), names))
        for candidate in candidates:
            if best is None or candidate.score > best.score:
                best = candidate
    if best is None or not best.fields:
        guess = _likely(rows[:DEPTH])
        missing = [column for column in columns if column.required]
        raise HeadingsUnknown([] if guess is None else _texts(rows[guess]), missing, guess)
    missing = [c for c in columns if c.required and c.field not in best.fields]
    if missing:
        raise HeadingsUnknown(best.headings, missing, best.index)
    return best.layout()


def _likely(rows: Sequence[Row]) -> int | None:
    """The first row that looks like headings: as wide as the sheet, short texts, no numbers."""
    counts = [sum(1 for cell in row if cell not in ("", None)) for row in rows]
    widest = max(counts, default=0)
    for index, row in enumerate(rows):
        texts = [cell for cell in row if cell not in ("", None)]
        if len(texts) > max(1, widest // 2) and all(
            isinstance(cell, str) and len(cell) <= 30 for cell in texts
        ):
            return index
    return None


def _texts(row: Row) -> list[str]:
    return [" ".join(cells.shown(cell).split()) for cell in row if cell not in ("", None)]


class _Match(NamedTuple):
    """What a heading was recognised as; the lower `rank`, the better the name fits."""

    field: str
    rank: int
    member: str = ""  # whose: "" plain, "n" a numbered member, "r" head of household or spouse


# Words before 姓名 or 身份证号 where a row holds a whole household or a couple.
_MEMBER = re.compile(
    r"^(?:共同生活)?(?:家庭|户内|保障)?(?:成员|人员|对象)?(?:姓名)?第?(?:\d+|[一二三四五六七八九十]+)?(?:人|位)?"
)
_RELATION = re.compile(r"^(?:户主|申请人|本人|配偶|丈夫|妻子|夫|妻|男方|女方)")
_NUMBER = re.compile(r"(?:\d+|[一二三四五六七八九十])$")
# Columns under these are about somebody else than the person on the list.
_OTHERS = re.compile(
    r"监护人|代办|经办|联系人|填报|代理|父亲|母亲|承包|帮扶|责任人|村医|签约|户主|配偶|丈夫|妻子|男方|女方|申请人|本人"
)


def _is_about_others(heading: str) -> bool:
    return bool(_OTHERS.search(heading)) and not re.search(r"[:：]", heading)


class _Names:
    """Every name of every column, normalised once."""

    def __init__(self, columns: Sequence[Column], mapping: Mapping[str, str]) -> None:
        self.columns = columns
        self.known: dict[str, _Match] = {}
        self.repeated: dict[str, str] = {}
        for column in columns:
            for rank, name in enumerate((column.title, *column.aliases)):
                self.known.setdefault(key(name), _Match(column.field, rank + 1))
                if column.repeated:
                    self.repeated[key(name)] = column.field
        fields = {column.field for column in columns}
        for heading, wanted in mapping.items():
            if wanted and wanted not in fields:
                raise ValueError(f"列对照里的“{wanted}”不是这种名册的字段")
            self.known[key(heading)] = _Match(wanted, 0)
        self.pair = [column.field for column in columns if column.repeated][:2]

    def match(self, name: str) -> _Match | None:
        if not name:
            return None
        if found := self.known.get(name):
            return found
        for alias, repeated in self.repeated.items():
            if name.startswith(alias) and _NUMBER.fullmatch(name[len(alias) :]):
                return _Match(repeated, 50, "n")
            if name.endswith(alias):
                before = name[: -len(alias)]
                if _MEMBER.fullmatch(before):
                    return _Match(repeated, 50, "n")
                if _RELATION.fullmatch(before):
                    return _Match(repeated, 60, "r")
        return None


class _Candidate:
    """One or two rows read as headings."""

    def __init__(
        self, index: int, rows: tuple[Row, ...], names: _Names, *, above: Row = ()
    ) -> None:
        self.index = index
        self.rows = rows
        self.names = names
        self.headings: list[str] = []
        self.columns_of: list[int] = []
        matches: list[_Match | None] = []
        # 姓名 under a 监护人 in the row above is not the person on the list.
        others = {i for i, over, _ in _stacked((above, rows[0])) if _is_about_others(over)}
        for column, upper, lower in _stacked(rows):
            # A cell merged downwards may have its text in both rows.
            joined = f"{upper}{lower}" if upper and lower and upper != lower else upper or lower
            if not key(joined):
                continue
            match = names.match(key(joined))
            if column in others and len(rows) == 1:
                match = None
            elif match is None and lower and upper and not _is_about_others(upper):
                match = names.match(key(lower))
            shown = joined if joined in (upper, lower) else f"{upper} {lower}"
            self.headings.append(" ".join(shown.split()))
            self.columns_of.append(column)
            matches.append(match)
        self.pairs = _pairs(list(zip(self.columns_of, matches, strict=True)), names.pair)
        self.fields = self._choose(matches)
        # More columns recognised win; of equals the single row, and of those the upper, since
        # only a strictly better one replaces what was found first.
        self.score = (len(self.fields) + len(self.pairs), -len(rows))

    def _choose(self, matches: list[_Match | None]) -> dict[str, int]:
        """Each field's column: the best name wins, of equals the leftmost."""
        ranks: dict[str, int] = {}
        fields: dict[str, int] = {}
        paired = {column for pair in self.pairs for column in pair}
        for column, match in zip(self.columns_of, matches, strict=True):
            if match is None or not match.field:
                continue
            if match.member and column not in paired:
                continue
            if match.rank < ranks.get(match.field, 1000):
                ranks[match.field] = match.rank
                fields[match.field] = column
        if self.pairs and len(self.names.pair) == 2:
            fields.update(zip(self.names.pair, self.pairs[0], strict=True))
        return fields

    def layout(self) -> Layout:
        used = set(self.fields.values()) | {column for pair in self.pairs for column in pair}
        left_out = {key(h) for h, m in self.names.known.items() if m == _Match("", 0)}
        unknown = [
            heading
            for heading, column in zip(self.headings, self.columns_of, strict=True)
            if column not in used and key(heading) not in left_out
        ]
        return Layout(
            header_row=self.index,
            first_data_row=self.index + len(self.rows),
            columns=self.fields,
            pairs=self.pairs,
            unknown=unknown,
            headings=self.headings,
            _keys=tuple(tuple(key(cell) for cell in row) for row in self.rows),
        )


def _stacked(rows: tuple[Row, ...]) -> list[tuple[int, str, str]]:
    """Column, upper heading, lower heading; "" where there is none.

    A heading merged over several columns stands in the first of them only, so it is carried to
    the right as far as there is something below and nothing beside it.
    """
    if len(rows) == 1:
        return [(i, "", cells.shown(cell).strip()) for i, cell in enumerate(rows[0])]
    upper, lower = rows
    found = []
    carried = ""
    for i in range(max(len(upper), len(lower))):
        above = cells.shown(upper[i]).strip() if i < len(upper) else ""
        below = cells.shown(lower[i]).strip() if i < len(lower) else ""
        if above or not below:
            carried = above
        found.append((i, above or carried, below))
    return found


def _pairs(matches: list[tuple[int, _Match | None]], pair: list[str]) -> list[tuple[int, int]]:
    """The (name, ID) columns of each person in a row; they need not be neighbours."""
    if len(pair) != 2:
        return []
    found = [(c, m) for c, m in matches if m is not None and m.field in pair]
    if {m.field for _, m in found if not m.member} == set(pair):
        # 姓名 and 身份证号 stand there plainly: the head of the household or the spouse beside
        # them is told about, not on the list.
        found = [(c, m) for c, m in found if m.member != "r"]
    pairs: list[tuple[int, int]] = []
    waiting: tuple[int, _Match] | None = None
    for column, match in found:
        if waiting is not None and waiting[1].field != match.field:
            one, other = waiting[0], column
            pairs.append((one, other) if waiting[1].field == pair[0] else (other, one))
            waiting = None
        else:
            waiting = (column, match)
    return pairs


# ---------------------------------------------------------------- rows that are no data

_FILLER = re.compile(r"[\s.．。…⋯·•,，、~～*＊\-—_=]+")
_TOTAL = re.compile(
    r"(?:.{0,20}?)(?:合计|小计|总计|共计|累计|总合计)(?:人数|户数|金额)?(?:\d+(?:\.\d+)?[人户元]?)?"
)
_FOOTNOTE = re.compile(
    r"(?:备注|说明|填表说明|填报说明|注|注意|填报人|填表人|制表人|制表|审核人|审核|复核人|负责人|单位负责人"
    r"|主要负责人|分管领导|经办人|联系人|联系电话|填报单位|单位|填报时间|填报日期|填表日期|制表日期|制表时间"
    r"|日期|打印时间|打印日期|盖章|单位盖章)\s*(?:[(（][^)）]{0,12}[)）])?\s*\d{0,2}\s*[:：].*"
    r"|第\s*\d+\s*页.*|共\s*\d+\s*页.*|\d+\s*/\s*\d+\s*页",
    re.DOTALL,
)
_ID = re.compile(r"\d{17}[\dXxＸｘ](?:\d{2}(?:[A-Za-z]\d)?)?|\d{15}")


def is_blank(row: Row) -> bool:
    """Nothing in any cell, or only spaces."""
    return not any(cell is not None and (not isinstance(cell, str) or cell.strip()) for cell in row)


def is_filler(row: Row) -> bool:
    """Only dots or dashes: the "……" that stands for rows left out."""
    texts = _filled(row)
    return bool(texts) and all(isinstance(cell, str) and _FILLER.fullmatch(cell) for cell in texts)


def is_total(row: Row) -> bool:
    """合计, 小计, 总计, 共计 among the first texts, and nobody's ID."""
    texts = [cell for cell in _filled(row)[:4] if isinstance(cell, str)]
    return any(_TOTAL.fullmatch(re.sub(r"[\s:：]+", "", cell)) for cell in texts) and not _has_id(
        row
    )


def is_footnote(row: Row) -> bool:
    """备注：…, 填报人：…, 第1页 in the first cell, and nobody's ID."""
    texts = _filled(row)
    if not texts or not isinstance(texts[0], str):
        return False
    return bool(_FOOTNOTE.fullmatch(texts[0].strip())) and not _has_id(row)


def is_heading_again(row: Row, layout: Layout) -> bool:
    """The headings once more, as printing on several pages leaves them in mid-sheet."""
    for keys in layout._keys:
        same = other = 0
        for index, cell in enumerate(row):
            if cell is None or cell == "":
                continue
            if index < len(keys) and isinstance(cell, str) and keys[index] == key(cell) != "":
                same += 1
            else:
                other += 1
        if same >= 2 and same > 3 * other:
            return True
    return False


def ignorable(row: Row, layout: Layout) -> str:
    """Why a row below the headings is no data, in Chinese; "" for a row that must be judged.

    Cheap where a row holds an ID, which nearly every row does.
    """
    for _, column in layout.pairs:
        if column < len(row):
            cell = row[column]
            if type(cell) is str and len(cell) == 18 and cell[:17].isdecimal():
                return ""
    if is_blank(row):
        return "空行"
    if is_filler(row):
        return "省略行"
    if is_total(row):
        return "合计行"
    if is_heading_again(row, layout):
        return "重复的表头"
    if is_footnote(row):
        return "表尾说明"
    return ""


def _filled(row: Row) -> list[Any]:
    return [
        cell for cell in row if cell is not None and (not isinstance(cell, str) or cell.strip())
    ]


def _has_id(row: Row) -> bool:
    return any(isinstance(cell, str) and _ID.fullmatch(re.sub(r"\s+", "", cell)) for cell in row)
