"""正式表格 as PDF, to be printed and signed: typst draws it, Noto Serif SC is embedded.

The face comes with the portal's packages, so that a PDF looks the same on every machine and needs
no network and no installed font. What it lacks (characters beyond GB18030) would print as an empty
box, and is refused with the way out.
"""

import json
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst
from django.utils import timezone
from pylopdf_fonts_zh_cn import serif_path

from enrollment import demo
from enrollment.failure import Failure
from targets.official.drawing import DEFAULT_WIDTH, WIDEST
from targets.official.tables import Table, heads

FAMILY = "Noto Serif SC"
PAGE = Path(__file__).with_name("page.typ")
SIGNED = "填报人：　　　　　　　　审核人：　　　　　　　　日期：　　　　年　　月　　日"
LONGEST = 2000
"""Rows of a PDF: some forty pages, and what a small machine draws without running out."""


def pdf(table: Table) -> bytes:
    """The table as a PDF on A4. Raises Failure for one too long or with a character it lacks."""
    if len(table.rows) > LONGEST:
        raise Failure(
            "too_long",
            f"PDF 最多 {LONGEST} 行，这张表有 {len(table.rows)} 行；请分地区，或用 Excel",
        )
    data = json.dumps(_page(table), ensure_ascii=False)
    if rare := sorted({one for one in data if ord(one) > 0xFFFF}):
        raise Failure(
            "no_glyph", f"PDF 字体里没有“{'、'.join(rare)}”，打印出来会是空格；请改用 Excel"
        )
    made = typst.compile(
        PAGE,
        root=PAGE.parent,
        font_paths=_fonts(),
        sys_inputs={"data": data},
        timestamp=int(timezone.now().timestamp()),
    )
    assert isinstance(made, bytes)
    return made


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """The packaged face and no other: what is drawn depends on no machine."""
    return typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(serif_path().parent)],
    )


def said(value: Any, number_format: str = "") -> str:
    """A value as a cell of this number format shows it; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        after = number_format.partition(".")[2].rstrip("%")
        places = sum(1 for one in after if one in "0#")
        if number_format.endswith("%"):
            return f"{Decimal(str(value)) * 100:.{places}f}%"
        if number_format and number_format != "@":
            comma = "," if "," in number_format else ""
            return f"{Decimal(str(value)):{comma}.{places}f}"
        return f"{value:g}" if isinstance(value, float) else f"{value}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    return str(value)


def _page(table: Table) -> dict[str, Any]:
    """What page.typ draws; every text is data there, never markup."""
    placed, depth = heads(table.columns)
    widths = [column.width or DEFAULT_WIDTH for column in table.columns]
    whole = sum(widths)
    landscape = table.landscape or whole > WIDEST[False] * 1.4
    return {
        "family": FAMILY,
        "title": table.title,
        "annex": table.annex,
        "left": table.head_left,
        "right": table.head_right,
        "landscape": landscape,
        "scale": min(1.0, WIDEST[landscape] / whole),
        "widths": widths,
        "depth": depth,
        "heads": [
            {
                "text": head.text,
                "x": head.left,
                "y": head.top,
                "across": head.right - head.left + 1,
                "down": head.bottom - head.top + 1,
            }
            for head in placed
        ],
        "rows": _cells(table),
        "total": [
            said(value, column.number_format)
            for value, column in zip(table.total, table.columns, strict=bool(table.total))
        ],
        "notes": table.notes,
        "signed": _signature(table),
        "as_of": f"数据截至 {table.as_of}" if table.as_of else "",
        "demo": demo.NOTICE if table.demo else "",
    }


def _cells(table: Table) -> list[list[dict[str, Any]]]:
    """Row by row what is drawn; a cell under a merged one is not there."""
    down = {(first, across): last - first + 1 for across, first, last in table.merges}
    hidden = {
        (row, across) for across, first, last in table.merges for row in range(first + 1, last + 1)
    }
    return [
        [
            {
                "text": said(value, column.number_format),
                "x": across,
                "down": down.get((at, across), 1),
            }
            for across, (value, column) in enumerate(zip(row, table.columns, strict=True))
            if (at, across) not in hidden
        ]
        for at, row in enumerate(table.rows)
    ]


def _signature(table: Table) -> list[str]:
    """填报单位 and who signs, where the form itself has no such line."""
    own = f"{table.head_left}{table.head_right}{''.join(table.notes)}"
    return ["" if "填报单位" in own else f"填报单位：{table.unit}", SIGNED]
