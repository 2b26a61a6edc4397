"""The rows of messages: put in the caller's transaction, moved step by step, settled by WeChat's events.

One row is the truth of one message to one person in one channel. `sender` sends what is put here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from tortoise.expressions import F, Q

from server.domain.notices import states
from server.domain.notices.states import STEPS, NoticeState
from server.domain.notices.topics import ALL_LABELS, CHANNELS, TOPICS, fitted
from server.domain.ports import Clock, Queue, Services
from server.errors import Remedy, WeChatRefused
from server.models import Delivery
from server.models.database import rows, write

JOB = "notices.send"
EARLY_SECONDS = 600  # how long an event that came before its answer is kept
EVENT_WITHIN = timedelta(days=1)  # an event speaks of a message of the last day
_ON_THE_WAY = tuple(one.value for one in (NoticeState.PENDING, NoticeState.SENDING, NoticeState.UNKNOWN))
DUE = tuple(state.value for state in NoticeState if state in STEPS["take"].sources)
_TAKE = """
UPDATE delivery SET state = $4, attempts = attempts + 1, next_try_at = $2, sent_at = COALESCE(sent_at, $1)
WHERE NOT EXISTS (SELECT 1 FROM notice_hold)
  AND id IN (SELECT id FROM delivery WHERE state = ANY($5::text[]) AND next_try_at <= $1 AND {whose}
             ORDER BY next_try_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, dedup, retries, topic, account, channel, openid, fields_shown AS fields, path, attempts AS attempt, sent_at
"""
_OF_NOTICES = _TAKE.format(whose="campaign_id IS NULL")
_OF_CAMPAIGN = _TAKE.format(whose="campaign_id = $6")

_REROUTE = """
UPDATE delivery SET state = $1, channel = $2, account = $3, openid = $4, topic = $5, last_error = $6::text, remedy = '', sent_at = NULL,
    next_try_at = $7, tried = COALESCE(tried, '[]') || jsonb_build_array(jsonb_build_object('channel', channel, 'why', $6::text))
WHERE id = $8 AND state = ANY($9::text[])
"""
_GO_SILENT = """
UPDATE delivery SET state = $1, settled_at = $2, last_error = CASE channel WHEN 'sms' THEN '短信服务受理后没有回报是否送达' ELSE $3 END
WHERE state = $4 AND id IN (SELECT id FROM delivery WHERE state = 'accepted' AND sent_at <= $5
                            ORDER BY sent_at LIMIT $6 FOR UPDATE SKIP LOCKED)
"""
# The step `outlive`, `$2` rows at a time: nobody decided about it before `$1`, and there is nothing left to be sent anew.
OUTLIVED = f"""
UPDATE delivery SET state = '{STEPS["outlive"].target.value}', settled_at = $3, next_try_at = NULL, last_error = '',
    fields_shown = '{{}}', openid = '', path = '', msgid = '', tried = NULL
WHERE state = 'unknown' AND id IN (SELECT id FROM delivery WHERE state = 'unknown' AND COALESCE(sent_at, created_at) < $1
                                   ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 -- constants


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a message is not on its way.

    Args:
        said: the reason for people, without personal data; kept to 200 characters. Nobody decides on it.
        remedy: what helps, when WeChat refused.
    """

    sentence: str = ""
    remedy: Remedy | None = None

    @classmethod
    def of(cls, refusal: WeChatRefused) -> Trouble:
        said = f"{refusal}：{refusal.why}" if refusal.why else str(refusal)
        return cls(said, refusal.remedy)

    def columns(self) -> dict[str, str]:
        return {"last_error": self.sentence[:200], "remedy": self.remedy.value if self.remedy else ""}


NO_TROUBLE = Trouble()


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who gets a notice, and how.

    Args:
        openid: the person in the account of the channel.
        channel: a name in `topics.CHANNELS`.
        candidate_id, officer_id: who that is, where it is known.
    """

    openid: str
    channel: str = "template"
    candidate_id: int | None = None
    officer_id: int | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Where a message goes next, after WeChat closed the way it was on.

    Args:
        topic: whose grants a subscription message spends.
    """

    channel: str
    openid: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that this process sends. `fields` are as the template shows them, by keyword."""

    id: int
    dedup: str
    retries: int
    topic: str
    account: str
    channel: str
    openid: str
    fields: Mapping[str, str]
    path: str
    attempt: int
    is_repeat: bool  # an earlier try may have reached WeChat
    sent_at: datetime

    @property
    def is_subscription(self) -> bool:
        return self.channel.endswith("_subscription")

    @property
    def is_in_doubt(self) -> bool:
        """An earlier try may have come through; a subscription message knows that by its grant."""
        return self.is_repeat and not self.is_subscription

    @property
    def try_name(self) -> str:
        """Which try of this message it is, by which the ledger of grants knows it."""
        return f"{self.retries}.{self.attempt}" if self.retries else str(self.attempt)

    @property
    def key(self) -> str:
        """By what WeChat knows a second call of the same message; what a person has sent anew is another message."""
        return f"{self.dedup}#{self.retries}" if self.retries else self.dedup


async def enqueue(
    clock: Clock, queue: Queue, topic: str, to: Addressee, *, dedup: str, fields: Mapping[str, str], path: str
) -> bool:
    """Put one notice, in the caller's transaction. False when this `dedup` was put before.

    Args:
        topic: a name in `topics.TOPICS`, which also names its fields.
        dedup: what makes it the same notice, e.g. `certificate:17`.
        fields: values by our names; cut to what the template takes.
        path: the local page it opens; the mini-program opens the page that stands for it.
    """
    shown = fitted(topic, fields)
    if not TOPICS[topic].opens(path):
        raise ValueError(f"{topic} opens no such page: {path}")
    return await put(clock, queue, topic, to, dedup=dedup, shown=shown, path=path)


async def put(
    clock: Clock, queue: Queue, topic: str, to: Addressee, *, dedup: str, shown: Mapping[str, str], path: str
) -> bool:
    """`enqueue` with the values as the template shows them, by keyword."""
    inserted = await rows(
        "INSERT INTO delivery (dedup, topic, account, channel, openid, fields_shown, path, candidate_id, officer_id,"
        " state, attempts, msgid, last_error, next_try_at, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, 'pending', 0, '', '', $10, $10)"
        " ON CONFLICT (dedup) DO NOTHING RETURNING id",
        dedup,
        topic,
        CHANNELS[to.channel],
        to.channel,
        to.openid,
        orjson.dumps(dict(shown)).decode(),
        path,
        to.candidate_id,
        to.officer_id,
        clock.now(),
    )
    if inserted:
        await queue.put(JOB, once=JOB)
    return bool(inserted)


async def put_unreachable(
    clock: Clock, topic: str, candidate_id: int, why: str, *, dedup: str, shown: Mapping[str, str], path: str
) -> bool:
    """A notice to somebody whom nothing reaches in WeChat: told on the page alone. False when this `dedup` was put before.

    Args:
        why: in words, as staff read it.
    """
    inserted = await rows(
        "INSERT INTO delivery (dedup, topic, account, channel, openid, fields_shown, path, candidate_id, state, attempts,"
        " msgid, last_error, created_at, settled_at)"
        " VALUES ($1, $2, '', 'none', '', $3::text::jsonb, $4, $5, $6, 0, '', $7, $8, $8)"
        " ON CONFLICT (dedup) DO NOTHING RETURNING id",
        dedup,
        topic,
        orjson.dumps(dict(shown)).decode(),
        path,
        candidate_id,
        NoticeState.NO_WAY.value,
        why,
        clock.now(),
    )
    return bool(inserted)


async def advance(
    clock: Clock,
    delivery_id: int,
    name: str,
    *,
    msgid: str | None = None,
    trouble: Trouble = NO_TROUBLE,
    next_try_at: datetime | None = None,
    forget_first_try: bool = False,
) -> bool:
    """The writer of a delivery's state; its bulk forms are below it. False when it was in no state for this step.

    Args:
        name: of a step in `states.STEPS`.
        trouble: what went wrong, if anything did.
        forget_first_try: nothing was sent for certain, so that the next try is a first one.
    """
    step = STEPS[name]
    changes: dict[str, Any] = {
        "state": step.target.value,
        "next_try_at": next_try_at,
        **trouble.columns(),
    }
    if msgid is not None:
        changes["msgid"] = msgid[:40]
    if forget_first_try:
        changes["sent_at"] = None
    if step.target.is_settled:
        changes["settled_at"] = clock.now()
    sources = [state.value for state in step.sources]
    return bool(await Delivery.filter(id=delivery_id, state__in=sources).update(**changes))


async def take(now: datetime, until: datetime, most: int, *, campaign_id: int | None = None) -> list[Taken]:
    """The step `take` for what is due, none of it while notices are held: the rows, this caller's until `until`.

    Args:
        campaign_id: of this campaign; None: of none.
    """
    values = (now, until, most, STEPS["take"].target.value, list(DUE))
    if campaign_id is None:
        due = await rows(_OF_NOTICES, *values)
    else:
        due = await rows(_OF_CAMPAIGN, *values, campaign_id)
    return [
        Taken(**row | {"fields": orjson.loads(row["fields"])}, is_repeat=row["sent_at"] < now) for row in due
    ]


async def reroute(clock: Clock, delivery_id: int, way: Way, trouble: Trouble) -> bool:
    """The step `reroute`: WeChat took nothing and closed this way, so the same message goes by another one.

    Which ways were tried, and why not, stays with the row. False when it is not being sent any more.
    """
    step = STEPS["reroute"]
    sources = [state.value for state in step.sources]
    said = trouble.columns()["last_error"]
    account = CHANNELS[way.channel]
    values = (step.target.value, way.channel, account, way.openid, way.topic, said, clock.now())
    return bool(await write(_REROUTE, *values, delivery_id, sources))


def explained(tried: Sequence[Mapping[str, str]] | None, reason: str) -> str:
    """Why a message ended as it did, with what the ways before the last one came to."""
    earlier = [f"{ALL_LABELS.get(one['channel'], one['channel'])}：{one['why']}" for one in tried or ()]
    return "；".join([*earlier, reason] if reason else earlier)


async def put_back(clock: Clock, row: Taken) -> None:
    """The step `postpone` for a message that was taken and about which WeChat was not called this time."""
    step = STEPS["postpone"]
    changes: dict[str, Any] = {
        "state": step.target.value,
        "next_try_at": clock.now(),
        "attempts": F("attempts") - 1,
    }
    if not row.is_repeat:
        changes["sent_at"] = None
    await Delivery.filter(id=row.id, state__in=[state.value for state in step.sources]).update(**changes)


async def lose_waiting(error: str) -> int:
    """The step `lose` for every notice that waits, at once: not sent, and not known to have failed. How many.

    Those of campaigns wait for their campaign.
    """
    step = STEPS["lose"]
    waiting = Delivery.filter(state=NoticeState.PENDING.value, campaign_id=None)
    return await waiting.update(state=step.target.value, next_try_at=None, **Trouble(error).columns())


async def stop(clock: Clock, account: str, openid: str, error: str) -> int:
    """The step `block` for what waits for this person or is just being sent: nothing goes to them any more. How many.

    Args:
        error: why, without personal data.
    """
    step = STEPS["block"]
    waiting = (NoticeState.PENDING.value, NoticeState.SENDING.value)
    return await Delivery.filter(account=account, openid=openid, state__in=waiting).update(
        state=step.target.value, next_try_at=None, settled_at=clock.now(), **Trouble(error).columns()
    )


async def go_silent(clock: Clock, most: int) -> int:
    """The step `go_silent` for what WeChat accepted a day ago and never spoke of again. How many.

    Args:
        most: at once, so that a day's worth of a million holds no locks for long.
    """
    step, now = STEPS["go_silent"], clock.now()
    [source] = step.sources
    sentence = "微信受理后一天内没有回报是否送达"
    changes = (step.target.value, now, sentence, source.value, now - states.REPORTED_WITHIN, most)
    return await write(_GO_SILENT, *changes)


# What WeChat's answers and events say


async def finished(s: Services, msgid: str, status: str, *, openid: str) -> bool:
    """Take in TEMPLATESENDJOBFINISH. True when a delivery was settled by it.

    A message whose answer never came has no number here: then the only message to this person that is on its way
    settles it; with several nobody knows which, and the event waits for an answer that may still come.
    """
    name = states.step_of_event(status)
    error = {"arrive": "", "block": "对方拒收公众号消息"}.get(name, "微信发送失败")
    return await _settle(s, Q(channel="template"), "oa", msgid, name, error, openid=openid)


async def reported(s: Services, account: str, openid: str, topic: str, msgid: str, code: str) -> bool:
    """Take in one element of subscribe_msg_sent_event. True when a delivery was settled by it.

    The service account's sends are answered without a number, so those too are found by person and topic.

    Args:
        code: ErrorCode; 0 is delivered.
    """
    name = states.step_of_error_code(code)
    error = {"arrive": "", "block": "对方拒收订阅消息"}.get(name, f"微信发送失败（{code[:10]}）")
    mine = Q(channel=f"{account}_subscription", topic=topic)
    return await _settle(s, mine, account, msgid, name, error, openid=openid)


async def _settle(
    s: Services, mine: Q, account: str, msgid: str, name: str, error: str, *, openid: str
) -> bool:
    row = await Delivery.filter(mine, account=account, msgid=msgid[:40]).first() if msgid else None
    if row is not None:
        return await advance(s.clock, row.id, name, trouble=Trouble(error))
    unnumbered = Q(state__in=_ON_THE_WAY) | Q(state=NoticeState.ACCEPTED.value, channel="oa_subscription")
    possible = (
        await Delivery.filter(
            mine & unnumbered, openid=openid, msgid="", sent_at__gte=s.clock.now() - EVENT_WITHIN
        )
        .order_by("sent_at", "id")
        .limit(2)
    )
    # Of several that WeChat accepted, the oldest: they are alike, and their events come one by one.
    if len(possible) == 1 or (possible and all(one.state == NoticeState.ACCEPTED.value for one in possible)):
        return await advance(s.clock, possible[0].id, name, msgid=msgid, trouble=Trouble(error))
    if not msgid:
        return False
    await s.cache.set(early(account, msgid), f"{name} {error}".encode(), seconds=EARLY_SECONDS)
    # The answer with this number may have been written since we looked, before it could find what we kept just now.
    row = await Delivery.filter(mine, account=account, msgid=msgid[:40]).first()
    return row is not None and await advance(s.clock, row.id, name, trouble=Trouble(error))


def early(account: str, msgid: str) -> str:
    """The key under which an event is kept that came before its answer."""
    return f"notices:early:{account}:{msgid}"
