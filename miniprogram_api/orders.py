"""/orders: what the holder of the token owes, an order over it, and the parameters of wx.requestPayment."""

from __future__ import annotations

from miniprogram_api import answers, bodies
from miniprogram_api.session import identity
from server.domain.actor import Actor
from server.domain.payments import open_orders, order_limits, orders, queries
from server.domain.payments.orders import Payer
from server.domain.payments.queries import FeeView, OrderView
from server.domain.payments.settlement import Cashbox
from server.domain.people import bound_people
from server.errors import NotFound, OutsideFailure
from server.web.request import Asked


async def listing(asked: Asked) -> answers.Orders:
    """What is owed, and the newest orders."""
    payer, _ = await _payer(asked)
    assert payer.candidate_id is not None
    owed = await queries.owed_by(payer.candidate_id)
    here = await _here(asked, payer)
    return answers.Orders(
        fees=[_fee(fee) for fee in owed],
        orders=[_order(order, here) for order in await queries.orders_of(payer.candidate_id)],
    )


async def create(asked: Asked, body: bodies.NewOrder) -> answers.Order:
    """An order over these fees; the same again, while it is open, is the same order."""
    payer, actor = await _payer(asked)
    await order_limits.count(asked.s.rate_limiter, payer.who)
    made = await orders.create(asked.s.clock, body.fees, payer, actor=actor)
    return _order(await queries.order(made.id), await _here(asked, payer))


async def pay(asked: Asked, order_id: int) -> answers.Payment:
    """What wx.requestPayment takes. That it says ok proves nothing: ask for the order afterwards."""
    s = asked.s
    payer, _ = await _payer(asked)
    if s.pay is None:
        raise OutsideFailure("本服务没有配置微信支付")
    box = Cashbox.of(s.settings, s.clock, s.queue, s.faults)
    return answers.Payment.model_validate(
        await orders.open_cashier(box, s.pay, order_id, payer, "requestPayment")
    )


async def _payer(asked: Asked) -> tuple[Payer, Actor]:
    who = await identity(asked.request)
    candidate = await bound_people.candidate_id_of(who)
    if candidate is None:
        raise NotFound("not_bound", "您还没有绑定考生信息，请先绑定。")
    actor = Actor("candidate", candidate, "考生").called_by(asked.caller)
    return Payer(candidate_id=candidate, account=who.account, openid=who.openid), actor


async def _here(asked: Asked, payer: Payer) -> set[int]:
    assert payer.candidate_id is not None
    return await open_orders.payable_here(
        asked.s.clock.now(), payer.candidate_id, payer.account, payer.openid
    )


def _fee(fee: FeeView) -> answers.Fee:
    return answers.Fee(
        id=fee.id,
        plan=fee.plan,
        exam_date=fee.exam_date,
        level=fee.level.value,
        amount_fen=fee.amount_fen,
        state=fee.state.value,
        state_label=fee.state.label,
    )


def _order(order: OrderView, here: set[int]) -> answers.Order:
    return answers.Order(
        id=order.id,
        number=order.number,
        description=order.description,
        total_fen=order.total_fen,
        refunded_fen=order.refunded_fen,
        state=order.state.value,
        state_label=order.state.label,
        expires_at=order.expires_at,
        paid_at=order.paid_at,
        is_payable_here=order.id in here,
    )
