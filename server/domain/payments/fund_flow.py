"""A day's fund bill: its lines kept, each held against the trade bill, the books and the balance of the day before.

The fund bill says what really came and went. A payment is there twice, with its charge in a line of its own; a refund once,
less the charge that is given back with it. So what a number comes to altogether is what is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from server.domain.payments import ledger
from server.domain.payments.reconciliation_differences import SLICE, Found, span
from server.domain.payments.refund_states import RefundState
from server.domain.ports.payments import FundBill, FundBillRow
from server.models import ReconciliationDay
from server.models.database import rows

TRADE, REFUND, CHARGE, WITHDRAWAL, OTHER = "trade", "refund", "charge", "withdrawal", "other"
WHATS = {TRADE: "收款", REFUND: "退款", CHARGE: "手续费", WITHDRAWAL: "提现、充值", OTHER: "其他"}
START, END = "期初余额", "期末余额"
_KEEP = """
INSERT INTO fund_bill_line
  (day_id, what, kind, number, wechat_number, flow_number, amount_fen, balance_fen, booked_at)
SELECT $1, line.* FROM unnest(
  $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::timestamptz[]) AS line
"""
# A line that does not name our number is found by WeChat's.
_NAME = """
UPDATE fund_bill_line f SET number = b.number FROM pay_bill_line b
WHERE f.day_id = $1 AND f.number = '' AND f.what IN ('trade', 'refund', 'charge') AND b.wechat_number = f.wechat_number
"""
_COMPARE = """
WITH touched AS (
    SELECT number FROM pay_bill_line WHERE day_id = $1
    UNION SELECT number FROM fund_bill_line WHERE day_id = $1 AND what IN ('trade', 'refund', 'charge')
), theirs AS (
    SELECT f.number, min(f.wechat_number) AS wechat_number, sum(f.amount_fen)::bigint AS fen,
           sum(f.amount_fen) FILTER (WHERE f.what = 'charge') AS charge
    FROM fund_bill_line f JOIN touched USING (number) WHERE f.what IN ('trade', 'refund', 'charge') GROUP BY 1
), ours AS (
    SELECT b.number, min(b.wechat_number) AS wechat_number, sum(b.charge_fen) AS charge,
           sum(CASE WHEN r.id IS NOT NULL THEN 0
                    ELSE CASE b.what WHEN 'payment' THEN b.amount_fen ELSE -b.amount_fen END - b.charge_fen END)::bigint AS fen
    FROM pay_bill_line b JOIN touched USING (number)
    LEFT JOIN fee_refund r ON b.what = 'refund' AND r.number = b.number AND r.state = $2
    GROUP BY 1
)
SELECT CASE WHEN u.number IS NULL THEN 'theirs_only' WHEN t.number IS NULL THEN 'ours_only'
            WHEN t.charge IS NOT NULL AND t.fen - u.fen = t.charge + u.charge THEN 'charge' ELSE 'amount' END AS kind,
       'flow' AS what, COALESCE(t.number, u.number) AS number,
       COALESCE(t.wechat_number, u.wechat_number) AS wechat_number, t.fen AS theirs_fen, u.fen AS ours_fen
FROM theirs t FULL JOIN ours u ON u.number = t.number
WHERE (t.number IS NULL AND u.fen <> 0) OR u.number IS NULL OR t.fen <> u.fen
UNION ALL
SELECT CASE WHEN e.amount_fen IS NULL THEN 'theirs_only' ELSE 'amount' END, 'withdrawal', w.number, w.wechat_number,
       w.fen, e.amount_fen
FROM (SELECT flow_number || CASE WHEN amount_fen > 0 THEN ':in' ELSE '' END AS number, min(wechat_number) AS wechat_number,
             sum(amount_fen)::bigint AS fen
      FROM fund_bill_line WHERE day_id = $1 AND what = 'withdrawal' GROUP BY 1) w
LEFT JOIN ledger_posting p ON p.source = 'withdrawal:' || w.number
LEFT JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'wechat'
WHERE e.amount_fen IS DISTINCT FROM w.fen
UNION ALL
SELECT 'theirs_only', 'other', flow_number, min(wechat_number), sum(amount_fen)::bigint, NULL FROM fund_bill_line
WHERE day_id = $1 AND what = 'other' GROUP BY flow_number
"""
# What the books have at WeChat Pay when a day ends, by when it happened there: a refund has gone out once it is accepted.
_BOOKS = """
SELECT (
    COALESCE((SELECT sum(e.amount_fen) FROM fee_order o JOIN ledger_posting p ON p.source = 'paid:' || o.number
              JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'wechat' WHERE o.paid_at < $1), 0)
  - COALESCE((SELECT sum(amount_fen) FROM fee_refund
              WHERE COALESCE(accepted_at, settled_at) < $1 AND state = ANY($3::text[])), 0)
  + COALESCE((SELECT sum(e.amount_fen) FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
              WHERE e.account = 'wechat' AND p.source LIKE 'charges:%'
                AND p.source COLLATE "C" <= 'charges:' || $2::date), 0)
  + COALESCE((SELECT sum(e.amount_fen) FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id
              WHERE e.account = 'wechat' AND p.source LIKE 'withdrawal:%' AND EXISTS (
                SELECT 1 FROM fund_bill_line f JOIN reconciliation_day d ON d.id = f.day_id
                WHERE f.what = 'withdrawal' AND f.flow_number = split_part(p.source, ':', 2) AND d.day <= $2::date)), 0)
)::bigint AS fen
"""
_GONE_OUT = [state.value for state in (RefundState.ACCEPTED, RefundState.ABNORMAL, RefundState.DONE)]


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account had before and after a day's lines; `runs`: each line leaves what the one before it left, changed
    by its amount.
    """

    start_fen: int
    end_fen: int
    runs: bool


