"""From a question to ready bytes: this process's shelf, then Redis, then the database, which is asked once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import blake2b
from math import inf
from typing import Any

from server.domain.freshness import scope_of
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import READY_SECONDS, CachedAnswer, LookupWatch
from server.errors import OutsideFailure

log = logging.getLogger("xcert.lookups")

# (services, who asks, the time to judge releases by, as_of) → the answer, read from the database
Read = Callable[[Services, WeChatIdentity, datetime, int], Awaitable[CachedAnswer]]


async def ready(s: Services, topic: str, who: WeChatIdentity, read: Read) -> CachedAnswer:
    """The true answer to `topic` for `who`, from the nearest place that has it.

    Without a watch, or with one that cannot vouch, every question reads the database.
    """
    watch = s.lookup_watch
    if watch is None:
        return await read(s, who, s.clock.now(), 0)
    scope = scope_of(who.account, who.openid)
    key = f"{topic}:{scope}"
    answer = watch.cache.get(key)
    if answer is not None and watch.is_fresh(answer, scope, s.clock.unix()):
        return answer
    answer = await _from_cache(s, key) if watch.version() is not None else None
    if answer is not None and watch.is_fresh(answer, scope, s.clock.unix()):
        watch.cache.put(key, answer)
        return answer
    return await _from_database(s, watch, key, who, read)


async def _from_database(
    s: Services, watch: LookupWatch, key: str, who: WeChatIdentity, read: Read
) -> CachedAnswer:
    """Read once for all who ask at the same time; who joined a reading that began too early joins the next."""
    scope = scope_of(who.account, who.openid)
    for _ in range(2):
        version = watch.version()
        if version is None:
            break
        reading = watch.inflight.get(key)
        if reading is None:
            reading = asyncio.create_task(_read_and_keep(s, watch, key, version, who, read))
            watch.inflight[key] = reading
            reading.add_done_callback(lambda done: _landed(watch, key, done))
            return await asyncio.shield(reading)
        answer = await asyncio.shield(reading)
        if watch.is_fresh(answer, scope, s.clock.unix()):
            return answer
    return await read(s, who, s.clock.now(), 0)


async def _read_and_keep(
    s: Services, watch: LookupWatch, key: str, version: int, who: WeChatIdentity, read: Read
) -> CachedAnswer:
    answer = await read(s, who, s.clock.now(), version)
    if answer.until <= s.clock.unix():
        return answer  # true now, and not to be kept
    watch.cache.put(key, answer)
    try:
        await s.cache.set(_cache_key(key), answer.packed(), seconds=READY_SECONDS)
    except OutsideFailure:
        pass  # losing the cache costs time, never an answer; the cache has said so itself
    except Exception:
        log.warning("a ready answer could not be kept", exc_info=True)
    return answer


def _landed(watch: LookupWatch, key: str, reading: asyncio.Task[CachedAnswer]) -> None:
    if watch.inflight.get(key) is reading:
        del watch.inflight[key]
    if not reading.cancelled():
        reading.exception()  # whoever waited has it; if nobody waited any more, nobody needs it


async def _from_cache(s: Services, key: str) -> CachedAnswer | None:
    try:
        packed = await s.cache.get(_cache_key(key))
    except OutsideFailure:
        return None
    except Exception:
        log.warning("the cache did not answer; reading the database", exc_info=True)
        return None
    return CachedAnswer.unpacked(packed) if packed else None


def _cache_key(key: str) -> str:
    """No openid stands in Redis's keys."""
    return "lookup:" + blake2b(key.encode(), digest_size=20).hexdigest()


def standing(
    moments: list[datetime | None], now: datetime, *, seconds: float = READY_SECONDS
) -> dict[str, Any]:
    """`since` and `until` of an answer made at `now` from plans with these release times.

    Args:
        seconds: how long it may stand at most, whatever it says.
    """
    present = now.timestamp()
    known = [moment.timestamp() for moment in moments if moment is not None]
    return {
        "since": max((release for release in known if release <= present), default=-inf),
        "until": min([present + seconds, *(release for release in known if release > present)]),
    }
