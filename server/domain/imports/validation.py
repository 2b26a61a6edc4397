"""The one validator, for dry and for real runs alike: a file in, a verdict out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

from server.domain.actor import Actor
from server.domain.imports import cells, people, portal_list, practice, scores
from server.domain.imports.import_plan import Verdict
from server.domain.imports.new_names import Names
from server.domain.imports.parsed_rows import Column, Draft, RowError, Table, drafts, find_table
from server.domain.people.candidates import IdentityNumber, is_birthday, mask_numbers
from server.domain.ports import Clock, Keys, PdfRenderer, Services, TableReader
from server.errors import Refused

_SLICE = 2_000  # rows cleaned between two signs of life


class Topic(Protocol):
    """What a kind of table knows: its columns, its rules, and how its rows are written."""

    TITLE: str
    COLUMNS: tuple[Column, ...]

    def settle(self, draft: Draft) -> None: ...
    async def load(self, clock: Clock, keys: Keys, drafts: list[Draft]) -> Any: ...
    def judge(
        self, pdf_renderer: PdfRenderer, records: Any, drafts: list[Draft], creating: Names
    ) -> Verdict: ...
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


async def read(reader: TableReader, kind: str, data: bytes, progress: Progress, *, today: date) -> Reading:
    """Find the table and clean every cell, in threads, so that the event loop lives.

    Args:
        reader: of foreign files.
        kind, data: which kind of table, and the file.
        progress: is told how far it is.
        today: the day in Beijing; nobody is born after it, nor 120 years before.

    Raises:
        Refused: see `TableReader` and `drafts`.
    """
    topic = topic_of(kind)
    others = {other.TITLE: other.COLUMNS for name, other in TOPICS.items() if name != kind}
    table = await asyncio.to_thread(lambda: find_table(reader.read(data), topic.COLUMNS, others))
    total = len(table.sheet.rows) - table.header - 1
    await progress(0, total)
    source = drafts(table, topic.COLUMNS)
    born: set[str] = set()

    def some() -> list[Draft]:
        out = []
        for draft in source:
            _judge_birthday(draft, today, born)
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


def _judge_birthday(draft: Draft, today: date, born: set[str]) -> None:
    """`born` keeps the birthdays (YYYYMMDD) that were found sound: many people share one."""
    number = draft.values.get("证件号码")
    if number is None or (day := number[6:14]) in born:
        return
    if is_birthday(IdentityNumber(number).born, today):
        born.add(day)
    else:
        draft.reject("证件号码", "id_date", "证件号码第 7 至 14 位不是有效的出生日期，请核对。")


async def judge(s: Services, kind: str, reading: Reading, creating: Names) -> Verdict:
    """Compare a reading with the records, on the current connection. Errors stand in the drafts afterwards.

    Args:
        creating: names that somebody has confirmed to be new.

    Raises:
        Refused: rows_do_not_add_up.
    """
    topic = topic_of(kind)
    records = await topic.load(s.clock, s.keys, reading.drafts)
    verdict = await asyncio.to_thread(topic.judge, s.pdf_renderer, records, reading.drafts, creating)
    if verdict.register is not None:
        titles = ("考试计划", "院校", "考核站点")
        if creating and (
            strange := verdict.register.unused({draft.get(t) for draft in reading.drafts for t in titles})
        ):
            verdict.notes.append(f"确认新建的名称在表格里没有出现：{'、'.join(strange)}。")
    if verdict.rows_taken + verdict.unchanged + refused(reading) != len(reading.drafts):
        raise Refused(
            "rows_do_not_add_up",
            "新增、改动、相同和有错误的行加起来与表格的行数对不上，一行也没有导入。请把这个文件交给管理员核查。",
        )
    return verdict


def errors_of(reading: Reading) -> list[RowError]:
    """Every error with the cell that it is about, identity numbers and phones masked."""
    return [
        replace(error, value=_shown(reading.table, error))
        for draft in reading.drafts
        for error in draft.errors
    ]


def refused(reading: Reading) -> int:
    """How many rows are not taken."""
    return sum(draft.is_refused for draft in reading.drafts)


_LONGEST_SHOWN = 60


def _shown(table: Table, error: RowError) -> str:
    place, row = table.places.get(error.column), table.sheet.rows[error.row - 1]
    text = cells.text_of(row[place]).strip() if place is not None and place < len(row) else ""
    if error.column in ("证件号码", "手机号"):
        return text[:2] + "*" * max(0, len(text) - 6) + text[-4:] if len(text) > 8 else "*" * len(text)
    return mask_numbers(text)[:_LONGEST_SHOWN]
