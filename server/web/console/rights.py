"""角色与权限: the one table of `domain.roles`, as people read it."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain.auth import second_factor
from server.domain.roles import PERMISSIONS, Role, Verb
from server.web.console import page_base
from server.web.console.auth import Call

bp = Blueprint("console_rights", url_prefix="/console")

# The order of the page; a test asks that every right stands in one of them.
GROUPS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    ("考试与成绩", (
        Verb.SEE_PLANS, Verb.SEE_IMPORTS, Verb.IMPORT, Verb.RELEASE, Verb.APPROVE_RELEASE,
        Verb.APPROVE_SCORES,
    )),
    ("签发与证书", (
        Verb.SEE_ISSUANCES, Verb.CHECK_LIST, Verb.PREPARE, Verb.SIGN, Verb.WITHDRAW, Verb.REVISE, Verb.SHOW_TICKET,
        Verb.HAND_OVER, Verb.SEE_RECEIPT, Verb.SEE_CERTIFICATES, Verb.DOWNLOAD, Verb.REVOKE, Verb.SETTLE_PORTAL,
        Verb.SEE_PAPER, Verb.HANDLE_PAPER, Verb.RECEIVE_PAPER,
    )),
    ("更正", (Verb.SEE_CORRECTIONS, Verb.ASK_CORRECTION, Verb.APPROVE_CORRECTION)),
    ("人员", (
        Verb.SEE_OFFICERS, Verb.INVITE, Verb.CONFIRM, Verb.SUSPEND, Verb.SEE_PEOPLE, Verb.UNCOVER, Verb.UNBIND,
        Verb.EXPORT_PERSON, Verb.ASK_ERASURE, Verb.APPROVE_ERASURE,
    )),
    ("收费与培训", (
        Verb.SEE_MONEY, Verb.SET_PRICES, Verb.PAY_FOR_SCHOOL, Verb.REFUND, Verb.APPROVE_REFUND, Verb.SEE_WAIVERS,
        Verb.WAIVE, Verb.APPROVE_WAIVER, Verb.SEE_TRANSFERS, Verb.SEE_PROOFS, Verb.RECORD_TRANSFER,
        Verb.APPROVE_TRANSFER, Verb.RECORD_BANK_REFUND, Verb.APPROVE_BANK_REFUND, Verb.SETTLE_ALARMS,
        Verb.RECONCILE, Verb.SEE_COURSES, Verb.ARRANGE_COURSES,
    )),
    ("通知", (Verb.SEE_CAMPAIGNS, Verb.SEND_CAMPAIGNS, Verb.APPROVE_CAMPAIGN)),
    ("管理", (Verb.SEE_AUDIT, Verb.MANAGE_STAFF, Verb.APPROVE_STAFF_CHANGE, Verb.CHECK_UP)),
)  # fmt: skip


async def rights_page(call: Call) -> HTTPResponse:
    return await page_base.render(
        call,
        "rights.html",
        title="角色与权限",
        nav="/console/rights",
        groups=GROUPS,
        roles=list(Role),
        permissions=PERMISSIONS,
        must_have=second_factor.REQUIRED,
        is_required=call.s.settings.requires_second_factor,
    )


page_base.mount(bp, "/rights", rights_page)
