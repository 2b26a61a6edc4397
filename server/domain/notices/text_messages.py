"""Text messages: the last way to people whom nothing in WeChat reaches. Nothing here happens where no vendor is connected.

The row stays the same one: the ways before it stay in `tried`. No vendor is known to recognise a second message, so that
what was handed over without an answer is unknown and never sent again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import orjson

from server.domain.notices import delivery
from server.domain.notices.acceptances import Acceptances, Accepted
from server.domain.notices.delivery import Taken, Trouble
from server.domain.notices.states import MOST_ATTEMPTS, STEPS, pause
from server.domain.notices.topics import SMS, TOPICS
from server.domain.people import phones
from server.domain.ports import Keys, Services
from server.errors import OutsideFailure, Refused, Remedy
from server.models import Candidate, Delivery
from server.models.database import write

FRESH = timedelta(hours=1)  # what is older is found on the page, and is no news any more
NEWEST = 5_000  # rows that are looked at in a minute
CLOSED = (Remedy.FOLLOW.value, Remedy.CONSENT.value)
# Of the newest that reached nobody: WeChat has no way to them, or closed the last; never whom the page has told since,
# and never who does not want it.
_BY_TEXT = """
UPDATE delivery SET state = $1, channel = $2, account = '', openid = '', next_try_at = $3, sent_at = NULL, settled_at = NULL,
    msgid = '', last_error = '', remedy = '',
    tried = CASE channel WHEN 'none' THEN tried ELSE COALESCE(tried, '[]')
            || jsonb_build_array(jsonb_build_object('channel', channel, 'why', last_error)) END
WHERE state = ANY($4::text[]) AND id IN (
    SELECT d.id FROM unnest($4::text[]) AS closed(state), LATERAL (
        SELECT * FROM delivery n WHERE n.state = closed.state AND n.state IN ('refused', 'no_way') ORDER BY n.id DESC LIMIT $5) d
    JOIN candidate c ON c.id = d.candidate_id
    WHERE d.campaign_id IS NULL AND d.created_at > $6 AND d.seen_at IS NULL AND d.channel <> $2
      AND d.topic = ANY($7::text[]) AND (d.state = 'no_way' OR d.remedy = ANY($8::text[]))
      AND (c.given_phone_sealed IS NOT NULL OR c.mobile_sealed IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM notice_opt_out o
                      WHERE o.candidate_id = d.candidate_id AND o.choice = $9::text::jsonb ->> d.topic))
"""


async def take_over(s: Services) -> int:
    """The step `by_text` for what reached nobody in WeChat within the last hour. How many."""
    if s.sms is None:
        return 0
    step, now = STEPS["by_text"], s.clock.now()
    sources = [state.value for state in step.sources]
    choices = orjson.dumps({topic.name: topic.choice for topic in TOPICS.values() if topic.choice}).decode()
    values = (step.target.value, SMS, now, sources, NEWEST, now - FRESH, list(s.sms.topics()), list(CLOSED))
    moved = await write(_BY_TEXT, *values, choices)
    if moved:
        await s.queue.put(delivery.JOB, once=delivery.JOB)
    return moved


async def send(s: Services, row: Taken, acceptances: Acceptances) -> None:
    """Send what was taken, and write down what came of it."""
    if row.is_repeat:
        await _end(s, row, "lose", "没有收到短信服务的回答")
        return
    phone = await _phone(s.keys, row.id)
    if s.sms is None or phone is None:
        await _end(s, row, "fail", "没有接通短信" if s.sms is None else "没有手机号")
        return
    await s.faults.reach("notices.before_send")
    try:
        number = await s.sms.send(phone, row.topic, _fields(row), reference=row.key)
    except Refused as refusal:
        await _end(s, row, "refuse", f"短信服务没有受理：{refusal.message}")
    except OutsideFailure as failure:
        await _no_answer(s, row, failure)
    else:
        await s.faults.reach("notices.after_send")
        await acceptances.write(Accepted(row.id, row.account, number))


async def _no_answer(s: Services, row: Taken, failure: OutsideFailure) -> None:
    if failure.unknown:
        await _end(s, row, "lose", str(failure))
    elif row.attempt < MOST_ATTEMPTS:
        again, trouble = s.clock.now() + pause(row.attempt), Trouble(str(failure))
        await delivery.advance(
            s.clock, row.id, "postpone", trouble=trouble, next_try_at=again, forget_first_try=True
        )
    else:
        await _end(s, row, "fail", str(failure))


async def _end(s: Services, row: Taken, name: str, why: str) -> None:
    await delivery.advance(s.clock, row.id, name, trouble=Trouble(why))


async def _phone(keys: Keys, delivery_id: int) -> str | None:
    """The number that the holder gave, or else the school's."""
    row = await Delivery.get(id=delivery_id)
    candidate = await Candidate.get_or_none(id=row.candidate_id) if row.candidate_id is not None else None
    return phones.number(keys, candidate) if candidate is not None else None


def _fields(row: Taken) -> Mapping[str, str]:
    return {name: row.fields.get(keyword, "") for name, keyword in TOPICS[row.topic].keywords.items()}
