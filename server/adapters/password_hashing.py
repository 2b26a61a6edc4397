"""argon2id, in a few threads of its own and with a queue that has an end.

A hash of a password costs 50 ms of a core and 64 MiB. In asyncio's common pool a flood of log-ins would keep files and
pictures waiting; without an end to the queue it would fill the memory.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.domain.ports import Busy

T = TypeVar("T")
# Hashes that nobody's secret has, with the parameters below.
_OF_NOBODY_64 = (
    "$argon2id$v=19$m=65536,t=3,p=4$r2CEn1kY18wp3zFMk7MVeQ$XPgXhSs79FYcjufuE2bPNY6dXj0y/u97Q+5+a3qOc1U"
)
_OF_NOBODY_19 = (
    "$argon2id$v=19$m=19456,t=2,p=1$r2CEn1kY18wp3zFMk7MVeQ$XPgXhSs79FYcjufuE2bPNY6dXj0y/u97Q+5+a3qOc1U"
)


class BoundedThreads:
    """`threads` at work and at most `waiting` more; whoever comes beyond that is asked to come again."""

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


class Argon2Hasher:
    """Implements the PasswordHasher port; made by `for_passwords` and `for_pins`."""

    def __init__(self, hasher: PasswordHasher, nobodys: str, threads: BoundedThreads) -> None:
        self._hasher, self._nobodys, self._threads = hasher, nobodys, threads

    async def hash(self, secret: str) -> str:
        return await self._threads.run(lambda: self._hasher.hash(secret))

    async def verify(self, encoded: str, *secrets: str) -> bool:
        return await self._threads.run(lambda: any(self._is(encoded, secret) for secret in secrets))

    def _is(self, encoded: str, secret: str) -> bool:
        try:
            return self._hasher.verify(encoded, secret)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, encoded: str) -> bool:
        return self._hasher.check_needs_rehash(encoded)

    def nobodys(self) -> str:
        return self._nobodys


def for_passwords() -> Argon2Hasher:
    """Of staff's passwords: the library's current parameters (RFC 9106's second choice, 64 MiB, 3 passes)."""
    return Argon2Hasher(PasswordHasher(), _OF_NOBODY_64, BoundedThreads("passwords", threads=2, waiting=30))


def for_pins() -> Argon2Hasher:
    """Of officers' PINs: OWASP's argon2id of 2024, 19 MiB and 2 passes; under it lies a keyed hash."""
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    return Argon2Hasher(hasher, _OF_NOBODY_19, BoundedThreads("pins", threads=2, waiting=200))
