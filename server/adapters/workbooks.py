"""Workbooks of our own, by openpyxl, row by row. Everything is text or a plain value: nobody's formula runs anywhere."""

from __future__ import annotations

from collections.abc import Iterable

from server.adapters.long_workbooks import LongWorkbook
from server.domain.ports import LongSheet, SheetToWrite


class OpenpyxlWriter:
    """Implements the WorkbookWriter port."""

    def write(self, sheets: Iterable[SheetToWrite]) -> bytes:
        # openpyxl costs every process's start a fifth of a second, and most processes never write a workbook.
        from server.adapters import workbook_cells

        return workbook_cells.written(sheets)

    def begin(self, sheet: LongSheet) -> LongWorkbook:
        return LongWorkbook(sheet)
