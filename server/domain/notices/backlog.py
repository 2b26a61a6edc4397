"""How far behind the notices are: for metrics, alarms and the doctor. Cheap whatever the tables hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain.ports import Clock
from server.models.database import rows

MOST_COUNTED = 10_000  # beyond that nobody needs to know exactly, and a scrape stays cheap
LATE_SECONDS = 600  # due for so long and not tried: nobody sends
_BACKLOG = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'pending' AND campaign_id IS NULL LIMIT $1) w) AS waiting,
       (SELECT min(created_at) FROM delivery WHERE state = 'pending' AND campaign_id IS NULL) AS waiting_since,
       (SELECT min(next_try_at) FROM delivery WHERE state IN ('pending', 'sending') AND campaign_id IS NULL) AS due_since,
       (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE state = 'unknown' LIMIT $1) u) AS unknown,
       EXISTS (SELECT 1 FROM notice_hold) AS is_held,
       (SELECT count(*) FROM campaign WHERE state = 'running') AS running,
       (SELECT count(*) FROM campaign WHERE state = 'paused') AS paused,
       (SELECT min(COALESCE(served_at, started_at)) FROM campaign
        WHERE state = 'running' AND not_after > $2 AND (rest_until IS NULL OR rest_until <= $2)) AS served_since
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What waits.

    Attributes:
        waiting: the system's own notices; `MOST_COUNTED` at most. oldest_seconds: how long the oldest has waited.
        overdue_seconds: how long ago the most urgent one was due; 0 when nothing is.
        unknown: messages of which nobody knows whether WeChat took them, campaigns' too; a person decides.
        is_held: the switch that keeps notices back is on.
        running, paused: campaigns. unserved_seconds: how long ago the one that waited longest had its turn.
    """

    waiting: int
    oldest_seconds: float
    overdue_seconds: float
    unknown: int
    is_held: bool
    running: int
    paused: int
    unserved_seconds: float


async def backlog(clock: Clock) -> Backlog:
    """As it is now."""
    now = clock.now()
    [row] = await rows(_BACKLOG, MOST_COUNTED, now)
    return Backlog(
        waiting=row["waiting"],
        oldest_seconds=_since(row["waiting_since"], now),
        overdue_seconds=_since(row["due_since"], now),
        unknown=row["unknown"],
        is_held=row["is_held"],
        running=row["running"],
        paused=row["paused"],
        unserved_seconds=_since(row["served_since"], now),
    )


def _since(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment is not None else 0.0
