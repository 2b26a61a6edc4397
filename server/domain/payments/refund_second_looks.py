"""What finance does about a refund that does not come through by itself, with WeChat Pay asked first, outside of every
transaction: book one of the merchant console, end one that WeChat Pay never took (two people), go on with it.
"""

from __future__ import annotations

from datetime import timedelta

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.payments import (
    alarms,
    order_transitions,
    refund_booking,
    refund_sending,
    refund_transitions,
)
from server.domain.payments.refund_states import STEPS, RefundFacts, RefundState
from server.domain.payments.settlement import Cashbox
from server.domain.people import same_person
from server.domain.ports import PayGateway
from server.domain.roles import Verb
from server.errors import Conflict, NotFound, OutsideFailure
from server.models import FeeRefund

GIVE_UP = "give_up"
# Nothing is sent from the moment that one of finance asks; what was on its way then has long been answered after this.
REST = timedelta(minutes=2)


async def book_by_number(box: Cashbox, pay: PayGateway | None, number: str, *, actor: Actor) -> RefundState:
    """Ask WeChat Pay for the refund of this number and book what it says: one that nobody was notified of.

    Returns: the refund's state afterwards.

    Raises:
        Forbidden: role_not_allowed. Refused: pay_number. NotFound: refund_unknown_there. OutsideFailure.
        Conflict: refund_waits; refund_not_booked: it does not fit, or is not done; an alarm says more.
    """
    roles.require(actor, Verb.REFUND)
    known = await gateway(pay).query_refund(number.strip())
    if known is None:
        raise NotFound("refund_unknown_there", "微信支付没有这个退款单号，请核对后重试。")
    await audit_log.record(box.clock, actor, "refund.look_up", "fee_refund", known.out_refund_no)
    state = await refund_sending.hear(box, known)
    if state is None:
        raise Conflict(
            "refund_not_booked",
            "微信支付说的这笔退款没有退成，或与订单不符，没有记账；详情见首页的缴费提醒。",
        )
    return state


async def ask_to_give_up(box: Cashbox, pay: PayGateway | None, refund_id: int, *, actor: Actor) -> None:
    """One of finance asks to end a refund that WeChat Pay does not take. From now on it is sent no more.

    Raises:
        Forbidden: role_not_allowed. NotFound: refund_unknown. OutsideFailure.
        Conflict: refund_moved; refund_wished: somebody has asked already; refund_known: WeChat Pay has it.
    """
    roles.require(actor, Verb.REFUND)
    refund = await _sending(refund_id)
    if refund.wish == GIVE_UP:
        raise Conflict("refund_wished", "已经有人提出终止这笔退款，请由另一位财务确认。")
    await _check_unknown_there(box, pay, refund)
    async with in_transaction():
        refund = await refund_transitions.locked(refund_id)
        _check_sending(refund)
        refund.wish, refund.wished_by, refund.wished_by_name = GIVE_UP, actor.id, actor.name
        refund.wished_at, refund.next_try_at = box.clock.now(), None
        await refund.save(update_fields=["wish", "wished_by", "wished_by_name", "wished_at", "next_try_at"])
        await audit_log.record(box.clock, actor, "refund.ask_to_give_up", "fee_refund", refund.id)


async def go_on(box: Cashbox, refund_id: int, *, actor: Actor) -> None:
    """Send it again after all. Raises Forbidden; NotFound: refund_unknown; Conflict: refund_moved."""
    roles.require(actor, Verb.REFUND)
    async with in_transaction():
        refund = await refund_transitions.locked(refund_id)
        _check_sending(refund)
        if refund.wish != GIVE_UP:
            return
        refund.wish, refund.next_try_at = "", box.clock.now()
        await refund.save(update_fields=["wish", "next_try_at"])
        await audit_log.record(box.clock, actor, "refund.go_on", "fee_refund", refund.id)


async def give_up(box: Cashbox, pay: PayGateway | None, refund_id: int, *, actor: Actor) -> None:
    """Another of finance confirms: it has ended, the order is as before, the books are turned back.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: refund_unknown. OutsideFailure.
        Conflict: refund_moved, refund_known, refund_on_its_way.
    """
    roles.require(actor, Verb.APPROVE_REFUND)
    refund = await _sending(refund_id)
    await _check_unknown_there(box, pay, refund)
    async with transaction(box.faults, "refund_second_looks.give_up"):
        order = await order_transitions.locked(order_id=refund.order_id)
        refund = await refund_transitions.locked(refund_id)
        now = box.clock.now()
        facts = RefundFacts(
            is_another=await same_person.is_another(actor, refund.wished_by),
            is_unknown_there=True,
            is_at_rest=refund.wish == GIVE_UP
            and refund.wished_at is not None
            and refund.wished_at + REST <= now,
        )
        trouble = f"微信支付没有受理，由{refund.wished_by_name}提出、{actor.name}确认终止。"
        changes = {"next_try_at": None, "settled_at": now, "trouble": trouble[:200]}
        await refund_transitions.advance(box.clock, refund, "give_up", facts, actor=actor, changes=changes)
        for kind in ("balance_short", "refund_refused"):
            await alarms.clear(box.clock, kind, refund.number)
        await refund_booking.book(box, order, refund, "give_up")


async def _sending(refund_id: int) -> FeeRefund:
    refund = await FeeRefund.filter(id=refund_id).first()
    if refund is None:
        raise NotFound("refund_unknown", "没有这笔退款，请刷新后重试。")
    _check_sending(refund)
    return refund


def _check_sending(refund: FeeRefund) -> None:
    state = RefundState(refund.state)
    if state not in STEPS["give_up"].sources:
        raise Conflict("refund_moved", f"这笔退款现在是“{state.label}”，不能终止；请刷新后再看。")


def gateway(pay: PayGateway | None) -> PayGateway:
    """Raises OutsideFailure: this service has none. Asked when the refund is known: what is not there is not found."""
    if pay is None:
        raise OutsideFailure("本服务没有配置微信支付")
    return pay


async def _check_unknown_there(box: Cashbox, pay: PayGateway | None, refund: FeeRefund) -> None:
    """Raises Conflict: refund_known; what WeChat Pay says of it is booked."""
    known = await gateway(pay).query_refund(refund.number)
    if known is None:
        return
    await refund_sending.hear(box, known)
    raise Conflict("refund_known", "微信支付已经收到这笔退款，已照它说的更新；请刷新后再看。")
