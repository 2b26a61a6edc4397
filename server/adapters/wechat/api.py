"""WeChat's ports on one service account and one mini-program, each call in the file of its noun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redis import asyncio as aioredis

from server.adapters.otlp_tracing import CallTrace
from server.adapters.wechat import (
    code_exchange,
    menus,
    messages,
    qrcodes,
    quota_report,
    reachability,
    sending,
    templates,
)
from server.adapters.wechat.account import Account
from server.adapters.wechat.jsapi_ticket import Tickets
from server.adapters.wechat.transport import SECONDS
from server.domain.ports import (
    Alarm,
    ApiUsage,
    Cache,
    Clock,
    ClosedApi,
    MessageTemplate,
    Push,
    Reachability,
    TokenStanding,
    Tracing,
    WeChatCalls,
    WeChatIdentity,
)
from server.settings import Settings


class WeChatApi:
    """Implements every port of `server.domain.ports.wechat` for one official account and one mini-program."""

    def __init__(
        self,
        settings: Settings,
        redis: aioredis.Redis,
        cache: Cache,
        clock: Clock,
        *,
        seconds: float = SECONDS,
        seal: code_exchange.Seal | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`seconds`: how long one call to WeChat may take. `seal`: how session keys are kept; without it none is."""
        self._seal = seal
        self._settings, self._cache, self._clock = settings, cache, clock
        url = settings.api_url
        self._oa = Account("oa", settings.oa_appid, settings.oa_secret, url, redis, clock, seconds=seconds)
        self._mp = Account("mp", settings.mp_appid, settings.mp_secret, url, redis, clock, seconds=seconds)
        for one in (self._oa, self._mp):
            one.transport.trace = CallTrace(tracing)
        self._tickets = Tickets(self._oa, redis, clock)
        self._pushing = messages.accounts(settings)

    async def close(self) -> None:
        await self._oa.close()
        await self._mp.close()

    def account(self, kind: str) -> Account:
        """`oa` or `mp`."""
        return {"oa": self._oa, "mp": self._mp}[kind]

    # Pushes

    def echo(self, account: str, query: Mapping[str, str]) -> str:
        return messages.echo(self._pushing[account], query)

    def open_push(self, account: str, query: Mapping[str, str], body: bytes) -> Push:
        return messages.open_push(self._pushing[account], query, body)

    def answer(self, push: Push, text: str, *, now: int) -> bytes:
        return messages.answer(self._pushing[push.account], push, text, now=now)

    # Who somebody is

    def authorize_url(self, redirect_uri: str, state: str) -> str:
        return code_exchange.authorize_url(self._oa, self._settings.open_url, redirect_uri, state)

    async def exchange_oauth_code(self, code: str) -> WeChatIdentity:
        return await code_exchange.oauth_identity(self._oa, code)

    async def exchange_login_code(self, code: str) -> WeChatIdentity:
        return await code_exchange.login_identity(self._mp, self._cache, code, seal=self._seal)

    async def phone_number(self, code: str) -> str:
        return await code_exchange.phone_number(self._mp, code)

    # Messages

    async def send_template(
        self, openid: str, template: str, fields: Mapping[str, str], *, url: str | None, dedup_id: str
    ) -> str:
        return await sending.template(self._oa, openid, template, fields, url=url, dedup_id=dedup_id)

    async def send_subscription(
        self, account: str, openid: str, template: str, fields: Mapping[str, str], *, page: str | None
    ) -> str:
        state = "developer" if self._settings.uses_sandbox else "formal"
        return await sending.subscription(
            self.account(account), openid, template, fields, page=page, state=state
        )

    async def send_text(self, account: str, openid: str, text: str) -> None:
        await sending.text(self.account(account), openid, text)

    # Console

    async def create_menu(self, menu: Mapping[str, Any]) -> None:
        await menus.create(self._oa, menu)

    async def current_menu(self) -> Mapping[str, Any] | None:
        return await menus.current(self._oa)

    async def templates(self, account: str) -> list[MessageTemplate]:
        return await templates.of(self.account(account))

    # Ways in

    async def scan_code_image(self, scene: str) -> bytes:
        return await qrcodes.unlimited(self._mp, scene, version=self._version)

    async def url_link(self, path: str, query: str, *, seconds: int) -> str:
        now = int(self._clock.now().timestamp())
        return await qrcodes.url_link(
            self._mp, path, query, until=now + seconds, now=now, version=self._version
        )

    async def js_config(self, url: str, *, renew: bool = False) -> dict[str, str | int]:
        return await self._tickets.config(url, renew=renew)

    @property
    def _version(self) -> str:
        return "develop" if self._settings.uses_sandbox else "release"

    # For operators

    async def calls(self) -> list[WeChatCalls]:
        return await self._oa.books.quota.outcomes()  # those of both accounts

    async def usage(self, account: str) -> list[ApiUsage]:
        return await quota_report.usage(self.account(account))

    async def closed(self, account: str) -> list[ClosedApi]:
        one = self.account(account)
        return await one.books.quota.closed(one.appid)

    async def clear(self, account: str) -> None:
        await quota_report.clear(self.account(account))

    async def check_credentials(self, account: str) -> None:
        await self.account(account).fetch_token()

    def seconds_ahead(self, account: str) -> float | None:
        return self.account(account).transport.ahead

    async def reachability(self) -> Reachability | None:
        return await reachability.reached(self._oa)

    async def tokens(self) -> list[TokenStanding]:
        return [await one.standing() for one in (self._oa, self._mp)]

    async def alarms(self) -> list[Alarm]:
        return await self._oa.books.alarms.last()  # those of both accounts
