"""Invented households: names, ages, relations, ID numbers and phone numbers.

Nobody here exists. The address part of every ID number is unassigned (see `places.County`) and
every phone number begins with a segment that no Chinese carrier has in use (154, 163, 168).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import NamedTuple

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏"
    "吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱"
    "严覃武戴莫孔向汤漆佘桂储"
)
COMPOUND = ("欧阳", "司马", "上官", "诸葛")
MALE = "伟强磊军洋勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林建国志文德福贵全胜利海山东"
FEMALE = "芳娜敏静丽艳娟霞秀燕玲桂兰英梅红云莲珍琴凤洁婷雪慧莹萍月香春菊翠玉萱怡佳欣悦琪瑶雯倩"
OLD_MALE = "福寿发财旺盛昌荣宗祖先礼义仁信忠孝廉"
# Characters outside GB2312, outside GBK or outside the basic plane: lists must survive them.
RARE = "䶮㛃𬭎䃥垚犇淼玥喆昇堃珺祎煊翀㴒𬸚"
FOREIGN = ("阿依古丽·买买提", "古丽娜尔·艾山", "买买提·吐尔逊")
NATIONS = ("回族", "土家族", "苗族", "满族", "壮族")
PHONES = ("154", "163", "168")

BASE_DATE = date(2023, 8, 31)
FIRST_DAY = date(1914, 1, 1)
LAST_DAY = date(2024, 3, 31)

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"


class Person(NamedTuple):
    """One register row. `age` is in whole years on the base date; `sex` is 男 or 女."""

    number: str
    name: str
    sex: str
    born: str
    nation: str
    relation: str
    household: str
    phone: str
    age: int
    town: int
    village: int


class Numbers:
    """Hands out ID numbers that are valid, unused and nobody's (GB 11643 check digit)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.base = weighted(address, 0)
        self.days = calendar()
        self.ends = [(f"{n:03d}", weighted(f"{n:03d}", 14)) for n in range(1000)]
        self.used: dict[int, int] = {}

    def new(self, day: int, male: bool) -> str:
        """The next free number for a birth `day` (days after FIRST_DAY) and sex."""
        key = day * 2 + male
        count = self.used.get(key, 0)
        if count >= 498:
            raise ValueError(f"no sequence left for birth day {self.days[day][1]}")
        self.used[key] = count + 1
        # Offices do not hand out sequences from 001 up; 996–999 are kept for the very old.
        sequence = 2 * ((count * 7 + day * 31) % 498) + male
        compact, _, part = self.days[day]
        text, last = self.ends[sequence]
        return f"{self.address}{compact}{text}{CHECKS[(self.base + part + last) % 11]}"


@cache
def calendar() -> list[tuple[str, str, int]]:
    """Every day as (YYYYMMDD, YYYY-MM-DD, its part of the weighted sum)."""
    days = []
    day = FIRST_DAY
    while day <= LAST_DAY:
        compact = f"{day:%Y%m%d}"
        days.append((compact, day.isoformat(), weighted(compact, 6)))
        day += timedelta(days=1)
    return days


def weighted(digits: str, offset: int) -> int:
    return sum(int(a) * w for a, w in zip(digits, WEIGHTS[offset:], strict=False))


def check_digit(first: str) -> str:
    """The eighteenth character for the first seventeen."""
    return CHECKS[weighted(first, 0) % 11]


def invented_name(random: Random, surname: str, male: bool, age: int) -> str:
    pool = MALE if male else FEMALE
    first = pool[int(random.random() * len(pool))]
    if male and age > 65 and random.random() < 0.4:
        first = OLD_MALE[int(random.random() * len(OLD_MALE))]
    chance = random.random()
    if chance < 0.18:
        return surname + first
    second = RARE if chance > 0.996 else pool
    return surname + first + second[int(random.random() * len(second))]


def surname(random: Random) -> str:
    # The product of two draws favours the front of the list, as real surnames do.
    if random.random() < 0.002:
        return COMPOUND[int(random.random() * len(COMPOUND))]
    return SURNAMES[int(random.random() * random.random() * len(SURNAMES))]


def phone(random: Random) -> str:
    return f"{PHONES[int(random.random() * 3)]}{int(random.random() * 10**8):08d}"


