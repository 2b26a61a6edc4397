"""How openpyxl writes a workbook, cell by cell; `workbooks` loads this module with the first one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from server.domain.ports import Cell, Mark, SheetToWrite

_BOLD = Font(bold=True)
_FILLS = {
    Mark.HEAD: PatternFill("solid", fgColor="FFE8EEF7"),
    Mark.SOFT_HEAD: PatternFill("solid", fgColor="FFF4F6F8"),
    Mark.BAD: PatternFill("solid", fgColor="FFF4C7C3"),
}
_BOLD_MARKS = (Mark.BOLD, Mark.HEAD, Mark.SOFT_HEAD)
_UNSAFE = {code: None for code in range(32) if code not in (9, 10, 13)}  # a workbook cannot hold them
_LONGEST = 32_767  # characters of a cell


def written(sheets: Iterable[SheetToWrite]) -> bytes:
    """The workbook with these sheets."""
    book = Workbook(write_only=True)
    for one in sheets:
        _write(book.create_sheet(one.title), one)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _write(sheet: Any, page: SheetToWrite) -> None:
    for place, width in page.widths.items():
        sheet.column_dimensions[get_column_letter(place)].width = width
    if page.frozen:
        sheet.freeze_panes = f"A{page.frozen + 1}"
    for row in page.rows:
        sheet.append([_cell(sheet, value) for value in row])
    below, columns = page.text_cells
    for _ in range(below):
        sheet.append([_text_cell(sheet) for _ in range(columns)])


def _cell(sheet: Any, content: Any) -> Any:
    mark, comment = Mark.NONE, ""
    if isinstance(content, Cell):
        content, mark, comment = content.value, content.mark, content.comment
    if mark is Mark.NONE and not comment and not isinstance(content, str | Decimal):
        return content
    cell = WriteOnlyCell(sheet, value=None if isinstance(content, str | Decimal) else content)
    if isinstance(content, str):
        cell.value = content.translate(_UNSAFE)[:_LONGEST]
        cell.data_type = "s"  # a name that begins with "=" is a name
    if isinstance(
        content, Decimal
    ):  # openpyxl writes a number by way of a float: 0.07 as 0.07000000000000001
        cell.value, cell.data_type = format(content, "f"), "n"
    if mark in _BOLD_MARKS:
        cell.font = _BOLD
    if mark in _FILLS:
        cell.fill = _FILLS[mark]
    if mark is Mark.AMOUNT:
        cell.number_format = "#,##0.00"
    if comment:
        cell.comment = Comment(comment, "xcert", height=90, width=320)
    return cell


def _text_cell(sheet: Any) -> Any:
    cell = WriteOnlyCell(sheet)
    cell.number_format = "@"
    return cell
