"""What a file may be at most, and the sentence it gets when it is more."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one file; bytes, seconds and counts."""

    size: int = 100 * MIB
    unpacked: int = 1024 * MIB
    rows: int = 1_048_576
    columns: int = 256
    sheets: int = 50
    entries: int = 2000
    depth: int = 64
    cell: int = 32_767
    # Real rosters were measured at 21:1 at most, bombs at 412:1 and more.
    ratio: int = 100
    ratio_from: int = 8 * MIB
    # Cells of the rectangle around everything filled in, where the cells themselves are few:
    # the reader lays that rectangle out in memory, 24 bytes a cell.
    sparse: int = 20_000_000
    # Of the reading process: address space, processor time, time on the clock.
    memory: int = 2048 * MIB
    cpu: int = 300
    clock: int = 1200


LIMITS = Limits()


class Refused(Exception):
    """The file cannot be taken. `code` is stable, `message` one Chinese sentence with a way out."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def limits_sentence(limits: Limits = LIMITS) -> str:
    """The limits in one sentence, for the upload page and the handbook."""
    return (
        f"可上传 .xlsx、.xls 和 .csv（UTF-8、GB18030 或带 BOM 的 UTF-16）文件，"
        f"大小不超过 {limits.size // MIB} MB，解开后不超过 {limits.unpacked // MIB // 1024} GB；"
        f"最多 {limits.sheets} 个工作表，每表最多 {limits.rows:,} 行、{limits.columns} 列；"
        f"不接收加密、带宏或含嵌入对象的文件。"
    )


def megabytes(size: int) -> str:
    return f"{size / MIB:,.0f} MB" if size >= MIB else f"{size / 1024:,.1f} KB"
