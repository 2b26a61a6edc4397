"""The one validator, for dry and for real runs alike: a file in, a verdict out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from server.domain.audit import Actor
from server.domain.imports import people, portal_list, practice, scores
from server.domain.imports.drafts import Column, Draft, RowError, Table, drafts, find_table
from server.domain.imports.verdicts import Verdict
from server.domain.ports import Services
from server.errors import Refused

_SLICE = 2_000  # rows cleaned between two signs of life


class Topic(Protocol):
    """What a kind of table knows: its columns, its rules, and how its rows are written."""

    TITLE: str
    COLUMNS: tuple[Column, ...]

    def settle(self, draft: Draft) -> None: ...
    async def load(self, s: Services, drafts: list[Draft]) -> Any: ...
    def judge(self, s: Services, known: Any, drafts: list[Draft]) -> Verdict: ...
    async def take(self, s: Services, work: Any, *, actor: Actor) -> None: ...


TOPICS: dict[str, Topic] = {
    "candidates": people,
    "scores": scores,
    "practice": practice,
    "portal": portal_list,
}


def topic_of(kind: str) -> Topic:
    """Raises Refused: kind_unknown."""
    if kind not in TOPICS:
        raise Refused("kind_unknown", f"导入类型只能是 {'、'.join(TOPICS)}，请重新选择。")
    return TOPICS[kind]


@dataclass(slots=True)
class Reading:
    """A file after its cells were cleaned, before the records were asked."""

    table: Table
    drafts: list[Draft]


Progress = Callable[[int, int], Awaitable[None]]  # rows done, rows in all


async def read(kind: str, data: bytes, progress: Progress) -> Reading:
    """Find the table and clean every cell, in threads, so that the event loop lives.

    Raises:
        Refused: see `files` and `drafts`.
    """
    topic = topic_of(kind)
    others = {other.TITLE: other.COLUMNS for name, other in TOPICS.items() if name != kind}
    table = await asyncio.to_thread(find_table, data, topic.COLUMNS, others)
    total = len(table.sheet.rows) - table.header - 1
    await progress(0, total)
    source = drafts(table, topic.COLUMNS)

    def some() -> list[Draft]:
        out = []
        for draft in source:
            topic.settle(draft)
            out.append(draft)
            if len(out) == _SLICE:
                break
        return out

    clean: list[Draft] = []
    while slice_ := await asyncio.to_thread(some):
        clean += slice_
        await progress(len(clean) // 2, total)  # the other half is the judging and writing
    return Reading(table, clean)


async def judge(s: Services, kind: str, reading: Reading) -> Verdict:
    """Compare a reading with the records, on the current connection. Errors stand in the drafts afterwards."""
    topic = topic_of(kind)
    known = await topic.load(s, reading.drafts)
    return await asyncio.to_thread(topic.judge, s, known, reading.drafts)


def errors_of(reading: Reading) -> list[RowError]:
    return [error for draft in reading.drafts for error in draft.errors]
