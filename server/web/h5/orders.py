"""GET, POST /h5/orders · POST /h5/orders/{id}/pay: what a candidate owes, and WeChat's cashier over it.

The page opens the cashier and believes nothing of what it says: it asks us again, and we ask WeChat Pay.
"""

from __future__ import annotations

from contextlib import suppress

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json, redirect

from server.domain.actor import Actor
from server.domain.campaigns import persons_notices
from server.domain.payments import (
    fee_receipts,
    open_orders,
    order_detail,
    order_limits,
    orders,
    payment_polling,
    queries,
)
from server.domain.payments.fee_receipts import ReceiptDesk
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.orders import Payer
from server.domain.payments.queries import OrderView
from server.domain.payments.refund_states import RefundState
from server.domain.payments.settlement import Cashbox
from server.domain.people import bound_people
from server.domain.ports import Services
from server.domain.wechat_chat import js_sdk
from server.errors import NotFound, OutsideFailure, PayRefused
from server.web import templating
from server.web.h5 import forms
from server.web.h5.login import identity
from server.web.request import caller, services
from server.web.schema import row_number

bp = Blueprint("h5_orders")
TONES = {
    "owed": "wait", "settled": "good", "refunded": "", "waived": "good",
    "pending": "wait", "paid": "good", "refunding": "wait", "part": "", "closed": "",
}  # fmt: skip
# A refund as who gets it is told: the badge, its word, and what to expect.
REFUNDS = {
    RefundState.SENDING: ("wait", "退款中", "正在提交微信支付，会原路退回。"),
    RefundState.ACCEPTED: ("wait", "退款中", "微信支付正在原路退回，到账后微信会通知您。"),
    RefundState.ABNORMAL: ("bad", "退款遇到问题", "原来付款的卡收不了退款，请联系收款单位。"),
    RefundState.DONE: ("good", "已退回", "已原路退回，请在微信或银行卡里查看。"),
    RefundState.ENDED: ("bad", "没有退成", "钱没有退出，请联系收款单位。"),
}


async def listing(request: Request) -> HTTPResponse:
    """What is owed, what was paid, and the orders."""
    s = services(request)
    who = await identity(request)
    candidate = await bound_people.candidate_id_of(who)
    person = await bound_people.person_of(s.keys, who)
    fees = await queries.owed_by(candidate) if candidate is not None else []
    here = set[int]()
    if candidate is not None:
        here = await open_orders.payable_here(s.clock.now(), candidate, who.account, who.openid)
    made = await queries.orders_of(candidate) if candidate is not None else []
    return await templating.render(
        request,
        "h5/orders.html",
        title="缴费",
        tab="orders",
        person=person,
        fees=fees,
        owed=[fee for fee in fees if fee.state is FeeState.OWED],
        orders=made,
        tones=TONES,
        begun={
            one.id: _begun_elsewhere(one, who.account)
            for one in made
            if _is_open(one, s) and one.id not in here
        },
        can_pay=s.pay is not None,
        unseen=await persons_notices.left_to_see(s.clock, candidate, "/h5/orders")
        if candidate is not None
        else 0,
        subscribe=await js_sdk.reminders(s.settings, who, js_sdk.REGISTERED) if candidate is not None else "",
    )


async def create(request: Request) -> HTTPResponse:
    """An order over everything that is owed and was ticked; its page opens the cashier."""
    forms.require_own(request)
    payer, actor = await _payer(request)
    await order_limits.count(services(request).rate_limiter, payer.who)
    made = await orders.create(services(request).clock, _ticked(request), payer, actor=actor)
    return redirect(f"/h5/orders/{made.id}", status=303)


def _ticked(request: Request) -> list[int]:
    given = request.form.getlist("fee", []) if request.form else []
    try:
        return [row_number(one) for one in given]
    except ValueError:  # our page writes numbers of fees alone
        raise NotFound("fee_unknown", "没有这项费用，或它不由您缴纳；请刷新后重试。") from None


