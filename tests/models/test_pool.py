"""The pool: a connection goes back as it is, and nothing that is done with it leaves anything behind."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
from tortoise import connections

from server.domain.ports import Services
from server.models.database import rows

SERVER = Path(__file__).parents[2] / "server"
# What would outlive its transaction on a shared connection. Lines of their own may: they are closed, not given back.
LASTING = re.compile(
    r"pg_advisory_lock|set_config\(|\bLISTEN |\bSET (?:SESSION|TIME ZONE)|WITH HOLD|CREATE TEMP"
)
OWN_LINES = {"models/database.py"}  # the migration guard


async def test_a_statement_outside_a_transaction_is_one_round_trip(db: str, services: Services) -> None:
    [mine] = await rows("SELECT pg_backend_pid() AS pid")
    other = await asyncpg.connect(db)
    try:
        last = await other.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", mine["pid"])
    finally:
        await other.close()
    assert last == "SELECT pg_backend_pid() AS pid"


async def test_a_transaction_left_open_is_rolled_back(services: Services) -> None:
    client = connections.get("default")
    async with client.acquire_connection() as link:
        await link.execute("BEGIN")
        await link.execute("INSERT INTO lookup_change (scope, at) VALUES ('left open', now())")
        pid = await link.fetchval("SELECT pg_backend_pid()")
    async with client.acquire_connection() as link:
        assert await link.fetchval("SELECT pg_backend_pid()") == pid
        assert not link.is_in_transaction()
    assert await rows("SELECT 1 FROM lookup_change WHERE scope = 'left open'") == []


def test_no_statement_changes_a_session() -> None:
    found = {}
    for path in sorted(SERVER.rglob("*.py")):
        name = path.relative_to(SERVER).as_posix()
        if name in OWN_LINES or name.startswith("models/migrations/"):
            continue
        if said := LASTING.findall(path.read_text("utf-8")):
            found[name] = said
    assert found == {}
