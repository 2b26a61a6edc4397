"""Tortoise's asyncpg client with an end to every wait, every word of the database URL honoured, and no idle talk.

Named in `server.models.database.config` as Tortoise's engine.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from server import store_urls

HOST_SECONDS = 2.0  # for one of several hosts: a machine that is cut off must not use up the time of the next
# We notice within half a minute that the machine of the database has gone without a word.
_KEEPALIVE = (
    (socket.SO_KEEPALIVE, socket.SOL_SOCKET, 1),
    (socket.TCP_KEEPIDLE, socket.IPPROTO_TCP, 10),
    (socket.TCP_KEEPINTVL, socket.IPPROTO_TCP, 5),
    (socket.TCP_KEEPCNT, socket.IPPROTO_TCP, 4),
    (socket.TCP_USER_TIMEOUT, socket.IPPROTO_TCP, 30_000),
)


class PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is given back as it is, and that is known to be dead when its machine is.

    asyncpg would say RESET ALL, UNLISTEN and the like before the next caller may have it: one more round trip for each
    statement outside a transaction. Nothing here leaves anything to undo: what is set is set by the URL for all, locks
    are a transaction's own, listeners and long locks have lines beside the pool (`tests/models` holds us to it). A
    transaction left open is rolled back all the same.
    """

    def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
        super().__init__(protocol, transport, *more)
        _keep_alive(transport)

    def get_reset_query(self) -> str:
        return ""


def _keep_alive(transport: Any) -> None:
    line = transport.get_extra_info("socket")
    if line.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with socket.socket(fileno=os.dup(line.fileno())) as same:  # uvloop's has no setsockopt
        for option, level, value in _KEEPALIVE:
            same.setsockopt(level, option, value)


def behind_pgbouncer(limits: str) -> type[PlainConnection]:
    """A connection through a PgBouncer in transaction mode.

    Each transaction may be another session of the database: limits cannot be a session's own, so each transaction says
    them with its BEGIN, in the same round trip. What runs outside a transaction has asyncpg's `command_timeout` alone.

    Args:
        limits: `SET LOCAL …;` statements.
    """

    class PooledConnection(PlainConnection):
        async def execute(self, query: str, *args: Any, **more: Any) -> Any:
            if query.startswith("BEGIN") and not args:
                query = f"{query.rstrip(';')}; {limits}"
            return await super().execute(query, *args, **more)

    return PooledConnection


class Hosts:
    """Connects to the first host of a URL that is there and fits, beginning with the one that did last time.

    asyncpg goes through the hosts by itself, but with one time-out for all: a first machine that is cut off, the usual
    reason for a second one, would use it up each time.
    """

    def __init__(self, url: str) -> None:
        self._urls = store_urls.one_each(url)
        self._first = 0

    async def connect(self, *_: Any, **options: Any) -> Any:
        """A connection; the arguments are those of `asyncpg.connect`. Raises what the last host raised."""
        count = len(self._urls)
        if count == 1:
            return await asyncpg.connect(self._urls[0], **options)
        trouble: Exception | None = None
        for number in [(self._first + turn) % count for turn in range(count)]:
            try:
                link = await asyncpg.connect(self._urls[number], **options | {"timeout": HOST_SECONDS})
            except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError):
                raise  # no other host would say otherwise
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InternalClientError) as error:
                trouble = error
            else:
                self._first = number
                return link
        assert trouble is not None
        raise trouble


class PatientPool:
    """An asyncpg pool whose callers wait for a free connection only so long.

    Tortoise asks its pool without a time-out: one lock on one table would keep everybody waiting for ever.
    """

    def __init__(self, pool: Any, seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds

    async def acquire(self) -> Any:
        """A connection. Raises TimeoutError: none was free in time."""
        return await self._pool.acquire(timeout=self._seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


class PatientClient(AsyncpgDBClient):
    """The client; `dsn`, `acquire_timeout` and, behind a PgBouncer, the `limits` of each transaction are credentials."""

    async def create_pool(self, **options: Any) -> PatientPool:
        """The pool by the URL itself, so that sslmode and its certificates count."""
        seconds, limits = options.pop("acquire_timeout"), options.pop("limits")
        for name in ("host", "port", "user", "password", "database"):
            options.pop(name)
        options["connection_class"] = behind_pgbouncer(limits) if limits else PlainConnection
        hosts = Hosts(options.pop("dsn"))
        return PatientPool(await asyncpg.create_pool(connect=hosts.connect, **options), seconds)


client_class = PatientClient
