"""Which errors mean "not now", and which are ours."""

from __future__ import annotations

import errno
import socket
from typing import Any

import asyncpg
import pytest
from tortoise.exceptions import DBConnectionError, OperationalError

from server.models import database, failures
from server.models.database import NewerSchema, Patience


def wrapped(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (asyncpg.TooManyConnectionsError("x"), "TooManyConnectionsError 53300"),
        (asyncpg.CannotConnectNowError("x"), "CannotConnectNowError 57P03"),
        (asyncpg.QueryCanceledError("x"), "QueryCanceledError 57014"),
        (asyncpg.LockNotAvailableError("x"), "LockNotAvailableError 55P03"),
        (asyncpg.DiskFullError("x"), "DiskFullError 53100"),
        (asyncpg.ReadOnlySQLTransactionError("x"), "ReadOnlySQLTransactionError 25006"),
        (asyncpg.DeadlockDetectedError("x"), "DeadlockDetectedError 40P01"),
        (asyncpg.AdminShutdownError("x"), "AdminShutdownError 57P01"),
        (asyncpg.InvalidPasswordError("x"), "InvalidPasswordError 28P01"),
        (asyncpg.InterfaceError("cannot perform operation: connection is closed"), "connection closed"),
        (ConnectionRefusedError(), "ConnectionRefusedError"),
        (socket.gaierror(-2, "Name or service not known"), "gaierror"),
        (TimeoutError(), "no answer in time"),
        (OSError(errno.ENOSPC, "No space left on device"), "ENOSPC"),
        (OSError("Multiple exceptions: [Errno 111] Connect call failed"), "ConnectionRefusedError"),
        (wrapped(OperationalError("x"), asyncpg.DiskFullError("x")), "DiskFullError 53100"),
        (
            wrapped(DBConnectionError("x"), asyncpg.InvalidCatalogNameError("x")),
            "DBConnectionError",
        ),
        (asyncpg.UndefinedTableError("x"), None),
        (asyncpg.UniqueViolationError("x"), None),
        (asyncpg.InterfaceError("the server expects 1 argument for this query, 0 was passed"), None),
        (FileNotFoundError(errno.ENOENT, "x"), None),
        (PermissionError(errno.EACCES, "x"), None),
        (KeyError("x"), None),
    ],
)
def test_causes(error: Exception, cause: str | None) -> None:
    assert failures.cause_of(error) == cause


async def shown(link: Any, name: str) -> str:
    return str(await link.fetchval(f"SHOW {name}"))


async def test_every_connection_has_its_limits(db_url: str) -> None:
    await database.connect(db_url, patience=Patience(statement=15, lock=5, idle=30))
    [found] = await database.rows(
        "SELECT current_setting('statement_timeout') AS s, current_setting('lock_timeout') AS l,"
        " current_setting('idle_in_transaction_session_timeout') AS i, current_setting('tcp_keepalives_idle') AS k"
    )
    await database.close()
    assert found == {"s": "15s", "l": "5s", "i": "30s", "k": "20"}
    link = await database.line(db_url)
    assert [await shown(link, name) for name in ("statement_timeout", "lock_timeout")] == ["0", "0"]
    await link.close()


async def test_a_dead_transaction_frees_its_locks(db_url: str) -> None:
    await database.connect(db_url)
    link = await database.line(db_url, patience=Patience(idle=0.2))
    await link.execute("BEGIN")
    await link.execute("LOCK TABLE certificate")
    await database.rows("SELECT count(*) FROM certificate")  # waits for the lock until the other is cut off
    # How asyncpg tells of it depends on whether the server's last word has been read yet.
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await link.execute("COMMIT")
    await database.close()


async def test_nobody_waits_for_ever_for_a_connection(db_url: str) -> None:
    await database.connect(db_url, pool=1, patience=Patience(acquire=0.2))
    link = await database.line(db_url)
    await link.execute("BEGIN")
    await link.execute("LOCK TABLE certificate")
    from asyncio import gather

    asked = "SELECT count(*) FROM certificate"
    found = await gather(database.rows(asked), database.rows(asked), return_exceptions=True)
    assert sorted(type(error).__name__ for error in found) == ["LockNotAvailableError", "TimeoutError"]
    assert [failures.cause_of(error) is not None for error in found] == [True, True]  # type: ignore[arg-type]
    await link.close()
    await database.close()


async def test_sslmode_of_the_url_counts(db_url: str) -> None:
    """It used to be dropped on the way to the pool: verify-full spoke to a server without TLS."""
    await database.connect(f"{db_url}?sslmode=require")
    with pytest.raises(ConnectionError, match="SSL"):
        await database.rows("SELECT 1")
    await database.close()


async def test_tables_of_a_newer_version_are_left_alone(db_url: str) -> None:
    link = await database.line(db_url)
    assert await database.newer(link) == []
    await link.execute(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('records', '9999_future', now())"
    )
    assert await database.newer(link) == ["9999_future"]
    with pytest.raises(NewerSchema, match="（9999_future），本机的程序太旧。请先升级本机的程序"):
        await database.migrate(db_url)
    await link.close()


async def test_tables_of_before_the_first_release_are_left_alone_and_it_is_said_what_to_do(
    db_url: str,
) -> None:
    """Decision 0705: no way leads from the migrations of the trial to the one first migration."""
    link = await database.line(db_url)
    await link.execute("UPDATE tortoise_migrations SET name = '0001_initial' WHERE name = '0001_audit'")
    with pytest.raises(NewerSchema, match="试用阶段的程序建立的，没有升级的途径。"):
        await database.migrate(db_url)
    await link.close()


def test_what_was_cut_may_be_tried_again_at_once_and_what_was_too_slow_may_not() -> None:
    cut = [
        ConnectionResetError(),
        asyncpg.AdminShutdownError("x"),
        asyncpg.ConnectionDoesNotExistError("x"),
        asyncpg.InterfaceError("connection is closed"),
        wrapped(OperationalError("x"), asyncpg.CannotConnectNowError("x")),
    ]
    slow = [
        asyncpg.QueryCanceledError("x"),
        asyncpg.LockNotAvailableError("x"),
        TimeoutError(),
        KeyError("x"),
    ]
    assert [failures.was_cut(error) for error in (*cut, *slow)] == [True] * 5 + [False] * 4
