"""The annotated workbook: the refused rows with bad cells marked and commented, what changes, and the counts.

Everything is written as text or plain numbers, so that no formula of the sender runs on the reader's machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from server.domain.imports.parsed_rows import RowError, Table

OUTCOME = "导入结果"
NUMBER = "原行号"
_BAD = PatternFill("solid", fgColor="FFF4C7C3")
_HEAD = PatternFill("solid", fgColor="FFE8EEF7")
_BOLD = Font(bold=True)
_MOST_COMMENTS = 5_000  # beyond, the last column says it all the same
_UNSAFE = {code: None for code in range(32) if code not in (9, 10, 13)}


def annotate(
    table: Table,
    errors: Iterable[RowError],
    counts: Mapping[str, Any],
    differences: Iterable[Mapping[str, Any]],
) -> bytes:
    """Blocks: call it in a thread.

    Only refused rows come back whole: they are there to be put right and imported again. What is taken is not repeated,
    so that the file holds no more people than it must.

    Args:
        table: what was read.
        errors: why rows are refused.
        counts: the import as staff see it, with its counts.
        differences: the changed rows as they are kept with an import.
    """
    by_row: dict[int, list[RowError]] = {}
    for error in errors:
        by_row.setdefault(error.row - 1, []).append(error)
    book = Workbook(write_only=True)
    _refused_rows(book.create_sheet("有错误的行"), table, by_row)
    _changes(book.create_sheet("改动"), differences)
    _counts(book.create_sheet("小结"), counts)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _refused_rows(sheet: Any, table: Table, by_row: Mapping[int, list[RowError]]) -> None:
    width = max(map(len, table.sheet.rows))
    for place in range(1, width + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 18
    sheet.column_dimensions[get_column_letter(width + 2)].width = 60
    sheet.freeze_panes = "A2"
    head = table.sheet.rows[table.header]
    titles = [*(head[place] if place < len(head) else "" for place in range(width)), NUMBER, OUTCOME]
    sheet.append([_bold(_cell(sheet, title, None, False)) for title in titles])
    comments = 0
    for index in sorted(by_row):
        row, here = table.sheet.rows[index], by_row[index]
        bad = {table.places.get(error.column): error for error in reversed(here)}
        written: list[Any] = [
            _cell(sheet, row[place] if place < len(row) else "", bad.get(place), comments < _MOST_COMMENTS)
            if place in bad or place < len(row)
            else None
            for place in range(width)
        ]
        comments += len(bad)
        said = _cell(sheet, "未导入：" + "；".join(f"【{e.column}】{e.detail}" for e in here), None, False)
        said.fill = _BAD
        sheet.append([*written, index + 1, said])


def _changes(sheet: Any, differences: Iterable[Mapping[str, Any]]) -> None:
    """Old → new, the identity number masked: what a check is for, and what stands there afterwards."""
    for letter, width in (("B", 30), ("C", 26), ("D", 26), ("E", 26)):
        sheet.column_dimensions[letter].width = width
    _table(
        sheet,
        ("行号", "对象", "项目", "原来", "改为"),
        (
            (one["row"], one["who"], change["what"], change["was"], change["became"])
            for one in differences
            for change in one["changes"]
        ),
    )


def _counts(sheet: Any, run: Mapping[str, Any]) -> None:
    sheet.column_dimensions["B"].width = 60
    names = {
        "rows_total": "总行数",
        "rows_new": "新增",
        "rows_changed": "改动",
        "rows_unchanged": "与现有相同",
    }
    found = [(label, run[name]) for name, label in names.items()] + [("有错误", run["rows_refused"])]
    if run["rows_skipped"]:
        found.append(("没有读取", run["rows_skipped"]))
    found += [("提示", note) for note in run["notes"]]
    _table(sheet, ("项目", "检查结果" if run["dry_run"] else "导入结果"), found)


def _table(sheet: Any, titles: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    sheet.append([_bold(_cell(sheet, title, None, False)) for title in titles])
    for row in rows:
        sheet.append([_cell(sheet, value, None, False) for value in row])


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


def _bold(cell: Any) -> Any:
    cell.font, cell.fill = _BOLD, _HEAD
    return cell
