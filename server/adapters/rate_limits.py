"""Counters with a window: in Redis, shared by all processes, and in this process for as long as Redis is away."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from redis import asyncio as aioredis
from redis.exceptions import RedisError

from server.adapters.redis_client import COUNTED

MOST_KEYS = 50_000


class LocalRateLimiter:
    """Counters of this process alone, bounded: the ones begun longest ago are forgotten first.

    Args:
        room: how many keys are kept.
        monotonic: seconds that never jump; tests bring their own.
    """

    def __init__(self, *, room: int = MOST_KEYS, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._room = room
        self._monotonic = monotonic
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()  # key → count, end of its window

    def hit(self, key: str, window: int) -> int:
        now = self._monotonic()
        count, ends = self._counts.get(key, (0, 0.0))
        if ends <= now:
            self._counts.pop(key, None)
            count, ends = 0, now + window
        self._counts[key] = (count + 1, ends)
        while len(self._counts) > self._room:
            self._counts.popitem(last=False)
        return count + 1

    def count(self, key: str) -> int:
        count, ends = self._counts.get(key, (0, 0.0))
        return count if ends > self._monotonic() else 0

    def take_back(self, key: str) -> None:
        count, ends = self._counts.get(key, (0, 0.0))
        if count > 0:
            self._counts[key] = (count - 1, ends)

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


class RedisRateLimiter:
    """Implements the RateLimiter port. Never fails: while Redis is away each process counts for itself."""

    def __init__(self, redis: aioredis.Redis) -> None:
        self._redis = redis
        self._local = LocalRateLimiter()
        self._hit = redis.register_script(
            "local n = redis.call('INCR', KEYS[1])\n"
            "if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end\n"
            "return n"
        )
        self._take_back = redis.register_script(
            "local n = tonumber(redis.call('GET', KEYS[1]) or '0')\n"
            "if n > 0 then redis.call('DECR', KEYS[1]) end\n"
            "return n"
        )

    async def hit(self, key: str, *, window: int) -> int:
        try:
            return int(await self._hit(keys=[_name(key)], args=[window]))
        except RedisError:
            return self._local.hit(key, window)

    async def count(self, key: str) -> int:
        try:
            return int(await self._redis.get(_name(key)) or 0)
        except RedisError:
            return self._local.count(key)

    async def take_back(self, *keys: str) -> None:
        for key in keys:
            self._local.take_back(key)
            try:
                await self._take_back(keys=[_name(key)])
            except RedisError:
                continue

    async def clear(self, *keys: str) -> None:
        for key in keys:
            self._local.clear(key)
        try:
            if keys:
                await self._redis.delete(*map(_name, keys))
        except RedisError:
            return


def _name(key: str) -> str:
    return COUNTED + key
