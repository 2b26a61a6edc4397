"""Behind a PgBouncer in transaction mode: each transaction may be another session, and none is left changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from tortoise.transactions import in_transaction

from server.adapters.lookup_watch import LookupWatch
from server.domain import freshness
from server.models import database, failures
from server.models.database import Patience, Way
from tests.kit.pooling import LEAST_POOL, pgbouncer

CLIENTS = 12
ASKED = """
SELECT pg_backend_pid() AS pid, $1::int AS number, current_setting('TimeZone') AS zone,
       current_setting('application_name') AS name
"""


@pytest.fixture
def pooled(db_url: str) -> Iterator[Way]:
    with pgbouncer(db_url) as url:
        yield Way(url, through_pgbouncer=True, name="xcert-web@here")


@pytest.fixture
async def connected(pooled: Way) -> AsyncIterator[Way]:
    await database.connect(pooled, pool=CLIENTS, patience=Patience(statement=15, lock=5, idle=30))
    yield pooled
    await database.close()


async def test_many_clients_share_few_sessions_and_each_gets_its_own_answer(connected: Way) -> None:
    found = await asyncio.gather(*(database.rows(ASKED, number) for number in range(200)))
    assert [rows[0]["number"] for rows in found] == list(range(200))
    assert len({rows[0]["pid"] for rows in found}) <= LEAST_POOL
    assert {(rows[0]["zone"], rows[0]["name"]) for rows in found} == {("UTC", "xcert-web@here")}


async def test_limits_are_a_transactions_own(connected: Way) -> None:
    limits = "SELECT current_setting('statement_timeout') AS s, current_setting('lock_timeout') AS l, current_setting('idle_in_transaction_session_timeout') AS i"
    async with in_transaction():
        inside = await database.rows(limits)
    async with in_transaction(), in_transaction():
        nested = await database.rows(limits)
    assert inside == nested == [{"s": "15s", "l": "5s", "i": "30s"}]
    assert await database.rows(limits) == [{"s": "0", "l": "0", "i": "0"}]


async def test_a_transaction_that_waits_too_long_for_a_lock_is_refused(connected: Way, db_url: str) -> None:
    await database.close()
    await database.connect(connected, pool=2, patience=Patience(lock=0.1))
    holder = await database.line(db_url)
    await holder.execute("BEGIN; LOCK TABLE certificate")
    with pytest.raises(asyncpg.LockNotAvailableError):
        async with in_transaction():
            await database.rows("SELECT count(*) FROM certificate")
    await holder.close()


async def test_a_statement_outside_a_transaction_has_an_end_too(connected: Way, db_url: str) -> None:
    """Nothing of the session may be set for it: we end it ourselves, in the database as well."""
    await database.close()
    link = await database.line(connected)
    with pytest.raises(TimeoutError) as ended:
        await link.execute("SELECT pg_sleep(600)", timeout=0.2)
    assert failures.cause_of(ended.value) == "no answer in time"
    await link.close()
    direct = await database.line(db_url)
    async with asyncio.timeout(60):
        while await direct.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
        ):
            await asyncio.sleep(0.05)
    await direct.close()


async def test_the_lookup_watch_asks_and_leaves_nothing_in_the_sessions(connected: Way, db_url: str) -> None:
    watch = LookupWatch(database.watch_line(connected), listens=False)
    await watch.ask()
    await freshness.changed("candidate:1")
    await watch.ask()
    assert watch._last_id > 0
    await watch.stop()
    found = await asyncio.gather(
        *(
            database.rows(
                "SELECT (SELECT count(*) FROM pg_prepared_statements) + (SELECT count(*) FROM pg_listening_channels()) AS left"
            )
            for _ in range(30)
        )
    )
    assert {rows[0]["left"] for rows in found} == {0}
    direct = await database.line(db_url)
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert await direct.fetchval(held) == 0
    await direct.close()


async def test_a_direct_connection_is_what_it_says(db_url: str) -> None:
    """Through a PgBouncer the words of a session's own limits are refused at the door, so that nobody misses them."""
    with pgbouncer(db_url) as url, pytest.raises(asyncpg.ProtocolViolationError, match="unsupported startup"):
        await database.line(url)
