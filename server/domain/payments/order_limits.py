"""How many orders one payer may have open, and how often one may be made: each of them costs calls to WeChat Pay."""

from __future__ import annotations

from datetime import datetime

from server.domain.payments.order_states import OrderState
from server.domain.ports import RateLimiter
from server.errors import Conflict, TooMany
from server.models.database import rows

MOST_OPEN = 10
TRIES, WINDOW = 30, 600  # so many wishes for an order, in so many seconds
# The payer's row is held until the order is written, so that two orders at once do not both find room for the last.
_HELD = {
    "candidate": "SELECT id FROM candidate WHERE id = $1 FOR NO KEY UPDATE",
    "school": "SELECT id FROM school WHERE id = $1 FOR NO KEY UPDATE",
}
_OPEN = """
SELECT count(*) AS open FROM fee_order
WHERE state = $1 AND expires_at > $2 AND (candidate_id = $3 OR school_id = $4)
"""


async def count(rate_limiter: RateLimiter, payer: tuple[int | None, int | None]) -> None:
    """One more wish for an order, at any door. Raises TooMany: too_many_orders."""
    candidate_id, school_id = payer
    who = f"candidate:{candidate_id}" if candidate_id is not None else f"school:{school_id}"
    if await rate_limiter.hit(f"orders:{who}", window=WINDOW) > TRIES:
        raise TooMany("too_many_orders", "下单太频繁，请十分钟后再试。", retry_after=WINDOW)


async def hold(payer: tuple[int | None, int | None]) -> None:
    """Nobody else makes an order for this payer until the caller's transaction ends."""
    candidate_id, school_id = payer
    if candidate_id is not None:
        await rows(_HELD["candidate"], candidate_id)
    else:
        await rows(_HELD["school"], school_id)


async def require_room(now: datetime, payer: tuple[int | None, int | None]) -> None:
    """In the transaction that holds the payer. Raises Conflict: orders_open."""
    [found] = await rows(_OPEN, OrderState.PENDING.value, now, *payer)
    if found["open"] >= MOST_OPEN:
        message = f"您已有 {MOST_OPEN} 个订单没有付款，请先付款，或等它们到期关闭后再下单。"
        raise Conflict("orders_open", message)
