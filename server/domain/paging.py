"""Listings in pages: the page itself, and what may be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from server.errors import FieldError, Invalid

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a listing; `next_cursor` is None on the last one."""

    items: list[Item] = field(default_factory=list)
    next_cursor: str | None = None
    before: str | None = None  # what to ask for the page before this one with; None on the first


def cursor_id(cursor: str | None) -> int | None:
    """The row after which a page begins. Raises Invalid for a cursor that no page gave."""
    if not cursor:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise Invalid(errors=[FieldError("/cursor", "cursor_unknown", "翻页位置无效，请回到第一页。")])
    return int(cursor)


def limited(limit: int | None) -> int:
    """1 to 200 rows a page, 50 if not said."""
    return 50 if limit is None else max(1, min(int(limit), 200))
