"""Listings in pages: the page itself, and what may be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tortoise.expressions import Q
from tortoise.fields import IntField
from tortoise.models import Model
from tortoise.queryset import QuerySet

from server.errors import FieldError, Invalid
from server.models.database import rows

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Model)


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
        raise _unknown()
    return int(cursor)


def limited(limit: int | None) -> int:
    """1 to 200 rows a page, 50 if not said."""
    return 50 if limit is None else max(1, min(int(limit), 200))


@dataclass(frozen=True, slots=True)
class Turn:
    """Which page of a list is wanted.

    Args:
        sort: a column, with a minus in front for the greatest first; rows of one value stand in the order of their ids.
        cursor: what the last shown page gave to go on with; `before`: what it gave to go back.
    """

    sort: str = "-id"
    cursor: str | None = None
    before: str | None = None
    limit: int | None = None


async def turn(query: QuerySet[Row], wanted: Turn) -> Page[Row]:
    """One page of what a query finds, read by the order's index from where the last one ended.

    Raises Invalid for a cursor that no page of this order gave.
    """
    column, descends = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
    back = _place(wanted.before, query.model, column)
    place, size = back or _place(wanted.cursor, query.model, column), limited(wanted.limit)
    downwards = descends is not (back is not None)
    if place is not None:
        value, row_id = place
        way = "lt" if downwards else "gt"
        beyond = Q(**{f"id__{way}": row_id})  # type: ignore[arg-type]  # any filter
        query = query.filter(
            beyond if column == "id" else Q(**{f"{column}__{way}": value}) | Q(**{column: value}) & beyond
        )
    sign = "-" if downwards else ""
    found = await query.order_by(*dict.fromkeys((f"{sign}{column}", f"{sign}id"))).limit(size + 1)
    others, found = len(found) > size, found[:size]
    if not found:
        return Page()
    is_first, is_last = (not others, False) if back is not None else (place is None, not others)
    found = found[::-1] if back is not None else found
    return Page(
        found,
        None if is_last else _mark(found[-1], column),
        None if is_first else _mark(found[0], column),
    )


def _mark(row: Model, column: str) -> str:
    return f"{row.pk}" if column == "id" else f"{getattr(row, column)}~{row.pk}"


def _place(cursor: str | None, model: type[Model], column: str) -> tuple[str, int] | None:
    """(value, id) that a cursor stands for: a value that the column can hold."""
    if not cursor:
        return None
    value, _, row_id = cursor.rpartition("~")
    number = cursor_id(row_id)
    if number is None or bool(value) is (column == "id") or not (value.isascii() and len(value) <= 30):
        raise _unknown()
    field = model._meta.fields_map[column]
    is_whole = bool(value) and isinstance(field, IntField)
    if is_whole and not (value.isdigit() and int(value) <= field.constraints["le"]):
        raise _unknown()
    return value, number


def _unknown() -> Invalid:
    return Invalid(errors=[FieldError("/cursor", "cursor_unknown", "翻页位置无效，请回到第一页。")])


async def counted(query: QuerySet[Row], most: int) -> int:
    """How many a query finds, no further counted than `most` + 1."""
    few = query.limit(most + 1).values_list("id", flat=True)
    few._make_query()
    statement, values = few.query.get_parameterized_sql()
    [row] = await rows(f"SELECT count(*)::int AS n FROM ({statement}) AS few", *values)  # noqa: S608 -- made by Tortoise, its values apart
    return int(row["n"])
