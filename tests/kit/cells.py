"""The cells of a workbook as its XML has them, read without the library that wrote it: amounts digit by digit."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from io import BytesIO
from xml.etree import ElementTree

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REL = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def sheets(data: bytes) -> dict[str, list[list[str]]]:
    """Rows of texts by sheet; an empty cell is an empty text, a number is as it is written."""
    with zipfile.ZipFile(BytesIO(data)) as packed:
        shared = []
        if "xl/sharedStrings.xml" in packed.namelist():
            texts = ElementTree.fromstring(packed.read("xl/sharedStrings.xml"))
            shared = ["".join(part.text or "" for part in one.iter(f"{_NS}t")) for one in texts]
        targets = {
            one.attrib["Id"]: one.attrib["Target"].lstrip("/")
            for one in ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
        }
        book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
        found = {}
        for sheet in book.iter(f"{_NS}sheet"):
            path = targets[sheet.attrib[_REL]]
            text = packed.read(path if path.startswith("xl/") else f"xl/{path}")
            found[sheet.attrib["name"]] = _rows(ElementTree.fromstring(text), shared)
        return found


def _rows(sheet: ElementTree.Element, shared: list[str]) -> list[list[str]]:
    rows = []
    for row in sheet.iter(f"{_NS}row"):
        cells: list[str] = []
        for cell in row:
            letters = cell.attrib["r"].rstrip("0123456789")
            place = 0
            for letter in letters:
                place = place * 26 + ord(letter) - 64
            cells += [""] * (place - 1 - len(cells))
            cells.append(_text(cell, shared))
        rows.append(cells)
    return rows


def _text(cell: ElementTree.Element, shared: list[str]) -> str:
    if cell.attrib.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{_NS}t"))
    value = cell.find(f"{_NS}v")
    text = (value.text or "") if value is not None else ""
    return shared[int(text)] if cell.attrib.get("t") == "s" else text


def table(rows: list[list[str]], head: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows under this head, by column."""
    start = rows.index(list(head))
    return [dict(zip(head, [*row, *[""] * len(head)], strict=False)) for row in rows[start + 1 :]]


def fen(text: str) -> int:
    """Exactly, or AssertionError."""
    amount = Decimal(text or "0") * 100
    assert amount == amount.to_integral_value(), text
    return int(amount)
