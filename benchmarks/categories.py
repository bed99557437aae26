"""Make the eight category rosters of Jinzhai from a seed: annex 2 of the notice, to the digit.

    python -m benchmarks.categories --out DIR [--scale 0.01] [--seed 1] [--clean]

The people are those of `benchmarks.county` with the same scale and seed, and some the register
does not know. `categories.json` says how each file is handed in and what must come of it.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from benchmarks import forms, mess, sheets
from benchmarks.draft import Draft, plan, register_rows
from benchmarks.payments import half_up
from benchmarks.people import BASE_DATE, FIRST_DAY, invented_name, surname
from benchmarks.places import ALIASES, COUNTIES
from benchmarks.sheets import Column, Sheet, Value

LINES = ("特困", "孤儿", "优抚", "破产企业职工", "低保", "监测户", "重度残疾", "计生对象")
STANDARDS = (380, 380, 380, 380, 342, 190, 190, 190)
# Annex 2: row = the identity that pays, column = also held; the diagonal = people who pay there.
MATRIX = (
    (6447, 0, 101, 0, 0, 27, 2048, 195),
    (0, 213, 1, 0, 0, 15, 11, 0),
    (0, 0, 4555, 0, 287, 10, 318, 268),
    (0, 0, 0, 126, 2, 0, 3, 0),
    (0, 0, 0, 0, 21731, 994, 5149, 3056),
    (0, 0, 0, 0, 0, 683, 15, 49),
    (0, 0, 0, 0, 0, 0, 9676, 834),
    (0, 0, 0, 0, 0, 0, 0, 64150),
)
POOR, ORPHAN, LOW, WATCHED, DISABLED, FAMILY = 0, 1, 4, 5, 6, 7
STRANGE = 0.01  # share of the people with one identity whom the register does not know
FAMILY_KINDS = ("农村独生子女领证户夫妇", "农村双女绝育户夫妇", "计生手术并发症人员")
HOUSEHOLD = 7


@dataclass
class Somebody:
    """A person on at least one list; `strange` = not in the register."""

    name: str
    number: str
    town: str
    village: str
    household: str
    age: int = 40
    spouse: bool = False
    grade: int = 1
    strange: bool = False


@dataclass
class File:
    """How one file is handed in, and what it holds."""

    name: str
    category: str
    department: str
    held: int = 0
    rows: int = 0
    mess: dict[str, int] = field(default_factory=dict)


def scaled(scale: Decimal) -> list[list[int]]:
    """The matrix at a scale; at 1 it is annex 2."""
    return [[half_up(cell * scale) for cell in row] for row in MATRIX]


def combinations(matrix: Sequence[Sequence[int]]) -> Counter[tuple[int, ...]]:
    """People by the set of their identities, so that every cell of the matrix comes out.

    Somebody in row i with the set S counts once in each column of S. A quarter of the smallest
    three overlaps of a row becomes quadruple identities, a third of the largest two what is left
    triple ones, and the rest double; who has only the first fills the row up.
    """
    found: Counter[tuple[int, ...]] = Counter()
    for row, cells in enumerate(matrix):
        left = {column: cells[column] for column in range(row + 1, len(cells)) if cells[column]}
        if len(left) >= 3:
            three = sorted(sorted(left, key=lambda column: left[column])[:3])
            _take(found, left, row, three, -(-min(left[column] for column in three) // 4))
        if len(left) >= 2:
            two = sorted(sorted(left, key=lambda column: -left[column])[:2])
            _take(found, left, row, two, -(-min(left[column] for column in two) // 3))
        for column in list(left):
            _take(found, left, row, [column], left[column])
        several = sum(count for who, count in found.items() if who[0] == row)
        found[(row,)] += cells[row] - several
        if found[(row,)] < 0:
            raise ValueError(f"{LINES[row]}: more overlaps than people")
    return +found


def _take(
    found: Counter[tuple[int, ...]], left: dict[int, int], row: int, also: list[int], count: int
) -> None:
    if count > 0:
        found[(row, *also)] += count
        for column in also:
            left[column] -= count


def write(out: Path, scale: float = 1.0, seed: int = 1, *, spoilt: bool = True) -> Path:
    """Write the eight files into `out` and return the path of `categories.json`."""
    out.mkdir(parents=True, exist_ok=True)
    draft = plan(COUNTIES["jinzhai"], Decimal(str(scale)), seed)
    matrix = scaled(Decimal(str(scale)))
    wanted = combinations(matrix)
    lists = _choose(draft, wanted, Random(f"categories {scale} {seed}"))
    writer = Writer(draft, out, Random(f"category files {scale} {seed}"), spoilt=spoilt)
    files = writer.all(lists)
    raw = [sum(matrix[row][column] for row in range(8)) for column in range(8)]
    truth = {
        "note": "演示数据，非真实统计",
        "lines": LINES,
        "standards": STANDARDS,
        "matrix": matrix,
        "raw": raw,
        "duplicates": [raw[i] - matrix[i][i] for i in range(8)],
        "distinct": [matrix[i][i] for i in range(8)],
        "amounts": [matrix[i][i] * STANDARDS[i] for i in range(8)],
        "total": {
            "raw": sum(raw),
            "duplicates": sum(raw) - sum(matrix[i][i] for i in range(8)),
            "distinct": sum(matrix[i][i] for i in range(8)),
            "amount": sum(matrix[i][i] * STANDARDS[i] for i in range(8)),
        },
        "people_by_identities": dict(
            sorted(Counter(str(len(who)) for who in wanted.elements()).items())
        ),
        "strangers": writer.strangers,
        "as_of": "2023-09-01",
        "files": [vars(one) for one in files],
    }
    path = out / "categories.json"
    path.write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _choose(draft: Draft, wanted: Counter[tuple[int, ...]], random: Random) -> list[list[Somebody]]:
    """The eight lists. 低保 takes whole households, 计生 couples, as far as one identity goes."""
    households: dict[str, list[Somebody]] = {}
    for row in register_rows(draft):
        household, relation, name, _, born, _, number, town, village, _, _ = row
        age = (BASE_DATE.year - int(born[:4])) - (born[5:] > "08-31")
        households.setdefault(household, []).append(
            Somebody(name, number, town, village, household, age, relation in ("户主", "配偶"))
        )
    order = list(households)
    random.shuffle(order)
    couples = [key for key in order if sum(one.spouse for one in households[key]) == 2]
    pairs = -(-wanted[FAMILY,] // 2)
    coupled, kept = couples[:pairs], set(couples[:pairs])
    rest = iter([key for key in order if key not in kept])
    lists: list[list[Somebody]] = [[] for _ in LINES]

    def strangers(count: int, young: bool) -> Iterator[Somebody]:
        for _ in range(count):
            yield _stranger(draft, random, young)

    def enlist(who: tuple[int, ...], somebody: Somebody) -> None:
        somebody.grade = 1 + (random.random() < 0.6)
        for line in who:
            lists[line].append(somebody)

    for who, count in sorted(wanted.items()):
        alone = len(who) == 1
        strange = round(count * STRANGE) if alone else 0
        for somebody in strangers(strange, ORPHAN in who):
            enlist(who, somebody)
        count -= strange
        if who == (FAMILY,):
            people = [one for key in coupled for one in households[key] if one.spouse]
            for somebody in people[:count]:
                enlist(who, somebody)
            continue
        while count:
            members = households[next(rest)]
            fitting = [one for one in members if (one.age < 18) == (ORPHAN in who)]
            for somebody in (members if who == (LOW,) else fitting[:1])[:count]:
                enlist(who, somebody)
                count -= 1
    place = {area.town: number for number, area in enumerate(draft.areas)}
    for people in lists:
        people.sort(key=lambda one: (place.get(one.town, 99), one.village, one.household))
    return lists


def _stranger(draft: Draft, random: Random, young: bool) -> Somebody:
    years = random.uniform(1, 17) if young else random.uniform(20, 75)
    male = random.random() < 0.5
    name = invented_name(random, surname(random), male, int(years))
    number = draft.others.new((BASE_DATE - FIRST_DAY).days - int(years * 365.25), male)
    area = random.choice(draft.areas)
    return Somebody(name, number, area.town, "", f"~{number}", int(years), strange=True)


class Writer:
    """Each department's form; `strangers` counts different people the register does not know."""

    def __init__(self, draft: Draft, out: Path, random: Random, *, spoilt: bool) -> None:
        self.draft, self.out, self.random, self.spoilt = draft, out, random, spoilt
        self.strangers = 0

    def all(self, lists: list[list[Somebody]]) -> list[File]:
        poor, orphans, honoured, workers, low, watched, disabled, family = lists
        self.strangers = len({one.number for people in lists for one in people if one.strange})
        return [
            self.plain(
                File("01-民政-特困人员.xlsx", "特困人员", "县民政局"),
                ("序号", "地区", "乡镇", "村", "供养方式", "救助证号", "姓名", "证件号",
                 "纳入时间"),
                poor,
                lambda i, p: (i, "金寨县", p.town, self.village(p), "分散供养", f"T{i:06d}",
                              p.name, p.number, self.day()),
            ),
            self.plain(
                File("02-民政-孤儿.xlsx", "孤儿", "县民政局"),
                ("序号", "姓名", "身份证号码", "乡镇", "行政村", "监护人姓名", "认定时间"),
                orphans,
                lambda i, p: (i, p.name, p.number, p.town, self.village(p), "某某", self.day()),
            ),
            self.plain(
                File("03-退役军人-优抚对象.xlsx", "优抚对象", "县退役军人局"),
                ("序号", "姓名", "公民身份号码", "优抚类别", "镇街", "村居"),
                honoured,
                lambda i, p: (i, p.name, p.number, self.random.choice(("优抚", "重点优抚对象")),
                              p.town, self.village(p)),
            ),
            self.plain(
                File("04-人社-下岗职工.xlsx", "下岗职工", "县人社局"),
                ("序号", "原单位", "姓名", "身份证号", "乡镇"),
                workers,
                lambda i, p: (i, "县某某厂", p.name, p.number, p.town),
            ),
            self.households(File("05-民政-农村低保.xlsx", "低保", "县民政局"), low),
            self.plain(
                File("06-乡村振兴-监测户.xlsx", "监测户", "县乡村振兴局"),
                ("序号", "数据日期", "乡(镇)", "行政村", "户编号", "姓名", "证件号码", "与户主关系",
                 "监测对象类别", "识别监测时间", "风险是否已消除"),
                watched,
                lambda i, p: (i, "2023-09-01", p.town, self.village(p), p.household, p.name,
                              p.number, "户主", self.random.choice(("脱贫不稳定户", "边缘易致贫户",
                              "突发严重困难户")), 202100 + 1 + i % 12, "否"),
            ),
            self.plain(
                File("07-残联-重度残疾人.xlsx", "残疾", "县残联"),
                ("姓名", "残疾人证号", "性别", "残疾类别", "家庭地址", "乡镇", "村", "残疾等级"),
                disabled,
                lambda i, p: (p.name, self.certificate(p), "", "肢体", "某组", p.town,
                              self.village(p), ("一级", "二级")[p.grade - 1]),
                number=1,
            ),
            self.couples(File("08-卫健-计生对象.xlsx", "", "县卫健委"), family),
        ]  # fmt: skip

    def plain(
        self,
        file: File,
        headings: tuple[str, ...],
        people: list[Somebody],
        line: Callable[[int, Somebody], tuple[Value, ...]],
        number: int = -1,
    ) -> File:
        rows = [line(position, one) for position, one in enumerate(people, 1)]
        at = number if number >= 0 else headings.index(_number_heading(headings))
        columns = [at]
        file.held = len(people)
        town = next(i for i, h in enumerate(headings) if h in ("乡镇", "镇街", "乡(镇)"))
        return self._write(file, headings, rows, columns, town, name=headings.index("姓名"))

    def households(self, file: File, people: list[Somebody]) -> File:
        """农村低保: one row per household, the first name and number not side by side."""
        headings = ("乡镇", "村", "户主", "享受类别", "低保类别", "人口", "开户行", "姓名1",
                    "与户主关系1", "身份证号1", *(f"{word}{i}" for i in range(2, HOUSEHOLD + 1)
                                   for word in ("姓名", "身份证号")))  # fmt: skip
        rows: list[tuple[Value, ...]] = []
        for members in _grouped(people, HOUSEHOLD):
            first = members[0]
            cells: list[Value] = [first.town, self.village(first), first.name, "差额",
                                  self.random.choice("ABC") + "类", len(members), "",
                                  first.name, "户主", first.number]  # fmt: skip
            for one in members[1:]:
                cells += [one.name, one.number]
            rows.append((*cells, *("",) * (len(headings) - len(cells))))
        file.held = len(people)
        columns = [9, *range(11, len(headings), 2)]
        return self._write(file, headings, rows, columns, town=0, name=7)

    def couples(self, file: File, people: list[Somebody]) -> File:
        """计生: husband and wife in one row, and which of the three kinds they are."""
        headings = ("序号", "乡镇", "村（居）", "计生类别", "光荣证号", "女方姓名", "女方身份证号",
                    "男方姓名", "男方身份证号", "备注")  # fmt: skip
        rows: list[tuple[Value, ...]] = []
        for position, members in enumerate(_grouped(people, 2), 1):
            kind = self.random.choices(FAMILY_KINDS, (6, 3, 0.2))[0]
            wife = next((one for one in members if int(one.number[16]) % 2 == 0), None)
            husband = next((one for one in members if one is not wife), None)
            cells: list[Value] = [position, members[0].town, self.village(members[0]), kind,
                                  f"G{position:07d}"]  # fmt: skip
            for one in (wife, husband):
                cells += [one.name, one.number] if one else ["", ""]
            rows.append((*cells, "" if len(members) == 2 else "丧偶"))
        file.held = len(people)
        return self._write(file, headings, rows, [6, 8], town=1, name=5)

    def _write(
        self,
        file: File,
        headings: tuple[str, ...],
        rows: list[tuple[Value, ...]],
        numbers: list[int],
        town: int,
        name: int,
    ) -> File:
        titles = forms.titles(self.draft.county, "资助对象名单", file.department, "2023年9月1日")
        if self.spoilt and rows:
            rows, file.mess = _spoil(rows, self.random, self._invalid, numbers, town, name)
        columns = [Column(24) if i in numbers else Column(12) for i in range(len(headings))]
        merges = forms.title_merges(len(headings))
        page = Sheet("名单", columns, rows, [headings], titles, merges=merges)
        file.rows = sheets.write(self.out / file.name, [page])
        return file

    def village(self, one: Somebody) -> str:
        return ALIASES.get(one.village, one.village)

    def day(self) -> str:
        year, month = 2015 + self.random.randrange(8), 1 + self.random.randrange(12)
        return self.random.choice(
            (f"{year}-{month:02d}-01", f"{year}年{month}月", f"{year}.{month}.1")
        )

    def certificate(self, one: Somebody) -> str:
        reissued = "B1" if self.random.random() < 0.1 else ""
        return f"{one.number}{self.random.randrange(1, 8)}{one.grade}{reissued}"

    def _invalid(self) -> tuple[str, str]:
        """A name and a number whose check digit is wrong."""
        one = _stranger(self.draft, self.random, young=False)
        return one.name, one.number[:17] + ("1" if one.number[17] == "0" else "0")


