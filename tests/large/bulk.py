"""Many rows at once: foreign keys unchecked, and the indexes made after the rows instead of row by row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

# Those of constraints cannot be dropped by themselves.
_INDEXES = (
    "SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS made_by FROM pg_index i"
    " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)"
)


@asynccontextmanager
async def filling(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to fill the tables by; when the block ends, all indexes are back."""
    link = await asyncpg.connect(url)
    try:
        await link.execute("SET session_replication_role = replica")
        await link.execute("SET synchronous_commit = off")
        indexes = await link.fetch(_INDEXES)
        for index in indexes:
            await link.execute(f'DROP INDEX "{index["name"]}"')
        yield link
        for index in indexes:
            await link.execute(index["made_by"])
    finally:
        await link.close()
