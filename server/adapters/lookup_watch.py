"""Which ready answers are still true: one LookupWatch in each process, and the answers it stands over.

An answer carries `as_of`: the newest change this process had seen BEFORE the answer's data was read. It is true as
long as no newer change touched it, no release time has come in between, and this process knows so: the watch asks
the database every 300 ms and, when its last word is older than 900 ms, vouches for nothing. NOTIFY only makes it ask
sooner, so a lost message costs a third of a second and never the truth.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Any

import asyncpg

from server.domain.ports.lookups import ALL, END, READY_SECONDS, Kept

CHANNEL = "xcert_lookup"
ASK_SECONDS = 0.3
VOUCH_SECONDS = 0.9  # older than this, the watch vouches for nothing
LOOK_BACK = "15 minutes"  # longer than READY_SECONDS: what a new process must know about
MOST_SCOPES = 50_000
SESSIONS_LAST = 13 * 3600  # seconds; more than the 12 hours of a phone's session

log = logging.getLogger("xcert.lookups")


class LookupWatch:
    """Which answers are still true, as far as this process knows.

    Args:
        connect: opens a connection to the database. The watch keeps one of its own, so that a busy pool never blinds it.
        ended: where ends of sessions are written down (blind index → Unix seconds), as `SessionMemory.ended`.
        monotonic: seconds that never jump; tests bring their own.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Any]],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        listens: bool = True,
        ended: dict[str, int] | None = None,
    ) -> None:
        self.ended = {} if ended is None else ended
        self.beginnings = 0
        self._connect = connect
        self._monotonic = monotonic
        self._listens = listens
        self._connection: Any = None
        self._task: asyncio.Task[None] | None = None
        self._wakeup = asyncio.Event()
        self._last_id = -1
        self._seen_at = -inf
        self._invalidated_all = 0
        self._invalidated: dict[str, int] = {}

    # what look-ups ask

    def version(self) -> int | None:
        """The newest change seen, to be put on data read from now on; None when the watch cannot vouch."""
        return self._last_id if self._monotonic() - self._seen_at <= VOUCH_SECONDS else None

    def is_fresh(self, answer: Kept, scope: str, now: float) -> bool:
        """Whether `answer` is still true for `scope` at `now` (Unix seconds by the clock port)."""
        return (
            self._monotonic() - self._seen_at <= VOUCH_SECONDS
            and answer.since <= now < answer.until
            and answer.as_of >= self._invalidated_all
            and answer.as_of >= self._invalidated.get(scope, 0)
        )

    def invalidate(self, scope: str) -> None:
        """Somebody of this process has just changed `scope`: nothing older holds, before the database says so too."""
        self._invalidated[scope] = self._last_id + 1

    # how it knows

    async def start(self) -> None:
        """Learn what changed of late, then keep asking until `stop`."""
        with suppress(OSError, asyncpg.PostgresError, TimeoutError):
            await self.ask()
        self._task = asyncio.create_task(self._keep_asking(), name="lookup watch")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._hang_up()

    async def ask(self) -> None:
        """Take in the changes since the last time. Raises what the connection raises; nothing is lost then."""
        began = self._monotonic()
        if self._last_id >= 0 and began - self._seen_at > READY_SECONDS:
            self._last_id = -1  # away for too long: begin anew, some changes may be forgotten already
            self.beginnings += 1
        connection = await self._line()
        if self._last_id < 0:
            await self._begin(connection)
        else:
            for row in await connection.fetch(
                "SELECT id, scope FROM lookup_change WHERE id > $1 ORDER BY id", self._last_id
            ):
                self._take_in(row["id"], row["scope"])
        self._seen_at = began

    async def _begin(self, connection: Any) -> None:
        ends = await connection.fetch(
            "SELECT id, extract(epoch FROM ended_at)::bigint AS moment FROM ended_person"  # swept hourly
        )
        rows = await connection.fetch(
            "SELECT id, scope FROM lookup_change WHERE id = (SELECT max(id) FROM lookup_change)"
            " OR at > clock_timestamp() - $1::text::interval ORDER BY id",
            LOOK_BACK,
        )
        self.ended.clear()
        self.ended.update((row["id"], row["moment"]) for row in ends)
        self._last_id = max(self._last_id, 0)
        for row in rows:
            self._take_in(row["id"], row["scope"])

    def _take_in(self, change: int, scope: str) -> None:
        if scope.startswith(END):
            self._take_in_end(scope)
        elif scope == ALL:
            self._invalidated_all = change
            self._invalidated.clear()
        else:
            self._invalidated[scope] = change
            if len(self._invalidated) > MOST_SCOPES:  # rather forget answers than grow
                self._invalidated_all = change
                self._invalidated.clear()
        self._last_id = change

    def _take_in_end(self, scope: str) -> None:
        index, _, moment = scope.removeprefix(END).rpartition(":")
        self.ended[index] = max(int(moment), self.ended.get(index, 0))
        if len(self.ended) > MOST_SCOPES:  # those that no session is older than need no remembering
            for old in [key for key, at in self.ended.items() if at < int(moment) - SESSIONS_LAST]:
                del self.ended[old]

    async def _keep_asking(self) -> None:
        trouble = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    await self._wakeup.wait()
            self._wakeup.clear()
            try:
                async with asyncio.timeout(VOUCH_SECONDS):
                    await self.ask()
                trouble = False
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                if not trouble:
                    log.warning("look-ups read the database: the watch cannot ask (%s)", type(error).__name__)
                trouble = True
                await self._hang_up()

    async def _line(self) -> Any:
        """The watch's own connection."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
            if self._listens:
                await self._connection.add_listener(CHANNEL, lambda *_: self._wakeup.set())
        return self._connection

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
