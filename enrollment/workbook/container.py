"""What is looked at before any reader opens a file.

No reading library refuses what must be refused: macros, embedded objects, two entries of one
name, names that climb out of their folder, declarations of entities, files that are two formats
at once. So the container is checked here, every part is unpacked once in pieces with its
checksum, and every sheet is scanned. Nothing is written anywhere and nothing held whole.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .formats import SAVE_AS, file_format
from .limits import LIMITS, Limits, Refused, megabytes
from .scan import EXACT, RESAVE, SheetScan, check_prolog, parse_xml, scan

Progress = Callable[[int, int], None]

_CHUNK = 1 << 18


@dataclass(slots=True)
class SheetPart:
    """A worksheet of an .xlsx: its name, whether it is hidden, and what the scan found."""

    name: str
    hidden: bool
    part: str
    scan: SheetScan = field(default_factory=SheetScan)


def preflight(path: str | os.PathLike[str], name: str, *, limits: Limits = LIMITS) -> str:
    """Check a file in full; its format ("xlsx", "xls", "csv"), or Refused with a sentence.

    `name` is the file's name as handed in, `path` where it lies. About a second for a county.
    """
    return inspect(path, name, limits=limits)[0]


def glance(path: str | os.PathLike[str], name: str, *, limits: Limits = LIMITS) -> str:
    """Check size, extension and container only, in milliseconds: for the upload page."""
    path = Path(path)
    kind = file_format(path, name, limits)
    if kind == "xlsx":
        with _open_zip(path) as archive:
            _check_directory(archive, path, limits)
    return kind


def inspect(
    path: str | os.PathLike[str],
    name: str,
    *,
    limits: Limits = LIMITS,
    on_progress: Progress | None = None,
) -> tuple[str, list[SheetPart]]:
    """Check a file in full; its format and, for .xlsx, its worksheets in order."""
    path = Path(path)
    kind = file_format(path, name, limits)
    if kind != "xlsx":
        return kind, []
    with _open_zip(path) as archive:
        parts = _check_directory(archive, path, limits)
        return kind, _check_parts(_Parts(path, parts, limits, on_progress), limits)


# ---------------------------------------------------------------- the container


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError):
        raise Refused(
            "truncated", "文件不完整（可能没有下载或上传完），请重新导出或重新上传。"
        ) from None


def _check_directory(
    archive: zipfile.ZipFile, path: Path, limits: Limits
) -> dict[str, zipfile.ZipInfo]:
    """Check the table of contents; the parts by name, folders left out."""
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise Refused(
            "entries", f"文件内部有 {len(entries):,} 个部分，超过 {limits.entries:,} 个，{RESAVE}。"
        )
    _check_edges(entries, archive, path)
    parts: dict[str, zipfile.ZipInfo] = {}
    seen: set[str] = set()
    total = 0
    for entry in entries:
        name = entry.orig_filename.replace("\\", "/")
        if (
            name.startswith("/")
            or ":" in name
            or "\0" in name
            or ".." in name.split("/")
            or not name
        ):
            raise Refused("path", f"文件内部有越出自身目录的路径，不是正常的表格，{RESAVE}。")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused("symlink", f"文件内部有符号链接，不是正常的表格，{RESAVE}。")
        if name.lower() in seen:
            raise Refused("duplicate", f"文件内部有两个同名的部分（{name[:80]}），{RESAVE}。")
        seen.add(name.lower())
        if entry.flag_bits & 0x1:
            raise Refused("encrypted", "文件已加密，请取消密码后重新上传。")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("damaged", f"文件使用了 Excel 不用的压缩方式，{RESAVE}。")
        total += entry.file_size
        if (
            entry.file_size > limits.ratio_from
            and entry.file_size > limits.ratio * entry.compress_size
        ) or total > limits.unpacked:
            raise Refused(
                "bomb",
                f"文件解开后异常地大（{megabytes(total)}，上限 {megabytes(limits.unpacked)}、"
                f"压缩比 {limits.ratio}:1），不能接收；如确是名册，请按乡镇分成几个文件再上传。",
            )
        if not name.endswith("/"):
            parts[name] = entry
    _check_names(seen)
    return parts


def _check_edges(entries: list[zipfile.ZipInfo], archive: zipfile.ZipFile, path: Path) -> None:
    """Nothing before the first entry, after the last, or shared by two.

    A file that is also something else hides it there; a bomb lets many entries share one body.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        starts = file.read(4)
        file.seek(max(0, size - 22 - 65535))
        trailer = file.read()
    at = trailer.rfind(b"PK\5\6")
    comment = struct.unpack_from("<H", trailer, at + 20)[0] if 0 <= at <= len(trailer) - 22 else -1
    ranges = sorted((e.header_offset, e.header_offset + 30 + e.compress_size) for e in entries)
    tidy = (
        starts == b"PK\3\4"
        and at + 22 + comment == len(trailer)
        and bool(ranges)
        and ranges[0][0] == 0
        and ranges[-1][1] <= archive.start_dir
    )
    if not tidy:
        raise Refused("polyglot", f"文件前后夹带了不属于表格的内容，{RESAVE}。")
    for (_, end), (start, _) in zip(ranges, ranges[1:], strict=False):
        if start < end:
            raise Refused("bomb", f"文件内部的各部分互相重叠，不是正常的表格，{RESAVE}。")


