"""Category lists that go with what people of a generated county have paid.

The eight rosters of `benchmarks.categories` give annex 2 to the digit and know nothing of the
payments. A demonstration wants the other way round: who paid 38 is on the list that makes it 38,
some on a list have not paid, and a few have paid what no list explains. The people and payments
are those of `benchmarks.county` with the same scale and seed.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from benchmarks.categories import File, Somebody, Value, Writer
from benchmarks.draft import Draft, plan, register_rows
from benchmarks.payments import WINDOW_END, Row
from benchmarks.people import BASE_DATE
from benchmarks.places import COUNTIES

SECOND = 0.2  # share of holders with a second identity that pays no more than the first
UNPAID = 0.1  # people on a list who have not paid, for each who has
FULL_PRICE = 0.03  # people on a list who paid as if they were on none
UNEXPLAINED = 0.02  # people on no list who paid as if they were on one
WRONG = 0.02  # people on a list who paid the price of another
AFTERWARDS = 12  # people put on a list after they paid, inside the window
STEADY = 0.05  # share of the rest on a list that only counts for cover


@dataclass(frozen=True)
class Kind:
    """Who can be on a list: what they pay in the first tier, how many of these, and their age."""

    key: str
    pays: int
    weight: int
    young: bool | None = None


# The eight lists of Jinzhai in the order of `categories.LINES`.
JINZHAI = (
    Kind("特困", 0, 60, young=False),
    Kind("孤儿", 0, 20, young=True),
    Kind("优抚", 0, 40, young=False),
    Kind("破产企业职工", 0, 4, young=False),
    Kind("低保", 38, 100),
    Kind("监测户", 190, 8),
    Kind("残疾", 190, 30),
    Kind("计生", 190, 60, young=False),
)
YUEYANG = (
    Kind("特困供养人员", 0, 50, young=False),
    Kind("孤儿", 0, 15, young=True),
    Kind("重度残疾人", 0, 40, young=False),
    Kind("低保对象", 190, 60),
    Kind("监测对象", 190, 15),
    Kind("最低生活保障边缘家庭成员", 190, 10),
    Kind("三、四级中轻度残疾对象", 190, 20, young=False),
)
NONGBA = (
    Kind("特困人员", 0, 60, young=False),
    Kind("孤儿", 0, 10, young=True),
    Kind("计划生育特别扶助对象及子女", 0, 10, young=False),
    Kind("计划生育手术并发症对象", 0, 2, young=False),
    Kind("城乡低保对象", 38, 100),
    Kind("低保边缘户", 114, 30),
    Kind("重度残疾", 114, 30, young=False),
    Kind("监测", 114, 25),
    Kind("普通残疾", 190, 40),
)
KINDS = {"jinzhai": JINZHAI, "yueyang": YUEYANG, "nongba": NONGBA}
WATCHED = ("脱贫不稳定户", "边缘易致贫户", "突发严重困难户")
PLAIN = ("序号", "乡镇", "村", "姓名", "身份证号码", "认定时间")
CARDS = ("姓名", "残疾人证号", "乡镇", "村", "残疾等级")
STEADILY = ("序号", "乡(镇)", "行政村", "户编号", "姓名", "证件号码")


def write(slug: str, out: Path, scale: float = 1.0, seed: int = 1) -> Path:
    """Write the lists into `out` and return the path of `holders.json`, which names each file."""
    out.mkdir(parents=True, exist_ok=True)
    draft = plan(COUNTIES[slug], Decimal(str(scale)), seed)
    random = Random(f"holders {slug} {scale} {seed}")
    chosen = _Chosen(draft, KINDS[slug], random)
    writer = Writer(draft, out, random, spoilt=False)
    files = {"jinzhai": _jinzhai, "yueyang": _yueyang, "nongba": _nongba}[slug](writer, chosen)
    path = out / "holders.json"
    told = [vars(one) for one in files if one.held]
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


class _Chosen:
    """Who stands on which list; `steady` on the one without money, `afterwards` recognised late."""

    def __init__(self, draft: Draft, kinds: Sequence[Kind], random: Random) -> None:
        self.random = random
        self.lists: dict[str, list[Somebody]] = {kind.key: [] for kind in kinds}
        self.afterwards: dict[str, str] = {}
        people = _people(draft)
        deducted = {listed.number for lists in draft.lists.values() for listed in lists}
        paid: Counter[str] = Counter()
        first: dict[str, Row] = {}
        for row in draft.payments:
            paid[row.number] += row.cents
            first.setdefault(row.number, row)
        price = draft.county.prices[0][0]
        covered = {
            listed.number
            for kind, lists in draft.lists.items()
            if "职工" in kind or "居民" in kind
            for listed in lists
        }
        away: list[Somebody] = []
        missing: list[Somebody] = []
        ordinary: list[Somebody] = []
        for one in people:
            if one.number in deducted:
                if one.number in covered:
                    away.append(one)
            elif one.number not in paid:
                missing.append(one)
            elif paid[one.number] == price * 100:
                ordinary.append(one)
            elif random.random() >= UNEXPLAINED:
                prices = [kind.pays for kind in kinds]
                wrong = random.random() < WRONG
                self._enlist(
                    one, kinds, random.choice(prices) if wrong else paid[one.number] // 100
                )
        held = sum(map(len, self.lists.values()))
        random.shuffle(missing)
        random.shuffle(ordinary)
        for one in missing[: round(held * UNPAID)] + ordinary[: round(held * FULL_PRICE)]:
            self._enlist(one, kinds, random.choice([kind.pays for kind in kinds]))
        rest = ordinary[round(held * FULL_PRICE) :]
        rest.sort(key=lambda one: first[one.number].paid >= WINDOW_END - timedelta(days=30))
        for one in rest[:AFTERWARDS]:
            self.afterwards[one.number] = f"{first[one.number].paid + timedelta(days=20):%Y-%m-%d}"
        self.late = rest[:AFTERWARDS]
        known = rest[AFTERWARDS:] + missing[round(held * UNPAID) :] + away
        self.steady = random.sample(known, round(len(known) * STEADY))
        place = {one.number: at for at, one in enumerate(people)}
        for members in (*self.lists.values(), self.steady):
            members.sort(key=lambda one: place[one.number])

    def _enlist(self, one: Somebody, kinds: Sequence[Kind], pays: int) -> None:
        """Onto a list that makes it this price, and perhaps onto a second that gives no more."""
        fitting = [kind for kind in kinds if kind.young in (None, one.age < 18)]
        first = [kind for kind in fitting if kind.pays == pays]
        if not first:
            return
        kind = self.random.choices(first, [kind.weight for kind in first])[0]
        self.lists[kind.key].append(one)
        second = [other for other in fitting if other.pays >= pays and other is not kind]
        if second and self.random.random() < SECOND:
            self.lists[self.random.choice(second).key].append(one)
        one.grade = 1 + (self.random.random() < 0.6)


def _people(draft: Draft) -> list[Somebody]:
    found = []
    for row in register_rows(draft):
        household, relation, name, _, born, _, number, town, village, _, _ = row
        age = (BASE_DATE.year - int(born[:4])) - (born[5:] > "08-31")
        spouse = relation in ("户主", "配偶")
        found.append(Somebody(name, number, town, village, household, age, spouse))
    return found


def _jinzhai(writer: Writer, chosen: _Chosen) -> list[File]:
    return writer.all([chosen.lists[kind.key] for kind in JINZHAI])


def _yueyang(writer: Writer, chosen: _Chosen) -> list[File]:
    lists = chosen.lists
    lists["监测对象"] += chosen.late
    return [
        _plain(writer, "民政-特困供养人员", "特困供养人员", "县民政局", lists["特困供养人员"]),
        _plain(writer, "民政-孤儿", "孤儿", "县民政局", lists["孤儿"]),
        _plain(writer, "民政-低保", "低保", "县民政局", lists["低保对象"]),
        _plain(
            writer, "民政-低保边缘家庭", "低保边缘", "县民政局", lists["最低生活保障边缘家庭成员"]
        ),
        _cards(writer, "残联-重度残疾人", "重度残疾人", "县残联", lists["重度残疾人"], 1),
        _cards(
            writer, "残联-三四级残疾", "三、四级残疾", "县残联", lists["三、四级中轻度残疾对象"], 3
        ),
        _plain(
            writer, "乡村振兴-监测对象", "监测对象", "县乡村振兴局", lists["监测对象"],
            day=lambda one: chosen.afterwards.get(one.number, writer.day()),
        ),
        _steady(writer, "乡村振兴-稳定脱贫人口", "稳定脱贫人口", "县乡村振兴局", chosen.steady),
    ]  # fmt: skip


def _nongba(writer: Writer, chosen: _Chosen) -> list[File]:
    lists = chosen.lists
    disabled = [(one, one.grade) for one in lists["重度残疾"]]
    disabled += [(one, one.grade + 2) for one in lists["普通残疾"]]
    poor = chosen.steady[::3]
    return [
        _plain(writer, "民政-特困人员", "特困人员", "民政局", lists["特困人员"]),
        _plain(writer, "民政-孤儿", "孤儿", "民政局", lists["孤儿"]),
        writer.households(
            File("民政-城乡低保.xlsx", "城乡低保对象", "民政局"), lists["城乡低保对象"]
        ),
        _plain(writer, "民政-低保边缘户", "低保边缘户", "民政局", lists["低保边缘户"]),
        writer.plain(
            File("残联-持证残疾人.xlsx", "按残疾等级", "残疾人联合会"),
            CARDS,
            _graded(disabled),
            lambda _, p: _card(writer, p),
            number=1,
        ),
        _plain(
            writer, "卫健-特别扶助", "计划生育特别扶助对象及子女", "卫生健康委",
            lists["计划生育特别扶助对象及子女"],
        ),
        _plain(
            writer, "卫健-手术并发症", "计划生育手术并发症对象", "卫生健康委",
            lists["计划生育手术并发症对象"],
        ),
        writer.plain(
            File("乡村振兴-监测对象.xlsx", "", "乡村振兴局"),
            (*STEADILY, "监测对象类别"),
            lists["监测"],
            lambda i, p: (*_household(writer, i, p), writer.random.choice(WATCHED)),
        ),
        _steady(writer, "乡村振兴-农村低收入人口", "农村低收入人口", "乡村振兴局", poor),
        _steady(writer, "乡村振兴-稳定脱贫人口", "稳定脱贫人口", "乡村振兴局", chosen.steady),
    ]  # fmt: skip


def _plain(
    writer: Writer,
    name: str,
    category: str,
    department: str,
    people: list[Somebody],
    *,
    day: Callable[[Somebody], str] | None = None,
) -> File:
    return writer.plain(
        File(f"{name}.xlsx", category, department),
        PLAIN,
        people,
        lambda i, p: (i, p.town, writer.village(p), p.name, p.number,
                      day(p) if day else writer.day()),
    )  # fmt: skip


def _steady(
    writer: Writer, name: str, category: str, department: str, people: list[Somebody]
) -> File:
    file = File(f"{name}.xlsx", category, department)
    return writer.plain(file, STEADILY, people, lambda i, p: _household(writer, i, p))


def _household(writer: Writer, position: int, one: Somebody) -> tuple[Value, ...]:
    return (position, one.town, writer.village(one), one.household, one.name, one.number)


def _cards(
    writer: Writer, name: str, category: str, department: str, people: list[Somebody], least: int
) -> File:
    """Disability certificates: twenty digits, the grade last, as such and in words."""
    graded = _graded([(one, least + one.grade - 1) for one in people])
    file = File(f"{name}.xlsx", category, department)
    return writer.plain(file, CARDS, graded, lambda _, p: _card(writer, p), number=1)


def _graded(people: list[tuple[Somebody, int]]) -> list[Somebody]:
    return [Somebody(**{**vars(one), "grade": grade}) for one, grade in people]


def _card(writer: Writer, one: Somebody) -> tuple[Value, ...]:
    word = "一二三四"[one.grade - 1]
    return (one.name, writer.certificate(one), one.town, writer.village(one), f"{word}级")
