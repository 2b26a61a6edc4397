"""What the database's URL says of encryption holds for every client: the pool, the queue, programs and commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from server import worker
from server.adapters import postgres_programs
from server.commands import Unprotected, preflight
from server.commands.doctor import local
from server.domain.ports import Services
from server.models import database
from server.settings import Settings
from tests.kit import tls
from tests.kit.other_postgres import older_postgres

REFUSED = r"SSL|certificate|host name"  # in the words of libpq and OpenSSL
ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> tls.Identity:
    return tls.identity(tmp_path_factory.mktemp("mine"))


@pytest.fixture(scope="module")
def server(mine: tls.Identity) -> Iterator[str]:
    with older_postgres(mine) as url:
        yield url


@pytest.fixture
def url(server: str, mine: tls.Identity) -> str:
    return f"{server}?sslmode=verify-full&sslrootcert={mine.authority}"


async def test_the_pool_and_lines_beside_it(url: str) -> None:
    await database.connect(url)
    assert await database.rows(ENCRYPTED) == [{"ssl": True}]
    await database.close()
    link = await database.line(url)
    assert await link.fetchval(ENCRYPTED) is True
    await link.close()


async def test_the_queue(url: str, services: Services) -> None:
    jobs = worker.create_jobs(replace(services.settings, database_url=url), services, tasks={}, sweeps={})
    async with jobs.open_async():
        assert await jobs.connector.execute_query_one_async(ENCRYPTED) == {"ssl": True}
        async with jobs.connector._get_standalone_connection() as link:  # type: ignore[attr-defined]  # it listens
            assert await (await link.execute(ENCRYPTED)).fetchone() == (True,)


def test_the_programs_of_backup_and_restore(url: str, tmp_path: Path) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)")
        postgres_programs.dump(url, tmp_path / "dump")
        link.execute("DELETE FROM kept")
    clean = "DROP TABLE kept;"
    postgres_programs.load(url, tmp_path / "dump", server_version=15, before=clean, after="")
    with psycopg.connect(url, autocommit=True) as link:
        assert link.execute("SELECT id FROM kept").fetchall() == [(7,)]
        link.execute("DROP TABLE kept")


def test_a_program_without_tls_is_not_used(
    mine: tls.Identity, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(postgres_programs, "DEBIAN", mine.authority.parent)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(postgres_programs.ProgramMissing, match="这台机器没有 pg_dump"):
        postgres_programs.dump(url, mine.authority.parent / "dump")


async def test_a_server_that_is_another_is_refused_by_all(url: str, tmp_path: Path) -> None:
    other = tls.identity(tmp_path)
    for wrong in (
        url.replace("127.0.0.1", "localhost"),  # the certificate has no such name
        url.partition("&")[0] + f"&sslrootcert={other.authority}",
    ):
        settings = Settings(database_url=wrong, start_seconds=600)
        with pytest.raises(Unprotected, match="拒绝了连接：对方的证书不可信（"):
            await asyncio.to_thread(preflight.for_databases, settings, lambda _: None)
        with pytest.raises(local.Missing, match="连接不上（对方的证书不可信（"):
            await local.CHECKS["数据库"](settings)
        with pytest.raises(psycopg.OperationalError, match=REFUSED):
            psycopg.connect(wrong)
        with pytest.raises(postgres_programs.ProgramFailed, match=REFUSED):
            postgres_programs.dump(wrong, tmp_path / "dump")
    alone = Settings(database_url=url.partition("&")[0], start_seconds=600)
    with pytest.raises(Unprotected, match="没有根证书，请在地址里写 sslrootcert=文件"):
        await asyncio.to_thread(preflight.for_databases, alone, lambda _: None)
