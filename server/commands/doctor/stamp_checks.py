"""The time-stamp authority: whether it answers, who it is, how far its clock is from ours."""

from __future__ import annotations

import asyncio

from server.adapters.clock import SystemClock
from server.adapters.documents import time_stamps
from server.commands.doctor.findings import Finding, bad, look, ok
from server.errors import OutsideFailure
from server.settings import Settings

TITLE = "时间戳"


async def check(settings: Settings) -> Finding:
    """One token for nobody is asked for."""
    clock = SystemClock()
    stamps = time_stamps.of(settings, clock)
    if stamps is None:
        return look(
            TITLE, "没有配置 XCERT_TSA_URL，印章不带时间戳；印章证书到期以后，盖章的时间只有签名方自己说的"
        )
    try:
        token = await asyncio.to_thread(stamps.trial)
    except OutsideFailure:
        return bad(TITLE, f"{stamps.why}；在它应答之前证书不能生成，请检查 XCERT_TSA_URL 和网络")
    apart = abs((clock.now() - token.moment).total_seconds())
    return ok(TITLE, f"{token.authority} 应答正常，与本机相差 {apart:.0f} 秒")
