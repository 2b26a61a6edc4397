"""The records' connections that tests hand on to each other: kept after a test that left nothing, closed after any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from tortoise import context
from tortoise.transactions import in_transaction

from server.models import School, database
from tests.kit.databases import ReusedDatabase
from tests.kit.kept_pool import NAME, KeptPool

BACKEND = "SELECT pg_backend_pid() AS pid"


@pytest.fixture
async def handed(postgres_url: str) -> AsyncIterator[tuple[ReusedDatabase, KeptPool]]:
    one, pool = ReusedDatabase(postgres_url, name="kept"), KeptPool()
    yield one, pool
    await pool.close()
    context._global_context = None
    one.drop()


async def used(one: ReusedDatabase, pool: KeptPool, by: Callable[[], Awaitable[object]] | None = None) -> int:
    """A test that has these; the database's process that answered it."""
    await pool.open(one.take(spared=NAME))
    [row] = await database.rows(BACKEND)
    await School.create(name="甲", created_at="2026-11-23T04:00:00Z")
    assert await School.all().count() == 1, "rows of an earlier test"
    if by is not None:
        await by()
    await pool.give_back()
    assert context._global_context is None
    return int(row["pid"])


async def test_the_next_test_finds_the_same_connection_and_no_rows(
    handed: tuple[ReusedDatabase, KeptPool],
) -> None:
    assert await used(*handed) == await used(*handed) == await used(*handed)


async def test_after_a_transaction_left_open_or_a_task_left_running_there_is_another(
    handed: tuple[ReusedDatabase, KeptPool],
) -> None:
    left: list[asyncio.Task[None]] = []

    async def open_for_ever() -> None:
        async with in_transaction():
            await database.rows("SELECT 1")
            await asyncio.Event().wait()

    async def leaves_a_transaction() -> None:
        left.append(asyncio.create_task(open_for_ever()))
        await asyncio.sleep(0.05)
        left[0].cancel()

    async def leaves_a_task() -> None:
        left.append(asyncio.create_task(asyncio.sleep(3600)))

    first = await used(*handed, leaves_a_transaction)
    second = await used(*handed, leaves_a_task)
    left[-1].cancel()
    await asyncio.gather(*left, return_exceptions=True)
    third = await used(*handed)
    assert len({first, second, third}) == 3
    assert third == await used(*handed)


async def test_a_test_may_close_the_records_itself(handed: tuple[ReusedDatabase, KeptPool]) -> None:
    assert await used(*handed, database.close) != await used(*handed)


async def test_who_wants_to_be_alone_is(handed: tuple[ReusedDatabase, KeptPool], postgres_url: str) -> None:
    one, pool = handed
    before = await used(one, pool)
    pool.drop()
    name = one.take().rpartition("/")[2]
    link = await asyncpg.connect(postgres_url)
    try:
        count = await link.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name)
    finally:
        await link.close()
    assert count == 0
    assert before != await used(one, pool)