def _check_names(names: set[str]) -> None:
    """`names` in lower case: is it a workbook, and nothing but one?"""
    if any(n.startswith(("word/", "ppt/", "visio/")) for n in names):
        raise Refused(
            "not_spreadsheet", "这是 Word 或 PowerPoint 文件，不是电子表格，请上传 .xlsx 文件。"
        )
    if "content.xml" in names and "mimetype" in names:
        raise Refused("not_spreadsheet", f"不能接收 OpenDocument 表格（.ods），{SAVE_AS}。")
    if "xl/workbook.bin" in names:
        raise Refused("not_spreadsheet", f"不能接收二进制工作簿（.xlsb），{SAVE_AS}。")
    if any(n.endswith("vbaproject.bin") or n.startswith("xl/macrosheets/") for n in names):
        raise Refused("macros", "文件里有宏，不能接收，请另存为不含宏的 .xlsx 再上传。")
    if any("/embeddings/" in n or "/activex/" in n for n in names):
        raise Refused(
            "embedded", "文件里嵌入了其他文件或控件，请删去后另存为新的 .xlsx 文件再上传。"
        )
    if "xl/workbook.xml" not in names or "[content_types].xml" not in names:
        raise Refused("not_spreadsheet", "文件是压缩包，不是电子表格，请上传 .xlsx 文件。")


# ---------------------------------------------------------------- the parts


