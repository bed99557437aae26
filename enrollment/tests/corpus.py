"""Files as they should not be, built on the spot: hostile ones, damaged ones, and the odd ones
that must nevertheless be read. Nothing binary is kept in the repository."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
ROSTER = [["姓名", "身份证号"], ["张三", "11010519491231002X"], ["李四", "440524198001010013"]]


# ---------------------------------------------------------------- ordinary parts


def letters(index: int) -> str:
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(65 + rest) + found
    return found


def cell(reference: str, value: object) -> str:
    if isinstance(value, int | float):
        return f'<c r="{reference}"><v>{value}</v></c>'
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def row(number: int, values: Sequence[object]) -> str:
    inside = "".join(
        cell(f"{letters(i)}{number}", value) for i, value in enumerate(values) if value != ""
    )
    return f'<row r="{number}">{inside}</row>'


def sheet(rows: Sequence[Sequence[object]] = ROSTER, *, dimension: str = "") -> str:
    return around("".join(row(i, r) for i, r in enumerate(rows, start=1)), dimension=dimension)


def around(rows: str, *, dimension: str = "", after: str = "") -> str:
    """A worksheet part around rows already written."""
    said = f'<dimension ref="{dimension}"/>' if dimension else ""
    return f'{XML}<worksheet xmlns="{MAIN}">{said}<sheetData>{rows}</sheetData>{after}</worksheet>'


def parts(
    sheets: Mapping[str, str] | None = None, *, hidden: Sequence[str] = ()
) -> dict[str, str | bytes]:
    """The parts of a small workbook, by name."""
    sheets = {"名册": sheet()} if sheets is None else sheets
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{i}" r:id="rId{i}"'
        + (' state="hidden"/>' if name in hidden else "/>")
        for i, name in enumerate(sheets, start=1)
    )
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    found: dict[str, str | bytes] = {
        "[Content_Types].xml": f'{XML}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships"><Relationship '
        f'Id="rId1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
        f"{links}</Relationships>",
    }
    for i, content in enumerate(sheets.values(), start=1):
        found[f"xl/worksheets/sheet{i}.xml"] = content
    return found


def packed(entries: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def workbook(content: str | Mapping[str, str], *, hidden: Sequence[str] = ()) -> bytes:
    """An .xlsx with these sheets, or with this one."""
    return packed(parts({"名册": content} if isinstance(content, str) else content, hidden=hidden))


def with_parts(extra: Mapping[str, str | bytes]) -> bytes:
    """A good workbook with parts added or replaced."""
    return packed({**parts(), **extra})


def with_entry(name: str, content: bytes = b"x", *, attributes: int = 0) -> bytes:
    """A good workbook with one more entry, under whatever name."""
    out = io.BytesIO(packed(parts()))
    with zipfile.ZipFile(out, "a") as archive:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = name
        entry.external_attr = attributes << 16
        archive.writestr(entry, content)
    return out.getvalue()


# ---------------------------------------------------------------- OLE containers and .xls


def ole(streams: Mapping[str, bytes]) -> bytes:
    """An OLE container, enough of one for a directory and streams of at least 4,096 bytes."""
    body, table, entries = [], [0xFFFFFFFD], []
    at = 2  # sector 0 holds the allocation table, sector 1 the directory
    for name, content in streams.items():
        content = content.ljust(4096, b"\0")
        count = -(-len(content) // 512)
        body.append(content.ljust(count * 512, b"\0"))
        entries.append(_entry(name, 2, at, len(content)))
        table += [*range(at + 1, at + count), 0xFFFFFFFE] if count > 1 else [0xFFFFFFFE]
        at += count
    table.insert(1, 0xFFFFFFFE)
    directory = _entry("Root Entry", 5, 0xFFFFFFFE, 0, child=1) + b"".join(entries)
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0,
                      0xFFFFFFFE, 0)
        + struct.pack("<109I", 0, *[0xFFFFFFFF] * 108)
    )  # fmt: skip
    table += [0xFFFFFFFF] * (128 - len(table))
    return header + struct.pack("<128I", *table) + directory.ljust(512, b"\0") + b"".join(body)


def _entry(name: str, kind: int, start: int, size: int, child: int = 0xFFFFFFFF) -> bytes:
    raw = name.encode("utf-16-le")
    return (
        raw.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(raw) + 2, kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def xls(rows: Sequence[Sequence[Any]] = ROSTER, *, password: bool = False) -> bytes:
    """A BIFF8 workbook of texts and numbers."""
    begin = struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0)
    head = _record(0x809, begin)
    if password:
        head += _record(0x2F, struct.pack("<HHH", 1, 1, 1) + bytes(48))
    title = "名册".encode("utf-16-le")
    size = len(head) + 4 + 8 + len(title) + 4
    bound = struct.pack("<IHBB", size, 0, 2, 1) + title
    cells = b""
    for r, values in enumerate(rows):
        for c, value in enumerate(values):
            if value == "":
                continue
            if isinstance(value, str):
                raw = value.encode("utf-16-le")
                said = struct.pack("<HHHHB", r, c, 0, len(raw) // 2, 1) + raw
                cells += _record(0x204, said)
            else:
                cells += _record(0x203, struct.pack("<HHHd", r, c, 0, value))
    width = max(map(len, rows), default=0)
    stream = (
        head
        + _record(0x85, bound)
        + _record(0xA, b"")
        + _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
        + _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
        + cells
        + _record(0xA, b"")
    )
    return ole({"Workbook": stream})


# ---------------------------------------------------------------- what must be refused


def _large(rows: str) -> bytes:
    """A sheet of more than four megabytes that ends in these rows, so it is not parsed but
    searched."""
    filler = "".join(row(n, ["梅山镇", "张三", "备注" * 40]) for n in range(1, 18_000))
    return workbook(around(filler + rows))


def _bomb() -> bytes:
    return workbook(around(row(1, ["x"]) + " " * (40 * 1024 * 1024)))


def _lying_size() -> bytes:
    """The directory promises fewer bytes than the part holds."""
    good = bytearray(workbook(sheet([["x" * 5000]])))
    at = good.rfind(b"xl/worksheets/sheet1.xml") - 46
    struct.pack_into("<I", good, at + 24, 100)
    return bytes(good)


def _bad_checksum() -> bytes:
    good = bytearray(packed(parts()))
    at = good.rfind(b"xl/worksheets/sheet1.xml") - 46
    good[at + 16] ^= 0xFF
    return bytes(good)


def _overlapping() -> bytes:
    """Two names for one body."""
    good = bytearray(with_entry("xl/a.bin", b"y" * 64))
    at = good.rfind(b"xl/a.bin") - 46
    struct.pack_into("<I", good, at + 42, 10)
    return bytes(good)


def _encrypted_entry() -> bytes:
    good = bytearray(packed(parts()))
    at = good.rfind(b"xl/worksheets/sheet1.xml") - 46
    good[at + 8] |= 1
    return bytes(good)


def _duplicate() -> bytes:
    good = with_entry("xl/worksheets/sheet9.xml", sheet([["b"]]).encode())
    return good.replace(b"xl/worksheets/sheet9.xml", b"xl/worksheets/sheet1.xml")


def _dtd(part: str, *, entity: str = "") -> bytes:
    content = str(parts()[part])
    root = content.split("\n", 1)[1]
    name = root[1 : min(root.find(" "), root.find(">"))]
    inside = f" [{entity}]" if entity else ""
    return with_parts({part: f"{XML}<!DOCTYPE {name}{inside}>{root}"})


def _nested() -> bytes:
    return workbook(around(row(1, ["x"]), after="<a>" * 100 + "</a>" * 100))


def _sheets(count: int) -> bytes:
    return workbook({f"表{i}": sheet() for i in range(count)})


LAUGHS = '<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">'
OUTSIDE = '<!ENTITY x SYSTEM "file:///etc/passwd">'
SHEET = "xl/worksheets/sheet1.xml"


class Case(NamedTuple):
    """A file, the code it is refused with and words its sentence must have."""

    title: str
    name: str
    build: Callable[[], bytes]
    code: str
    words: str


HOSTILE = [
    Case("nothing in it", "名册.xlsx", lambda: b"", "empty", "空的"),
    Case("another extension", "名册.dat", lambda: packed(parts()), "extension", "只接收"),
    Case("no extension", "名册", lambda: packed(parts()), "extension", "只接收"),
    Case("Word", "名册.docx", lambda: b"PK", "not_spreadsheet", "Word"),
    Case("Word renamed", "a.xlsx", lambda: packed({"word/document.xml": "<a/>"}),
         "not_spreadsheet", "Word"),
    Case("old Word renamed", "a.xls", lambda: ole({"WordDocument": b""}), "mismatch", "Word"),
    Case("PDF", "名册.pdf", lambda: b"%PDF-1.7", "not_spreadsheet", "PDF"),
    Case("PDF renamed", "名册.xlsx", lambda: b"%PDF-1.7 ...", "mismatch", "PDF"),
    Case("OpenDocument", "名册.ods", lambda: b"PK", "not_spreadsheet", "OpenDocument"),
    Case("OpenDocument renamed", "a.xlsx", lambda: packed({"mimetype": "x", "content.xml": "<a/>"}),
         "not_spreadsheet", "OpenDocument"),
    Case("binary workbook", "名册.xlsb", lambda: b"PK", "not_spreadsheet", ".xlsb"),
    Case("binary workbook renamed", "a.xlsx", lambda: packed({"xl/workbook.bin": "x"}),
         "not_spreadsheet", ".xlsb"),
    Case("archive", "名册.zip", lambda: b"PK", "not_spreadsheet", "解压"),
    Case("archive renamed", "名册.xlsx", lambda: packed({"名册.txt": "a"}), "not_spreadsheet",
         "压缩包"),
    Case("picture renamed", "名册.xlsx", lambda: b"\x89PNG\r\n\x1a\n", "mismatch", "图片"),
    Case("noise", "名册.xlsx", lambda: b"\x01\x00\x02" * 50, "mismatch", "无法识别"),
    Case("web page called .xls", "名册.xls", lambda: b"<html><table>", "mismatch", "HTML"),
    Case("text called .xls", "名册.xls", lambda: "姓名\t身份证号".encode(), "mismatch", "纯文本"),
    Case("text called .xlsx", "名册.xlsx", lambda: "姓名,号".encode(), "mismatch", "纯文本"),
    Case(".xls called .xlsx", "名册.xlsx", xls, "mismatch", "内容却是 .xls"),
    Case(".xlsx called .xls", "名册.xls", lambda: packed(parts()), "mismatch", "内容却是 .xlsx"),
    Case(".xlsx called .csv", "名册.csv", lambda: packed(parts()), "mismatch", "内容却是 .xlsx"),
    Case("macro workbook", "名册.xlsm", lambda: packed(parts()), "macros", "宏"),
    Case("macros inside", "a.xlsx", lambda: with_parts({"xl/vbaProject.bin": b"x"}), "macros",
         "宏"),
    Case("macros in the old format", "a.xls",
         lambda: ole({"Workbook": b"", "_VBA_PROJECT_CUR": b""}), "macros", "宏"),
    Case("macros by declaration", "a.xlsx",
         lambda: with_parts({"[Content_Types].xml": str(parts()["[Content_Types].xml"]).replace(
             "spreadsheetml.sheet.main", "sheet.macroEnabled.main")}), "macros", "宏"),
    Case("password", "a.xlsx", lambda: ole({"EncryptedPackage": b"", "EncryptionInfo": b""}),
         "encrypted", "密码"),
    Case("password in the old format", "a.xls", lambda: xls(password=True), "encrypted", "密码"),
    Case("encrypted entry", "a.xlsx", _encrypted_entry, "encrypted", "加密"),
    Case("embedded file", "a.xlsx", lambda: with_parts({"xl/embeddings/oleObject1.bin": b"x"}),
         "embedded", "嵌入"),
    Case("bomb", "a.xlsx", _bomb, "bomb", "异常地大"),
    Case("overlapping entries", "a.xlsx", _overlapping, "bomb", "重叠"),
    Case("too many entries", "a.xlsx",
         lambda: packed({**parts(), **{f"xl/x{i}": b"" for i in range(2000)}}), "entries", "2,000"),
    Case("entities from outside", "a.xlsx", lambda: _dtd(SHEET, entity=OUTSIDE), "dtd", "外部引用"),
    Case("entities without end", "a.xlsx", lambda: _dtd("xl/workbook.xml", entity=LAUGHS), "dtd",
         "外部引用"),
    Case("a bare DTD", "a.xlsx", lambda: _dtd("[Content_Types].xml"), "dtd", "外部引用"),
    Case("a DTD in a part nobody reads", "a.xlsx",
         lambda: with_parts({"xl/styles.xml": f"{XML}<!DOCTYPE a><a/>"}), "dtd", "外部引用"),
    Case("parts in UTF-16", "a.xlsx", lambda: with_parts({SHEET: sheet().encode("utf-16")}),
         "encoding", "UTF-8"),
    Case("parts declared otherwise", "a.xlsx",
         lambda: with_parts({SHEET: sheet().replace("UTF-8", "GBK").encode("gbk")}), "encoding",
         "UTF-8"),
    Case("the last cell there is", "a.xlsx",
         lambda: workbook(around('<row r="1048576">' + cell("XFD1048576", 1) + "</row>")),
         "columns", "XFD1048576"),
    Case("the last cell, in a large sheet", "a.xlsx",
         lambda: _large('<row r="20000">' + cell("XFD20000", 1) + "</row>"), "columns", "XFD20000"),
    Case("300 columns", "a.xlsx", lambda: workbook(sheet([["x"] * 300])), "columns", "256"),
    Case("a row too far", "a.xlsx", lambda: workbook(around(row(1048577, ["x"]))), "rows",
         "1,048,576"),
    Case("two cells, worlds apart", "a.xlsx",
         lambda: workbook(around(row(1, ["x"]) + f'<row r="1048576">{cell("IV1048576", 1)}</row>')),
         "dimensions", "散布"),
    Case("51 sheets", "a.xlsx", lambda: _sheets(51), "sheets", "51"),
    Case("deeply nested", "a.xlsx", _nested, "depth", "64"),
    Case("a row twice", "a.xlsx", lambda: workbook(around(row(2, ["a"]) + row(2, ["b"]))),
         "row_order", "第 2 行出现了两次"),
    Case("a row twice, in a large sheet", "a.xlsx",
         lambda: _large(row(20000, ["a"]) + row(20000, ["b"])), "row_order",
         "第 20000 行出现了两次"),
    Case("rows out of order", "a.xlsx", lambda: workbook(around(row(3, ["a"]) + row(2, ["b"]))),
         "row_order", "第 2 行排在第 3 行之后"),
    Case("rows out of order, in a large sheet", "a.xlsx",
         lambda: _large(row(20001, ["a"]) + row(20000, ["b"])), "row_order", "之后"),
    Case("a cell twice", "a.xlsx",
         lambda: workbook(around(f'<row r="1">{cell("A1", "a")}{cell("A1", "b")}</row>')),
         "row_order", "A1"),
    Case("a cell in another row", "a.xlsx",
         lambda: workbook(around(f'<row r="1">{cell("A7", "a")}</row>')), "row_order", "A7"),
    Case("a path that climbs", "a.xlsx", lambda: with_entry("../../etc/cron.d/x"), "path", "路径"),
    Case("an absolute path", "a.xlsx", lambda: with_entry("/etc/passwd"), "path", "路径"),
    Case("a path with backslashes", "a.xlsx", lambda: with_entry("xl\\..\\..\\x"), "path", "路径"),
    Case("a link", "a.xlsx",
         lambda: with_entry("xl/link", b"/etc/passwd", attributes=stat.S_IFLNK | 0o777), "symlink",
         "链接"),
    Case("two entries of one name", "a.xlsx", _duplicate, "duplicate", "同名"),
    Case("something before", "a.xlsx", lambda: b"PK\3\4junk" + packed(parts()), "polyglot", "夹带"),
    Case("something after", "a.xlsx", lambda: packed(parts()) + b"%PDF-1.7", "polyglot", "夹带"),
    Case("cut off", "a.xlsx", lambda: packed(parts())[:-200], "truncated", "不完整"),
    Case("cut off early", "a.xlsx", lambda: packed(parts())[:300], "truncated", "不完整"),
    Case("a wrong checksum", "a.xlsx", _bad_checksum, "damaged", "校验"),
    Case("a size that lies", "a.xlsx", _lying_size, "damaged", "校验"),
    Case("XML cut off", "a.xlsx", lambda: workbook(sheet()[:-40]), "damaged", "损坏"),
    Case("a sheet that is not there", "a.xlsx",
         lambda: packed({k: v for k, v in parts().items() if k != SHEET}), "damaged", "缺少"),
    Case("no sheets", "a.xlsx", lambda: workbook({}), "no_rows", "没有工作表"),
]  # fmt: skip

# Found only once the file is read, so by the reading process.
UNREADABLE = [
    Case("old format cut off", "a.xls", lambda: xls()[:1600], "damaged", "损坏"),
    Case("text with NUL", "a.csv", lambda: b"a,b\n1,\0" + b"x" * 5000, "mismatch", "二进制"),
    Case("text with a late NUL", "a.csv", lambda: b"a,b\n" * 2000 + b"\0", "nul", "NUL"),
    Case("text in no known encoding", "a.csv", lambda: b"a,b\n\xff\xff\xff,1\n", "encoding",
         "编码"),
    Case("a quote never closed", "a.csv", lambda: b'a,b\n1,2\n3,"4\n5,6\n', "csv_quotes",
         "引号"),
    Case("300 fields", "a.csv", lambda: b"a," * 300 + b"\n", "columns", "256"),
]  # fmt: skip


def write(folder: Path, name: str, content: bytes) -> Path:
    """The file as the store keeps it: under a name that says nothing."""
    path = folder / "original"
    path.write_bytes(content)
    return path
