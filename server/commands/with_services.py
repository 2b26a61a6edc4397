"""The whole service at hand for one thing to be done: beside a running one, or alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from server import composition
from server.commands.datastores import hosts
from server.domain.ports import Services
from server.models import database
from server.settings import Settings

Answer = TypeVar("Answer")


def with_services(settings: Settings, work: Callable[[Services], Awaitable[Answer]]) -> Answer:
    """Do `work`; a database that nobody runs is started, and its tables brought up to date, for as long."""

    async def run(complete: Settings) -> Answer:
        async with composition.running(complete) as s:
            return await work(s)

    with hosts(settings, join=True) as stores:
        if stores.owns_database:
            asyncio.run(database.migrate(stores.settings.session_url))
        return asyncio.run(run(stores.settings))
