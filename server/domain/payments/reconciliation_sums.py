"""A day's sums side by side: what the trade bill, the fund bill and the books say came and went, by kind.

A refund leaves the account less the charge that is given back with it, so that is how it stands in each column, and the
charges are those of the payments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from server.domain.payments import fund_flow
from server.domain.payments.reconciliation_differences import ACCEPTED, span
from server.models.database import rows

_SUMS = """
WITH bill AS (
    SELECT COALESCE(sum(amount_fen) FILTER (WHERE what = 'payment'), 0) AS paid,
           COALESCE(sum(amount_fen) FILTER (WHERE what = 'refund'), 0) AS refunded,
           COALESCE(sum(charge_fen) FILTER (WHERE what = 'payment'), 0) AS charged,
           COALESCE(-sum(charge_fen) FILTER (WHERE what = 'refund'), 0) AS given_back
    FROM pay_bill_line WHERE day_id = $1
), fund AS (
    SELECT what, sum(amount_fen) AS fen FROM fund_bill_line WHERE day_id = $1 GROUP BY what
), books AS (
    SELECT COALESCE((SELECT sum(e.amount_fen) FROM fee_order o JOIN ledger_posting p ON p.source = 'paid:' || o.number
                     JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'wechat'
                     WHERE o.paid_at >= $2 AND o.paid_at < $3), 0) AS paid,
           COALESCE((SELECT sum(amount_fen) FROM fee_refund WHERE COALESCE(accepted_at, settled_at) >= $2
                     AND COALESCE(accepted_at, settled_at) < $3 AND state = ANY($5::text[])
                     AND accepted_at IS NOT NULL), 0) AS refunded,
           COALESCE((SELECT sum(e.amount_fen) FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
                     WHERE p.source = 'charges:' || $4::date AND e.account = 'charges'), 0) AS charges,
           COALESCE((SELECT sum(e.amount_fen) FROM (
                         SELECT DISTINCT flow_number || CASE WHEN amount_fen > 0 THEN ':in' ELSE '' END AS number
                         FROM fund_bill_line WHERE day_id = $1 AND what = 'withdrawal') w
                     JOIN ledger_posting p ON p.source = 'withdrawal:' || w.number
                     JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'wechat'), 0) AS moved
)
SELECT line.what, line.trade::bigint AS trade_fen, COALESCE(fund.fen, 0)::bigint AS fund_fen, line.books::bigint AS books_fen
FROM bill, books, LATERAL (VALUES
    (1, 'trade', bill.paid, books.paid),
    (2, 'refund', bill.given_back - bill.refunded, bill.given_back - books.refunded),
    (3, 'charge', -bill.charged, -books.charges - bill.given_back),
    (4, 'withdrawal', NULL, books.moved),
    (5, 'other', NULL, 0)
) AS line (serial, what, trade, books)
LEFT JOIN fund ON fund.what = line.what ORDER BY line.serial
"""


@dataclass(frozen=True, slots=True)
class SumLine:
    """What came (below zero: went) for one thing. `trade_fen`: None where the trade bill says nothing of it."""

    what: str
    trade_fen: int | None
    fund_fen: int
    books_fen: int

    @property
    def label(self) -> str:
        return fund_flow.WHATS[self.what]

    @property
    def agrees(self) -> bool:
        return self.fund_fen == self.books_fen and self.trade_fen in (None, self.books_fen)


async def of_day(day_id: int, day: date) -> list[SumLine]:
    """One line for each kind; who may ask, the caller has seen to."""
    accepted = [state.value for state in ACCEPTED]
    return [SumLine(**row) for row in await rows(_SUMS, day_id, *span(day), day, accepted)]
