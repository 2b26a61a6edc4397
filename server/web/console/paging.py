"""Listings in pages: what asks for one, and what it becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field

from server.domain.paging import LONGEST_CURSOR, Turn
from server.errors import FieldError, Invalid
from server.web.console.answers import Item, Page
from server.web.schema import BIGGEST, Input

PAGE = 50
MOST = 200


class Paging(Input):
    cursor: str | None = Field(default=None, max_length=40, description="上一页的 next_cursor")
    limit: int | None = Field(default=None, ge=1, le=MOST, description="每页行数，默认50")

    @property
    def size(self) -> int:
        return self.limit or PAGE

    @property
    def after(self) -> int:
        """The id that a cursor of `cut` stands for; 0 for none. Raises Invalid."""
        if not self.cursor:
            return 0
        if not (self.cursor.isascii() and self.cursor.isdigit()) or int(self.cursor) > BIGGEST:
            detail = "翻页位置无效，请从第一页开始。"
            raise Invalid(errors=[FieldError("/cursor", "cursor_invalid", detail)])
        return int(self.cursor)


class Turning(Paging):
    """The same of a list that also turns back and can be sorted; each says by what: `sort: Annotated[…, OneOf(SORTS)]`."""

    cursor: str | None = Field(
        default=None, max_length=LONGEST_CURSOR, description="上一页的 next_cursor，同一种排序的"
    )
    before: str | None = Field(
        default=None, max_length=LONGEST_CURSOR, description="本页的 before，用来往回翻"
    )
    sort: str | None = Field(default=None, max_length=20)

    def turn(self, sorts: Mapping[str, str]) -> Turn:
        """The first of the orders unless another is asked for."""
        return Turn(self.sort or next(iter(sorts)), self.cursor, self.before, self.limit)


Row = TypeVar("Row")


def cut(rows: Sequence[Row], limit: int) -> tuple[list[Row], str | None]:
    """One page of `limit` out of `limit + 1` rows that were fetched; the cursor is the last shown row's id."""
    page = list(rows[:limit])
    if len(rows) <= limit:
        return page, None
    last: Any = page[-1]
    return page, str(last["id"] if isinstance(last, Mapping) else last.id)


def page_of(
    model: type[Item], rows: Sequence[object], next_cursor: str | int | None = None, before: str | None = None
) -> Page[Item]:
    """These rows, dictionaries or objects with the model's attributes, as a page."""
    items = [model.model_validate(row) for row in rows]
    return Page[model](items=items, next_cursor=str(next_cursor) if next_cursor else None, before=before)  # type: ignore[valid-type]  # made at run time
