"""Notices: whether anybody sends them, and what waits for a person to decide."""

from __future__ import annotations

from server.commands.doctor.findings import Finding, bad, look, ok
from server.domain.notices.backlog import LATE_SECONDS, backlog
from server.domain.ports import Services


async def check(s: Services) -> list[Finding]:
    """One line for what is late, and one for what nobody knows the end of. Whether they are held: `local`."""
    waits = await backlog(s.clock)
    findings = []
    worst = max(waits.overdue_seconds, waits.unserved_seconds)
    if worst >= LATE_SECONDS and not waits.is_held:
        text = f"到时没有发出的已等了 {int(worst) // 60} 分钟；请看 xcert worker 是否在运行，再看它日志里的 ERROR"
        findings.append(bad("通知的发送", text))
    else:
        findings.append(ok("通知的发送", f"等待 {waits.waiting} 条，进行中的群发 {waits.running} 个"))
    if waits.unknown:
        text = f"有 {waits.unknown} 条不知道微信是否收到，不会自动再发；请在工作台的通知里逐条决定"
        findings.append(look("结果未知的通知", text))
    return findings
