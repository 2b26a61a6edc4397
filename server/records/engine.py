"""Tortoise's asyncpg client with an end to every wait, and every word of the database URL honoured.

Named in `server.records.database.config` as Tortoise's engine.
"""

from __future__ import annotations

from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient


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

    async def create_pool(self, **given: Any) -> PatientPool:
        """The pool by the URL itself, so that sslmode and its certificates count."""
        seconds = given.pop("acquire_timeout")
        for name in ("host", "port", "user", "password", "database"):
            given.pop(name)
        return PatientPool(await asyncpg.create_pool(given.pop("dsn"), **given), seconds)


client_class = PatientClient
