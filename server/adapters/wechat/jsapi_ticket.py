"""What a page needs for the JS-SDK: a kept ticket, and the signature made with it (wechat.md §3.2)."""

from __future__ import annotations

import hashlib
import secrets

from redis import asyncio as aioredis

from server.adapters.wechat.account import Account
from server.adapters.wechat.tokens import TokenKeeper
from server.domain.ports import Clock
from server.errors import OutsideFailure

TICKET = "/cgi-bin/ticket/getticket"


class Tickets:
    """The jsapi_ticket of one service account, shared by all processes."""

    def __init__(self, account: Account, redis: aioredis.Redis, clock: Clock) -> None:
        self._account, self._clock = account, clock
        self._keeper = TokenKeeper(redis, clock, account.appid, self._fetch, kind="jsapi")

    async def _fetch(self) -> tuple[str, int]:
        answer = await self._account.read(TICKET, params={"type": "jsapi"})
        try:
            return str(answer["ticket"]), int(answer["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise OutsideFailure("微信没有给出 JS-SDK 票据") from None

    async def config(self, url: str, *, renew: bool = False) -> dict[str, str | int]:
        """What wx.config needs for a page: {appId, timestamp, nonceStr, signature}."""
        ticket = await self._keeper.get()
        if renew:
            ticket = await self._keeper.renew(ticket)
        stamp, nonce = int(self._clock.now().timestamp()), secrets.token_hex(8)
        return {
            "appId": self._account.appid,
            "timestamp": stamp,
            "nonceStr": nonce,
            "signature": js_signature(ticket, nonce, stamp, url),
        }


def js_signature(ticket: str, nonce: str, timestamp: int, url: str) -> str:
    """The signature of wx.config: keys in lower case and alphabetical order, the page without its fragment."""
    page = url.partition("#")[0]
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
