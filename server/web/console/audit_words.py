"""What the console says about audit entries: the words for actions, subjects, fields and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.domain.issuance.states import BatchState
from server.domain.roles import Role

# What an action is called; one that is not here shows its own name.
ACTIONS = {
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
    "price.set": "设定价格",
    "order.create": "下单",
    "order.pay": "订单已支付",
    "order.close": "关闭订单",
    "order.give_back": "开始退款",
    "order.gave_all": "订单全部退回",
    "order.gave_part": "订单部分退回",
    "order.gave_nothing": "退款没有退成",
    "refund.ask": "提出退款",
    "refund.approve": "批准退款",
    "refund.decline": "不批准退款",
    "refund.accept": "微信受理退款",
    "refund.stall": "退款异常",
    "refund.finish": "退款完成",
    "refund.end": "退款没有退成",
    "waiver.ask": "提出减免",
    "waiver.approve": "批准减免",
    "waiver.decline": "不批准减免",
    "waiver.withdraw": "撤回减免",
    "finance_alarm.settle": "处理缴费提醒",
    "reconciliation.differ": "对账：有差异",
    "reconciliation.match": "对账：相符",
    "reconciliation.settle": "说明对账差异",
    "reconciliation.close": "结账",
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
SUBJECTS = {
    "staff": "账号",
    "api_token": "API 令牌",
    "plan": "考试计划",
    "issuance": "批次",
    "certificate": "证书",
    "officer": "负责人",
    "import": "导入",
    "candidate": "考生",
    "registration": "报考",
    "score_change": "成绩变更",
    "price": "价格",
    "fee_order": "订单",
    "fee_refund": "退款",
    "fee_waiver": "减免",
    "finance_alarm": "缴费提醒",
    "reconciliation_day": "对账日",
    "binding": "绑定",
    "route": "功能",
    "audit": "审计",
    "key": "密钥",
    "backup": "备份",
    "notices": "通知",
}
ACTORS = {
    "staff": "工作人员",
    "officer": "院校签发负责人",
    "candidate": "考生",
    "system": "系统",
    "stranger": "未登录者",
}
FIELDS = {
    "state": "状态",
    "revision": "版次",
    "reason": "原因",
    "count": "人数",
    "tries": "次数",
    "consent": "同意的说明",
    "list": "名单",
    "route": "功能",
    "scopes": "权限",
    "release_at": "公布时间",
    "requires_practice": "学时要求",
    "is_active": "启用",
    "username": "用户名",
    "role": "角色",
    "school_id": "院校编号",
    "plan_id": "考试计划编号",
    "site_id": "站点编号",
    "issued_on": "发证日期",
    "as": "形式",
    "list_sha256": "名单摘要",
    "ticket": "二维码",
    "name": "姓名",
    "label": "用途",
    "expires_at": "有效至",
    "account": "微信账号",
    "kind": "内容",
    "second_factor": "动态码",
    "score": "成绩",
    "outcome": "结果",
    "first": "首个编号",
    "last": "末个编号",
    "voided": "作废编号",
    "reserved": "预留编号",
    "claims_sha256": "内容摘要",
    "pdf_sha256": "文件摘要",
    "rows_total": "总行数",
    "rows_taken": "写入行数",
    "rows_new": "新增行数",
    "rows_changed": "改动行数",
    "rows_unchanged": "未变行数",
    "rows_skipped": "未读取行数",
    "dry_run": "只检查",
    "all_or_nothing": "有错误就整份不写入",
    "confirmed": "确认新建的名称",
    "created": "新建的名称",
    "subject": "科目",
    "status": "情况",
    "rows_refused": "有误行数",
    "file_name": "文件",
    "sealed": "已盖章",
    "portal_number": "门户证书编号",
    "code": "原因代码",
}
WORDS = {
    **{role.value: role.label for role in Role},
    "invited": "已邀请",
    "pending": "待确认",
    "withdrawn": "已撤回",
    "active": "正常",
    "suspended": "已停用",
    "valid": "有效",
    "revoked": "已撤销",
    "reserved": "编号已预留",
    "drawing": "生成中",
    "void": "编号已作废",
    "oa": "公众号",
    "mp": "小程序",
    "candidates": "考生信息",
    "issuance_people": "批次完整名单",
    "otp_wrong": "动态码不正确",
    "scores": "成绩",
    "practice": "实践学时",
    "portal": "门户证书编号",
}


def changes(
    was: Mapping[str, Any] | None, became: Mapping[str, Any] | None
) -> list[tuple[str, str | None, str | None]]:
    """(what, was, became) of an audit entry, each short enough for a table."""
    was, became = was or {}, became or {}
    names = list(dict.fromkeys([*was, *became]))
    return [
        (FIELDS.get(name, name), _short(was[name]) if name in was else None, _short(became.get(name)))
        for name in names[:8]
        if was.get(name) != became.get(name)
    ]


def _short(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(map(str, value))[:60] or "无"
    text = str(value)
    if len(text) == 64 and text.isalnum():
        return text[:8]
    if text in {state.value for state in BatchState}:
        return BatchState(text).label
    if (label := WORDS.get(text)) is not None:
        return label
    return text if len(text) <= 40 else text[:38] + "……"
