"""Tortoise's asyncpg client with an end to every wait, every word of the database URL honoured, and no idle talk.

Named in `server.models.database.config` as Tortoise's engine.
"""

from __future__ import annotations

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient


class PlainConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """A connection that is given back as it is.

    asyncpg would say RESET ALL, UNLISTEN and the like before the next caller may have it: one more round trip for each
    statement outside a transaction. Nothing here leaves anything to undo: what is set is set by the URL for all, locks
    are a transaction's own, listeners and long locks have lines beside the pool (`tests/models` holds us to it). A
    transaction left open is rolled back all the same.
    """

    def get_reset_query(self) -> str:
        return ""


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
    """The client; `dsn` and `acquire_timeout` are among its credentials."""

    connection_class = PlainConnection

    async def create_pool(self, **options: Any) -> PatientPool:
        """The pool by the URL itself, so that sslmode and its certificates count."""
        seconds = options.pop("acquire_timeout")
        for name in ("host", "port", "user", "password", "database"):
            options.pop(name)
        return PatientPool(await asyncpg.create_pool(options.pop("dsn"), **options), seconds)


client_class = PatientClient
