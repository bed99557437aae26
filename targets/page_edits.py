"""What was changed on the pages about places and words since the last pack, and is kept.

A pack knows its county's places and its departments' words as they were when it was written. What
the pages added since is not taken away because the pack does not know of it: of a list, what was
added stays and what was taken off stays off; of a single value, the page's holds unless the pack
itself has changed since it was last loaded. Everything else is the pack's.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from enrollment.pack_format import Row, Tables

# What the regions page changes of a place.
_VALUES = {"name": "名称", "parent": "所属乡镇", "valid_from": "启用日期", "valid_to": "停用日期"}


def keep(*, last: Tables, now: Tables, wanted: Tables) -> tuple[Tables, list[str]]:
    """The wanted tables with what the pages added, and a sentence for each thing kept.

    ``last`` is what the last pack said, ``now`` what stands in the database.
    """
    merged, said = deepcopy(wanted), []
    for table in ("county", "regions"):
        for row, old, current in _known(merged[table], last[table], now[table], "key"):
            said += _keep_place(row, old, current)
    for row, old, current in _known(
        merged["categories"], last["categories"], now["categories"], "name"
    ):
        said += _keep_list(row, old, current, "aliases", f"资助对象类别“{row['name']}”·别名")
        said += _keep_words(row, old, current)
    return merged, said


def _known(
    wanted: list[Row], last: list[Row], now: list[Row], key: str
) -> list[tuple[Row, Row, Row]]:
    """Rows that the new pack, the last one and the database all have."""
    before = {row[key]: row for row in last}
    current = {row[key]: row for row in now}
    both = before.keys() & current.keys()
    return [(row, before[row[key]], current[row[key]]) for row in wanted if row[key] in both]


def _keep_place(row: Row, old: Row, current: Row) -> list[str]:
    said = []
    label = f"“{current['name']}”"
    for name, word in _VALUES.items():
        if name not in row or current[name] == old[name] or current[name] == row[name]:
            continue
        if row[name] == old[name]:
            row[name] = current[name]
            value = "" if name == "parent" else f"“{current[name]}”"
            said.append(f"行政区划{label}·{word}：保留页面上的{value or '划转'}")
        elif name == "name":
            # The pack is the newer change; files that use the page's name still find the place.
            said.append(f"行政区划{label}·名称：以政策包为准，页面上的名称留作别名")
            row["aliases"] = [*row["aliases"], current["name"]]
    said += _keep_list(row, old, current, "aliases", f"行政区划{label}·别名")
    row["aliases"] = [alias for alias in row["aliases"] if alias != row["name"]]
    return said


def _keep_list(row: Row, old: Row, current: Row, name: str, label: str) -> list[str]:
    merged = _merged(row[name], old[name], current[name])
    kept = [one for one in merged if one not in row[name]]
    gone = [one for one in row[name] if one not in merged]
    row[name] = merged
    parts = [f"保留页面上增加的{'、'.join(kept)}"] if kept else []
    parts += [f"页面上去掉的{'、'.join(gone)}不再加回"] if gone else []
    return [f"{label}：{'；'.join(parts)}"] if parts else []


def _keep_words(row: Row, old: Row, current: Row) -> list[str]:
    """The departments' words for a category (叫法), explained from previews."""
    name = "department_aliases"
    words = [
        [(one["department"], one["name"]) for one in side[name]] for side in (row, old, current)
    ]
    merged = _merged(*words)
    if kept := [word for word in merged if word not in words[0]]:
        added = [one for one in current[name] if (one["department"], one["name"]) in kept]
        row[name] = [*row[name], *deepcopy(added)]
        said = "、".join(word for _, word in kept)
        return [f"资助对象类别“{row['name']}”·部门叫法：保留页面上增加的{said}"]
    return []


def _merged(wanted: Sequence[Any], last: Sequence[Any], now: Sequence[Any]) -> list[Any]:
    """What the pack says, without what the page took off, with what the page added."""
    taken_off = [one for one in last if one not in now]
    added = [one for one in now if one not in last and one not in wanted]
    merged = [one for one in wanted if one not in taken_off] + added
    # In the page's order where it is the same: no difference is none.
    return list(now) if sorted(merged) == sorted(now) else merged
