"""Where the database and Redis are: the given URLs, or embedded ones that live as long as this command."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from server import os_errors
from server.adapters import embedded
from server.commands import Impossible, preflight
from server.settings import Settings


@dataclass(frozen=True, slots=True)
class Hosts:
    """Settings with both URLs filled in, and the embedded servers that we started ourselves."""

    settings: Settings
    servers: tuple[embedded.Postgres | embedded.Redis, ...]

    @property
    def owns_database(self) -> bool:
        """Whether nobody else can be connected: the database was started by us, just now."""
        return any(isinstance(server, embedded.Postgres) for server in self.servers)


def say(line: str) -> None:
    """For the person at the terminal, beside what a command prints; a terminal that is gone ends nothing."""
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Impossible(
            f"数据目录 {folder} 用不了（{os_errors.cause(error)}）。请检查目录权限和磁盘，或用 XCERT_DATA_DIR 另选目录。"
        ) from None


@contextmanager
def hosts(settings: Settings, *, join: bool, waits: bool = True) -> Iterator[Hosts]:
    """Fill in the URLs that are missing by embedded servers in the data folder.

    Args:
        settings: as read.
        join: use the servers of a service that runs on the same data folder; otherwise that is an error.
        waits: until a database that was named answers; off for who only looks whether it does.

    Raises:
        embedded.AlreadyRunning: the service runs already, and `join` is off.
        Impossible: the folder cannot be used, or the database that was named does not answer.
    """
    folder = settings.data_dir.resolve()
    _make(folder)
    servers: list[embedded.Postgres | embedded.Redis] = []

    def url_of(server: embedded.Postgres | embedded.Redis) -> str:
        url = server.start_or_join() if join else server.start()
        if server.is_running():
            servers.append(server)
        return url

    if settings.database_url and waits:
        preflight.for_databases(settings, say)
    try:
        database_url = settings.database_url or url_of(embedded.Postgres(folder / "postgres"))
        redis_url = settings.redis_url or url_of(embedded.Redis(folder / "redis"))
        complete = replace(settings, data_dir=folder, database_url=database_url, redis_url=redis_url)
        yield Hosts(complete, tuple(servers))
    finally:
        for server in reversed(servers):
            server.stop()
