"""Refunds: one of finance asks, another approves; what was paid twice goes back by itself. A job sends (`refund_sending`).

The same out_refund_no is used for every repetition, so that no lost answer ever gives back twice (wechat.md §7.4).
"""

from __future__ import annotations

import secrets

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.payments import ledger, order_transitions, refund_transitions
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import BY_BANK, STEPS, OrderFacts, OrderState
from server.domain.payments.refund_states import RefundFacts
from server.domain.people import same_person
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, FaultInjector, Queue
from server.domain.ports.payments import LONGEST_REASON_BYTES
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import FeeOrder, FeeRefund
from server.models.database import breaks

JOB = "payments.send_refund"
SHORTEST_REASON = 4
LONGEST_REASON = LONGEST_REASON_BYTES // 3  # in Chinese characters, of three bytes each
AUTOMATIC_REASON = "重复支付，自动退回"
WAIVED_REASON = "费用已减免，自动退回"


async def ask(clock: Clock, order_id: int, amount_fen: int, reason: str, *, actor: Actor) -> FeeRefund:
    """Ask for a refund; nothing is given back until somebody else approves.

    Args:
        amount_fen: at most what has not been given back.
        reason: the payer sees it; no names in it.

    Raises:
        Forbidden: role_not_allowed. NotFound: order_unknown.
        Invalid: /amount_fen, /reason. Conflict: order_moved, paid_by_bank, refund_open.
    """
    roles.require(actor, Verb.REFUND)
    kept = clean_reason(reason)
    if len(kept) < SHORTEST_REASON or len(kept.encode()) > LONGEST_REASON_BYTES:
        message = f"请写明退款原因，{SHORTEST_REASON} 到 {LONGEST_REASON} 个汉字；付款人会看到。"
        raise Invalid(errors=[FieldError("/reason", "reason_length", message)])
    if any(ord(character) > 0xFFFF for character in kept):  # WeChat Pay takes none (wechat.md §7.4)
        message = "退款原因里有微信支付不接受的生僻字或表情，请换一种写法。"
        raise Invalid(errors=[FieldError("/reason", "reason_character", message)])
    try:
        async with in_transaction():
            order = await order_transitions.locked(order_id=order_id)
            state = OrderState(order.state)
            if state not in STEPS["give_back"].sources:
                raise Conflict("order_moved", f"这个订单现在是“{state.label}”，不能退款；请刷新后再看。")
            if (against := STEPS["give_back"].refusal(facts_of(order, amount_fen))) is not None:
                raise against.as_refusal()
            refund = await FeeRefund.create(
                number=_number(clock),
                order_id=order.id,
                amount_fen=amount_fen,
                reason=kept,
                asked_by=actor.id,
                asked_by_name=actor.name,
                asked_at=clock.now(),
            )
            became = {"order": order.id, "amount_fen": amount_fen, "reason": kept}
            await audit_log.record(clock, actor, "refund.ask", "fee_refund", refund.id, became=became)
    except IntegrityError as error:
        if not breaks(error, "fee_refund_open"):
            raise
        raise Conflict("refund_open", "这个订单已有一笔退款在办理，请等它结束后再提出。") from error
    return refund


async def approve(clock: Clock, queue: Queue, faults: FaultInjector, refund_id: int, *, actor: Actor) -> None:
    """Let it go out.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: refund_unknown. Conflict: refund_moved, order_moved.
    """
    roles.require(actor, Verb.APPROVE_REFUND)
    order_id = await _order_of(refund_id)
    async with transaction(faults, "refunds.approve"):
        order = await order_transitions.locked(order_id=order_id)
        refund = await refund_transitions.locked(refund_id)
        await _approve(clock, refund, actor)
        await _let_go(clock, queue, order, refund, actor)
        await book_as_owed(clock, order, refund)


async def decline(clock: Clock, refund_id: int, *, actor: Actor) -> None:
    """Do not give it back. Raises as `approve`."""
    roles.require(actor, Verb.APPROVE_REFUND)
    async with in_transaction():
        refund = await refund_transitions.locked(refund_id)
        facts = RefundFacts(is_another=await same_person.is_another(actor, refund.asked_by))
        changes = {"decided_by": actor.id, "decided_by_name": actor.name, "decided_at": clock.now()}
        await refund_transitions.advance(clock, refund, "decline", facts, actor=actor, changes=changes)


async def give_back_by_itself(
    clock: Clock, queue: Queue, order: FeeOrder, amount_fen: int, *, reason: str = AUTOMATIC_REASON
) -> None:
    """Give back what this order was paid too much, in the caller's transaction, which has booked it as `owed_back`."""
    refund = await FeeRefund.create(
        number=_number(clock),
        order_id=order.id,
        amount_fen=amount_fen,
        reason=reason,
        is_automatic=True,
        asked_by_name=SYSTEM.name,
        asked_at=clock.now(),
    )
    await _approve(clock, refund, SYSTEM)
    await _let_go(clock, queue, order, refund, SYSTEM)


async def book_as_owed(clock: Clock, order: FeeOrder, refund: FeeRefund) -> None:
    """It is income no more but the payer's, in the caller's transaction, which holds the order.

    What the order was paid too much, and what did not come through when it went back by itself, is the payer's already.
    """
    owed = -(await ledger.balances(order.id))[Account.OWED_BACK]
    taken = max(0, refund.amount_fen - owed)
    entries = {Account.INCOME: taken, Account.OWED_BACK: -taken}
    await ledger.post(clock, f"refund:{refund.number}", order.id, entries)


def facts_of(order: FeeOrder, giving_back_fen: int = 0) -> OrderFacts:
    return OrderFacts(
        is_in_wechat=order.way != BY_BANK,
        total_fen=order.total_fen,
        refunded_fen=order.refunded_fen,
        giving_back_fen=giving_back_fen,
    )


async def _approve(clock: Clock, refund: FeeRefund, actor: Actor) -> None:
    is_another = refund.is_automatic or await same_person.is_another(actor, refund.asked_by)
    facts = RefundFacts(is_another=is_another)
    changes = {
        "decided_by": actor.id,
        "decided_by_name": actor.name,
        "decided_at": clock.now(),
        "next_try_at": clock.now(),
    }
    await refund_transitions.advance(clock, refund, "approve", facts, actor=actor, changes=changes)


async def _let_go(clock: Clock, queue: Queue, order: FeeOrder, refund: FeeRefund, actor: Actor) -> None:
    facts = facts_of(order, refund.amount_fen)
    await order_transitions.advance(clock, order, "give_back", facts, actor=actor)
    await queue.put(JOB, refund_id=refund.id)


async def _order_of(refund_id: int) -> int:
    """The order is locked before its refund, by everybody, so that nobody waits in a circle."""
    refund = await FeeRefund.filter(id=refund_id).first()
    if refund is None:
        raise NotFound("refund_unknown", "没有这笔退款，请刷新后重试。")
    return refund.order_id


def _number(clock: Clock) -> str:
    return f"xr{beijing.day(clock.now()):%Y%m%d}{secrets.token_hex(5)}"
