"""What the first page says of each kind of work: a sentence, where it is done, and what the link is called."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain.lookups.due_today import Due


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `label` says what, `href` leads to where it is done. `is_bad`: it should have been done by now."""

    label: str
    href: str
    items: int
    act: str = "去办理"
    since: datetime | None = None
    said: str = ""
    is_bad: bool = False


# what → (label, address, what the link is called, whether it is late or wrong)
DUE: dict[str, tuple[str, str, str, bool]] = {
    "log": ("公开签发日志停止，证书暂停生成", "/console/issuances?state=generating", "查看", True),
    "hold": ("通知暂停发送，等待的通知", "/console/deliveries?state=pending", "查看", True),
    "doctor": ("体检发现的问题", "/console/go-live", "去看", True),
    "backup": ("备份没有按时做", "/console/go-live#line-backups", "去看", True),
    "drawings": ("证书没有生成成功，系统还在重试", "/console/issuances?state=generating", "查看", True),
    "sign": ("批次待您签发", "/console/issuances?state=prepared", "去签发", False),
    "revise": ("批次被院校退回，待更正后重新准备", "/console/issuances?state=returned", "去处理", False),
    "hand_over": ("批次待您发放", "/console/issuances?state=school_signed", "去发放", False),
    "scan": ("批次待本校签发负责人扫码签发", "/console/issuances?state=site_pending", "出示二维码", False),
    "slow": ("批次送院校超过 3 天没有签发", "/console/issuances?state=site_pending", "看是哪些", True),
    "plans": ("考试计划已考完，成绩还没有公布", "/console/plans", "去公布", False),
    "releases": ("成绩公布待您批准", "/console/plans", "去核对", False),
    "scores": ("成绩变更待您批准", "/console/score-changes?state=requested", "去处理", False),
    "checks": ("导入检查过，还没有写入", "/console/imports", "去写入", False),
    "poor_imports": ("导入有没写入的行（两周内）", "/console/imports", "去更正", False),
    "officers": ("签发负责人已接受邀请，待确认", "/console/officers?state=pending", "去确认", False),
    "no_officer": ("有批次的院校没有签发负责人", "/console/officers", "去邀请", True),
    "parcels": ("纸质证书包裹已寄出，待清点签收", "/console/paper?state=sent", "去签收", False),
    "fees": ("本校考生的费用待缴", "/console/fees?state=owed", "去缴费", False),
    "trouble": ("登录或访问异常（24 小时内）", "/console/audit", "查看", True),
}


def line(one: Due) -> Line:
    """How the page says it."""
    label, href, act, is_bad = DUE[one.what]
    return Line(label, href, one.items, act, one.since, one.said, is_bad)
