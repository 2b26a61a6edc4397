"""Who was told what: the messages of campaigns and of the system, one row a person, with how each of them ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import delivery_queries, handling
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.notices import campaign_rows, delivery
from server.domain.notices.states import STEPS, NoticeState
from server.domain.notices.topics import TOPICS
from server.domain.paging import NEWEST, Page, Turn, cursor_id, limited
from server.domain.people import candidate_search
from server.domain.people.names import mask_name
from server.domain.ports import Clock, Queue
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import Campaign, Delivery

CAMPAIGNS_SHOWN = 100


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

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> DeliveryView:
        """What `delivery_queries` found."""
        left = {name: value for name, value in row.items() if name not in _TOLD}
        is_campaigns = row["campaign_id"] is not None or row["topic"] not in TOPICS
        return cls(
            topic_label="群发" if is_campaigns else TOPICS[row["topic"]].label,
            name_masked=mask_name(row["name"] or ""),
            state=NoticeState(row["state"]),
            reason=_why(row),
            **left,
        )


SORTS = {"-id": "新的在前", "id": "旧的在前"}
_TOLD = ("name", "state", "last_error", "tried", "seen_at")


def _why(row: Mapping[str, Any]) -> str:
    """The reason in words: of every way that was tried, and whether the person has found the notice on the page since."""
    tried = orjson.loads(row["tried"]) if row["tried"] is not None else None
    said = delivery.explained(tried, row["last_error"])
    if row["seen_at"] is None or not said:
        return said
    return f"{said}；本人于 {beijing.say_minute(row['seen_at'])} 在“通知”页看到"


async def page(wanted: Wanted, *, actor: Actor, after: int = 0, size: int = 50) -> Page[DeliveryView]:
    """Messages, the newest first. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    found = await delivery_queries.newest(wanted, before=after, most=size + 1)
    shown = [DeliveryView.of(row) for row in found[:size]]
    return Page(shown, str(shown[-1].id) if len(found) > size else None)


async def turned(wanted: Wanted, *, actor: Actor, turn: Turn = NEWEST) -> Page[DeliveryView]:
    """Messages in an order of `SORTS`, on and back. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    place, size = cursor_id(turn.before or turn.cursor) or 0, limited(turn.limit)
    is_back = bool(turn.before)
    if turn.sort.startswith("-") is not is_back:
        found = await delivery_queries.newest(wanted, before=place, most=size + 1)
    else:
        found = await delivery_queries.following(wanted, after=place, most=size + 1)
    others, found = len(found) > size, found[:size]
    if not found:
        return Page()
    shown = [DeliveryView.of(row) for row in (found[::-1] if is_back else found)]
    is_first, is_last = (not others, False) if is_back else (not place, not others)
    return Page(shown, None if is_last else str(shown[-1].id), None if is_first else str(shown[0].id))


async def whose(search: str, *, actor: Actor) -> list[int]:
    """The candidates that staff mean by a whole name or an admission number.

    Raises Forbidden: role_not_allowed; Invalid: /q search_form, search_identity.
    """
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    return await candidate_search.ids_found(search, None)


async def campaigns(chosen: int | None, *, actor: Actor) -> list[tuple[int, str]]:
    """Number and name of what staff may choose from: the newest campaigns that were frozen, and the one that is chosen."""
    roles.require(actor, Verb.SEE_CAMPAIGNS)
    found = Campaign.filter(frozen_at__not_isnull=True).order_by("-id").limit(CAMPAIGNS_SHOWN)
    newest = [(int(str(one)), str(name)) for one, name in await found.values_list("id", "name")]
    if chosen is None or chosen in dict(newest):
        return newest
    other = await Campaign.get_or_none(id=chosen)
    return [*([(other.id, other.name)] if other is not None else []), *newest]


async def send_anew(clock: Clock, queue: Queue, delivery_id: int, *, actor: Actor) -> None:
    """A person decides that a message of unknown outcome is sent once more; the receiver may then have two.

    Raises:
        Forbidden: role_not_allowed. NotFound: delivery_unknown.
        Conflict: delivery_moved; receiver_erased; campaign_moved — its campaign does not run, so nothing would be sent.
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
        if STEPS[name].target is NoticeState.PENDING and await campaign_rows.is_of_erased(row.id):
            raise Conflict("receiver_erased", "收件人的个人信息已经删除，不能再发；请选择不再发送。")
        if STEPS[name].target is NoticeState.PENDING and row.campaign_id is not None:
            await handling.wake(clock, queue, row.campaign_id, actor=actor)
        elif row.campaign_id is not None:
            await Campaign.filter(id=row.campaign_id).update(
                counted_at=None
            )  # what the list shows is old now
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
