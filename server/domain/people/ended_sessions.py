"""Persons whose sessions have ended before their time: who logged out, unbound, or was unbound.

A session of a phone is a signed token that nobody keeps, so its end is kept instead: one moment for each person, under
a blind index. Every process holds these moments in memory, taken in by the lookup watch, so a request asks nobody.
"""

from __future__ import annotations

from datetime import timedelta

from tortoise.transactions import in_transaction

from server.domain import freshness
from server.domain.people import queries
from server.domain.ports import Clock, Keys, Services, SessionMemory, WeChatIdentity
from server.errors import Unverified
from server.models import EndedPerson

KEPT = timedelta(hours=13)  # longer than the longest session of a phone (12 h)
_ABOUT = "ended_person"


def indexes(keys: Keys, account: str, openid: str) -> tuple[str, ...]:
    """The blind indexes of a person, one for each epoch of the index key."""
    return tuple(index.hex() for index in keys.blinds(f"{account}:{openid}", about=_ABOUT))


async def end(s: Services, who: WeChatIdentity) -> None:
    """End every session that this person has in this account up to now, on every process. Safe to repeat."""
    async with in_transaction():
        moment = await write(s.clock, s.keys, who)
    remember(s.keys, s.session_memory, who, moment)


async def write(clock: Clock, keys: Keys, who: WeChatIdentity) -> int:
    """The same in the caller's transaction and near its end; the caller calls `remember` when it has committed.

    Returns:
        the moment, in Unix seconds: sessions that began up to it are over.
    """
    now = clock.now()
    moment = int(now.timestamp())
    blinds = indexes(keys, who.account, who.openid)
    await queries.end_sessions(blinds, now)
    await freshness.tell(*(freshness.scope_of_end(index, moment) for index in blinds))
    return moment


def remember(keys: Keys, session_memory: SessionMemory, who: WeChatIdentity, moment: int) -> None:
    """This process knows at once; the others within a third of a second."""
    for index in indexes(keys, who.account, who.openid):
        session_memory.ended[index] = max(moment, session_memory.ended.get(index, 0))


def begins_at(s: Services, account: str, openid: str) -> int:
    """When a session that begins now began, in Unix seconds: after the last end, were it in this very second."""
    now = int(s.clock.now().timestamp())
    if not s.session_memory.ended:
        return now
    return max(
        [now, *(s.session_memory.ended.get(index, 0) + 1 for index in indexes(s.keys, account, openid))]
    )


def require_living(session_memory: SessionMemory, persons: tuple[str, ...], issued_at: int) -> None:
    """Raises Unverified("session_ended")."""
    if session_memory.ended and any(issued_at <= session_memory.ended.get(index, 0) for index in persons):
        raise Unverified("session_ended", "您已退出登录，请重新登录。")


async def sweep(s: Services) -> None:
    """Forget ends that no living session is older than. Sweep `sessions.sweep`."""
    await EndedPerson.filter(ended_at__lt=s.clock.now() - KEPT).delete()
