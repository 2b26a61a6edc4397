"""One table, as every form of file gives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Place = tuple[int, int]  # row and column, from 0


@dataclass(slots=True)
class Sheet:
    """Rows of plain values, and what the spreadsheet shows otherwise than it stores. Rows and columns count from 0.

    Args:
        name: the sheet's name; text files have none.
        rows: values; an empty cell is "", an error cell holds its word, as `#N/A`.
        formulas: cells whose value was only computed.
        shown: number cells whose format shows another value than is stored, with what it shows ("" for unknown).
        hidden_rows: rows with content that a filter or somebody hid.
        hidden_columns: columns that somebody hid.
        hidden_sheets: names of the workbook's hidden tables, which are not read.
        counted: rows with content, counted apart from the parser that read `rows`.
        notes: what is to be told about the file.
    """

    name: str
    rows: list[list[Any]]
    formulas: frozenset[Place] = frozenset()
    shown: dict[Place, str] = field(default_factory=dict)
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    hidden_sheets: list[str] = field(default_factory=list)
    counted: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """What a sheet holds, by its own marks and not by the parser that reads its values.

    Args:
        cells: row → how many of its cells hold a value.
        columns: how many columns hold a value or a formula.
        formulas: as in `Sheet`.
        styled: number cells under a format that may show another value, with the format's code.
        errors: error cells, with their word.
        hidden_rows, hidden_columns: as in `Sheet`; the columns as ranges, both ends included.
    """

    cells: dict[int, int] = field(default_factory=dict)
    columns: int = 0
    formulas: set[Place] = field(default_factory=set)
    styled: dict[Place, str] = field(default_factory=dict)
    errors: dict[Place, str] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: list[tuple[int, int]] = field(default_factory=list)

    @property
    def height(self) -> int:
        """Rows down to the last one with a value or a formula."""
        return 1 + max(max(self.cells, default=-1), max((row for row, _ in self.formulas), default=-1))
