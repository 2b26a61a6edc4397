"""The one component of the console's lists: filters as chips, order, pages on and back with a total, and the table to take away.

Columns are chosen, rows ticked and keys pressed by static/js/console-list.js; the templates' half is console/lists.html.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar

from server.domain.lookups import list_exports
from server.domain.lookups.list_exports import SLICE, Row, Taking
from server.domain.paging import Page, Turn
from server.web import languages
from server.web.console import page_base
from server.web.console.auth import Call
from server.web.console.imports import XLSX
from server.web.console.paging import Turning
from server.web.responses import download_headers
from server.web.schema import Input

Words = Mapping[str, tuple[str, Mapping[Any, str] | None]]
Item = TypeVar("Item")
Columns = Mapping[
    str, tuple[float, Callable[[Any], str | int | Decimal | None]]
]  # heading → width in characters, what stands there
WORDS = {
    "状态",
    "等级",
    "更正什么",
    "办理",
    "角色",
    "考生类型",
    "第二重验证",
    "费用",
}  # columns of words of ours, not of names
FILLERS = {"考生本人", "系统", "线上"}  # where there is no name
TURNING = frozenset({"cursor", "before", "limit"})


@dataclass(frozen=True, slots=True)
class Export:
    """Where the export of a list differs from its page. `name`: of the API's list; `asked`: its filters."""

    name: str = ""
    asked: Mapping[str, Any] | None = None


AS_SHOWN = Export()


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on: what it is called and what it narrows down to, and the address without it."""

    label: str
    value: Any
    href: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What the template shows around the rows.

    Args:
        name: for the choice of columns, kept in the browser. total: in words.
        sorts: address → how the order is called; `sorted_by` is the one that is on.
    """

    name: str
    total: str
    chips: tuple[Chip, ...]
    clear: str
    sorts: tuple[tuple[str, str, bool], ...]
    before: str | None
    next_cursor: str | None
    more_base: str
    export: str


def around(
    name: str,
    wanted: Input,
    page: Page[Any],
    *,
    total: str,
    words: Words,
    sorts: Mapping[str, str] | None = None,
    export: Export = AS_SHOWN,
) -> Listed:
    """Everything about a list but its rows.

    Args:
        name: of the page, and of the API's list beside which its export is.
        words: filter → what it is called, and how its values are written; None: as they are.
    """
    path = f"/console/{name}"
    chosen = {
        key: value
        for key, value in wanted.model_dump(exclude=set(TURNING)).items()
        if value is not None and value != ""
    }
    chips = tuple(
        Chip(*_said(words[key], value), _address(path, chosen, without=key))
        for key, value in chosen.items()
        if key in words
    )
    order = chosen.get("sort") or next(iter(sorts or {}), "")
    return Listed(
        name=name,
        total=total,
        chips=chips,
        clear=path,
        sorts=tuple(
            (_address(path, {**chosen, "sort": key}), label, key == order)
            for key, label in (sorts or {}).items()
        ),
        before=page.before,
        next_cursor=page.next_cursor,
        more_base=page_base.address(path, chosen.items()),
        export=_address(
            f"/console/api/v1/{export.name or name}/export.xlsx",
            chosen if export.asked is None else export.asked,
        ),
    )


def _said(words: tuple[str, Mapping[Any, str] | None], value: Any) -> tuple[str, Any]:
    label, values = words
    return label, values.get(value, value) if values is not None else value


def _address(path: str, chosen: Mapping[str, Any], *, without: str = "") -> str:
    return page_base.address(path, [one for one in chosen.items() if one[0] != without]).rstrip("?&")


def filters(wanted: Input) -> dict[str, Any]:
    """Those that are on, by name: what an export's entry in the trail names."""
    return wanted.model_dump(exclude={*TURNING, "sort"}, exclude_none=True)


def about(count: int, most: int, unit: str) -> str:
    """`共 12 份`, or that there are more than can be counted at once."""
    return f"共 {count} {unit}" if count <= most else f"超过 {most:,} {unit}"


def words_of(call: Call) -> Callable[[str], str]:
    """How headings and labels are called in the language of whoever takes a table away."""
    return languages.speaker(call.request).tell


async def send_table(call: Call, taking: Taking[Any]) -> None:
    """The whole list as a table to take away. The first piece is made before anything is sent: a refusal can be told."""
    speaker = languages.speaker(call.request)
    taking = replace(taking, say=lambda one: speaker.name("table", one))
    made = list_exports.pieces(call.s.clock, call.s.workbook_writer, taking, actor=call.actor)
    first = await anext(made)
    headers = download_headers(f"{taking.say(taking.title)}.xlsx")
    response = await call.request.respond(content_type=XLSX, headers=headers)
    assert response is not None
    await response.send(first)
    async for piece in made:
        await response.send(piece)
    await response.eof()


async def send_columns(
    call: Call,
    query: Turning,
    read: Callable[[Turn], Awaitable[Page[Item]]],
    columns: Columns,
    *,
    what: str,
    title: str,
    sorts: Mapping[str, str],
) -> None:
    """The list `what` of `list_exports.LISTS`, as the query narrows and sorts it."""

    say = words_of(call)

    def cell(name: str, value: str | int | Decimal | None) -> str | int | Decimal | None:
        return say(value) if isinstance(value, str) and (name in WORDS or value in FILLERS) else value

    async def written(items: Sequence[Item]) -> list[Row]:
        return [[cell(name, shown(one)) for name, (_, shown) in columns.items()] for one in items]

    order = query.turn(sorts).sort
    taking = Taking(
        what=what,
        filters=filters(query),
        read=lambda cursor: read(Turn(order, cursor, limit=SLICE)),
        written=written,
        title=title,
        head={name: width for name, (width, _) in columns.items()},
    )
    await send_table(call, taking)
