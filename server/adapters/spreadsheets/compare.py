"""What the parser read beside what the file's own marks say: both must be the same, or neither is believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from server.adapters.spreadsheets import formats
from server.adapters.spreadsheets.sheet_marks import Account
from server.domain.tables import Sheet, not_adding_up


def _with_errors(rows: list[list[Any]], account: Account) -> None:
    """Make the rows as long as the account says, and give error cells their word: the parser leaves them empty."""
    rows.extend([] for _ in range(account.height - len(rows)))
    for (r, c), word in account.errors.items():
        row = rows[r]
        row.extend([""] * (c + 1 - len(row)))
        row[c] = word


def compared(
    name: str, rows: list[list[Any]], account: Account, again: Callable[[set[int]], dict[int, int]]
) -> Sheet:
    """The parser's rows beside the account; a row that differs is a reason to believe neither.

    Raises:
        Refused: rows_do_not_add_up.
    """
    _with_errors(rows, account)
    computed: dict[int, list[int]] = {}
    for r, c in account.formulas:
        computed.setdefault(r, []).append(c)
    differing: dict[int, int] = {}
    counted = 0
    for r, row in enumerate(rows):
        cells = len(row) - row.count("")
        if r in computed:
            counted += 1
            cells -= sum(1 for c in computed[r] if c < len(row) and row[c] != "")
        elif cells:
            counted += 1
        if cells != account.cells.get(r, 0):
            differing[r] = cells
    if differing:
        true = again(set(differing))
        for r, cells in differing.items():
            if true.get(r, 0) != cells:
                raise not_adding_up(r + 1)
    filled = {
        r for r in account.hidden_rows if r < len(rows) and (r in computed or any(v != "" for v in rows[r]))
    }
    columns = {
        c
        for first, last in account.hidden_columns
        for c in range(max(first, 0), min(last + 1, account.columns))
    }
    return Sheet(
        name,
        rows,
        formulas=frozenset(account.formulas),
        shown=_shown(rows, account),
        hidden_rows=frozenset(filled),
        hidden_columns=frozenset(columns),
        counted=counted,
    )


def _shown(rows: list[list[Any]], account: Account) -> dict[tuple[int, int], str]:
    """Cells that show something else than they store, with what they show as far as that is known."""
    shown: dict[tuple[int, int], str] = {}
    for (r, c), code in account.styled.items():
        value = rows[r][c] if r < len(rows) and c < len(rows[r]) else ""
        if isinstance(value, str):
            if value and formats.hides_text(code):
                shown[r, c] = ""
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            text = formats.shown(code, value)
            if not formats.says_the_same(value, text):
                shown[r, c] = text or ""
    return shown
