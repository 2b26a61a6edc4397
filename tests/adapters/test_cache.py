"""Redis: values that end, counters with a window, events between processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from server.adapters import cache
from server.adapters import rate_limits as limits_of
from server.errors import OutsideFailure


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = cache.connect(redis_url)
    yield client
    await client.aclose()


async def test_a_value_is_added_once_and_taken_once(redis: Redis) -> None:
    store = cache.RedisCache(redis)
    assert [await store.add("k", b"1", seconds=60), await store.add("k", b"2", seconds=60)] == [True, False]
    assert [await store.take("k"), await store.take("k")] == [[b"1"], [None]]


async def test_values_are_set_with_an_end_and_deleted(redis: Redis) -> None:
    store = cache.RedisCache(redis)
    await store.set("k", b"1", seconds=60)
    assert 59_000 < await redis.pttl("xcert:cache:k") <= 60_000
    assert await store.get("k") == b"1"
    await store.delete("k", "other")
    assert await store.get("k") is None


async def test_a_counter_ends_with_its_window(redis: Redis) -> None:
    limits = limits_of.RedisRateLimiter(redis)
    assert [await limits.hit("a", window=60) for _ in range(3)] == [1, 2, 3]
    assert await limits.count("a") == 3
    assert 0 < await redis.ttl("xcert:limit:a") <= 60
    await limits.clear("a")
    assert await limits.count("a") == 0


async def test_a_thousand_hits_at_once_are_a_thousand(redis: Redis) -> None:
    limits = limits_of.RedisRateLimiter(redis)
    counts = await asyncio.gather(*(limits.hit("a", window=60) for _ in range(1000)))
    assert sorted(counts) == list(range(1, 1001))


async def test_a_listener_hears_what_follows(redis: Redis) -> None:
    live = cache.RedisEventBus(redis)
    async with live.listen("issuance:1") as events:
        await live.publish("issuance:2", {"event": "other"})
        await live.publish("issuance:1", {"event": "opened"})
        assert await anext(events) == {"event": "opened"}


async def test_however_many_listen_nobody_else_waits_for_a_connection(redis_url: str) -> None:
    client = cache.connect(redis_url, connections=2)
    live, limits = cache.RedisEventBus(client, listeners=8), limits_of.RedisRateLimiter(client)
    async with AsyncExitStack() as pages:
        heard = [await pages.enter_async_context(live.listen("issuance:1")) for _ in range(8)]
        assert await limits.hit("a", window=60) == 1
        await live.publish("issuance:1", {"event": "opened"})
        assert [await anext(events) for events in heard] == [{"event": "opened"}] * 8
        with pytest.raises(OutsideFailure):
            await pages.enter_async_context(live.listen("issuance:1"))
    async with live.listen("issuance:1"):
        listening = await client.pubsub_numsub("live:issuance:1")
    assert listening == [(b"live:issuance:1", 1)]
    await client.aclose()


async def test_everything_can_be_forgotten(redis: Redis, redis_url: str) -> None:
    await cache.RedisCache(redis).set("k", b"1", seconds=60)
    await cache.forget(redis_url)
    assert await redis.dbsize() == 0
