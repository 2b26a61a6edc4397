"""The public log: whether it may be written, whether it is written in time, and whether its witnesses sign."""

from __future__ import annotations

from server.commands.doctor.findings import Finding, bad, look, ok
from server.domain.ports import Services
from server.domain.public_log import log_health, witnessing

TITLE, WITNESSES = "公开签发日志", "日志的见证人"
_WORKER = "请看 xcert worker 是否在运行，再看它日志里的 ERROR"


async def check(s: Services) -> list[Finding]:
    """One line for the log, one for its witnesses if there are any."""
    now = await log_health.look(s)
    if now.problem:
        findings = [bad(TITLE, now.problem)]
    elif now.is_late:
        text = f"有 {now.waiting} 件事等待载入，最早的已等 {int(now.oldest_seconds) // 60} 分钟；{_WORKER}"
        findings = [bad(TITLE, text)]
    else:
        rest = "" if now.is_complete else "；以前的证书正在载入"
        findings = [ok(TITLE, f"{now.signed} 条，等待载入 {now.waiting} 件{rest}")]
    if s.log_witnesses is None:
        return findings
    for witness in s.log_witnesses.all():
        try:
            witnessing.read_key(witness)
        except ValueError as error:
            findings.append(bad(WITNESSES, f"XCERT_LOG_WITNESSES 里的 {witness.key[:60]} {error}"))
    behind = [name for name, size in now.cosigned.items() if size < now.signed]
    if behind:
        text = f"{'、'.join(behind)} 还没有在最新的检查点上签名；请看 xcert worker 日志里的 WARNING"
        findings.append(look(WITNESSES, text))
    else:
        findings.append(ok(WITNESSES, f"{len(now.cosigned)} 位都已签到最新的检查点"))
    return findings