async def show(request: Request, order_id: int) -> HTTPResponse:
    """One order: what, how much, until when, and the button. Asks WeChat Pay when it is still open."""
    s = services(request)
    payer, _ = await _payer(request)
    assert payer.candidate_id is not None
    order = await queries.order(order_id, candidate_id=payer.candidate_id)
    if order.state is OrderState.PENDING and s.pay is not None:
        with suppress(OutsideFailure, PayRefused):  # the page says what we know; a sweep asks again
            await payment_polling.look(_box(request), s.pay, order.number)
        order = await queries.order(order_id, candidate_id=payer.candidate_id)
    is_open = _is_open(order, s)
    here = await open_orders.payable_here(s.clock.now(), payer.candidate_id, payer.account, payer.openid)
    is_here = order.id in here
    return await templating.render(
        request,
        "h5/order.html",
        title="订单",
        order=order,
        it=await order_detail.of_payer(order_id, payer.candidate_id),
        refund_words=REFUNDS,
        tones=TONES,
        has_receipt=order.state not in fee_receipts.UNPAID,
        subscribe=await js_sdk.reminders(s.settings, await identity(request), js_sdk.PAID_FOR),
        is_open=is_open,
        is_here=is_here,
        elsewhere="" if is_here else orders.elsewhere(order.account, order.account == payer.account),
        fees=await open_orders.owed_of(order.id) if is_open and not is_here else [],
    )


async def pay(request: Request, order_id: int) -> HTTPResponse:
    """What the page hands to WeixinJSBridge (wechat.md §7.5)."""
    forms.require_own(request)
    s = services(request)
    payer, _ = await _payer(request)
    if s.pay is None:
        raise OutsideFailure("本服务没有配置微信支付")
    return json(await orders.open_cashier(_box(request), s.pay, order_id, payer, "getBrandWCPayRequest"))


async def receipt(request: Request, order_id: int) -> HTTPResponse:
    """收据 as PDF, inline: an iPhone shows it at once (wechat.md §8)."""
    s = services(request)
    payer, actor = await _payer(request)
    assert payer.candidate_id is not None
    desk = ReceiptDesk(s.clock, s.faults, s.receipt_printer, s.settings.issuer)
    printed = await fee_receipts.own(desk, order_id, payer.candidate_id, actor=actor)
    name = f'inline; filename="{printed.number}.pdf"'
    headers = {"cache-control": "no-store", "content-disposition": name}
    return HTTPResponse(printed.pdf, content_type="application/pdf", headers=headers)


def _is_open(order: OrderView, s: Services) -> bool:
    return order.state is OrderState.PENDING and order.expires_at > s.clock.now()


def _begun_elsewhere(order: OrderView, account: str) -> str:
    """A word for the list; the order's own page says what to do."""
    if order.account == account:
        return "用另一个微信号下的"
    return "在小程序里下的" if order.account == "mp" else "在公众号里下的"


def _box(request: Request) -> Cashbox:
    s = services(request)
    return Cashbox.of(s.settings, s.clock, s.queue, s.faults)


async def _payer(request: Request) -> tuple[Payer, Actor]:
    who = await identity(request)
    candidate = await bound_people.candidate_id_of(who)
    if candidate is None:
        raise NotFound("not_bound", "您还没有绑定考生信息，请先绑定。")
    actor = Actor("candidate", candidate, "考生").called_by(caller(request))
    return Payer(candidate_id=candidate, account=who.account, openid=who.openid), actor


bp.add_route(listing, "/h5/orders", methods=["GET"], name="listing")
bp.add_route(create, "/h5/orders", methods=["POST"], name="create")
bp.add_route(show, "/h5/orders/<order_id:int>", methods=["GET"], name="order")
bp.add_route(receipt, "/h5/orders/<order_id:int>/receipt.pdf", methods=["GET"], name="receipt")
bp.add_route(pay, "/h5/orders/<order_id:int>/pay", methods=["POST"], name="pay")
