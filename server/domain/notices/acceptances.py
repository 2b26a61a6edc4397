"""What WeChat accepted, written down by one statement for the calls of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain.coalescing import Coalesced
from server.domain.notices import delivery
from server.domain.notices.delivery import Trouble
from server.domain.notices.states import STEPS, NoticeState
from server.domain.ports import Cache, Clock
from server.errors import OutsideFailure
from server.models.database import rows, write

GATHERED = 0.004  # seconds in which what WeChat accepts is written together
_ACCEPT = """
UPDATE delivery SET state = $1, next_try_at = NULL, last_error = '', remedy = '', msgid = told.msgid
FROM unnest($2::bigint[], $3::text[]) AS told (id, msgid)
WHERE delivery.id = told.id AND delivery.state = ANY($4::text[]) RETURNING delivery.id
"""
# Of what was delivered, as an event said before the answer came: its number alone.
_NUMBER = """
UPDATE delivery SET msgid = told.msgid FROM unnest($1::bigint[], $2::text[]) AS told (id, msgid)
WHERE delivery.id = told.id AND delivery.state = $3 AND told.msgid <> ''
"""


@dataclass(frozen=True, slots=True)
class Accepted:
    """WeChat took a message and gave it a number; a service account's subscription messages get none."""

    delivery_id: int
    account: str
    msgid: str


class Acceptances:
    """Writes down what WeChat accepted: the calls of one moment by one statement."""

    def __init__(self, clock: Clock, cache: Cache) -> None:
        self._clock, self._cache = clock, cache
        self._rounds = Coalesced(self._write, linger=GATHERED)

    async def write(self, one: Accepted) -> None:
        """Returns when it is written. Never inside a transaction."""
        await self._rounds.ask(one)

    async def _write(self, many: Sequence[Accepted]) -> list[None]:
        await accepted(self._clock, self._cache, many)
        return [None] * len(many)


async def accepted(clock: Clock, cache: Cache, many: Sequence[Accepted]) -> None:
    """The step `accept` with WeChat's numbers of the messages; an event may have come before the answer."""
    step = STEPS["accept"]
    ids, numbers = [one.delivery_id for one in many], [one.msgid[:40] for one in many]
    sources = [state.value for state in step.sources]
    moved = {row["id"] for row in await rows(_ACCEPT, step.target.value, ids, numbers, sources)}
    if len(moved) < len(many):
        await write(_NUMBER, ids, numbers, NoticeState.DELIVERED.value)
    numbered = [one for one in many if one.msgid]
    try:
        events = (
            await cache.take(*(delivery.early(one.account, one.msgid) for one in numbered))
            if numbered
            else []
        )
    except OutsideFailure:  # the messages are sent; whatever their events said waits for the next look
        return
    for one, event in zip(numbered, events, strict=True):
        if event is not None:
            name, _, error = event.decode().partition(" ")
            await delivery.advance(clock, one.delivery_id, name, trouble=Trouble(error))
