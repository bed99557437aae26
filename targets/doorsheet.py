"""走访表: the sheet of a village as a workbook, to be filled in away from the office.

Only the cells to fill in are open; who is meant stands in a sealed key, and the last call on
record in the version, so that `enrollment.roster.visits` knows whom a row means and whether
somebody called meanwhile. No number, no identity stands on it.
"""

from collections.abc import Iterable
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from enrollment import demo, visits
from enrollment.models import PolicyYear, Region, Visit
from targets.homes import Home

FIRST = 4
COLUMNS = (
    ("户主", 10), ("户号", 18), ("姓名", 10), ("与户主关系", 10), ("年龄", 6), ("走访日期", 12),
    ("走访人", 10), ("方式", 11), ("结果", 30), ("备注", 24), ("下次走访日期", 13),
    ("人员编码", 12), ("版本", 8),
)  # fmt: skip
OPEN = range(6, 12)
"""The columns somebody fills in."""
DAYS = (6, 11)


def write(
    target: IO[bytes], policy_year: PolicyYear, region: Region, homes: Iterable[Home], title: str
) -> int:
    """Write the sheet; returns how many people are on it."""
    book = Workbook()
    page = book.active
    page.title = "走访表"
    mark = f"{demo.NOTICE}　" if demo.is_running() else ""
    page["A1"] = f"{region.path} {policy_year.year}年度走访表（{title}）"
    page["A2"] = (
        f"{mark}只填白色格子：走访日期写作 2023-11-05，方式、结果从下拉中选；"
        "没有走访到的行留空。人员编码和版本不要改动。填好后在“走访”页交回。"
    )
    page["A1"].font = Font(name="宋体", size=16, bold=True)
    page["A2"].font = Font(name="宋体", size=10)
    line = Side(style="thin", color="FF999999")
    border = Border(left=line, right=line, top=line, bottom=line)
    grey = PatternFill("solid", fgColor="FFEDEFF2")
    for place, (heading, width) in enumerate(COLUMNS, 1):
        page.column_dimensions[get_column_letter(place)].width = width
        cell = page.cell(FIRST - 1, place, heading)
        cell.font = Font(name="宋体", size=11, bold=True)
        cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
        cell.border, cell.fill = border, grey
    count = 0
    for one in homes:
        for member in one.listed:
            row = FIRST + count
            count += 1
            values = [
                one.name,
                one.household.number if one.household else "",
                member.person.name,
                member.person.relation,
                member.line.age,
                *[None] * len(OPEN),
                visits.key(policy_year, member.person.pk),
                str(member.visit.pk if member.visit else 0),
            ]
            for place, value in enumerate(values, 1):
                cell = page.cell(row, place, value)
                cell.border = border
                # Text, so that no program turns a household's number into a quantity.
                cell.number_format = "yyyy-mm-dd" if place in DAYS else "@"
                cell.font = Font(name="宋体", size=11)
                if place in OPEN:
                    cell.protection = Protection(locked=False)
                else:
                    cell.fill = grey
    last = max(FIRST + count - 1, FIRST)
    _choices(page, "H", Visit.Method.labels, last)
    _choices(page, "I", Visit.Result.labels, last)
    page.protection.sheet = True
    page.protection.formatColumns = False
    page.protection.autoFilter = False
    page.freeze_panes = page.cell(FIRST, 4)
    page.print_title_rows = f"1:{FIRST - 1}"
    page.page_setup.orientation, page.page_setup.paperSize = "landscape", page.PAPERSIZE_A4
    page.page_setup.fitToWidth, page.page_setup.fitToHeight = 1, 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.oddFooter.center.text = "第 &P 页 共 &N 页"
    book.save(target)
    return count


def _choices(page: Any, column: str, words: list[str], last: int) -> None:
    rule = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True)
    rule.error, rule.errorTitle, rule.showErrorMessage = "请从下拉中选择", "不在选项中", True
    rule.add(f"{column}{FIRST}:{column}{last}")
    page.add_data_validation(rule)
