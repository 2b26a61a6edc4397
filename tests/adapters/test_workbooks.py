"""Workbooks of our own, read back: text stays text, marks and comments are seen, nothing is a formula."""

from __future__ import annotations

import zipfile
from datetime import date, datetime
from io import BytesIO

import pytest
from openpyxl import load_workbook

from server.adapters.workbooks import OpenpyxlWriter
from server.domain.ports import Cell, LongSheet, Mark, SheetToWrite


def test_a_workbook_holds_what_it_was_given() -> None:
    rows: list[list[Cell | str | int | float | None]] = [
        [Cell("姓名", Mark.HEAD), Cell("备注", Mark.SOFT_HEAD), Cell("小结", Mark.BOLD)],
        ["=1+1", "a\x07b\nc", None, 7, 1.5],
        [Cell("坏", Mark.BAD, "请改正"), Cell(date(2026, 11, 23)), Cell("长" * 40_000)],
    ]
    data = OpenpyxlWriter().write(
        [SheetToWrite("一", rows, widths={1: 18, 3: 60}, frozen=1, text_cells=(2, 1)), SheetToWrite("二", [])]
    )
    first, second = load_workbook(BytesIO(data)).worksheets
    assert (first.title, first.freeze_panes, second.title, second.freeze_panes) == ("一", "A2", "二", None)
    assert [first.column_dimensions[letter].width for letter in "AC"] == [18, 60]
    assert [[cell.value for cell in row] for row in first.iter_rows()] == [
        ["姓名", "备注", "小结", None, None],
        ["=1+1", "ab\nc", None, 7, 1.5],
        ["坏", datetime(2026, 11, 23), "长" * 32_767, None, None],
        [None] * 5,
        [None] * 5,
    ]
    assert [first["A2"].data_type, first["A4"].number_format, first["A5"].number_format] == ["s", "@", "@"]
    looks = [(cell.font.b, cell.fill.fgColor.rgb if cell.fill.fill_type else None) for cell in first[1][:3]]
    assert looks == [(True, "FFE8EEF7"), (True, "FFF4F6F8"), (True, None)]
    bad = first["A3"]
    assert bad.comment is not None
    assert (bad.fill.fgColor.rgb, bad.comment.text) == ("FFF4C7C3", "请改正")


FORMULAS = (
    "=1+1",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    '=HYPERLINK("http://x","成绩")',
    "=cmd|' /C calc'!A0",
)


@pytest.mark.parametrize("value", FORMULAS)
def test_what_looks_like_a_formula_is_text_in_both_kinds_of_workbook(value: str) -> None:
    long = OpenpyxlWriter().begin(LongSheet("二", ("姓名",)))
    piecewise = long.add([[value]]) + long.finish(LongSheet("一", ("姓名",)), [[value]])
    cell_by_cell = OpenpyxlWriter().write(
        [SheetToWrite("一", [["姓名"], [value], [Cell(value, Mark.BAD, "x")]])]
    )
    for data in (piecewise, cell_by_cell):
        for sheet in load_workbook(BytesIO(data)).worksheets:
            cells = [row[0] for row in sheet.iter_rows(min_row=2)]
            assert {(cell.value, cell.data_type) for cell in cells} == {(value, "s")}
        with zipfile.ZipFile(BytesIO(data)) as parts:
            assert not [name for name in parts.namelist() if b"<f>" in parts.read(name)]
