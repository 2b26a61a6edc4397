"""What the accountant's workbook is made of, read in one transaction that sees one moment of the books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.transactions import in_transaction

from server.models.database import rows

Row = dict[str, Any]
_COUNT = """
SELECT count(*)::int AS n FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id WHERE p.at >= $1 AND p.at < $2
"""
_ENTRIES = """
SELECT p.id AS posting, p.at, p.source, o.number AS order_number, h.name AS school, e.account, e.amount_fen
FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
LEFT JOIN fee_order o ON o.id = p.order_id LEFT JOIN school h ON h.id = o.school_id
WHERE p.at >= $1 AND p.at < $2 ORDER BY p.at, p.id, e.id
"""
_ACCOUNTS = """
SELECT e.account, COALESCE(sum(e.amount_fen) FILTER (WHERE p.at < $1), 0)::bigint AS opening,
       COALESCE(sum(e.amount_fen) FILTER (WHERE p.at >= $1 AND e.amount_fen > 0), 0)::bigint AS debit,
       COALESCE(-sum(e.amount_fen) FILTER (WHERE p.at >= $1 AND e.amount_fen < 0), 0)::bigint AS credit,
       sum(e.amount_fen)::bigint AS closing
FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id WHERE p.at < $2 GROUP BY e.account
"""
# Income by school and plan or course. An order over several is divided by its fees when all of it became income; of what is
# given back nobody can say for which.
_INCOME = """
WITH booked AS (
    SELECT p.id, p.order_id, -sum(e.amount_fen) AS fen
    FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'income'
    WHERE p.at >= $1 AND p.at < $2 GROUP BY p.id, p.order_id
), parts AS (
    SELECT l.order_id, r.plan_id, c.course_id, sum(l.amount_fen) AS fen,
           count(*) OVER (PARTITION BY l.order_id) AS plans, sum(sum(l.amount_fen)) OVER (PARTITION BY l.order_id) AS total
    FROM fee_order_line l JOIN fee f ON f.id = l.fee_id LEFT JOIN registration r ON r.id = f.registration_id
    LEFT JOIN course_enrolment c ON c.id = f.enrolment_id
    WHERE l.order_id IN (SELECT order_id FROM booked) GROUP BY l.order_id, r.plan_id, c.course_id
), divided AS (
    SELECT b.order_id, q.plan_id, q.course_id, CASE WHEN q.plans = 1 THEN b.fen ELSE q.fen END AS fen
    FROM booked b JOIN parts q ON q.order_id = b.order_id AND (q.plans = 1 OR q.total = b.fen)
    UNION ALL
    SELECT b.order_id, NULL, NULL, b.fen FROM booked b
    WHERE NOT EXISTS (SELECT 1 FROM parts q WHERE q.order_id = b.order_id AND (q.plans = 1 OR q.total = b.fen))
)
SELECT h.name AS school, COALESCE(n.name, k.title) AS plan, COALESCE(sum(d.fen) FILTER (WHERE d.fen > 0), 0)::bigint AS came,
       COALESCE(-sum(d.fen) FILTER (WHERE d.fen < 0), 0)::bigint AS back, sum(d.fen)::bigint AS fen
FROM divided d LEFT JOIN fee_order o ON o.id = d.order_id LEFT JOIN school h ON h.id = o.school_id
LEFT JOIN plan n ON n.id = d.plan_id LEFT JOIN course k ON k.id = d.course_id
GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2 NULLS LAST
"""
_OWED = """
SELECT h.name AS school, COALESCE(n.name, k.title) AS plan, f.state, count(*)::int AS fees, sum(f.amount_fen)::bigint AS fen
FROM fee f LEFT JOIN registration r ON r.id = f.registration_id LEFT JOIN plan n ON n.id = r.plan_id
LEFT JOIN course_enrolment c ON c.id = f.enrolment_id LEFT JOIN course k ON k.id = c.course_id
LEFT JOIN school h ON h.id = f.school_id
GROUP BY 1, 2, f.state ORDER BY 1 NULLS LAST, 2, f.state
"""
_REFUNDS = """
SELECT r.number, o.number AS order_number, h.name AS school, r.amount_fen, r.state, r.asked_at
FROM fee_refund r JOIN fee_order o ON o.id = r.order_id LEFT JOIN school h ON h.id = o.school_id
WHERE r.state IN ('asked', 'sending', 'accepted', 'abnormal') ORDER BY r.id
"""
_TRANSFERS = """
SELECT t.bank_reference AS number, h.name AS school, t.amount_fen, t.recorded_at
FROM bank_transfer t JOIN school h ON h.id = t.school_id WHERE t.state = 'recorded' ORDER BY t.id
"""
_BANK_REFUNDS = """
SELECT r.bank_reference AS number, h.name AS school, o.number AS order_number, r.amount_fen, r.recorded_at
FROM bank_refund r JOIN fee_order o ON o.id = r.order_id JOIN school h ON h.id = r.school_id
WHERE r.state = 'recorded' ORDER BY r.id
"""
_DIFFERENCES = """
SELECT d.day, x.kind, x.what, x.number, x.theirs_fen, x.ours_fen, x.found_at
FROM reconciliation_difference x JOIN reconciliation_day d ON d.id = x.day_id
WHERE x.settled_at IS NULL ORDER BY d.day, x.id LIMIT 10000
"""


@dataclass(frozen=True, slots=True)
class Books:
    """Rows of each list; `owed` and what comes after it as they stand at the moment of the export."""

    entries: list[Row]
    accounts: list[Row]
    income: list[Row]
    owed: list[Row]
    refunds: list[Row]
    transfers: list[Row]
    bank_refunds: list[Row]
    differences: list[Row]


async def count_entries(begins: datetime, ends: datetime) -> int:
    return int((await rows(_COUNT, begins, ends))[0]["n"])


async def books(begins: datetime, ends: datetime) -> Books:
    """Everything for the workbook, of one moment: no payment comes in between two of its sheets."""
    async with in_transaction():
        await rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return Books(
            entries=await rows(_ENTRIES, begins, ends),
            accounts=await rows(_ACCOUNTS, begins, ends),
            income=await rows(_INCOME, begins, ends),
            owed=await rows(_OWED),
            refunds=await rows(_REFUNDS),
            transfers=await rows(_TRANSFERS),
            bank_refunds=await rows(_BANK_REFUNDS),
            differences=await rows(_DIFFERENCES),
        )
