"""What kind of file it is: by its name, and by what is in it. The two must agree."""

import mmap
import struct
from pathlib import Path, PurePosixPath

from .limits import Limits, Refused, megabytes
from .scan import RESAVE

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SAVE_AS = "请用 Excel 或 WPS 打开后另存为 .xlsx 再上传"


# What people hand in instead, and what it is called.
_OTHERS = {
    ".xlsm": ("macros", "带宏的工作簿（.xlsm）"),
    ".xltm": ("macros", "带宏的模板（.xltm）"),
    ".xlam": ("macros", "加载宏（.xlam）"),
    ".xlsb": ("not_spreadsheet", "二进制工作簿（.xlsb）"),
    ".xltx": ("not_spreadsheet", "Excel 模板（.xltx）"),
    ".ods": ("not_spreadsheet", "OpenDocument 表格（.ods）"),
    ".et": ("not_spreadsheet", "WPS 旧格式表格（.et）"),
    ".numbers": ("not_spreadsheet", "Numbers 表格"),
    ".doc": ("not_spreadsheet", "Word 文档"),
    ".docx": ("not_spreadsheet", "Word 文档"),
    ".wps": ("not_spreadsheet", "WPS 文字文档"),
    ".pdf": ("not_spreadsheet", "PDF 文件"),
    ".zip": ("not_spreadsheet", "压缩包"),
    ".rar": ("not_spreadsheet", "压缩包"),
    ".7z": ("not_spreadsheet", "压缩包"),
    ".txt": ("not_spreadsheet", "文本文件（.txt）"),
    ".htm": ("not_spreadsheet", "网页"),
    ".html": ("not_spreadsheet", "网页"),
    ".jpg": ("not_spreadsheet", "图片"),
    ".png": ("not_spreadsheet", "图片"),
}
_WAYS_OUT = {
    "压缩包": "请解压后上传里面的表格",
    "图片": "请上传原来的电子表格",
    "PDF 文件": "请上传原来的电子表格",
    "Word 文档": "请把表格复制到 Excel 或 WPS 里，另存为 .xlsx 再上传",
    "WPS 文字文档": "请把表格复制到 Excel 或 WPS 里，另存为 .xlsx 再上传",
}


def file_format(path: Path, name: str, limits: Limits) -> str:
    size = path.stat().st_size
    if size == 0:
        raise Refused("empty", "文件是空的（0 字节），可能没有上传完整，请检查后重新上传。")
    if size > limits.size:
        raise Refused(
            "too_large",
            f"文件有 {megabytes(size)}，超过上限 {megabytes(limits.size)}，"
            f"请按乡镇分成几个文件再上传。",
        )
    extension = PurePosixPath(name.replace("\\", "/")).suffix.lower()
    if extension in _OTHERS:
        code, what = _OTHERS[extension]
        raise Refused(code, f"不能接收{what}，{_WAYS_OUT.get(what, SAVE_AS)}。")
    if extension not in (".xlsx", ".xls", ".csv"):
        raise Refused(
            "extension", "只接收 .xlsx、.xls 和 .csv 文件，请用 Excel 或 WPS 另存为 .xlsx 再上传。"
        )
    with path.open("rb") as file:
        head = file.read(4096)
    found = _content(path, head)
    if found == extension[1:]:
        return found
    if found in ("xlsx", "xls"):
        raise Refused(
            "mismatch",
            f"文件扩展名是 {extension}，内容却是 .{found}，请把扩展名改成 .{found} 再上传。",
        )
    if found == "csv":
        raise Refused(
            "mismatch", f"文件扩展名是 {extension}，内容却是纯文本，{SAVE_AS}；也可改名为 .csv。"
        )
    raise Refused("mismatch", f"文件扩展名是 {extension}，内容却是{found}，{SAVE_AS}。")


def _content(path: Path, head: bytes) -> str:
    """xlsx, xls, csv, or the Chinese name of something else."""
    if head.startswith(b"PK"):
        return "xlsx"
    if head.startswith(_OLE):
        return _ole_content(path)
    if head.startswith(b"%PDF"):
        return " PDF"
    if head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8")):
        return "图片"
    if head.startswith((b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")):
        return "压缩包"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<html", b"<!doctype html", b"<table", b"<head", b"<meta", b"<body")):
        return "网页（HTML）表格"
    if text.startswith(b"<?xml"):
        return " XML 表格"
    if text.startswith(b"{\\rtf"):
        return " RTF 文档"
    if head.startswith((b"\x09\x08", b"\x09\x04", b"\x09\x02", b"\x09\x00")):
        return "很旧的 Excel 格式"
    if head[:2] not in (b"\xff\xfe", b"\xfe\xff") and b"\0" in head:
        return "无法识别的二进制数据"
    return "csv"


def _ole_content(path: Path) -> str:
    names = _ole_streams(path)
    if "EncryptedPackage" in names:
        raise Refused("encrypted", "文件设有打开密码，请在 Excel 或 WPS 里取消密码后重新上传。")
    if "_VBA_PROJECT_CUR" in names or "_VBA_PROJECT" in names:
        raise Refused("macros", f"文件里有宏，不能接收，{SAVE_AS}。")
    if "Workbook" in names or "Book" in names:
        if _has_filepass(path, names.get("Workbook") or names["Book"]):
            raise Refused("encrypted", "文件设有打开密码，请在 Excel 或 WPS 里取消密码后重新上传。")
        return "xls"
    if "WordDocument" in names:
        return " Word 文档"
    return "其他 Office 文档"


def _has_filepass(path: Path, at: int) -> bool:
    """Does the workbook stream of an .xls say, right at its beginning, that it is encrypted?"""
    with path.open("rb") as file:
        file.seek(at)
        head = file.read(512)
    place = 0
    while place + 4 <= len(head):
        record, length = struct.unpack_from("<HH", head, place)
        if record == 0x2F:
            return True
        if record not in (0x809, 0x86):  # the beginning, a write protection
            return False
        place += 4 + length
    return False


def _ole_streams(path: Path) -> dict[str, int]:
    """The names in an OLE container's directory, which tell what it is, and where each begins."""
    broken = Refused("damaged", f"文件不完整或已损坏，{RESAVE}。")
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise broken from None
        with data:
            if len(data) < 1536:
                raise broken
            shift = struct.unpack_from("<H", data, 30)[0]
            if shift not in (9, 12):
                raise broken
            size = 1 << shift
            first = struct.unpack_from("<I", data, 48)[0]
            tables = struct.unpack_from("<109I", data, 76)
            names: dict[str, int] = {}
            sector, seen = first, 0
            # The chain of directory sectors, bounded: a loop in it must not hold us.
            while sector < 0xFFFFFFFA and seen < 4096:
                start = (sector + 1) << shift
                for entry in range(start, start + size, 128):
                    if entry + 128 > len(data):
                        raise broken
                    length = struct.unpack_from("<H", data, entry + 64)[0]
                    if 2 <= length <= 64:
                        raw = data[entry : entry + length - 2]
                        begins = struct.unpack_from("<I", data, entry + 116)[0]
                        names[raw.decode("utf-16-le", "replace")] = (begins + 1) << shift
                table, slot = divmod(sector, size // 4)
                if table >= 109 or tables[table] >= 0xFFFFFFFA:
                    break
                at = ((tables[table] + 1) << shift) + slot * 4
                if at + 4 > len(data):
                    raise broken
                sector = struct.unpack_from("<I", data, at)[0]
                seen += 1
            return names
