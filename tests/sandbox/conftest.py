"""A sandbox on a free port with a stopped clock, and a small service behind it that remembers its pushes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from playwright.async_api import Browser, BrowserContext, expect

from server.sandbox import crypto, xml
from server.sandbox.app import create_sandbox, serving
from server.sandbox.config import Account, SandboxConfig, Template
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

OA = Account(
    "oa", "wxsandboxoa1", "oa-secret", "oatoken", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "服务号"
)
MP = Account(
    "mp", "wxsandboxmp1", "mp-secret", "mptoken", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg", "小程序"
)
TEMPLATE = Template("T" * 43, "成绩公布", "oa", ("thing1", "time2"))
OPEN_TEMPLATE = Template("U" * 43, "通用提醒", "oa")
MP_TEMPLATE = Template("M" * 43, "进度提醒", "mp", ("thing1", "phrase2"))
CONFIG = SandboxConfig(
    accounts=(OA, MP),
    service_url="http://127.0.0.1:9",
    port=0,
    templates=(TEMPLATE, OPEN_TEMPLATE, MP_TEMPLATE),
    push_seconds=5.0,
    retry_pause=0.0,
)


@dataclass
class Arrival:
    """One push as the service saw it."""

    path: str
    query: dict[str, str]
    body: str

    def opened(self, account: Account = OA) -> dict[str, Any]:
        """The message inside, checked as a strict service would."""
        if self.query.get("encrypt_type") != "aes":
            return xml.read(self.body)
        sealed = str(xml.read(self.body)["Encrypt"])
        stamp, nonce = self.query["timestamp"], self.query["nonce"]
        assert crypto.signature(account.token, stamp, nonce, sealed) == self.query["msg_signature"]
        return xml.read(crypto.decrypt(account.aes_key, account.appid, sealed))


Answerer = Callable[[Arrival], Awaitable[web.StreamResponse]]


@dataclass
class Service:
    """What stands at the other end: remembers pushes and answers as it is told."""

    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    answer: Answerer | None = None
    files: dict[str, str] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.StreamResponse:
        arrival = Arrival(request.path, dict(request.query), await request.text())
        if request.path in self.files:
            return web.Response(text=self.files[request.path])
        if request.method == "GET" and (self.answer is None or "echostr" in request.query):
            return web.Response(text=request.query.get("echostr", "page"))
        self.arrivals.append(arrival)
        return await self.answer(arrival) if self.answer else web.Response(text="success")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    stand_in = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    await runner.cleanup()


@dataclass
class WeChat:
    """The running sandbox and a client for it."""

    url: str
    platform: Platform
    http: aiohttp.ClientSession

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        async with self.http.get(self.url + path, params=query, allow_redirects=False) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json(content_type=None))

    async def post(self, path: str, body: Any = None, **query: str) -> dict[str, Any]:
        async with self.http.post(self.url + path, params=query, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json(content_type=None))

    async def token(self, account: Account = OA) -> str:
        body = {"grant_type": "client_credential", "appid": account.appid, "secret": account.secret}
        return str((await self.post("/cgi-bin/stable_token", body))["access_token"])

    async def call(self, path: str, body: Any, account: Account = OA) -> dict[str, Any]:
        return await self.post(path, body, access_token=await self.token(account))

    def person(self, number: int = 1) -> Person:
        found = self.platform.people.get(f"p{number}")
        assert found is not None
        return found

    def openid(self, number: int = 1, account: Account = OA) -> str:
        return self.platform.openid(account, self.person(number))

    def follows(self, number: int = 1) -> None:
        self.platform.people.follow(OA, self.person(number), self.platform.clock.unix(), "ADD_SCENE_SEARCH")


async def running(config: SandboxConfig) -> AsyncIterator[WeChat]:
    app = create_sandbox(config)
    platform: Platform = app.ctx.platform
    platform.clock.stop()
    platform.clock.set(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    async with serving(app) as url, aiohttp.ClientSession() as http:
        yield WeChat(url, platform, http)
        async with asyncio.timeout(60):
            await platform.settle()


@pytest.fixture
async def wechat(service: Service) -> AsyncIterator[WeChat]:
    async for one in running(replace(CONFIG, service_url=service.url)):
        yield one


@pytest.fixture
async def impatient(service: Service) -> AsyncIterator[WeChat]:
    """The same, but a push is dropped after half a second instead of five."""
    async for one in running(replace(CONFIG, service_url=service.url, push_seconds=0.5)):
        yield one


def without_rid(answer: dict[str, Any]) -> dict[str, Any]:
    """An error answer without its random rid, which must be there."""
    message, _, rid = str(answer["errmsg"]).partition(" rid: ")
    assert len(rid) == 26, answer
    return {**answer, "errmsg": message}


@pytest.fixture
async def tabs(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1100, "height": 860})
    context.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    yield context
    await context.close()
