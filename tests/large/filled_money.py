"""Years of money in a database that `filled` has filled: 300,000 fees, 200,000 orders, 1,000,000 entries in the books."""

from __future__ import annotations

import asyncpg

FEES, ORDERS, WAIVERS, DAYS, LINES, INBOX, ALARMS = 300_000, 200_000, 20_000, 900, 200_000, 200_000, 50_000
ENTRIES_AN_ORDER = 5
_FILL = (
    "INSERT INTO price (id, plan_id, level, candidate_kind, amount_fen, from_on, set_by, set_by_name, set_at)"
    " SELECT 900000 + i, 900000 + i, 'primary', 'school', 12050, date '2020-01-01', 1, '历年财务', now()"
    " FROM generate_series(0, 11) i",
    # All of the years were paid by orders of one fee or two; what is owed is of this year, a thousand.
    "INSERT INTO fee (id, registration_id, price_id, candidate_id, school_id, amount_fen, state, settled_by_id, created_at)"
    " SELECT 900000 + i, 900000 + i, 900000 + i / 25000, 900000 + i, CASE WHEN i % 3 = 0 THEN NULL ELSE 900000 + i % 1000 END,"
    " 12050, CASE WHEN i >= 299000 THEN 'owed' ELSE 'settled' END, CASE WHEN i >= 299000 THEN NULL ELSE 900000 + i * 2 / 3 END,"
    f" now() FROM generate_series(0, {FEES - 1}) i",
    "INSERT INTO fee_order (id, number, candidate_id, school_id, account, way, openid, description, total_fen, refunded_fen,"
    " state, expires_at, next_query_at, transaction_id, paid_at, created_at)"
    " SELECT 900000 + i, 'xc2020' || lpad(i::text, 12, '0'), CASE WHEN i % 3 = 0 THEN 900000 + i END,"
    " CASE WHEN i % 3 = 0 THEN NULL ELSE 900000 + i % 1000 END, 'oa', 'native', '', '考试费', 18075, 0,"
    " CASE WHEN i >= 199900 THEN 'pending' ELSE 'paid' END, now() + interval '1 hour',"
    " CASE WHEN i >= 199900 THEN now() + interval '1 hour' END, CASE WHEN i < 199900 THEN '99' || lpad(i::text, 26, '0') END,"
    " CASE WHEN i < 199900 THEN timestamptz '2021-01-01' + i * interval '6 minutes' END, now()"
    f" FROM generate_series(0, {ORDERS - 1}) i",
    "INSERT INTO fee_order_line (id, order_id, fee_id, amount_fen) SELECT 900000 + i, 900000 + i * 2 / 3, 900000 + i, 12050"
    f" FROM generate_series(0, {FEES - 1}) i",
    "INSERT INTO fee_refund (id, number, order_id, amount_fen, reason, state, is_automatic, asked_by_name, asked_at,"
    " decided_by_name, refund_id, trouble, accepted_at, settled_at)"
    " SELECT 900000 + i, 'xr2020' || lpad(i::text, 12, '0'), 900000 + i * 4, 100, '考生因病', 'done', true, '系统', now(), '',"
    " '', '', timestamptz '2021-01-01' + i * interval '24 minutes', now()"
    f" FROM generate_series(0, {ORDERS // 4 - 1}) i",
    "INSERT INTO ledger_posting (id, source, order_id, at) SELECT 900000 + i, 'old:' || i, 900000 + i % 200000, now()"
    f" FROM generate_series(0, {ORDERS * ENTRIES_AN_ORDER // 2 - 1}) i",
    "INSERT INTO ledger_entry (id, posting_id, account, amount_fen)"
    " SELECT 900000 + i, 900000 + i / 2, CASE i % 2 WHEN 0 THEN 'wechat' ELSE 'income' END, CASE i % 2 WHEN 0 THEN 1 ELSE -1 END"
    f" FROM generate_series(0, {ORDERS * ENTRIES_AN_ORDER - 1}) i",
    "INSERT INTO fee_waiver (id, fee_id, reason, state, asked_by, asked_by_name, asked_at, decided_by, decided_by_name)"
    " SELECT 900000 + i, 900000 + i, '家庭困难', 'declined', 1, '甲', now(), 2, '乙'"
    f" FROM generate_series(0, {WAIVERS - 1}) i",
    "INSERT INTO bank_transfer (id, school_id, amount_fen, received_on, bank_reference, proof_key, proof_kind, proof_sha256,"
    " state, recorded_by, recorded_by_name, recorded_at, decided_by, decided_by_name)"
    " SELECT 900000 + i, 900000 + i % 1000, 12050, date '2021-01-01', 'OLD' || i, '', 'pdf', '\\x00', 'declined', 1, '甲', now(),"
    f" 2, '乙' FROM generate_series(0, {WAIVERS - 1}) i",
    "INSERT INTO bank_refund (id, order_id, school_id, amount_fen, paid_on, bank_reference, reason, proof_key, proof_kind, proof_sha256,"
    " state, recorded_by, recorded_by_name, recorded_at, decided_by, decided_by_name)"
    " SELECT 900000 + i, 900001 + 3 * i, 900000 + (1 + 3 * i) % 1000, 100, date '2021-01-02', 'BACK' || i, '考生改期', '', 'pdf', '\\x00', 'declined', 1, '甲',"
    f" now(), 2, '乙' FROM generate_series(0, {WAIVERS - 1}) i",
    "INSERT INTO bank_transfer_line (id, transfer_id, fee_id, amount_fen) SELECT 900000 + i, 900000 + i, 900000 + i, 12050"
    f" FROM generate_series(0, {WAIVERS - 1}) i",
    "INSERT INTO reconciliation_day (id, day, state, payments, payments_fen, refunds, refunds_fen, charges_fen, trouble,"
    " closed_by_name, compared_at, closed_at) SELECT 900000 + i, date '2021-01-01' + i, 'closed', 0, 0, 0, 0, 0, '', '丙', now(),"
    f" now() FROM generate_series(0, {DAYS - 1}) i",
    "INSERT INTO pay_bill_line (id, day_id, what, number, wechat_number, order_number, amount_fen, charge_fen,"
    " expected_charge_fen) SELECT 900000 + i, 900000 + i / 240, 'payment', 'xc2020' || lpad(i::text, 12, '0'),"
    f" '99' || lpad(i::text, 26, '0'), '', 18075, 0, 0 FROM generate_series(0, {LINES - 1}) i",
    "INSERT INTO pay_inbox (id, event, content, received_at, applied_at) SELECT 'old' || i, 'TRANSACTION.SUCCESS', '{}', now(),"
    f" now() FROM generate_series(0, {INBOX - 1}) i",
    "INSERT INTO finance_alarm (id, dedup, kind, content, raised_at, settled_at, settled_by_name)"
    " SELECT 900000 + i, 'old:' || i, 'paid_twice', '{}', now(), now(), '丙'"
    f" FROM generate_series(0, {ALARMS - 1}) i",
)


async def fill(link: asyncpg.Connection[asyncpg.Record]) -> None:
    """After the people of `filled.py`, whose money it is."""
    for statement in _FILL:
        await link.execute(statement)
