"""Our service, listening, and WeChat Pay of a sandbox over real HTTP, on one clock."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from server.adapters.wechat.pay import WeChatPay
from server.app import create_app
from server.domain.ports import Services
from server.domain.ports.payments import PayNotification, PayOrder
from server.sandbox.app import create_sandbox, serving
from server.sandbox.pay import notifications, orders
from server.sandbox.pay.desk import PayDesk
from server.sandbox.wechat_users import Person
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock
from tests.kit.pay_platform import PayPlatform
from tests.kit.sandbox_config import from_settings
from tests.web.conftest import listening

NUMBER = "xc202611230001"


@dataclass
class World:
    """Our gateway `pay`, the sandbox's `desk`, and what an inbox of the test has `taken`."""

    services: Services
    pay: WeChatPay
    desk: PayDesk
    taken: list[PayNotification]

    @property
    def person(self) -> Person:
        found = self.desk.platform.people.get("p1")
        assert found is not None
        return found

    def openid(self, kind: str = "mp") -> str:
        account = self.desk.platform.account(kind)
        assert account is not None
        return self.desk.platform.openid(account, self.person)

    def order(self, number: str = NUMBER, account: str = "mp", **more: Any) -> PayOrder:
        until = self.services.clock.now() + timedelta(hours=2)
        return PayOrder(account, number, "考务费", 100, until, **more)

    async def ordered(self, number: str = NUMBER) -> str:
        return await self.pay.order_jsapi(self.order(number), openid=self.openid())

    async def paid(self, number: str = NUMBER) -> None:
        assert orders.pay(self.desk, number, self.person) is not None
        await self.settled()

    async def settled(self) -> None:
        async with asyncio.timeout(60):
            await self.desk.settle()

    def forward(self, seconds: float) -> None:
        assert isinstance(self.services.clock, FakeClock)
        self.services.clock.forward(seconds=seconds)
        self.desk.clock.forward(seconds)

    def notes(self) -> list[tuple[str, str, int]]:
        return [(n["event"], n["state"], n["sent"]) for n in notifications.everything(self.desk)]

    def turn(self, **switches: Any) -> None:
        self.desk.switchboard.turn(switches)


@asynccontextmanager
async def pay_world(services: Services, platform: PayPlatform) -> AsyncIterator[World]:
    """Both sides, on the clock of `services`."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        public = f"http://127.0.0.1:{line.getsockname()[1]}"
        settings = platform.settings(services.settings, public_url=public, data_dir=platform.folder)
        sandbox = create_sandbox(replace(from_settings(settings), port=0, data_path=None))
        sandbox.ctx.platform.clock.stop()
        sandbox.ctx.platform.clock.set(services.clock.now())
        async with serving(sandbox) as url:
            exchange(services, settings=replace(settings, pay_url=url))
            pay = WeChatPay(services.settings, services.clock, seconds=15)
            exchange(services, pay=pay)
            async with listening(create_app(services.settings, services), line):
                yield World(services, pay, sandbox.ctx.pay, [])
                await sandbox.ctx.pay.settle()
            await pay.close_connections()
