"""Files that a test needs and no library here writes: an old .xls, an encrypted workbook, hand-made .xlsx parts."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def ole(name: str, stream: bytes) -> bytes:
    """An OLE container with one stream."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\x00")
    sectors = len(stream) // 512
    fats = -(-(sectors + 2) // 127)
    fat = [_FAT] * fats + [_END] + [fats + 2 + n for n in range(sectors - 1)] + [_END]
    fat += [_FREE] * (fats * 128 - len(fat))
    header = bytes.fromhex("D0CF11E0A1B11AE1") + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, fats, fats, 0, 4096, _END, 0, _END, 0)
    header += b"".join(struct.pack("<I", n if n < fats else _FREE) for n in range(109))
    directory = _entry("Root Entry", 5, _END, 0, child=1) + _entry(name, 2, fats + 1, len(stream))
    directory = directory.ljust(512, b"\x00")
    return header + struct.pack(f"<{len(fat)}I", *fat) + directory + stream


def _entry(name: str, kind: int, start: int, size: int, *, child: int = _FREE) -> bytes:
    text = (name + "\x00").encode("utf-16-le")
    entry = text.ljust(64, b"\x00") + struct.pack("<HBB", len(text), kind, 1)
    entry += struct.pack("<III", _FREE, _FREE, child) + bytes(36)
    return entry + struct.pack("<IQ", start, size)


def record(code: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", code, len(body)) + body


def xls(
    rows: Sequence[Sequence[Any]],
    *,
    formulas: Sequence[tuple[int, int]] = (),
    password: bool = False,
    styles: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """An Excel 97 workbook with one sheet. Cells in `formulas` hold their value as the kept result of a formula.

    `styles` are further records of the workbook (FORMAT, XF), `more` further records of the sheet.
    """
    bof = struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6)
    name = "Sheet1".encode("utf-16-le")
    before = record(0x0809, bof) + (record(0x002F, bytes(6)) if password else b"")
    before += record(0x0042, struct.pack("<H", 1200)) + styles
    start = len(before) + 4 + 8 + len(name) + 4
    book = before + record(0x0085, struct.pack("<IBBBB", start, 0, 0, 6, 1) + name) + record(0x000A)
    assert len(book) == start
    width = max(map(len, rows), default=0)
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
    sheet += record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            sheet += _cell(r, c, value, (r, c) in formulas)
    return ole("Workbook", book + sheet + more + record(0x000A))


def _cell(row: int, column: int, value: Any, is_formula: bool) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if is_formula:
        tokens = b"\x1e\x01\x00"
        return record(0x0006, place + struct.pack("<dHIH", 1.0, 0, 0, len(tokens)) + tokens)
    if isinstance(value, (int, float)):
        return record(0x0203, place + struct.pack("<d", value))
    if value == "":
        return b""
    text = str(value).encode("utf-16-le")
    return record(0x0204, place + struct.pack("<HB", len(text) // 2, 1) + text)


_SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
_BOOK = (
    '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>'
)
_ROOT = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>'
)
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)


def xlsx(
    cells: str | bytes, *, whole: bool = False, parts: Mapping[str, str] | Mapping[str, bytes] | None = None
) -> bytes:
    """A workbook with this sheetData (or, with `whole`, this whole sheet), and any other parts."""
    sheet = cells if whole else _SHEET.format(cells)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _ROOT)
        archive.writestr("xl/workbook.xml", _BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", _RELATIONS)
        archive.writestr("xl/worksheets/sheet1.xml", sheet)
        for path, content in (parts or {}).items():
            archive.writestr(path, content)
    return out.getvalue()


def row(number: int, *values: str) -> str:
    """A row of inline text cells with references."""
    cells = "".join(
        f'<c r="{chr(65 + place)}{number}" t="inlineStr"><is><t>{value}</t></is></c>'
        for place, value in enumerate(values)
    )
    return f'<row r="{number}">{cells}</row>'
