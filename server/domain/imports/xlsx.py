"""The inside of an .xlsx before anybody parses it: sizes, entities, extents, and which cells hold a formula.

The spreadsheet reader gives a formula's kept value and builds a dense table as large as the sheet claims to be. So
every part is unpacked here once, bounded, and looked through as bytes.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from io import BytesIO
from posixpath import join, normpath
from xml.etree import ElementTree  # entities are refused before anything is parsed
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from server.domain.imports.files import (
    MAX_PARTS,
    MAX_RATIO,
    MAX_UNPACKED,
    Extent,
    bomb,
    damaged,
    encrypted,
    entities,
    too_large,
    wrong_type,
)

_SMALL = 10_000_000  # below this a high ratio harms nobody
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"')
_ANY_CELL = re.compile(rb"<(?:\w+:)?(?:c|(row))(?=[\s/>])([^>]*)")
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{0,9})(\d{1,9})["']""")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ENCODING = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found: formula cells by sheet name (row and column from 0), and whether macros came along.

    `vetted` is the archive written anew from the parts that were looked through: two readers may disagree about
    a crafted directory, so the parser never sees the sender's.
    """

    formulas: dict[str, frozenset[tuple[int, int]]]
    has_macros: bool
    vetted: BytesIO


def check_directory(data: bytes) -> ZipFile:
    """Judge the archive by its directory alone, before anything is unpacked.

    Raises:
        Refused: file_damaged, file_encrypted, file_zip_bomb, file_too_large, file_type.
    """
    try:
        archive = ZipFile(BytesIO(data))
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        raise damaged() from None
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS or (unpacked > _SMALL and unpacked > MAX_RATIO * len(data)):
        raise bomb()
    if any(_is_puffed(part) for part in parts):
        raise bomb()
    if unpacked > MAX_UNPACKED:
        raise too_large()
    if any(part.flag_bits & 1 for part in parts):
        raise encrypted()
    if "xl/workbook.xml" not in archive.namelist():
        raise wrong_type()
    return archive


def _is_puffed(part: ZipInfo) -> bool:
    return part.file_size > _SMALL and part.file_size > MAX_RATIO * max(part.compress_size, 1)


def look_inside(data: bytes) -> Inside:
    """Unpack every XML part once and look through it.

    Raises:
        Refused: what `check_directory` raises, and file_entities, too_many_columns, too_many_rows.
    """
    archive = check_directory(data)
    try:
        sheets = _sheet_paths(archive)
        formulas: dict[str, frozenset[tuple[int, int]]] = {}
        vetted = BytesIO()
        with ZipFile(vetted, "w", ZIP_STORED) as anew:
            for name in sorted(name for name in set(archive.namelist()) if name.endswith((".xml", ".rels"))):
                part = _unpack(archive, name)
                if name in sheets:
                    _extent(part).check()
                    formulas[sheets[name]] = _formula_cells(part)
                anew.writestr(name, part)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError, OSError, ElementTree.ParseError):
        raise damaged() from None
    vetted.seek(0)
    return Inside(formulas, "xl/vbaProject.bin" in archive.namelist(), vetted)


def _unpack(archive: ZipFile, name: str) -> bytes:
    """One part, whole. The archive module stops at the size the directory claims and checks the sum."""
    part = archive.read(name)
    declared = _ENCODING.match(part.removeprefix(b"\xef\xbb\xbf"))
    plain = declared is None or declared[1].lower() in (b"utf-8", b"us-ascii")
    if not plain or part.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00")) or b"<\x00" in part[:200]:
        raise entities()
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise entities()
    return part


def _sheet_paths(archive: ZipFile) -> dict[str, str]:
    """Path inside the archive → the sheet's name, for worksheets."""
    book = ElementTree.fromstring(_unpack(archive, "xl/workbook.xml"))  # noqa: S314 -- no entities by now
    links = ElementTree.fromstring(_unpack(archive, "xl/_rels/workbook.xml.rels"))  # noqa: S314 -- the same
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    found: dict[str, str] = {}
    for sheet in book.iter():
        if sheet.tag.rpartition("}")[2] != "sheet":
            continue
        link = next((v for k, v in sheet.attrib.items() if k.rpartition("}")[2] == "id"), "")
        target = targets.get(link, "")
        path = target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
        found[path] = sheet.get("name", "")
    return found


def _extent(part: bytes) -> Extent:
    """How far the cells reach, by their own references; the sheet's stated dimension is not believed."""
    found = _CELL.findall(part)
    if len(found) != part.count(b"<c ") or b"<c>" in part or b"<c/" in part or b":c" in part:
        return _extent_of_odd_sheet(part)
    if not found:
        return Extent(0, 0)
    columns, rows = {letters for letters, _ in found}, {digits for _, digits in found}
    return Extent(max(map(int, rows)), max(map(column_index, columns)) + 1)


def _extent_of_odd_sheet(part: bytes) -> Extent:
    """The same for sheets whose cells leave their reference out, or write it unusually."""
    row = column = 0
    furthest = Extent(0, 0)
    for is_row, attributes in _ANY_CELL.findall(part):
        reference = _REFERENCE.search(attributes)
        if is_row:
            row, column = (int(reference[2]) if reference else row + 1), 0
            continue
        if reference and reference[1]:
            column = column_index(reference[1].upper()) + 1
            row = int(reference[2])
        else:
            column += 1
        furthest = Extent(max(furthest.rows, row), max(furthest.columns, column))
    return furthest


def _formula_cells(part: bytes) -> frozenset[tuple[int, int]]:
    if b"<f" not in part and b":f" not in part:
        return frozenset()
    found = set()
    for formula in _FORMULA.finditer(part):
        start = part.rfind(b"<c ", max(0, formula.start() - 4096), formula.start())
        if start < 0:
            start = part.rfind(b":c ", max(0, formula.start() - 4096), formula.start()) - 8
        reference = _REFERENCE.search(part, max(start, 0), formula.start())
        if reference is not None and reference[1]:
            found.add((int(reference[2]) - 1, column_index(reference[1].upper())))
    return frozenset(found)


def column_index(letters: bytes) -> int:
    """A → 0, Z → 25, AA → 26."""
    index = 0
    for letter in letters:
        index = index * 26 + letter - 64
    return index - 1
