"""Takes a row out of a life's table for a while, to see that nothing else allows the step."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_row(table: MutableMapping[str, Any], name: str) -> Iterator[None]:
    """The table lacks this row inside; afterwards it is as before, in the same order: documents and tests list it."""
    before = dict(table)
    del table[name]
    try:
        yield
    finally:
        table.clear()
        table.update(before)
