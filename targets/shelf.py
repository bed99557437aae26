"""报表: every table and list there is, by name, for the page and the command alike.

Official tables come from ``official.TABLES`` by themselves; a list of people is added to
``LISTS``: how it is written to a file, and the page it can be looked at on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from django.db.models import TextChoices
from django.utils import timezone

from enrollment.failure import Failure
from enrollment.models import PolicyYear, Region, User
from subsidies import differences_export, ledger, recovery_export, totals, zero_export
from subsidies.names import Names
from subsidies.words import Words
from targets import exports, official, registers, uncovered, worklist
from targets.progress import Figure


class Choice(TextChoices):
    """What one may choose for a table beside year and region."""

    UNTIL = "as_of", "统计时点"
    DRAFT = "draft", "测算稿"
    TIER = "tier", "档次"
    DEPARTMENT = "department", "部门"
    CATEGORY = "category", "类别"
    GROUP = "group", "人群"
    FULL = "full", "含完整证件号码"


@dataclass(frozen=True)
class Chosen:
    """The choices made; the defaults are those of a page just opened."""

    until: datetime | None = None
    draft: bool = False
    tier: str = ""
    department: str = ""
    category: str = ""
    group: str = ""
    full: bool = False
    viewer: User | None = None
    """For whose eyes; nobody's for a command, which sees the whole county by its names."""

    def made(self) -> set[Choice]:
        """The choices that differ from the defaults."""
        asked = {
            Choice.UNTIL: self.until is not None,
            Choice.DRAFT: self.draft,
            Choice.TIER: bool(self.tier),
            Choice.DEPARTMENT: bool(self.department),
            Choice.CATEGORY: bool(self.category),
            Choice.GROUP: bool(self.group),
            Choice.FULL: self.full,
        }
        return {choice for choice, yes in asked.items() if yes}


Write = Callable[[IO[bytes], PolicyYear, Region, Chosen, str], int]


@dataclass(frozen=True)
class Form:
    """正式表格: small, in a printed form, shown whole on the page."""

    name: str
    title: str
    about: str
    may: str
    takes: frozenset[Choice]
    endings: tuple[str, ...] = ("xlsx", "pdf", "csv")

    def table(
        self, policy_year: PolicyYear, region: Region | None, chosen: Chosen
    ) -> official.Table:
        """The table itself; see ``official.table``."""
        return official.table(
            policy_year,
            self.name,
            # The contrast table is the policy's, the same wherever one stands.
            region=None if self.name == "contrast" else region,
            draft=chosen.draft,
            tier=chosen.tier,
            until=chosen.until,
            viewer=chosen.viewer,
            full=chosen.full,
        )


@dataclass(frozen=True)
class Listing:
    """名单: one line a person, as long as there are people; looked at on a page of its own."""

    name: str
    title: str
    about: str
    write: Write
    """(file, year, region, choices, ending) → how many people."""
    page: str
    """The address to look at it, and its further arguments."""
    arguments: tuple[str, ...] = ()
    export: str = ""
    """The address its file comes from: the page's own, or the shelf's (targets:list-file)."""
    may: str = "sees_people"
    takes: frozenset[Choice] = frozenset()
    endings: tuple[str, ...] = ("xlsx",)


ABOUT = {
    "targets": "各单位任务数，按下达文件的表式；可出由户籍册算出的测算稿",
    "progress": "各单位任务数、已参保人数和完成率，可按任一时点",
    "overlap": "各类资助对象原始人数、重复人数和补贴金额测算",
    "contrast": "各类人员分档次的资助标准和个人应缴，由本年度政策生成",
    "coverage": "各类重点人群的参保率，与目标对照",
    "summary": "各单位不在参保范围、在县外参保的人数，按下达文件的表式",
    "summary-long": "汇总表再加应参保、已参保、未参保人数和参保率",
    "out-of-county": "在县外参保的每个人，县外参保情况带下拉框，填好可以直接上传",
}
OPEN_TO_ALL = ("targets", "contrast")
TAKES = {
    "targets": {Choice.UNTIL, Choice.DRAFT},
    "progress": {Choice.UNTIL, Choice.DRAFT},
    "overlap": {Choice.UNTIL, Choice.TIER},
    "contrast": set(),
    "out-of-county": {Choice.FULL},
}


def _ledger(
    target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
) -> int:
    category = ""
    if chosen.category:
        found = Names(policy_year).named(chosen.category)
        if found is None:
            raise Failure("unknown_category", f"没有“{chosen.category}”这种资助对象类别")
        category = found.name
    return ledger.write(
        target,
        policy_year,
        region,
        department=chosen.department,
        category=category,
        viewer=chosen.viewer,
    )


def _zero(
    target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
) -> int:
    on = timezone.localdate(chosen.until) if chosen.until else None
    return zero_export.write(target, policy_year, region, on=on, viewer=chosen.viewer)


def _plain(
    write: Callable[[IO[bytes], PolicyYear, Region], int],
) -> Write:
    """A list without choices."""

    def written(
        target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
    ) -> int:
        return write(target, policy_year, region)

    return written


def _uncovered(
    target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
) -> int:
    words = Words(policy_year, chosen.viewer)
    group = uncovered.find(policy_year, words, chosen.group)
    return uncovered.write(
        target,
        policy_year,
        region,
        group,
        words=words,
        viewer=chosen.viewer,
        until=chosen.until,
        form=_form(ending),
    )


def _register_book(
    target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
) -> int:
    form = "csv-utf-8" if ending == "csv" else ending
    return registers.register_book(target, policy_year, region, full=chosen.full, form=form)


def _batch_files(
    target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
) -> int:
    return registers.batch_files(target, policy_year, region, full=chosen.full)


