"""From a table to drafts: find the header, clean every cell, keep every error. Knows nothing of the records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from server.domain.imports import cells
from server.domain.imports.uniqueness import row_numbers
from server.domain.people.names import tidy
from server.domain.tables import HEADER_WITHIN, MAX_ROWS, Sheet, not_adding_up, too_many_rows
from server.errors import Refused
from server.models import KeptError

GUIDE_SHEET = "填写说明"  # the second sheet of our own templates
_MOST_KNOWN = 4_096  # texts of one column whose value is kept while a file is read
_UNKNOWN = object()
_SAID = 20  # row numbers and titles that a note names; more are counted


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
    value: str = ""  # what stands in the cell; identity numbers and phones are masked

    def as_json(self) -> KeptError:
        return KeptError(
            row=self.row, column=self.column, code=self.code, detail=self.detail, value=self.value
        )


@dataclass(slots=True)
class Draft:
    """A row with its clean values by title; a cell with an error has none.

    `waits`: a name in it has to be confirmed first. Such a row is refused, though not every one has an error of its own.
    """

    row: int
    values: dict[str, Any] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)
    waits: bool = False

    @property
    def is_refused(self) -> bool:
        return self.waits or bool(self.errors)

    def refuse(self, column: str, code: str, detail: str) -> None:
        self.errors.append(RowError(self.row, column, code, detail))

    def reject(self, column: str, code: str, detail: str) -> None:
        """Refuse a value that was clean, but cannot be."""
        del self.values[column]
        self.refuse(column, code, detail)

    def get(self, column: str) -> Any:
        return self.values.get(column)


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet in which a header was found: its row, and title → column (both from 0).

    `skipped` are the numbers, as the spreadsheet shows them, of rows that hold something, but in no column that is read;
    `drafted` are the rows, from 0, that have something in a column that is read.
    """

    sheet: Sheet
    header: int
    places: dict[str, int]
    notes: list[str]
    skipped: list[int] = field(default_factory=list)
    drafted: list[int] = field(default_factory=list)


def find_table(
    sheets: Iterable[Sheet], columns: tuple[Column, ...], others: dict[str, tuple[Column, ...]]
) -> Table:
    """The first sheet with this header. Blocks while a file is read: call it in a thread.

    Args:
        sheets: of a file, as `TableReader.read` gives them.
        columns: what the header must have.
        others: the headers of other kinds of table by their Chinese name, to say what was mistaken for what.

    Raises:
        Refused: see `TableReader`; header_missing, header_incomplete, header_twice, header_other_kind, no_rows,
            rows_do_not_add_up.
    """
    passed_over = []
    chosen: Table | None = None
    for sheet in sheets:
        if chosen is not None:
            if sheet.name != GUIDE_SHEET and any(
                not cells.is_blank(value) for row in sheet.rows for value in row
            ):
                chosen.notes.append(f"只读取了工作表“{chosen.sheet.name}”，没有读取“{sheet.name}”。")
            continue
        passed_over.append(sheet)
        chosen = _table(sheet, columns)
    if chosen is None:
        raise _no_header(passed_over, columns, others)
    _account(chosen)
    _note_hidden(chosen)
    return chosen


def _account(table: Table) -> None:
    """Every row below the header is either drafted or named; their sum is what the file itself says it holds.

    Raises:
        Refused: no_rows, too_many_rows, rows_do_not_add_up.
    """
    sheet, used = table.sheet, list(table.places.values())
    computed = {row for row, _ in sheet.formulas}
    below = filled = 0
    for index, row in enumerate(sheet.rows):
        holds = index in computed or row.count("") < len(row)
        filled += holds
        if index <= table.header or not holds:
            continue
        below += 1
        if is_drafted(sheet, index, used):
            table.drafted.append(index)
        elif not all(map(cells.is_blank, row)):
            table.skipped.append(index + 1)
    if filled != sheet.counted:
        raise not_adding_up(len(sheet.rows))
    if not table.drafted and not table.skipped:
        raise Refused("no_rows", "表头下面没有数据，请填写后再导入。")
    if below > MAX_ROWS:
        raise too_many_rows(below)
    if table.skipped:
        table.notes.append(f"{row_numbers(table.skipped)}只在不读取的列里有内容，没有导入。")


def is_drafted(sheet: Sheet, index: int, used: list[int]) -> bool:
    """Whether a row has anything in a column that is read. A formula without a kept value is something."""
    row = sheet.rows[index]
    width = len(row)
    for place in used:
        if place < width and not cells.is_blank(row[place]):
            return True
    return bool(sheet.formulas) and any((index, place) in sheet.formulas for place in used)


def _note_hidden(table: Table) -> None:
    """What a person does not see in the sheet is said (see `drafts` for hidden rows)."""
    hidden = sorted(row + 1 for row in table.sheet.hidden_rows if row > table.header)
    if hidden:
        table.notes.append(
            f"{row_numbers(hidden)}在表格里是隐藏的（多半是被筛选掉了），没有导入。"
            "要导入就取消筛选或隐藏；不要导入就删除这些行。"
        )
    unseen = [title for title, place in table.places.items() if place in table.sheet.hidden_columns]
    if unseen:
        table.notes.append(f"这些列在表格里是隐藏的，也读取了：{'、'.join(sorted(unseen))}。")
    if table.sheet.hidden_sheets:
        names = "、".join(f"“{name}”" for name in table.sheet.hidden_sheets[:_SAID])
        table.notes.append(f"没有读取隐藏的工作表{names}。")


