"""Refunds on their way: asked of WeChat Pay again and again with the same number, and booked when it says how they ended."""

from __future__ import annotations

import logging
from datetime import timedelta

from server.domain.actor import SYSTEM
from server.domain.fault_points import transaction
from server.domain.payments import alarms, refund_booking, refund_by_hand, refund_transitions
from server.domain.payments.refund_by_hand import RefundWaits
from server.domain.payments.refund_states import STEPS, RefundFacts, RefundState
from server.domain.payments.settlement import Cashbox
from server.domain.ports import PayGateway
from server.domain.ports.payments import PayRefund, PayRefundOrder
from server.errors import OutsideFailure, PayRefused, Refused
from server.models import FeeOrder, FeeRefund
from server.models.database import rows

SOON, LATER, DAILY = timedelta(minutes=2), timedelta(minutes=30), timedelta(days=1)
SLICE = 50
SHORT = "商户余额不足，在等待；充值以后系统自动再提交，不用再操作。"
# What WeChat Pay's status means for the refund here (wechat.md §7.4).
_STEP = {"PROCESSING": "accept", "SUCCESS": "finish", "CLOSED": "end", "ABNORMAL": "stall"}
STAYS = {"accept": (RefundState.ACCEPTED,), "stall": (RefundState.ABNORMAL,)}
# To a bank card it takes days, and its end is notified, too: asked after ever more rarely.
PAUSES = ((timedelta(minutes=30), SOON), (timedelta(days=1), LATER))
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
    """Send, or ask after, every refund whose time has come.

    What WeChat Pay keeps waiting until it is due again is left to the next sweep: this one would never end.
    """
    ends = box.clock.now() + SOON
    while (now := box.clock.now()) < ends:
        claimed = await rows(_CLAIM, now, now + SOON, SLICE)
        for row in claimed:
            try:
                await send(box, pay, row["id"])
            except Exception as problem:  # one that cannot be booked must not keep the others waiting
                log.error("refund not looked after", extra={"refund": row["id"]}, exc_info=problem)
        if len(claimed) < SLICE:
            return


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
    await FeeRefund.filter(id=refund.id, state=refund.state, wish=refund.wish).update(
        next_try_at=box.clock.now() + pause, trouble=SHORT if short else _trouble(problem)
    )
    if short or refused:
        kind = "balance_short" if short else "refund_refused"
        content = {"refund": refund.number, "amount_fen": refund.amount_fen}
        await alarms.raise_alarm(box.clock, kind, refund.number, order_id=refund.order_id, content=content)


def _trouble(problem: Exception) -> str:
    sentence = problem.sentence if isinstance(problem, PayRefused) else ""
    return f"{problem}{'：' if sentence else ''}{sentence}"[:200]


async def hear(box: Cashbox, heard: PayRefund) -> RefundState | None:
    """Book what WeChat Pay says of a refund: an answer or a notification, again, late and in any order.

    Returns: the refund's state afterwards; None when the order is none of ours, or nothing was booked.

    Raises:
        RefundWaits: it is one made by hand and cannot be booked yet; finance is told, and the caller tries again.
    """
    try:
        async with transaction(box.faults, "refund_sending.hear"):
            return await _hear(box, heard)
    except RefundWaits as waits:  # what raised it was rolled back; that finance is told must not be
        content = {
            "number": waits.order_number,
            "refund": heard.out_refund_no,
            "refund_fen": heard.refund_fen,
        }
        await alarms.raise_alarm(
            box.clock, "refund_by_hand_waits", heard.out_refund_no, order_id=waits.order_id, content=content
        )
        raise


async def _hear(box: Cashbox, heard: PayRefund) -> RefundState | None:
    order = await FeeOrder.filter(number=heard.out_trade_no).select_for_update().first()
    if order is None:
        content: dict[str, str | int] = {"number": heard.out_trade_no, "refund": heard.out_refund_no}
        await alarms.raise_alarm(box.clock, "refund_unknown", heard.out_refund_no, content=content)
        return None
    refund = await FeeRefund.filter(number=heard.out_refund_no).select_for_update().first()
    if refund is None:
        return await refund_by_hand.book(box, order, heard)
    name, state = _STEP.get(heard.status, ""), RefundState(refund.state)
    facts = RefundFacts(
        is_same=(order.id, heard.refund_fen, heard.total_fen)
        == (refund.order_id, refund.amount_fen, order.total_fen)
    )
    gave_after_all = name == "finish" and state in (RefundState.ENDED, RefundState.DECLINED)
    if not name or STEPS[name].refusal(facts) is not None or gave_after_all:
        content = {"refund": heard.out_refund_no, "status": heard.status, "refund_fen": heard.refund_fen}
        await alarms.raise_alarm(
            box.clock, "refund_mismatch", heard.out_refund_no, order_id=order.id, content=content
        )
        return state
    if state in STEPS[name].sources:
        await _move(box, order, refund, name, facts, heard)
    elif state in STAYS.get(name, ()):  # still; a lost notification of its end must not leave it so for ever
        refund.next_try_at = box.clock.now() + _pause(box, refund, state)
        await refund.save(update_fields=["next_try_at"])
    return RefundState(refund.state)


def _pause(box: Cashbox, refund: FeeRefund, state: RefundState) -> timedelta:
    age = box.clock.now() - (refund.accepted_at or refund.asked_at)
    if state is RefundState.ABNORMAL:
        return DAILY
    return next((pause for until, pause in PAUSES if age < until), DAILY)


async def _move(
    box: Cashbox, order: FeeOrder, refund: FeeRefund, name: str, facts: RefundFacts, heard: PayRefund
) -> None:
    now = box.clock.now()
    settled = STEPS[name].target in (RefundState.DONE, RefundState.ENDED)
    changes = {
        "refund_id": heard.refund_id,
        "next_try_at": None if settled else now + (DAILY if name == "stall" else SOON),
        "settled_at": now if settled else None,
        "trouble": "",
        "wish": "",
        "card_print": None,
        "accepted_at": refund.accepted_at or heard.created_at or now,
    }
    await refund_transitions.advance(box.clock, refund, name, facts, actor=SYSTEM, changes=changes)
    await box.faults.reach("refund_sending.hear: the refund has moved")
    for kind in ("balance_short", "refund_refused"):
        await alarms.clear(box.clock, kind, refund.number)
    await refund_booking.book(box, order, refund, name)