def what(row: FundBillRow) -> str:
    """What a line is about, by what WeChat Pay calls it."""
    if "手续费" in row.kind:
        return CHARGE
    if "提现" in row.kind or "充值" in row.kind:
        return WITHDRAWAL
    return {"交易": TRADE, "退款": REFUND}.get(row.kind, OTHER)


def balance(found: Sequence[FundBillRow]) -> Balance | None:
    """Before the first and after the last line, whichever way round the bill has them. None: no lines."""
    if not found:
        return None
    for ordered in (found, found[::-1]):
        first, last = ordered[0], ordered[-1]
        if all(one.balance_fen + two.amount_fen == two.balance_fen for one, two in pairwise(ordered)):
            return Balance(first.balance_fen - first.amount_fen, last.balance_fen, True)
    return Balance(found[0].balance_fen - found[0].amount_fen, found[-1].balance_fen, False)


async def keep(of: ReconciliationDay, bill: FundBill | None) -> None:
    """Keep the bill's lines instead of those kept before, and its sums on the day (not saved), in the caller's
    transaction.
    """
    found = bill.rows if bill is not None else ()
    await rows("DELETE FROM fund_bill_line WHERE day_id = $1", of.id)
    for start in range(0, len(found), SLICE):  # no one statement for a large bill
        await _keep(of.id, found[start : start + SLICE])
    await rows(_NAME, of.id)
    of.flows = len(found)
    of.flows_in_fen = sum(row.amount_fen for row in found if row.amount_fen > 0)
    of.flows_out_fen = -sum(row.amount_fen for row in found if row.amount_fen < 0)


async def _keep(day_id: int, found: Sequence[FundBillRow]) -> None:
    await rows(
        _KEEP,
        day_id,
        [what(row) for row in found],
        [row.kind for row in found],
        [row.number if what(row) in (TRADE, REFUND, CHARGE) else "" for row in found],
        [row.wechat_number for row in found],
        [row.flow_number for row in found],
        [row.amount_fen for row in found],
        [row.balance_fen for row in found],
        [row.booked_at for row in found],
    )


async def compare(of: ReconciliationDay, bill: FundBill | None) -> list[Found]:
    """In what the kept lines differ from the trade bill and the books, and the balance from yesterday's. The trade bill
    of the day is kept and its charges are booked; the balances are put on the day (not saved).
    """
    found = [Found(**row) for row in await rows(_COMPARE, of.id, RefundState.ENDED.value)]
    of.books_end_fen = await books_end(of.day)
    before = await ReconciliationDay.filter(day=of.day - timedelta(days=1)).first()
    known = before.end_fen if before is not None else None
    has = balance(bill.rows if bill is not None else ())
    if has is None:
        of.start_fen = of.end_fen = known
        return found
    of.start_fen, of.end_fen = has.start_fen, has.end_fen
    expected = known if known is not None else await books_end(of.day - timedelta(days=1))
    if has.start_fen != expected:
        found.append(Found("balance", "day", START, "", has.start_fen, expected))
    ends = has.start_fen + of.flows_in_fen - of.flows_out_fen
    if not has.runs or has.end_fen != ends:
        found.append(Found("balance", "day", END, "", has.end_fen, ends))
    return found


async def books_end(day: date) -> int:
    """What the books have at WeChat Pay when the day ends."""
    return int((await rows(_BOOKS, span(day)[1], day, _GONE_OUT))[0]["fen"])


def source(number: str) -> str:
    """What a withdrawal is called in the books. `number`: its flow number, with `:in` when the money came: what comes back
    is not the withdrawal that went by the same number.
    """
    return f"withdrawal:{number}"


def entries(fen: int) -> dict[ledger.Account, int]:
    """Between the account at WeChat Pay and the bank's. `fen`: as the fund bill has it, below zero when it went out."""
    return {ledger.Account.WECHAT: fen, ledger.Account.BANK: -fen}
