"""The annotated workbook: the table as it was handed in, bad cells marked and commented, the outcome of each row.

Everything is written as text or plain numbers, so that no formula of the sender runs on the reader's machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from server.domain.imports.drafts import RowError, Table

OUTCOME = "导入结果"
_BAD = PatternFill("solid", fgColor="FFF4C7C3")
_HEAD = PatternFill("solid", fgColor="FFE8EEF7")
_BOLD = Font(bold=True)
_MOST_COMMENTS = 5_000  # beyond, the last column says it all the same
_UNSAFE = {code: None for code in range(32) if code not in (9, 10, 13)}


def annotate(table: Table, errors: Iterable[RowError], *, taken: str) -> bytes:
    """Blocks: call it in a thread.

    Args:
        table: what was read.
        errors: why rows are refused.
        taken: what stands in the last column of rows without an error.
    """
    by_row: dict[int, list[RowError]] = {}
    for error in errors:
        by_row.setdefault(error.row - 1, []).append(error)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(OUTCOME)
    width = max(map(len, table.sheet.rows))
    for place in range(1, width + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 18
    sheet.column_dimensions[get_column_letter(width + 1)].width = 60
    sheet.freeze_panes = f"A{table.header + 2}"
    comments = 0
    for index, row in enumerate(table.sheet.rows):
        here = by_row.get(index, [])
        bad = {table.places.get(error.column): error for error in reversed(here)}
        written: list[Any] = [
            _cell(sheet, row[place] if place < len(row) else "", bad.get(place), comments < _MOST_COMMENTS)
            if place in bad or place < len(row)
            else None
            for place in range(width)
        ]
        comments += len(bad)
        written.append(_outcome(sheet, table, index, here, taken))
        sheet.append([_bold(sheet, cell) for cell in written] if index == table.header else written)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: Any, error: RowError | None, with_comment: bool) -> Any:
    if error is None and isinstance(value, (bool, int, float, date, datetime)) and not _is_long(value):
        return value
    cell = WriteOnlyCell(sheet, value=None)
    cell.value = _harmless(value)
    cell.data_type = "s"
    if error is not None:
        cell.fill = _BAD
        if with_comment:
            cell.comment = Comment(error.detail, "xcert", height=90, width=320)
    return cell


def _is_long(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) >= 10**11


def _harmless(value: Any) -> str:
    """Text that is only text. Control characters, which a workbook cannot hold, are left out."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).translate(_UNSAFE)[:32_767]


def _bold(sheet: Any, cell: Any) -> Any:
    if not hasattr(cell, "font"):
        cell = _cell(sheet, "" if cell is None else str(cell), None, False)
    cell.font, cell.fill = _BOLD, _HEAD
    return cell


def _outcome(sheet: Any, table: Table, index: int, errors: list[RowError], taken: str) -> Any:
    if index == table.header:
        return _cell(sheet, OUTCOME, None, False)
    if errors:
        said = "；".join(f"【{error.column}】{error.detail}" for error in errors)
        cell = _cell(sheet, f"未导入：{said}", None, False)
        cell.fill = _BAD
        return cell
    blank = index < table.header or all(value == "" for value in table.sheet.rows[index])
    return None if blank else taken
