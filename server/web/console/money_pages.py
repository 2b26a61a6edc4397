"""The pages of 缴费: prices, fees, orders and what they are for, the QR that a school pays by, refunds."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.exams import queries as exam_queries
from server.domain.levels import Level
from server.domain.payments import (
    bank_proofs,
    bank_refunds,
    fee_overview,
    order_detail,
    orders,
    prices,
    queries,
    refund_redirecting,
    refunds,
    waiver_queries,
    waivers,
)
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.payments.fee_overview import FeeFilter
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_detail import OrderDetail
from server.domain.payments.order_states import STEPS, OrderState
from server.domain.payments.orders import Payer
from server.domain.payments.queries import OrderView
from server.domain.payments.refund_states import RefundState
from server.domain.payments.settlement import Cashbox
from server.domain.people.school_scope import is_school
from server.domain.ports.payments import CARD_BANKS
from server.domain.roles import Verb
from server.errors import Conflict, OutsideFailure, PayRefused
from server.web.console import money_words, page_base
from server.web.console.auth import Call
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_money", url_prefix="/console")
PAGE = 50


class PricesPage(Input):
    plan_id: Whole | None = None
    cursor: Whole | None = None


class FeesPage(Input):
    plan_id: Whole | None = None
    course_id: Whole | None = None
    state: Annotated[str | None, OneOf(FeeState)] = None
    school: str | None = Field(default=None, max_length=100)
    cursor: Whole | None = None


class OrdersPage(Input):
    state: Annotated[str | None, OneOf(OrderState)] = None
    cursor: Whole | None = None


class RefundsPage(Input):
    state: Annotated[str | None, OneOf(RefundState)] = None
    cursor: Whole | None = None


async def price_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, PricesPage)
    found = await queries.prices_page(
        actor=call.actor, plan_id=wanted.plan_id, after=wanted.cursor or 0, size=PAGE
    )
    return await page_base.render(
        call,
        "prices.html",
        title="价格",
        nav="/console/prices",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/prices", wanted),
        wanted=wanted,
        plans=await exam_queries.plans_listing(call.s.clock),
        levels=list(Level),
        kinds=prices.KINDS,
        earliest=prices.EARLIEST,
        today=beijing.day(call.s.clock.now()),
        highest=prices.HIGHEST_FEN,
        may_set=roles.may(call.actor, Verb.SET_PRICES),
    )


async def fee_list(call: Call) -> HTTPResponse:
    """What is owed and was paid; a school ticks its own, as many as one order takes."""
    wanted = page_base.read(call, FeesPage)
    may_order = call.actor.school_id is not None and roles.may(call.actor, Verb.PAY_FOR_SCHOOL)
    chosen = wanted.model_dump(exclude={"cursor"})
    only = FeeFilter(plan_id=wanted.plan_id, course_id=wanted.course_id, school=wanted.school)
    size = orders.MOST_FEES if may_order else PAGE
    found = await fee_overview.fees_page(
        only, actor=call.actor, state=wanted.state, after=wanted.cursor or 0, size=size
    )
    may_waive = roles.may(call.actor, Verb.WAIVE)
    ids = [one.id for one in found.items]
    return await page_base.render(
        call,
        "fees.html",
        title="缴费",
        nav="/console/fees",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/fees", chosen.items()),
        tab_base=page_base.address("/console/fees", {**chosen, "state": None}.items()),
        wanted=wanted,
        totals=await fee_overview.totals(only, actor=call.actor),
        plans=await fee_overview.plans_with_fees(actor=call.actor),
        courses=await fee_overview.courses_with_fees(actor=call.actor),
        tones=money_words.TONES,
        may_order=may_order,
        may_waive=may_waive,
        asked=await waiver_queries.asked_among(ids, actor=call.actor) if may_waive else set(),
        shortest=waivers.SHORTEST_REASON,
        longest=waivers.LONGEST_REASON,
        can_pay=call.s.pay is not None,
        own=is_school(call.actor),
    )


async def order_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, OrdersPage)
    found = await queries.orders_page(
        actor=call.actor, state=wanted.state, after=wanted.cursor or 0, size=PAGE
    )
    return await page_base.render(
        call,
        "orders.html",
        title="订单",
        nav="/console/orders",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/orders", wanted),
        states=list(OrderState),
        state=wanted.state,
        tones=money_words.TONES,
        own=is_school(call.actor),
    )


async def order_page(call: Call, order_id: int) -> HTTPResponse:
    """What it is for, its times, what was given back, and, for finance, what the books say."""
    found = await order_detail.detail(order_id, actor=call.actor)
    order = found.order
    has_open = any(one.state in money_words.OPEN_REFUNDS for one in found.refunds)
    # what came by bank goes back by bank
    may_refund = roles.may(call.actor, Verb.REFUND) and order.state in STEPS["give_back"].sources
    may_refund = may_refund and not order.is_by_bank
    return await page_base.render(
        call,
        "order.html",
        title=f"订单 {order.number}",
        nav="/console/orders",
        it=found,
        order=order,
        tones=money_words.TONES,
        books=money_words.books(found.postings),
        may_see_books=roles.may(call.actor, Verb.REFUND),
        may_ask=may_refund and not has_open,
        may_approve=roles.may(call.actor, Verb.APPROVE_REFUND),
        left_fen=order.total_fen - order.refunded_fen,
        bank=_bank_refund(call, found),
        shortest=refunds.SHORTEST_REASON,
        longest=refunds.LONGEST_REASON,
        may_pay=call.actor.school_id is not None and _is_open(call, order),
    )


def _bank_refund(call: Call, found: OrderDetail) -> dict[str, Any] | None:
    """What the form of a refund by bank needs; None where there is nothing to be recorded, or not by this account."""
    order, transfer = found.order, found.transfer
    waiting = sum(one.amount_fen for one in found.bank_refunds if one.state is BankRefundState.RECORDED)
    left_fen = order.total_fen - order.refunded_fen - waiting
    may_record = (
        roles.may(call.actor, Verb.RECORD_BANK_REFUND) and order.state in STEPS["return_part"].sources
    )
    if transfer is None or not may_record or left_fen == 0:
        return None
    return {
        "left_fen": left_fen,
        "waiting_fen": waiting,
        "first": transfer.received_on,
        "today": beijing.day(call.s.clock.now()),
        "shortest": bank_refunds.SHORTEST_REASON,
        "longest": bank_refunds.LONGEST_REASON,
        "kinds": ",".join(bank_proofs.CONTENT_TYPES.values()),
        "largest": bank_proofs.LARGEST,
    }


async def pay_page(call: Call, order_id: int) -> HTTPResponse:
    """The QR of a school's own open order; scanned in WeChat it pays the whole. The page asks until it is paid."""
    order = await order_detail.order_for(order_id, actor=call.actor)
    code, trouble = "", ""
    if _is_open(call, order):
        code, trouble = await _native_qr(call, order_id)
        order = await order_detail.order_for(order_id, actor=call.actor)  # it may have been paid meanwhile
    return await page_base.render(
        call,
        "order_pay.html",
        title="扫码付款",
        nav="/console/orders",
        order=order,
        code=code,
        trouble=trouble,
        is_open=_is_open(call, order),
        seconds_left=max(0, int((order.expires_at - call.s.clock.now()).total_seconds())),
    )


