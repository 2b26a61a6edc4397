"""What is sent to the database, and whether its plan grows with history: kept while the real functions run, explained after."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from tortoise.backends.asyncpg.client import AsyncpgDBClient

MOST_ROWS = 20_000  # that a plan may expect to read of a long table
MOST_JOINED = 100_000  # that a join may expect to yield: more than all people of one plan, or of one course
SHORT = 12  # a state or a part of a name; a number of an order is longer
EXPLAINED = ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")


class Spy:
    """Remembers what is sent to the database, and by which part of the test."""

    def __init__(self) -> None:
        self.part = ""
        self.sent: dict[tuple[str, str], tuple[str, str, list[Any]]] = {}

    def heard(self, query: str, values: list[Any] | None) -> None:
        """The same statement once for each choice of filters: which values are left empty, and which words are asked for."""
        given = list(values or [])
        if self.part and query.lstrip().upper().startswith(EXPLAINED):
            choice = [one if isinstance(one, str) and len(one) <= SHORT else not one for one in given]
            self.sent.setdefault((query, repr(choice)), (self.part, query, given))


@contextmanager
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    spy = Spy()
    for name in ("execute_query", "execute_query_dict", "execute_insert"):
        genuine: Callable[..., Awaitable[Any]] = getattr(AsyncpgDBClient, name)

        async def heard(self: Any, query: str, values: Any = None, *, _genuine: Any = genuine) -> Any:
            spy.heard(query, values)
            return await _genuine(self, query, values)

        monkeypatch.setattr(AsyncpgDBClient, name, heard)
    yield spy


PASSES_ON = frozenset(
    {"Limit", "Nested Loop", "Merge Join", "LockRows", "Result", "Append", "Incremental Sort"}
)  # what asks for one row after another
JOINS = frozenset({"Nested Loop", "Hash Join", "Merge Join"})
COMMON = 1_000  # so many fit among 300,000: the first page of them is found soon


def poor_nodes(
    plan: dict[str, Any], long: set[str], partial: set[str], *, is_limited: bool = False
) -> list[str]:
    """What in this plan grows with history: a long table read from end to end, or a great part of it.

    An index read in its order under a LIMIT ends after some rows, unless most of what it finds is filtered away. A
    partial index holds no history. A join is looked at as a whole: its parts may each be short, and be read for every
    row of the other.
    """
    found = []
    kind, relation, rows = plan["Node Type"], plan.get("Relation Name"), plan.get("Plan Rows", 0)
    is_limited = kind == "Limit" or (is_limited and kind in PASSES_ON) or (is_limited and "Scan" in kind)
    if relation in long and kind != "ModifyTable":
        is_searched = "Index Cond" in plan or kind == "Bitmap Heap Scan" or plan.get("Index Name") in partial
        ends_soon = is_limited and rows >= COMMON
        # Any rows, so many and no more: where nothing is filtered away, or little, a LIMIT ends the longest table soon.
        is_cut = kind == "Seq Scan" and is_limited and ("Filter" not in plan or rows > MOST_ROWS)
        if (kind == "Seq Scan" and not is_cut) or ("Filter" in plan and not is_searched and not ends_soon):
            found.append(f"{kind} on {relation} from end to end")
        elif rows > MOST_ROWS and not is_limited:
            found.append(f"{kind} on {relation}, {rows} rows")
    if kind in JOINS and rows > MOST_JOINED and not is_limited:
        found.append(f"{kind}, {rows} rows")
    for below in plan.get("Plans", []):
        found += poor_nodes(below, long, partial, is_limited=is_limited)
    return found


async def big_tables(link: asyncpg.Connection) -> set[str]:
    """The tables that history makes long."""
    found = await link.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= 20000")
    return {row["relname"] for row in found}


async def poor_plans(
    url: str,
    spy: Spy,
    *,
    long: Collection[str],
    counted: Callable[[str, str], str] = lambda part, statement: "",
) -> dict[str, list[str]]:
    """Every statement that was sent and whose plan grows, and how.

    Args:
        long: tables that must be among the long ones.
        counted: of a part and its statement, the index alone by which it may count; empty: none.
    """
    link = await asyncpg.connect(url)
    try:
        tables = await big_tables(link)
        assert set(long) <= tables
        partial = {
            row["name"]
            for row in await link.fetch(
                "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE indpred IS NOT NULL"
            )
        }
        poor: dict[str, list[str]] = {}
        for part, statement, given in spy.sent.values():
            [plan] = json.loads(await link.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *given))
            by = counted(part, statement)
            found = poor_nodes(plan["Plan"], tables, partial)
            if found and not (by and by in str(plan)):
                poor[f"{part}: {' '.join(statement.split())[:300]}"] = found
    finally:
        await link.close()
    return poor
