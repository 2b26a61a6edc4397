"""The Redis client of this service: a bounded pool, short waits, and no waiting at all while Redis is known to be away."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from redis import asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, RedisError, TimeoutError

from server import store_urls
from server.adapters.circuit_breaker import Breaker

CACHED, COUNTED = "xcert:cache:", "xcert:limit:"  # before each of our keys: others may use the same Redis
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 2.0  # Redis answers within a millisecond or is ill
_FULL = "No connection available"  # what redis-py says when its pool has none free in time
_AWAY = (ConnectionError, TimeoutError, BusyLoadingError)


class RedisAway(ConnectionError):
    """Redis did not answer a moment ago, so it was not asked."""


class GuardedPool(aioredis.BlockingConnectionPool):
    """Gives out no connection while Redis is known to be away. Everything goes through it: commands, pipelines, scripts."""

    breaker: Breaker

    async def get_connection(self, *args: Any, **more: Any) -> Any:
        if not self.breaker.may_ask():
            raise RedisAway("Redis is away")
        try:
            return await super().get_connection(*args, **more)  # type: ignore[no-untyped-call]  # redis has no types there
        except _AWAY as error:
            if _FULL not in str(error):  # all of ours are busy: that says nothing of Redis
                self.breaker.failed(type(error).__name__)
            raise


class _SentinelPool(SentinelConnectionPool, aioredis.BlockingConnectionPool):
    """Asks the sentinels who is the master, and waits for a free connection instead of raising when full."""

    get_connection = aioredis.BlockingConnectionPool.get_connection
    release = aioredis.BlockingConnectionPool.release


class GuardedSentinelPool(GuardedPool, _SentinelPool):
    """The same to whichever Redis the sentinels name as the master."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """All of them: the end of the client, so that the connections to the sentinels end as well."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


class GuardedRedis(aioredis.Redis):
    """Notes what answers and what does not."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        breaker: Breaker = self.connection_pool.breaker  # type: ignore[attr-defined]  # its pool is ours
        try:
            answer = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # as above
        except RedisAway:
            raise
        except _AWAY as error:
            if _FULL not in str(error):
                breaker.failed(type(error).__name__)
            raise
        except RedisError:  # it answered, if only with a no
            breaker.answered()
            raise
        breaker.answered()
        return answer


def connect(url: str, *, certificates: str = "", connections: int = 64) -> aioredis.Redis:
    """A client whose pool waits for a free connection instead of raising when full.

    A connection that turns out to be dead (Redis was restarted) is replaced once; a silence is not waited for twice.

    Args:
        url: redis:// or rediss://, or by sentinels: redis+sentinel://…, rediss+sentinel://….
        certificates: PEM, whom an encrypted connection trusts instead of the system's authorities.
        connections: at most.
    """
    is_encrypted = urlsplit(url).scheme.startswith("rediss")
    trust = {"ssl_ca_data": certificates} if is_encrypted and certificates else {}
    waits: dict[str, Any] = {
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
    }
    pool: GuardedPool
    if urlsplit(url).scheme in store_urls.SENTINELS:
        pool = _by_sentinels(url, waits | trust | ({"ssl": True} if is_encrypted else {}), connections)
    else:
        pool = GuardedPool.from_url(url, max_connections=connections, timeout=5, **waits, **trust)
    pool.breaker = Breaker("Redis")
    return GuardedRedis.from_pool(pool)  # closing the client closes the pool


def _by_sentinels(url: str, options: dict[str, Any], connections: int) -> GuardedSentinelPool:
    """The pool of redis+sentinel://[user]:password@host1:26379,host2:26379/service/0?sentinel_password=…"""
    parts, words = urlsplit(url), store_urls.words_of(url)
    service, _, number = parts.path.strip("/").partition("/")
    of_sentinels = {name.removeprefix("sentinel_"): value for name, value in words.items()}
    sentinels = Sentinel(store_urls.hosts_of(url, 26379), sentinel_kwargs=options | of_sentinels)
    login = {
        "username": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
    }
    return GuardedSentinelPool(  # type: ignore[no-untyped-call]  # redis has no types there
        unquote(service),
        sentinels,
        db=int(number or 0),
        max_connections=connections,
        timeout=5,
        **login,
        **options,
    )
