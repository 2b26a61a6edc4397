"""When WeChat last reached us, by account: the one proof that the console holds our address, token and key."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from server.domain.ports import Cache, Clock, Push

log = logging.getLogger("xcert.wechat")

KEPT_SECONDS = 400 * 86400
PATIENCE_SECONDS = 0.3
OWN = frozenset({"xcert_doctor"})  # events that our own doctor sends


@dataclass(frozen=True, slots=True)
class LastPush:
    """`kind`: of the message or event."""

    at: datetime
    kind: str


async def note(clock: Clock, cache: Cache, push: Push) -> None:
    """Remember this genuine push; never keeps its answer waiting, and never fails."""
    if push.kind in OWN:
        return
    value = json.dumps([int(clock.now().timestamp()), push.kind]).encode()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await cache.set(_key(push.account), value, seconds=KEPT_SECONDS)
    except Exception as problem:  # whatever the cache is made of: the answer matters more
        log.info("a push was not noted: %s", type(problem).__name__)


async def last(cache: Cache, account: str) -> LastPush | None:
    """None when none has come, as far as is remembered."""
    raw = await cache.get(_key(account))
    if raw is None:
        return None
    at, kind = json.loads(raw)
    return LastPush(datetime.fromtimestamp(at, UTC), kind)


def _key(account: str) -> str:
    return f"wechat:last_push:{account}"
