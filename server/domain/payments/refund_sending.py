"""Refunds on their way: asked of WeChat Pay again and again with the same number, and booked when it says how they ended."""

from __future__ import annotations

import logging
from datetime import timedelta

from server.domain.actor import SYSTEM
from server.domain.fault_points import transaction
from server.domain.payments import alarms, fees, ledger, order_transitions, refund_transitions
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import BY_BANK, OrderState
from server.domain.payments.refund_states import STEPS, RefundFacts, RefundState
from server.domain.payments.refunds import book_as_owed, facts_of
from server.domain.payments.settlement import Cashbox
from server.domain.ports import PayGateway
from server.domain.ports.payments import PayRefund, PayRefundOrder
from server.errors import OutsideFailure, PayRefused, Refused
from server.models import FeeOrder, FeeRefund
from server.models.database import rows

SOON, LATER = timedelta(minutes=2), timedelta(minutes=30)
SLICE = 50
# What WeChat Pay's status means for the refund here (wechat.md §7.4).
_STEP = {"PROCESSING": "accept", "SUCCESS": "finish", "CLOSED": "end", "ABNORMAL": "stall"}
_CLAIM = """
UPDATE fee_refund SET next_try_at = $2 WHERE id IN (
    SELECT id FROM fee_refund WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
log = logging.getLogger("xcert.pay")


async def send(box: Cashbox, pay: PayGateway, refund_id: int) -> None:
    """Ask WeChat Pay for this refund, or how it stands. Safe to repeat: the number says that it is the same one."""
    refund = await FeeRefund.filter(id=refund_id).prefetch_related("order").first()
    if refund is None or refund.next_try_at is None:
        return
    try:
        if RefundState(refund.state) is RefundState.SENDING:
            heard = await pay.refund(_asked(refund))
        else:
            known = await pay.query_refund(refund.number)
            if known is None:
                raise OutsideFailure("微信支付不认识这笔退款")
            heard = known
    except (PayRefused, OutsideFailure, Refused) as problem:
        await _postpone(box, refund, problem)
        return
    await hear(box, heard)


async def sweep(box: Cashbox, pay: PayGateway) -> None:
    """Send, or ask after, every refund whose time has come."""
    now = box.clock.now()
    for row in await rows(_CLAIM, now, now + SOON, SLICE):
        try:
            await send(box, pay, row["id"])
        except Exception as problem:  # one that cannot be booked must not keep the others waiting
            log.error("refund not looked after", extra={"refund": row["id"]}, exc_info=problem)


def _asked(refund: FeeRefund) -> PayRefundOrder:
    order = refund.order
    return PayRefundOrder(order.number, refund.number, refund.amount_fen, order.total_fen, refund.reason)


async def _postpone(box: Cashbox, refund: FeeRefund, problem: PayRefused | OutsideFailure | Refused) -> None:
    short = isinstance(problem, PayRefused) and problem.is_code("NOT_ENOUGH")
    # No again of the same helps; it may have been done nevertheless only where WeChat Pay did not say no.
    refused = isinstance(problem, Refused) or (
        isinstance(problem, PayRefused) and not (problem.may_repeat or problem.unknown)
    )
    pause = LATER if short or refused else SOON
    log.warning("refund not sent", extra={"refund": refund.number, "why": type(problem).__name__})
    await FeeRefund.filter(id=refund.id, state=refund.state).update(
        next_try_at=box.clock.now() + pause, trouble=str(problem)[:200]
    )
    if short or refused:
        kind = "balance_short" if short else "refund_refused"
        content = {"refund": refund.number, "amount_fen": refund.amount_fen}
        await alarms.raise_alarm(box.clock, kind, refund.number, order_id=refund.order_id, content=content)


async def hear(box: Cashbox, heard: PayRefund) -> RefundState | None:
    """Book what WeChat Pay says of a refund: an answer or a notification, again, late and in any order.

    Returns: the refund's state afterwards; None when the order is none of ours.
    """
    async with transaction(box.faults, "refund_sending.hear"):
        order = await FeeOrder.filter(number=heard.out_trade_no).select_for_update().first()
        if order is None:
            content: dict[str, str | int] = {"number": heard.out_trade_no, "refund": heard.out_refund_no}
            await alarms.raise_alarm(box.clock, "refund_unknown", heard.out_refund_no, content=content)
            return None
        refund = await FeeRefund.filter(number=heard.out_refund_no).select_for_update().first()
        if refund is None:
            return await _by_hand(box, order, heard)
        name = _STEP.get(heard.status, "")
        facts = RefundFacts(
            is_same=(order.id, heard.refund_fen, heard.total_fen)
            == (refund.order_id, refund.amount_fen, order.total_fen)
        )
        state = RefundState(refund.state)
        if not name or STEPS[name].refusal(facts) is not None:
            content = {
                "refund": heard.out_refund_no,
                "status": heard.status,
                "refund_fen": heard.refund_fen,
            }
            await alarms.raise_alarm(
                box.clock, "refund_mismatch", heard.out_refund_no, order_id=order.id, content=content
            )
            return state
        if state not in STEPS[name].sources:
            return state  # told again, or an older word
        settled = STEPS[name].target in (RefundState.DONE, RefundState.ENDED)
        changes = {
            "refund_id": heard.refund_id,
            "next_try_at": None if settled or name == "stall" else box.clock.now() + SOON,
            "settled_at": box.clock.now() if settled else None,
            "trouble": "",
            "accepted_at": refund.accepted_at or heard.created_at or box.clock.now(),
        }
        await refund_transitions.advance(box.clock, refund, name, facts, actor=SYSTEM, changes=changes)
        await box.faults.reach("refund_sending.hear: the refund has moved")
        await _book(box, order, refund, name)
        return RefundState(refund.state)


async def _book(box: Cashbox, order: FeeOrder, refund: FeeRefund, name: str) -> None:
    fen = refund.amount_fen
    content = {"refund": refund.number, "amount_fen": fen}
    if name == "finish":
        await _gave(box, order, refund)
    elif name == "end":
        # what was income before it was to go back is income again; what was paid too much is owed as before
        taken = await ledger.posted(f"refund:{refund.number}")
        again = {account: -entry for account, entry in taken.items()}
        await ledger.post(box.clock, f"refund:{refund.number}:ended", order.id, again)
        await _after_refund(box, order)
        await alarms.raise_alarm(box.clock, "refund_ended", refund.number, order_id=order.id, content=content)
    elif name == "stall":
        await alarms.raise_alarm(
            box.clock, "refund_abnormal", refund.number, order_id=order.id, content=content
        )


async def _gave(box: Cashbox, order: FeeOrder, refund: FeeRefund) -> None:
    """The payer has it, and is told. In the caller's transaction, which holds the order."""
    fen = refund.amount_fen
    entries = {Account.OWED_BACK: fen, Account.WECHAT: -fen}
    await ledger.post(box.clock, f"refund:{refund.number}:done", order.id, entries)
    order.refunded_fen += fen
    await order.save(update_fields=["refunded_fen"])
    await _after_refund(box, order)
    if order.refunded_fen == order.total_fen:
        await fees.give_back(order.id)
    await box.teller.refunded(order, refund)


