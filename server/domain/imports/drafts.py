"""From a table to drafts: find the header, clean every cell, keep every error. Knows nothing of the records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from server.domain.imports import cells, sheets
from server.domain.imports.sheets import Sheet
from server.domain.people.names import tidy
from server.errors import Refused

_NONE: frozenset[tuple[int, int]] = frozenset()
HEADER_WITHIN = 20  # titles and remarks may stand above the header, not more


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its title. One that is not required may be missing from the file altogether."""

    title: str
    clean: Callable[[Any], Any]
    required: bool = True


@dataclass(frozen=True, slots=True)
class RowError:
    """One reason why a row is refused. `row` is the number that the spreadsheet shows."""

    row: int
    column: str
    code: str
    detail: str

    def as_dict(self) -> dict[str, object]:
        return {"row": self.row, "column": self.column, "code": self.code, "detail": self.detail}


@dataclass(slots=True)
class Draft:
    """A row with its clean values by title; a cell with an error has none."""

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)

    def refuse(self, column: str, code: str, detail: str) -> None:
        self.errors.append(RowError(self.row, column, code, detail))

    def get(self, column: str) -> Any:
        return self.values.get(column)


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet in which a header was found: its row, and title → column (both from 0)."""

    sheet: Sheet
    header: int
    places: dict[str, int]
    notes: list[str]


def find_table(data: bytes, columns: tuple[Column, ...], others: dict[str, tuple[Column, ...]]) -> Table:
    """The first visible sheet with this header. Blocks: call it in a thread.

    Args:
        data: the file.
        columns: what the header must have.
        others: the headers of other kinds of table by their Chinese name, to say what was mistaken for what.

    Raises:
        Refused: see `files`; header_missing, header_incomplete, header_twice, header_other_kind, no_rows.
    """
    seen = []
    chosen: Table | None = None
    for sheet in sheets.read(data):
        if chosen is not None:
            if any(not cells.is_blank(value) for row in sheet.rows for value in row):
                chosen.notes.append(f"只读取了工作表“{chosen.sheet.name}”，没有读取“{sheet.name}”。")
            continue
        seen.append(sheet)
        chosen = _table(sheet, columns)
    if chosen is None:
        raise _no_header(seen, columns, others)
    if all(cells.is_blank(v) for row in chosen.sheet.rows[chosen.header + 1 :] for v in row):
        raise Refused("no_rows", "表头下面没有数据，请填写后再导入。")
    return chosen


def _title(raw: Any) -> str:
    return "".join(tidy(cells.text_of(raw)).strip("*").split())


def _table(sheet: Sheet, columns: tuple[Column, ...]) -> Table | None:
    known = {column.title for column in columns}
    best = -1
    titles: list[str] = []
    for place, row in enumerate(sheet.rows[:HEADER_WITHIN]):
        here = [_title(value) for value in row]
        if len(known.intersection(here)) > len(known.intersection(titles)):
            best, titles = place, here
    needs = [column.title for column in columns if column.required]
    if best < 0 or not set(needs) <= set(titles):
        return None
    if twice := sorted({title for title in titles if title in known and titles.count(title) > 1}):
        raise Refused("header_twice", f"表头里“{twice[0]}”出现了两次，请删除多余的一列。")
    extra = [title for title in titles if title and title not in known]
    notes = list(sheet.notes)
    if extra:
        notes.append(f"这些列没有读取：{'、'.join(extra[:20])}{'等' if len(extra) > 20 else ''}。")
    return Table(sheet, best, {title: titles.index(title) for title in known if title in titles}, notes)


def _no_header(
    seen: list[Sheet], columns: tuple[Column, ...], others: dict[str, tuple[Column, ...]]
) -> Refused:
    for name, other in others.items():
        if any(_table(sheet, other) for sheet in seen):
            return Refused("header_other_kind", f"这像是“{name}”的表格，请选择对应的导入类型后再试。")
    needs = [column.title for column in columns if column.required]
    found = {_title(value) for sheet in seen for row in sheet.rows[:HEADER_WITHIN] for value in row}
    missing = [title for title in needs if title not in found]
    if len(missing) == len(needs) or not missing:
        return Refused("header_missing", f"没有找到表头。表头应有：{'、'.join(needs)}。")
    return Refused("header_incomplete", f"表头缺少：{'、'.join(missing)}。请补上后再导入。")


def drafts(table: Table, columns: tuple[Column, ...]) -> Iterator[Draft]:
    """Every row that is not blank, cleaned."""
    placed = [(column, table.places.get(column.title)) for column in columns]
    formulas = table.sheet.formulas
    with_formula = {row for row, _ in formulas}
    used = [place for _, place in placed if place is not None]
    for index in range(table.header + 1, len(table.sheet.rows)):
        row = table.sheet.rows[index]
        if index not in with_formula and _is_blank(row, used):
            continue
        yield _draft(index, row, placed, formulas if index in with_formula else _NONE)


def _is_blank(row: list[Any], used: list[int]) -> bool:
    return all(place >= len(row) or cells.is_blank(row[place]) for place in used)


def _draft(
    index: int,
    row: list[Any],
    placed: list[tuple[Column, int | None]],
    formulas: frozenset[tuple[int, int]],
) -> Draft:
    draft = Draft(index + 1)
    for column, place in placed:
        raw = row[place] if place is not None and place < len(row) else ""
        if formulas and place is not None and (index, place) in formulas:
            draft.refuse(
                column.title,
                "formula",
                f"{column.title}是公式。请复制这一格，用“选择性粘贴—数值”换成文字后再导入。",
            )
            continue
        try:
            draft.values[column.title] = column.clean(raw)
        except Refused as refused:
            draft.refuse(column.title, refused.code, refused.message)
    return draft
