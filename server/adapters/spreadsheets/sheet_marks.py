"""What a sheet holds by its own marks: the other half of what is compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.domain.tables import Place


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
