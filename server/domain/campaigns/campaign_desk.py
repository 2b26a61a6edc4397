"""What waits for whoever writes, approves and sends campaigns: how much of each kind, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.roles import Verb
from server.models.database import rows

# Who wrote or submitted it does not approve it.
_WAITING = """
SELECT 'approvals' AS what, count(*)::int AS items, min(submitted_at) AS since
  FROM campaign WHERE state = 'submitted' AND author_id <> $1 AND submitted_by <> $1
UNION ALL SELECT 'unknown', count(*)::int, min(created_at) FROM delivery WHERE state = 'unknown'
UNION ALL SELECT 'paused', count(*)::int, NULL FROM campaign WHERE state = 'paused'
UNION ALL SELECT 'running', count(*)::int, NULL FROM campaign WHERE state = 'running'
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of work: approvals, unknown, paused or running; `since`: of the oldest, None where there is none."""

    what: str
    items: int
    since: datetime | None


async def waiting(*, actor: Actor) -> list[Waiting]:
    """Every kind, also those of which there is nothing. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    return [Waiting(**row) for row in await rows(_WAITING, actor.id)]
