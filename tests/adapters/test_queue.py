"""Jobs live and die with the transaction that put them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tortoise.connection import get_connection
from tortoise.transactions import in_transaction

from server.adapters.queue import JobQueue
from server.models import School

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
COLUMNS = "task_name, lock, queueing_lock, args::text, status::text, scheduled_at, queue_name"


async def jobs() -> list[tuple[Any, ...]]:
    _, rows = await get_connection("default").execute_query(
        f"SELECT {COLUMNS} FROM procrastinate_jobs ORDER BY id"
    )
    return [tuple(row.values()) for row in rows]


async def test_a_job_carries_its_arguments(db: str) -> None:
    await JobQueue().put("issuance.generate", lock="issuance:7", at=NOON, issuance_id=7)
    assert await jobs() == [
        ("issuance.generate", "issuance:7", None, '{"issuance_id": 7}', "todo", NOON, "default")
    ]


async def test_a_job_goes_back_with_its_transaction(db: str) -> None:
    with pytest.raises(RuntimeError):
        async with in_transaction():
            await School.create(name="甲校")
            await JobQueue().put("notices.send")
            await JobQueue().put("notices.send", once="notices.send")
            raise RuntimeError
    assert await jobs() == []
    assert await School.all().count() == 0


async def test_a_job_is_unseen_until_commit(db: str) -> None:
    other = await asyncpg.connect(db)
    async with in_transaction():
        await JobQueue().put("notices.send")
        assert await other.fetchval("SELECT count(*) FROM procrastinate_jobs") == 0
    assert await other.fetchval("SELECT count(*) FROM procrastinate_jobs") == 1
    await other.close()


async def test_once_means_one_while_it_waits(db: str) -> None:
    queue = JobQueue()
    await queue.put("notices.send", once="notices.send")
    async with in_transaction():
        await School.create(name="甲校")
        await queue.put("notices.send", once="notices.send")
    assert len(await jobs()) == 1
    assert await School.all().count() == 1
    await get_connection("default").execute_query("UPDATE procrastinate_jobs SET status = 'doing'")
    await queue.put("notices.send", once="notices.send")
    assert len(await jobs()) == 2


async def test_once_at_the_same_moment(db: str) -> None:
    await asyncio.gather(*(JobQueue().put("notices.send", once="notices.send") for _ in range(30)))
    assert len(await jobs()) == 1


async def test_once_brings_a_later_job_forward(db: str) -> None:
    queue = JobQueue()
    await queue.put("notices.send", once="n", at=NOON + timedelta(hours=2))
    await queue.put("notices.send", once="n", at=NOON + timedelta(hours=1))
    await queue.put("notices.send", once="n", at=NOON + timedelta(hours=3))
    assert [row[5] for row in await jobs()] == [NOON + timedelta(hours=1)]
    await queue.put("notices.send", once="n")
    assert [row[5] for row in await jobs()] == [None]
    await queue.put("notices.send", once="n", at=NOON)
    assert [row[5] for row in await jobs()] == [None]


async def test_a_waiting_job_is_not_taken_before_the_transaction_that_relies_on_it(db: str) -> None:
    """Otherwise a worker would run it without seeing what was just written, and nobody would run it again."""
    queue = JobQueue()
    await queue.put("notices.send", once="notices.send")
    worker = await asyncpg.connect(db)
    fetch = "SELECT id FROM procrastinate_fetch_job_v2(NULL, $1)"
    number = await worker.fetchval("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
    told: asyncio.Queue[str] = asyncio.Queue()
    await worker.add_listener("procrastinate_any_queue_v1", lambda *said: told.put_nowait(said[3]))
    async with in_transaction():
        await School.create(name="甲校")
        await queue.put("notices.send", once="notices.send")
        assert await worker.fetchval(fetch, number) is None
    async with asyncio.timeout(60):
        assert '"job_inserted"' in await told.get()
    assert await worker.fetchval(fetch, number) is not None
    await worker.close()


async def test_a_person_who_waits_comes_first(db: str) -> None:
    """Before what was put earlier, and before the sweeps, whose priority is 10."""
    queue = JobQueue()
    await queue.put("imports.run")
    await queue.put("notices.sweep")
    await get_connection("default").execute_query(
        "UPDATE procrastinate_jobs SET priority = 10 WHERE task_name = 'notices.sweep'"
    )
    await queue.put("pushes.answer_late", urgent=True, key="1")
    await queue.put("pushes.answer_late", urgent=True, once="k", key="2")
    link = await asyncpg.connect(db)
    number = await link.fetchval("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
    fetch = "SELECT task_name, args ->> 'key' FROM procrastinate_fetch_job_v2(NULL, $1)"
    taken = [tuple(await link.fetchrow(fetch, number)) for _ in range(4)]
    await link.close()
    late = "pushes.answer_late"
    assert taken == [(late, "1"), (late, "2"), ("notices.sweep", None), ("imports.run", None)]


async def test_whether_other_work_waits(db: str) -> None:
    queue = JobQueue()

    async def is_waited_for() -> bool:
        return await queue.is_waited_for(besides="campaigns.send")

    await queue.put("campaigns.send", once="campaigns.send")
    await queue.put("campaigns.clear", at=datetime.now(UTC) + timedelta(hours=1))
    assert not await is_waited_for(), "itself, and what is not due yet"
    await queue.put("payments.apply")
    assert await is_waited_for()
    await get_connection("default").execute_query(
        "UPDATE procrastinate_jobs SET status = 'doing' WHERE task_name = 'payments.apply'"
    )
    assert not await is_waited_for(), "somebody does it already"
