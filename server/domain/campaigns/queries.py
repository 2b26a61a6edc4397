"""The SQL of campaigns: whose turn it is, who is in two of them, and how far they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from server.domain import beijing
from server.domain.campaigns.states import OVER, STOPPED, UNDER_WAY, CampaignState
from server.domain.notices.states import NoticeState
from server.models.database import rows

_RUNNING = """
SELECT id FROM campaign WHERE state = $1 AND not_after > $2 AND (rest_until IS NULL OR rest_until <= $2)
ORDER BY served_at NULLS FIRST, id
"""
_RUNNER = """
SELECT c.*, (SELECT count(*) FROM campaign o WHERE o.state = $1 AND o.not_after > $2
                                           AND (o.rest_until IS NULL OR o.rest_until <= $2)) AS running,
       (SELECT COALESCE(sum(o.calls_today), 0) FROM campaign o WHERE o.calls_on = $4) AS calls_of_all
FROM campaign c WHERE c.id = $3 AND c.state = $1 AND c.not_after > $2 AND (c.rest_until IS NULL OR c.rest_until <= $2)
FOR UPDATE SKIP LOCKED
"""
_SHARED = """
SELECT count(*) AS n FROM delivery mine JOIN delivery other ON other.candidate_id = mine.candidate_id
JOIN campaign c ON c.id = other.campaign_id
WHERE mine.campaign_id = $1 AND mine.state <> $4 AND c.kind = $2 AND c.id <> $1 AND c.state = ANY($3::text[])
  AND other.state = ANY($5::text[])
"""
_OTHERS = "SELECT 1 FROM campaign WHERE id <> $1 AND kind = $2 AND state = ANY($3::text[]) LIMIT 1"
_ENDS = "SELECT state, count(*) AS n FROM delivery WHERE campaign_id = $1 GROUP BY state"
# WeChat's events come late, and people decide what is unknown: counted anew after a fourth of its age, for 90 days.
_UNCOUNTED = """
SELECT id FROM campaign WHERE state = ANY($1::text[]) AND frozen_at IS NOT NULL
  AND (counted_at IS NULL OR counted_at < ended_at
       OR (counted_at < ended_at + interval '90 days' AND $2 - counted_at > (counted_at - ended_at) / 4 + interval '1 minute'))
ORDER BY counted_at NULLS FIRST, id LIMIT $3
"""
_WAITING = (NoticeState.PENDING.value, NoticeState.SENDING.value)


_UNBOUND = """
SELECT d.id FROM delivery d WHERE d.id = ANY($1::bigint[]) AND NOT EXISTS (
    SELECT 1 FROM binding b WHERE b.account = d.account AND b.openid = d.openid AND b.candidate_id = d.candidate_id
                              AND b.unbound_at IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Runner:
    """A campaign whose turn it is, locked until the caller's transaction ends.

    Attributes:
        columns: of its row. running: how many run now. calls_of_all: calls of all campaigns today.
    """

    id: int
    columns: Mapping[str, Any]
    running: int
    calls_of_all: int


async def running(now: datetime) -> list[int]:
    """The campaigns that are to be sent now, the one that waited longest first."""
    return [row["id"] for row in await rows(_RUNNING, CampaignState.RUNNING.value, now)]


async def runner(campaign_id: int, now: datetime) -> Runner | None:
    """The campaign, locked; None when another process has it or it does not run any more."""
    found = await rows(_RUNNER, CampaignState.RUNNING.value, now, campaign_id, beijing.day(now))
    if not found:
        return None
    [row] = found
    columns = {**row, "ways": orjson.loads(row["ways"])}
    return Runner(campaign_id, columns, int(row["running"]), int(row["calls_of_all"]))


async def is_running(campaign_id: int, now: datetime) -> bool:
    return bool(
        await rows(
            "SELECT 1 FROM campaign WHERE id = $1 AND state = $2 AND not_after > $3",
            campaign_id,
            CampaignState.RUNNING.value,
            now,
        )
    )


async def no_longer_bound(deliveries: list[int]) -> set[int]:
    """Those of these messages whose openid is not this person's any more: it may be somebody else's by now."""
    return {row["id"] for row in await rows(_UNBOUND, deliveries)}


async def lock_kind(kind: str) -> None:
    """Of one kind, only one begins at a time: held until the caller's transaction ends."""
    await rows("SELECT pg_advisory_xact_lock(hashtextextended('campaign:' || $1::text, 0))", kind)


async def shared(campaign_id: int, kind: str) -> int:
    """How many of its people still wait in another campaign of the kind that is under way.

    Two lists of a million are compared only where there is another campaign at all.
    """
    states = [state.value for state in UNDER_WAY]
    if not await rows(_OTHERS, campaign_id, kind, states):
        return 0
    [row] = await rows(_SHARED, campaign_id, kind, states, NoticeState.NO_WAY.value, list(_WAITING))
    return int(row["n"])


async def late(now: datetime) -> list[int]:
    """Those past their "not after" that are not over yet."""
    open_states = [state.value for state in (CampaignState.SUBMITTED, CampaignState.APPROVED, *UNDER_WAY)]
    found = await rows(
        "SELECT id FROM campaign WHERE state = ANY($1::text[]) AND not_after <= $2 ORDER BY id",
        open_states,
        now,
    )
    return [row["id"] for row in found]


async def due(now: datetime) -> list[int]:
    """Approved ones whose minute has come."""
    found = await rows(
        "SELECT id FROM campaign WHERE state = $1 AND start_at <= $2 AND not_after > $2 ORDER BY start_at, id",
        CampaignState.APPROVED.value,
        now,
    )
    return [row["id"] for row in found]


async def unfrozen() -> list[int]:
    """Submitted ones whose people are not written down yet."""
    found = await rows(
        "SELECT id FROM campaign WHERE state = $1 AND frozen_at IS NULL", CampaignState.SUBMITTED.value
    )
    return [row["id"] for row in found]


async def uncleared() -> list[int]:
    """Stopped ones of which somebody may still wait."""
    found = await rows(
        "SELECT id FROM campaign WHERE state = ANY($1::text[]) AND cleared_at IS NULL",
        [state.value for state in STOPPED],
    )
    return [row["id"] for row in found]


async def uncounted(now: datetime, most: int) -> list[int]:
    """Those that are over and whose ends may have changed since they were counted: the younger, the oftener."""
    found = await rows(_UNCOUNTED, [state.value for state in OVER], now, most)
    return [row["id"] for row in found]


async def ends(campaign_id: int) -> dict[str, int]:
    """State → how many of its people are there now."""
    return {row["state"]: int(row["n"]) for row in await rows(_ENDS, campaign_id)}