class _Parts:
    """The parts of the container, unpacked in pieces, each checked against its checksum."""

    def __init__(
        self,
        path: Path,
        entries: dict[str, zipfile.ZipInfo],
        limits: Limits,
        on_progress: Progress | None,
    ) -> None:
        self.path = path
        self.entries = entries
        self.limits = limits
        self.on_progress = on_progress
        self.total = sum(e.file_size for e in entries.values())
        self.done = 0

    def chunks(self, name: str) -> Iterator[bytes]:
        """The part's bytes, in pieces of at most a megabyte.

        Unpacking in a thread beside the scan was tried and won nothing: zlib asks for the
        interpreter's lock at every block it fills.
        """
        for piece in self._unpack(self.entries[name]):
            self.done += len(piece)
            if self.on_progress:
                self.on_progress(min(self.done, self.total), self.total)
            yield piece

    def _unpack(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        broken = Refused(
            "damaged", f"文件内部校验不符（{entry.filename[:80]}），内容已损坏，请重新导出或上传。"
        )
        crc = size = 0
        with self.path.open("rb") as file:
            file.seek(entry.header_offset)
            header = file.read(30)
            if len(header) < 30 or header[:4] != b"PK\3\4":
                raise broken
            length, extra = struct.unpack("<HH", header[26:30])
            local = file.read(length)
            listed = entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437")
            if local != listed:
                raise broken
            file.seek(extra, os.SEEK_CUR)
            left = entry.compress_size
            inflate = zlib.decompressobj(-15) if entry.compress_type else None
            try:
                while left > 0 and (raw := file.read(min(_CHUNK, left))):
                    left -= len(raw)
                    while raw:
                        if inflate:
                            piece = inflate.decompress(raw, 4 * _CHUNK)
                            raw = inflate.unconsumed_tail
                        else:
                            piece, raw = raw, b""
                        size += len(piece)
                        if size > entry.file_size:
                            raise broken
                        crc = zlib.crc32(piece, crc)
                        if piece:
                            yield piece
                if inflate and (piece := inflate.flush()):
                    size += len(piece)
                    crc = zlib.crc32(piece, crc)
                    yield piece
            except zlib.error:
                raise broken from None
        if left or size != entry.file_size or crc != entry.CRC or (inflate and not inflate.eof):
            raise broken


def _check_parts(parts: _Parts, limits: Limits) -> list[SheetPart]:
    sheets = _sheets(parts, limits)
    by_part = {sheet.part: sheet for sheet in sheets}
    for name, entry in parts.entries.items():
        if name in by_part:
            sheet = by_part[name]
            sheet.scan = scan(partial(parts.chunks, name), entry.file_size, sheet.name, limits)
        elif not name.lower().endswith((".xml", ".rels", ".vml")):
            for _ in parts.chunks(name):
                pass
        elif entry.file_size <= EXACT and not name.lower().endswith(".vml"):
            parse_xml(parts.chunks(name), f"文件的 {name[:80]} 部分", limits)
        else:
            head = b""
            for piece in parts.chunks(name):
                if len(head) < 65536:
                    head += piece
                    check_prolog(head[:65536], f"文件的 {name[:80]} 部分")
    return sheets


def _sheets(parts: _Parts, limits: Limits) -> list[SheetPart]:
    """The worksheets in the workbook's order."""
    listed: list[tuple[str, str, str]] = []
    relations: dict[str, tuple[str, str]] = {}
    types: list[str] = []

    def sheet(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "sheet":
            relation = next((v for k, v in attributes.items() if k.endswith(":id")), "")
            listed.append(
                (attributes.get("name", ""), attributes.get("state", "visible"), relation)
            )

    def relation(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == "Relationship":
            target = attributes.get("Target", "")
            target = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            relations[attributes.get("Id", "")] = (attributes.get("Type", ""), target)

    def content_type(tag: str, attributes: dict[str, str]) -> None:
        types.append(attributes.get("ContentType", ""))

    names = {name.lower(): name for name in parts.entries}
    links = names.get("xl/_rels/workbook.xml.rels")
    if links is None:
        raise Refused("damaged", f"文件缺少必要的部分，已损坏，{RESAVE}。")
    for name, handler in (
        (names["[content_types].xml"], content_type),
        (names["xl/workbook.xml"], sheet),
        (links, relation),
    ):
        parse_xml(parts.chunks(name), f"文件的 {name} 部分", limits, handler)
    if any("macroEnabled" in t or "vbaProject" in t for t in types):
        raise Refused("macros", "文件里有宏，不能接收，请另存为不含宏的 .xlsx 再上传。")
    found = []
    for title, state, link in listed:
        kind, target = relations.get(link, ("", ""))
        if kind.endswith("/xlMacrosheet"):
            raise Refused("macros", "文件里有宏表，不能接收，请另存为不含宏的 .xlsx 再上传。")
        if not kind.endswith("/worksheet"):
            continue  # a sheet that is only a chart holds no rows
        part = names.get(target.lower())
        if part is None:
            raise Refused("damaged", f"文件缺少工作表“{title}”的内容，已损坏，{RESAVE}。")
        found.append(SheetPart(title, state != "visible", part))
    if not found:
        raise Refused("no_rows", "文件里没有工作表，请检查后重新上传。")
    if len(found) > limits.sheets:
        raise Refused(
            "sheets",
            f"文件有 {len(found)} 个工作表，超过 {limits.sheets} 个，请分成几个文件再上传。",
        )
    return found
