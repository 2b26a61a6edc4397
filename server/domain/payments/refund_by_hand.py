"""Refunds that somebody made in WeChat Pay's merchant console: booked as WeChat Pay tells of them, once, and told to finance.

They come at any moment: before the payment's own notification, while one of ours is asked for or under way.
"""

from __future__ import annotations

from server.domain.actor import SYSTEM
from server.domain.payments import alarms, order_transitions, refund_transitions
from server.domain.payments.order_states import BY_BANK, OrderState
from server.domain.payments.refund_booking import gave
from server.domain.payments.refund_states import RefundFacts, RefundState
from server.domain.payments.refunds import book_as_owed, facts_of
from server.domain.payments.settlement import Cashbox
from server.domain.ports.payments import PayRefund
from server.errors import Conflict
from server.models import FeeOrder, FeeRefund

REASON = "在微信商户平台退款"
_READY = (OrderState.PAID, OrderState.PART_REFUNDED)


class RefundWaits(Conflict):
    """It is true and cannot be booked yet: the payment has not been heard of, or one of ours is under way."""

    def __init__(self, order: FeeOrder) -> None:
        label = OrderState(order.state).label
        super().__init__(
            "refund_waits", f"订单现在是“{label}”，这笔退款还不能记账；请等订单变为已支付或部分退款后再试。"
        )
        self.order_id, self.order_number = order.id, order.number


async def book(box: Cashbox, order: FeeOrder, heard: PayRefund) -> RefundState | None:
    """Book it in the caller's transaction, which holds the order.

    Returns: the refund's state; None when nothing is booked: what does not fit, or is not done, is an alarm.

    Raises:
        RefundWaits: book it later; the caller tells finance, outside of the transaction that this rolls back.
    """
    if not _fits(order, heard):
        await _alarm(box, "refund_mismatch", order, heard)
        return None
    if heard.status != "SUCCESS":
        if heard.status == "CLOSED":  # nothing was given back
            await _no_longer_waits(box, heard)
        else:
            await _alarm(box, "refund_by_hand_open", order, heard)
        return None
    if OrderState(order.state) not in _READY:
        raise RefundWaits(order)
    declined = await _ours_gives_way(box, order, heard)
    refund = await _given_back(box, order, heard)
    await _no_longer_waits(box, heard)
    await _alarm(box, "refund_by_hand", order, heard, declined=declined)
    return RefundState(refund.state)


def _fits(order: FeeOrder, heard: PayRefund) -> bool:
    """Of this order, and no more than the rest. Which payment it was is known only once the order is paid."""
    return (
        order.way != BY_BANK
        and heard.total_fen == order.total_fen
        and order.transaction_id in (None, heard.transaction_id)
        and 0 < heard.refund_fen <= order.total_fen - order.refunded_fen
    )


async def _ours_gives_way(box: Cashbox, order: FeeOrder, heard: PayRefund) -> str:
    """One of ours that waits for approval is declined: whoever would approve it does not know of the other.

    Returns: its number; empty: there is none.
    """
    found = await FeeRefund.filter(order_id=order.id, state=RefundState.ASKED.value).first()
    if found is None:
        return ""
    asked = await refund_transitions.locked(found.id)
    changes = {
        "decided_by_name": SYSTEM.name,
        "decided_at": box.clock.now(),
        "trouble": f"已有人在微信商户平台退款（{heard.out_refund_no}），这笔不再办理；仍需退款请重新提出。",
    }
    facts = RefundFacts(is_overtaken=True)
    await refund_transitions.advance(box.clock, asked, "overtake", facts, actor=SYSTEM, changes=changes)
    return asked.number


async def _given_back(box: Cashbox, order: FeeOrder, heard: PayRefund) -> FeeRefund:
    now = box.clock.now()
    refund = await FeeRefund.create(
        number=heard.out_refund_no,
        order_id=order.id,
        amount_fen=heard.refund_fen,
        reason=REASON,
        is_automatic=True,
        asked_by_name="微信商户平台",
        asked_at=now,
    )
    facts = RefundFacts(is_another=True, is_same=True)
    await refund_transitions.advance(box.clock, refund, "approve", facts, actor=SYSTEM)
    await order_transitions.advance(
        box.clock, order, "give_back", facts_of(order, heard.refund_fen), actor=SYSTEM
    )
    changes = {"refund_id": heard.refund_id, "settled_at": now, "accepted_at": heard.created_at or now}
    await refund_transitions.advance(box.clock, refund, "finish", facts, actor=SYSTEM, changes=changes)
    await book_as_owed(box.clock, order, refund)
    await gave(box, order, refund)
    return refund


async def _no_longer_waits(box: Cashbox, heard: PayRefund) -> None:
    for kind in ("refund_by_hand_waits", "refund_by_hand_open"):
        await alarms.clear(box.clock, kind, heard.out_refund_no)


async def _alarm(box: Cashbox, kind: str, order: FeeOrder, heard: PayRefund, *, declined: str = "") -> None:
    content: dict[str, str | int] = {
        "number": order.number,
        "refund": heard.out_refund_no,
        "status": heard.status,
        "refund_fen": heard.refund_fen,
    }
    if declined:
        content["declined"] = declined
    await alarms.raise_alarm(box.clock, kind, heard.out_refund_no, order_id=order.id, content=content)
