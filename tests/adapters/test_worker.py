"""The job process on the real queue: what is put is done once, and what a dead worker held is done again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from procrastinate import App
from tortoise.connection import get_connection

from server import worker
from server.adapters.queue import JobQueue
from server.domain.ports import Services

Done = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def s(services: Services, db: str) -> Services:
    return replace(services, settings=replace(services.settings, database_url=db), queue=JobQueue())


@pytest.fixture
def done() -> Done:
    return []


@pytest.fixture
async def jobs(s: Services, done: Done) -> AsyncIterator[App]:
    """The queue with one task that remembers, one that breaks and one that hangs."""

    async def remember(_: Services, **ids: Any) -> None:
        done.append(("remember", ids))

    async def break_down(_: Services, **ids: Any) -> None:
        raise RuntimeError("broken")

    async def hang(_: Services, **ids: Any) -> None:
        done.append(("hang", ids))
        await asyncio.Event().wait()

    async def cut_once(_: Services, **ids: Any) -> None:
        done.append(("cut", ids))
        if len(done) == 1:
            raise ConnectionResetError("the database was restarted")

    tasks = {"test.remember": remember, "test.break": break_down, "test.hang": hang, "test.cut": cut_once}
    app = worker.create_jobs(s.settings, s, tasks=tasks, sweeps={})
    async with app.open_async():
        yield app


async def states() -> list[tuple[str, str]]:
    _, rows = await get_connection("default").execute_query(
        "SELECT task_name, status::text FROM procrastinate_jobs WHERE task_name LIKE 'test.%' ORDER BY id"
    )
    return [tuple(row.values()) for row in rows]


async def work_off(jobs: App) -> None:
    """Do what waits, then stop."""
    await jobs.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")


async def test_a_job_is_done_with_its_ids(s: Services, jobs: App, done: Done) -> None:
    await s.queue.put("test.remember", plan_id=7, ids=[1, 2])
    await work_off(jobs)
    assert done == [("remember", {"plan_id": 7, "ids": [1, 2]})]
    assert await states() == []


async def test_a_broken_job_is_kept_and_the_next_is_done(s: Services, jobs: App, done: Done) -> None:
    await s.queue.put("test.break")
    await s.queue.put("test.remember")
    await work_off(jobs)
    assert done == [("remember", {})]
    assert await states() == [("test.break", "failed")]


async def test_a_job_whose_database_went_away_is_done_again_soon(
    s: Services, jobs: App, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It used to wait two to three minutes for a sweep."""
    monkeypatch.setattr(worker, "AGAIN_PAUSES", (0.0,))
    monkeypatch.setattr(worker, "AGAIN_SECONDS", 0)
    await s.queue.put("test.cut", once="same", lock="a", plan_id=7)
    await work_off(jobs)
    assert done == [("cut", {"plan_id": 7})] * 2
    assert await states() == [("test.cut", "failed")]


async def held_by_a_dead_worker(name: str) -> None:
    await get_connection("default").execute_script(
        "WITH gone AS (INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '5 minutes')"
        f" RETURNING id) UPDATE procrastinate_jobs SET status = 'doing', worker_id = gone.id FROM gone"
        f" WHERE task_name = '{name}'"
    )


async def rescue(jobs: App) -> None:
    await jobs.tasks["jobs.rescue"].func(None, 0)


async def test_the_job_of_a_dead_worker_is_done_by_another(s: Services, jobs: App, done: Done) -> None:
    await s.queue.put("test.remember", lock="a", plan_id=7)
    await held_by_a_dead_worker("test.remember")
    await rescue(jobs)
    assert await states() == [("test.remember", "todo")]
    await work_off(jobs)
    assert done == [("remember", {"plan_id": 7})]


async def test_a_rescued_job_gives_way_to_one_that_waits(s: Services, jobs: App, done: Done) -> None:
    await s.queue.put("test.remember", once="same")
    await held_by_a_dead_worker("test.remember")
    await s.queue.put("test.remember", once="same")
    await rescue(jobs)
    assert await states() == [("test.remember", "aborted"), ("test.remember", "todo")]
    await work_off(jobs)
    assert done == [("remember", {})]


async def test_a_job_cut_short_by_the_end_of_the_process_waits_again(
    s: Services, jobs: App, done: Done
) -> None:
    await s.queue.put("test.hang", once="same", plan_id=7)
    running = asyncio.create_task(
        jobs.run_worker_async(install_signal_handlers=False, shutdown_graceful_timeout=0.01)
    )
    while not done:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await states() == [("test.hang", "aborted"), ("test.hang", "todo")]
    _, rows = await get_connection("default").execute_query(
        "SELECT queueing_lock, args::text AS args FROM procrastinate_jobs WHERE status = 'todo'"
        " AND task_name = 'test.hang'"
    )
    assert [tuple(row.values()) for row in rows] == [("same", '{"plan_id": 7}')]


async def test_sweeps_are_periodic_and_never_pile_up(s: Services) -> None:
    async def sweep(_: Services) -> None:
        return None

    app = worker.create_jobs(s.settings, s, tasks={}, sweeps={"a.sweep": (sweep, "* * * * *")})
    periodic = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}
    assert periodic == {"a.sweep": "* * * * *", "jobs.rescue": "* * * * * */20", "jobs.tidy": "17 3 * * *"}
    assert app.tasks["a.sweep"].queueing_lock == "a.sweep"
    assert app.tasks["jobs.rescue"].lock is None, "a dead rescue must not keep the next one waiting"
