"""Open orders are asked after until WeChat Pay says paid or closed: no truth hangs on a notification.

An order past its time, or whose fees need not be paid any more, is closed at WeChat Pay first and asked after once
more: a payment that wins the race counts.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from tortoise.transactions import in_transaction

from server.domain.actor import SYSTEM
from server.domain.payments import open_orders, order_transitions, settlement
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderFacts, OrderState
from server.domain.payments.settlement import PAID, Cashbox
from server.domain.ports import PayGateway
from server.domain.ports.payments import PayTransaction
from server.errors import OutsideFailure, PayRefused, Refused
from server.models import FeeOrder
from server.models.database import rows

# Orders at a time, and times in one sweep: a rush is worked off, and the other sweeps do not wait long.
SLICE, SLICES = 50, 20
CLOSED_THERE = frozenset({"CLOSED"})
# How long after an order was made it is asked after, and how often: often while somebody stands before the cashier.
PAUSES = ((timedelta(minutes=5), timedelta(seconds=30)), (timedelta(minutes=30), timedelta(minutes=3)))
LONGEST_PAUSE = timedelta(minutes=15)
LEAST_BETWEEN = timedelta(
    seconds=3
)  # two questions about one order, whoever asks: pages, cashiers, jobs, sweeps
CLOSING = timedelta(minutes=20)  # the payer is told when less than this is left
_CLAIM = """
UPDATE fee_order SET next_query_at = $2 WHERE id IN (
    SELECT id FROM fee_order WHERE next_query_at <= $1 ORDER BY next_query_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING id, number
"""
_MAY_ASK = """
UPDATE fee_order SET queried_at = $2
WHERE id = $1 AND state = $4 AND (queried_at IS NULL OR queried_at <= $3 OR queried_at > $2) RETURNING id
"""
_STILL_OWED = """
SELECT 1 FROM fee_order_line l JOIN fee f ON f.id = l.fee_id WHERE l.order_id = $1 AND f.state = $2 LIMIT 1
"""
log = logging.getLogger("xcert.pay")


async def sweep(box: Cashbox, pay: PayGateway) -> None:
    """Ask after every order whose time has come; whoever has little time left to pay is told."""
    now = box.clock.now()
    for _ in range(SLICES):
        claimed = await rows(_CLAIM, now, now + PAUSES[0][1], SLICE)
        still_open = []
        for row in sorted(claimed, key=lambda one: int(one["id"])):
            try:
                if await look(box, pay, row["number"]) is OrderState.PENDING:
                    still_open.append(row["number"])
            except (OutsideFailure, PayRefused, Refused) as problem:
                log.warning(
                    "order not asked after", extra={"order": row["number"], "why": type(problem).__name__}
                )
            except Exception as problem:  # one that cannot be booked must not keep the others waiting
                log.error("order not asked after", extra={"order": row["number"]}, exc_info=problem)
        for number in still_open:  # after all of them: what is on one may just have been paid by another
            try:
                await _tell_closing(box, number)
            except Exception as problem:
                log.error("closing not told", extra={"order": number}, exc_info=problem)
        if len(claimed) < SLICE:
            return


async def look(box: Cashbox, pay: PayGateway, number: str) -> OrderState:
    """Ask WeChat Pay about one order and book what it says; what was asked a moment ago is not asked again.

    Returns: the order's state as far as it is known here.

    Raises:
        OutsideFailure, PayRefused: WeChat Pay does not answer, or says something else; nothing has changed.
    """
    order = await FeeOrder.get(number=number)
    if OrderState(order.state) is not OrderState.PENDING:
        return OrderState(order.state)
    if not await _may_ask(box, order):
        return OrderState.PENDING
    known = await pay.query(number)
    is_over = order.expires_at <= box.clock.now() or await open_orders.overtaken_by(order.id) is not None
    if is_over and not _ended(known):
        await close_there(pay, number)
        known = await pay.query(number)
    if known is not None and known.state in PAID:
        await settlement.settle(box, known)  # what does not fit is an alarm, and the order stays open
    async with in_transaction():
        order = await order_transitions.locked(number=number)
        if OrderState(order.state) is OrderState.PENDING:
            if is_over and (known is None or known.state in CLOSED_THERE):
                facts = OrderFacts(is_closed_there=True)
                changes = {"next_query_at": None}
                await order_transitions.advance(
                    box.clock, order, "close", facts, actor=SYSTEM, changes=changes
                )
            else:
                order.next_query_at = box.clock.now() + _pause(box, order)
                await order.save(update_fields=["next_query_at"])
    return OrderState(order.state)


async def close_overtaken(box: Cashbox, pay: PayGateway, order_id: int) -> None:
    """Close an order whose fees need not be paid any more. The job `open_orders.JOB`; raises as `look`."""
    order = await FeeOrder.get(id=order_id)
    soon = box.clock.now() + LEAST_BETWEEN
    # First, so that it is not forgotten: if WeChat Pay has just been asked, or does not answer, the sweep closes it.
    await FeeOrder.filter(id=order_id, next_query_at__gt=soon).update(next_query_at=soon)
    await look(box, pay, order.number)


async def _may_ask(box: Cashbox, order: FeeOrder) -> bool:
    """One of all who would ask now; the others take the answer that he gets."""
    now = box.clock.now()
    return bool(await rows(_MAY_ASK, order.id, now, now - LEAST_BETWEEN, OrderState.PENDING.value))


async def _tell_closing(box: Cashbox, number: str) -> None:
    """WeChat Pay has just said that nobody has paid it. Looked at more often than `CLOSING`, so that none is missed."""
    async with in_transaction():
        order = await order_transitions.locked(number=number)
        left = order.expires_at - box.clock.now()
        if OrderState(order.state) is not OrderState.PENDING or not timedelta(0) < left < CLOSING:
            return
        if await rows(_STILL_OWED, order.id, FeeState.OWED.value):  # another order may have settled all of it
            await box.teller.closing(order)


def _ended(known: PayTransaction | None) -> bool:
    return known is not None and (known.state in PAID | CLOSED_THERE)


async def close_there(pay: PayGateway, number: str) -> None:
    """Nobody can pay it any more, unless somebody has in this moment. Raises PayRefused, OutsideFailure."""
    try:
        await pay.close(number)
    except PayRefused as refusal:
        if not refusal.is_code(
            "ORDER_PAID", "ORDER_NOT_EXIST"
        ):  # paid in this moment, or never asked for there
            raise


def _pause(box: Cashbox, order: FeeOrder) -> timedelta:
    age = box.clock.now() - order.created_at
    return next((pause for until, pause in PAUSES if age < until), LONGEST_PAUSE)
