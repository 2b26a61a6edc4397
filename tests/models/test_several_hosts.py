"""A primary that loses its power, a standby that takes over: nobody restarts, and nobody waits for what is dead."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import psycopg
import uvloop

from server.models import database, failures
from server.models.database import Patience
from tests.kit.standby import pair

WRITTEN = "INSERT INTO lookup_change (scope, at) VALUES ($1, now())"
KNOWN = "SELECT scope FROM lookup_change ORDER BY id"


def by_libpq(url: str) -> list[tuple[str]]:
    """As the queue of jobs reaches it."""
    with psycopg.connect(url, connect_timeout=5) as link:
        return link.execute(KNOWN).fetchall()


async def test_the_one_that_takes_writes_is_found_and_found_again(db_url: str) -> None:
    async with pair(db_url) as two:
        await database.connect(two.url, pool=4, patience=Patience(statement=1.0, acquire=5.0))
        await database.write(WRITTEN, "before")  # the first of both is a standby
        assert await asyncio.to_thread(by_libpq, two.url) == [("before",)]
        two.way.hang()  # as a machine without power: it refuses nothing and says nothing
        causes = set()
        promoted = False
        async with asyncio.timeout(120):
            while True:
                try:
                    await database.write(WRITTEN, "after")
                    break
                except Exception as error:  # each of them is a 503
                    causes.add(failures.cause_of(error))
                if not promoted:
                    await asyncio.to_thread(two.promote)
                    promoted = True
        assert promoted and None not in causes
        assert [row["scope"] for row in await database.rows(KNOWN)] == ["before", "after"]
        pids = await asyncio.gather(
            *(database.rows("SELECT pg_is_in_recovery() AS standby") for _ in range(8))
        )
        assert pids == [[{"standby": False}]] * 8
        assert await asyncio.to_thread(by_libpq, two.url) == [("before",), ("after",)]
        await database.close()


async def test_while_no_host_takes_writes_it_is_said_so(db_url: str) -> None:
    async with pair(db_url) as two:
        await two.way.refuse()
        for turn in range(2):
            try:
                await database.line(two.url)
                raise AssertionError(turn)
            except Exception as error:
                assert failures.cause_of(error) in ("no primary", "ConnectionRefusedError")
                assert failures.was_cut(error)


def options_of(link: Any) -> tuple[int, int]:
    line = link._transport.get_extra_info("socket")
    with socket.socket(fileno=os.dup(line.fileno())) as same:
        return (
            same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            same.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
        )


def test_a_dead_machine_is_noticed_from_our_side_too(db_url: str) -> None:
    """A test cannot take a machine's power away: what Linux is told stands for it, in both kinds of loops."""

    async def asked() -> tuple[int, int]:
        link = await database.line(db_url)
        try:
            return options_of(link)
        finally:
            await link.close()

    for factory in (asyncio.new_event_loop, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(asked()) == (1, 30_000)
