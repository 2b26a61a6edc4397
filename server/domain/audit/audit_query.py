"""Reading the audit trail: newest first, by who, what, about what and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.roles import Verb
from server.models import AuditEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; None leaves a thing open. `until` is exclusive."""

    action: str | None = None
    actor_kind: str | None = None
    actor_id: int | None = None
    actor_name: str | None = None
    subject_kind: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


# What an action is called on screen; an action that is not here shows its own name.
LABELS = {
    "session.begin": "登录",
    "session.refused": "登录未成功",
    "session.locked": "登录尝试过多",
    "session.recovery": "用恢复码登录",
    "session.end": "退出登录",
    "session.end_all": "退出全部登录",
    "staff.create": "建立账号",
    "staff.reset_password": "重置密码",
    "staff.activate": "启用账号",
    "staff.deactivate": "停用账号",
    "staff.change_password": "修改密码",
    "staff.enrol_second_factor": "启用动态码",
    "staff.drop_second_factor": "停用动态码",
    "staff.renew_recovery_codes": "更换恢复码",
    "staff.password_refused": "密码核对不符",
    "staff.unlock": "解除登录限制",
    "token.create": "建立 API 令牌",
    "token.revoke": "停用 API 令牌",
    "import.submit": "导入表格",
    "import.take": "导入完成",
    "import.examine": "检查完成",
    "import.refuse": "导入被拒绝",
    "import.download_report": "下载导入标注表",
    "candidate.change": "更改考生信息",
    "score.change": "更改成绩",
    "score_change.request": "提出成绩变更",
    "score_change.approve": "批准成绩变更",
    "score_change.refuse": "不批准成绩变更",
    "score_change.withdraw": "撤回成绩变更",
    "practice.change": "更改实践学时",
    "plan.release": "公布成绩",
    "plan.cancel_release": "取消公布",
    "plan.requires_practice": "修改学时要求",
    "plan.set_time": "登记考试时间",
    "exams.announce": "通知成绩公布",
    "issuance.prepare": "建立签发批次",
    "issuance.refresh": "更新批次名单",
    "issuance.org_sign": "评价组织签发",
    "ticket.show": "出示签发二维码",
    "issuance.confirm_scan": "院校扫码签发",
    "issuance.school_return": "院校退回",
    "issuance.withdraw": "评价组织撤回",
    "issuance.revise": "重新准备",
    "issuance.hand_over": "发放",
    "issuance.complete": "全部生成",
    "issuance.download": "下载电子证书",
    "issuance.list": "取得批次名单",
    "certificate.draw": "写定证书内容",
    "certificate.seal": "生成并盖章",
    "certificate.void": "作废证书编号",
    "certificate.revoke": "撤销证书",
    "certificate.portal": "登记门户证书编号",
    "keys.make": "新增密钥",
    "keys.retire": "停用密钥",
    "keys.reindex": "更换证件号码索引",
    "backup.make": "备份",
    "backup.restore": "从备份恢复",
    "notices.hold": "暂停发送通知",
    "notices.release": "恢复发送通知",
    "officer.invite": "邀请院校签发负责人",
    "officer.resend": "重发邀请",
    "officer.withdraw": "撤回邀请",
    "officer.accept": "接受邀请",
    "officer.confirm": "确认院校签发负责人",
    "officer.resume": "恢复院校签发负责人",
    "officer.reset_pin": "重置签发密码",
    "officer.new_pin": "设置新的签发密码",
    "officer.pin_wrong": "签发密码不正确",
    "officer.pin_locked": "签发密码锁定",
    "officer.phone_wrong": "邀请的手机号核对不符",
    "officer.bind": "绑定第二个账号",
    "officer.unbind": "微信撤回授权，解除签发负责人的绑定",
    "officer.suspend": "停用院校签发负责人",
    "binding.bound": "绑定身份",
    "binding.unbound": "解除绑定",
    "binding.refused": "绑定未成功",
    "binding.released": "工作人员解除绑定",
    "people.viewed": "查看多人信息",
    "access.refused": "访问被拒绝",
    "audit.flooded": "同类记录过多，暂停记录",
    "candidate.phone_given": "考生提供手机号",
}


async def listing(wanted: Wanted, *, after: int, limit: int, actor: Actor) -> list[dict[str, Any]]:
    """Entries older than `after` (0: from the newest). Raises Forbidden("role_not_allowed")."""
    roles.require(actor, Verb.SEE_AUDIT)
    found = AuditEntry.all()
    exact = {
        "action": wanted.action,
        "actor_kind": wanted.actor_kind,
        "actor_id": wanted.actor_id,
        "actor_name": wanted.actor_name,
        "subject_kind": wanted.subject_kind,
        "subject_id": wanted.subject_id,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
        "id__lt": after or None,
    }
    rows = (
        await found.filter(**{k: v for k, v in exact.items() if v is not None}).order_by("-id").limit(limit)
    )
    return [_view(row) for row in rows]


def _view(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "actor_kind": row.actor_kind,
        "actor_id": row.actor_id,
        "actor_name": row.actor_name,
        "action": row.action,
        "action_label": LABELS.get(row.action, row.action),
        "subject_kind": row.subject_kind,
        "subject_id": row.subject_id,
        "was": row.was,
        "became": row.became,
        "address": row.address,
        "request_id": row.request_id,
    }
