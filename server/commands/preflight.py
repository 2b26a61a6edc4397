"""Before a command begins: the database and Redis that were named are there, or one sentence says what is wrong."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from server.adapters import cache
from server.commands import Impossible, Unprotected
from server.models import database, failures
from server.settings import Settings
from server.store_urls import place_of

_PAUSE = 0.5
TROUBLES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError)  # fmt: skip
_POOLED = (
    "{place} 是 PgBouncer 之类的连接池，不是 PostgreSQL 本身：请另填 XCERT_DATABASE_SESSION_URL（直连 PostgreSQL 的地址），"
    "见 docs/operate.md“几台机器”"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom a question goes to: the title, the setting and where it leads."""

    title: str
    setting: str
    place: str


class _Pooled(Exception):
    """A pool of connections stands where the database itself was expected."""


def for_databases(settings: Settings, say: Callable[[str], None]) -> None:
    """Both ways to the database, or the only one: `for_database`."""
    if direct := settings.database_session_url:
        for_database(direct, settings.start_seconds, say, setting="XCERT_DATABASE_SESSION_URL")
        pooled = database.Way(settings.database_url, through_pgbouncer=True)
        for_database(pooled, settings.start_seconds, say)
    else:
        for_database(settings.database_url, settings.start_seconds, say, must_be_direct=True)


def for_database(
    way: database.Way | str,
    seconds: float,
    say: Callable[[str], None],
    *,
    setting: str = "XCERT_DATABASE_URL",
    must_be_direct: bool = False,
) -> None:
    """Wait until the database answers; after a power cut it may come up later than we do.

    Raises:
        Impossible: it did not within `seconds`, or it said what no waiting changes: password, name, a pool of
            connections in the way. Unprotected: no encrypted connection, or not to whom it should be.
    """

    async def ask() -> None:
        link = await database.line(way)
        try:
            if must_be_direct and await is_pooled(link):
                raise _Pooled
        finally:
            await link.close()

    url = way if isinstance(way, str) else way.url
    _wait(ask, _Asked("数据库", setting, place_of(url)), seconds, say)


async def is_pooled(link: object) -> bool:
    """Whether another process answers than the one that let us in.

    Args:
        link: an asyncpg connection.
    """
    return int(await link.fetchval("SELECT pg_backend_pid()")) != int(link.get_server_pid())  # type: ignore[attr-defined]


def for_redis(settings: Settings, say: Callable[[str], None]) -> None:
    """The same for Redis."""

    async def ask() -> None:
        await cache.answers(settings.redis_url, certificates=settings.redis_certificates)

    asked = _Asked("Redis", "XCERT_REDIS_URL", place_of(settings.redis_url))
    _wait(ask, asked, settings.start_seconds, say)


def _wait(ask: Callable[[], Awaitable[None]], of: _Asked, seconds: float, say: Callable[[str], None]) -> None:
    async def once() -> None:
        await ask()

    until = time.monotonic() + seconds
    is_announced = False
    while True:
        try:
            return asyncio.run(once())
        except _Pooled:
            raise Impossible(f"{of.title} {_POOLED.format(place=of.place)}。") from None
        except TROUBLES as error:
            _refuse(error, of)
            cause = _cause(error)
            if time.monotonic() >= until:
                raise Impossible(
                    f"{of.title} {of.place} 连不上（{cause}）。请检查 {of.setting}，以及{of.title}是否在运行、网络是否相通。"
                ) from None
        if not is_announced:
            say(f"{of.title} {of.place} 还没有应答（{cause}），最多等待 {seconds:g} 秒……")
            is_announced = True
        time.sleep(_PAUSE)


def _cause(error: BaseException) -> str:
    if isinstance(error, cache.NoMaster):
        return "哨兵没有说谁是主，请核对服务名"
    return failures.cause_of(error) or type(error).__name__


def _refuse(error: BaseException, of: _Asked) -> None:
    """Raises Impossible for what no waiting changes."""
    if "unsupported startup parameter" in str(error):
        raise Impossible(f"{of.title} {_POOLED.format(place=of.place)}。") from None
    if (wrong := tls_trouble(error)) is not None:
        raise Unprotected(f"{of.title} {of.place} 拒绝了连接：{wrong}。请检查 {of.setting}。") from None
    if (wrong := hopeless(error)) is not None:
        raise Impossible(f"{of.title} {of.place} 拒绝了连接：{wrong}。请检查 {of.setting}。") from None


def tls_trouble(error: BaseException) -> str | None:
    """Why there is no encrypted connection that can be trusted, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"对方的证书不可信（{error.verify_message}），请核对主机名和根证书"
    if "rejected SSL upgrade" in str(error):
        return "对方没有启用加密连接（TLS），而地址里要求加密；请在服务器上启用，或核对 sslmode"
    if isinstance(error, asyncpg.ClientConfigurationError) and "root certificate" in str(error):
        return "没有根证书，请在地址里写 sslrootcert=文件"
    if isinstance(error, ssl.SSLError | cache.NotEncrypted) or "SSL" in str(error):
        return "加密连接没有建成，请核对 sslmode 和证书"
    return None


def hopeless(error: BaseException) -> str | None:
    """What else no waiting changes, in words."""
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | cache.Denied):
        return "用户名或密码不对，或不允许从这台机器连接"
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return "没有这个名称的数据库"
    if isinstance(error, FileNotFoundError):
        return f"找不到文件 {error.filename or ''}".rstrip()
    if isinstance(error, asyncpg.InterfaceError | ValueError):
        return str(error).splitlines()[0][:120]
    return None