def _todo(key: str) -> Write:
    def write(
        target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
    ) -> int:
        return exports.todo(
            target,
            policy_year,
            region,
            key,
            viewer=chosen.viewer,
            until=chosen.until,
            form=_form(ending),
        )

    return write


def _form(ending: str) -> str:
    """What ``exports`` calls a file of this ending."""
    return "csv-utf-8" if ending == "csv" else ending


def _names(figure: Figure) -> Write:
    def write(
        target: IO[bytes], policy_year: PolicyYear, region: Region, chosen: Chosen, ending: str
    ) -> int:
        return exports.names(
            target,
            policy_year,
            region,
            figure,
            viewer=chosen.viewer,
            until=chosen.until,
            form=_form(ending),
        )

    return write


FIGURES = {
    Figure.INSURED: "本年度已参保的人，按参保地",
    Figure.MISSING: "户籍在册、未被扣减、尚未参保的人",
    Figure.POPULATION: "户籍册在册的人",
    Figure.DEDUCTED: "各部门名单从基数中扣减的人",
    Figure.BASE: "在册人口减去扣减人数，任务据此计算",
    Figure.DEDUCTED_INSURED: "在扣减名单里又缴了费的人，待与部门核对",
}
WORK = {
    worklist.LAPSED: "上年参保、今年还没有缴费，也没有说明的人",
    worklist.NEVER: "在册并应参保、历年都没有参保记录的人",
    worklist.HARDSHIP: "有困难身份、还没有参保的人",
    worklist.NEWBORN: "还没有参保的新生儿，按政策规定的期限",
}
LISTS: list[Listing] = [
    *(
        Listing(
            figure,
            f"{figure.label}名单",
            about,
            _names(figure),
            "targets:progress-names",
            (figure.value,),
            export="targets:progress-names-export",
            takes=frozenset({Choice.UNTIL}),
            endings=("xlsx", "csv"),
        )
        for figure, about in FIGURES.items()
    ),
    *(
        Listing(
            key,
            f"{worklist.TITLES[key]}名单",
            about,
            _todo(key),
            "targets:worklist",
            (key,),
            export="targets:list-file",
            takes=frozenset({Choice.UNTIL}),
            endings=("xlsx", "csv"),
        )
        for key, about in WORK.items()
    ),
    Listing(
        "register-book",
        "参保登记花名册",
        "本年度登记参保的每个人，逐户列出，留有签字栏",
        _register_book,
        "targets:progress-names",
        ("insured",),
        export="targets:list-file",
        takes=frozenset({Choice.FULL}),
        endings=("xlsx", "csv"),
    ),
    Listing(
        "batch-file",
        "报盘文件",
        "已登记、还不在医保平台名单里的人，栏目和每个文件的行数按本县表式",
        _batch_files,
        "targets:progress-names",
        ("insured",),
        export="targets:list-file",
        takes=frozenset({Choice.FULL}),
        endings=("zip",),
    ),
    Listing(
        "ledger",
        "资助台账",
        "每个受资助的人：身份、资助部门、标准、应缴、已缴和差额",
        _ledger,
        "subsidies:ledger",
        export="subsidies:ledger-export",
        takes=frozenset({Choice.DEPARTMENT, Choice.CATEGORY}),
    ),
    Listing(
        "uncovered",
        "重点人群未参保名单",
        "目标人群里还没有参保的人，也可以只看一类",
        _uncovered,
        "targets:coverage-names",
        export="targets:coverage-names-export",
        takes=frozenset({Choice.UNTIL, Choice.GROUP}),
        endings=("xlsx", "csv"),
    ),
    Listing(
        "zero-declaration",
        "零申报（代缴）名单",
        "个人应缴 0 元的人，是否已申报、为何未申报",
        _zero,
        "subsidies:zero",
        export="subsidies:zero-export",
        takes=frozenset({Choice.UNTIL}),
    ),
    Listing(
        "differences",
        "退补差名单",
        "已缴和应缴不一致的人：应退、应补、已退补和待退补",
        _plain(differences_export.write),
        "subsidies:differences",
        export="subsidies:differences-export",
    ),
    Listing(
        "recovery",
        "资助收回名单",
        "资助以后又在去世、职工参保、在外参保等名单里的人，和处理结果",
        _plain(recovery_export.write),
        "subsidies:recoveries",
        export="subsidies:recoveries-export",
    ),
    Listing(
        "subsidy-totals",
        "资助测算和结算",
        "各单位分资助身份、档次的人数、金额和资金来源，测算和结算并列",
        _plain(totals.write),
        "subsidies:totals",
        export="subsidies:totals-export",
    ),
]


def forms() -> list[Form]:
    """The official tables, in the order they were made known."""
    return [
        Form(
            name,
            title,
            ABOUT.get(name, ""),
            "" if name in OPEN_TO_ALL else "sees_people",
            frozenset(TAKES.get(name, {Choice.UNTIL})),
        )
        for name, title in official.TABLES.items()
    ]


def everything() -> list[Form | Listing]:
    """Tables first, then lists."""
    return [*forms(), *LISTS]


def find(name: str) -> Form | Listing:
    """A table or list by its name. Raises Failure where there is none."""
    for one in everything():
        if one.name == name:
            return one
    known = "、".join(one.name for one in everything())
    raise Failure("unknown_table", f"没有名为 {name} 的表，可用：{known}")


def refuse(one: Form | Listing, chosen: Chosen) -> None:
    """Raise Failure for a choice that this table does not take."""
    if strange := sorted(chosen.made() - one.takes):
        words = "、".join(f"{choice.label}（--{choice.replace('_', '-')}）" for choice in strange)
        raise Failure("arguments", f"{one.title}不能选：{words}")
