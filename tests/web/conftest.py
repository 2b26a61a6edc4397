"""Service and WeChat over real HTTP, both ways: the in-process sandbox pushes to us, and we call it."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sanic import Sanic

from server import worker
from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.app import create_app
from server.domain.auth import web_login
from server.domain.ports import Services
from server.models import Certificate
from server.sandbox import chat as phone
from server.sandbox.app import create_sandbox, serving
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import wechat_ports
from tests.kit.fakes import FakeClock, ListQueue
from tests.kit.h5 import ME
from tests.kit.jobs import drained
from tests.kit.sandbox_config import from_settings


@asynccontextmanager
async def listening(app: Sanic[Any, Any], line: socket.socket) -> AsyncIterator[None]:
    server = await app.create_server(sock=line, return_asyncio_server=True)
    assert server is not None
    await server.startup()
    await server.before_start()
    await server.start_serving()
    try:
        yield
    finally:
        await server.close()


@dataclasses.dataclass
class World:
    services: Services
    platform: Platform

    @property
    def person(self) -> Person:
        found = self.platform.people.get("p1")
        assert found is not None
        return found

    @property
    def openid(self) -> str:
        account = self.platform.account("oa")
        assert account is not None
        return self.platform.openid(account, self.person)

    async def settled(self) -> None:
        async with asyncio.timeout(60):
            await self.platform.settle()

    def lines(self, kind: str = "oa") -> list[tuple[str, str]]:
        """Who (person, account, system) wrote what in the chat with our account `kind`, oldest first."""
        account = self.platform.account(kind)
        assert account is not None
        shown = phone.lines(self.platform, account, self.person)
        return [(line["from"], line["text"]) for line in shown if "text" in line]

    def said(self, kind: str = "oa") -> list[str]:
        """What the account wrote to the person, oldest first."""
        return [text for who, text in self.lines(kind) if who == "account"]

    def verdicts(self) -> list[str]:
        """What WeChat thought of our answers to its pushes."""
        return [row["verdict"] for row in self.platform.timeline.rows() if row["direction"] == "push"]

    async def jobs(self) -> None:
        """Workers do what is there."""
        assert isinstance(self.services.queue, ListQueue)
        await self.services.queue.drain(self.services, worker.TASKS)

    def forward(self, seconds: float) -> None:
        """Time passes, for WeChat and for us."""
        assert isinstance(self.services.clock, FakeClock)
        self.services.clock.forward(seconds=seconds)
        self.platform.clock.forward(seconds)


@pytest.fixture
async def world(services: Services, redis_url: str) -> AsyncIterator[World]:
    client = cache.connect(redis_url)
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        exchange(
            services,
            settings=dataclasses.replace(
                services.settings, public_url=f"http://127.0.0.1:{line.getsockname()[1]}"
            ),
        )
        config = dataclasses.replace(
            from_settings(services.settings), port=0, data_path=None, retry_pause=0.0
        )
        sandbox = create_sandbox(config)
        sandbox.ctx.platform.clock.stop()
        sandbox.ctx.platform.clock.set(services.clock.now())
        async with serving(sandbox) as url:
            exchange(services, settings=dataclasses.replace(services.settings, api_url=url, open_url=url))
            api = WeChatApi(services.settings, client, cache.RedisCache(client), services.clock)
            exchange(services, **wechat_ports(api))
            async with listening(create_app(services.settings, services), line):
                yield World(services, sandbox.ctx.platform)
                await sandbox.ctx.platform.settle()
            await api.close()
    await client.aclose()


@pytest.fixture
async def certificate(services: Services) -> Certificate:
    """欧阳慧敏's, issued and valid."""
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    return await Certificate.get(candidate__name="欧阳慧敏")


@pytest.fixture
def me(services: Services) -> dict[str, str]:
    token = web_login.session_for(services, ME)
    return {"cookie": f"{SESSION_COOKIE}={token}", "accept": "text/html"}
