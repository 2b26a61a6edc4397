"""A whole list taken away as a table, however long: read and written slice by slice, so that memory holds one slice.

Who took which list by which filters is on record before the first byte, and how many rows it came to after the last. The
sheet in front says how many rows are in the file, and how many are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paging import Page
from server.domain.ports import Clock, LongSheet, WorkbookWriter
from server.domain.roles import Verb

Item = TypeVar("Item")
Row = Sequence[str | int | Decimal | None]
MOST_ROWS = 1_000_000  # a sheet takes 1,048,576
SLICE = 1_000
LISTS = {
    "issuances": Verb.SEE_ISSUANCES,
    "certificates": Verb.SEE_CERTIFICATES,
    "candidates": Verb.SEE_PEOPLE,
    "audit": Verb.SEE_AUDIT,
    "orders": Verb.SEE_MONEY,
    "fees": Verb.SEE_MONEY,
    "refunds": Verb.APPROVE_REFUND,
    "prices": Verb.SEE_MONEY,
    "waivers": Verb.SEE_WAIVERS,
    "transfers": Verb.SEE_TRANSFERS,
    "bank_refunds": Verb.SEE_TRANSFERS,
    "courses": Verb.SEE_COURSES,
    "corrections": Verb.SEE_CORRECTIONS,
    "score_changes": Verb.SEE_IMPORTS,
    "staff_changes": Verb.MANAGE_STAFF,
    "erasures": Verb.ASK_ERASURE,
    "paper": Verb.SEE_PAPER,
    "campaigns": Verb.SEE_CAMPAIGNS,
    "officers": Verb.SEE_OFFICERS,
    "accounts": Verb.MANAGE_STAFF,
    "schools": Verb.SEE_OFFICERS,
    "plans": Verb.SEE_PLANS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking(Generic[Item]):
    """What is taken.

    Attributes:
        what: a name in `LISTS`.
        filters: the names of those that narrow it down, never what they hold.
        read: gives the page behind a cursor, `SLICE` rows of it.
        written: the rows of the table for some items.
        title: of the sheet. head: the columns' names and their widths in characters.
        say: what a heading and a sheet's name are in the language of whoever takes it.
    """

    what: str
    filters: Iterable[str]
    read: Callable[[str | None], Awaitable[Page[Item]]]
    written: Callable[[Sequence[Item]], Awaitable[Sequence[Row]]]
    title: str
    head: Mapping[str, float]
    say: Callable[[str], str] = str


async def pieces(
    clock: Clock, writer: WorkbookWriter, of: Taking[Item], *, actor: Actor
) -> AsyncIterator[bytes]:
    """The workbook's bytes as they are ready. Whoever stops halfway has no workbook.

    Raises (before the first piece) Forbidden: role_not_allowed; and whatever `read` refuses.
    """
    roles.require(actor, LISTS[of.what])
    page = await of.read(None)
    filters = sorted(of.filters)
    await audit_log.record(clock, actor, "list.export", "list", of.what, became={"filters": filters})
    book = writer.begin(
        LongSheet(of.say(of.title), tuple(map(of.say, of.head)), dict(enumerate(of.head.values(), 1)))
    )
    taken = left_out = 0
    while True:
        some = page.items[: MOST_ROWS - taken]
        taken, left_out = taken + len(some), left_out + len(page.items) - len(some)
        yield await asyncio.to_thread(book.add, await of.written(some))
        if page.next_cursor is None:
            break
        page = await of.read(page.next_cursor)
    became = {"rows": taken, "filters": filters}
    await audit_log.record(clock, actor, "list.export_end", "list", of.what, became=became)
    about: list[Row] = [
        ("列表", of.say(of.title)),
        ("导出人", actor.name),
        ("导出时间", beijing.short(clock.now())),
        ("这个文件里的行数", taken),
        ("没有导出的行数", left_out),
        ("怎样补齐", of.say("请加上考试计划、院校或日期，分几次导出" if left_out else "全部都在")),
    ]
    about = [(of.say(str(label)), value) for label, value in about]
    above = LongSheet(of.say("说明"), (of.say("项目"), of.say("内容")), {1: 20, 2: 44})
    yield await asyncio.to_thread(book.finish, above, about)
