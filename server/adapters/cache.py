"""Redis: ready bytes, and live events between processes. Counters are in `limits`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from redis import asyncio as aioredis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from server import store_urls
from server.adapters.redis_client import CACHED, COUNTED, connect
from server.errors import OutsideFailure

__all__ = [
    "Denied",
    "NoMaster",
    "NotEncrypted",
    "RedisCache",
    "RedisEventBus",
    "answers",
    "connect",
    "forget",
]

KEEP_ALIVE_SECONDS = 15


async def forget(url: str, *, certificates: str = "") -> None:
    """Delete the ready answers and counters of this service, and nothing that is another's. It only costs time.

    WeChat's tokens, quotas and alarms (`wechat:…`) stay: they are true whatever the database says.
    """
    client = connect(url, certificates=certificates, connections=1)
    try:
        for prefix in (CACHED, COUNTED):
            names = [name async for name in client.scan_iter(match=f"{prefix}*", count=1000)]
            for start in range(0, len(names), 1000):
                await client.delete(*names[start : start + 1000])
    finally:
        await client.aclose()


class Denied(ConnectionError):
    """Redis does not let us in."""


class NotEncrypted(ConnectionError):
    """No encrypted connection could be made that is to whom it should be."""


class NoMaster(ConnectionError):
    """The sentinels are there, and name nobody: one is being chosen, or they know no service of this name."""


async def answers(url: str, *, certificates: str = "") -> None:
    """Ask Redis for an answer, once.

    Raises:
        ConnectionError: nobody there; Denied: wrong password; NotEncrypted; NoMaster.
    """
    client = connect(url, certificates=certificates, connections=1)
    try:
        await client.ping()
    except (AuthenticationError, NoPermissionError) as error:
        raise Denied(type(error).__name__) from None
    except RedisError as error:
        if "NOAUTH" in str(error) or "WRONGPASS" in str(error):
            raise Denied(type(error).__name__) from None
        if "SSL" in str(error) or (url.startswith("rediss") and await _speaks_plainly(url)):
            raise NotEncrypted(type(error).__name__) from None
        if isinstance(error, MasterNotFoundError):
            raise NoMaster(type(error).__name__) from None
        raise ConnectionError(type(error).__name__) from None
    finally:
        await client.aclose()


async def _speaks_plainly(url: str) -> bool:
    """Whether somebody there answers without TLS: a Redis is only silent when it hears TLS and has none."""
    for host, port in store_urls.hosts_of(url, 6379):
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(b"PING\r\n")
                    if (await reader.read(1)) in (b"+", b"-"):
                        return True
                finally:
                    writer.close()
    return False


def _bytes(value: Any) -> bytes | None:
    """What Redis holds, as bytes: no client here decodes answers."""
    return None if value is None else bytes(value)


@asynccontextmanager
async def _outside() -> AsyncIterator[None]:
    """What Redis does not do is an outside failure; the client has written its cause to the log, once."""
    try:
        yield
    except RedisError as error:
        raise OutsideFailure("缓存暂时没有响应。") from error


class RedisCache:
    """Implements the Cache port. Every verb raises OutsideFailure when Redis is away, at once if that is known."""

    def __init__(self, redis: aioredis.Redis) -> None:
        self._redis = redis

    async def get(self, key: str) -> bytes | None:
        async with _outside():
            return _bytes(await self._redis.get(CACHED + key))

    async def set(self, key: str, value: bytes, *, seconds: float) -> None:
        async with _outside():
            await self._redis.set(CACHED + key, value, px=max(1, int(seconds * 1000)))

    async def add(self, key: str, value: bytes, *, seconds: float) -> bool:
        async with _outside():
            return bool(await self._redis.set(CACHED + key, value, px=max(1, int(seconds * 1000)), nx=True))

    async def take(self, *keys: str) -> list[bytes | None]:
        """Of many, mostly none is there: then one look is all."""
        names = [CACHED + key for key in keys]
        async with _outside():
            kept = await self._redis.mget(names) if len(names) > 1 else names
            return [
                None if value is None else _bytes(await self._redis.getdel(name))
                for name, value in zip(names, kept, strict=True)
            ]

    async def delete(self, *keys: str) -> None:
        if keys:
            async with _outside():
                await self._redis.delete(*(CACHED + key for key in keys))


class RedisEventBus:
    """Implements the EventBus port with Redis publish and subscribe.

    Whoever listens has a connection of their own for as long as they listen, beside the pool: however many pages watch
    something, nobody else waits for a connection.
    """

    def __init__(self, redis: aioredis.Redis, *, listeners: int = 1000) -> None:
        self._redis = redis
        self._free = listeners

    async def publish(self, channel: str, event: Mapping[str, Any]) -> None:
        async with _outside():
            await self._redis.publish(f"live:{channel}", orjson.dumps(dict(event)))

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[dict[str, Any] | None]]:
        """Subscribed on entry, so that nothing published after it is lost.

        Raises:
            OutsideFailure: too many listen to this process already, or Redis is away.
        """
        if self._free <= 0:
            raise OutsideFailure("同时打开的页面太多，请稍后刷新。")
        self._free -= 1
        own = self._own_connection()
        subscription = own.pubsub(ignore_subscribe_messages=True)

        async def events() -> AsyncIterator[dict[str, Any] | None]:
            quiet = 0.0
            while True:
                async with _outside():
                    message = await subscription.get_message(timeout=1.0)
                if message is not None:
                    quiet = 0.0
                    yield orjson.loads(message["data"])
                    continue
                quiet += 1.0
                if quiet >= KEEP_ALIVE_SECONDS:
                    quiet = 0.0
                    yield None
                await asyncio.sleep(0)

        try:
            async with _outside():
                await subscription.subscribe(f"live:{channel}")
            yield events()
        finally:
            self._free += 1
            await subscription.aclose()
            await own.aclose()

    def _own_connection(self) -> aioredis.Redis:
        shared = self._redis.connection_pool
        pool = aioredis.ConnectionPool(shared.connection_class, max_connections=1, **shared.connection_kwargs)
        return aioredis.Redis.from_pool(pool)
