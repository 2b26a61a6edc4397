"""How to reach the database, and how its tables come to be."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from tortoise import Tortoise, connections
from tortoise.connection import get_connection
from tortoise.migrations.api import migrate as apply_migrations
from tortoise.migrations.executor import MigrationExecutor

MIGRATION_LOCK = 0x7863657274  # "xcert": one migration at a time, whoever starts it


def config(url: str, *, pool: int = 10) -> dict[str, Any]:
    """Tortoise's configuration for a `postgresql://user:password@host:port/name` URL."""
    parts = urlsplit(url)
    return {
        "connections": {
            "default": {
                "engine": "tortoise.backends.asyncpg",
                "credentials": {
                    "host": parts.hostname,
                    "port": parts.port or 5432,
                    "user": unquote(parts.username or ""),
                    "password": unquote(parts.password or ""),
                    "database": parts.path.lstrip("/"),
                    "minsize": 1,
                    "maxsize": pool,
                    "statement_cache_size": 256,
                    "server_settings": {"timezone": "UTC"},
                },
            }
        },
        "apps": {
            "records": {
                "models": ["server.records"],
                "migrations": "server.records.migrations",
                "default_connection": "default",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(url: str, *, pool: int = 10) -> None:
    """Open the pool. The context is global, since request handlers run in tasks of their own."""
    await Tortoise.init(config=config(url, pool=pool), _enable_global_fallback=True)


async def rows(query: str, *values: Any) -> list[dict[str, Any]]:
    """Rows by SQL, on the caller's connection (and in its transaction, if one is open)."""
    found: list[dict[str, Any]] = await connections.get("default").execute_query_dict(query, list(values))
    return found


async def close() -> None:
    await Tortoise.close_connections()


async def pending(url: str) -> list[str]:
    """The names of the migrations that this database has not seen yet."""
    settings = config(url)
    await Tortoise.init(config=settings)
    try:
        executor = MigrationExecutor(get_connection("default"), settings["apps"])
        return [step.migration.name for step in await executor.plan()]
    finally:
        await Tortoise.close_connections()


async def migrate(url: str) -> None:
    """Bring the tables up to date under an advisory lock, so that many processes may start at once."""
    guard = await asyncpg.connect(url)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        try:
            await apply_migrations(config=config(url))
        finally:
            await Tortoise.close_connections()
            await guard.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
    finally:
        await guard.close()
