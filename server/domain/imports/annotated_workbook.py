"""The annotated workbook: the refused rows with bad cells marked and commented, what changes, and the counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from server.domain.imports.parsed_rows import RowError, Table
from server.domain.ports import Cell, Mark, SheetToWrite
from server.models import ImportRun, KeptDifference

OUTCOME = "导入结果"
NUMBER = "原行号"
_MOST_COMMENTS = 5_000  # beyond, the last column says it all the same
_LONG = 10**11  # from here on a number is an identity number or the like: as text it keeps its digits


def annotated(
    table: Table,
    errors: Iterable[RowError],
    run: ImportRun,
) -> list[SheetToWrite]:
    """The sheets.

    Only refused rows come back whole: they are there to be put right and imported again. What is taken is not repeated,
    so that the file holds no more people than it must.

    Args:
        table: what was read.
        errors: why rows are refused.
        run: the import, with its counts and the changed rows.
    """
    by_row: dict[int, list[RowError]] = {}
    for error in errors:
        by_row.setdefault(error.row - 1, []).append(error)
    width = max(map(len, table.sheet.rows))
    return [
        SheetToWrite(
            "有错误的行",
            _refused_rows(table, width, by_row),
            widths={**dict.fromkeys(range(1, width + 1), 18), width + 2: 60},
            frozen=1,
        ),
        SheetToWrite("改动", _changes(run.differences or []), widths={2: 30, 3: 26, 4: 26, 5: 26}),
        SheetToWrite("小结", _counts(run), widths={2: 60}),
    ]


def _refused_rows(table: Table, width: int, by_row: Mapping[int, list[RowError]]) -> Iterator[list[Cell]]:
    head = table.sheet.rows[table.header]
    yield _titles(*(head[place] if place < len(head) else "" for place in range(width)), NUMBER, OUTCOME)
    comments = 0
    for index in sorted(by_row):
        row, here = table.sheet.rows[index], by_row[index]
        bad = {table.places.get(error.column): error for error in reversed(here)}
        written: list[Cell] = []
        for place in range(width):
            value = row[place] if place < len(row) else None
            if error := bad.get(place):
                why = error.detail if comments < _MOST_COMMENTS else ""
                written.append(Cell(_as_text("" if value is None else value), Mark.BAD, why))
            else:
                written.append(Cell(None if value is None else _plain(value)))
        comments += len(bad)
        sentence = "未导入：" + "；".join(f"【{e.column}】{e.detail}" for e in here)
        yield [*written, Cell(index + 1), Cell(sentence, Mark.BAD)]


def _changes(differences: Iterable[KeptDifference]) -> Iterator[list[Cell]]:
    """Old → new, the identity number masked: what a check is for, and what stands there afterwards."""
    yield _titles("行号", "对象", "项目", "原来", "改为")
    for one in differences:
        for change in one["changes"]:
            cells = (one["row"], one["who"], change["what"], change["was"], change["became"])
            yield [Cell(_plain(value)) for value in cells]


def _counts(run: ImportRun) -> Iterator[list[Cell]]:
    lines: list[tuple[str, int | str]] = [
        ("总行数", run.rows_total),
        ("新增", run.rows_new),
        ("改动", run.rows_changed),
        ("与现有相同", run.rows_unchanged),
        ("有错误", run.rows_refused),
    ]
    if run.rows_skipped:
        lines.append(("没有读取", run.rows_skipped))
    lines += [("提示", note) for note in run.notes]
    yield _titles("项目", "检查结果" if run.is_dry_run else "导入结果")
    for label, value in lines:
        yield [Cell(label), Cell(_plain(value))]


def _titles(*words: Any) -> list[Cell]:
    return [Cell(_plain(word), Mark.HEAD) for word in words]


def _plain(value: Any) -> Any:
    """Numbers and days as they are; everything else, and a long number, as text."""
    if isinstance(value, (int, float)) and abs(value) >= _LONG:
        return _as_text(value)
    return value if isinstance(value, (int, float, date, datetime)) else _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
