"""The SQL of whom a notice reaches."""

from __future__ import annotations

from server.domain.notices.delivery import Addressee
from server.models.database import rows

# The ways to people in the order of preference; a way of someone bound in that account.
_WAYS = """
SELECT b.candidate_id, b.openid, w.channel FROM binding b
JOIN (VALUES ('oa', 'template', 1), ('mp', 'mp_subscription', 2), ('oa', 'oa_subscription', 3))
  AS w (account, channel, rank) ON w.account = b.account
LEFT JOIN follower f ON f.openid = b.openid AND w.channel = 'template'
LEFT JOIN notice_grant g ON g.account = b.account AND g.openid = b.openid AND g.topic = $2
WHERE b.candidate_id = ANY($1::bigint[]) AND b.unbound_at IS NULL AND w.channel = ANY($3::text[])
  AND CASE w.channel WHEN 'template' THEN COALESCE(f.is_following, TRUE) ELSE COALESCE(g.remaining, 0) > 0 END
ORDER BY b.candidate_id, w.rank
"""
_CONCERNED = """
SELECT DISTINCT b.candidate_id FROM registration r
JOIN binding b ON b.candidate_id = r.candidate_id AND b.unbound_at IS NULL
WHERE r.plan_id = $1 AND b.candidate_id > $2 ORDER BY b.candidate_id LIMIT $3
"""


async def open_ways(candidates: list[int], topic: str, channels: list[str]) -> dict[int, list[Addressee]]:
    """Candidate → the open ways by these channels, best first; people without one are left out."""
    found: dict[int, list[Addressee]] = {}
    for row in await rows(_WAYS, candidates, topic, channels):
        found.setdefault(row["candidate_id"], []).append(Addressee(**row))
    return found


async def concerned(plan_id: int, after: int, most: int) -> list[int]:
    """The next candidates of a plan who are bound in any account, in order, behind the candidate `after`."""
    return [row["candidate_id"] for row in await rows(_CONCERNED, plan_id, after, most)]
