"""Before a command begins: the database and Redis that were named are there, or one sentence says what is wrong."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

import asyncpg

from server.adapters import cache
from server.commands import Impossible
from server.models import database, failures
from server.store_urls import place_of

_PAUSE = 0.5
_TROUBLES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError)


def for_database(url: str, seconds: float, say: Callable[[str], None]) -> None:
    """Wait until the database answers; after a power cut it may come up later than we do.

    Raises:
        Impossible: it did not within `seconds`, or it said what no waiting changes: password, name, certificate.
    """

    async def ask() -> None:
        link = await database.line(url)
        await link.close()

    _wait(ask, "数据库", "XCERT_DATABASE_URL", place_of(url), seconds, say)


def for_redis(url: str, seconds: float, say: Callable[[str], None]) -> None:
    """The same for Redis."""

    async def ask() -> None:
        await cache.answers(url)

    _wait(ask, "Redis", "XCERT_REDIS_URL", place_of(url), seconds, say)


def _wait(
    ask: Callable[[], Awaitable[None]],
    title: str,
    setting: str,
    place: str,
    seconds: float,
    say: Callable[[str], None],
) -> None:
    async def once() -> None:
        await ask()

    until = time.monotonic() + seconds
    is_announced = False
    while True:
        try:
            return asyncio.run(once())
        except _TROUBLES as error:
            if (wrong := _hopeless(error)) is not None:
                raise Impossible(f"{title} {place} 拒绝了连接：{wrong}。请检查 {setting}。") from None
            cause = failures.cause_of(error) or type(error).__name__
            if time.monotonic() >= until:
                raise Impossible(
                    f"{title} {place} 连不上（{cause}）。请检查 {setting}，以及{title}是否在运行、网络是否相通。"
                ) from None
        if not is_announced:
            say(f"{title} {place} 还没有应答（{cause}），最多等待 {seconds:g} 秒……")
            is_announced = True
        time.sleep(_PAUSE)


def _hopeless(error: BaseException) -> str | None:
    """What no waiting changes, in words."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | cache.Denied):
        return "用户名或密码不对，或不允许从这台机器连接"
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return "没有这个名称的数据库"
    if isinstance(error, FileNotFoundError):
        return f"找不到文件 {error.filename or ''}".rstrip()
    if isinstance(error, ssl.SSLError) or "SSL" in str(error):
        return "加密连接没有建成，请核对 sslmode 和证书"
    if isinstance(error, asyncpg.InterfaceError | ValueError):
        return str(error).splitlines()[0][:120]
    return None
