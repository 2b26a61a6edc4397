"""Where argon2 runs: a few threads of its own and a queue with an end.

A hash costs 50 ms of a core and 64 MiB. In asyncio's common pool a flood of log-ins would keep files and pictures
waiting; without an end to the queue it would fill the memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from server.errors import TooMany

T = TypeVar("T")
BUSY_SECONDS = 3


class Busy(TooMany):
    """Nobody has looked at the password or PIN: the try does not count."""

    def __init__(self) -> None:
        super().__init__("busy", "同时登录或签发的人太多，请几秒钟后再试。", retry_after=BUSY_SECONDS)


class Hashers:
    """`threads` at work and at most `waiting` more; whoever comes beyond that is asked to come again.

    Officers' PINs and staff's passwords have each their own, so that a flood of one does not stop the other.
    """

    def __init__(self, name: str, *, threads: int, waiting: int) -> None:
        self._name, self._threads = name, threads
        self._free = threading.BoundedSemaphore(threads + waiting)
        self._pool: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`. Raises Busy when the queue is full."""
        if not self._free.acquire(blocking=False):
            raise Busy
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        future = self._pool.submit(work)
        # Also of a caller that has gone away: the thread works on, and so the place stays taken.
        future.add_done_callback(lambda _: self._free.release())
        return await asyncio.wrap_future(future)


PASSWORDS = Hashers("passwords", threads=2, waiting=30)
PINS = Hashers("pins", threads=2, waiting=200)
