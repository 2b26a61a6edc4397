"""Grants: how many subscription messages a person still takes, topic by topic (wechat.md §4.5, §5).

Of a one-time template one accept is one message; of a long-term one any number, until the person says no.

WeChat tells nobody how many are left, so this is our own ledger and the only writer of it. An entry is never changed;
the balance beside it is kept in the same transaction. What WeChat says counts for more than the ledger: a send that is
refused with 43101 and a topic switched off in WeChat's settings leave nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from tortoise.transactions import in_transaction

from server.domain.notices import delivery, queries
from server.domain.notices.queries import Balance, Entry
from server.domain.notices.topics import TOPICS, topic_of
from server.domain.ports import Clock, Push, Services
from server.errors import FieldError, Invalid, TooMany
from server.models import Grant
from server.settings import Settings

log = logging.getLogger("xcert.notices")

TOLD_TWICE_WITHIN = timedelta(minutes=10)  # one accept is told by the client and by an event, in either order
REPORTS, REPORTS_WINDOW = 60, 3600  # reports of one person, seconds
MOST_IN_EVENT = 20  # WeChat asks for five templates at most at once
_EVENTS = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}


@dataclass(frozen=True, slots=True)
class Taker:
    """Who takes what: a person in one account (oa, mp) and a topic's name."""

    account: str
    openid: str
    topic: str


# What is told


async def taken_in(s: Services, push: Push) -> None:
    """Take in an event about subscription messages; every other push is left alone. Safe to repeat.

    An accepted pop-up is one grant for each template; a topic switched off leaves none; a sent event settles the
    delivery of that number. Templates that are none of ours are logged and passed over.
    """
    if push.kind not in _EVENTS:
        return
    for index, item in enumerate(_elements(push)):
        topic = topic_of(s.settings, push.account, str(item.get("TemplateId", "")))
        if topic is None:
            log.warning("an event of a template that is not ours", extra={"kind": push.kind})
            continue
        taker = Taker(push.account, push.openid, topic.name)
        status = str(item.get("SubscribeStatusString", "")).lower()
        source = f"{push.key}:{index}:{topic.name}:{status[:10]}"
        if push.kind == "subscribe_msg_sent_event":
            await delivery.reported(
                s,
                push.account,
                push.openid,
                topic.name,
                str(item.get("MsgID", "")),
                str(item.get("ErrorCode", "")),
            )
        elif status.startswith("accept"):
            await accept(s.clock, taker, source=source, teller="event", said_at=_moment(push))
        elif push.kind == "subscribe_msg_change_event":
            await withdraw(s.clock, taker, source=source, said_at=_moment(push))


async def report(s: Services, account: str, openid: str, accepted: list[str]) -> None:
    """What a client says after wx.requestSubscribeMessage: these topics were accepted, once each.

    Args:
        accepted: names of topics.

    Raises:
        Invalid: topic_unknown, for every topic that cannot be asked for in this account.
        TooMany: subscriptions_too_many.
    """
    templates = asked_for(s.settings, account)
    errors = [
        FieldError(f"/accepted/{index}", "topic_unknown", "没有这一项可以订阅的通知，请更新小程序后重试。")
        for index, name in enumerate(accepted)
        if name not in templates
    ]
    if errors:
        raise Invalid(errors=errors)
    person = sha256(f"{account}:{openid}".encode()).hexdigest()[:32]
    if await s.rate_limiter.hit(f"grants:{person}", window=REPORTS_WINDOW) > REPORTS:
        raise TooMany(
            "subscriptions_too_many", "订阅操作太频繁，请一小时后再试。", retry_after=REPORTS_WINDOW
        )
    for name in sorted(set(accepted)):  # one order for all, so that two reports never wait for one another
        await accept(s.clock, Taker(account, openid, name), source=f"client:{uuid4().hex}", teller="client")


def asked_for(settings: Settings, account: str) -> dict[str, str]:
    """The topics a person may be asked for in this account, each with its template's id."""
    channel = f"{account}_subscription"
    templates = {topic.name: topic.template(settings, channel) for topic in TOPICS.values()}
    return {name: template for name, template in templates.items() if template}


async def remaining(account: str, openid: str, topics: list[str]) -> dict[str, int]:
    """How many messages of each topic the person still takes."""
    balances = await Grant.filter(account=account, openid=openid, topic__in=topics).values_list(
        "topic", "remaining"
    )
    return dict.fromkeys(topics, 0) | {str(topic): int(remaining) for topic, remaining in balances}


