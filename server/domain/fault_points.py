"""The moments around a commit at which a test may let the process die: before it, and after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tortoise.transactions import in_transaction

from server.domain.ports import FaultInjector


@asynccontextmanager
async def transaction(faults: FaultInjector, name: str) -> AsyncIterator[None]:
    """A database transaction with a fault point at its end and one behind it.

    A body that raises is rolled back and reaches neither. Other moments are reached by their own name, inside a verb.

    Args:
        faults: does nothing in production.
        name: of the verb; the points are `{name}: before the commit` and `{name}: after the commit`.
    """
    async with in_transaction():
        yield
        await faults.reach(f"{name}: before the commit")
    await faults.reach(f"{name}: after the commit")
