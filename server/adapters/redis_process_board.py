"""The board of processes, in one Redis hash: a line for each process of every host."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from server.domain.ports import Clock, ProcessBeat
from server.errors import OutsideFailure

KEY = "xcert:processes"
KEPT_SECONDS = 3600  # the line of a process that was killed


class RedisProcessBoard:
    """Implements the ProcessBoard port."""

    def __init__(self, redis: aioredis.Redis, clock: Clock) -> None:
        self._redis, self._clock = redis, clock

    async def tell(self, beat: ProcessBeat) -> None:
        line = orjson.dumps(
            [beat.host, beat.pid, beat.kind, beat.version, beat.began.timestamp(), beat.seen.timestamp(),
             beat.pool_used, beat.pool_most]
        )  # fmt: skip
        try:
            await self._redis.hset(KEY, beat.key, line)
        except RedisError as error:
            raise OutsideFailure("缓存暂时没有响应。") from error

    async def forget(self, key: str) -> None:
        try:
            await self._redis.hdel(KEY, key)
        except RedisError as error:
            raise OutsideFailure("缓存暂时没有响应。") from error

    async def all(self) -> list[ProcessBeat]:
        try:
            lines = await self._redis.hgetall(KEY)
            beats = [_beat(line) for line in lines.values()]
            oldest = self._clock.now().timestamp() - KEPT_SECONDS
            if dead := [one.key for one in beats if one.seen.timestamp() < oldest]:
                await self._redis.hdel(KEY, *dead)
        except RedisError as error:
            raise OutsideFailure("缓存暂时没有响应。") from error
        return sorted(
            (one for one in beats if one.key not in dead), key=lambda one: (one.host, one.kind, one.pid)
        )


def _beat(line: bytes | str) -> ProcessBeat:
    host, pid, kind, version, began, seen, used, most = orjson.loads(line)
    return ProcessBeat(
        host=host,
        pid=pid,
        kind=kind,
        version=version,
        began=datetime.fromtimestamp(began, UTC),
        seen=datetime.fromtimestamp(seen, UTC),
        pool_used=used,
        pool_most=most,
    )
