"""Reading the files offices hand in: checked first, then read in a process of their own.

`read` yields a file's rows in blocks and is safe by itself: the reading process runs the whole
preflight before its reader sees a byte. `preflight` and `glance` are for those who only want the
answer. Whatever is wrong with a file, the caller gets `Refused` with a code and one Chinese
sentence; a reader that aborts, runs out of memory or never ends is such a sentence too.
"""

import contextlib
import json
import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .container import glance, preflight
from .limits import LIMITS, Limits, Refused, limits_sentence

__all__ = [
    "LIMITS",
    "Block",
    "Limits",
    "Refused",
    "Sheet",
    "glance",
    "limits_sentence",
    "preflight",
    "read",
    "sheets",
]

logger = logging.getLogger(__name__)

# Called about once a second and at every block, with the phase ("checking", "opening", "reading"),
# what is done and of how much: bytes while checking, rows while reading. What it raises ends the
# reading and the process: that is how a job is cancelled.
Progress = Callable[[str, int, int | None], None]

_ROOT = Path(__file__).resolve().parents[2]


class Block(NamedTuple):
    """A run of rows of one sheet. `first_row` is the sheet's own row number, from 1.

    A cell is str, int, float, bool, date or datetime; a blank one is "". Numbers stay numbers,
    so an ID that Excel turned into a quantity can be told. Column A is always index 0. Rows of a
    sheet may differ in length. An error cell is its text ("#N/A"), a formula never calculated
    "#公式未计算".

    A merged cell has its value in its top left cell only. What is merged downwards in one column
    is told in `merged`, as [index in rows, column, value] for every cell covered: a village
    merged over its people holds for each of them, an amount merged over a household does not, so
    it is for the caller to say which columns to fill.
    """

    sheet_index: int
    sheet_name: str
    hidden: bool
    first_row: int
    rows: list[list[Any]]
    merged: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet; `rows` counts stored rows, titles and blank ones included."""

    index: int
    name: str
    hidden: bool
    rows: int


def sheets(path: str | os.PathLike[str], name: str) -> list[Sheet]:
    """The worksheets of a file, in order. A .csv has one, named ""."""
    order = {"path": os.path.abspath(path), "name": name, "sheet": None, "list": True}
    with contextlib.closing(_answers(order, None)) as answers:
        return [Sheet(**answer["sheet"]) for answer in answers if isinstance(answer, dict)]


def read(
    path: str | os.PathLike[str],
    name: str,
    *,
    sheet: str | None = None,
    on_progress: Progress | None = None,
) -> Generator[Block, None, None]:
    """Check and read a file; `name` as handed in, `path` where it lies, `sheet` if only one.

    Nothing is yielded before the whole file has passed the checks. Closing the generator kills
    the reading process.
    """
    order = {"path": os.path.abspath(path), "name": name, "sheet": sheet, "list": False}
    current: dict[str, Any] = {}
    done = 0
    with contextlib.closing(_answers(order, on_progress)) as answers:
        for answer in answers:
            if isinstance(answer, dict):
                current = answer["sheet"]
                done = 0
                continue
            first, rows, merged = answer
            yield Block(current["index"], current["name"], current["hidden"], first, rows, merged)
            done += len(rows)
            if on_progress:
                on_progress("reading", done, current["rows"])
    if not current:
        raise Refused("no_rows", "文件里没有可读的工作表，请检查后重新上传。")


def _answers(order: dict[str, Any], on_progress: Progress | None) -> Generator[Any, None, None]:
    """Start the reading process and pass on its sheets and rows, to the last."""
    child = subprocess.Popen(
        [sys.executable, "-m", "enrollment.workbook.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        # Neither keys nor database addresses go near a stranger's file.
        env={"PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "PATH": os.defpath},
        start_new_session=True,
    )
    try:
        assert child.stdin
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(json.dumps(order).encode() + b"\n")
        ended = False
        for line in _lines(child, on_progress):
            # A cell's own quotes are escaped, so these bytes can only be a date from the child.
            special = b'{"d":' in line or b'{"t":' in line
            answer = json.loads(line, object_hook=_dates if special else None)
            if isinstance(answer, dict):
                if "refused" in answer:
                    raise Refused(*answer["refused"])
                if "crash" in answer:
                    logger.error("the reading process failed: %s", answer["crash"])
                    raise _broken()
                if "progress" in answer:
                    if on_progress:
                        on_progress("checking", *answer["progress"])
                    continue
                if "end" in answer:
                    ended = True
                    continue
            yield answer
        if not ended:
            raise _ending(child.wait())
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def _dates(found: dict[str, Any]) -> Any:
    if "d" in found:
        return date.fromisoformat(found["d"])
    if "t" in found:
        return datetime.fromisoformat(found["t"])
    return found


def _lines(child: subprocess.Popen[bytes], on_progress: Progress | None) -> Iterator[bytes]:
    """Lines as they come, with a sign of life each second between them."""
    assert child.stdout
    descriptor = child.stdout.fileno()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    deadline = time.monotonic() + LIMITS.clock
    pieces: list[bytes] = []
    while True:
        if not poll.poll(1000):
            if time.monotonic() > deadline:
                raise _too_long()
            if on_progress:
                on_progress("opening", 0, None)
            continue
        piece = os.read(descriptor, 1 << 20)
        if not piece:
            return
        *whole, rest = piece.split(b"\n")
        for line in whole:
            pieces.append(line)
            yield b"".join(pieces)
            pieces.clear()
        pieces.append(rest)


def _ending(code: int) -> Refused:
    """Why a process that did not finish its answer came to an end."""
    logger.error("the reading process ended with %s", code)
    if code == -signal.SIGXCPU:
        return _too_long()
    if code in (86, -signal.SIGABRT, -signal.SIGKILL):
        return Refused(
            "memory",
            "读取这个文件需要的内存超过上限（可能有内容落在很远的行或列），"
            "请删去多余的内容，或按乡镇分成几个文件再上传。",
        )
    return _broken()


def _too_long() -> Refused:
    return Refused("time", "读取这个文件花的时间超过上限，请按乡镇分成几个文件再上传。")


def _broken() -> Refused:
    return Refused(
        "unreadable", "文件无法读取，内容可能已损坏，请用 Excel 或 WPS 打开后另存为 .xlsx 再上传。"
    )