async def _native_qr(call: Call, order_id: int) -> tuple[str, str]:
    """The QR as a data: address, or why there is none."""
    s = call.s
    if s.pay is None:
        return "", "微信支付还没有开通，请联系评价组织。"
    box = Cashbox.of(s.settings, s.clock, s.queue, s.faults)
    try:
        text = await orders.native_code(box, s.pay, order_id, Payer(school_id=call.actor.school_id))
    except Conflict as refused:
        return "", str(refused)
    except (OutsideFailure, PayRefused):
        return "", "微信支付暂时没有给出二维码，请稍后刷新本页；没有扣款。"
    picture = await asyncio.to_thread(s.pdf_renderer.qr_png, text)
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}", ""


def _is_open(call: Call, order: OrderView) -> bool:
    return order.state is OrderState.PENDING and order.expires_at > call.s.clock.now()


async def refund_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, RefundsPage)
    found = await queries.refunds_page(
        actor=call.actor, state=wanted.state, after=wanted.cursor or 0, size=PAGE
    )
    return await page_base.render(
        call,
        "refunds.html",
        title="退款",
        nav="/console/refunds",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/refunds", wanted),
        states=list(RefundState),
        state=wanted.state,
        asked=RefundState.ASKED,
        sending=RefundState.SENDING,
        abnormal=RefundState.ABNORMAL,
        banks=CARD_BANKS,
        longest_holder=refund_redirecting.LONGEST_HOLDER,
        me=call.actor.id,
        waiting=await queries.count_to_approve(actor=call.actor),
        tones=money_words.TONES,
    )


page_base.mount(bp, "/prices", price_list, Verb.SEE_MONEY)
page_base.mount(bp, "/fees", fee_list, Verb.SEE_MONEY)
page_base.mount(bp, "/orders", order_list, Verb.SEE_MONEY)
page_base.mount(bp, "/orders/<order_id:int>", order_page, Verb.SEE_MONEY)
page_base.mount(bp, "/orders/<order_id:int>/pay", pay_page, Verb.PAY_FOR_SCHOOL)
page_base.mount(bp, "/refunds", refund_list, Verb.APPROVE_REFUND)
