"""What the domain needs of spreadsheets: foreign ones read as plain tables, and workbooks of our own written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Protocol

from server.domain.tables import Sheet


class TableReader(Protocol):
    """Tables out of foreign files (.xlsx, .xls, .csv), which may be anything: they harm nobody, and end in time.

    Refused by both methods, as far as each can see it:

    | code | when |
    |---|---|
    | file_empty | no bytes, or nothing but blanks |
    | file_too_large | more than 50 MB, or more than 160 MB once unpacked |
    | file_zip_bomb | unpacks to more than 100 times its size, or from thousands of parts |
    | file_encrypted | a workbook with a password |
    | file_type | anything but .xlsx, .xls and .csv |
    | file_encoding | text in no encoding that anybody knows |
    | file_web_page | a web page that was only named .xls |
    | file_damaged | begins well and ends badly; also when whoever reads it died or took too long |
    | file_entities | XML that declares entities of its own |
    | too_many_columns, too_many_rows | more than 256, more than 100,000 below the header, or five million cells |
    | rows_do_not_add_up | the parser reads less, or more, than the file's own marks say is there |
    | quotes_unclosed | text in which a quoted cell runs on over the lines that follow |
    """

    def check(self, data: bytes) -> None:
        """What can be refused in a moment, without unpacking: called while the person still waits. Blocks."""

    def read(self, data: bytes) -> Iterator[Sheet]:
        """The visible tables of a file, in order. Blocks: call it in a thread."""


class Mark(Enum):
    """How a cell of ours stands out."""

    NONE = "none"
    BOLD = "bold"
    HEAD = "head"  # bold on blue: the titles
    SOFT_HEAD = "soft_head"  # bold on grey: a title that may be left out
    BAD = "bad"  # on red: to be put right
    AMOUNT = "amount"  # of money: with two decimals


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a workbook of ours. A text stays text, even one that begins with "="."""

    value: str | int | float | Decimal | date | datetime | None
    mark: Mark = Mark.NONE
    comment: str = ""


@dataclass(frozen=True, slots=True)
class SheetToWrite:
    """One sheet of a workbook of ours.

    Args:
        rows: cells, or their values alone; taken one by one, so that many need no memory.
        widths: by column, from 1, in characters.
        frozen: how many rows at the top stay while one scrolls.
        text_cells: how far below the last row empty cells are set to text, and in how many columns: who fills them in
            keeps every digit of a long number.
    """

    title: str
    rows: Iterable[Sequence[Cell | str | int | float | None]]
    widths: Mapping[int, float] = field(default_factory=dict)
    frozen: int = 0
    text_cells: tuple[int, int] = (0, 0)


class WorkbookWriter(Protocol):
    """Workbooks (.xlsx) for people."""

    def write(self, sheets: Iterable[SheetToWrite]) -> bytes:
        """Its bytes. No formula comes into being, and control characters are left out. Blocks: call it in a thread."""

    def begin(self, sheet: LongSheet) -> LongWorkbook:
        """One of very many rows, which is handed over piece by piece while it is written."""


@dataclass(frozen=True, slots=True)
class LongSheet:
    """What stands above and around the rows of a sheet. `widths`: as of `SheetToWrite`."""

    title: str
    head: Sequence[str]
    widths: Mapping[int, float] = field(default_factory=dict)


class LongWorkbook(Protocol):
    """A workbook under way; every call blocks: call it in a thread. Who stops halfway has no workbook."""

    def add(self, rows: Sequence[Sequence[str | int | Decimal | None]]) -> bytes:
        """Some more rows, a Decimal being an amount with two decimals; the bytes that are ready."""

    def finish(self, above: LongSheet, rows: Sequence[Sequence[str | int | Decimal | None]]) -> bytes:
        """The last bytes. With them a short sheet that stands first, e.g. of sums, which are known at the end."""
