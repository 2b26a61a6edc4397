"""A whole list taken away as a table: who took which list, how many rows, by which filters, is on record first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paging import Page
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import Refused

Item = TypeVar("Item")
MOST_ROWS = 20_000
SLICE = 200
LISTS = {
    "issuances": Verb.SEE_ISSUANCES,
    "certificates": Verb.SEE_CERTIFICATES,
    "candidates": Verb.SEE_PEOPLE,
    "audit": Verb.SEE_AUDIT,
}


async def taken(
    clock: Clock,
    what: str,
    filters: Iterable[str],
    read: Callable[[str | None], Awaitable[Page[Item]]],
    *,
    actor: Actor,
) -> list[Item]:
    """Every row that the filters leave.

    Args:
        what: a name in `LISTS`. filters: the names of those that narrow it down, never what they hold.
        read: gives the page behind a cursor, `SLICE` rows of it.

    Raises Forbidden: role_not_allowed; Refused: too_many_rows.
    """
    roles.require(actor, LISTS[what])
    found: list[Item] = []
    cursor: str | None = None
    while True:
        page = await read(cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
        if len(found) >= MOST_ROWS:
            message = f"这样筛选超过 {MOST_ROWS:,} 行，一次导不完；请加上考试计划、院校或日期，分几次导出。"
            raise Refused("too_many_rows", message)
    became = {"rows": len(found), "filters": sorted(filters)}
    await audit_log.record(clock, actor, "list.export", "list", what, became=became)
    return found
