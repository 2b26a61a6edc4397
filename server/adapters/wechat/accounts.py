"""One account of ours at WeChat: its token, and the calls made in its name through wechatpy's classes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from redis import asyncio as aioredis
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatException

from server.adapters.wechat import bridge
from server.adapters.wechat.call_log import Books
from server.adapters.wechat.errors import STABLE_TOKEN, TOKEN_ERRORS
from server.adapters.wechat.tokens import TokenKeeper
from server.adapters.wechat.transport import OFFICIAL, SECONDS, Transport, checked
from server.domain.ports import Clock
from server.errors import OutsideFailure, WeChatRefused

T = TypeVar("T")

log = logging.getLogger("xcert.wechat")

BUSY = -1
READ_PAUSE_SECONDS = 0.3  # before a read is asked once more


class Client(WeChatClient):  # type: ignore[misc]  # wechatpy publishes no types
    """wechatpy's client with our transport, our token and no repeats of its own."""

    def __init__(self, appid: str, secret: str, transport: Transport, tokens: TokenKeeper) -> None:
        super().__init__(appid, secret, auto_retry=False)
        self._http.close()  # wechatpy opened a pool of its own
        self._http: Any = transport
        self._tokens = tokens

    @property
    def access_token(self) -> str:
        return bridge.wait(self._tokens.get())

    def fetch_access_token(self) -> None:
        raise RuntimeError("the token keeper alone fetches tokens")


class Account:
    """One appid (`kind`: oa, mp): its token and the calls made in its name."""

    def __init__(
        self,
        kind: str,
        appid: str,
        secret: str,
        api_url: str,
        redis: aioredis.Redis,
        clock: Clock,
        *,
        seconds: float = SECONDS,
    ) -> None:
        """`seconds`: how long one call may take."""
        self.kind, self.appid, self.secret = kind, appid, secret
        self.books = Books(redis, clock, kind, appid)
        self.transport = Transport(api_url, seconds=seconds, books=self.books)
        self.tokens = TokenKeeper(redis, clock, appid, self.fetch_token)
        self.client = Client(appid, secret, self.transport, self.tokens)

    async def close(self) -> None:
        await self.transport.close()

    async def fetch_token(self) -> tuple[str, int]:
        asked = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            "force_refresh": False,
        }
        told = await self.transport.call("POST", STABLE_TOKEN, data=asked)
        try:
            return str(told["access_token"]), int(told["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise OutsideFailure("微信没有给出访问凭证") from None

    async def call(self, work: Callable[[Client], T]) -> T:
        """Run a method of wechatpy; a token that WeChat refuses is renewed once and the call made once more."""
        for is_last in (False, True):
            try:
                return await bridge.run(lambda: work(self.client))
            except WeChatException as problem:
                if problem.errcode in TOKEN_ERRORS and not is_last:
                    await self.tokens.renew(_token_of(problem))
                    continue
                raise WeChatRefused(int(problem.errcode or 0), str(problem.errmsg)) from None
            except (
                ValueError,
                TypeError,
                AttributeError,
            ) as problem:  # wechatpy does not expect every answer
                log.warning("an answer that cannot be read: %s", type(problem).__name__)
                raise OutsideFailure("微信的回答无法理解", unknown=True) from None
        raise AssertionError("unreachable")

    async def post(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        """A call that may change something, for what wechatpy has no method; its answer is JSON.

        Raises:
            WeChatRefused: WeChat said no.
            OutsideFailure: `unknown` when WeChat may have done it nevertheless.
        """
        return as_json(await self.call(lambda client: client.post(OFFICIAL + path, data=data)))

    async def read(self, work: Callable[[Client], Any]) -> dict[str, Any]:
        """A call that changes nothing: asked once more when no answer came, or WeChat was busy (-1)."""
        try:
            return as_json(await self.call(work))
        except WeChatRefused as refusal:
            if refusal.errcode != BUSY:
                raise
            await asyncio.sleep(READ_PAUSE_SECONDS)
        except OutsideFailure as failure:
            if not failure.unknown:
                raise
        return as_json(await self.call(work))


def as_json(told: Any) -> dict[str, Any]:
    """What WeChat told, which must be JSON. A page of some proxy says nothing of what WeChat did."""
    if not isinstance(told, dict):
        raise OutsideFailure("微信的回答无法理解", unknown=True)
    return checked(told)


def _asked(problem: WeChatException) -> dict[str, Any]:
    """What was asked: wechatpy hands on what the transport put into its answer."""
    return getattr(problem, "request", None) or {}


def _token_of(problem: WeChatException) -> str:
    return str(_asked(problem).get("params", {}).get("access_token", ""))
