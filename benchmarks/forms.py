"""The headings each office uses, and how one line of its list is filled."""

from random import Random
from typing import NamedTuple

from benchmarks.places import ALIASES, County
from benchmarks.sheets import LETTERS, Column, Value

REGISTER = (
    "户号",
    "与户主关系",
    "姓名",
    "性别",
    "出生日期",
    "民族",
    "公民身份号码",
    "乡镇",
    "村（居）",
    "住址",
    "联系电话",
)
PAYMENTS = (
    "序号",
    "街道乡镇",
    "姓名",
    "身份证件类型",
    "身份证件号码",
    "缴费金额",
    "缴费时间",
    "缴费渠道",
    "电子税票号码",
)
INSURED = (
    "序号",
    "姓名",
    "证件类型",
    "证件号码",
    "险种类型",
    "参保状态",
    "乡镇",
    "村（居）",
    "参保日期",
)
# Every department words the same column differently.
STATUS = {
    "职工参保": ("序号", "姓名", "身份证号", "单位名称", "参保时间", "乡镇"),
    "死亡未注销": ("序号", "姓名", "身份证号码", "死亡时间", "镇街", "备注"),
    "空挂户": ("序号", "乡镇", "村（居）", "姓名", "身份证号码", "备注"),
    "失联": ("序号", "乡镇", "行政村", "姓名", "公民身份号码", "失联时间", "备注"),
    "服役": ("序号", "姓名", "身份证号", "入伍时间", "乡镇"),
    "服刑": ("序号", "姓名", "证件号码", "乡镇", "备注"),
    "外嫁": ("序号", "乡(镇)", "村社区", "姓名", "身份证号码", "嫁往地"),
    "离婚": ("序号", "姓名", "身份证号码", "离婚时间", "乡镇"),
    "死亡": ("序号", "姓名", "身份证号码", "死亡时间", "镇街", "备注"),
    "出国": ("序号", "乡镇", "村", "姓名", "身份证号", "出国时间"),
    "参军": ("序号", "姓名", "身份证号", "入伍时间", "乡镇", "村"),
}
# Annex 4 of the Nongba notice serves every kind of cover outside the county.
OUTSIDE = ("序号", "乡镇", "村", "姓名", "身份证号", "联系电话", "县外参保情况", "现参保地")
NUMBER_HEADINGS = frozenset(
    ("公民身份号码", "身份证件号码", "证件号码", "身份证号", "身份证号码", "公民\n身份号码")
)
TOWN_HEADINGS = frozenset(("乡镇", "镇街", "乡(镇)"))
WIDTHS = {
    "序号": Column(7, "0"),
    "缴费金额": Column(11, "0.00"),
    "缴费时间": Column(20),
    "住址": Column(34),
    "单位名称": Column(26),
    "现参保地": Column(26),
    "电子税票号码": Column(22),
    "户号": Column(16),
    "性别": Column(6),
    "民族": Column(8),
    "联系电话": Column(14),
}
EMPLOYERS = ("县第一小学", "县人民医院", "城关建材有限公司", "江南服饰有限公司", "宏远物流有限公司")
CITIES = ("合肥市", "南京市", "苏州市", "杭州市", "上海市", "东莞市", "武汉市", "长沙市", "成都市")


class Listed(NamedTuple):
    """Somebody on a status list."""

    name: str
    number: str
    phone: str
    town: str
    village: str


def status_headings(kind: str) -> tuple[str, ...]:
    return STATUS.get(kind, OUTSIDE)


def columns(headings: tuple[str, ...]) -> list[Column]:
    return [
        Column(22) if heading in NUMBER_HEADINGS else WIDTHS.get(heading, Column(12))
        for heading in headings
    ]


def number_column(headings: tuple[str, ...]) -> int:
    return next(i for i, heading in enumerate(headings) if heading in NUMBER_HEADINGS)


def status_row(random: Random, kind: str, position: int, listed: Listed) -> tuple[Value, ...]:
    """One line of a status list, cells in the order of that kind's headings."""
    return tuple(
        _cell(random, kind, heading, position, listed) for heading in status_headings(kind)
    )


def _cell(random: Random, kind: str, heading: str, position: int, listed: Listed) -> Value:
    if heading in NUMBER_HEADINGS:
        return listed.number
    match heading:
        case "序号":
            return position
        case "姓名":
            return listed.name
        case "乡镇" | "镇街" | "乡(镇)":
            return listed.town
        case "村" | "村（居）" | "行政村" | "村社区":
            return ALIASES.get(listed.village, listed.village)
        case "联系电话":
            return listed.phone
        case "单位名称":
            return random.choice(EMPLOYERS)
        case "嫁往地":
            return random.choice(CITIES)
        case "县外参保情况":
            return kind
        case "现参保地":
            return random.choice(CITIES) + ("城东街道" if "居民" in kind else "宏远物流有限公司")
        case "备注":
            return "" if random.random() < 0.8 else "已核实"
        case _:
            return f"{2015 + random.randrange(9)}-{1 + random.randrange(12):02d}-15"


def titles(county: County, what: str, office: str, moment: str) -> list[tuple[str, ...]]:
    """The two rows above the headings: the form's name, then who filled it in and when."""
    return [
        (f"{county.title}{what}（演示数据，非真实统计）",),
        (f"填报单位：{office}    截止时间：{moment}    单位：人、元",),
    ]


def title_merges(width: int) -> tuple[str, ...]:
    """Both title rows reach over the whole table of `width` columns."""
    last = LETTERS[width - 1]
    return (f"A1:{last}1", f"A2:{last}2")


# The spoilt register: other order, two rows of headings, line breaks, 住址 over three columns.
MESSY_ORDER = (2, 6, 3, 7, 8, 9, 0, 1, 4, 5, 10)
MESSY_HEADINGS = (
    (
        "姓名",
        "公民\n身份号码",
        "性别",
        "住  址",
        None,
        None,
        "户号",
        "与户主\n关系",
        "出生\n日期",
        "民族",
        "联系\n电话",
    ),
    (None, None, None, "乡镇", "村（居）", "详细住址", None, None, None, None, None),
)
MESSY_MERGES = ("D3:F3", *(f"{letter}3:{letter}4" for letter in "ABCGHIJK"))


def town_column(headings: tuple[str, ...]) -> int:
    return next(i for i, heading in enumerate(headings) if heading in TOWN_HEADINGS)
