"""The SQL of who was told what: which messages fit, the newest first or in their order, and how many they are.

Rows have come in the order of their ids, give or take what ran beside each other; so a time is looked for among the
ids, and a page of last year's rows does not read this year's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from server.domain.notices.states import NoticeState
from server.models.database import rows

CAMPAIGN = "campaign"  # the kind of every message of a campaign, whosever grants it spends
BESIDE = timedelta(hours=1)  # rows put beside each other are in their order, give or take this
_SHOWN = """
SELECT d.id, d.topic, d.channel, d.state, d.last_error, d.tried, d.seen_at, d.attempts, d.retries, d.campaign_id, g.name AS campaign,
       d.candidate_id, d.officer_id, COALESCE(c.name, o.name) AS name, h.name AS school, d.created_at, d.sent_at,
       d.settled_at, d.next_try_at
FROM (SELECT * FROM delivery d WHERE {conditions} ORDER BY d.id {order} LIMIT {most}) d
LEFT JOIN campaign g ON g.id = d.campaign_id LEFT JOIN candidate c ON c.id = d.candidate_id
LEFT JOIN officer o ON o.id = d.officer_id LEFT JOIN school h ON h.id = COALESCE(c.school_id, o.school_id)
ORDER BY d.id {order}
"""
_COUNT = "SELECT count(*) AS n FROM (SELECT 1 FROM delivery d WHERE {conditions} LIMIT {most}) many"
_OF_SCHOOL = """(d.candidate_id = ANY(ARRAY(SELECT id FROM candidate WHERE school_id = {school}))
 OR d.officer_id = ANY(ARRAY(SELECT id FROM officer WHERE school_id = {school})))"""
_SEEN = "SELECT id, created_at FROM delivery WHERE id >= $1 ORDER BY id LIMIT 1"
_ENDS_OF_CAMPAIGN = """
SELECT min(of.first) AS first, max(of.last) AS last FROM unnest($2::text[]) AS one(state),
LATERAL (SELECT min(id) AS first, max(id) AS last FROM delivery d WHERE d.campaign_id = $1 AND d.state = one.state) of
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages; what is None does not narrow them down.

    Attributes:
        topic: a name in `topics.TOPICS`, or `CAMPAIGN`. people: candidates, any of them.
        since, until: when they were put; `until` itself is too late.
    """

    state: str | None = None
    topic: str | None = None
    campaign_id: int | None = None
    candidate_id: int | None = None
    officer_id: int | None = None
    people: Sequence[int] | None = None
    school_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(slots=True)
class _Where:
    """Conditions and their values, each value in its place."""

    conditions: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def put(self, value: Any, kind: str = "bigint") -> str:
        self.values.append(value)
        return f"${len(self.values)}::{kind}"

    def add(self, condition: str) -> None:
        self.conditions.append(condition)

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "TRUE"


async def newest(wanted: Wanted, *, before: int, most: int) -> list[dict[str, Any]]:
    """The newest that fit, behind the message `before`; 0: from the newest on."""
    where = await _where(wanted)
    if before:
        where.add(f"d.id < {where.put(before)}")
    return await rows(_SHOWN.format(conditions=where, order="DESC", most=most), *where.values)


async def following(wanted: Wanted, *, after: int, most: int) -> list[dict[str, Any]]:
    """The next that fit in the order in which they were put."""
    where = await _where(wanted)
    where.add(f"d.id > {where.put(after)}")
    return await rows(_SHOWN.format(conditions=where, order="ASC", most=most), *where.values)


async def count(wanted: Wanted, *, most: int) -> int:
    """How many fit, no further counted than `most`."""
    where = await _where(wanted)
    [row] = await rows(_COUNT.format(conditions=where, most=most), *where.values)
    return int(row["n"])


async def _where(wanted: Wanted) -> _Where:
    where = _Where()
    if wanted.state is not None:  # written out, since the index of states is one of some of them
        where.add(f"d.state = '{NoticeState(wanted.state).value}'")
    if wanted.topic == CAMPAIGN:
        where.add("d.campaign_id IS NOT NULL")
    elif wanted.topic is not None:
        where.add(f"d.campaign_id IS NULL AND d.topic = {where.put(wanted.topic, 'text')}")
    if wanted.campaign_id is not None:
        first, last = await _ends_of(wanted.campaign_id)
        where.add(f"d.campaign_id = {where.put(wanted.campaign_id)}")
        where.add(f"d.id BETWEEN {where.put(first)} AND {where.put(last)}")
    if wanted.candidate_id is not None:
        where.add(f"d.candidate_id = {where.put(wanted.candidate_id)}")
    if wanted.officer_id is not None:
        where.add(f"d.officer_id = {where.put(wanted.officer_id)}")
    if wanted.people is not None:
        where.add(f"d.candidate_id = ANY({where.put(list(wanted.people), 'bigint[]')})")
    if wanted.school_id is not None:
        where.add(_OF_SCHOOL.format(school=where.put(wanted.school_id)))
    if wanted.since is not None:
        where.add(f"d.id >= {where.put(await _first_since(wanted.since - BESIDE))}")
        where.add(f"d.created_at >= {where.put(wanted.since, 'timestamptz')}")
    if wanted.until is not None:
        where.add(f"d.id < {where.put(await _first_since(wanted.until + BESIDE))}")
        where.add(f"d.created_at < {where.put(wanted.until, 'timestamptz')}")
    return where


async def _ends_of(campaign_id: int) -> tuple[int, int]:
    """The first and the last row of a campaign; (0, 0): it has none. Two looks at an index for each state."""
    [row] = await rows(_ENDS_OF_CAMPAIGN, campaign_id, [state.value for state in NoticeState])
    return int(row["first"] or 0), int(row["last"] or 0)


async def _first_since(moment: datetime) -> int:
    """An id from which on rows were put at this moment or later: some thirty looks at the primary key."""
    [row] = await rows("SELECT COALESCE(max(id), 0) AS id FROM delivery")
    low, high = 0, int(row["id"]) + 1
    while high - low > 1:
        middle = (low + high) // 2
        [seen] = await rows(_SEEN, middle)
        if seen["created_at"] < moment:
            low = int(seen["id"])
        else:
            high = middle
    return high
