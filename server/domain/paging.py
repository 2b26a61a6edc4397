"""Listings in pages: the page itself, and what may be asked for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, TypeVar

from tortoise.expressions import Q
from tortoise.fields import IntField
from tortoise.models import Model
from tortoise.queryset import QuerySet

from server.errors import FieldError, Invalid
from server.models.database import rows

Item = TypeVar("Item")
Other = TypeVar("Other")
Row = TypeVar("Row", bound=Model)
COUNTED = 10_000  # no list is counted further
LONGEST_CURSOR = 600  # a school's name in it


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page of a listing; `next_cursor` is None on the last one."""

    items: list[Item] = field(default_factory=list)
    next_cursor: str | None = None
    before: str | None = None  # what to ask for the page before this one with; None on the first

    def map(self, shown: Callable[[Item], Other]) -> Page[Other]:
        """The same page, each item as something else."""
        return Page([shown(one) for one in self.items], self.next_cursor, self.before)


def cursor_id(cursor: str | None) -> int | None:
    """The row after which a page begins. Raises Invalid for a cursor that no page gave."""
    if not cursor:
        return None
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise _unknown()
    return int(cursor)


def limited(limit: int | None) -> int:
    """1 to 1,000 rows a page, 50 if not said; what is asked for from outside has its own bound, `MOST` of the console."""
    return 50 if limit is None else max(1, min(int(limit), 1_000))


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


NEWEST, OLDEST = Turn(), Turn("id")


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
    return f"{row.pk}" if column == "id" else f"{column}:{getattr(row, column)}~{row.pk}"


def _place(cursor: str | None, model: type[Model], column: str) -> tuple[str, int] | None:
    """(value, id) that a cursor stands for: a value that the column can hold."""
    if not cursor:
        return None
    value, number = _parts(cursor, column)
    if not (value.isascii() and len(value) <= 60):
        raise _unknown()
    field = model._meta.fields_map[column]
    is_whole = bool(value) and isinstance(field, IntField)
    if is_whole and not (value.isdigit() and int(value) <= field.constraints["le"]):
        raise _unknown()
    return value, number


def _parts(cursor: str, column: str) -> tuple[str, int]:
    """(value as written, id) of a cursor `column:value~id`; of one by the id alone ("", id). Raises Invalid for another column's."""
    place, _, row_id = cursor.rpartition("~")
    named, _, value = place.partition(":")
    number = cursor_id(row_id)
    if number is None or named != ("" if column == "id" else column) or bool(value) is (column == "id"):
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


@dataclass(frozen=True, slots=True)
class SqlList:
    """A list that one statement reads.

    Args:
        statement: SELECT … WHERE …, without ORDER BY and LIMIT; one of its columns is `id`.
        columns: what it can be sorted by besides the id → bigint, date, timestamptz or text; never NULL.
    """

    statement: str
    columns: Mapping[str, str] = field(default_factory=dict)

    async def page(self, values: Sequence[Any], wanted: Turn) -> Page[dict[str, Any]]:
        """One page, read from where the last one ended. Raises Invalid for a cursor that no page of this order gave."""
        column, descends = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
        kind = {**self.columns, "id": "bigint"}[column]
        is_back, size = bool(wanted.before), limited(wanted.limit)
        downwards = descends is not is_back
        key, place = ("id",) if column == "id" else (column, "id"), []
        beyond = "TRUE"
        if cursor := wanted.before or wanted.cursor:
            place = _values_of(cursor, column, kind)
            holes = [f"${len(values) + at}::{of}" for at, of in zip((1, 2), (kind, "bigint"), strict=True)]
            named = ", ".join(f"found.{name}" for name in key)
            beyond = f"({named}) {'<' if downwards else '>'} ({', '.join(holes[: len(key)])})"
        order = ", ".join(f"found.{name} {'DESC' if downwards else 'ASC'}" for name in key)
        read = f"SELECT * FROM ({self.statement}) AS found WHERE {beyond} ORDER BY {order} LIMIT {size + 1}"  # noqa: S608 -- constants
        found = await rows(read, *values, *place)
        others, found = len(found) > size, found[:size]
        if not found:
            return Page()
        is_first, is_last = (not others, False) if is_back else (not place, not others)
        found = found[::-1] if is_back else found
        marks = [_mark_of(found[at], column, kind) for at in (-1, 0)]
        return Page(found, None if is_last else marks[0], None if is_first else marks[1])

    async def count(self, values: Sequence[Any]) -> int:
        """How many there are, no further counted than `COUNTED` + 1."""
        few = f"SELECT FROM ({self.statement}) AS found LIMIT {COUNTED + 1}"
        [row] = await rows(f"SELECT count(*)::int AS n FROM ({few}) AS few", *values)  # noqa: S608 -- constants
        return int(row["n"])


def _mark_of(row: Mapping[str, Any], column: str, kind: str) -> str:
    if column == "id":
        return str(row["id"])
    value = row[column]
    if kind == "text":
        written = base64.urlsafe_b64encode(value.encode()).decode()
    elif kind == "timestamptz":
        written = value.astimezone(UTC).isoformat()
    else:
        written = str(value) if kind == "bigint" else value.isoformat()
    return f"{column}:{written}~{row['id']}"


def _values_of(cursor: str, column: str, kind: str) -> list[Any]:
    """What a cursor of `_mark_of` stands for. Raises Invalid."""
    value, number = _parts(cursor, column)
    return [number] if column == "id" else [_read(value, kind), number]


def _read(value: str, kind: str) -> Any:
    try:
        if kind == "text":
            text = base64.b64decode(value.encode("ascii"), altchars=b"-_", validate=True).decode()
            return _text(text)
        if kind == "bigint":
            return cursor_id(value)
        moment = datetime.fromisoformat(value) if kind == "timestamptz" else date.fromisoformat(value)
    except (ValueError, binascii.Error):
        raise _unknown() from None
    if moment.isoformat() != value or (isinstance(moment, datetime) and moment.utcoffset() != timedelta(0)):
        raise _unknown()  # a moment far from UTC may lie outside of what any clock says
    return moment


def _text(text: str) -> str:
    if "\0" in text:
        raise _unknown()
    return text
