"""The lists of people, cases and accounts as tables to take away: filtered and sorted as on the screen, masked alike."""

from __future__ import annotations

from server.domain import score_changes
from server.domain.campaigns import campaign_views
from server.domain.corrections import case_views
from server.domain.dossiers import school_dossier
from server.domain.exams import plan_list
from server.domain.paper import paper_views
from server.domain.people import account_list, officer_list, staff_changes
from server.domain.privacy import erasure_views
from server.domain.roles import Verb
from server.web.console import listing
from server.web.console.accounts import AccountQuery
from server.web.console.auth import Call
from server.web.console.campaign_pages import CampaignsPage
from server.web.console.correction_desk import CorrectionQuery
from server.web.console.erasure_desk import ErasureQuery
from server.web.console.imports import XLSX
from server.web.console.listing import send_columns
from server.web.console.officers import OfficerQuery
from server.web.console.paper_desk import PaperRunQuery
from server.web.console.plans import PlanQuery
from server.web.console.school_pages import SchoolsPage
from server.web.console.score_changes import ScoreChangeQuery
from server.web.console.staff_change_desk import ChangeQuery
from server.web.routes import Route
from server.web.templating import when as shown_when


async def corrections(call: Call, query: CorrectionQuery) -> None:
    which = {"state": query.state, "kind": query.kind}
    columns: listing.Columns = {
        "编号": (8, lambda one: one.id),
        "考生": (14, lambda one: one.name),
        "证件号码": (22, lambda one: one.id_masked),
        "院校": (28, lambda one: one.school or ""),
        "更正什么": (14, lambda one: one.kind.label),
        "提出": (14, lambda one: one.requested_by),
        "提出时间": (18, lambda one: shown_when(one.requested_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: case_views.listing(call.s.keys, **which, actor=call.actor, turn=turn), columns,
        what="corrections", title="更正", sorts=case_views.SORTS,
    )  # fmt: skip


async def score_change_list(call: Call, query: ScoreChangeQuery) -> None:
    columns: listing.Columns = {
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
        "提出时间": (18, lambda one: shown_when(one.requested_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: score_changes.listing(call.s.keys, state=query.state, actor=call.actor, turn=turn), columns,
        what="score_changes", title="成绩变更", sorts=score_changes.SORTS,
    )  # fmt: skip


async def account_changes(call: Call, query: ChangeQuery) -> None:
    columns: listing.Columns = {
        "编号": (8, lambda one: one.id),
        "用户名": (18, lambda one: one.username),
        "姓名": (14, lambda one: one.name),
        "办理": (16, lambda one: one.act.label),
        "缘由": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.asked_by),
        "提出时间": (18, lambda one: shown_when(one.asked_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: staff_changes.listing(state=query.state, actor=call.actor, turn=turn), columns,
        what="staff_changes", title="账号变更", sorts=staff_changes.SORTS,
    )  # fmt: skip


async def erasures(call: Call, query: ErasureQuery) -> None:
    columns: listing.Columns = {
        "编号": (8, lambda one: one.id),
        "谁": (14, lambda one: one.name),
        "类别": (12, lambda one: one.kind_label),
        "证件号码": (22, lambda one: one.id_masked),
        "申请日期": (12, lambda one: shown_when(one.asked_on)),
        "依据": (30, lambda one: one.reason),
        "提出": (14, lambda one: one.requested_by),
        "提出时间": (18, lambda one: shown_when(one.requested_at)),
        "处理": (14, lambda one: one.decided_by),
        "处理时间": (18, lambda one: shown_when(one.decided_at)),
        "状态": (12, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: erasure_views.listing(call.s, state=query.state, actor=call.actor, turn=turn), columns,
        what="erasures", title="删除个人信息", sorts=erasure_views.SORTS,
    )  # fmt: skip


async def paper(call: Call, query: PaperRunQuery) -> None:
    which = {"state": query.state, "school": query.school}
    columns: listing.Columns = {
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
        "最晚寄出": (12, lambda one: shown_when(one.due_on)),
        "状态": (14, lambda one: one.state.label),
    }
    await send_columns(
        call, query, lambda turn: paper_views.listing(call.s.clock, **which, actor=call.actor, turn=turn), columns,
        what="paper", title="印制与寄送", sorts=paper_views.SORTS,
    )  # fmt: skip


async def campaigns(call: Call, query: CampaignsPage) -> None:
    which = {"state": query.state, "name": query.name}
    columns: listing.Columns = {
        "编号": (8, lambda one: one.id),
        "名称": (30, lambda one: one.name),
        "类别": (14, lambda one: one.kind_label),
        "人数": (10, lambda one: one.people if one.is_frozen else None),
        "能送到": (10, lambda one: one.reachable if one.is_frozen else None),
        "状态": (12, lambda one: one.state.label),
        "起草": (14, lambda one: one.author_name),
        "起草时间": (18, lambda one: shown_when(one.created_at)),
        "开始时间": (18, lambda one: shown_when(one.started_at)),
        "结束时间": (18, lambda one: shown_when(one.ended_at)),
    }
    await send_columns(
        call, query, lambda turn: campaign_views.listed(**which, actor=call.actor, turn=turn), columns,
        what="campaigns", title="群发", sorts=campaign_views.SORTS,
    )  # fmt: skip


async def officers(call: Call, query: OfficerQuery) -> None:
    columns: listing.Columns = {
        "姓名": (14, lambda one: one.name),
        "院校": (28, lambda one: one.school),
        "手机": (16, lambda one: one.mobile_masked or ""),
        "状态": (12, lambda one: one.state.label),
        "邀请时间": (18, lambda one: shown_when(one.created_at)),
        "代理到": (12, lambda one: shown_when(one.until)),
    }
    await send_columns(
        call, query,
        lambda turn: officer_list.listing(call.s.clock, call.s.keys, query.wanted, actor=call.actor, turn=turn), columns,
        what="officers", title="签发负责人", sorts=officer_list.SORTS,
    )  # fmt: skip


async def staff(call: Call, query: AccountQuery) -> None:
    columns: listing.Columns = {
        "用户名": (18, lambda one: one.username),
        "姓名": (14, lambda one: one.name),
        "角色": (12, lambda one: one.role.label),
        "院校": (28, lambda one: one.school or ""),
        "状态": (12, lambda one: "正常" if one.is_active else "已停用"),
        "第二重验证": (12, lambda one: "已启用" if one.has_second_factor else "未启用"),
        "建立时间": (18, lambda one: shown_when(one.created_at)),
    }
    await send_columns(
        call, query, lambda turn: account_list.page(query.wanted, actor=call.actor, turn=turn), columns,
        what="accounts", title="账号", sorts=account_list.SORTS,
    )  # fmt: skip


async def plans(call: Call, query: PlanQuery) -> None:
    columns: listing.Columns = {
        "考试计划": (40, lambda one: one.name),
        "证书": (30, lambda one: one.certificate),
        "考试日期": (12, lambda one: one.exam_date.isoformat()),
        "报考": (8, lambda one: one.registered),
        "合格": (8, lambda one: one.passed),
        "待录成绩": (10, lambda one: one.pending),
        "考核站点": (10, lambda one: one.sites),
        "公布时间": (18, lambda one: shown_when(one.release_at)),
    }
    await send_columns(
        call, query, lambda turn: plan_list.listing(call.s.clock, query.wanted, turn, actor=call.actor), columns,
        what="plans", title="考试计划", sorts=plan_list.SORTS,
    )  # fmt: skip


async def schools(call: Call, query: SchoolsPage) -> None:
    columns: listing.Columns = {
        "院校": (30, lambda one: one.name),
        "签发负责人": (12, lambda one: one.officers),
        "没有发放的批次": (16, lambda one: one.open),
    }
    await send_columns(
        call, query, lambda turn: school_dossier.listing(query.q, actor=call.actor, turn=turn), columns,
        what="schools", title="院校", sorts=school_dossier.SORTS,
    )  # fmt: skip


_SAID = "作为表格，与屏幕上同样的筛选和排序；导出记入审计"
ROUTES = [
    Route("GET", "/corrections/export.xlsx", corrections, f"更正，{_SAID}", takes=CorrectionQuery, gives=XLSX, verb=Verb.SEE_CORRECTIONS),
    Route("GET", "/score-changes/export.xlsx", score_change_list, f"成绩变更，{_SAID}", takes=ScoreChangeQuery, gives=XLSX, verb=Verb.SEE_IMPORTS),
    Route("GET", "/staff-changes/export.xlsx", account_changes, f"账号变更，{_SAID}", takes=ChangeQuery, gives=XLSX, verb=Verb.MANAGE_STAFF),
    Route("GET", "/erasures/export.xlsx", erasures, f"删除个人信息的申请，{_SAID}", takes=ErasureQuery, gives=XLSX, verb=Verb.ASK_ERASURE),
    Route("GET", "/paper-runs/export.xlsx", paper, f"印制与寄送，{_SAID}", takes=PaperRunQuery, gives=XLSX, verb=Verb.SEE_PAPER),
    Route("GET", "/campaigns/export.xlsx", campaigns, f"群发，{_SAID}", takes=CampaignsPage, gives=XLSX, verb=Verb.SEE_CAMPAIGNS),
    Route("GET", "/officers/export.xlsx", officers, f"签发负责人，{_SAID}", takes=OfficerQuery, gives=XLSX, verb=Verb.SEE_OFFICERS),
    Route("GET", "/staff/export.xlsx", staff, f"账号，{_SAID}", takes=AccountQuery, gives=XLSX, verb=Verb.MANAGE_STAFF),
    Route("GET", "/plans/export.xlsx", plans, f"考试计划，{_SAID}", takes=PlanQuery, gives=XLSX, verb=Verb.SEE_PLANS),
    Route("GET", "/schools/export.xlsx", schools, f"院校，{_SAID}", takes=SchoolsPage, gives=XLSX, verb=Verb.SEE_OFFICERS),
]  # fmt: skip
