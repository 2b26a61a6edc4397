"""The lists of fees, payments and courses as tables to take away: filtered and sorted as on the screen, masked alike."""

from __future__ import annotations

from server.domain.paging import Page, Turn
from server.domain.payments import (
    bank_refund_queries,
    fee_overview,
    prices,
    queries,
    transfer_queries,
    waiver_queries,
)
from server.domain.payments.fee_overview import FeeFilter
from server.domain.payments.yuan import as_number
from server.domain.roles import Verb
from server.domain.training import queries as training_queries
from server.web.console import listing
from server.web.console.auth import Call
from server.web.console.bank_refund_desk import BankRefundQuery
from server.web.console.courses import CourseQuery
from server.web.console.fee_waivers import WaiverQuery
from server.web.console.imports import XLSX
from server.web.console.listing import send_columns
from server.web.console.money import FeeQuery, OrderQuery, PriceQuery, RefundQuery
from server.web.console.transfer_desk import TransferQuery
from server.web.routes import Route
from server.web.templating import when as shown_when


async def orders(call: Call, query: OrderQuery) -> None:
    columns: listing.Columns = {
        "订单号": (30, lambda one: one.number),
        "付款人": (28, lambda one: one.school or "考生本人"),
        "费用（项）": (10, lambda one: one.fees),
        "金额（元）": (12, lambda one: as_number(one.total_fen)),
        "已退（元）": (12, lambda one: as_number(one.refunded_fen)),
        "状态": (12, lambda one: one.state.label),
        "下单时间": (18, lambda one: shown_when(one.created_at)),
        "付款时间": (18, lambda one: shown_when(one.paid_at)),
    }
    await send_columns(
        call, query, lambda turn: queries.orders_page(query.wanted, actor=call.actor, turn=turn), columns,
        what="orders", title="订单", sorts=queries.ORDER_SORTS,
    )  # fmt: skip


async def fees(call: Call, query: FeeQuery) -> None:
    only = FeeFilter(plan_id=query.plan_id, course_id=query.course_id, school=query.school)
    columns: listing.Columns = {
        "考生或学员": (14, lambda one: one.subject.person),
        "准考证号": (22, lambda one: one.subject.admission_number or ""),
        "考试计划或培训": (40, lambda one: one.subject.title),
        "费用": (14, lambda one: one.subject.what),
        "金额（元）": (12, lambda one: as_number(one.amount_fen)),
        "缴费人": (28, lambda one: one.school or "考生本人"),
        "状态": (12, lambda one: one.state.label),
        "生成时间": (18, lambda one: shown_when(one.created_at)),
    }
    await send_columns(
        call, query, lambda turn: fee_overview.fees_page(only, state=query.state, actor=call.actor, turn=turn), columns,
        what="fees", title="应缴费用", sorts=fee_overview.SORTS,
    )  # fmt: skip


