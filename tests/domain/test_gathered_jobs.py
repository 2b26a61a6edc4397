"""A rush of wake-ups puts one job, and whatever was kept before a wake-up is seen by a job that is put after it."""

from __future__ import annotations

import asyncio

import pytest

from server import worker
from server.adapters.queue import JobQueue
from server.domain.payments import notifications
from server.domain.payments.gathered_jobs import GatheredJobs
from server.domain.ports import Services
from server.models import FeeOrder, PayInboxEntry
from server.models.database import rows
from tests.kit import paying
from tests.kit.crashes import done_once
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import ListQueue
from tests.kit.jobs import TABLE

FOREVER = 3600.0


class BrokenQueue(ListQueue):
    async def put(self, task: str, **how: object) -> None:
        raise TimeoutError("the database hangs")


async def test_many_of_one_name_are_one_job_and_later_ones_another() -> None:
    queue = ListQueue()
    jobs = GatheredJobs(queue, seconds=FOREVER)
    for _ in range(50):
        await jobs.put("a", once="a")
        await jobs.put("b", once="b", urgent=True)
    assert queue.jobs == []
    await jobs.flush()
    assert sorted(queue.jobs) == [("a", {}), ("b", {})]
    await jobs.flush()
    await jobs.put("a", once="a")
    await jobs.flush()
    assert sorted(queue.jobs) == [("a", {}), ("a", {}), ("b", {})]


async def test_it_is_put_by_itself_after_a_moment() -> None:
    queue = ListQueue()
    jobs = GatheredJobs(queue, seconds=0.001)
    await jobs.put("a", once="a")
    async with asyncio.timeout(30):
        while not queue.jobs:
            await asyncio.sleep(0.001)
    assert queue.jobs == [("a", {})]


async def test_a_queue_that_fails_costs_the_wake_up_alone(caplog: pytest.LogCaptureFixture) -> None:
    jobs = GatheredJobs(BrokenQueue(), seconds=FOREVER)
    await jobs.put("a", once="a")
    await jobs.flush()
    assert [record.getMessage() for record in caplog.records] == [
        "job not put, a sweep will do its work: TimeoutError"
    ]
    with pytest.raises(ValueError, match="name"):
        await jobs.put("a")


async def test_a_rush_of_notifications_is_one_job_that_books_them_all(
    services: Services, pay: FakePay, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    exchange(s, queue=JobQueue())
    monkeypatch.setitem(TABLE, notifications.JOB, worker.apply_payments)
    jobs = GatheredJobs(s.queue, seconds=FOREVER)
    plan = await paying.priced(s)
    made = [await paying.ordered(s, pay, await paying.owing(s, plan)) for _ in range(12)]
    await rows("DELETE FROM procrastinate_jobs")
    for order in made:
        assert pay._pay(order.number)
    await asyncio.gather(
        *(notifications.receive(s.clock, jobs, pay._notification(order.number)) for order in made * 2)
    )
    await jobs.flush()
    assert [row["task_name"] for row in await rows("SELECT task_name FROM procrastinate_jobs")] == [
        notifications.JOB
    ]
    await asyncio.gather(done_once(s), worker.apply_payments(s))
    assert await PayInboxEntry.filter(applied_at=None).count() == 0
    assert [order.state for order in await FeeOrder.all()] == ["paid"] * 12
    await paying.check_books()