# The ledger


async def accept(
    clock: Clock, taker: Taker, *, source: str, teller: str, said_at: datetime | None = None
) -> None:
    """One accept. Told by client and event within ten minutes, it is one grant; the second telling changes nothing.

    Args:
        source: what told it; the same source counts once.
        teller: client or event.
        said_at: when it happened, as WeChat says; an accept older than the last switching off is worth nothing.
    """
    async with in_transaction():
        balance = await _locked(clock, taker)
        if await queries.is_entered(source):
            return
        other, now = "client" if teller == "event" else "event", clock.now()
        again = await queries.unpaired(balance.id, other, now - TOLD_TWICE_WITHIN, now + TOLD_TWICE_WITHIN)
        is_late = again is None and said_at is not None and await queries.is_withdrawn(balance.id, said_at)
        kind, change = ("late", 0) if is_late else ("accepted", 0 if again else 1)
        await queries.enter(
            clock.now(),
            balance,
            Entry(source=source, kind=kind, change=change, teller=teller, again=again, said_at=said_at),
        )


async def withdraw(clock: Clock, taker: Taker, *, source: str, said_at: datetime | None) -> None:
    """The person switched the topic off: nothing is left but what was accepted after that moment."""
    async with in_transaction():
        balance = await _locked(clock, taker)
        lost = max(0, balance.remaining - await queries.accepted_later(balance.id, said_at))
        await queries.enter(
            clock.now(),
            balance,
            Entry(source=source, kind="withdrawn", change=-lost, teller="event", said_at=said_at),
        )


async def spend(
    clock: Clock, taker: Taker, delivery_id: int, attempt: str, *, is_long_term: bool = False
) -> bool:
    """Take one grant for this delivery, before WeChat is called. False when none is left.

    Args:
        is_long_term: the grant is there for the next message, too.
    """
    async with in_transaction():
        balance = await _locked(clock, taker)
        if balance.remaining < 1:
            return False
        source = f"delivery:{delivery_id}:{attempt}:spent"
        kind, change = ("used", 0) if is_long_term else ("spent", -1)
        entry = Entry(source=source, kind=kind, change=change, teller="sender", delivery_id=delivery_id)
        await queries.enter(clock.now(), balance, entry)
    return True


async def is_spent(taker: Taker, delivery_id: int) -> bool:
    """Whether this delivery holds a grant of the taker, so that WeChat may have been called for it."""
    return await queries.held(delivery_id, taker.account, taker.openid, taker.topic) is not None


async def give_back(clock: Clock, taker: Taker, delivery_id: int, attempt: str) -> None:
    """Nothing was sent for certain: the grant that was taken is there again. In the caller's transaction."""
    balance = await _locked(clock, taker)
    held = await queries.held(delivery_id, taker.account, taker.openid, taker.topic)
    if held is not None:
        source = f"delivery:{delivery_id}:{attempt}:back"
        kind, change = ("unused", 0) if held == "used" else ("given_back", 1)
        entry = Entry(source=source, kind=kind, change=change, teller="sender", delivery_id=delivery_id)
        await queries.enter(clock.now(), balance, entry)


async def use_up(clock: Clock, taker: Taker, delivery_id: int, attempt: str) -> None:
    """WeChat says there is no grant (43101), so there is none. In the caller's transaction."""
    balance = await _locked(clock, taker)
    source = f"delivery:{delivery_id}:{attempt}:refused"
    await queries.enter(
        clock.now(),
        balance,
        Entry(
            source=source, kind="refused", change=-balance.remaining, teller="sender", delivery_id=delivery_id
        ),
    )


async def _locked(clock: Clock, taker: Taker) -> Balance:
    """The person's balance, made if need be and locked until the transaction ends."""
    return await queries.locked_balance(taker.account, taker.openid, taker.topic, clock.now())


def _elements(push: Push) -> Iterator[Mapping[str, Any]]:
    """The elements of `List`, which is an object or an array, and in JSON stands at the top (wechat.md §1.3)."""
    inner = push.fields.get(_EVENTS[push.kind])
    elements = (inner if isinstance(inner, Mapping) else push.fields).get("List")
    several = elements if isinstance(elements, list) else [elements]
    return (item for item in several[:MOST_IN_EVENT] if isinstance(item, Mapping))


def _moment(push: Push) -> datetime | None:
    try:
        return datetime.fromtimestamp(push.created, UTC)
    except (OverflowError, ValueError, OSError):
        return None