async def refunds(call: Call, query: RefundQuery) -> None:
    columns: listing.Columns = {
        "退款单号": (30, lambda one: one.number),
        "订单号": (30, lambda one: one.order_number),
        "金额（元）": (12, lambda one: as_number(one.amount_fen)),
        "原因": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.asked_by_name or "系统"),
        "提出时间": (18, lambda one: shown_when(one.asked_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: queries.refunds_page(state=query.state, actor=call.actor, turn=turn), columns,
        what="refunds", title="退款", sorts=queries.REFUND_SORTS,
    )  # fmt: skip


async def price_list(call: Call, query: PriceQuery) -> None:
    columns: listing.Columns = {
        "考试计划": (40, lambda one: one.plan),
        "等级": (8, lambda one: one.level.label),
        "考生类型": (12, lambda one: prices.KINDS[one.candidate_kind]),
        "价格（元）": (12, lambda one: as_number(one.amount_fen)),
        "报考日期从": (14, lambda one: shown_when(one.from_on)),
        "报考日期到": (14, lambda one: shown_when(one.to_on)),
        "设定": (14, lambda one: one.set_by_name),
        "设定时间": (18, lambda one: shown_when(one.set_at)),
    }
    await send_columns(
        call, query, lambda turn: queries.prices_page(plan_id=query.plan_id, actor=call.actor, turn=turn), columns,
        what="prices", title="价格", sorts=queries.PRICE_SORTS,
    )  # fmt: skip


async def waivers_of(call: Call, query: WaiverQuery, turn: Turn) -> Page[waiver_queries.WaiverView]:
    return await waiver_queries.waivers_page(
        state=query.state, plan_id=query.plan_id, school=query.school, actor=call.actor, turn=turn
    )


async def waivers(call: Call, query: WaiverQuery) -> None:
    columns: listing.Columns = {
        "考生或学员": (14, lambda one: one.subject.person),
        "考试计划或培训": (40, lambda one: one.subject.title),
        "缴费人": (28, lambda one: one.school or "考生本人"),
        "金额（元）": (12, lambda one: as_number(one.amount_fen)),
        "原因": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.asked_by_name),
        "提出时间": (18, lambda one: shown_when(one.asked_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: waivers_of(call, query, turn), columns,
        what="waivers", title="减免", sorts=waiver_queries.SORTS,
    )  # fmt: skip


async def transfers(call: Call, query: TransferQuery) -> None:
    which = {"state": query.state, "school": query.school}
    columns: listing.Columns = {
        "银行流水号": (30, lambda one: one.bank_reference),
        "院校": (28, lambda one: one.school),
        "到账日期": (12, lambda one: shown_when(one.received_on)),
        "费用（项）": (10, lambda one: len(one.fees or ())),
        "金额（元）": (12, lambda one: as_number(one.amount_fen)),
        "登记": (14, lambda one: one.recorded_by_name),
        "登记时间": (18, lambda one: shown_when(one.recorded_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: transfer_queries.transfers_page(**which, actor=call.actor, turn=turn), columns,
        what="transfers", title="对公转账", sorts=transfer_queries.SORTS,
    )  # fmt: skip


async def bank_refunds(call: Call, query: BankRefundQuery) -> None:
    which = {"state": query.state, "school": query.school}
    columns: listing.Columns = {
        "银行流水号": (30, lambda one: one.bank_reference),
        "院校": (28, lambda one: one.school),
        "订单号": (30, lambda one: one.order_number),
        "退款日期": (12, lambda one: shown_when(one.paid_on)),
        "金额（元）": (12, lambda one: as_number(one.amount_fen)),
        "原因": (30, lambda one: one.reason),
        "登记": (14, lambda one: one.recorded_by_name),
        "登记时间": (18, lambda one: shown_when(one.recorded_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: bank_refund_queries.bank_refunds_page(**which, actor=call.actor, turn=turn), columns,
        what="bank_refunds", title="银行退款", sorts=bank_refund_queries.SORTS,
    )  # fmt: skip


async def courses(call: Call, query: CourseQuery) -> None:
    columns: listing.Columns = {
        "培训": (40, lambda one: one.title),
        "开始日期": (12, lambda one: shown_when(one.from_on)),
        "结束日期": (12, lambda one: shown_when(one.to_on)),
        "地点": (28, lambda one: one.place or ("线上" if one.is_online else "")),
        "价格（元）": (12, lambda one: as_number(one.amount_fen)),
        "学员": (8, lambda one: one.enrolled),
        "待缴（元）": (12, lambda one: as_number(one.owed_fen)),
        "已缴（元）": (12, lambda one: as_number(one.settled_fen)),
    }
    await send_columns(
        call, query,
        lambda turn: training_queries.courses_page(call.s.clock, title=query.title, actor=call.actor, turn=turn), columns,
        what="courses", title="培训", sorts=training_queries.SORTS,
    )  # fmt: skip


_SAID = "作为表格，与屏幕上同样的筛选和排序；导出记入审计"
ROUTES = [
    Route("GET", "/orders/export.xlsx", orders, f"订单，{_SAID}", takes=OrderQuery, gives=XLSX, verb=Verb.SEE_MONEY),
    Route("GET", "/fees/export.xlsx", fees, f"应缴费用，{_SAID}", takes=FeeQuery, gives=XLSX, verb=Verb.SEE_MONEY),
    Route("GET", "/refunds/export.xlsx", refunds, f"退款，{_SAID}", takes=RefundQuery, gives=XLSX, verb=Verb.APPROVE_REFUND),
    Route("GET", "/prices/export.xlsx", price_list, f"价格，{_SAID}", takes=PriceQuery, gives=XLSX, verb=Verb.SEE_MONEY),
    Route("GET", "/waivers/export.xlsx", waivers, f"减免，{_SAID}", takes=WaiverQuery, gives=XLSX, verb=Verb.SEE_WAIVERS),
    Route("GET", "/transfers/export.xlsx", transfers, f"对公转账，{_SAID}", takes=TransferQuery, gives=XLSX, verb=Verb.SEE_TRANSFERS),
    Route("GET", "/bank-refunds/export.xlsx", bank_refunds, f"银行退款，{_SAID}", takes=BankRefundQuery, gives=XLSX, verb=Verb.SEE_TRANSFERS),
    Route("GET", "/courses/export.xlsx", courses, f"培训，{_SAID}", takes=CourseQuery, gives=XLSX, verb=Verb.SEE_COURSES),
]  # fmt: skip
