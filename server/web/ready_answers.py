"""From a question to ready bytes: what this process keeps, then Redis, then the database, which is asked once.

A look-up's answer is the same byte for byte between two changes. It is encoded once, and kept with its ETag and with
what a watch (`server.domain.ports.lookups`) needs to know to say whether it still holds.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf

from server.domain.freshness import scope_of
from server.domain.lookups.views import Standing
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import READY_SECONDS, LookupWatch
from server.errors import OutsideFailure

log = logging.getLogger("xcert.lookups")

PATIENCE = 15.0  # seconds that a person waits, whichever of the readings below hangs
ROOM = 32 * 1024 * 1024  # bytes of answers kept in this process
_HEAD = struct.Struct(">qdd")

# (services, who asks) → the body, read from the database, and how long it stands
Read = Callable[[Services, WeChatIdentity], Awaitable[tuple[bytes, Standing]]]


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """An answer as it goes out. `since` and `until` (Unix seconds) are the release times it stands between."""

    body: bytes
    as_of: int
    since: float = -inf
    until: float = inf
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        digest = b64encode(blake2b(self.body, digest_size=15).digest(), b"-_").decode()
        object.__setattr__(self, "etag", f'"{digest}"')

    def packed(self) -> bytes:
        return _HEAD.pack(self.as_of, self.since, self.until) + self.body

    @classmethod
    def unpacked(cls, data: bytes) -> ReadyAnswer:
        as_of, since, until = _HEAD.unpack_from(data)
        return cls(data[_HEAD.size :], as_of, since, until)


class AnswerCache:
    """Answers in this process, the longest unused leave first; bounded by bytes."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._bytes_used = 0
        self._answers: OrderedDict[str, ReadyAnswer] = OrderedDict()

    def get(self, key: str) -> ReadyAnswer | None:
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: str, answer: ReadyAnswer) -> None:
        self.drop(key)
        self._answers[key] = answer
        self._bytes_used += self._size(key, answer)
        while self._bytes_used > self._room:
            self.drop(next(iter(self._answers)))

    def drop(self, key: str) -> None:
        if (answer := self._answers.pop(key, None)) is not None:
            self._bytes_used -= self._size(key, answer)

    def clear(self) -> None:
        self._answers.clear()
        self._bytes_used = 0

    @property
    def bytes_used(self) -> int:
        """Bytes in use, with what Python adds to each answer."""
        return self._bytes_used

    @staticmethod
    def _size(key: str, answer: ReadyAnswer) -> int:
        return len(key) + len(answer.body) + 500


class ReadyAnswers:
    """The ready answers of one web process.

    Args:
        patience: seconds until somebody who waits for the database is told to try again.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self.cache = AnswerCache()
        self.inflight: dict[
            str, asyncio.Task[ReadyAnswer]
        ] = {}  # readings under way: who asks meanwhile joins
        self._beginnings = 0

    async def get(self, s: Services, topic: str, who: WeChatIdentity, read: Read) -> ReadyAnswer:
        """The true answer to `topic` for `who`, from the nearest place that has it.

        Without a watch, or with one that cannot vouch, every question reads the database.

        Raises: TimeoutError: the database did not answer in time (503 at the door).
        """
        watch = s.lookup_watch
        if watch is None:
            return await _read(s, who, read, 0)
        if watch.beginnings != self._beginnings:
            self.cache.clear()
            self._beginnings = watch.beginnings
        scope = scope_of(who.account, who.openid)
        key = f"{topic}:{scope}"
        answer = self.cache.get(key)
        if answer is not None and watch.is_fresh(answer, scope, s.clock.unix()):
            return answer
        answer = await _from_redis(s, key) if watch.version() is not None else None
        if answer is not None and watch.is_fresh(answer, scope, s.clock.unix()):
            self.cache.put(key, answer)
            return answer
        async with asyncio.timeout(
            self._patience
        ):  # joined readings and a second one would add up to a minute
            return await self._from_database(s, watch, key, who, read)

    async def _from_database(
        self, s: Services, watch: LookupWatch, key: str, who: WeChatIdentity, read: Read
    ) -> ReadyAnswer:
        """Read once for all who ask at the same time; who joined a reading that began too early joins the next."""
        scope = scope_of(who.account, who.openid)
        for _ in range(2):
            version = watch.version()
            if version is None:
                break
            reading = self.inflight.get(key)
            if reading is None:
                reading = asyncio.create_task(self._read_and_keep(s, key, version, who, read))
                self.inflight[key] = reading
                reading.add_done_callback(lambda done: self._landed(key, done))
                return await asyncio.shield(reading)
            answer = await asyncio.shield(reading)
            if watch.is_fresh(answer, scope, s.clock.unix()):
                return answer
        return await _read(s, who, read, 0)

    async def _read_and_keep(
        self, s: Services, key: str, version: int, who: WeChatIdentity, read: Read
    ) -> ReadyAnswer:
        answer = await _read(s, who, read, version)
        if answer.until <= s.clock.unix():
            return answer  # true now, and not to be kept
        self.cache.put(key, answer)
        try:
            await s.cache.set(_redis_key(key), answer.packed(), seconds=READY_SECONDS)
        except OutsideFailure:
            pass  # losing the cache costs time, never an answer; the cache has said so itself
        except Exception:
            log.warning("a ready answer could not be kept", exc_info=True)
        return answer

    def _landed(self, key: str, reading: asyncio.Task[ReadyAnswer]) -> None:
        if self.inflight.get(key) is reading:
            del self.inflight[key]
        if not reading.cancelled():
            reading.exception()  # whoever waited has it; if nobody waited any more, nobody needs it


async def _read(s: Services, who: WeChatIdentity, read: Read, as_of: int) -> ReadyAnswer:
    body, standing = await read(s, who)
    return ReadyAnswer(body, as_of, standing.since, standing.until)


async def _from_redis(s: Services, key: str) -> ReadyAnswer | None:
    try:
        packed = await s.cache.get(_redis_key(key))
    except OutsideFailure:
        return None
    except Exception:
        log.warning("the cache did not answer; reading the database", exc_info=True)
        return None
    return ReadyAnswer.unpacked(packed) if packed else None


def _redis_key(key: str) -> str:
    """No openid stands in Redis's keys."""
    return "lookup:" + blake2b(key.encode(), digest_size=20).hexdigest()
