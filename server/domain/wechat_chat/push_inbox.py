"""The rows of pushes: taken in before anything is done, stepped by their one writer, forgotten when settled.

What was pushed and what was answered may hold a person's words and scores: both are sealed, the push only until
nothing more is to be done about it, the answer for two hours.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from tortoise.expressions import F, Q

from server.domain.ports import Clock, Keys, Push
from server.domain.wechat_chat.push_states import SKEW, STEPS, PushState
from server.models import PushSeen, database

FRESH = timedelta(minutes=30)  # how far a push's signed time may be from ours
REMEMBERED = timedelta(hours=2)  # longer than a push stays fresh, were it signed half an hour ahead
_REPLY, _PUSH = "push_seen.reply", "push_seen.push"

_INSERT = (
    "INSERT INTO push_seen (key, at, push) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING RETURNING key"
)
_ANSWER = """
UPDATE push_seen SET reply = $2, state = $4, settled_at = $3, push = NULL
WHERE key = $1 AND state = ANY($5::text[]) AND reply IS NULL RETURNING key
"""
# The first insert may be what hangs, so handing over does not rely on it.
_HAND_OVER = """
INSERT INTO push_seen (key, at, push, state, late_since, next_try_at) VALUES ($1, $2, $3, $4, $2, $2)
ON CONFLICT (key) DO UPDATE SET state = $4, push = EXCLUDED.push, late_since = $2, next_try_at = $2
WHERE push_seen.state = ANY($5::text[]) AND push_seen.reply IS NULL RETURNING key
"""


@dataclass(frozen=True, slots=True)
class PushStanding:
    """What is known of a push that came: `reply` as it was given first, None when there is none (yet)."""

    state: PushState
    reply: str | None = None


async def take_in(clock: Clock, keys: Keys, push: Push) -> PushStanding:
    """Write the push's row, or read the one that an earlier arrival wrote."""
    if await database.rows(_INSERT, push.key, clock.now(), sealed(keys, push)):
        return PushStanding(PushState.TAKEN)
    return await standing_of(keys, push.key)


async def standing_of(keys: Keys, key: str) -> PushStanding:
    """How it stands with a push; one that nobody remembers is new."""
    row = await PushSeen.get_or_none(key=key)
    if row is None:
        return PushStanding(PushState.TAKEN)
    reply = None if row.reply is None else keys.decrypt(bytes(row.reply), about=_REPLY)
    return PushStanding(PushState(row.state), reply)


async def answer(clock: Clock, keys: Keys, key: str, reply: str) -> bool:
    """Step `answer`: keep the first answer, which every repetition gets. False when it is not the first."""
    ciphertext = keys.encrypt(reply, about=_REPLY)
    return bool(await database.rows(_ANSWER, key, ciphertext, clock.now(), *_way("answer")))


async def hand_over(clock: Clock, keys: Keys, push: Push) -> bool:
    """Step `hand_over`, in the caller's transaction. False when the push was answered or handed over before."""
    ciphertext = sealed(keys, push)
    return bool(await database.rows(_HAND_OVER, push.key, clock.now(), ciphertext, *_way("hand_over")))


def _way(name: str) -> tuple[str, list[str]]:
    """Where a step leads, and the states that it leaves."""
    return STEPS[name].target.value, [state.value for state in STEPS[name].sources]


async def step(
    clock: Clock, key: str, name: str, *, error: str = "", next_try_at: datetime | None = None
) -> bool:
    """Every other step of `push_states.STEPS`. False when the push was in no state for it.

    Args:
        error: why, in Chinese; never what the person wrote or was told.
        next_try_at: when somebody else may take it up; until then it belongs to the caller.
    """
    row = STEPS[name]
    changes: dict[str, Any] = {
        "state": row.target.value,
        "last_error": error[:200],
        "next_try_at": next_try_at,
    }
    if name == "recover":
        changes["late_since"] = clock.now()
    if name == "begin":
        changes["attempts"] = F("attempts") + 1
    if row.target.is_settled:
        changes |= {"settled_at": clock.now(), "push": None}
    mine = PushSeen.filter(key=key, state__in=[state.value for state in row.sources])
    if name == "begin":
        mine = mine.filter(next_try_at__lte=clock.now() + SKEW)
    return bool(await mine.update(**changes))


async def forget(clock: Clock) -> None:
    """Delete what cannot come again. What is not settled stays, if it can still be worked on."""
    since = clock.now() - REMEMBERED
    await PushSeen.filter(settled_at__lt=since).delete()
    # What a process of the release before this one wrote, perhaps into a row of ours.
    before = Q(push__isnull=True) | Q(reply__not_isnull=True)
    await PushSeen.filter(before, at__lt=since, settled_at__isnull=True).delete()


def sealed(keys: Keys, push: Push) -> bytes:
    """A push as it is kept."""
    return keys.encrypt(json.dumps(asdict(push)), about=_PUSH)


def opened(keys: Keys, row: PushSeen) -> Push:
    """The push of a row that is not settled."""
    assert row.push is not None
    return Push(**json.loads(keys.decrypt(bytes(row.push), about=_PUSH)))
