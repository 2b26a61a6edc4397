"""The judge of a workbook in a process beside its reader, and how their accounts come across."""

from __future__ import annotations

import os
from collections.abc import Callable

import orjson

from server.adapters.spreadsheets.sheet_marks import Account
from server.errors import Refused


class Beside:
    """The judge at work in a process beside, so that both parsers take no longer than the slower one.

    What it refuses it says on standard output itself: by then the other parser may have died of the same file, and
    until the accounts are there nobody else writes.
    """

    def __init__(self, judge: Callable[[], dict[str, Account]], say: Callable[[Refused], None]) -> None:
        self._accounts: dict[str, Account] | None = None
        self._end, end = os.pipe()
        if os.fork():
            os.close(end)
            return
        try:
            os.close(self._end)
            with os.fdopen(end, "wb") as pipe:
                pipe.write(_packed(judge()))
        except Refused as refused:
            say(refused)
        finally:
            os._exit(0)

    def accounts(self) -> dict[str, Account]:
        """The accounts by the sheets' names. Ends this process if they were refused: then all has been said."""
        if self._accounts is None:
            with os.fdopen(self._end, "rb") as pipe:
                packed = pipe.read()
            if not packed:
                os._exit(3)
            self._accounts = _unpacked(packed)
        return self._accounts


def _packed(accounts: dict[str, Account]) -> bytes:
    """Accounts as JSON, places as lists: {name: [cells, columns, formulas, styled, errors, hidden rows, columns]}."""
    return orjson.dumps(
        {
            name: [
                list(one.cells.items()),
                one.columns,
                list(one.formulas),
                [(*place, code) for place, code in one.styled.items()],
                [(*place, word) for place, word in one.errors.items()],
                list(one.hidden_rows),
                one.hidden_columns,
            ]
            for name, one in accounts.items()
        }
    )


def _unpacked(packed: bytes) -> dict[str, Account]:
    return {
        name: Account(
            cells=dict(cells),
            columns=columns,
            formulas={(r, c) for r, c in formulas},
            styled={(r, c): code for r, c, code in styled},
            errors={(r, c): word for r, c, word in errors},
            hidden_rows=set(hidden_rows),
            hidden_columns=[(first, last) for first, last in hidden_columns],
        )
        for name, (cells, columns, formulas, styled, errors, hidden_rows, hidden_columns) in orjson.loads(
            packed
        ).items()
    }
