"""What keeps look-ups fast and true: encoded answers that are kept, and the word of a watch on whether one still holds."""

from __future__ import annotations

import asyncio
import struct
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf
from typing import Protocol

ALL = "*"  # the scope of a change that concerns everybody
END = "end:"  # the beginning of a scope that says: the sessions of a person have ended
READY_SECONDS = 600  # how long an answer may stand in Redis
_HEAD = struct.Struct(">qdd")


@dataclass(frozen=True, slots=True)
class CachedAnswer:
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
    def unpacked(cls, data: bytes) -> CachedAnswer:
        as_of, since, until = _HEAD.unpack_from(data)
        return cls(data[_HEAD.size :], as_of, since, until)


class LocalAnswers(Protocol):
    """Answers kept in this process, bounded by bytes."""

    def get(self, key: str) -> CachedAnswer | None: ...
    def put(self, key: str, answer: CachedAnswer) -> None: ...


class LookupWatch(Protocol):
    """Which answers are still true, as far as this process knows."""

    @property
    def cache(self) -> LocalAnswers: ...
    @property
    def inflight(self) -> dict[str, asyncio.Task[CachedAnswer]]:
        """Readings that are under way, by key: who asks meanwhile joins them."""

    def version(self) -> int | None:
        """The newest change seen, to be put on data read from now on; None when the watch cannot vouch."""

    def is_fresh(self, answer: CachedAnswer, scope: str, now: float) -> bool:
        """Whether `answer` is still true for `scope` at `now` (Unix seconds by the clock port)."""

    def invalidate(self, scope: str) -> None:
        """Somebody of this process has just changed `scope`: no older answer, before the database says so too."""
