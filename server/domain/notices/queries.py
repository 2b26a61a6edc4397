"""The SQL of whom a notice reaches, of the ledger of grants, and of the hold. The rows of messages: `delivery`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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

_UNPAIRED = """
SELECT e.id FROM notice_grant_entry e
WHERE e.grant_id = $1 AND e.teller = $2 AND e.kind IN ('accepted', 'late') AND e.again IS NULL
  AND e.at BETWEEN $3 AND $4 AND NOT EXISTS (SELECT 1 FROM notice_grant_entry a WHERE a.again = e.id)
ORDER BY e.at, e.id LIMIT 1
"""
_WITHDRAWN = (
    "SELECT 1 FROM notice_grant_entry WHERE grant_id = $1 AND kind = 'withdrawn' AND said_at > $2 LIMIT 1"
)
_ACCEPTED_LATER = """
SELECT count(*) FROM notice_grant_entry WHERE grant_id = $1 AND kind = 'accepted' AND said_at > $2
"""
_OPEN = """
SELECT COALESCE(sum(change), 0) < 0 AS open FROM notice_grant_entry
WHERE delivery_id = $1 AND kind IN ('spent', 'given_back')
"""


@dataclass(frozen=True, slots=True)
class Balance:
    """How many messages of one topic a person still takes."""

    id: int
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the ledger; its columns are told in `models.notices.GrantEntry`."""

    source: str
    kind: str
    change: int
    teller: str
    again: int | None = None
    delivery_id: int | None = None
    said_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Since when and why notices are kept back, and how many wait."""

    since: datetime
    reason: str
    waiting: int


async def open_ways(candidates: list[int], topic: str, channels: list[str]) -> dict[int, list[Addressee]]:
    """Candidate → the open ways by these channels, best first; people without one are left out."""
    by_candidate: dict[int, list[Addressee]] = {}
    for row in await rows(_WAYS, candidates, topic, channels):
        by_candidate.setdefault(row["candidate_id"], []).append(Addressee(**row))
    return by_candidate


async def concerned(plan_id: int, after: int, most: int) -> list[int]:
    """The next candidates of a plan who are bound in any account, in order, behind the candidate `after`."""
    return [row["candidate_id"] for row in await rows(_CONCERNED, plan_id, after, most)]


async def locked_balance(account: str, openid: str, topic: str, now: datetime) -> Balance:
    """Made if need be, and locked until the caller's transaction ends."""
    [row] = await rows(
        "INSERT INTO notice_grant (account, openid, topic, remaining, changed_at) VALUES ($1, $2, $3, 0, $4)"
        " ON CONFLICT (account, openid, topic) DO UPDATE SET changed_at = EXCLUDED.changed_at"
        " RETURNING id, remaining",
        account,
        openid,
        topic,
        now,
    )
    return Balance(**row)


async def enter(now: datetime, balance: Balance, entry: Entry) -> None:
    """One entry and its effect on the balance; an entry of the same source is there already and has no second one."""
    written = await rows(
        "INSERT INTO notice_grant_entry (grant_id, source, kind, change, teller, again, delivery_id, said_at, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (source) DO NOTHING RETURNING id",
        balance.id,
        entry.source,
        entry.kind,
        entry.change,
        entry.teller,
        entry.again,
        entry.delivery_id,
        entry.said_at,
        now,
    )
    if written and entry.change:
        await rows(
            "UPDATE notice_grant SET remaining = remaining + $2 WHERE id = $1", balance.id, entry.change
        )


async def is_entered(source: str) -> bool:
    return bool(await rows("SELECT 1 FROM notice_grant_entry WHERE source = $1", source))


async def unpaired(grant_id: int, teller: str, since: datetime, until: datetime) -> int | None:
    """The first accept told by `teller` in this time that the other has not told."""
    accepts = await rows(_UNPAIRED, grant_id, teller, since, until)
    return accepts[0]["id"] if accepts else None


async def is_withdrawn(grant_id: int, after: datetime) -> bool:
    return bool(await rows(_WITHDRAWN, grant_id, after))


async def accepted_later(grant_id: int, after: datetime | None) -> int:
    """How many accepts WeChat dates after this moment."""
    [row] = await rows(_ACCEPTED_LATER, grant_id, after)
    return int(row["count"])


async def is_spent(delivery_id: int) -> bool:
    """Whether this delivery holds a grant."""
    [row] = await rows(_OPEN, delivery_id)
    return bool(row["open"])


async def hold() -> Hold | None:
    holds = await rows(
        "SELECT since, reason, (SELECT count(*) FROM delivery WHERE state = 'pending' AND campaign_id IS NULL) AS waiting FROM notice_hold"
    )
    return Hold(**holds[0]) if holds else None


async def begin_hold(now: datetime, reason: str) -> bool:
    """False when one is on already; that keeps its reason."""
    inserted = await rows(
        "INSERT INTO notice_hold (id, since, reason) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING RETURNING id",
        now,
        reason,
    )
    return bool(inserted)


async def end_hold() -> int | None:
    """How many were waiting; None when there was no hold."""
    if not await rows("DELETE FROM notice_hold RETURNING since"):
        return None
    [row] = await rows("SELECT count(*) AS n FROM delivery WHERE state = 'pending' AND campaign_id IS NULL")
    return int(row["n"])
