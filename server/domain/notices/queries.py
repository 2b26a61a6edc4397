"""The SQL of whom a notice reaches, of the ledger of grants, and of the hold. The rows of messages: `delivery`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from server.domain.notices.delivery import Addressee, Way
from server.domain.notices.topics import TOPICS
from server.models.database import rows, write

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
_CAMPAIGN_WAYS = """
SELECT w.way ->> 'channel' AS channel, b.openid, w.way ->> 'topic' AS topic
FROM delivery d JOIN campaign c ON c.id = d.campaign_id
CROSS JOIN LATERAL jsonb_array_elements(c.ways) WITH ORDINALITY AS w(way, rank)
JOIN binding b ON b.candidate_id = d.candidate_id AND b.unbound_at IS NULL
  AND b.account = CASE w.way ->> 'channel' WHEN 'mp_subscription' THEN 'mp' ELSE 'oa' END
LEFT JOIN follower f ON f.openid = b.openid AND w.way ->> 'channel' = 'template'
LEFT JOIN notice_grant g ON g.account = b.account AND g.openid = b.openid AND g.topic = w.way ->> 'topic'
WHERE d.id = $1 AND CASE w.way ->> 'channel'
                    WHEN 'template' THEN COALESCE(f.is_following, TRUE) ELSE COALESCE(g.remaining, 0) > 0 END
ORDER BY w.rank
"""
_DOES_NOT_FOLLOW = """
INSERT INTO follower (openid, is_following, changed_at) VALUES ($1, FALSE, $2)
ON CONFLICT (openid) DO UPDATE SET is_following = FALSE, changed_at = EXCLUDED.changed_at
WHERE follower.is_following AND follower.changed_at < EXCLUDED.changed_at
"""
_UNWILLING = """
SELECT d.id FROM delivery d LEFT JOIN campaign c ON c.id = d.campaign_id
JOIN notice_opt_out o ON o.candidate_id = d.candidate_id AND o.choice = COALESCE(c.kind, $2::text::jsonb ->> d.topic)
WHERE d.id = ANY($1::bigint[])
"""
_OFFICERS_GONE = """
SELECT d.id FROM delivery d JOIN officer o ON o.id = d.officer_id WHERE d.id = ANY($1::bigint[]) AND o.state <> 'active'
"""
_LIVING = (
    "SELECT id FROM candidate WHERE id = ANY($1::bigint[]) AND erased_at IS NULL ORDER BY id FOR KEY SHARE"
)
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
_HELD = """
SELECT max(e.kind) FILTER (WHERE e.kind IN ('spent', 'used')) AS kind,
       count(*) FILTER (WHERE e.kind IN ('spent', 'used')) > count(*) FILTER (WHERE e.kind IN ('given_back', 'unused')) AS held
FROM notice_grant_entry e JOIN notice_grant g ON g.id = e.grant_id
WHERE e.delivery_id = $1 AND g.account = $2 AND g.openid = $3 AND g.topic = $4
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


async def campaign_ways(delivery_id: int) -> list[Way]:
    """The ways of its campaign that are open to a message's person now, best first."""
    return [Way(**row) for row in await rows(_CAMPAIGN_WAYS, delivery_id)]


async def does_not_follow(openid: str, before: datetime) -> None:
    """WeChat says so, and what a push told before this moment counts no more."""
    await write(_DOES_NOT_FOLLOW, openid, before)


async def unwilling(deliveries: list[int]) -> set[int]:
    """Those of these messages that their people do not want any more."""
    choices = {topic.name: topic.choice for topic in TOPICS.values() if topic.choice}
    return {row["id"] for row in await rows(_UNWILLING, deliveries, orjson.dumps(choices).decode())}


async def officers_gone(deliveries: list[int]) -> set[int]:
    """Those of these messages whose signing officers are none any more."""
    return {row["id"] for row in await rows(_OFFICERS_GONE, deliveries)}


async def opted_out(candidates: list[int], choice: str) -> set[int]:
    """Those of these people who do not want notices of this choice."""
    found = await rows(
        "SELECT candidate_id FROM notice_opt_out WHERE candidate_id = ANY($1::bigint[]) AND choice = $2",
        candidates,
        choice,
    )
    return {row["candidate_id"] for row in found}


async def choices_against(candidate_id: int) -> set[str]:
    """What this person does not want."""
    found = await rows("SELECT choice FROM notice_opt_out WHERE candidate_id = $1", candidate_id)
    return {row["choice"] for row in found}


async def opt_out(candidate_id: int, choice: str, now: datetime) -> bool:
    """False when it was so already."""
    inserted = await rows(
        "INSERT INTO notice_opt_out (candidate_id, choice, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id",
        candidate_id,
        choice,
        now,
    )
    return bool(inserted)


async def opt_in(candidate_id: int, choice: str) -> bool:
    """False when it was so already."""
    gone = "DELETE FROM notice_opt_out WHERE candidate_id = $1 AND choice = $2 RETURNING id"
    return bool(await rows(gone, candidate_id, choice))


async def bound(candidates: list[int]) -> set[int]:
    """Those of these people who are bound in some account."""
    found = await rows(
        "SELECT DISTINCT candidate_id FROM binding WHERE candidate_id = ANY($1::bigint[]) AND unbound_at IS NULL",
        candidates,
    )
    return {row["candidate_id"] for row in found}


async def living(candidates: Iterable[int]) -> list[int]:
    """Those of these people whose data are not erased; nobody erases them until the caller's transaction ends."""
    return [row["id"] for row in await rows(_LIVING, sorted(candidates))]


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


async def held(delivery_id: int, account: str, openid: str, topic: str) -> str | None:
    """How this delivery holds a grant of this person and topic (`spent`, or `used` if long-term); None: it does not.

    It may have tried another way before, by another grant.
    """
    [row] = await rows(_HELD, delivery_id, account, openid, topic)
    return str(row["kind"]) if row["held"] else None


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
