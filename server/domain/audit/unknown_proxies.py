"""What the running service saw of X-Forwarded-For that it does not believe, for `xcert doctor` to read.

One small note in the cache, whatever strangers send: when, how many entries, and whether it came from this machine or a
private network, as a proxy of ours would. No address is kept.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from server.domain.addresses import read
from server.domain.ports import Cache, Clock

log = logging.getLogger("xcert.web")

KEPT_SECONDS = 7 * 86400
EVERY_SECONDS = 60.0  # of one process: a note is one reading and one writing
MOST_ENTRIES = 20
_KEY = "proxies:unknown"


@dataclass(frozen=True, slots=True)
class Sighting:
    """`entries`: the least that a request carried of late; a stranger can only add some in front of the proxy's own."""

    at: datetime
    entries: int
    is_near: bool


class Notebook:
    """Of one process: says when there is something to note, at most once a minute."""

    def __init__(self) -> None:
        self._next = 0.0

    def entries(self, forwarded: Iterable[str], trusted: int) -> int:
        """How many entries to note now; 0: nothing, or not yet.

        Args:
            forwarded: the values of the X-Forwarded-For headers.
            trusted: setting XCERT_PROXIES; an unbelieved header is any without it, a too short one with it.
        """
        if time.monotonic() < self._next:
            return 0
        count = sum(1 for entry in ",".join(forwarded).split(",", MOST_ENTRIES) if entry.strip())
        if not count or (trusted and count >= trusted):
            return 0
        self._next = time.monotonic() + EVERY_SECONDS
        return min(count, MOST_ENTRIES)


async def note(clock: Clock, cache: Cache, entries: int, peer: str) -> None:
    """Remember that a request carried so many entries; never fails.

    Args:
        peer: the address at the other end of the connection; only what kind it is, is kept.
    """
    address = read(peer)
    is_near = address is not None and (address.is_private or address.is_loopback)
    try:
        before = await latest(cache)
        if before is not None and before.is_near and not is_near:
            return  # what comes from outside says less
        if before is not None and before.is_near == is_near:
            entries = min(entries, before.entries)
        value = json.dumps([int(clock.now().timestamp()), entries, is_near])
        await cache.set(_KEY, value.encode(), seconds=KEPT_SECONDS)
    except Exception as problem:  # whatever the cache is made of: the visitor matters more
        log.info("an unknown proxy was not noted: %s", type(problem).__name__)


async def latest(cache: Cache) -> Sighting | None:
    """What was noted of late; None: nothing."""
    raw = await cache.get(_KEY)
    if raw is None:
        return None
    at, entries, is_near = json.loads(raw)
    return Sighting(datetime.fromtimestamp(at, UTC), int(entries), bool(is_near))
