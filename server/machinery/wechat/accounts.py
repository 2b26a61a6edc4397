"""One account of ours at WeChat: its token, and the calls made in its name through wechatpy's classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from redis import asyncio as aioredis
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatException

from server.domain.ports import Clock
from server.errors import OutsideFailure
from server.machinery.wechat import bridge
from server.machinery.wechat.errors import TOKEN_ERRORS
from server.machinery.wechat.tokens import TokenKeeper
from server.machinery.wechat.transport import OFFICIAL, Transport, checked, refuse

T = TypeVar("T")


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
        transport: Transport,
        redis: aioredis.Redis,
        clock: Clock,
    ) -> None:
        self.kind, self.appid, self.secret, self.transport = kind, appid, secret, transport
        self.tokens = TokenKeeper(redis, clock, appid, self._fetch)
        self.client = Client(appid, secret, transport, self.tokens)

    async def _fetch(self) -> tuple[str, int]:
        asked = {
            "grant_type": "client_credential",
            "appid": self.appid,
            "secret": self.secret,
            "force_refresh": False,
        }
        told = await self.transport.call("POST", "/cgi-bin/stable_token", data=asked)
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
                refuse(int(problem.errcode or 0), str(problem.errmsg), _asked(problem).get("path", ""))
        raise AssertionError("unreachable")

    async def post(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        """A call that may change something, for what wechatpy has no method; its answer is JSON.

        Raises:
            WeChatRefused: WeChat said no.
            OutsideFailure: `unknown` when WeChat may have done it nevertheless.
        """
        return as_json(await self.call(lambda client: client.post(OFFICIAL + path, data=data)), path)

    async def read(self, work: Callable[[Client], Any], path: str) -> dict[str, Any]:
        """A call that changes nothing: asked once more when no answer came."""
        try:
            return as_json(await self.call(work), path)
        except OutsideFailure as failure:
            if not failure.unknown:
                raise
        return as_json(await self.call(work), path)


def as_json(told: Any, path: str) -> dict[str, Any]:
    """What WeChat told, which must be JSON. A page of some proxy says nothing of what WeChat did."""
    if not isinstance(told, dict):
        raise OutsideFailure("微信的回答无法理解", unknown=True)
    return checked(told, path)


def _asked(problem: WeChatException) -> dict[str, Any]:
    """What was asked: wechatpy hands on what the transport put into its answer."""
    return getattr(problem, "request", None) or {}


def _token_of(problem: WeChatException) -> str:
    return str(_asked(problem).get("params", {}).get("access_token", ""))
