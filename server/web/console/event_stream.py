"""What happens to a batch now, as server-sent events: a snapshot first and after every event, so that a lost one does no harm."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Any

from server.domain import roles
from server.domain.issuance import queries as issuance_queries
from server.domain.roles import Verb
from server.errors import Refused, TooMany
from server.web import responses
from server.web.console import auth
from server.web.console.auth import Call
from server.web.console.issuance_answers import Issuance

MOST_STREAMS = 10  # of one account in one process: one for each open page of a batch
RETRY_SECONDS = 30
AGAIN_MS = 2000  # after which a browser whose stream ended asks again
AFTER_STOP_MS = 5000  # at a stop: another process, or this one anew, has to be there
ROUNDS = 40  # quiet quarters of a minute after which the browser is asked to come again


def event(name: str, data: Any) -> str:
    """One event in the format of the HTML standard; JSON holds no line break."""
    return f"event: {name}\ndata: {responses.encoded(data).decode()}\n\n"


async def events(call: Call, issuance_id: int) -> None:
    """The stream, as one of not too many of this account. Raises TooMany("too_many_streams")."""
    streams: Counter[int] = call.request.app.ctx.streams
    account = int(call.account.id)
    if streams[account] >= MOST_STREAMS:
        raise TooMany(
            "too_many_streams", "您打开的批次页面太多，请关闭几个后再刷新本页。", retry_after=RETRY_SECONDS
        )
    streams[account] += 1
    try:
        await _events(call, issuance_id)
    finally:
        streams[account] -= 1
        if not streams[account]:
            del streams[account]


async def _events(call: Call, issuance_id: int) -> None:
    """Listen first, then look: what happens in between is told twice rather than never."""
    stopping: asyncio.Event = call.request.app.ctx.stopping
    async with (
        call.s.event_bus.listen(f"issuance:{issuance_id}") as happenings,
        aclosing(_until(stopping, happenings)) as news,
    ):
        snapshot: Issuance | None = await _view(call, issuance_id)
        response = await call.request.respond(
            content_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )
        assert response is not None
        await response.send(f"retry: {AGAIN_MS}\n\n" + event("snapshot", snapshot))
        quiet = 0
        async for happened in news:
            snapshot = await _seen_now(call, issuance_id)
            if snapshot is None:
                break
            if happened is None:
                quiet += 1
                if quiet >= ROUNDS:
                    break
                await response.send(": 还在\n\n")
                continue
            await response.send(event(str(happened["event"]), happened) + event("snapshot", snapshot))
        if stopping.is_set():
            await response.send(f"retry: {AFTER_STOP_MS}\n\n")
        await response.eof()


async def _until(
    stopping: asyncio.Event, happenings: AsyncIterator[dict[str, Any] | None]
) -> AsyncGenerator[dict[str, Any] | None, None]:
    """The happenings, ended at once when this process is told to stop: an open page must not hold a stop up."""
    stop = asyncio.ensure_future(stopping.wait())
    coming: asyncio.Future[dict[str, Any] | None] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(happenings))
            await asyncio.wait({stop, coming}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            try:
                happened = coming.result()
            except StopAsyncIteration:
                return
            yield happened
    finally:
        for waiting in (stop, coming):
            if waiting is not None and not waiting.done():
                waiting.cancel()
                with suppress(asyncio.CancelledError):
                    await waiting


async def _view(call: Call, issuance_id: int) -> Issuance:
    return Issuance.in_full(await issuance_queries.view(call.s, issuance_id, actor=call.actor))


async def _seen_now(call: Call, issuance_id: int) -> Issuance | None:
    """The batch now, if the session or token that opened the stream still stands and may still look."""
    try:
        now = await auth.who(call.request)
        roles.require(now.actor, Verb.SEE_ISSUANCES)
        return await _view(now, issuance_id)
    except Refused:
        return None
