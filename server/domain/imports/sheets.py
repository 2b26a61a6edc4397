"""A table out of a file: .xlsx and .xls by calamine, .csv by its text, all as rows of plain values."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from server.domain.imports import xls, xlsx
from server.domain.imports.files import Extent, Form, damaged, encrypted, recognise, wrong_type
from server.errors import Refused

_DELIMITERS = ",\t;"
_LONGEST_CELL = 32_767  # what a spreadsheet cell may hold


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table. Row and column count from 0; `formulas` are the cells whose value was only computed."""

    name: str
    rows: list[list[Any]]
    formulas: frozenset[tuple[int, int]] = frozenset()
    notes: list[str] = field(default_factory=list)


def check(data: bytes) -> Form:
    """What can be refused in a moment, without unpacking: called while the person still waits.

    Raises:
        Refused: see `files`.
    """
    form = recognise(data)
    if form is Form.XLSX:
        xlsx.check_directory(data)
    return form


def read(data: bytes) -> Iterator[Sheet]:
    """The visible tables of a file, in order. Blocks: call it in a thread.

    Raises:
        Refused: see `files`.
    """
    form = check(data)
    if form is Form.CSV:
        yield _read_text(data)
        return
    notes = []
    vetted = BytesIO(data)
    formulas: dict[str | int, frozenset[tuple[int, int]]] = {}
    if form is Form.XLSX:
        inside = xlsx.look_inside(data)
        formulas.update(inside.formulas)
        vetted = inside.vetted
        if inside.has_macros:
            notes.append("文件含有宏，宏不会运行，只读取了表格内容。")
    else:
        formulas.update(enumerate(xls.look_inside(data)))
    try:
        with CalamineWorkbook.from_filelike(vetted) as book:
            for place, about in enumerate(book.sheets_metadata):
                if about.typ != SheetTypeEnum.WorkSheet or about.visible != SheetVisibleEnum.Visible:
                    continue
                rows = book.get_sheet_by_name(about.name).to_python(skip_empty_area=False)
                cells = formulas.get(about.name, formulas.get(place, frozenset()))
                yield Sheet(about.name, rows, cells, notes)
    except PasswordError:
        raise encrypted() from None
    except (CalamineError, ValueError, OSError):
        raise damaged() from None


def _read_text(data: bytes) -> Sheet:
    text = _decoded(data)
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        rows: list[list[Any]] = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise damaged() from None
    Extent(len(rows), max(map(len, rows), default=0)).check()
    formulas = frozenset(
        (r, c) for r, row in enumerate(rows) for c, value in enumerate(row) if value.startswith("=")
    )
    return Sheet("", rows, formulas)


def _decoded(data: bytes) -> str:
    """UTF-8 with or without a mark, else GB18030, as Excel in China writes it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(ord(c) < 9 or 13 < ord(c) < 32 for c in text[:4096]):
            raise wrong_type()
        return text
    raise Refused(
        "file_encoding", "文本编码无法识别。请在 Excel 里另存为“CSV UTF-8（逗号分隔）”或 .xlsx 后再导入。"
    )
