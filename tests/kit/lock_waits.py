"""To know that somebody waits for a lock, from a connection that holds none."""

from __future__ import annotations

import asyncio

import asyncpg

_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def somebody_waits(url: str) -> None:
    """Returns as soon as a statement in this database waits for a lock. Raises TimeoutError: none does."""
    link = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(20):
            while not await link.fetchval(_WAITING):
                await asyncio.sleep(0)
    finally:
        await link.close()
