"""An event bus that plays what was written for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


class ScriptedEventBus:
    """Tells what a test wrote down, and does something before each."""

    def __init__(self, *script: Any) -> None:
        self.script = script

    async def publish(self, channel: str, event: Any) -> None: ...

    @asynccontextmanager
    async def listen(self, channel: str) -> AsyncIterator[AsyncIterator[dict[str, Any] | None]]:
        async def events() -> AsyncIterator[dict[str, Any] | None]:
            for one in self.script:
                if callable(one):
                    await one()
                else:
                    yield one

        yield events()
