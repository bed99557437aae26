"""What the three notices print, typed from the notices and used as the oracle.

The application reads the same numbers from its policy packs; the two are kept apart on purpose.
Village names of Jinzhai and Yueyang, and every population of Yueyang and Nongba, are invented.
"""

from dataclasses import dataclass, field

# Kinds with the share of deducted people each takes (relative weights).
JINZHAI_KINDS = {
    "职工参保": 640,
    "死亡未注销": 60,
    "空挂户": 90,
    "失联": 40,
    "服役": 35,
    "服刑": 25,
    "外嫁": 80,
    "离婚": 30,
}
YUNYANG_KINDS = {
    "空挂户": 120,
    "死亡": 60,
    "出国": 20,
    "县外市内居民": 150,
    "县外市内职工": 200,
    "市外居民": 160,
    "市外职工": 220,
    "参军": 40,
    "服刑": 30,
}


@dataclass(frozen=True)
class Unit:
    """One printed row. `printed` is its name on the form where that differs from the register."""

    name: str
    population: int
    deductions: int
    target: int | None = None
    printed: str = ""


@dataclass(frozen=True)
class County:
    """`address` is the first six digits of everybody's ID number.

    Each such code has a real province and prefecture but a county part (99) that is not
    assigned in GB/T 2260 and never was, so no number made here can be a living person's.
    `region` is the key of the division the notice belongs to; `town` is set where the printed
    rows are villages of one town.
    """

    key: str
    slug: str
    name: str
    title: str
    bureau: str
    address: str
    elsewhere: str
    units: tuple[Unit, ...]
    kinds: dict[str, int]
    villages: int
    channels: tuple[str, ...]
    prices: tuple[tuple[int, int], ...]
    share: float
    rate: str | None = None
    town: str = ""
    target_headings: tuple[str, str] = ("单位", "任务数")
    odd_villages: dict[str, list[str]] = field(default_factory=dict)


# Annex 1 of the Jinzhai notice: town, population of August 2023, deductions.
JINZHAI_UNITS = tuple(
    Unit(name, population, deductions)
    for name, population, deductions in (
        ("沙河乡", 15292, 790),
        ("吴家店镇", 30579, 1424),
        ("油坊店乡", 26908, 1798),
        ("白塔畈镇", 41088, 3392),
        ("斑竹园镇", 21717, 1527),
        ("全军乡", 11141, 767),
        ("关庙乡", 11820, 820),
        ("梅山镇", 131991, 36791),
        ("天堂寨镇", 17317, 1538),
        ("果子园乡", 14935, 804),
        ("槐树湾乡", 28552, 1506),
        ("长岭乡", 17415, 1060),
        ("桃岭乡", 29715, 1719),
        ("麻埠镇", 14742, 890),
        ("古碑镇", 40578, 2540),
        ("铁冲乡", 12712, 822),
        ("流波䃥镇", 12382, 710),
        ("燕子河镇", 31658, 2419),
        ("青山镇", 21629, 1897),
        ("双河镇", 24965, 1911),
        ("花石乡", 15570, 820),
        ("南溪镇", 51207, 3639),
        ("汤家汇镇", 49529, 2776),
    )
)


