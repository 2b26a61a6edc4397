"""In what a day's trade bill and the books differ: the bill kept as rows, and one statement that compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from server.domain.beijing import BEIJING
from server.domain.payments.refund_states import RefundState
from server.domain.ports.payments import PayBill, PayBillRow
from server.errors import OutsideFailure
from server.models.database import rows

KINDS = {
    "theirs_only": "微信有，账上没有",
    "ours_only": "账上有，微信没有",
    "amount": "金额不同",
    "charge": "手续费不符",
    "balance": "余额不符",
}
THINGS = {
    "payment": "付款",
    "refund": "退款",
    "day": "全天",
    "flow": "资金流水",
    "withdrawal": "提现、充值",
    "other": "其他资金",
}
SLICE = 5_000
SLACK_FEN = 1  # WeChat Pay rounds what it charges; so far from its rate is no difference
# Whose refund is in a bill: WeChat Pay has accepted it, however it ended (wechat.md §7.6). One that two people ended
# because WeChat Pay never took it was not accepted, and is in none.
ACCEPTED = (RefundState.ACCEPTED, RefundState.ABNORMAL, RefundState.DONE, RefundState.ENDED)
_PAYMENTS = frozenset({"SUCCESS"})  # any other line of a bill gives back: REFUND, REVOKED
_KEEP = """
INSERT INTO pay_bill_line (day_id, what, number, wechat_number, order_number, amount_fen, charge_fen, expected_charge_fen)
SELECT $1, line.* FROM
  unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]) AS line
"""
# A payment is the same by both its numbers; a refund by ours, as WeChat's may not have been heard of.
_COMPARE = """
WITH theirs AS (
    SELECT what, number, CASE what WHEN 'payment' THEN wechat_number ELSE '' END AS key,
           min(wechat_number) AS wechat_number, sum(amount_fen)::bigint AS fen
    FROM pay_bill_line WHERE day_id = $1 GROUP BY 1, 2, 3
), orders AS (
    SELECT id, true AS is_of_day FROM fee_order WHERE paid_at >= $2 AND paid_at < $3
    UNION ALL
    SELECT o.id, false FROM theirs t JOIN fee_order o ON o.number = t.number
    WHERE t.what = 'payment' AND NOT (o.paid_at IS NOT NULL AND o.paid_at >= $2 AND o.paid_at < $3)
), refunds AS (
    SELECT id, true AS is_of_day FROM fee_refund
    WHERE COALESCE(accepted_at, settled_at) >= $2 AND COALESCE(accepted_at, settled_at) < $3
    UNION ALL
    SELECT r.id, false FROM theirs t JOIN fee_refund r ON r.number = t.number
    WHERE t.what = 'refund' AND NOT (COALESCE(r.accepted_at, r.settled_at) IS NOT NULL
      AND COALESCE(r.accepted_at, r.settled_at) >= $2 AND COALESCE(r.accepted_at, r.settled_at) < $3)
), ours AS (
    SELECT 'payment' AS what, o.number, o.transaction_id AS key, o.transaction_id AS wechat_number,
           e.amount_fen AS fen, d.is_of_day
    FROM orders d JOIN fee_order o ON o.id = d.id
    JOIN ledger_posting p ON p.source = 'paid:' || o.number
    JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'wechat'
    UNION ALL
    SELECT 'refund', r.number, '', r.refund_id, COALESCE(-e.amount_fen, r.amount_fen), d.is_of_day
    FROM refunds d JOIN fee_refund r ON r.id = d.id AND r.state = ANY($4::text[]) AND r.accepted_at IS NOT NULL
    LEFT JOIN ledger_posting p ON p.source = 'refund:' || r.number || ':done'
    LEFT JOIN ledger_entry e ON e.posting_id = p.id AND e.account = 'wechat'
)
SELECT CASE WHEN u.number IS NULL THEN 'theirs_only' WHEN t.number IS NULL THEN 'ours_only' ELSE 'amount' END AS kind,
       COALESCE(t.what, u.what) AS what, COALESCE(t.number, u.number) AS number,
       COALESCE(t.wechat_number, u.wechat_number) AS wechat_number, t.fen AS theirs_fen, u.fen AS ours_fen
FROM theirs t FULL JOIN ours u ON u.what = t.what AND u.number = t.number AND u.key = t.key
WHERE u.number IS NULL OR t.fen <> u.fen OR (t.number IS NULL AND u.is_of_day AND NOT EXISTS (
    SELECT 1 FROM pay_bill_line b
    WHERE b.what = u.what AND b.number = u.number AND (u.key = '' OR b.wechat_number = u.key)))
UNION ALL
SELECT 'charge', what, number, wechat_number, charge_fen, expected_charge_fen FROM pay_bill_line
WHERE day_id = $1 AND abs(charge_fen - expected_charge_fen) > $5
"""
_REMEMBER = """
INSERT INTO reconciliation_difference
  (day_id, kind, what, number, wechat_number, theirs_fen, ours_fen, found_at, settled_by_name, note)
