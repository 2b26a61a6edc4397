"""What only a person can mend: said loudly once a minute, and kept for `xcert doctor`. No token, no openid."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import orjson
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from server.adapters.wechat.errcode_help import advice
from server.adapters.wechat.errcodes import rid
from server.adapters.wechat.quota import PATIENCE_SECONDS
from server.domain.ports import Alarm, Clock

log = logging.getLogger("xcert.wechat")

KEPT = 20
KEPT_SECONDS = 30 * 86400
QUIET_SECONDS = 60  # the same alarm is not raised again for so long
_LIST = "wechat:alarms"


class Alarms:
    """The last alarms of all processes, in Redis."""

    def __init__(self, redis: aioredis.Redis, clock: Clock) -> None:
        self._redis, self._clock = redis, clock

    async def sound(self, kind: str, path: str, errcode: int, errmsg: str) -> None:
        """An ERROR line with what to do, and an entry for the doctor; the same one only once a minute."""
        sentence = advice(errcode, path, errmsg, kind)
        entry = [int(self._clock.now().timestamp()), kind, errcode, path, rid(errmsg), sentence]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not await self._redis.set(
                    f"wechat:alarmed:{kind}:{errcode}:{path}", 1, nx=True, ex=QUIET_SECONDS
                ):
                    return
                pipe = self._redis.pipeline(transaction=False)
                pipe.lpush(_LIST, orjson.dumps(entry))
                pipe.ltrim(_LIST, 0, KEPT - 1)
                pipe.expire(_LIST, KEPT_SECONDS)
                await pipe.execute()
        except (RedisError, TimeoutError):
            pass  # the line below is what matters
        log.error(
            sentence,
            extra={"account": kind, "path": path, "errcode": errcode, "rid": rid(errmsg), "alarm": True},
        )

    async def last(self) -> list[Alarm]:
        """Newest first, 20 at most."""
        entries = await self._redis.lrange(_LIST, 0, KEPT - 1)
        return [
            Alarm(datetime.fromtimestamp(at, UTC), kind, errcode, path, request_id, sentence)
            for at, kind, errcode, path, request_id, sentence in map(orjson.loads, entries)
        ]
