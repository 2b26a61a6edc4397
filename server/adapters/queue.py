"""Background jobs on the same PostgreSQL: a job becomes visible with the transaction that put it, or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

QUEUE = "default"
URGENT = 20  # the sweeps have 10, other jobs 0

_DEFER = """
SELECT procrastinate_defer_jobs_v1(ARRAY[
    ROW($1, $2, $7, $3, $4, $5::text::jsonb, $6::timestamptz)::procrastinate_job_to_defer_v1
])
"""
# A waiting job is held until our commit, so that no worker takes it before it can see what we changed.
_HOLD = """
SELECT id, scheduled_at > COALESCE($2::timestamptz, '-infinity') AS too_late
FROM procrastinate_jobs WHERE queueing_lock = $1 AND status = 'todo' FOR SHARE
"""
_SOONER = "UPDATE procrastinate_jobs SET scheduled_at = $2 WHERE id = $1 AND status = 'todo'"
_OTHERS = """
SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = $1 AND task_name <> $2
  AND (scheduled_at IS NULL OR scheduled_at <= now()) LIMIT 1
"""
_WAKE = """
SELECT pg_notify('procrastinate_any_queue_v1', json_build_object('type', 'job_inserted', 'job_id', $1::bigint)::text)
"""


class JobQueue:
    """The port `Queue` on procrastinate's SQL functions and on Tortoise's current connection."""

    async def put(
        self,
        task: str,
        *,
        at: datetime | None = None,
        lock: str | None = None,
        once: str | None = None,
        urgent: bool = False,
        **args: Any,
    ) -> None:
        """Put a job into the current transaction; without one it is there at once.

        Args:
            task: "topic.verb", a name of `server.worker.TASKS`.
            at: not before this moment.
            lock: jobs of one lock run one at a time, in their order.
            once: no second job of this name while one waits; the one that waits is brought forward if need be.
            urgent: a person waits for it; before everything else that waits.
            args: what identifies the work; plain JSON values.
        """
        body = orjson.dumps(args).decode()
        row = [QUEUE, task, lock, once, body, at, URGENT if urgent else 0]
        if once is None:
            await get_connection("default").execute_query(_DEFER, row)
            return
        async with in_transaction("default"):
            while not await self._is_waiting(once, at):
                try:
                    async with in_transaction(
                        "default"
                    ) as link:  # a savepoint: refusal must not end the caller's
                        await link.execute_query(_DEFER, row)
                    return
                except IntegrityError:
                    continue  # another transaction put it between our look and our attempt

    async def is_waited_for(self, *, besides: str) -> bool:
        """Whether any other job than those of this task waits and may be done now."""
        _, rows = await get_connection("default").execute_query(_OTHERS, [QUEUE, besides])
        return bool(rows)

    async def _is_waiting(self, once: str, at: datetime | None) -> bool:
        """Whether a job of this name waits; it is then held until our commit and workers are told of it."""
        link = get_connection("default")
        _, rows = await link.execute_query(_HOLD, [once, at])
        if not rows:
            return False
        if rows[0]["too_late"]:
            await link.execute_query(_SOONER, [rows[0]["id"], at])
        await link.execute_query(_WAKE, [rows[0]["id"]])
        return True
