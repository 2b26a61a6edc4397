"""Who among the staff may do what: one table, role → verbs. Every verb of the domain asks `require` first; so do doors."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from server.domain.actor import Actor
from server.errors import Forbidden


class Role(Enum):
    """value: how it is stored; label: how it is written."""

    OPERATOR = "operator"
    ISSUER = "issuer"
    FINANCE = "finance"
    NOTIFIER = "notifier"
    AUDITOR = "auditor"
    ADMIN = "admin"
    SCHOOL = "school"

    @property
    def label(self) -> str:
        return LABELS[self]


LABELS = {
    Role.OPERATOR: "考务",
    Role.ISSUER: "签发",
    Role.FINANCE: "财务",
    Role.NOTIFIER: "通知",
    Role.AUDITOR: "审计",
    Role.ADMIN: "管理员",
    Role.SCHOOL: "院校账号",
}


class Verb(Enum):
    """One thing that may be allowed; the label finishes the sentence 您的账号不能……"""

    SEE_IMPORTS = "查看导入记录"
    IMPORT = "导入数据"
    SEE_PLANS = "查看考试计划"
    RELEASE = "提出公布成绩"
    APPROVE_RELEASE = "批准公布成绩"
    APPROVE_SCORES = "批准成绩变更"
    SEE_ISSUANCES = "查看签发批次"
    CHECK_LIST = "核对批次的完整名单"
    PREPARE = "建立签发批次"
    SIGN = "签发"
    WITHDRAW = "撤回批次"
    REVISE = "重新准备退回的批次"
    HAND_OVER = "发放证书"
    SHOW_TICKET = "出示签发二维码"
    SEE_RECEIPT = "下载签发凭据"
    DOWNLOAD = "下载电子证书"
    SEE_CERTIFICATES = "查看证书"
    REVOKE = "撤销证书"
    SETTLE_PORTAL = "处理与国家门户的差异"
    SEE_CORRECTIONS = "查看更正"
    ASK_CORRECTION = "提出更正"
    APPROVE_CORRECTION = "批准更正"
    SEE_OFFICERS = "查看院校签发负责人"
    INVITE = "邀请院校签发负责人"
    CONFIRM = "确认院校签发负责人"
    SUSPEND = "停用院校签发负责人"
    SEE_PEOPLE = "查找考生"
    UNBIND = "解除考生的微信绑定"
    UNCOVER = "查看考生完整的证件号码和手机号"
    EXPORT_PERSON = "导出考生的个人信息副本"
    ASK_ERASURE = "提出删除考生的个人信息"
    APPROVE_ERASURE = "批准删除考生的个人信息"
    SEE_COURSES = "查看培训"
    ARRANGE_COURSES = "安排培训"
    SEE_MONEY = "查看缴费"
    SET_PRICES = "设定价格"
    REFUND = "提出退款"
    APPROVE_REFUND = "批准退款"
    WAIVE = "提出减免"
    APPROVE_WAIVER = "批准减免"
    SEE_WAIVERS = "查看减免"
    RECORD_TRANSFER = "登记对公转账"
    APPROVE_TRANSFER = "批准对公转账"
    RECORD_BANK_REFUND = "登记银行退款"
    APPROVE_BANK_REFUND = "批准银行退款"
    SEE_TRANSFERS = "查看对公转账"
    SEE_PROOFS = "查看转账凭证"
    SETTLE_ALARMS = "处理缴费提醒"
    RECONCILE = "对账和结账"
    PAY_FOR_SCHOOL = "为院校缴费"
    SEE_CAMPAIGNS = "查看群发和通知记录"
    SEND_CAMPAIGNS = "起草和发送群发"
    APPROVE_CAMPAIGN = "批准群发"
    SEE_PAPER = "查看纸质证书的印制与寄送"
    HANDLE_PAPER = "印制和寄送纸质证书"
    RECEIVE_PAPER = "签收纸质证书"
    SEE_AUDIT = "查看审计记录"
    MANAGE_STAFF = "管理账号"
    APPROVE_STAFF_CHANGE = "批准账号变更"
    CHECK_UP = "体检和确认上线清单"


_SEE = {Verb.SEE_IMPORTS, Verb.SEE_PLANS, Verb.SEE_ISSUANCES, Verb.SEE_CERTIFICATES, Verb.SEE_OFFICERS}

PERMISSIONS: dict[Role, frozenset[Verb]] = {
    Role.OPERATOR: frozenset(
        _SEE
        | {
            Verb.IMPORT,
            Verb.RELEASE,
            Verb.APPROVE_RELEASE,
            Verb.PREPARE,
            Verb.SEE_RECEIPT,
            Verb.INVITE,
            Verb.CONFIRM,
        }
        | {Verb.SUSPEND, Verb.SEE_PEOPLE, Verb.UNBIND, Verb.APPROVE_SCORES, Verb.CHECK_LIST}
        | {Verb.SEE_COURSES, Verb.ARRANGE_COURSES, Verb.SETTLE_PORTAL}
        | {Verb.SEE_PAPER, Verb.HANDLE_PAPER, Verb.UNCOVER, Verb.EXPORT_PERSON}
        | {Verb.ASK_ERASURE, Verb.APPROVE_ERASURE}
        | {Verb.SEE_CORRECTIONS, Verb.ASK_CORRECTION, Verb.APPROVE_CORRECTION}
    ),
    Role.ISSUER: frozenset(
        _SEE
        | {Verb.PREPARE, Verb.SIGN, Verb.WITHDRAW, Verb.REVISE, Verb.HAND_OVER, Verb.SHOW_TICKET}
        | {Verb.SEE_RECEIPT, Verb.DOWNLOAD, Verb.REVOKE, Verb.INVITE, Verb.CONFIRM, Verb.SUSPEND}
        | {Verb.APPROVE_SCORES, Verb.CHECK_LIST, Verb.SEE_PAPER, Verb.HANDLE_PAPER, Verb.APPROVE_RELEASE}
        | {Verb.SEE_CORRECTIONS, Verb.ASK_CORRECTION, Verb.APPROVE_CORRECTION}
    ),
    Role.FINANCE: frozenset(
        {Verb.SEE_PLANS, Verb.SEE_ISSUANCES, Verb.SEE_MONEY, Verb.SET_PRICES, Verb.REFUND}
        | {Verb.APPROVE_REFUND, Verb.SETTLE_ALARMS, Verb.WAIVE, Verb.APPROVE_WAIVER, Verb.SEE_WAIVERS}
        | {Verb.RECORD_TRANSFER, Verb.APPROVE_TRANSFER, Verb.SEE_TRANSFERS, Verb.SEE_PROOFS}
        | {Verb.RECORD_BANK_REFUND, Verb.APPROVE_BANK_REFUND, Verb.RECONCILE, Verb.SEE_COURSES}
    ),
    Role.NOTIFIER: frozenset(
        {Verb.SEE_PLANS, Verb.SEE_ISSUANCES, Verb.SEE_CAMPAIGNS, Verb.SEND_CAMPAIGNS, Verb.APPROVE_CAMPAIGN}
    ),
    Role.AUDITOR: frozenset(
        _SEE
        | {Verb.SEE_RECEIPT, Verb.SEE_AUDIT, Verb.SEE_WAIVERS, Verb.SEE_TRANSFERS, Verb.SEE_PROOFS}
        | {Verb.SEE_COURSES, Verb.SEE_CAMPAIGNS, Verb.SEE_CORRECTIONS, Verb.SEE_PAPER}
    ),
    Role.ADMIN: frozenset(Verb),
    Role.SCHOOL: frozenset(
        {Verb.SEE_ISSUANCES, Verb.SHOW_TICKET, Verb.SEE_RECEIPT, Verb.DOWNLOAD, Verb.SEE_CERTIFICATES}
        | {Verb.SEE_OFFICERS, Verb.INVITE, Verb.CONFIRM, Verb.SUSPEND, Verb.SEE_PEOPLE, Verb.UNBIND}
        | {Verb.CHECK_LIST, Verb.SEE_MONEY, Verb.PAY_FOR_SCHOOL, Verb.SEE_TRANSFERS}
        | {Verb.SEE_CORRECTIONS, Verb.ASK_CORRECTION, Verb.SEE_PAPER, Verb.RECEIVE_PAPER}
    ),
}


# What an API token may be made for; a verb that stands nowhere here needs `manage`.
SCOPES: dict[str, tuple[str, frozenset[Verb]]] = {
    "read": (
        "查看和下载",
        frozenset(
            _SEE
            | {
                Verb.SEE_RECEIPT,
                Verb.DOWNLOAD,
                Verb.SEE_AUDIT,
                Verb.SEE_PEOPLE,
                Verb.CHECK_LIST,
                Verb.SEE_COURSES,
                Verb.SEE_MONEY,
                Verb.SEE_WAIVERS,
                Verb.SEE_TRANSFERS,
                Verb.SEE_PROOFS,
                Verb.SEE_CAMPAIGNS,
                Verb.SEE_CORRECTIONS,
                Verb.SEE_PAPER,
            }
        ),
    ),
    "import": (
        "导入数据、核对门户、公布成绩和批准成绩变更",
        frozenset({Verb.IMPORT, Verb.RELEASE, Verb.APPROVE_RELEASE, Verb.APPROVE_SCORES, Verb.SETTLE_PORTAL}),
    ),
    "issue": (
        "签发、发放、撤销、更正和纸质证书",
        frozenset(
            {
                Verb.PREPARE,
                Verb.SIGN,
                Verb.WITHDRAW,
                Verb.REVISE,
                Verb.HAND_OVER,
                Verb.SHOW_TICKET,
                Verb.REVOKE,
                Verb.ASK_CORRECTION,
                Verb.APPROVE_CORRECTION,
                Verb.HANDLE_PAPER,
                Verb.RECEIVE_PAPER,
            }
        ),
    ),
    "people": (
        "邀请、停用负责人和解除考生绑定",
        frozenset({Verb.INVITE, Verb.CONFIRM, Verb.SUSPEND, Verb.UNBIND}),
    ),
    "money": (
        "缴费：价格、培训、下单、减免、转账、退款和对账",
        frozenset(
            {
                Verb.ARRANGE_COURSES,
                Verb.SET_PRICES,
                Verb.REFUND,
                Verb.APPROVE_REFUND,
                Verb.WAIVE,
                Verb.APPROVE_WAIVER,
                Verb.RECORD_TRANSFER,
                Verb.APPROVE_TRANSFER,
                Verb.RECORD_BANK_REFUND,
                Verb.APPROVE_BANK_REFUND,
                Verb.SETTLE_ALARMS,
                Verb.PAY_FOR_SCHOOL,
                Verb.RECONCILE,
            }
        ),
    ),
    "notices": ("起草、批准和发送群发", frozenset({Verb.SEND_CAMPAIGNS, Verb.APPROVE_CAMPAIGN})),
    "manage": (
        "管理账号及其他",
        frozenset(
            {Verb.MANAGE_STAFF, Verb.APPROVE_STAFF_CHANGE, Verb.UNCOVER, Verb.EXPORT_PERSON, Verb.CHECK_UP}
            | {Verb.ASK_ERASURE, Verb.APPROVE_ERASURE}
        ),
    ),
}
_SCOPE_OF = {verb: name for name, (_, verbs) in SCOPES.items() for verb in verbs}


def may(actor: Actor, verb: Verb) -> bool:
    """Whether this member of staff may do that. Only staff have roles; anybody else may nothing."""
    if actor.kind != "staff" or not _in_scope(actor, verb):
        return False
    try:
        return verb in PERMISSIONS[Role(actor.role)]
    except ValueError:
        return False


def _in_scope(actor: Actor, verb: Verb) -> bool:
    return actor.scopes is None or _SCOPE_OF.get(verb, "manage") in actor.scopes


def require(actor: Actor, verb: Verb) -> None:
    """Raises Forbidden: role_not_allowed; scope_not_allowed, where the role would allow it but the token does not."""
    if may(actor, verb):
        return
    if may(replace(actor, scopes=None), verb):
        label = SCOPES[_SCOPE_OF.get(verb, "manage")][0]
        raise Forbidden(
            "scope_not_allowed",
            f"这个 API 令牌没有“{label}”的权限，不能{verb.value}；请另建一个有此权限的令牌。",
        )
    raise Forbidden("role_not_allowed", f"您的账号不能{verb.value}；如工作需要，请联系管理员调整账号的角色。")


def require_unless_system(actor: Actor, verb: Verb) -> None:
    """As `require`, for what the command line does as well: it is whoever may log in to the machine."""
    if actor.kind != "system":
        require(actor, verb)
