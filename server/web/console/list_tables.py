"""Every list that is more than a page as a table to take away: the same filters and order as on the screen, masked alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from server.domain import beijing, score_changes
from server.domain.campaigns import campaign_views
from server.domain.corrections import case_views
from server.domain.dossiers import school_dossier
from server.domain.lookups.list_exports import SLICE, Row, Taking
from server.domain.paging import Page, Turn
from server.domain.paper import paper_views
from server.domain.payments import (
    bank_refund_queries,
    fee_overview,
    prices,
    queries,
    transfer_queries,
    waiver_queries,
)
from server.domain.payments.fee_overview import FeeFilter
from server.domain.payments.yuan import yuan
from server.domain.people import account_list, officer_list, staff_changes
from server.domain.privacy import erasure_views
from server.domain.roles import Verb
from server.domain.training import queries as training_queries
from server.web.console import listing
from server.web.console.accounts import AccountQuery
from server.web.console.auth import Call
from server.web.console.bank_refund_desk import BankRefundQuery
from server.web.console.campaign_pages import CampaignsPage
from server.web.console.correction_desk import CorrectionQuery
from server.web.console.courses import CourseQuery
from server.web.console.erasure_desk import ErasureQuery
from server.web.console.fee_waivers import WaiverQuery
from server.web.console.imports import XLSX
from server.web.console.money import FeeQuery, OrderQuery, PriceQuery, RefundQuery
from server.web.console.officers import OfficerQuery
from server.web.console.paging import Turning
from server.web.console.paper_desk import PaperRunQuery
from server.web.console.school_pages import SchoolsPage
from server.web.console.score_changes import ScoreChangeQuery
from server.web.console.staff_change_desk import ChangeQuery
from server.web.console.transfer_desk import TransferQuery
from server.web.routes import Route

Item = TypeVar("Item")
Columns = Mapping[
    str, tuple[float, Callable[[Any], str | int | None]]
]  # heading → width in characters, what stands there
WORDS = {
    "状态",
    "等级",
    "更正什么",
    "办理",
    "角色",
    "考生类型",
    "第二重验证",
    "费用",
}  # columns of words of ours, not of names
FILLERS = {"考生本人", "系统", "线上"}  # where there is no name
when = beijing.short


def _when(value: Any) -> str:
    return when(value) if value is not None else ""


async def _send(
    call: Call,
    query: Turning,
    read: Callable[[Turn], Awaitable[Page[Item]]],
    columns: Columns,
    *,
    what: str,
    title: str,
    sorts: Mapping[str, str],
) -> None:
    """The list `what` of `list_exports.LISTS`, as the query narrows and sorts it."""

    say = listing.words_of(call)

    def cell(name: str, value: str | int | None) -> str | int | None:
        return say(value) if isinstance(value, str) and (name in WORDS or value in FILLERS) else value

    async def written(items: Sequence[Item]) -> list[Row]:
        return [[cell(name, shown(one)) for name, (_, shown) in columns.items()] for one in items]

    order = query.turn(sorts).sort
    taking = Taking(
        what=what,
        filters=listing.filters(query),
        read=lambda cursor: read(Turn(order, cursor, limit=SLICE)),
        written=written,
        title=title,
        head={name: width for name, (width, _) in columns.items()},
    )
    await listing.send_table(call, taking)


async def orders(call: Call, query: OrderQuery) -> None:
    columns: Columns = {
        "订单号": (30, lambda one: one.number),
        "付款人": (28, lambda one: one.school or "考生本人"),
        "费用（项）": (10, lambda one: one.fees),
        "金额（元）": (12, lambda one: yuan(one.total_fen)),
        "已退（元）": (12, lambda one: yuan(one.refunded_fen)),
        "状态": (12, lambda one: one.state.label),
        "下单时间": (18, lambda one: when(one.created_at)),
        "付款时间": (18, lambda one: _when(one.paid_at)),
    }
    await _send(
        call, query, lambda turn: queries.orders_page(query.wanted, actor=call.actor, turn=turn), columns,
        what="orders", title="订单", sorts=queries.ORDER_SORTS,
    )  # fmt: skip


async def fees(call: Call, query: FeeQuery) -> None:
    only = FeeFilter(plan_id=query.plan_id, course_id=query.course_id, school=query.school)
    columns: Columns = {
        "考生或学员": (14, lambda one: one.subject.person),
        "准考证号": (22, lambda one: one.subject.admission_number or ""),
        "考试计划或培训": (40, lambda one: one.subject.title),
        "费用": (14, lambda one: one.subject.what),
        "金额（元）": (12, lambda one: yuan(one.amount_fen)),
        "缴费人": (28, lambda one: one.school or "考生本人"),
        "状态": (12, lambda one: one.state.label),
        "生成时间": (18, lambda one: when(one.created_at)),
    }
    await _send(
        call, query, lambda turn: fee_overview.fees_page(only, state=query.state, actor=call.actor, turn=turn), columns,
        what="fees", title="应缴费用", sorts=fee_overview.SORTS,
    )  # fmt: skip


async def refunds(call: Call, query: RefundQuery) -> None:
    columns: Columns = {
        "退款单号": (30, lambda one: one.number),
        "订单号": (30, lambda one: one.order_number),
        "金额（元）": (12, lambda one: yuan(one.amount_fen)),
        "原因": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.asked_by_name or "系统"),
        "提出时间": (18, lambda one: when(one.asked_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: queries.refunds_page(state=query.state, actor=call.actor, turn=turn), columns,
        what="refunds", title="退款", sorts=queries.REFUND_SORTS,
    )  # fmt: skip


async def price_list(call: Call, query: PriceQuery) -> None:
    columns: Columns = {
        "考试计划": (40, lambda one: one.plan),
        "等级": (8, lambda one: one.level.label),
        "考生类型": (12, lambda one: prices.KINDS[one.candidate_kind]),
        "价格（元）": (12, lambda one: yuan(one.amount_fen)),
        "报考日期从": (14, lambda one: when(one.from_on)),
        "报考日期到": (14, lambda one: _when(one.to_on)),
        "设定": (14, lambda one: one.set_by_name),
        "设定时间": (18, lambda one: when(one.set_at)),
    }
    await _send(
        call, query, lambda turn: queries.prices_page(plan_id=query.plan_id, actor=call.actor, turn=turn), columns,
        what="prices", title="价格", sorts=queries.PRICE_SORTS,
    )  # fmt: skip


async def waivers_of(call: Call, query: WaiverQuery, turn: Turn) -> Page[waiver_queries.WaiverView]:
    return await waiver_queries.waivers_page(
        state=query.state, plan_id=query.plan_id, school=query.school, actor=call.actor, turn=turn
    )


async def waivers(call: Call, query: WaiverQuery) -> None:
    columns: Columns = {
        "考生或学员": (14, lambda one: one.subject.person),
        "考试计划或培训": (40, lambda one: one.subject.title),
        "缴费人": (28, lambda one: one.school or "考生本人"),
        "金额（元）": (12, lambda one: yuan(one.amount_fen)),
        "原因": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.asked_by_name),
        "提出时间": (18, lambda one: when(one.asked_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: waivers_of(call, query, turn), columns,
        what="waivers", title="减免", sorts=waiver_queries.SORTS,
    )  # fmt: skip


async def transfers(call: Call, query: TransferQuery) -> None:
    which = {"state": query.state, "school": query.school}
    columns: Columns = {
        "银行流水号": (30, lambda one: one.bank_reference),
        "院校": (28, lambda one: one.school),
        "到账日期": (12, lambda one: when(one.received_on)),
        "费用（项）": (10, lambda one: len(one.fees or ())),
        "金额（元）": (12, lambda one: yuan(one.amount_fen)),
        "登记": (14, lambda one: one.recorded_by_name),
        "登记时间": (18, lambda one: when(one.recorded_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: transfer_queries.transfers_page(**which, actor=call.actor, turn=turn), columns,
        what="transfers", title="对公转账", sorts=transfer_queries.SORTS,
    )  # fmt: skip


async def bank_refunds(call: Call, query: BankRefundQuery) -> None:
    which = {"state": query.state, "school": query.school}
    columns: Columns = {
        "银行流水号": (30, lambda one: one.bank_reference),
        "院校": (28, lambda one: one.school),
        "订单号": (30, lambda one: one.order_number),
        "退款日期": (12, lambda one: when(one.paid_on)),
        "金额（元）": (12, lambda one: yuan(one.amount_fen)),
        "原因": (30, lambda one: one.reason),
        "登记": (14, lambda one: one.recorded_by_name),
        "登记时间": (18, lambda one: when(one.recorded_at)),
        "处理": (14, lambda one: one.decided_by_name),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: bank_refund_queries.bank_refunds_page(**which, actor=call.actor, turn=turn), columns,
        what="bank_refunds", title="银行退款", sorts=bank_refund_queries.SORTS,
    )  # fmt: skip


async def courses(call: Call, query: CourseQuery) -> None:
    columns: Columns = {
        "培训": (40, lambda one: one.title),
        "开始日期": (12, lambda one: when(one.from_on)),
        "结束日期": (12, lambda one: when(one.to_on)),
        "地点": (28, lambda one: one.place or ("线上" if one.is_online else "")),
        "价格（元）": (12, lambda one: yuan(one.amount_fen)),
        "学员": (8, lambda one: one.enrolled),
        "待缴（元）": (12, lambda one: yuan(one.owed_fen)),
        "已缴（元）": (12, lambda one: yuan(one.settled_fen)),
    }
    await _send(
        call, query,
        lambda turn: training_queries.courses_page(call.s.clock, title=query.title, actor=call.actor, turn=turn), columns,
        what="courses", title="培训", sorts=training_queries.SORTS,
    )  # fmt: skip


async def corrections(call: Call, query: CorrectionQuery) -> None:
    which = {"state": query.state, "kind": query.kind}
    columns: Columns = {
        "编号": (8, lambda one: one.id),
        "考生": (14, lambda one: one.name),
        "证件号码": (22, lambda one: one.id_masked),
        "院校": (28, lambda one: one.school or ""),
        "更正什么": (14, lambda one: one.kind.label),
        "提出": (14, lambda one: one.requested_by),
        "提出时间": (18, lambda one: when(one.requested_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: case_views.listing(call.s.keys, **which, actor=call.actor, turn=turn), columns,
        what="corrections", title="更正", sorts=case_views.SORTS,
    )  # fmt: skip


async def score_change_list(call: Call, query: ScoreChangeQuery) -> None:
    columns: Columns = {
        "编号": (8, lambda one: one.id),
        "考生": (14, lambda one: one.name),
        "证件号码": (22, lambda one: one.id_masked),
        "准考证号": (22, lambda one: one.admission_number),
        "考试计划": (40, lambda one: one.plan),
        "等级": (8, lambda one: one.level.label),
        "院校": (28, lambda one: one.school),
        "科目": (14, lambda one: one.subject),
        "依据": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.requested_by),
        "提出时间": (18, lambda one: when(one.requested_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: score_changes.listing(call.s.keys, state=query.state, actor=call.actor, turn=turn), columns,
        what="score_changes", title="成绩变更", sorts=score_changes.SORTS,
    )  # fmt: skip


async def account_changes(call: Call, query: ChangeQuery) -> None:
    columns: Columns = {
        "编号": (8, lambda one: one.id),
        "用户名": (18, lambda one: one.username),
        "姓名": (14, lambda one: one.name),
        "办理": (16, lambda one: one.act.label),
        "缘由": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.asked_by),
        "提出时间": (18, lambda one: when(one.asked_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: staff_changes.listing(state=query.state, actor=call.actor, turn=turn), columns,
        what="staff_changes", title="账号变更", sorts=staff_changes.SORTS,
    )  # fmt: skip


async def erasures(call: Call, query: ErasureQuery) -> None:
    columns: Columns = {
        "编号": (8, lambda one: one.id),
        "考生": (14, lambda one: one.name),
        "证件号码": (22, lambda one: one.id_masked),
        "申请日期": (12, lambda one: when(one.asked_on)),
        "依据": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.requested_by),
        "提出时间": (18, lambda one: when(one.requested_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: _when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: erasure_views.listing(call.s, state=query.state, actor=call.actor, turn=turn), columns,
        what="erasures", title="删除个人信息", sorts=erasure_views.SORTS,
    )  # fmt: skip


async def paper(call: Call, query: PaperRunQuery) -> None:
    which = {"state": query.state, "school": query.school}
    columns: Columns = {
        "编号": (8, lambda one: one.id),
        "院校": (28, lambda one: one.school),
        "批次": (8, lambda one: one.issuance_id),
        "考试计划": (40, lambda one: one.plan),
        "等级": (8, lambda one: one.level.label),
        "首张编号": (18, lambda one: one.first),
        "末张编号": (18, lambda one: one.last),
        "张数": (8, lambda one: one.used),
        "快递公司": (14, lambda one: one.courier),
        "快递单号": (22, lambda one: one.tracking_number),
        "最晚寄出": (12, lambda one: when(one.due_on)),
        "状态": (14, lambda one: one.state.label),
    }
    await _send(
        call, query, lambda turn: paper_views.listing(call.s.clock, **which, actor=call.actor, turn=turn), columns,
        what="paper", title="印制与寄送", sorts=paper_views.SORTS,
    )  # fmt: skip


async def campaigns(call: Call, query: CampaignsPage) -> None:
    which = {"state": query.state, "name": query.name}
    columns: Columns = {
        "编号": (8, lambda one: one.id),
        "名称": (30, lambda one: one.name),
        "类别": (14, lambda one: one.kind_label),
        "人数": (10, lambda one: one.people if one.is_frozen else None),
        "能送到": (10, lambda one: one.reachable if one.is_frozen else None),
        "状态": (12, lambda one: one.state.label),
        "起草": (14, lambda one: one.author_name),
        "起草时间": (18, lambda one: when(one.created_at)),
        "开始时间": (18, lambda one: _when(one.started_at)),
        "结束时间": (18, lambda one: _when(one.ended_at)),
    }
    await _send(
        call, query, lambda turn: campaign_views.listed(**which, actor=call.actor, turn=turn), columns,
        what="campaigns", title="群发", sorts=campaign_views.SORTS,
    )  # fmt: skip


async def officers(call: Call, query: OfficerQuery) -> None:
    columns: Columns = {
        "姓名": (14, lambda one: one.name),
        "院校": (28, lambda one: one.school),
        "手机": (16, lambda one: one.mobile_masked or ""),
        "状态": (12, lambda one: one.state.label),
        "邀请时间": (18, lambda one: when(one.created_at)),
        "代理到": (12, lambda one: _when(one.until)),
    }
    await _send(
        call, query,
        lambda turn: officer_list.listing(call.s.clock, call.s.keys, query.wanted, actor=call.actor, turn=turn), columns,
        what="officers", title="签发负责人", sorts=officer_list.SORTS,
    )  # fmt: skip


async def staff(call: Call, query: AccountQuery) -> None:
    columns: Columns = {
        "用户名": (18, lambda one: one.username),
        "姓名": (14, lambda one: one.name),
        "角色": (12, lambda one: one.role.label),
        "院校": (28, lambda one: one.school or ""),
        "状态": (12, lambda one: "正常" if one.is_active else "已停用"),
        "第二重验证": (12, lambda one: "已启用" if one.has_second_factor else "未启用"),
        "建立时间": (18, lambda one: when(one.created_at)),
    }
    await _send(
        call, query, lambda turn: account_list.page(query.wanted, actor=call.actor, turn=turn), columns,
        what="accounts", title="账号", sorts=account_list.SORTS,
    )  # fmt: skip


async def schools(call: Call, query: SchoolsPage) -> None:
    columns: Columns = {
        "院校": (30, lambda one: one.name),
        "签发负责人": (12, lambda one: one.officers),
        "没有发放的批次": (16, lambda one: one.open),
    }
    await _send(
        call, query, lambda turn: school_dossier.listing(query.q, actor=call.actor, turn=turn), columns,
        what="schools", title="院校", sorts=school_dossier.SORTS,
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
    Route("GET", "/corrections/export.xlsx", corrections, f"更正，{_SAID}", takes=CorrectionQuery, gives=XLSX, verb=Verb.SEE_CORRECTIONS),
    Route("GET", "/score-changes/export.xlsx", score_change_list, f"成绩变更，{_SAID}", takes=ScoreChangeQuery, gives=XLSX, verb=Verb.SEE_IMPORTS),
    Route("GET", "/staff-changes/export.xlsx", account_changes, f"账号变更，{_SAID}", takes=ChangeQuery, gives=XLSX, verb=Verb.MANAGE_STAFF),
    Route("GET", "/erasures/export.xlsx", erasures, f"删除个人信息的申请，{_SAID}", takes=ErasureQuery, gives=XLSX, verb=Verb.ASK_ERASURE),
    Route("GET", "/paper-runs/export.xlsx", paper, f"印制与寄送，{_SAID}", takes=PaperRunQuery, gives=XLSX, verb=Verb.SEE_PAPER),
    Route("GET", "/campaigns/export.xlsx", campaigns, f"群发，{_SAID}", takes=CampaignsPage, gives=XLSX, verb=Verb.SEE_CAMPAIGNS),
    Route("GET", "/officers/export.xlsx", officers, f"签发负责人，{_SAID}", takes=OfficerQuery, gives=XLSX, verb=Verb.SEE_OFFICERS),
    Route("GET", "/staff/export.xlsx", staff, f"账号，{_SAID}", takes=AccountQuery, gives=XLSX, verb=Verb.MANAGE_STAFF),
    Route("GET", "/schools/export.xlsx", schools, f"院校，{_SAID}", takes=SchoolsPage, gives=XLSX, verb=Verb.SEE_OFFICERS),
]  # fmt: skip
