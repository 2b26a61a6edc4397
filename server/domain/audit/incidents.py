"""What must leave a trace although anybody can cause it as often as they like: refused log-ins, wrong PINs, refused
accesses, and readings of many people's data. The trail is for ever, so such entries are kept few.

The first of a kind from one place is written at once, then the fifth, tenth, fiftieth … within the window, each with
the count so far; and no more than `MOST_AN_HOUR` of all kinds by one kind of actor, with one entry that says so.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from server.domain.actor import SYSTEM, Actor
from server.domain.addresses import counted
from server.domain.audit import audit_log
from server.domain.ports import Services

log = logging.getLogger("xcert.incidents")

WINDOW = 900  # seconds
HOUR = 3600
MOST_AN_HOUR = 2000
WRITTEN = frozenset({1} | {n * 10**power for n in (5, 10) for power in range(8)})


def stranger(address: str, request_id: str = "") -> Actor:
    """Somebody who is not logged in."""
    return Actor("stranger", None, "未登录者", address=address, request_id=request_id)


@dataclass(slots=True)
class _Collector:
    """Entries noted within a transaction that a refusal will roll back."""

    entries: list[Callable[[], Awaitable[None]]] = field(default_factory=list)


_collector: ContextVar[_Collector | None] = ContextVar("kept_incidents", default=None)


@asynccontextmanager
async def outlasting() -> AsyncIterator[None]:
    """What is noted within is written at the end, after the transaction inside has been committed or rolled back."""
    collector = _Collector()
    token = _collector.set(collector)
    try:
        yield
    finally:
        _collector.reset(token)
        for write in collector.entries:
            await write()


async def note(
    s: Services,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: int | str,
    *,
    window: int = WINDOW,
    became: Mapping[str, Any] | None = None,
) -> None:
    """Write an entry about something that anybody may repeat. Never raises: the caller's own answer matters more.

    Outside a transaction that a refusal would roll back, or within `outlasting`. Never pass what somebody typed, nor personal data.

    Args:
        actor: with the address; `stranger` where nobody is known.
        subject_kind, subject_id: what it was about, from a closed set, or an id on record.
        window: seconds within which the same thing from the same place is one row of entries.
    """
    if (collector := _collector.get()) is not None:
        again = partial(note, s, actor, action, subject_kind, subject_id, window=window, became=became)
        collector.entries.append(again)
        return
    try:
        place = counted(actor.address)
        same = f"incident:{action}:{subject_kind}:{subject_id}:{actor.kind}:{actor.id}:{place}"
        count = await s.rate_limiter.hit(same, window=window)
        if count not in WRITTEN:
            return
        # Strangers together have one budget, so that they cannot hide what those who are logged in do.
        total = await s.rate_limiter.hit(f"incidents:{actor.kind}", window=HOUR)
        if total > MOST_AN_HOUR + 1:
            return
        if total > MOST_AN_HOUR:
            became = {"most": MOST_AN_HOUR}
            await audit_log.record(s.clock, SYSTEM, "audit.flooded", "audit", "-", became=became)
            return
        details = {**(became or {}), **({"tries": count} if count > 1 else {})}
        await audit_log.record(s.clock, actor, action, subject_kind, subject_id, became=details or None)
    except Exception as problem:  # whatever limits and trail are made of
        log.warning("an incident was not written: %s", type(problem).__name__)


async def viewed(s: Services, actor: Actor, what: str, subject_kind: str, subject_id: int | str) -> None:
    """Somebody read the data of many people at once: the first time in an hour, then as `note` does.

    Args:
        what: which list, from a closed set (people, certificates, issuance_people …).
    """
    await note(s, actor, "people.viewed", subject_kind, subject_id, window=HOUR, became={"list": what})
