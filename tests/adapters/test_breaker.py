"""Redis away: told once, not asked in vain, counted without it, and found again."""

from __future__ import annotations

import pytest
import redis as redis_errors

from server.adapters import cache
from server.adapters.circuit_breaker import Breaker
from server.adapters.rate_limits import LocalRateLimiter, RedisRateLimiter
from server.errors import OutsideFailure
from tests.kit.proxy import before


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_a_failure_nobody_asks_for_a_while_and_then_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    time, said = Seconds(), []
    monkeypatch.setattr(
        "server.adapters.circuit_breaker.log.warning", lambda text, *words: said.append(text % words)
    )
    breaker = Breaker("Redis", pause=5.0, monotonic=time)
    assert breaker.may_ask()
    for _ in range(3):
        breaker.failed("TimeoutError")
    time.now += 4.9
    assert not breaker.may_ask()
    time.now += 0.2
    assert [breaker.may_ask() for _ in range(3)] == [True, False, False]
    breaker.failed("TimeoutError")
    time.now += 5.1
    assert [breaker.may_ask(), breaker.may_ask()] == [True, False]
    breaker.answered()
    assert [breaker.may_ask(), breaker.may_ask()] == [True, True]
    assert said == ["Redis is away (TimeoutError); going on without it", "Redis is back"]


def test_counters_of_one_process_end_with_their_window_and_are_bounded() -> None:
    time = Seconds()
    counters = LocalRateLimiter(room=3, monotonic=time)
    assert [counters.hit("a", 60) for _ in range(3)] == [1, 2, 3]
    counters.take_back("a")
    assert counters.count("a") == 2
    time.now += 60
    assert (counters.count("a"), counters.hit("a", 60)) == (0, 1)
    for key in "bcd":
        counters.hit(key, 60)
    assert [counters.count(key) for key in "abcd"] == [0, 1, 1, 1]
    counters.clear("d")
    counters.take_back("d")
    assert counters.count("d") == 0


async def test_limits_count_on_while_redis_is_away_and_share_again_after(redis_url: str) -> None:
    async with before(redis_url) as (url, proxy):
        client = cache.connect(url)
        client.connection_pool.breaker = Breaker("Redis", pause=0.0)  # type: ignore[attr-defined]
        counters = RedisRateLimiter(client)
        assert await counters.hit("a", window=60) == 1
        await proxy.refuse()
        assert [await counters.hit("a", window=60) for _ in range(2)] == [1, 2]
        await counters.take_back("a")
        assert await counters.count("a") == 1
        await proxy.open()
        assert await counters.hit("a", window=60) == 2
        await counters.take_back("a", "never")
        assert [await counters.count(key) for key in ("a", "never")] == [1, 0]
        await counters.clear("a")
        assert await counters.count("a") == 0
        await client.aclose()


async def test_cache_and_events_say_that_redis_is_away(redis_url: str) -> None:
    async with before(redis_url) as (url, proxy):
        client = cache.connect(url)
        store = cache.RedisCache(client)
        await store.set("k", b"1", seconds=60)
        await proxy.refuse()
        for verb in (
            store.get("k"),
            store.set("k", b"2", seconds=60),
            store.add("k", b"2", seconds=60),
            store.take("k"),
            store.delete("k"),
            cache.RedisEventBus(client).publish("a", {}),
        ):
            with pytest.raises(OutsideFailure):
                await verb
        await proxy.open()
        client.connection_pool.breaker.answered()  # type: ignore[attr-defined]
        assert await store.get("k") == b"1"
        await client.aclose()


async def test_a_connection_that_redis_closed_is_replaced_unnoticed(redis_url: str) -> None:
    """After a restart of Redis every connection of the pool is dead."""
    async with before(redis_url) as (url, proxy):
        client = cache.connect(url)
        store = cache.RedisCache(client)
        await store.set("k", b"1", seconds=60)
        await proxy.refuse()
        await proxy.open()
        assert await store.get("k") == b"1"
        await client.aclose()


async def test_a_no_of_redis_is_an_answer(redis_url: str) -> None:
    client = cache.connect(redis_url)
    with pytest.raises(redis_errors.ResponseError):
        await client.execute_command("NO-SUCH-COMMAND")
    assert client.connection_pool.breaker.may_ask()  # type: ignore[attr-defined]
    await client.aclose()
