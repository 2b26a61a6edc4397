"""The access token of one account: one owner at a time over all processes (wechat.md §2).

Kept in Redis with the moment it ends. Who wants to renew it takes a lock; every holder of the lock has a number that
only grows, and a token is stored only over one with a smaller number, so that a holder that slept past its lock cannot
put an old token back. `stable_token` gives every caller the same token, so without Redis each process may ask itself.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from server.adapters.wechat.errcodes import STABLE_TOKEN, refusal_of
from server.domain.coalescing import Coalesced
from server.domain.ports import Clock
from server.errors import OutsideFailure, Remedy, WeChatRefused

log = logging.getLogger("xcert.wechat")

# Seconds before its end at which a token is renewed. Within its last 300 WeChat hands out the next one and both work;
# the difference is for clocks that drift.
AHEAD = 290
LOCK_SECONDS = 8  # longer than one fetch may take
ONCE_SECONDS = (
    30  # a token that WeChat refuses is renewed once in so long, however many calls it was refused to
)
PAUSE_SECONDS = 15  # after a refusal that only a person can mend, nobody asks again for so long
BELIEVED_SECONDS = 0.1  # a token that another process has replaced works on, or is refused and read anew
_POLLS, _POLL_SECONDS = 100, 0.1

_STORE = """
local kept = redis.call('HGET', KEYS[1], 'fence')
if kept and tonumber(kept) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'token', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


@dataclass(frozen=True, slots=True)
class Token:
    """`ends` and `renewed_at` in Unix seconds; `instead_of`: what stood in its place and was refused by WeChat."""

    value: str
    ends: int
    instead_of: str = ""
    renewed_at: int = 0


Fetch = Callable[[], Awaitable[tuple[str, int]]]  # → (value, seconds it lives)


class TokenKeeper:
    """Gets, keeps and renews one kind of token (`access` or `jsapi`) of one appid."""

    def __init__(
        self, redis: aioredis.Redis, clock: Clock, appid: str, fetch: Fetch, *, kind: str = "access"
    ) -> None:
        self._redis, self._clock, self._fetch = redis, clock, fetch
        self._name = f"wechat:{kind}:{appid}"
        self._store = redis.register_script(_STORE)
        self._release = redis.register_script(_RELEASE)
        self._reads = Coalesced(self._read)
        self._seen: tuple[Token | None, float] = None, 0.0  # what Redis held, and until when we believe it
        self._own: Token | None = None  # for when Redis is away
        self._alone = asyncio.Lock()

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    async def get(self) -> str:
        """A token that works now.

        Raises:
            WeChatRefused: WeChat gives none, e.g. as the secret is wrong; said again for 15 s without asking again.
            OutsideFailure: no answer.
        """
        seen, believed = self._seen
        if seen is not None and time.monotonic() < believed and seen.ends - self._now() > AHEAD:
            return seen.value
        try:
            token = await self._stored_token()
            if token is not None and token.ends - self._now() > AHEAD:
                return token.value
            try:
                return await self._renewed(token)
            except OutsideFailure as problem:
                if token is None or token.ends <= self._now():
                    raise
                log.warning("the next token did not come, this one still works: %s", problem)
                return token.value
        except RedisError as problem:
            return await self._without_redis(problem)

    async def renew(self, refused: str) -> str:
        """The next token, after WeChat refused one; another process may have it already. Never forced."""
        self._seen = None, 0.0
        try:
            token = await self._stored_token()
            if token is not None and token.value != refused:
                return token.value
            return await self._renewed(token, refused=refused)
        except RedisError as problem:
            return await self._without_redis(problem, refused=refused)

    def now(self) -> int:
        """In Unix seconds."""
        return self._now()

    async def kept(self) -> Token | None:
        """What stands in Redis and still works. Raises OutsideFailure."""
        try:
            return await self._stored_token()
        except RedisError:
            raise OutsideFailure("缓存暂时没有响应。") from None

    async def _stored_token(self) -> Token | None:
        return await self._reads.ask(None)

    async def _read(self, asked: Sequence[None]) -> list[Token | None]:
        """What is kept, for all calls of one moment."""
        raw = await self._redis.hget(self._name, "token")
        token = Token(*orjson.loads(raw)) if raw is not None else None
        if token is not None and token.ends <= self._now():
            token = None
        self._seen = token, time.monotonic() + BELIEVED_SECONDS
        return [token] * len(asked)

    async def _renewed(self, token: Token | None, *, refused: str = "") -> str:
        """Fetch under the lock; while another process fetches, use what still works or wait for it."""
        owner, lock = secrets.token_hex(8), f"{self._name}:lock"
        for _ in range(_POLLS):
            if await self._redis.set(lock, owner, nx=True, ex=LOCK_SECONDS):
                try:
                    return await self._fetched(refused)
                finally:
                    await self._release(keys=[lock], args=[owner])
            if token is not None and token.value != refused:
                return token.value
            await asyncio.sleep(_POLL_SECONDS)
            newer = await self._stored_token()
            if newer is not None and newer.value != refused and newer.ends - self._now() > AHEAD:
                return newer.value
        raise OutsideFailure("另一个进程正在获取微信凭证，等待超时")

    async def _fetched(self, refused: str) -> str:
        token = await self._stored_token()  # the last owner may have stored it while we waited for the lock
        if token is not None and token.ends - self._now() > AHEAD and not self._is_due(token, refused):
            return token.value
        await self._pausing()
        fence = await self._redis.incr(f"{self._name}:fence")
        try:
            value, seconds = await self._fetch()
        except WeChatRefused as refusal:
            await self._pause(refusal)
            raise
        entry = [value, self._now() + seconds, refused, self._now()]
        await self._store(keys=[self._name], args=[fence, orjson.dumps(entry)])
        self._seen = None, 0.0
        return value

    def _is_due(self, token: Token, refused: str) -> bool:
        """Whether this refusal is the first of the kept token: WeChat may well have given the same one again."""
        if token.value != refused:
            return False
        return token.instead_of != refused or not 0 <= self._now() - token.renewed_at < ONCE_SECONDS

    async def _pausing(self) -> None:
        raw = await self._redis.get(f"{self._name}:pause")
        if raw is not None:
            errcode, errmsg = orjson.loads(raw)
            raise refusal_of(errcode, errmsg, STABLE_TOKEN)

    async def _pause(self, refusal: WeChatRefused) -> None:
        """A wrong secret is asked about once in a while, not by every call: only a person can mend it."""
        if refusal.remedy in (Remedy.MEND, Remedy.ALARM):
            entry = orjson.dumps([refusal.errcode, refusal.errmsg])
            await self._redis.set(f"{self._name}:pause", entry, ex=PAUSE_SECONDS)

    async def _without_redis(self, problem: RedisError, *, refused: str = "") -> str:
        log.warning("redis is away, asking WeChat directly: %s", type(problem).__name__)
        async with self._alone:
            own = self._own
            if own is None or own.ends - self._now() <= AHEAD or self._is_due(own, refused):
                value, seconds = await self._fetch()
                own = self._own = Token(value, self._now() + seconds, refused, self._now())
            return own.value
