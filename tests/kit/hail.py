"""Visitors without end, while processes come and go, and how each visit ended."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LONGEST_SECONDS = 100.0  # a start on a busy machine
AT_ONCE = 20  # of each kind; an address may hold 256 connections
Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Hail:
    """Visitors who come again and again, and how each visit ended."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_over = False
        self.fared: Counter[str] = Counter()

    async def newcomer(self) -> None:
        """Each visit is a connection of its own, which waits a moment before it asks."""
        while not self.is_over:
            if (way := await self._enter()) is not None:
                await asyncio.sleep(random.random() / 20)
                await self._ask(way)
                way[1].close()

    async def regular(self) -> None:
        """One connection for as long as the answers do not say that it ends."""
        way: Way | None = None
        while not self.is_over:
            way = way or await self._enter()
            if way is not None and await self._ask(way) != "stays":
                way[1].close()
                way = None
            await asyncio.sleep(random.random() / 20)  # the machine has a restart to make meanwhile
        if way is not None:
            way[1].close()

    async def _enter(self) -> Way | None:
        try:
            return await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            self.fared["refused"] += 1
            await asyncio.sleep(0.05)
            return None

    async def _ask(self, way: Way) -> str:
        """One question. A connection that ends without an answer is what must not be."""
        reader, writer = way
        try:
            writer.write(ASK)
            async with asyncio.timeout(LONGEST_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.split(b":")[1]))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.fared[f"let in and not answered: {type(error).__name__}"] += 1
            return "lost"
        self.fared["answered" if b" 200 " in head.split(b"\r\n")[0] else head.split(b"\r\n")[0].decode()] += 1
        return "ends" if b"connection: close" in head else "stays"


@asynccontextmanager
async def hail(port: int, at_once: int = AT_ONCE) -> AsyncIterator[Hail]:
    """Visitors of both kinds, until the block ends."""
    visits = Hail(port)
    tasks = [asyncio.create_task(one()) for _ in range(at_once) for one in (visits.newcomer, visits.regular)]
    try:
        yield visits
    finally:
        visits.is_over = True
        await asyncio.gather(*tasks)


async def until(what: Callable[[], object], seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.05)