def _assigned(name: str, target: int, more: int, printed: str = "") -> Unit:
    """A unit with a printed target; population and deductions are invented from it.

    `more` is how many people per thousand of the target the register holds beyond it.
    """
    population = target + target * more // 1000
    return Unit(name, population, population * 9 // 100, target, printed)


# The annex of the Yueyang notice. 箕口镇 is the notice's misprint for 筻口镇.
YUEYANG_UNITS = tuple(
    _assigned(name, target, 180, printed)
    for name, target, printed in (
        ("荣家湾镇", 81611, "荣家湾镇人民政府"),
        ("麻塘办事处", 21196, "麻塘办事处"),
        ("新开镇", 31326, "新开镇人民政府"),
        ("筻口镇", 44668, "箕口镇人民政府"),
        ("公田镇", 33905, "公田镇人民政府"),
        ("毛田镇", 38032, "毛田镇人民政府"),
        ("月田镇", 32969, "月田镇人民政府"),
        ("张谷英镇", 35004, "张谷英镇人民政府"),
        ("杨林街镇", 24875, "杨林街镇人民政府"),
        ("步仙镇", 27595, "步仙镇人民政府"),
        ("柏祥镇", 26227, "柏祥镇人民政府"),
        ("新墙镇", 25589, "新墙镇人民政府"),
        ("长湖乡", 31989, "长湖乡人民政府"),
        ("黄沙街镇", 43419, "黄沙街镇人民政府"),
        ("中洲乡", 24282, "中洲乡人民政府"),
        ("县鹿角区域发展服务中心", 9069, "县鹿角区域发展服务中心"),
        ("县大云山国有林场", 1556, "县大云山国有林场"),
        ("洞庭苇业公司", 2038, "洞庭苇业公司"),
    )
)

# Annex 2 of the Nongba notice.
NONGBA_UNITS = tuple(
    _assigned(name, target, 150)
    for name, target in (
        ("农坝社区", 5304),
        ("龙堰社区", 4974),
        ("幸福村", 3588),
        ("红梁村", 1989),
        ("水竹村", 2090),
        ("云山村", 2509),
        ("云峰村", 2504),
    )
)

COUNTIES = {
    "jinzhai": County(
        key="341524",
        slug="jinzhai",
        name="金寨县",
        title="金寨县2024年度城乡居民基本医疗保险",
        bureau="国家税务总局金寨县税务局",
        address="341599",
        elsewhere="341699",
        units=JINZHAI_UNITS,
        kinds=JINZHAI_KINDS,
        villages=230,
        channels=("微信小程序", "皖事通APP", "网上服务大厅", "村（社区）代办"),
        prices=((380, 830), (190, 110), (38, 40), (0, 20)),
        share=0.638,
        rate="0.95",
        odd_villages={
            "梅山镇": ["其他"],
            "南溪镇": ["其他"],
            "汤家汇镇": ["付祠村"],
            "古碑镇": ["黄泥街居委会"],
        },
    ),
    "yueyang": County(
        key="430621",
        slug="yueyang",
        name="岳阳县",
        title="岳阳县2024年度城乡居民基本医疗保险",
        bureau="国家税务总局岳阳县税务局",
        address="430699",
        elsewhere="430799",
        units=YUEYANG_UNITS,
        kinds=JINZHAI_KINDS,
        villages=190,
        channels=("湘税社保APP", "微信小程序", "手机银行", "银行代收"),
        prices=((380, 850), (190, 110), (0, 40)),
        share=0.63,
        target_headings=("单位", "2024 年居民征缴任务数"),
        odd_villages={
            "荣家湾镇": ["其他"],
            "黄沙街镇": ["其他"],
            "筻口镇": ["付祠村"],
            "公田镇": ["黄泥街居委会"],
        },
    ),
    "nongba": County(
        key="500235",
        slug="nongba",
        name="云阳县",
        title="农坝镇2024年度城乡居民基本医疗保险",
        bureau="国家税务总局云阳县税务局",
        address="500299",
        elsewhere="500199",
        units=NONGBA_UNITS,
        kinds=YUNYANG_KINDS,
        villages=7,
        channels=("重庆电子税务局", "支付宝", "微信公众号", "渝快办", "农商行APP", "POS机"),
        prices=((380, 780), (755, 60), (38, 60), (114, 50), (190, 30), (375, 5), (0, 15)),
        share=0.66,
        town="农坝镇",
        target_headings=("乡镇名称", "2024年参保目标任务数"),
    ),
}

# Another spelling of the same village, as the county's own lists have it.
ALIASES = {"付祠村": "傅祠村", "黄泥街居委会": "街道居委会"}