async def _after_refund(box: Cashbox, order: FeeOrder) -> None:
    rest = {0: "gave_nothing", order.total_fen: "gave_all"}.get(order.refunded_fen, "gave_part")
    await order_transitions.advance(box.clock, order, rest, facts_of(order), actor=SYSTEM)


async def _by_hand(box: Cashbox, order: FeeOrder, heard: PayRefund) -> RefundState | None:
    """Somebody gave back in the merchant console. It is booked when it is done, and finance is told."""
    content = {"number": order.number, "refund": heard.out_refund_no, "amount_fen": heard.refund_fen}
    await alarms.raise_alarm(
        box.clock, "refund_by_hand", heard.out_refund_no, order_id=order.id, content=content
    )
    state = OrderState(order.state)
    if heard.status != "SUCCESS" or heard.refund_fen > order.total_fen - order.refunded_fen:
        return None
    if order.way == BY_BANK or state not in (OrderState.PAID, OrderState.PART_REFUNDED):
        return None
    refund = await FeeRefund.create(
        number=heard.out_refund_no,
        order_id=order.id,
        amount_fen=heard.refund_fen,
        reason="在微信商户平台退款",
        is_automatic=True,
        asked_by_name="微信商户平台",
        asked_at=box.clock.now(),
    )
    facts = RefundFacts(is_another=True, is_same=True)
    await refund_transitions.advance(box.clock, refund, "approve", facts, actor=SYSTEM)
    await order_transitions.advance(
        box.clock, order, "give_back", facts_of(order, heard.refund_fen), actor=SYSTEM
    )
    now = box.clock.now()
    changes = {"refund_id": heard.refund_id, "settled_at": now, "accepted_at": heard.created_at or now}
    await refund_transitions.advance(box.clock, refund, "finish", facts, actor=SYSTEM, changes=changes)
    await book_as_owed(box.clock, order, refund)
    await _gave(box, order, refund)
    return RefundState(refund.state)
