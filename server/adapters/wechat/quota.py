"""How often we called each of WeChat's APIs today, and which are closed until WeChat counts anew (wechat.md §2).

All in Redis, so that every process counts as one and a restart forgets nothing. Redis being away costs the counting,
never a call. Days are days in Beijing. Calls of one moment share the round trips to Redis, and none waits for its counting: a
process that dies has not counted those of its last milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeVar

from redis import asyncio as aioredis
from redis.exceptions import RedisError

from server.adapters.wechat.errcodes import is_counted_by_the_minute
from server.domain.coalescing import Coalesced
from server.domain.ports import Clock, ClosedApi, WeChatCalls

log = logging.getLogger("xcert.wechat")

T = TypeVar("T")

BEIJING = timezone(timedelta(hours=8))
KEPT_DAYS = 8
BELIEVED_SECONDS = 0.1  # WeChat itself refuses what another process has found closed a moment ago
PATIENCE_SECONDS = 0.5  # how long a call may be held up by the counting of it
_OUTCOMES = "wechat:outcomes"


class Quota:
    """The books of all calls; one for each process, all on the same Redis."""

    def __init__(self, redis: aioredis.Redis, clock: Clock) -> None:
        self._redis, self._clock = redis, clock
        self._closed: dict[tuple[str, str], int] = {}  # for when Redis is away
        self._seen: dict[
            tuple[str, str], tuple[int, float]
        ] = {}  # what Redis said, and until when we believe it
        self._looks = Coalesced(self._until)
        self._notes = Coalesced(self._write, linger=0.02)

    def _day(self) -> str:
        return self._clock.now().astimezone(BEIJING).date().isoformat()

    def _calls_key(self, appid: str) -> str:
        return f"wechat:calls:{appid}:{self._day()}"

    async def closed_until(self, appid: str, path: str) -> datetime | None:
        """Until when this API is closed; None when it may be called."""
        until, believed = self._seen.get((appid, path), (0, 0.0))
        if time.monotonic() >= believed:
            until = await self._looks.ask((appid, path))
        if until <= self._clock.unix():
            return None
        return datetime.fromtimestamp(until, UTC)

    async def _until(self, apis: Sequence[tuple[str, str]]) -> list[int]:
        """The same in Unix seconds, 0 where nothing was ever closed."""
        each = list(dict.fromkeys(apis))
        try:
            values = await _soon(self._redis.mget([_closed_key(*one) for one in each]))
            until = {one: int(value or 0) for one, value in zip(each, values, strict=True)}
        except (RedisError, TimeoutError):
            until = {one: self._closed.get(one, 0) for one in each}
        believed = time.monotonic() + BELIEVED_SECONDS
        self._seen |= {one: (moment, believed) for one, moment in until.items()}
        return [until[one] for one in apis]

    async def close_books(self) -> None:
        """Returns when everything that was noted is written."""
        await self._notes.settled()

    async def note(self, kind: str, appid: str, path: str, outcome: str) -> None:
        """One more call, and how it ended: ok, an errcode, timeout, unreachable, http_502, closed (not sent)."""
        self._notes.tell((kind, appid, path, outcome))

    async def _write(self, calls: Sequence[tuple[str, str, str, str]]) -> list[None]:
        pipe = self._redis.pipeline(transaction=False)
        for (kind, appid, path, outcome), many in Counter(calls).items():
            if outcome != "closed":
                pipe.hincrby(self._calls_key(appid), path, many)
                pipe.expire(self._calls_key(appid), KEPT_DAYS * 86400)
            pipe.hincrby(_OUTCOMES, f"{kind} {path} {outcome}", many)
        try:
            await _soon(pipe.execute())
        except (RedisError, TimeoutError) as problem:
            log.info("%d calls were not counted: %s", len(calls), type(problem).__name__)
        return [None] * len(calls)

    async def close(self, appid: str, path: str) -> datetime:
        """After 45009: nothing more is sent there until midnight in Beijing, or until the next minute where WeChat
        counts by the minute. Returns the moment.
        """
        now = self._clock.now()
        if is_counted_by_the_minute(path):
            until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        else:
            local = now.astimezone(BEIJING)
            until = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        moment = int(until.timestamp())
        self._closed[appid, path] = moment
        self._seen.clear()
        try:
            seconds = max(1, int(moment - now.timestamp()))
            await _soon(self._redis.set(_closed_key(appid, path), moment, ex=seconds + 3600))
        except (RedisError, TimeoutError) as problem:
            log.warning("only this process knows of a closed API: %s", type(problem).__name__)
        return until

    async def reopen(self, appid: str) -> int:
        """Open everything of this account again, after WeChat cleared its counters. How many were closed."""
        names = [name async for name in self._redis.scan_iter(match=_closed_key(appid, "*"))]
        self._seen.clear()
        for key in [key for key in self._closed if key[0] == appid]:
            del self._closed[key]
        return int(await self._redis.delete(*names)) if names else 0

    async def today(self, appid: str) -> dict[str, int]:
        """Calls of each path today, by all processes."""
        await self.close_books()
        counts = await self._redis.hgetall(self._calls_key(appid))
        return {_text(name): int(count) for name, count in counts.items()}

    async def closed(self, appid: str) -> list[ClosedApi]:
        """What is closed now."""
        prefix, apis = _closed_key(appid, ""), []
        async for name in self._redis.scan_iter(match=prefix + "*"):
            path = _text(name).removeprefix(prefix)
            if until := await self.closed_until(appid, path):
                apis.append(ClosedApi(path, until))
        return sorted(apis, key=lambda one: one.path)

    async def outcomes(self) -> list[WeChatCalls]:
        """How often each path ended how, since the counting began; nothing while Redis is away."""
        await self.close_books()
        try:
            raw = await _soon(self._redis.hgetall(_OUTCOMES))
        except (RedisError, TimeoutError) as problem:
            log.warning("the calls cannot be told: %s", type(problem).__name__)
            return []
        counts = {_text(name): int(count) for name, count in raw.items()}
        calls = []
        for name, count in sorted(counts.items()):
            kind, path, outcome = name.split(" ", 2)
            calls.append(WeChatCalls(kind, path, outcome, count))
        return calls


def _closed_key(appid: str, path: str) -> str:
    return f"wechat:closed:{appid}:{path}"


def _text(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name


async def _soon(work: Awaitable[T]) -> T:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await work
