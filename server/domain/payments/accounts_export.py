"""导出账目: the books between two days as a workbook for the accountant, with sums that are the ledger's own.

Nothing of a person stands in it: fees by school and plan, orders by number.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.payments import accounts_export_rows as found
from server.domain.payments import accounts_export_sheets as sheets
from server.domain.payments.reconciliation_differences import span
from server.domain.ports import Clock, WorkbookWriter
from server.domain.roles import Verb
from server.errors import FieldError, Invalid

MOST_ENTRIES = 60_000  # lines of the day book in one workbook: some ten seconds of writing
LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class ExportDesk:
    clock: Clock
    writer: WorkbookWriter
    issuer: str


async def workbook(desk: ExportDesk, first: date, last: date, *, actor: Actor) -> bytes:
    """The books of these days in Beijing, both included; who took it is in the audit trail.

    Raises:
        Forbidden: role_not_allowed. Invalid: /to, the days are the wrong way round, too many, or too much was booked.
    """
    roles.require(actor, Verb.RECONCILE)
    _check_days(desk.clock, first, last)
    begins, ends = span(first)[0], span(last)[1]
    entries = await found.count_entries(begins, ends)
    if entries > MOST_ENTRIES:
        message = f"这段时间有 {entries:,} 笔分录，一次最多导出 {MOST_ENTRIES:,} 笔；请缩短日期，分几次导出。"
        raise Invalid(errors=[FieldError("/to_on", "too_many_entries", message)])
    books = await found.books(begins, ends)
    title = f"{desk.issuer}　账目　{first.isoformat()} 至 {last.isoformat()}"
    made = f"导出时间 {beijing.short(desk.clock.now())}"
    data = await asyncio.to_thread(desk.writer.write, sheets.sheets(books, title, made))
    became = {"from": first.isoformat(), "to": last.isoformat(), "entries": entries}
    await audit_log.record(desk.clock, actor, "accounts.export", "ledger", 0, became=became)
    return data


def _check_days(clock: Clock, first: date, last: date) -> None:
    if last < first:
        raise Invalid(errors=[FieldError("/to_on", "days_reversed", "结束的日期不能早于开始的日期。")])
    if (last - first).days >= LONGEST_DAYS:
        raise Invalid(
            errors=[FieldError("/to_on", "too_many_days", "一次最多导出一年，请缩短日期，分几次导出。")]
        )
    if last > beijing.day(clock.now()):
        raise Invalid(errors=[FieldError("/to_on", "day_to_come", "结束的日期不能晚于今天。")])