# (relation, sex "m"/"f"/"?" , least age gap to the head, greatest; negative = older than the head)
PATTERNS: tuple[tuple[int, int, int, tuple[tuple[str, str, int, int], ...]], ...] = (
    (12, 30, 88, ()),
    (16, 45, 85, (("配偶", "x", -4, 5),)),
    (18, 26, 48, (("配偶", "x", -4, 5), ("长子", "m", 21, 28))),
    (14, 26, 48, (("配偶", "x", -4, 5), ("长女", "f", 21, 28))),
    (14, 28, 50, (("配偶", "x", -4, 5), ("长女", "f", 21, 26), ("次子", "m", 25, 30))),
    (
        9,
        28,
        50,
        (
            ("配偶", "x", -4, 5),
            ("长子", "m", 21, 26),
            ("父亲", "m", -29, -22),
            ("母亲", "f", -28, -20),
        ),
    ),
    (
        13,
        50,
        72,
        (
            ("配偶", "x", -4, 5),
            ("长子", "m", 22, 28),
            ("儿媳", "f", 23, 30),
            ("孙子", "m", 46, 58),
            ("孙女", "f", 48, 60),
        ),
    ),
    (4, 25, 45, (("长女", "f", 20, 24),)),
)
PATTERN_WEIGHTS = [pattern[0] for pattern in PATTERNS]


def village_people(
    random: Random, numbers: Numbers, *, count: int, town: int, village: int, prefix: str
) -> Iterator[Person]:
    """Exactly `count` people in plausible households; the last household is cut short."""
    made = household_number = 0
    base = (BASE_DATE - FIRST_DAY).days
    while made < count:
        household_number += 1
        household = f"{prefix}{household_number:05d}"
        _, least, most, others = random.choices(PATTERNS, PATTERN_WEIGHTS)[0]
        head_days = int((least + random.random() * (most - least)) * 365.25)
        head_male = random.random() < 0.85
        family = surname(random)
        nation = "汉族" if random.random() < 0.98 else NATIONS[int(random.random() * 5)]
        contact = phone(random)
        for relation, sex, low, high in (("户主", "h", 0, 0), *others):
            if sex == "h":
                male, days = head_male, head_days
            else:
                male = sex == "m" or (sex == "x" and not head_male)
                days = head_days - int((low + random.random() * (high - low)) * 365.25)
            if days < 0:
                continue  # the child of this pattern is not born yet
            days = min(days, 105 * 365)
            age = int(days / 365.25)
            of_family = sex != "x" and relation not in ("儿媳", "母亲")
            name = invented_name(random, family if of_family else surname(random), male, age)
            if random.random() < 0.00005:
                name = FOREIGN[int(random.random() * len(FOREIGN))]
            own = contact if relation == "户主" or random.random() < 0.3 else ""
            if not own and 15 < age < 75 and random.random() < 0.6:
                own = phone(random)
            day = base - days
            yield Person(
                numbers.new(day, male),
                name,
                "男" if male else "女",
                numbers.days[day][1],
                nation,
                relation,
                household,
                own,
                age,
                town,
                village,
            )
            made += 1
            if made == count:
                return


# Village names: the two halves of an invented name, and names that every county repeats.
FIRST = "石龙大青黄白金银松竹梅杨桃李双古新老上下东西南北长高平清泉云雾马牛羊凤鹤柳枫沙铁铜"
SECOND = "河冲湾岭坪畈桥店岩坳塘堰冲垱山沟坡庙寨洲口门院湖溪井垅"
COMMON = ("新建村", "光明村", "双河村", "长岭村", "前进村", "团结村", "幸福村", "红旗村", "和平村")


def village_names(random: Random, *, town: str, count: int, odd: list[str]) -> list[str]:
    """Invented names, different within a town; the common ones repeat across towns."""
    seat = town.removesuffix("镇").removesuffix("乡")
    names = [f"{seat}社区"]
    while len(names) < count - len(odd):
        if random.random() < 0.15:
            name = COMMON[int(random.random() * len(COMMON))]
        else:
            name = (
                FIRST[int(random.random() * len(FIRST))]
                + SECOND[int(random.random() * len(SECOND))]
                + "村"
            )
        if name not in names:
            names.append(name)
    return [*names, *odd]