def _title(raw: Any) -> str:
    return "".join(tidy(cells.text_of(raw)).strip("*").split())


def _table(sheet: Sheet, columns: tuple[Column, ...]) -> Table | None:
    expected = {column.title for column in columns}
    best = -1
    titles: list[str] = []
    for place, row in enumerate(sheet.rows[:HEADER_WITHIN]):
        here = [_title(value) for value in row]
        if len(expected.intersection(here)) > len(expected.intersection(titles)):
            best, titles = place, here
    needs = [column.title for column in columns if column.required]
    if best < 0 or not set(needs) <= set(titles):
        return None
    if twice := sorted({title for title in titles if title in expected and titles.count(title) > 1}):
        raise Refused("header_twice", f"表头里“{twice[0]}”出现了两次，请删除多余的一列。")
    extra = [title for title in titles if title and title not in expected]
    notes = list(sheet.notes)
    if extra:
        notes.append(f"这些列没有读取：{'、'.join(extra[:_SAID])}{'等' if len(extra) > _SAID else ''}。")
    return Table(sheet, best, {title: titles.index(title) for title in expected if title in titles}, notes)


def _no_header(
    sheets: list[Sheet], columns: tuple[Column, ...], others: dict[str, tuple[Column, ...]]
) -> Refused:
    for name, other in others.items():
        if any(_table(sheet, other) for sheet in sheets):
            return Refused("header_other_kind", f"这像是“{name}”的表格，请选择对应的导入类型后再试。")
    needs = [column.title for column in columns if column.required]
    titles = {_title(value) for sheet in sheets for row in sheet.rows[:HEADER_WITHIN] for value in row}
    missing = [title for title in needs if title not in titles]
    if len(missing) == len(needs) or not missing:
        advice = ""
        if hidden := next((sheet.hidden_sheets for sheet in sheets if sheet.hidden_sheets), []):
            advice = f"隐藏的工作表（{'、'.join(hidden[:_SAID])}）没有读取，如果表在那里，请取消隐藏。"
        return Refused("header_missing", f"没有找到表头。表头应有：{'、'.join(needs)}。{advice}")
    return Refused("header_incomplete", f"表头缺少：{'、'.join(missing)}。请补上后再导入。")


@dataclass(frozen=True, slots=True)
class _Placed:
    """A column of a table, and what its cells came to so far: in a table most texts stand many times.

    `known` lives as long as the reading of one file and holds good values alone, at most `_MOST_KNOWN`.
    """

    title: str
    clean: Callable[[Any], Any]
    place: int | None
    known: dict[str, Any] = field(default_factory=dict)

    def cleaned(self, raw: Any) -> Any:
        """Raises Refused: what stands in the cell cannot be meant."""
        if type(raw) is not str:
            return self.clean(raw)
        if raw.startswith("#"):
            cells.refuse_error_word(raw)
        value = self.clean(raw)
        if len(self.known) >= _MOST_KNOWN:
            self.known.clear()
        self.known[raw] = value
        return value


def drafts(table: Table, columns: tuple[Column, ...]) -> Iterator[Draft]:
    """Every row that has anything in a column that is read, cleaned; a hidden one is refused, for nobody has seen it."""
    placed = [_Placed(column.title, column.clean, table.places.get(column.title)) for column in columns]
    sheet = table.sheet
    special = {
        row for row, _ in (*sheet.formulas, *sheet.shown)
    }  # rows of which more is known than their values
    for index in table.drafted:
        draft = (
            _draft_of_marked_row(index, sheet, placed)
            if index in special
            else _draft(index, sheet.rows[index], placed)
        )
        if index in sheet.hidden_rows:
            draft.refuse(
                columns[0].title,
                "row_hidden",
                "这一行在表格里是隐藏的（多半是被筛选掉了），没有导入。要导入就取消筛选或隐藏，不要导入就删除这一行。",
            )
        yield draft


def _draft(index: int, row: list[Any], placed: list[_Placed]) -> Draft:
    draft = Draft(index + 1)
    values, width = draft.values, len(row)
    for column in placed:
        place = column.place
        raw = row[place] if place is not None and place < width else ""
        if type(raw) is str and (value := column.known.get(raw, _UNKNOWN)) is not _UNKNOWN:
            values[column.title] = value
            continue
        try:
            values[column.title] = column.cleaned(raw)
        except Refused as refused:
            draft.refuse(column.title, refused.code, refused.message)
    return draft


def _draft_of_marked_row(index: int, sheet: Sheet, placed: list[_Placed]) -> Draft:
    """A row with a formula, or with a cell that shows something else than it stores."""
    draft = Draft(index + 1)
    row = sheet.rows[index]
    for column in placed:
        at = column.place
        raw = row[at] if at is not None and at < len(row) else ""
        try:
            if type(raw) is str and raw.startswith("#"):
                cells.refuse_error_word(raw)
            if at is not None and (index, at) in sheet.formulas:
                raise Refused(
                    "formula",
                    f"{column.title}是公式。请复制这一格，用“选择性粘贴—数值”换成文字后再导入。",
                )
            if at is not None and (index, at) in sheet.shown:
                raise cells.shown_otherwise(raw, sheet.shown[index, at])
            draft.values[column.title] = column.cleaned(raw)
        except Refused as refused:
            draft.refuse(column.title, refused.code, refused.message)
    return draft
