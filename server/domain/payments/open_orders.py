"""Open orders: which of them one can pay where one is, and which are over fees that need not be paid any more.

Whether an order is overtaken is never written down; it follows from the fees, so that nothing has to be kept in step.
The job only makes it soon: a sweep asks after every open order and closes those that are overtaken, too.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.ports import Queue
from server.models.database import rows

JOB = "payments.close_overtaken"
_OVER = """
SELECT DISTINCT o.id FROM fee_order_line l JOIN fee_order o ON o.id = l.order_id
WHERE l.fee_id = ANY($1::bigint[]) AND o.state = $2 ORDER BY o.id
"""
_HERE = """
SELECT id FROM fee_order
WHERE candidate_id = $1 AND state = $2 AND expires_at > $3 AND account = $4 AND openid = $5
"""
_OWED = """
SELECT l.fee_id FROM fee_order_line l JOIN fee f ON f.id = l.fee_id
WHERE l.order_id = $1 AND f.state = $2 ORDER BY l.fee_id
"""
_NOT_OWED = """
SELECT f.state FROM fee_order_line l JOIN fee f ON f.id = l.fee_id WHERE l.order_id = $1 AND f.state <> $2
"""


async def payable_here(now: datetime, candidate_id: int, account: str, openid: str) -> set[int]:
    """The open orders of this person that were begun in this account by this WeChat: nobody else's cashier opens."""
    return {
        row["id"] for row in await rows(_HERE, candidate_id, OrderState.PENDING.value, now, account, openid)
    }


async def owed_of(order_id: int) -> list[int]:
    """The fees of this order that are still owed, to order them anew."""
    return [row["fee_id"] for row in await rows(_OWED, order_id, FeeState.OWED.value)]


async def ask_to_close(queue: Queue, fee_ids: Collection[int]) -> None:
    """These fees need not be paid any more, by the caller's transaction.

    No order is locked here: whoever settles a fee holds his own order, and two of them would wait for each other.
    """
    for row in await rows(_OVER, sorted(fee_ids), OrderState.PENDING.value):
        await queue.put(JOB, order_id=row["id"])


async def overtaken_by(order_id: int) -> FeeState | None:
    """What became of a fee of this order that is not owed any more; None: everything on it is owed."""
    found = {FeeState(row["state"]) for row in await rows(_NOT_OWED, order_id, FeeState.OWED.value)}
    if not found:
        return None
    return FeeState.WAIVED if FeeState.WAIVED in found else FeeState.SETTLED
