"""What waits for one of finance today: how much of each kind, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.roles import Verb
from server.models.database import rows

# Whoever asked decides nothing; a day differs while one of its differences is not explained.
_WAITING = """
SELECT 'refunds' AS what, count(*)::int AS items, min(asked_at) AS since
  FROM fee_refund WHERE state = 'asked' AND asked_by IS DISTINCT FROM $1
UNION ALL SELECT 'waivers', count(*)::int, min(asked_at) FROM fee_waiver WHERE state = 'asked' AND asked_by <> $1
UNION ALL SELECT 'transfers', count(*)::int, min(recorded_at)
  FROM bank_transfer WHERE state = 'recorded' AND recorded_by <> $1
UNION ALL SELECT 'bank_refunds', count(*)::int, min(recorded_at)
  FROM bank_refund WHERE state = 'recorded' AND recorded_by <> $1
UNION ALL SELECT 'alarms', count(*)::int, min(raised_at) FROM finance_alarm WHERE settled_at IS NULL
UNION ALL SELECT 'days', count(DISTINCT day_id)::int, min(found_at)
  FROM reconciliation_difference WHERE settled_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One kind of work: refunds, waivers, transfers, bank_refunds, alarms or days; `since`: of the oldest, None where there is none."""

    what: str
    items: int
    since: datetime | None


async def waiting(*, actor: Actor) -> list[Waiting]:
    """Every kind, also those of which there is nothing. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_ALARMS)
    return [Waiting(**row) for row in await rows(_WAITING, actor.id)]
