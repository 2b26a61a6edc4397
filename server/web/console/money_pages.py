"""The pages of 缴费: prices, fees, orders and what they are for, the QR that a school pays by, refunds."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.exams import queries as exam_queries
from server.domain.levels import Level
from server.domain.paging import COUNTED
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
from server.web.console import listing, money_words, page_base
from server.web.console.auth import Call
from server.web.console.money import FeeQuery, OrderQuery, PriceQuery, RefundQuery

bp = Blueprint("console_money", url_prefix="/console")
PAGE = 50


async def price_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, PriceQuery, without=("limit",))
    plans = await exam_queries.plan_names()
    found = await queries.prices_page(
        actor=call.actor, plan_id=wanted.plan_id, turn=wanted.turn(queries.PRICE_SORTS)
    )
    count = await queries.prices_count(actor=call.actor, plan_id=wanted.plan_id)
    return await page_base.render(
        call,
        "prices.html",
        title="价格",
        nav="/console/prices",
        items=found.items,
        of=listing.around(
            "prices",
            wanted,
            found,
            total=listing.about(count, COUNTED, "个价格"),
            words={"plan_id": ("考试计划", {one.id: one.name for one in plans})},
            sorts=queries.PRICE_SORTS,
        ),
        wanted=wanted,
        plans=plans,
        levels=list(Level),
        kinds=prices.KINDS,
        earliest=prices.EARLIEST,
        today=beijing.day(call.s.clock.now()),
        highest=prices.HIGHEST_FEN,
        may_set=roles.may(call.actor, Verb.SET_PRICES),
    )


async def fee_list(call: Call) -> HTTPResponse:
    """What is owed and was paid; a school ticks its own, as many as one order takes."""
    wanted = page_base.read(call, FeeQuery, without=("limit",))
    may_order = call.actor.school_id is not None and roles.may(call.actor, Verb.PAY_FOR_SCHOOL)
    chosen = wanted.model_dump(exclude=set(listing.TURNING))
    only = FeeFilter(plan_id=wanted.plan_id, course_id=wanted.course_id, school=wanted.school)
    turn = replace(wanted.turn(fee_overview.SORTS), limit=orders.MOST_FEES if may_order else PAGE)
    found = await fee_overview.fees_page(only, actor=call.actor, state=wanted.state, turn=turn)
    totals = await fee_overview.totals(only, actor=call.actor)
    plans = await fee_overview.plans_with_fees(actor=call.actor)
    courses = await fee_overview.courses_with_fees(actor=call.actor)
    count = sum(one.fees for one in totals if wanted.state in (None, one.state.value))
    may_waive = roles.may(call.actor, Verb.WAIVE)
    ids = [one.id for one in found.items]
    return await page_base.render(
        call,
        "fees.html",
        title="缴费",
        nav="/console/fees",
        items=found.items,
        of=listing.around(
            "fees",
            wanted,
            found,
            total=f"共 {count} 项",
            words={
                "plan_id": ("考试计划", {one.id: one.name for one in plans}),
                "course_id": ("培训", {one.id: one.name for one in courses}),
                "school": ("缴费院校", None),
            },
            sorts=fee_overview.SORTS,
        ),
        tab_base=page_base.address("/console/fees", {**chosen, "state": None}.items()),
        wanted=wanted,
        totals=totals,
        plans=plans,
        courses=courses,
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
    wanted = page_base.read(call, OrderQuery, without=("limit",))
    chosen = wanted.model_dump(exclude=set(listing.TURNING))
    found = await queries.orders_page(wanted.wanted, actor=call.actor, turn=wanted.turn(queries.ORDER_SORTS))
    count = await queries.orders_count(wanted.wanted, actor=call.actor)
    return await page_base.render(
        call,
        "orders.html",
        title="订单",
        nav="/console/orders",
        items=found.items,
        of=listing.around(
            "orders",
            wanted,
            found,
            total=listing.about(count, COUNTED, "个订单"),
            words={
                "school": ("付款院校", None),
                "number": ("订单号", None),
                "made_from": ("下单日期从", None),
                "made_to": ("下单日期到", None),
            },
            sorts=queries.ORDER_SORTS,
        ),
        tab_base=page_base.address("/console/orders", {**chosen, "state": None}.items()),
        wanted=wanted,
        states=list(OrderState),
        filtered=any(chosen.values()),
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
    wanted = page_base.read(call, RefundQuery, without=("limit",))
    found = await queries.refunds_page(
        actor=call.actor, state=wanted.state, turn=wanted.turn(queries.REFUND_SORTS)
    )
    count = await queries.refunds_count(actor=call.actor, state=wanted.state)
    return await page_base.render(
        call,
        "refunds.html",
        title="退款",
        nav="/console/refunds",
        items=found.items,
        of=listing.around(
            "refunds",
            wanted,
            found,
            total=listing.about(count, COUNTED, "笔退款"),
            words={},
            sorts=queries.REFUND_SORTS,
        ),
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
