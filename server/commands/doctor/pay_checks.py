"""WeChat Pay: what one harmless question and the list of certificates betray of number, keys and clock."""

from __future__ import annotations

from collections.abc import AsyncIterator

from server.commands.doctor.findings import Finding, bad, look, ok
from server.domain.ports import Services


async def check(s: Services) -> AsyncIterator[Finding]:
    """One finding for each thing; one alone when no merchant number is configured."""
    if s.pay is None:
        yield look("微信支付", "没有配置 WECHAT_PAY_MCHID，不能在线收费；不收费可以不管")
        return
    for one in await s.pay.probe():
        title = one.what if one.what.startswith("微信支付") else f"微信支付{one.what}"
        yield ok(title, one.text) if one.ok else bad(title, one.text)
