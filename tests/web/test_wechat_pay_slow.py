"""A database that takes three seconds: every callback is answered by the clock, and in the end each is booked once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from server.domain.payments import notifications
from server.domain.ports import Services
from server.models import FeeOrder, FinanceAlarm, LedgerPosting, PayInboxEntry
from tests.kit import paying
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.proxy import Proxy, before
from tests.kit.quick_pay_platform import QuickPlatform
from tests.kit.web_process import web_process

SLOW = 3.0  # seconds, more than three times what an answer may take
ORDERS = 40


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> QuickPlatform:
    return QuickPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def slowed(
    services: Services, pay_platform: QuickPlatform, db: str, redis_url: str
) -> AsyncIterator[tuple[str, Proxy]]:
    """A real web process, its address, and the proxy between it and its database."""
    exchange(services, settings=pay_platform.settings(services.settings))
    async with before(db) as (url, proxy), web_process(services.settings, url, redis_url) as address:
        yield address, proxy
        proxy.delay = 0.0


async def said(platform: QuickPlatform, s: Services, pay: FakePay, number: str) -> bytes:
    told = pay._transaction(number)
    resource: dict[str, Any] = {
        "appid": told.appid,
        "mchid": told.mchid,
        "out_trade_no": number,
        "transaction_id": told.transaction_id,
        "trade_state": "SUCCESS",
        "success_time": s.clock.now().isoformat(),
        "amount": {"total": told.total_fen, "payer_total": told.total_fen, "currency": "CNY"},
    }
    return platform.notification("TRANSACTION.SUCCESS", resource)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_slow_database_delays_no_answer_and_loses_no_payment(
    services: Services, pay_platform: QuickPlatform, slowed: tuple[str, Proxy]
) -> None:
    s, (address, proxy) = services, slowed
    pay = FakePay(s.settings, s.clock)
    plan = await paying.priced(s)
    made = [await paying.ordered(s, pay, await paying.owing(s, plan)) for _ in range(ORDERS)]
    assert all(pay._pay(order.number) for order in made)
    bodies = [await said(pay_platform, s, pay, order.number) for order in made]
    pay_platform.clock.set(datetime.now(UTC))  # of the web process

    async with aiohttp.ClientSession() as session:

        async def sent(body: bytes) -> int:
            headers = pay_platform.headers(body)
            async with session.post(f"{address}/wechat/pay/notify", data=body, headers=headers) as answer:
                return answer.status

        proxy.delay = SLOW
        assert await asyncio.gather(*(sent(body) for body in bodies)) == [503] * ORDERS
        async with asyncio.timeout(60):  # what was under way is kept all the same, though nobody waits for it
            while not await PayInboxEntry.exists():
                await asyncio.sleep(0.05)
        proxy.delay = 0.0
        pay_platform.clock.set(datetime.now(UTC))
        async with asyncio.timeout(120):  # WeChat Pay sends again what was not answered 204, by its schedule
            waiting = bodies
            while waiting:
                statuses = [await sent(body) for body in waiting]
                assert set(statuses) <= {204, 503}
                waiting = [one for one, status in zip(waiting, statuses, strict=True) if status != 204]
    assert await PayInboxEntry.all().count() == ORDERS
    await notifications.sweep(paying.box(s))
    assert [order.state for order in await FeeOrder.all()] == ["paid"] * ORDERS
    assert (await LedgerPosting.all().count(), await FinanceAlarm.all().count()) == (ORDERS, 0)
    await paying.check_books()
