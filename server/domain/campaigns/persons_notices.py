"""What one person was told lately, as they read it on the phone's page: of campaigns and of the system.

Whom a message did not reach in WeChat finds it here at the next visit; once the page has shown it, the row says when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from server.domain.campaigns.letters import Way
from server.domain.campaigns.states import CampaignState
from server.domain.notices.keywords import NOTHING
from server.domain.notices.states import NoticeState
from server.domain.notices.topics import TOPICS
from server.domain.people.names import mask_name
from server.domain.ports import Clock
from server.models.database import rows, write

SHOWN_FOR = timedelta(days=90)
MOST = 30
# Nobody has it in WeChat for certain; of these the page says that there is something new.
NOT_REACHED = tuple(
    state.value
    for state in (
        NoticeState.NO_WAY,
        NoticeState.REFUSED,
        NoticeState.FAILED,
        NoticeState.UNREPORTED,
        NoticeState.UNKNOWN,
    )
)
_SHOWN = (*NOT_REACHED, NoticeState.ACCEPTED.value, NoticeState.DELIVERED.value)
_BEGUN = tuple(one.value for one in (CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.DONE))
# What somebody does not want is not shown either. A campaign's people are written down long before it begins.
_THEIRS = """
SELECT {what}
FROM delivery d LEFT JOIN campaign c ON c.id = d.campaign_id
WHERE d.candidate_id = $1 AND d.created_at >= $2 AND d.state = ANY($3::text[])
  AND (d.campaign_id IS NULL OR (c.started_at IS NOT NULL AND c.state = ANY($4::text[])))
  AND NOT EXISTS (SELECT 1 FROM notice_opt_out o WHERE o.candidate_id = d.candidate_id
                  AND o.choice = COALESCE(c.kind, $5::text::jsonb ->> d.topic))
{more}
"""
_LIST = _THEIRS.format(
    what="d.id, d.topic, d.channel, d.state, d.fields_shown, d.path, d.created_at, d.seen_at, c.ways, c.started_at",
    more="ORDER BY COALESCE(c.started_at, d.created_at) DESC, d.id DESC LIMIT $6",
)
_NEW = _THEIRS.format(what="d.id", more="AND d.seen_at IS NULL LIMIT $6")
_SEEN = "UPDATE delivery SET seen_at = $2 WHERE id = ANY($1::bigint[]) AND seen_at IS NULL"
_SEEN_HERE = """
UPDATE delivery SET seen_at = $2
WHERE candidate_id = $1 AND campaign_id IS NULL AND path = $3 AND state = ANY($4::text[]) AND seen_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class PersonsNotice:
    """One notice.

    Attributes:
        lines: label and value. path: the local page it opens; empty: none.
        is_new: it did not reach them in WeChat, and the page shows it for the first time.
    """

    id: int
    title: str
    lines: Sequence[tuple[str, str]]
    path: str
    at: datetime
    is_new: bool


async def shown(clock: Clock, candidate_id: int) -> list[PersonsNotice]:
    """A person's notices, the newest first; from now on they count as seen."""
    now = clock.now()
    found = await rows(_LIST, *_values(candidate_id, now, _SHOWN), MOST)
    if unseen := [row["id"] for row in found if row["seen_at"] is None]:
        await write(_SEEN, unseen, now)
    return [_notice(row) for row in found]


async def left_to_see(clock: Clock, candidate_id: int, page: str = "") -> int:
    """`count_new`, where the person is on a page: what a notice of the system told of, they see there themselves.

    Args:
        page: its path; a campaign says something of its own, whatever page it opens, and stays new until it is read.
    """
    count = await count_new(clock, candidate_id)
    if count and page and await write(_SEEN_HERE, candidate_id, clock.now(), page, list(NOT_REACHED)):
        count = await count_new(clock, candidate_id)
    return count


async def count_new(clock: Clock, candidate_id: int) -> int:
    """How many did not reach this person in WeChat and were not seen on the page: `MOST` at most."""
    return len(await rows(_NEW, *_values(candidate_id, clock.now(), NOT_REACHED), MOST))


def _values(candidate_id: int, now: datetime, states: Sequence[str]) -> tuple[Any, ...]:
    choices = {topic.name: topic.choice for topic in TOPICS.values() if topic.choice}
    return candidate_id, now - SHOWN_FOR, list(states), list(_BEGUN), orjson.dumps(choices).decode()


def _notice(row: Mapping[str, Any]) -> PersonsNotice:
    values = orjson.loads(row["fields_shown"])
    if row["ways"] is None:
        topic = TOPICS[row["topic"]]
        title, lines = topic.title, topic.lines(values)
    else:
        if "name" in values:
            values["name"] = mask_name(values["name"])  # as on every page of the phone
        ways = [Way.of(one) for one in orjson.loads(row["ways"])]
        way = next((one for one in ways if one.channel == row["channel"]), ways[0])
        personal = {keyword: values.get(name) or NOTHING for keyword, name in way.personal.items()}
        said = {**way.constants, **personal}  # in full: only a template has no room
        title, lines = way.title, [(label, said[one]) for one, label in way.labels.items() if one in said]
    is_new = row["seen_at"] is None and row["state"] in NOT_REACHED
    at = row["started_at"] or row["created_at"]
    return PersonsNotice(row["id"], title, lines, row["path"], at, is_new)
