"""What the tests of backup and restore share: a filled service, an empty other machine, and what a database holds."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from server.adapters.keys import KeyFolder
from server.adapters.queue import JobQueue
from server.adapters.storage import FolderFileStore
from server.domain.actor import SYSTEM
from server.domain.people import staff
from server.domain.ports import Services
from server.models import database
from tests.conftest import with_database
from tests.kit import importing
from tests.kit.exchange import exchange

TABLES = ("candidate", "score", "staff", "audit_entry", "import_run", "procrastinate_jobs")


async def state(url: str) -> dict[str, str]:
    """What the tables hold, as digests."""
    link = await asyncpg.connect(url)
    try:
        found = {}
        for table in TABLES:
            # That a backup was made and taken back stands in the trail itself.
            mine = (
                "WHERE action NOT LIKE 'backup.%' AND action NOT LIKE 'notices.%'"
                if table == "audit_entry"
                else ""
            )
            rows = await link.fetch(f"SELECT t::text AS line FROM {table} t {mine} ORDER BY 1")
            found[table] = hashlib.sha256("\n".join(row["line"] for row in rows).encode()).hexdigest()
        return found
    finally:
        await link.close()


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
async def filled(services: Services, environment: dict[str, str], sheets: Path, db_url: str) -> str:
    """A service with people, scores, an account and files, under the same keys and folders as the command line's."""
    exchange(services, keys=KeyFolder(Path(environment["XCERT_KEYS_DIR"]), production=False))
    exchange(services, file_store=FolderFileStore(Path(environment["XCERT_DATA_DIR"]) / "vault"))
    exchange(services, queue=JobQueue())
    for kind, name in (("candidates", "考生信息.xlsx"), ("scores", "成绩.xlsx")):
        data = (sheets / name).read_bytes()
        taken = await importing.take(services, kind, name, data)
        assert (taken.rows_taken, taken.rows_refused) == (30, 0)
    await staff.create(
        services.clock, services.password_hasher, "lin.wei", "operator", name="林薇", actor=SYSTEM
    )
    await database.close()
    return db_url


@pytest.fixture
async def empty(postgres_url: str, db_url: str) -> Any:
    """Another machine: an empty database that was never migrated."""
    name = f"{db_url.rsplit('/', 1)[1]}_other"
    link = await asyncpg.connect(postgres_url)
    await link.execute(f"CREATE DATABASE {name}")
    yield with_database(postgres_url, name)
    await link.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await link.close()
