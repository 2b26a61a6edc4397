"""A stop, and the restart of one web process of two, under a hail of visitors: whoever is let in is answered."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.journeys.service import Service, after_its_first_start, open_folder, running
from tests.kit.processes import PlainService, TwoProcesses, family
from tests.kit.started import proc

ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
AT_ONCE = 20  # of each kind; an address may hold 256 connections
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
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
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.fared[f"let in and not answered: {type(error).__name__}"] += 1
            return "lost"
        self.fared["answered" if b" 200 " in head.split(b"\r\n")[0] else head.split(b"\r\n")[0].decode()] += 1
        return "ends" if b"connection: close" in head else "stays"


@asynccontextmanager
async def hail(port: int) -> AsyncIterator[Hail]:
    """Visitors of both kinds, until the block ends."""
    visits = Hail(port)
    tasks = [asyncio.create_task(one()) for _ in range(AT_ONCE) for one in (visits.newcomer, visits.regular)]
    try:
        yield visits
    finally:
        visits.is_over = True
        await asyncio.gather(*tasks)


async def until(what: Callable[[], object], seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.05)


def web_processes(service: Service) -> list[int]:
    assert service.process is not None
    return [pid for pid in family(service.process.pid) if "web-process" in proc(pid, "cmdline").split("\0")]


def is_serving(pid: int, port: int) -> bool:
    """Whether a process has gone as far as to take visitors: it has connections of its own at this port."""
    links = set()
    with suppress(OSError):
        links = {os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()}
    mine = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        part[1].endswith(f":{port:04X}") and part[3] == "01" and f"socket:[{part[9]}]" in links
        for part in mine
    )


async def test_one_web_process_of_two_is_restarted_and_nobody_notices(shared_folder: Path) -> None:
    with (
        open_folder() as folder,
        running(after_its_first_start(folder, shared_folder, TwoProcesses)) as service,
    ):
        async with hail(service.port) as visits:
            for _ in range(2):
                await until(lambda: len(web_processes(service)) == 2)
                await until(lambda: all(is_serving(pid, service.port) for pid in web_processes(service)))
                victim = web_processes(service)[0]
                os.kill(victim, signal.SIGTERM)
                await until(lambda gone=victim: gone not in web_processes(service))  # type: ignore[misc]
        assert set(visits.fared) == {"answered"}, visits.fared


async def test_a_stop_answers_everybody_who_was_let_in(shared_folder: Path) -> None:
    with (
        open_folder() as folder,
        running(after_its_first_start(folder, shared_folder, PlainService)) as service,
    ):
        assert service.process is not None
        async with hail(service.port) as visits:
            await until(lambda: visits.fared["answered"] > 500)
            service.process.send_signal(signal.SIGTERM)
            await until(lambda: service.process is not None and service.process.poll() is not None)
        assert set(visits.fared) == {"answered", "refused"}, visits.fared
        assert service.process.returncode == 0
