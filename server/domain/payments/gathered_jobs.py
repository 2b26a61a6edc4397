"""One job for many: what wakes the same job within a moment puts it once, and nobody waits for that.

Only for jobs that a sweep does not need: a process that dies in that moment has put nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import datetime
from typing import Any

from server.domain.ports import Queue

SECONDS = (
    0.05  # nobody notices it, and a rush of notifications puts twenty jobs a second instead of a thousand
)
log = logging.getLogger("xcert.pay")


class GatheredJobs:
    """The port `Queue` before another queue, for jobs with a name (`once`)."""

    def __init__(self, queue: Queue, *, seconds: float = SECONDS) -> None:
        self._queue, self._seconds = queue, seconds
        self._coming: dict[str, asyncio.Task[None]] = {}
        self._putting: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()

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
        """Put it soon, unless it is about to be put anyway. Never in a transaction: what is committed, the job sees."""
        if once is None:
            raise ValueError("only a job with a name can be gathered")
        if once not in self._coming:
            later = self._put(task, at=at, lock=lock, once=once, urgent=urgent, **args)
            self._coming[once] = asyncio.create_task(later)

    async def _put(self, task: str, *, once: str, **how: Any) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await self._hurry.wait()
        underway = self._coming.pop(once)  # before it is put: whoever comes now might be too late for it
        self._putting.add(underway)
        try:
            await self._queue.put(task, once=once, **how)
        except Exception as problem:
            log.warning("job not put, a sweep will do its work: %s", type(problem).__name__)
        finally:
            self._putting.discard(underway)

    async def is_waited_for(self, *, besides: str) -> bool:
        return await self._queue.is_waited_for(besides=besides)

    async def flush(self) -> None:
        """Put at once what is coming; returns when it has been put."""
        self._hurry.set()
        await asyncio.gather(*self._coming.values(), *self._putting)
        self._hurry.clear()
