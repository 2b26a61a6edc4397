"""The records' connections, which one test after the other finds open: making them anew costs more than most tests ask of them."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from tortoise import connections, context

from server.models import database

NAME = "xcert-kept"  # by which the database knows these connections


class KeptPool:
    """Tortoise and its pool over the reused database of a test process.

    A test that closed it, left a connection in use or a task running gets it closed after itself: a task that goes on
    would write into the next test.
    """

    def __init__(self) -> None:
        self._url = ""
        self._context: context.TortoiseContext | None = None
        self._client: Any = None

    async def open(self, url: str) -> None:
        """Connect the records to this database, or find them connected."""
        if self._context is None or self._url != url:
            await self.close()
            await database.connect(f"{url}?application_name={NAME}", patience=_PATIENCE)
            self._url, self._context = url, context.get_current_context()
            self._client = connections.get("default")
        context._current_context.set(self._context)
        context._global_context = self._context

    async def give_back(self) -> None:
        """After a test: kept for the next one if nobody uses it any more."""
        if self._is_at_rest():
            context._global_context = None
        else:
            await database.close()
            self._context = None

    def drop(self) -> None:
        """End the connections at once, while no test runs."""
        if self._context is not None and (pool := self._client._pool) is not None:
            pool.terminate()
        self._context = None

    async def close(self) -> None:
        """At the end of all tests."""
        if self._context is not None:
            context._current_context.set(self._context)
            await database.close()
            self._context = None

    def _is_at_rest(self) -> bool:
        if context._global_context is not self._context or connections.get("default") is not self._client:
            return False
        others = [
            task
            for task in asyncio.all_tasks()
            if task is not asyncio.current_task() and not _is_browsers(task)
        ]
        pool = self._client._pool
        return not others and (
            pool is None or (not pool.is_closing() and pool.get_size() == pool.get_idle_size())
        )


def _is_browsers(task: asyncio.Task[Any]) -> bool:
    """Playwright's own: the browser stays for all tests of a process, and asks nothing of the database."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and f"{os.sep}playwright{os.sep}" in code.co_filename


_PATIENCE = database.Patience(acquire=60.0)  # however busy the machine is
