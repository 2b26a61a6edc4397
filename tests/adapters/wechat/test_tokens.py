"""The access token has one owner at a time, whatever processes do (wechat.md §2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis import asyncio as aioredis

from server.adapters import cache
from server.adapters.wechat.errcodes import refusal_of
from server.adapters.wechat.tokens import AHEAD, TokenKeeper
from server.errors import OutsideFailure, WeChatRefused
from tests.kit.fakes import FakeClock


class Bank:
    """WeChat's stable_token: counts calls, gives tokens in order."""

    def __init__(self, seconds: int = 7200) -> None:
        self.calls = 0
        self.seconds = seconds
        self.gate: asyncio.Event | None = None
        self.failure: Exception | None = None

    async def fetch(self) -> tuple[str, int]:
        self.calls += 1
        mine = self.calls
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"token-{mine}", self.seconds


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[aioredis.Redis]:
    client = cache.connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def bank() -> Bank:
    return Bank()


def keeper(redis: aioredis.Redis, clock: FakeClock, bank: Bank) -> TokenKeeper:
    """One process."""
    return TokenKeeper(redis, clock, "wx1", bank.fetch)


async def test_many_callers_in_many_processes_fetch_once(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    processes = [keeper(redis, clock, bank) for _ in range(4)]
    got = await asyncio.gather(*(processes[n % 4].get() for n in range(40)))
    assert (set(got), bank.calls) == ({"token-1"}, 1)


async def test_renewed_ahead_of_its_end(redis: aioredis.Redis, clock: FakeClock, bank: Bank) -> None:
    one = keeper(redis, clock, bank)
    await one.get()
    clock.forward(seconds=7200 - AHEAD - 1)
    assert await one.get() == "token-1"
    clock.forward(seconds=1)
    assert await one.get() == "token-2"


async def test_while_one_renews_the_others_use_what_still_works(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    first, second = keeper(redis, clock, bank), keeper(redis, clock, bank)
    await first.get()
    clock.forward(seconds=7200 - AHEAD + 10)
    bank.gate = asyncio.Event()
    renewing = asyncio.create_task(first.get())
    while bank.calls < 2:
        await asyncio.sleep(0)
    assert await second.get() == "token-1"
    bank.gate.set()
    assert await renewing == "token-2"
    assert await second.get() == "token-2"


async def test_a_refused_token_is_renewed_once_for_everybody(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    processes = [keeper(redis, clock, bank) for _ in range(4)]
    old = await processes[0].get()
    got = await asyncio.gather(*(process.renew(old) for process in processes))
    assert (set(got), bank.calls) == ({"token-2"}, 2)
    assert await processes[3].renew(old) == "token-2"  # told late: somebody renewed it already
    assert bank.calls == 2


async def test_an_owner_that_slept_cannot_put_an_old_token_back(
    redis: aioredis.Redis, clock: FakeClock
) -> None:
    slow, quick = Bank(), Bank()
    quick.calls = 100
    slow.gate = asyncio.Event()
    sleeper = asyncio.create_task(keeper(redis, clock, slow).get())
    while slow.calls < 1:
        await asyncio.sleep(0)
    await redis.delete("wechat:access:wx1:lock")  # its lock ran out
    other = keeper(redis, clock, quick)
    assert await other.get() == "token-101"
    slow.gate.set()
    assert await sleeper == "token-1"
    assert await other.get() == "token-101"


async def test_a_failed_fetch_frees_the_lock(redis: aioredis.Redis, clock: FakeClock, bank: Bank) -> None:
    bank.failure = OutsideFailure("无法连接微信")
    one = keeper(redis, clock, bank)
    with pytest.raises(OutsideFailure):
        await one.get()
    bank.failure = None
    assert await keeper(redis, clock, bank).get() == "token-2"


async def test_without_redis_each_process_asks_for_itself(clock: FakeClock, bank: Bank) -> None:
    """stable_token gives the same token to all, so this only costs calls."""
    gone = cache.connect("redis://127.0.0.1:1/0")
    one = keeper(gone, clock, bank)
    assert [await one.get(), await one.get()] == ["token-1", "token-1"]
    assert await one.renew("token-1") == "token-2"
    await gone.aclose()


async def test_a_token_that_ended_is_not_given_out(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    one = keeper(redis, clock, bank)
    await one.get()
    clock.forward(seconds=7200)
    bank.failure = OutsideFailure("无法连接微信")
    with pytest.raises(OutsideFailure):
        await one.get()


async def test_the_same_token_given_again_is_not_asked_for_again_and_again(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    """WeChat refuses a token and stable_token gives it again: one renewal in thirty seconds, for all processes."""

    async def same() -> tuple[str, int]:
        bank.calls += 1
        return "token", 7200

    processes = [TokenKeeper(redis, clock, "wx1", same) for _ in range(3)]
    await processes[0].get()
    got = await asyncio.gather(*(processes[n % 3].renew("token") for n in range(9)))
    assert (set(got), bank.calls) == ({"token"}, 2)
    clock.forward(seconds=31)
    assert (await processes[1].renew("token"), bank.calls) == ("token", 3)


async def test_a_refusal_is_remembered_for_everybody_and_not_for_long(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    bank.failure = refusal_of(40125, "invalid appsecret rid: 1")
    processes = [keeper(redis, clock, bank) for _ in range(2)]
    for number in range(6):
        with pytest.raises(WeChatRefused) as refused:
            await processes[number % 2].get()
        assert (refused.value.errcode, refused.value.errmsg) == (40125, "invalid appsecret rid: 1")
    assert bank.calls == 1
    assert 0 < await redis.ttl("wechat:access:wx1:pause") <= 15
    await redis.delete("wechat:access:wx1:pause")
    bank.failure = None
    assert await processes[0].get() == "token-2"


async def test_a_refusal_that_passes_is_not_remembered(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    bank.failure = refusal_of(-1, "system error")
    one = keeper(redis, clock, bank)
    with pytest.raises(WeChatRefused):
        await one.get()
    bank.failure = None
    assert await one.get() == "token-2"


async def test_what_still_works_is_used_when_the_next_does_not_come(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank
) -> None:
    one = keeper(redis, clock, bank)
    await one.get()
    clock.forward(seconds=7200 - AHEAD + 1)
    bank.failure = OutsideFailure("微信没有及时回答", unknown=True)
    assert await one.get() == "token-1"
    bank.failure = refusal_of(40125, "invalid appsecret")
    assert await one.get() == "token-1"
    clock.forward(seconds=AHEAD)
    with pytest.raises(WeChatRefused):
        await one.get()


@pytest.mark.parametrize("apart", [-3 * 3600, -600, 600, 3 * 3600])
async def test_clocks_apart_cost_a_fetch_and_nothing_else(
    redis: aioredis.Redis, clock: FakeClock, bank: Bank, apart: int
) -> None:
    """The other machine's clock is wrong: each gets a token, a refused one is renewed, and nobody asks for ever."""
    wrong = FakeClock(clock.now() + timedelta(seconds=apart))
    here, there = keeper(redis, clock, bank), keeper(redis, wrong, bank)
    for _ in range(20):
        assert (await here.get()).startswith("token-") and (await there.get()).startswith("token-")
    assert bank.calls <= 2
    latest = await here.get()
    renewed = {await there.renew(latest), await here.renew(latest)}
    assert bank.calls <= 4 and latest not in renewed
