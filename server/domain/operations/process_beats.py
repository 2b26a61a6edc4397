"""Every process says that it lives, every fifteen seconds, and how many of its database connections are in use."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata

from server.domain.ports import KINDS, ProcessBeat, Services
from server.errors import OutsideFailure
from server.models import database

log = logging.getLogger("xcert.ops")
EVERY_SECONDS = 15.0
SILENT = timedelta(seconds=50)  # three beats missed: it is dead, or Redis was away


def version() -> str:
    return metadata.version("xcert")


@dataclass(frozen=True, slots=True)
class KindStanding:
    """The living processes of one kind: how many, on how many hosts, and their pools together and at the worst."""

    kind: str
    processes: int
    hosts: int
    pool_used: int
    pool_most: int
    fullest: float


def beat_of(kind: str, began: datetime, now: datetime) -> ProcessBeat:
    """This process, now."""
    used, most = database.pool_use()
    return ProcessBeat(
        host=socket.gethostname(),
        pid=os.getpid(),
        kind=kind,
        version=version(),
        began=began,
        seen=now,
        pool_used=used,
        pool_most=most,
    )


@asynccontextmanager
async def telling(s: Services, kind: str, *, every: float = EVERY_SECONDS) -> AsyncIterator[None]:
    """Within, this process is on the board."""
    began = s.clock.now()

    async def go_on() -> None:
        while True:
            try:
                await s.process_board.tell(beat_of(kind, began, s.clock.now()))
            except OutsideFailure:
                pass  # the client has written it to the log, once; the next beat comes soon
            except Exception as error:
                log.warning("this process could not say that it lives: %s", type(error).__name__)
            await asyncio.sleep(every)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(OutsideFailure):
            await s.process_board.forget(f"{socket.gethostname()}:{os.getpid()}")


async def living(s: Services) -> list[ProcessBeat]:
    """Those that were heard of lately. Raises OutsideFailure."""
    since = s.clock.now() - SILENT
    return [one for one in await s.process_board.all() if one.seen >= since]


def by_kind(beats: list[ProcessBeat]) -> list[KindStanding]:
    """Of each kind, also of one that has none."""
    out = []
    for kind in KINDS:
        mine = [one for one in beats if one.kind == kind]
        used, most = sum(one.pool_used for one in mine), sum(one.pool_most for one in mine)
        fullest = max((one.pool_used / one.pool_most for one in mine if one.pool_most), default=0.0)
        out.append(KindStanding(kind, len(mine), len({one.host for one in mine}), used, most, fullest))
    return out
