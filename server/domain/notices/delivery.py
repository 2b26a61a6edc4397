"""Sending notices: put in the caller's transaction, sent by jobs, settled by WeChat's events.

One row is the truth of one message. A row is taken before WeChat is called and written after, so a process killed in
between leaves it taken; the sweep takes it again, which WeChat's `client_msg_id` makes harmless for ten minutes.
After that the row is unknown, and never sent again blindly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import orjson
from tortoise import connections

from server.domain import beijing
from server.domain.notices import states
from server.domain.notices.states import LEASE, MOST_ATTEMPTS, STEPS, UNKNOWN_PAUSE, State
from server.domain.notices.topics import TOPICS, fitted
from server.domain.ports import Services
from server.errors import OutsideFailure, WeChatRefused
from server.records import Delivery

log = logging.getLogger("xcert.notices")

SLICE = 50
AT_ONCE = 8
JOB = "notices.send"
EARLY_SECONDS = 600  # how long an event that came before its answer is kept
EVENT_WITHIN = timedelta(days=1)  # an event speaks of a message of the last day
QUOTA_USED_UP = 45009
# errcodes that are this person's own: not following, refused, blocked, another account's openid (wechat.md §5)
PERSON_SAYS_NO = frozenset({40003, 43004, 43101, 43117, 50002})
COME_BACK = frozenset({-1, 45011, 45109, 40001, 40014, 42001})

_TAKE = """
UPDATE delivery SET state = 'sending', attempts = attempts + 1, next_try_at = $2, sent_at = COALESCE(sent_at, $1)
WHERE id IN (SELECT id FROM delivery WHERE state IN ('pending', 'sending') AND next_try_at <= $1
             ORDER BY next_try_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, dedup, topic, openid, fields_shown, path, attempts, sent_at
"""


async def enqueue(
    s: Services,
    topic: str,
    *,
    dedup: str,
    openid: str,
    fields: Mapping[str, str],
    path: str,
    candidate_id: int | None = None,
    officer_id: int | None = None,
) -> bool:
    """Put one notice, in the caller's transaction. False when this `dedup` was put before.

    Args:
        topic: a name in `topics.TOPICS`, which also names its fields.
        dedup: what makes it the same notice, e.g. `certificate:17:oa`.
        openid: the person in the official account.
        fields: values by our names; cut to what the template takes.
        path: the local page it opens.
    """
    now = s.clock.now()
    put = await connections.get("default").execute_query_dict(
        "INSERT INTO delivery (dedup, topic, openid, fields_shown, path, candidate_id, officer_id, state, attempts,"
        " msgid, last_error, next_try_at, created_at) VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7, 'pending', 0,"
        " '', '', $8, $8) ON CONFLICT (dedup) DO NOTHING RETURNING id",
        [
            dedup,
            topic,
            openid,
            orjson.dumps(fitted(topic, fields)).decode(),
            path,
            candidate_id,
            officer_id,
            now,
        ],
    )
    if put:
        await s.queue.put(JOB, once=JOB)
    return bool(put)


async def send(s: Services) -> int:
    """Job `notices.send`: one slice of what is due; puts itself again while there is more. How many were taken."""
    now = s.clock.now()
    rows = await connections.get("default").execute_query_dict(_TAKE, [now, now + LEASE, SLICE])
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(row: dict[str, Any]) -> None:
        async with gate:
            await _send_one(s, row)

    ended = await asyncio.gather(*(one(row) for row in rows), return_exceptions=True)
    if surprise := next((end for end in ended if end is not None), None):
        raise surprise  # its row stays taken until its lease ends
    if len(rows) == SLICE:
        await s.queue.put(JOB, once=JOB)
    return len(rows)


async def sweep(s: Services) -> None:
    """Wake the sender for what is due: postponed, or taken by a process that died."""
    now = s.clock.now()
    if await Delivery.filter(state__in=["pending", "sending"], next_try_at__lte=now).exists():
        await s.queue.put(JOB, once=JOB)


async def _send_one(s: Services, row: dict[str, Any]) -> None:
    now = s.clock.now()
    is_repeat = row["sent_at"] < now
    topic = TOPICS[row["topic"]]
    template = topic.template(s.settings)
    if is_repeat and not states.may_repeat(row["sent_at"], now):
        await _step(s, row["id"], "lose", error="没有收到微信的回答")
        return
    if not template:
        await _step(s, row["id"], "fail", error="未配置模板消息编号")
        return
    await s.faults.reach("notices.before_send")
    try:
        msgid = await s.wechat.send_template(
            row["openid"],
            template,
            orjson.loads(row["fields_shown"])
            if isinstance(row["fields_shown"], str)
            else row["fields_shown"],
            url=s.settings.public_url + row["path"] if row["path"] else None,
            dedup_id=row["dedup"],
        )
    except WeChatRefused as refusal:
        await _refused(s, row, refusal)
    except OutsideFailure as failure:
        await _no_answer(s, row, failure, is_repeat=is_repeat)
    else:
        await s.faults.reach("notices.after_send")
        await _accepted(s, row["id"], msgid)


async def _accepted(s: Services, delivery_id: int, msgid: str) -> None:
    """Write WeChat's number of the message; its event may have come before the answer."""
    if not await _step(s, delivery_id, "accept", msgid=msgid):
        await Delivery.filter(id=delivery_id, state=State.DELIVERED.value).update(msgid=msgid)
    early = await s.cache.take(_early(msgid))
    if early is not None:
        await _step(s, delivery_id, states.step_of_event(early.decode()), error=_said(early.decode()))


async def _refused(s: Services, row: dict[str, Any], refusal: WeChatRefused) -> None:
    """WeChat said no, so nothing was sent."""
    said = f"微信返回错误 {refusal.errcode}"
    if refusal.errcode in PERSON_SAYS_NO:
        await _step(s, row["id"], "refuse", error=said)
    elif refusal.errcode == QUOTA_USED_UP:
        await _postpone(s, row, _next_day(s.clock.now()), said, certain=True)
    elif refusal.errcode in COME_BACK and row["attempts"] < MOST_ATTEMPTS:
        await _postpone(s, row, s.clock.now() + states.pause(row["attempts"]), said, certain=True)
    else:
        await _step(s, row["id"], "fail", error=said)


def _next_day(now: datetime) -> datetime:
    """Shortly after the next midnight in Beijing, when WeChat counts anew."""
    tomorrow = beijing.day(now) + timedelta(days=1)
    return datetime.combine(tomorrow, time(0, 5), beijing.BEIJING)


async def _no_answer(s: Services, row: dict[str, Any], failure: OutsideFailure, *, is_repeat: bool) -> None:
    """No answer: either it certainly went nowhere, or nobody knows; then one more try is harmless."""
    now = s.clock.now()
    if not failure.unknown and not is_repeat:
        if row["attempts"] < MOST_ATTEMPTS:
            await _postpone(s, row, now + states.pause(row["attempts"]), str(failure), certain=True)
        else:
            await _step(s, row["id"], "fail", error=str(failure))
    elif is_repeat:
        await _step(s, row["id"], "lose", error=str(failure))
    else:
        await _postpone(s, row, now + UNKNOWN_PAUSE, str(failure), certain=False)


async def _postpone(s: Services, row: dict[str, Any], until: datetime, error: str, *, certain: bool) -> None:
    await _step(s, row["id"], "postpone", error=error, next_try_at=until, forget_first_try=certain)


async def _step(
    s: Services,
    delivery_id: int,
    name: str,
    *,
    msgid: str | None = None,
    error: str = "",
    next_try_at: datetime | None = None,
    forget_first_try: bool = False,
) -> bool:
    """The only writer of a delivery's state besides `_TAKE`. False when it was in no state for this step."""
    step = STEPS[name]
    changes: dict[str, Any] = {
        "state": step.target.value,
        "last_error": error[:200],
        "next_try_at": next_try_at,
    }
    if msgid is not None:
        changes["msgid"] = msgid[:40]
    if forget_first_try:
        changes["sent_at"] = None
    if step.target.is_settled:
        changes["settled_at"] = s.clock.now()
    sources = [state.value for state in step.sources]
    return bool(await Delivery.filter(id=delivery_id, state__in=sources).update(**changes))


def _early(msgid: str) -> str:
    return f"notices:early:{msgid}"


def _said(status: str) -> str:
    return {"arrive": "", "block": "对方拒收公众号消息"}.get(states.step_of_event(status), "微信发送失败")


async def finished(s: Services, msgid: str, status: str, *, openid: str) -> bool:
    """Take in TEMPLATESENDJOBFINISH. True when a delivery was settled by it.

    A message whose answer never came has no number here: then the only message to this person that is on its way
    settles it; with several nobody knows which, and the event waits for an answer that may still come.
    """
    name = states.step_of_event(status)
    row = await Delivery.get_or_none(msgid=msgid)
    if row is not None:
        return await _step(s, row.id, name, error=_said(status))
    on_the_way = await Delivery.filter(
        openid=openid,
        msgid="",
        state__in=["pending", "sending", "unknown"],
        sent_at__gte=s.clock.now() - EVENT_WITHIN,
    ).limit(2)
    if len(on_the_way) == 1:
        return await _step(s, on_the_way[0].id, name, msgid=msgid, error=_said(status))
    await s.cache.set(_early(msgid), status.encode(), seconds=EARLY_SECONDS)
    return False
