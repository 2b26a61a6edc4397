"""Lists of people as they are pasted out of a spreadsheet: 院校, 姓名, 手机号, one person a line."""

from __future__ import annotations

import csv
import re

_HEADS = frozenset({"院校", "院校名称", "学校", "学校名称"})
_BETWEEN = re.compile(r"[,，\t]")


def lines(text: str) -> list[tuple[int, list[str]]]:
    """The cells of each line, and where it stands, counted from 1; empty lines and one of headings are passed over.

    Args:
        text: cells are separated by tabs (as a spreadsheet copies them) or commas.
    """
    found: list[tuple[int, list[str]]] = []
    for row, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in next(csv.reader([_BETWEEN.sub(",", line)]))]
        if not found and cells[0] in _HEADS:
            continue
        found.append((row, cells))
    return found
