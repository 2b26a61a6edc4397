"""How to reach the database, and how its tables come to be."""

from __future__ import annotations

import gc
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tortoise import Tortoise, connections
from tortoise.connection import get_connection
from tortoise.exceptions import IntegrityError
from tortoise.migrations.api import migrate as apply_migrations
from tortoise.migrations.executor import MigrationExecutor
from tortoise.models import Model

from server import store_urls
from server.errors import XcertError
from server.models.engine import Hosts, PlainConnection

Row = TypeVar("Row", bound=Model)
MIGRATION_LOCK = 0x7863657274  # "xcert": one migration at a time, whoever starts it
CONNECT_SECONDS = 5.0
_KEEPALIVE = {  # the server notices within a minute that a machine of ours has gone, and frees what it held
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "40000",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one thing at the database may take, in seconds; 0: for ever.

    Args:
        statement: one statement.
        lock: waiting for one lock.
        idle: a transaction in which nothing is asked; then it is rolled back and its locks are free.
        acquire: waiting for a free connection of the pool.
    """

    statement: float = 15.0
    lock: float = 5.0
    idle: float = 30.0
    acquire: float = 5.0

    def server_settings(self) -> dict[str, str]:
        """For PostgreSQL, at the start of a connection."""
        return _KEEPALIVE | {"timezone": "UTC"} | self._limits()

    def of_each_transaction(self) -> str:
        """The same limits for a transaction, whose session is another's next."""
        return " ".join(f"SET LOCAL {name} = {value};" for name, value in self._limits().items())

    def _limits(self) -> dict[str, str]:
        return {
            "statement_timeout": str(int(self.statement * 1000)),
            "lock_timeout": str(int(self.lock * 1000)),
            "idle_in_transaction_session_timeout": str(int(self.idle * 1000)),
        }

    @property
    def command(self) -> float | None:
        """After so long we stop waiting even for a server that hangs and cannot say so itself."""
        return self.statement + 5.0 if self.statement else None


UNHURRIED = Patience(
    statement=0, lock=0, idle=0, acquire=60.0
)  # migrations, backup, what an operator waits for


@dataclass(frozen=True, slots=True)
class Way:
    """How a process reaches the database.

    Args:
        url: `postgresql://user:password@host:port/name`, several hosts and `?sslmode=…` and all.
        through_pgbouncer: one in transaction mode stands between. Then nothing may be a session's own: no named
            statements, no limits but a transaction's, no LISTEN.
        name: by which `pg_stat_activity` shows the connections, unless the URL says another.
    """

    url: str
    through_pgbouncer: bool = False
    name: str = "xcert"

    def options(self, patience: Patience) -> dict[str, Any]:
        """For asyncpg."""
        # A PgBouncer keeps these two for each client, and refuses the others.
        settings = {"timezone": "UTC"} if self.through_pgbouncer else patience.server_settings()
        if "application_name" not in store_urls.words_of(self.url):
            settings["application_name"] = self.name[:63]
        return {
            "timeout": CONNECT_SECONDS,
            "command_timeout": patience.command,
            "statement_cache_size": 0 if self.through_pgbouncer else 256,
            "server_settings": settings,
        }


def named(role: str) -> str:
    """The name of this machine's connections, e.g. `xcert-web@host1`: the doctor counts by it."""
    return f"xcert-{role}@{socket.gethostname()}"


def config(way: Way | str, *, pool: int = 10, patience: Patience = UNHURRIED) -> dict[str, Any]:
    """Tortoise's configuration for a way to the database, or for its URL."""
    way = Way(way) if isinstance(way, str) else way
    nowhere = {"host": "", "port": 0, "user": "", "password": "", "database": ""}  # the URL says all of it
    return {
        "connections": {
            "default": {
                "engine": "server.models.engine",
                "credentials": nowhere
                | way.options(patience)
                | {
                    "dsn": way.url,
                    "minsize": 1,
                    "maxsize": pool,
                    "acquire_timeout": patience.acquire,
                    "limits": patience.of_each_transaction() if way.through_pgbouncer else "",
                },
            }
        },
        "apps": {
            "records": {
                "models": ["server.models"],
                "migrations": "server.models.migrations",
                "default_connection": "default",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


async def connect(way: Way | str, *, pool: int = 10, patience: Patience = Patience()) -> None:
    """Open the pool. The context is global, since request handlers run in tasks of their own."""
    await Tortoise.init(config=config(way, pool=pool, patience=patience), _enable_global_fallback=True)


def pool_use() -> tuple[int, int]:
    """(connections of this process's pool that are in use, how many it may have); (0, 0) while it is closed."""
    pool = getattr(connections.get("default"), "_pool", None)
    if pool is None:
        return 0, 0
    return pool.get_size() - pool.get_idle_size(), pool.get_max_size()


async def line(way: Way | str, *, patience: Patience = UNHURRIED) -> Any:
    """One asyncpg connection of its own, beside the pool; the caller closes it.

    Args:
        way: to the database, or its URL.
        patience: how long each statement and lock may take.
    """
    way = Way(way) if isinstance(way, str) else way
    return await Hosts(way.url).connect(connection_class=PlainConnection, **way.options(patience))


def watch_line(way: Way | str) -> Callable[[], Awaitable[Any]]:
    """How the look-up watch reaches the database."""
    return partial(line, way, patience=Patience(statement=5.0, lock=5.0, idle=5.0))


async def rows(query: str, *values: Any) -> list[dict[str, Any]]:
    """Rows by SQL, on the caller's connection (and in its transaction, if one is open)."""
    records: list[dict[str, Any]] = await connections.get("default").execute_query_dict(query, list(values))
    return records


async def write(query: str, *values: Any) -> int:
    """Run an INSERT, UPDATE or DELETE likewise; the number of rows it touched."""
    touched, _ = await connections.get("default").execute_query(query, list(values))
    return int(touched)


def model(kind: type[Row], row: Mapping[str, Any]) -> Row:
    """A row read by SQL as its model, as Tortoise makes one of what it has read. Columns of other tables are ignored.

    Args:
        row: with every column of the model's table.
    """
    return kind._init_from_db(**row)


async def close() -> None:
    await Tortoise.close_connections()


async def pending(url: str) -> list[str]:
    """The names of the migrations that this database has not seen yet."""
    settings = config(url)
    await Tortoise.init(config=settings)
    try:
        executor = MigrationExecutor(get_connection("default"), settings["apps"])
        return [step.migration.name for step in await executor.plan()]
    finally:
        await Tortoise.close_connections()


_BEFORE_THE_FIRST = "0001_initial"  # decision 0705: the migrations of before were made into one first one
_APPLIED = "SELECT name FROM tortoise_migrations WHERE app = 'records' ORDER BY name"


def _unknown(applied: list[str]) -> list[str]:
    return [name for name in applied if name not in _known()]


def _known() -> set[str]:
    return {file.stem for file in (Path(__file__).parent / "migrations").glob("[0-9]*.py")}


async def newer(link: Any) -> list[str]:
    """The names of migrations that this database has seen and this code does not know: the code is too old for it.

    Args:
        link: an asyncpg connection.
    """
    if await link.fetchval("SELECT to_regclass('tortoise_migrations')") is None:
        return []
    return _unknown([row["name"] for row in await link.fetch(_APPLIED)])


async def newer_here() -> list[str]:
    """The same, over the pool."""
    return _unknown([row["name"] for row in await rows(_APPLIED)])


def about_unknown(unknown: list[str]) -> str:
    """What to do about migrations that this code does not know: `newer`."""
    if _BEFORE_THE_FIRST in unknown:
        return (
            "数据库是试用阶段的程序建立的，没有升级的途径。里面都是试用数据时，请删掉数据目录（XCERT_DATA_DIR，平时是 var/）"
            "或换一个空的数据库，再重新启动；有要保留的数据，请先用当时的程序导出。"
        )
    return (
        f"数据库已被更新版本的程序升级过（{unknown[-1]}），本机的程序太旧。请先升级本机的程序，再重新启动。"
    )


class NewerSchema(XcertError):
    """These tables were made by another version of this service; this one must not touch them."""

    def __init__(self, unknown: list[str]) -> None:
        super().__init__(about_unknown(unknown))


class OwnerNeeded(XcertError):
    """The tables are to be brought up to date, and this role may not change them."""

    def __init__(self, first: str) -> None:
        super().__init__(
            f"数据库要先升级（{first}…），服务用的角色没有这个权限：请用数据表所有者的 XCERT_DATABASE_URL 运行 "
            "xcert migrate --app-role 服务的角色，再启动。"
        )


class NotMigrated(XcertError):
    """Tables that this code needs are not there yet, and it was told not to make them."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(
            f"数据库还没有升级到这个版本（缺 {'、'.join(missing[:3])}{'……' if len(missing) > 3 else ''}）。"
            "请先运行 xcert migrate，再启动。"
        )


async def fits(url: str) -> list[str]:
    """Whether this code may run on the tables as they are, without touching them.

    Returns:
        names of migrations that it does not know: the code of before goes on, since each lets it (docs/develop.md).

    Raises:
        NotMigrated: tables that it needs are not there.
    """
    link = await line(url)
    try:
        applied: set[str] = set()
        if await link.fetchval("SELECT to_regclass('tortoise_migrations') IS NOT NULL"):
            applied = {row["name"] for row in await link.fetch(_APPLIED)}
        if missing := sorted(_known() - applied):
            raise NotMigrated(missing)
        return _unknown(sorted(applied))
    finally:
        await link.close()


async def migrate(url: str) -> None:
    """Bring the tables up to date under an advisory lock, so that many processes may start at once.

    Raises:
        NewerSchema: the database was brought further than this code knows. OwnerNeeded.
    """
    guard = await line(url)
    try:
        await guard.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
        try:
            if unknown := await newer(guard):
                raise NewerSchema(unknown)
            if not await _is_up_to_date(guard):  # the service's own role may not even look whether it could
                with _rarer_garbage_collection():
                    await apply_migrations(config=config(url))
        finally:
            await Tortoise.close_connections()
            await guard.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
    finally:
        await guard.close()


async def _is_up_to_date(link: Any) -> bool:
    """Whether every migration of this code was applied. Raises OwnerNeeded: one was not, and this role may not."""
    known = _known()
    if await link.fetchval("SELECT to_regclass('tortoise_migrations') IS NOT NULL"):
        known -= {row["name"] for row in await link.fetch(_APPLIED)}
    if known and not await link.fetchval("SELECT has_schema_privilege('public', 'CREATE')"):
        raise OwnerNeeded(sorted(known)[0])
    return not known


@contextmanager
def _rarer_garbage_collection() -> Iterator[None]:
    """For what builds far more than it throws away: the models as every migration knew them.

    Looking through them took half of the first start's time; this takes 250 MB of memory for its few seconds instead of 110.
    """
    before = gc.get_threshold()
    gc.set_threshold(20_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def breaks(error: IntegrityError, index: str) -> bool:
    """Whether this unique index is what the row would have broken, and nothing else that the database holds."""
    cause = error.args[0] if error.args else None
    return getattr(cause, "constraint_name", None) == index