def _grouped(people: list[Somebody], most: int) -> Iterator[list[Somebody]]:
    """Neighbours of one household, at most `most` together; the list is sorted by household."""
    members: list[Somebody] = []
    for one in people:
        if members and (members[0].household != one.household or len(members) == most):
            yield members
            members = []
        members.append(one)
    if members:
        yield members


def _number_heading(headings: tuple[str, ...]) -> str:
    return next(h for h in headings if h in forms.NUMBER_HEADINGS or h == "证件号")


def _spoil(
    rows: list[tuple[Value, ...]],
    random: Random,
    invalid: Callable[[], tuple[str, str]],
    numbers: list[int],
    town: int,
    name: int,
) -> tuple[list[tuple[Value, ...]], dict[str, int]]:
    """Numbers in other spellings, rows twice, numbers that are wrong, 小计, blanks and 合计."""
    counts: Counter[str] = Counter()
    first = numbers[0]
    spellings: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("full_width", lambda text: text.translate(mess.FULL_WIDTH)),
        ("spaced", lambda text: f"\u3000{text[:6]} {text[6:14]}\u00a0{text[14:]}\u200b"),
        ("apostrophe", lambda text: f"'{text}"),
        ("lower_case", str.lower),
    )
    each = max(1, min(20, len(rows) // 40))
    lines = [list(row) for row in rows]
    numbered = [line for line in lines if line[first]]
    for sort, spelling in spellings:
        for line in random.sample(numbered, min(each, len(numbered))):
            line[first] = spelling(str(line[first]))
            counts[sort] += 1
    found: list[tuple[Value, ...]] = []
    extra = set(random.sample(range(len(lines)), min(each, len(lines))))
    people = 0
    for position, line in enumerate(lines):
        found.append(tuple(line))
        people += 1
        if position in extra:
            found.append(tuple(line))
            counts["repeated"] += sum(1 for at in numbers if line[at])
            wrong: list[Value] = list(line)
            for at in numbers[1:]:
                wrong[at] = wrong[at - 1] = ""
            wrong[name], wrong[first] = invalid()
            found.append(tuple(wrong))
            counts["wrong_number"] += 1
        ends = position + 1 == len(lines) or lines[position + 1][town] != line[town]
        if ends:
            found.append(("小计", *("",) * (len(line) - 2), people))
            people = 0
            counts["subtotal"] += 1
            if random.random() < 0.3:
                found.append(("",) * len(line))
                counts["blank"] += 1
    found.append(("合  计", *("",) * (len(lines[0]) - 2), len(lines)))
    counts["total"] += 1
    return found, dict(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make Jinzhai's eight category rosters.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clean", action="store_true", help="leave the lists unspoilt")
    options = parser.parse_args()
    started = time.perf_counter()
    path = write(options.out, options.scale, options.seed, spoilt=not options.clean)
    total = json.loads(path.read_text(encoding="utf-8"))["total"]
    print(f"{path}: {total} in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
