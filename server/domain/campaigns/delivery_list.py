"""Who was told what: the messages of campaigns and of the system, one row a person, with how each of them ended.

For a person who asks why she did not get it, `candidate_id` gives her whole history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import handling
from server.domain.notices import campaign_rows, delivery
from server.domain.notices.states import STEPS, NoticeState
from server.domain.notices.topics import TOPICS
from server.domain.paging import Page
from server.domain.people.names import mask_name
from server.domain.ports import Clock, Queue
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import Delivery
from server.models.database import rows

_PAGE = """
SELECT d.id, d.topic, d.channel, d.state, d.last_error, d.attempts, d.retries, d.campaign_id, g.name AS campaign,
       d.candidate_id, d.officer_id, COALESCE(c.name, o.name) AS name, h.name AS school, d.created_at, d.sent_at,
       d.settled_at, d.next_try_at
FROM delivery d LEFT JOIN campaign g ON g.id = d.campaign_id LEFT JOIN candidate c ON c.id = d.candidate_id
LEFT JOIN officer o ON o.id = d.officer_id LEFT JOIN school h ON h.id = COALESCE(c.school_id, o.school_id)
WHERE ($1::bigint = 0 OR d.id < $1) AND ($2::text IS NULL OR d.state = $2) AND ($3::text IS NULL OR d.topic = $3)
  AND ($4::bigint IS NULL OR d.campaign_id = $4) AND ($5::bigint IS NULL OR d.candidate_id = $5)
  AND ($6::bigint IS NULL OR COALESCE(c.school_id, o.school_id) = $6)
  AND ($7::timestamptz IS NULL OR d.created_at >= $7) AND ($8::timestamptz IS NULL OR d.created_at < $8)
ORDER BY d.id DESC LIMIT $9
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages; what is None does not narrow them down.

    Attributes:
        topic: a name in `topics.TOPICS`, or `campaign`. since, until: when they were put.
    """

    state: str | None = None
    topic: str | None = None
    campaign_id: int | None = None
    candidate_id: int | None = None
    school_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """One message to one person; the name masked."""

    id: int
    topic: str
    topic_label: str
    campaign_id: int | None
    campaign: str | None
    candidate_id: int | None
    officer_id: int | None
    name_masked: str
    school: str | None
    channel: str
    state: NoticeState
    reason: str
    attempts: int
    retries: int
    created_at: datetime
    sent_at: datetime | None
    settled_at: datetime | None
    next_try_at: datetime | None


async def page(wanted: Wanted, *, actor: Actor, after: int = 0, size: int = 50) -> Page[DeliveryView]:
    """Messages, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    found = await rows(
        _PAGE,
        after,
        wanted.state,
        wanted.topic,
        wanted.campaign_id,
        wanted.candidate_id,
        wanted.school_id,
        wanted.since,
        wanted.until,
        size + 1,
    )
    shown = [
        DeliveryView(
            topic_label=TOPICS[row["topic"]].label if row["topic"] in TOPICS else "群发",
            name_masked=mask_name(row.pop("name") or ""),
            state=NoticeState(row.pop("state")),
            reason=row.pop("last_error"),
            **row,
        )
        for row in found[:size]
    ]
    return Page(shown, str(shown[-1].id) if len(found) > size else None)


async def send_anew(clock: Clock, queue: Queue, delivery_id: int, *, actor: Actor) -> None:
    """A person decides that a message of unknown outcome is sent once more; the receiver may then have two.

    Raises:
        Forbidden: role_not_allowed. NotFound: delivery_unknown.
        Conflict: delivery_moved; campaign_moved — its campaign does not run, so nothing would be sent.
    """
    await _decide(clock, queue, delivery_id, "send_anew", "", actor)


async def let_be(clock: Clock, queue: Queue, delivery_id: int, *, actor: Actor) -> None:
    """A person decides that a message of unknown outcome is left at that. Raises as `send_anew`."""
    await _decide(clock, queue, delivery_id, "let_be", f"结果未知，{actor.name}决定不再发送", actor)


async def _decide(clock: Clock, queue: Queue, delivery_id: int, name: str, why: str, actor: Actor) -> None:
    roles.require(actor, Verb.SEND_CAMPAIGNS)
    async with in_transaction():
        row = await Delivery.filter(id=delivery_id).select_for_update().first()
        if row is None:
            raise NotFound("delivery_unknown", "没有这条通知，请刷新后重试。")
        if STEPS[name].target is NoticeState.PENDING and row.campaign_id is not None:
            await handling.wake(clock, queue, row.campaign_id, actor=actor)
        if not await campaign_rows.decide(delivery_id, name, why, clock.now()):
            label = NoticeState(row.state).label
            raise Conflict("delivery_moved", f"这条通知现在是“{label}”，不用再决定；请刷新后再看。")
        await audit_log.record(
            clock,
            actor,
            f"delivery.{name}",
            "delivery",
            delivery_id,
            was={"state": row.state},
            became={"state": STEPS[name].target.value},
        )
        job = delivery.JOB if row.campaign_id is None else handling.SEND
        await queue.put(job, once=job)
