"""What takes its time stays out of transactions; `tests.kit.fakes.refuse_in_transaction` watches over all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tortoise.transactions import in_transaction

from server import demo_cohort
from server.commands.imports import exit_code
from server.domain.ports import Services
from server.models import ImportRun
from tests.kit import importing
from tests.kit.exchange import exchange
from tests.kit.fakes import MemoryEventBus

PEOPLE = demo_cohort.people(8, schools=1)


async def test_the_watch_sees_an_open_transaction(services: Services) -> None:
    await services.cache.get("a")
    async with in_transaction():
        for call in (
            lambda: services.cache.get("a"),
            lambda: services.file_store.get("a"),
            lambda: services.wechat_quota.calls(),
            lambda: services.password_hasher.hash("correct horse"),
        ):
            with pytest.raises(AssertionError, match="while a transaction is open"):
                await call()
    await services.cache.get("a")


class Waiting(MemoryEventBus):
    """A Redis that takes until the import is committed to hear how far the writing is."""

    async def publish(self, channel: str, event: Mapping[str, Any]) -> None:
        if event.get("done") == 6:
            async with asyncio.timeout(20):
                while not await ImportRun.filter(state="done").exists():
                    await asyncio.sleep(0.02)
        await super().publish(channel, event)


async def test_a_slow_redis_keeps_no_import_open(services: Services) -> None:
    bus = Waiting()
    exchange(services, event_bus=bus)
    done = await importing.take(services, "candidates", "考生.xlsx", demo_cohort.people_book(PEOPLE))
    assert (done.rows_taken, exit_code(done)) == (8, 0)
    assert 6 in [event.get("done") for _, event in bus.events]