SELECT $1, line.*, $8::timestamptz, '', ''
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[]) AS line
ON CONFLICT (day_id, kind, what, number, wechat_number) DO UPDATE SET
  theirs_fen = EXCLUDED.theirs_fen, ours_fen = EXCLUDED.ours_fen, found_at = EXCLUDED.found_at,
  settled_at = NULL, settled_by = NULL, settled_by_name = '', note = ''
WHERE (reconciliation_difference.theirs_fen, reconciliation_difference.ours_fen)
      IS DISTINCT FROM (EXCLUDED.theirs_fen, EXCLUDED.ours_fen)
   OR (reconciliation_difference.settled_at IS NOT NULL AND reconciliation_difference.settled_by IS NULL)
"""
_GONE = """
UPDATE reconciliation_difference d SET settled_at = $6, settled_by_name = $7, note = $8
WHERE d.day_id = $1 AND d.settled_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS line (kind, what, number, wechat_number)
    WHERE (line.kind, line.what, line.number, line.wechat_number) = (d.kind, d.what, d.number, d.wechat_number))
"""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing in which they differ. `theirs_fen`, `ours_fen`: None where that side has nothing."""

    kind: str
    what: str
    number: str
    wechat_number: str
    theirs_fen: int | None
    ours_fen: int | None


def span(day: date) -> tuple[datetime, datetime]:
    """From midnight to midnight in Beijing."""
    begins = datetime(day.year, day.month, day.day, tzinfo=BEIJING)
    return begins, begins + timedelta(days=1)


def charge_fen(row: PayBillRow) -> int:
    """What WeChat Pay keeps of a payment, or gives back with a refund (below zero), in whole fen."""
    return _whole(row.fee_yuan * 100)


def expected_charge_fen(row: PayBillRow) -> int | None:
    """The same by the rate that the row names; None when it names none that can be read."""
    try:
        rate = Decimal(row.rate.strip().removesuffix("%")) / 100
    except InvalidOperation:
        return None
    if not rate.is_finite():
        return None
    base = -(row.refund_fen - row.coupon_refund_fen) if is_refund(row) else row.settlement_fen
    return _whole(base * rate)


def is_refund(row: PayBillRow) -> bool:
    return row.state not in _PAYMENTS


def check_sums(bill: PayBill) -> None:
    """Raises OutsideFailure: the rows do not come to what the last line says; nothing of the bill is believed."""
    sums = (
        sum(row.order_fen for row in bill.rows),
        sum(row.requested_refund_fen for row in bill.rows),
        sum((row.fee_yuan for row in bill.rows), Decimal(0)),
    )
    if sums != (bill.summary.order_fen, bill.summary.requested_refund_fen, bill.summary.fee_yuan):
        raise OutsideFailure("微信支付账单的合计与各行不符，请稍后重试")


async def keep(day_id: int, found: Sequence[PayBillRow]) -> None:
    """Keep the bill's rows instead of those kept before, in the caller's transaction."""
    await rows("DELETE FROM pay_bill_line WHERE day_id = $1", day_id)
    for start in range(0, len(found), SLICE):  # no one statement for a large bill
        await _keep(day_id, found[start : start + SLICE])


async def _keep(day_id: int, found: Sequence[PayBillRow]) -> None:
    await rows(
        _KEEP,
        day_id,
        ["refund" if is_refund(row) else "payment" for row in found],
        [(row.out_refund_no or row.out_trade_no) if is_refund(row) else row.out_trade_no for row in found],
        [row.refund_id if is_refund(row) else row.transaction_id for row in found],
        [row.out_trade_no for row in found],
        [row.requested_refund_fen if is_refund(row) else row.order_fen for row in found],
        [charge_fen(row) for row in found],
        [expected_charge_fen(row) for row in found],
    )


async def compare(day_id: int, day: date) -> list[Found]:
    """In what the kept bill and the books differ. Reads only."""
    accepted = [state.value for state in ACCEPTED]
    return [Found(**row) for row in await rows(_COMPARE, day_id, *span(day), accepted, SLACK_FEN)]


async def remember(day_id: int, found: Sequence[Found], at: datetime) -> None:
    """Write down what differs, in the caller's transaction. The same again changes nothing, and what somebody explained
    stays explained unless the amounts are others; what is not found any more is settled by itself.
    """
    keys = [
        [one.kind for one in found],
        [one.what for one in found],
        [one.number for one in found],
        [one.wechat_number for one in found],
    ]
    theirs, ours = [one.theirs_fen for one in found], [one.ours_fen for one in found]
    await rows(_REMEMBER, day_id, *keys, theirs, ours, at)
    await rows(_GONE, day_id, *keys, at, "系统", "再次对账时已相符")


def _whole(fen: Decimal) -> int:
    return int(fen.quantize(Decimal(1), rounding=ROUND_HALF_UP))
