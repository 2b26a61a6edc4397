"""缴费: prices, fees, orders, refunds and what finance has to look at."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import HTTPResponse

from server.domain.levels import Level
from server.domain.paging import Turn
from server.domain.payments import (
    alarms,
    bank_slips,
    fee_overview,
    fee_receipts,
    order_detail,
    order_limits,
    orders,
    prices,
    queries,
    refunds,
)
from server.domain.payments.fee_overview import FeeFilter, FeeRow
from server.domain.payments.fee_receipts import ReceiptDesk
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.orders import Payer
from server.domain.payments.prices import KINDS
from server.domain.payments.queries import AlarmView, OrderView, PriceView, RefundView
from server.domain.payments.refund_states import RefundState
from server.domain.payments.settlement import Cashbox
from server.domain.ports.payments import LONGEST_REASON_BYTES
from server.domain.roles import Verb
from server.errors import Forbidden, OutsideFailure
from server.web.console import money_answers as a
from server.web.console.answers import Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Paging, Turning, page_of
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Day, Input, OneOf, Whole


class PriceQuery(Turning):
    plan_id: Whole | None = None
    sort: Annotated[str | None, OneOf(queries.PRICE_SORTS)] = None


class FeeQuery(Turning):
    plan_id: Whole | None = Field(default=None, description="只要这个考试计划的考试费")
    course_id: Whole | None = Field(default=None, description="只要这期培训的培训费")
    state: Annotated[str | None, OneOf(FeeState)] = None
    school: str | None = Field(default=None, max_length=100, description="缴费院校的名称或其中几个字")
    sort: Annotated[str | None, OneOf(fee_overview.SORTS)] = None


class OrderQuery(Turning):
    state: Annotated[str | None, OneOf(OrderState)] = None
    school: str | None = Field(default=None, max_length=100, description="付款院校的名称或其中几个字")
    number: str | None = Field(default=None, max_length=40, description="订单号，完整的")
    made_from: Day | None = Field(default=None, description="下单日期，从这一天起（北京时间）")
    made_to: Day | None = Field(default=None, description="下单日期，到这一天为止")
    sort: Annotated[str | None, OneOf(queries.ORDER_SORTS)] = None

    @property
    def wanted(self) -> queries.OrderFilter:
        return queries.OrderFilter(
            state=self.state,
            school=self.school,
            number=self.number,
            since=self.made_from,
            until=self.made_to,
        )


class RefundQuery(Turning):
    state: Annotated[str | None, OneOf(RefundState)] = None
    sort: Annotated[str | None, OneOf(queries.REFUND_SORTS)] = None


class NewPrice(Input):
    plan_id: Whole
    level: Annotated[str, OneOf(Level)]
    candidate_kind: Annotated[str, OneOf(KINDS)] = Field(description="school 本校考生，social 社会考生")
    amount_fen: int = Field(ge=0, le=prices.HIGHEST_FEN, description="分；0 表示不收费")
    from_on: Day | None = Field(default=None, description="从哪天报考的起（北京）；不填：不论何时")


class NewOrder(Input):
    fees: list[Whole] = Field(
        min_length=1, max_length=orders.MOST_FEES, description="要缴的费用，同一所院校的"
    )


class NewRefund(Input):
    amount_fen: int = Field(ge=1, le=bank_slips.HIGHEST_FEN, description="分")
    reason: str = Field(
        min_length=refunds.SHORTEST_REASON,
        max_length=LONGEST_REASON_BYTES,
        description=f"付款人会看到；最多 {LONGEST_REASON_BYTES} 字节，即 {refunds.LONGEST_REASON} 个汉字",
    )


class Settling(Input):
    note: str = Field(
        min_length=alarms.SHORTEST_NOTE,
        max_length=alarms.LONGEST_NOTE,
        description="怎样处理的；财务和审计会看到",
    )


async def price_list(call: Call, query: PriceQuery) -> Page[a.Price]:
    found = await queries.prices_page(
        actor=call.actor, plan_id=query.plan_id, turn=query.turn(queries.PRICE_SORTS)
    )
    return page_of(a.Price, [_price(one) for one in found.items], found.next_cursor, found.before)


async def set_price(call: Call, body: NewPrice) -> Id:
    wanted = prices.NewPrice(**{**body.model_dump(), "level": Level(body.level)})
    made = await prices.set_price(call.s.clock, call.s.queue, wanted, actor=call.actor)
    return Id(id=made.id)


async def withdraw_price(call: Call, price_id: int) -> None:
    await prices.withdraw(call.s.clock, call.s.queue, price_id, actor=call.actor)


async def fee_list(call: Call, query: FeeQuery) -> Page[a.Fee]:
    wanted = FeeFilter(plan_id=query.plan_id, course_id=query.course_id, school=query.school)
    found = await fee_overview.fees_page(
        wanted, actor=call.actor, state=query.state, turn=query.turn(fee_overview.SORTS)
    )
    return page_of(a.Fee, [_fee(one) for one in found.items], found.next_cursor, found.before)


async def order_list(call: Call, query: OrderQuery) -> Page[a.Order]:
    turn = query.turn(queries.ORDER_SORTS)
    found = await queries.orders_page(query.wanted, actor=call.actor, turn=turn)
    return page_of(a.Order, [_order(one) for one in found.items], found.next_cursor, found.before)


async def show_order(call: Call, order_id: int) -> a.Order:
    return _order(await order_detail.order_for(order_id, actor=call.actor))


async def order_for_school(call: Call, body: NewOrder) -> a.NativeOrder:
    """One order over many fees of the school, and what its QR says; whoever scans it pays the whole."""
    s = call.s
    if call.actor.school_id is None:
        raise Forbidden("role_not_allowed", "只有院校账号可以为本校考生下单；请用院校账号登录。")
    if s.pay is None:
        raise OutsideFailure("本服务没有配置微信支付")
    payer = Payer(school_id=call.actor.school_id)
    await order_limits.count(s.rate_limiter, payer.who)
    made = await orders.create(s.clock, body.fees, payer, actor=call.actor)
    box = Cashbox.of(s.settings, s.clock, s.queue, s.faults)
    code = await orders.native_code(box, s.pay, made.id, payer)
    return a.NativeOrder(order=_order(await queries.order(made.id)), code_url=code)


async def receipt(call: Call, order_id: int) -> HTTPResponse:
    """As PDF; its number is given the first time."""
    s = call.s
    desk = ReceiptDesk(s.clock, s.faults, s.receipt_printer, s.settings.issuer)
    printed = await fee_receipts.for_staff(desk, order_id, actor=call.actor)
    return download(printed.pdf, "application/pdf", f"收据-{printed.number}.pdf")


async def ask_refund(call: Call, body: NewRefund, order_id: int) -> Id:
    asked = await refunds.ask(call.s.clock, order_id, body.amount_fen, body.reason, actor=call.actor)
    return Id(id=asked.id)


async def refund_list(call: Call, query: RefundQuery) -> Page[a.Refund]:
    found = await queries.refunds_page(
        actor=call.actor, state=query.state, turn=query.turn(queries.REFUND_SORTS)
    )
    return page_of(a.Refund, [_refund(one) for one in found.items], found.next_cursor, found.before)


async def approve_refund(call: Call, refund_id: int) -> None:
    s = call.s
    await refunds.approve(s.clock, s.queue, s.faults, refund_id, actor=call.actor)


async def decline_refund(call: Call, refund_id: int) -> None:
    await refunds.decline(call.s.clock, refund_id, actor=call.actor)


async def alarm_list(call: Call, query: Paging) -> Page[a.Alarm]:
    found = await queries.open_alarms(actor=call.actor, turn=Turn("id", query.cursor, limit=query.limit))
    return page_of(a.Alarm, [_alarm(one) for one in found.items], found.next_cursor, found.before)


async def settle_alarm(call: Call, body: Settling, alarm_id: int) -> None:
    await alarms.settle(call.s.clock, alarm_id, body.note, actor=call.actor)


def _price(one: PriceView) -> a.Price:
    return a.Price(
        id=one.id,
        plan_id=one.plan_id,
        plan=one.plan,
        level=one.level.value,
        level_label=one.level.label,
        candidate_kind=one.candidate_kind,
        candidate_kind_label=KINDS[one.candidate_kind],
        amount_fen=one.amount_fen,
        from_on=one.from_on,
        to_on=one.to_on,
        set_by_name=one.set_by_name,
        set_at=one.set_at,
        is_unused=one.is_unused,
    )


def _fee(one: FeeRow) -> a.Fee:
    of = one.subject
    return a.Fee(
        id=one.id,
        plan=of.plan,
        exam_date=of.exam_date,
        level=of.level and of.level.value,
        level_label=of.level and of.level.label,
        amount_fen=one.amount_fen,
        state=one.state.value,
        state_label=one.state.label,
        admission_number=of.admission_number,
        candidate=of.person,
        course=of.course,
        course_from_on=of.course_from_on,
        school=one.school,
        created_at=one.created_at,
    )


def _order(one: OrderView) -> a.Order:
    return a.Order(
        id=one.id,
        number=one.number,
        description=one.description,
        total_fen=one.total_fen,
        refunded_fen=one.refunded_fen,
        state=one.state.value,
        state_label=one.state.label,
        fees=one.fees,
        school=one.school,
        created_at=one.created_at,
        expires_at=one.expires_at,
        paid_at=one.paid_at,
        transaction_id=one.transaction_id,
    )


def _refund(one: RefundView) -> a.Refund:
    return a.Refund(
        id=one.id,
        number=one.number,
        order_number=one.order_number,
        amount_fen=one.amount_fen,
        reason=one.reason,
        state=one.state.value,
        state_label=one.state.label,
        is_automatic=one.is_automatic,
        asked_by_name=one.asked_by_name,
        asked_at=one.asked_at,
        decided_by_name=one.decided_by_name,
        decided_at=one.decided_at,
        settled_at=one.settled_at,
        trouble=one.trouble,
        wish=one.wish,
        wished_by_name=one.wished_by_name,
    )


def _alarm(one: AlarmView) -> a.Alarm:
    return a.Alarm(
        id=one.id,
        kind=one.kind,
        kind_label=alarms.KINDS[one.kind],
        order_number=one.order_number,
        content=one.content,
        raised_at=one.raised_at,
    )


ROUTES = [
    Route("GET", "/prices", price_list, "价格表", takes=PriceQuery, gives=Page[a.Price], verb=Verb.SEE_MONEY),
    Route("POST", "/prices", set_price, "设定价格；已生成的应缴费用不变", takes=NewPrice, gives=Id, status=201, creates=True, verb=Verb.SET_PRICES),
    Route("POST", "/prices/<price_id:int>/withdraw", withdraw_price, "撤回一个填错的价格；已按它生成费用的不能撤回", status=204, verb=Verb.SET_PRICES),
    Route("GET", "/fees", fee_list, "应缴费用", takes=FeeQuery, gives=Page[a.Fee], verb=Verb.SEE_MONEY),
    Route("GET", "/orders", order_list, "订单", takes=OrderQuery, gives=Page[a.Order], verb=Verb.SEE_MONEY),
    Route("POST", "/orders", order_for_school, "院校为本校考生下单，得到二维码的内容", takes=NewOrder, gives=a.NativeOrder, status=201, creates=True, verb=Verb.PAY_FOR_SCHOOL),
    Route("GET", "/orders/<order_id:int>", show_order, "一个订单", gives=a.Order, verb=Verb.SEE_MONEY),
    Route("GET", "/orders/<order_id:int>/receipt.pdf", receipt, "订单的收据（不是发票）", gives="application/pdf", verb=Verb.SEE_MONEY),
    Route("POST", "/orders/<order_id:int>/refund", ask_refund, "提出退款；由另一位财务批准", takes=NewRefund, gives=Id, status=201, creates=True, verb=Verb.REFUND),
    Route("GET", "/refunds", refund_list, "退款", takes=RefundQuery, gives=Page[a.Refund], verb=Verb.APPROVE_REFUND),
    Route("POST", "/refunds/<refund_id:int>/approve", approve_refund, "批准退款", status=204, verb=Verb.APPROVE_REFUND),
    Route("POST", "/refunds/<refund_id:int>/decline", decline_refund, "不批准退款", status=204, verb=Verb.APPROVE_REFUND),
    Route("GET", "/finance-alarms", alarm_list, "要财务处理的事", takes=Paging, gives=Page[a.Alarm], verb=Verb.SETTLE_ALARMS),
    Route("POST", "/finance-alarms/<alarm_id:int>/settle", settle_alarm, "已处理，并写明怎样处理的", takes=Settling, status=204, verb=Verb.SETTLE_ALARMS),
]  # fmt: skip
