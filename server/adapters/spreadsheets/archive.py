"""The parts of an .xlsx before anybody parses them: sizes, entities, names, and which part is which sheet.

Two readers may disagree about a crafted directory, so the archive is unpacked here once, bounded, and written anew
from what was looked through: the parser never sees the sender's.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from posixpath import join, normpath
from xml.etree import ElementTree  # entities are refused before anything is parsed
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from server.adapters.spreadsheets import formats
from server.adapters.spreadsheets.file_kind import (
    MAX_PARTS,
    MAX_RATIO,
    MAX_UNPACKED,
    bomb,
    damaged,
    encrypted,
    entities,
    too_large,
    wrong_type,
)

_SMALL = 10_000_000  # below this a high ratio harms nobody
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}encoding\s{0,9}=\s{0,9}["']([^"']{1,40})["']""")
_BOOK = "xl/workbook.xml"
_LINKS = "xl/_rels/workbook.xml.rels"
_STYLES = "xl/styles.xml"
STRINGS = "xl/sharedStrings.xml"
# parts that the parser asks for by one spelling alone
_SPELT = {name.lower(): name for name in (_BOOK, _LINKS, _STYLES, STRINGS)}


@dataclass(slots=True)
class Archive:
    """An archive's XML parts by name.

    Args:
        parts: path inside the archive → bytes, the sheets under the path that the workbook gives them.
        sheets: the sheet's name → its path.
        styles: number format code by the index that cells give.
        has_macros: whether a macro project came along.
    """

    parts: dict[str, bytes]
    sheets: dict[str, str] = field(default_factory=dict)
    styles: list[str] = field(default_factory=list)
    has_macros: bool = False

    def written(self) -> BytesIO:
        """The archive anew, of the parts that were looked through and of no others."""
        out = BytesIO()
        with ZipFile(out, "w", ZIP_STORED) as anew:
            for name, part in self.parts.items():
                anew.writestr(name, part)
        out.seek(0)
        return out


def check_directory(data: bytes) -> int:
    """Judge the archive by its directory alone, before anything is unpacked.

    Returns:
        how many bytes its parts say they unpack to.

    Raises:
        Refused: file_damaged, file_encrypted, file_zip_bomb, file_too_large, file_type.
    """
    return sum(part.file_size for part in _opened(data).infolist())


def _opened(data: bytes) -> ZipFile:
    try:
        archive = ZipFile(BytesIO(data))
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        raise damaged() from None
    parts = archive.infolist()
    size = sum(part.file_size for part in parts)
    if len(parts) > MAX_PARTS or (size > _SMALL and size > MAX_RATIO * len(data)):
        raise bomb()
    if any(_is_puffed(part) for part in parts):
        raise bomb()
    if size > MAX_UNPACKED:
        raise too_large()
    if any(part.flag_bits & 1 for part in parts):
        raise encrypted()
    if _BOOK not in {_plain_name(name).lower() for name in archive.namelist()}:
        raise wrong_type()
    return archive


def _is_puffed(part: ZipInfo) -> bool:
    return part.file_size > _SMALL and part.file_size > MAX_RATIO * max(part.compress_size, 1)


def _plain_name(name: str) -> str:
    """A part's name as the standard spells it: some programs write backslashes, or begin at a root."""
    return normpath(name.replace("\\", "/").lstrip("/"))


def unpack(data: bytes) -> Archive:
    """Unpack every XML part once and look through it.

    Raises:
        Refused: what `check_directory` raises, and file_entities.
    """
    zip_file = _opened(data)
    try:
        parts: dict[str, bytes] = {}
        has_macros = False
        for entry in zip_file.namelist():
            name = _plain_name(entry).lower()
            has_macros |= name == "xl/vbaproject.bin"
            if not name.endswith((".xml", ".rels")):
                continue
            if name in parts:
                raise damaged()  # two parts of one name: nobody can say which one a person has seen
            parts[name] = _part(zip_file, entry)
        archive = Archive(
            {_SPELT.get(name, name): part for name, part in parts.items()}, has_macros=has_macros
        )
        _name_sheets(archive)
        archive.styles = _styles(archive.parts.get(_STYLES))
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError, OSError, ValueError):
        raise damaged() from None
    except ElementTree.ParseError:
        raise damaged() from None
    return archive


def _part(archive: ZipFile, name: str) -> bytes:
    """One part, whole. The archive module stops at the size the directory claims and checks the sum."""
    part = archive.read(name)
    declared = _ENCODING.match(part.removeprefix(b"\xef\xbb\xbf"))
    plain = declared is None or declared[1].lower() in (b"utf-8", b"us-ascii")
    if not plain or part.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00")) or b"<\x00" in part[:200]:
        raise entities()
    if b"<!DOCTYPE" in part or b"<!ENTITY" in part:
        raise entities()
    return part


def _name_sheets(archive: Archive) -> None:
    """Find every worksheet's part, and keep it under the path that the workbook gives it."""
    book = ElementTree.fromstring(archive.parts[_BOOK])  # noqa: S314 -- no entities by now
    links = ElementTree.fromstring(archive.parts[_LINKS])  # noqa: S314 -- the same
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for sheet in book.iter():
        if sheet.tag.rpartition("}")[2] != "sheet":
            continue
        link = next((v for k, v in sheet.attrib.items() if k.rpartition("}")[2] == "id"), "")
        target = targets.get(link, "").replace("\\", "/")
        path = target.lstrip("/") if target.startswith("/") else normpath(join("xl", target))
        name = sheet.get("name", "")
        if name in archive.sheets:
            raise damaged()
        if (part := archive.parts.pop(path.lower(), None)) is not None:
            archive.parts[path] = part
        if path in archive.parts:
            archive.sheets[name] = path


def _styles(part: bytes | None) -> list[str]:
    """The number format of each cell style (cellXfs), as its code."""
    if part is None:
        return []
    root = ElementTree.fromstring(part)  # noqa: S314 -- no entities by now
    own: dict[int, str] = {}
    numbers: list[int] = []
    for element in root:
        kind = element.tag.rpartition("}")[2]
        if kind == "numFmts":
            own = {int(one.get("numFmtId", "0")): one.get("formatCode", "") for one in element}
        elif kind == "cellXfs":
            numbers = [int(one.get("numFmtId", "0")) for one in element]
    return [formats.code_of(number, own) for number in numbers]
