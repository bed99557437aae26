"""What a policy may say but somebody should look at: nothing here stops it from taking effect."""

from __future__ import annotations

from collections.abc import Iterator

from enrollment.pack_format import Problem, Tables
from subsidies.models import Category, Standard, SubsidyRule


def warnings(tables: Tables) -> list[Problem]:
    """Each with the path of the rule it is about."""
    return [
        *_document(tables),
        *_windows(tables),
        *_categories(tables),
    ]


def _document(tables: Tables) -> Iterator[Problem]:
    (year,) = tables["year"]
    if not year["document"]:
        yield Problem("year.document", "没有填写文号，页面和表格不能注明依据的文件")
    if year["benefit_from"] is None or year["benefit_to"] is None:
        yield Problem("year.benefit_from", "没有写待遇期，缴费测算不能回答从何时起享受待遇")


def _windows(tables: Tables) -> Iterator[Problem]:
    (year,) = tables["year"]
    for number, row in enumerate(tables["windows"], 1):
        path = f"windows[{number}]"
        if row["price"] is None:
            yield Problem(f"{path}.price", "没有写缴费标准，这一时段的应缴金额答“政策未规定”")
        if row["start"] is None:
            yield Problem(f"{path}.start", "没有写待遇从何时起，测算答“政策未规定”")
        if row["main"] and row["subsidised"] is None:
            yield Problem(f"{path}.subsidised", "没有写集中期缴费是否享受参保资助")
        ends = row["benefit_to"] or year["benefit_to"]
        if ends is not None and row["pays_to"] > ends:
            yield Problem(f"{path}.pays_to", f"缴费截止日晚于待遇终止日 {ends}")
        starts = year["benefit_from"]
        if row["main"] and row["start_on"] and starts and row["start_on"] != starts:
            yield Problem(f"{path}.start_on", f"集中期的待遇起始日与本年度待遇起始日 {starts} 不同")


def _categories(tables: Tables) -> Iterator[Problem]:
    owed = {
        name
        for department in tables["departments"]
        for duty in department["duties"]
        for name in duty["lists"]
    }
    tiers = [row["name"] for row in tables["tiers"]]
    windows = [row for row in tables["windows"] if row["pays_from"] and row["pays_to"]]
    ranked = any(row["several"] == SubsidyRule.Several.PRIORITY for row in tables["subsidy_rule"])
    ranks: dict[int, str] = {}
    for number, category in enumerate(tables["categories"], 1):
        path = f"categories[{number}]"
        name = category["name"]
        if not category["department"]:
            yield Problem(f"{path}.department", f"“{name}”没有写认定部门，不知道由谁报名单")
        elif name not in owed and not owed.intersection(category["aliases"]):
            yield Problem(path, f"“{name}”的名单没有列入任何部门的职责，不会提示谁没有报")
        if ranked and category["priority"] is not None:
            first = ranks.setdefault(category["priority"], name)
            if first != name:
                yield Problem(f"{path}.priority", f"与“{first}”的优先次序相同，按文件所列顺序定")
        if category["purpose"] != Category.Purpose.SUBSIDY:
            continue
        offered = {row["tier"] for row in category["standards"]}
        for tier in tiers:
            if tier not in offered:
                yield Problem(path, f"“{name}”在{tier}没有资助标准：选{tier}的不资助")
        for index, row in enumerate(category["standards"], 1):
            where = f"{path}.standards[{index}]"
            if row["method"] == Standard.Method.PERCENT and row["amount"] is None:
                yield Problem(f"{where}.amount", "只写了比例，没有写金额，无法互相核对")
            late = windows and row["valid_from"]
            if late and all(window["pays_to"] < row["valid_from"] for window in windows):
                yield Problem(f"{where}.valid_from", "所有缴费窗口都在它生效以前，永远用不上")
            early = windows and row["valid_to"]
            if early and all(window["pays_from"] > row["valid_to"] for window in windows):
                yield Problem(f"{where}.valid_to", "所有缴费窗口都在它失效以后，永远用不上")
