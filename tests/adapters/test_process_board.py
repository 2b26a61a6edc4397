"""The board of processes on a real Redis: side by side, forgotten at an orderly end, and after an hour of silence."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import pytest

from server.adapters import cache
from server.adapters.redis_process_board import KEY, RedisProcessBoard
from server.domain.operations import process_beats
from server.domain.ports import ProcessBeat, Services
from server.errors import OutsideFailure
from server.models.database import rows
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock
from tests.kit.started import free_port


def beat(clock: FakeClock, pid: int, kind: str = "web", used: int = 1) -> ProcessBeat:
    now = clock.now()
    return ProcessBeat(
        host="a", pid=pid, kind=kind, version="1", began=now, seen=now, pool_used=used, pool_most=10
    )


async def test_processes_stand_side_by_side(redis_url: str, clock: FakeClock) -> None:
    redis = cache.connect(redis_url)
    try:
        board = RedisProcessBoard(redis, clock)
        killed, web, jobs = beat(clock, 3), beat(clock, 1), beat(clock, 2, "jobs")
        for one in (killed, web, jobs):
            await board.tell(one)
        await board.tell(beat(clock, 1, used=5))
        assert await board.all() == [jobs, beat(clock, 1, used=5), killed]
        clock.forward(minutes=61)
        await board.tell(beat(clock, 2, "jobs"))
        assert [one.pid for one in await board.all()] == [2]
        assert await redis.hlen(KEY) == 1  # what was silent for an hour is cleared away
        await board.forget("a:2")
        assert await board.all() == []
    finally:
        await redis.delete(KEY)
        await redis.aclose()


async def test_without_redis_it_is_an_outside_failure(clock: FakeClock) -> None:
    redis = cache.connect(f"redis://127.0.0.1:{free_port()}/0")
    board = RedisProcessBoard(redis, clock)
    with pytest.raises(OutsideFailure):
        await board.tell(beat(clock, 1))
    with pytest.raises(OutsideFailure):
        await board.all()
    with pytest.raises(OutsideFailure):
        await board.forget("a:1")
    await redis.aclose()


async def test_a_process_is_told_of_as_long_as_it_lives(services: Services) -> None:
    await rows("SELECT 1")  # connections are opened with the first question
    async with process_beats.telling(services, "jobs"):
        async with asyncio.timeout(5):
            while not (seen := await process_beats.living(services)):
                await asyncio.sleep(0)
        [one] = seen
        assert (one.kind, one.pid) == ("jobs", os.getpid())
        assert one.pool_most > 0 and 0 <= one.pool_used <= one.pool_most
        [web, jobs] = process_beats.by_kind(seen)
        assert (web.processes, jobs.processes, jobs.hosts) == (0, 1, 1)
    assert await process_beats.living(services) == []


async def test_a_board_that_is_away_ends_no_process(services: Services) -> None:
    class Away:
        asked = 0

        async def tell(self, _: ProcessBeat) -> None:
            self.asked += 1
            raise OutsideFailure("缓存暂时没有响应。")

        async def forget(self, _: str) -> None:
            raise OutsideFailure("缓存暂时没有响应。")

        async def all(self) -> list[ProcessBeat]:
            return []

    away = Away()
    exchange(services, process_board=away)
    async with process_beats.telling(services, "web", every=0.001), asyncio.timeout(5):
        while away.asked < 2:
            await asyncio.sleep(0.001)


async def test_who_was_silent_for_a_minute_does_not_live(services: Services, clock: FakeClock) -> None:
    await services.process_board.tell(beat(clock, 1))
    clock.forward(seconds=process_beats.SILENT.total_seconds())
    assert len(await process_beats.living(services)) == 1
    clock.forward(seconds=1)
    assert await process_beats.living(services) == []
    assert timedelta(seconds=3 * process_beats.EVERY_SECONDS) < process_beats.SILENT
