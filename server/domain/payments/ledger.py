"""The books: double entry in fen. Every posting adds up to nothing (the database sees to it) and stands for ever.

Accounts, seen from the organisation: `wechat` what it has at WeChat Pay, `bank` what schools transferred and the bank has not paid back, `income`
what settled fees brought (below zero, as books have it), `owed_back` what payers are to get back, `charges` what WeChat
Pay keeps for its service.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from server.domain.ports import Clock
from server.models.database import rows

_POST = """
WITH posting AS (
    INSERT INTO ledger_posting (source, order_id, at) VALUES ($1, $2, $3) ON CONFLICT (source) DO NOTHING RETURNING id
)
INSERT INTO ledger_entry (posting_id, account, amount_fen)
SELECT posting.id, line.account, line.amount FROM posting, unnest($4::text[], $5::bigint[]) AS line (account, amount)
RETURNING id
"""
_BALANCES = """
SELECT e.account, sum(e.amount_fen)::bigint AS fen
FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id WHERE p.order_id = $1 GROUP BY e.account
"""


_POSTED = """
SELECT e.account, e.amount_fen FROM ledger_posting p JOIN ledger_entry e ON e.posting_id = p.id WHERE p.source = $1
"""


class Account(Enum):
    WECHAT = "wechat"
    BANK = "bank"
    INCOME = "income"
    OWED_BACK = "owed_back"
    CHARGES = "charges"


async def post(clock: Clock, source: str, order_id: int | None, entries: Mapping[Account, int]) -> bool:
    """Write one posting in the caller's transaction. Told of twice, it is written once: False the second time.

    Args:
        source: what it tells of, the same each time it is told: "paid:xc…".
        order_id: None for what is of no one order.
        entries: fen by account; they add up to nothing. An account with zero is left out; with no other, nothing is written.
    """
    if sum(entries.values()):
        raise ValueError(f"a posting that does not add up: {source}")
    lines = [(account.value, fen) for account, fen in entries.items() if fen]
    if not lines:
        return False
    accounts, amounts = [account for account, _ in lines], [fen for _, fen in lines]
    return bool(await rows(_POST, source, order_id, clock.now(), accounts, amounts))


async def posted(source: str) -> dict[Account, int]:
    """What one posting says, fen by account; empty when there is none."""
    return {Account(row["account"]): int(row["amount_fen"]) for row in await rows(_POSTED, source)}


async def balances(order_id: int) -> dict[Account, int]:
    """What the books say of one order, fen by account."""
    found = {Account(row["account"]): int(row["fen"]) for row in await rows(_BALANCES, order_id)}
    return {account: found.get(account, 0) for account in Account}
