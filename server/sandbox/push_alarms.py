"""What WeChat does when pushes fail: it names an alarm, and after many failures it stops for a minute (wechat.md §1.4)."""

from __future__ import annotations

import aiohttp

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.platform import Platform


def name_of(error: Exception) -> str:
    """What WeChat's alarm group would call it (DOC 《接口报警和排查指引》)."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "DNS 失败"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "连接超时"
    if isinstance(error, TimeoutError):
        return "请求超时"
    return "连接失败" if isinstance(error, aiohttp.ClientConnectorError) else "响应失败"


def is_blocked(platform: Platform, account: Account) -> bool:
    """Whether nothing is pushed to this account at present."""
    block = platform.store.get("push.blocked", account.appid)
    return block is not None and block["until"] > platform.clock.now()


def count(platform: Platform, account: Account, *, failed: bool) -> None:
    """After many failures in a row nothing is pushed for about a minute (wechat.md §1.4)."""
    most = platform.switchboard.now.push_block_after
    if not failed or not most:
        platform.store.drop("counter.push.failed", account.appid)
    elif platform.store.count("push.failed", account.appid) >= most:
        until = platform.clock.now() + limits.PUSH_BLOCK_SECONDS
        platform.store.put("push.blocked", account.appid, {"until": until})
        platform.store.drop("counter.push.failed", account.appid)
