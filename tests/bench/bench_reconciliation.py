"""A day with 100,000 payments against its two bills, beside the bare writing of the bills' rows."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from server.composition import running
from server.domain import beijing
from server.domain.actor import SYSTEM
from server.domain.payments import fund_flow, reconciliation, reconciliation_differences
from server.domain.ports import PayGateway
from server.domain.ports.payments import FundBill, PayBill
from server.models import ReconciliationDay
from server.models.database import rows
from server.settings import Settings
from tests.bench.place import place
from tests.bench.table import Row
from tests.kit import fake_bill

LINES, FEN = 100_000, 12_050
_FILL = (
    "WITH school AS (INSERT INTO school (name, created_at) VALUES ('对账职业学院', now()) RETURNING id)"
    " INSERT INTO fee_order (number, school_id, account, way, openid, description, total_fen, refunded_fen, state,"
    f" expires_at, created_at, transaction_id, paid_at) SELECT 'xc' || n, school.id, 'oa', 'native', '', '考试费', {FEN}, 0,"
    f" 'paid', $1, $1, '4200' || n, $1 FROM school, generate_series(1, {LINES}) n",
    "INSERT INTO ledger_posting (source, order_id, at) SELECT 'paid:' || number, id, paid_at FROM fee_order"
    " WHERE paid_at = $1",
    "INSERT INTO ledger_entry (posting_id, account, amount_fen) SELECT id, account, fen FROM ledger_posting,"
    f" (VALUES ('wechat', {FEN}), ('income', -{FEN})) AS line (account, fen) WHERE at = $1",
)


class OneBill:
    """The part of WeChat Pay that a reconciliation asks."""

    def __init__(self, bill: PayBill) -> None:
        self._bill = bill

    async def bill(self, _: object) -> PayBill:
        return self._bill

    async def fund_bill(self, _: object) -> FundBill:
        flows = [one for row in self._bill.rows for one in fake_bill.flows_of(row)]
        return FundBill(self._bill.day, tuple(fake_bill.running(0, flows)))


def run() -> list[Row]:
    with place() as settings:
        return asyncio.run(_measure(settings))


async def _measure(settings: Settings) -> list[Row]:
    async with running(settings) as s:
        at = datetime.now(UTC) - timedelta(days=2)
        day = beijing.day(at)
        found = [fake_bill.payment_row(f"xc{n}", f"4200{n}", FEN, at) for n in range(1, LINES + 1)]
        for statement in _FILL:
            await rows(statement, at)
        await rows("ANALYZE")
        pay: Any = OneBill(fake_bill.bill_of(day, found))
        begun = time.perf_counter()
        await reconciliation.reconcile(s.clock, s.faults, cast("PayGateway", pay), day, actor=SYSTEM)
        ours = time.perf_counter() - begun
        of = await ReconciliationDay.get()
        assert (of.state, of.payments) == ("matched", LINES)
        begun = time.perf_counter()
        await reconciliation_differences.keep(of.id, found)
        await fund_flow.keep(of, await pay.fund_bill(day))
        ceiling = time.perf_counter() - begun
    return [
        Row(f"对账，一天 {LINES:,} 笔", LINES / ours, LINES / ceiling, "行/秒", "只写下两份账单的行", "≥ 0.5")
    ]
