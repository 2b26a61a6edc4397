"""The bulk steps of a campaign's messages. One message of a campaign is moved by `delivery.advance`, as every other."""

from __future__ import annotations

from datetime import datetime

from server.domain.notices.states import STEPS, NoticeState
from server.models.database import rows, write

_LEFT = "SELECT 1 FROM delivery WHERE campaign_id = $1 AND state = ANY($2::text[]) LIMIT 1"
_NEXT = """
SELECT min(next_try_at) AS at FROM delivery WHERE campaign_id = $1 AND state = ANY($2::text[])
"""
# What was certainly never handed to WeChat ends as wanted; whatever may have been is unknown.
_END = """
UPDATE delivery SET state = CASE WHEN state = $1 AND sent_at IS NULL THEN $2 ELSE $3 END,
    settled_at = CASE WHEN state = $1 AND sent_at IS NULL THEN $4::timestamptz END, next_try_at = NULL,
    last_error = CASE WHEN state = $1 AND sent_at IS NULL THEN $5 ELSE $6 END
WHERE id IN (SELECT id FROM delivery WHERE campaign_id = $7 AND (state = $1 OR (state = $8 AND next_try_at <= $4))
             ORDER BY id LIMIT $9 FOR UPDATE SKIP LOCKED)
"""
_RETRY = """
UPDATE delivery SET state = $1, retries = retries + 1, msgid = '', last_error = '', remedy = '', sent_at = NULL,
    settled_at = NULL, next_try_at = $2
WHERE campaign_id = $3 AND state = $4
  AND NOT EXISTS (SELECT 1 FROM candidate c WHERE c.id = delivery.candidate_id AND c.erased_at IS NOT NULL)
"""
# A row of somebody who is erased has no receiver any more.
_ERASED = """
SELECT 1 FROM delivery d WHERE d.id = $1 AND (
    EXISTS (SELECT 1 FROM candidate c WHERE c.id = d.candidate_id AND c.erased_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM officer o WHERE o.id = d.officer_id AND o.erased_at IS NOT NULL))
"""
_DECIDE = """
UPDATE delivery SET state = $1, retries = retries + $2, msgid = CASE WHEN $2 = 1 THEN '' ELSE msgid END, last_error = $3,
    sent_at = CASE WHEN $2 = 1 THEN NULL ELSE sent_at END, settled_at = $4, next_try_at = $5
WHERE id = $6 AND state = $7
"""
_WAITING = (NoticeState.PENDING.value, NoticeState.SENDING.value)
MAYBE = "停止时可能已经发出"


async def are_any_left(campaign_id: int) -> bool:
    """Whether somebody still waits, or is just being sent to."""
    return bool(await rows(_LEFT, campaign_id, list(_WAITING)))


async def next_due(campaign_id: int) -> datetime | None:
    """When the next of them is to be tried; None: nobody waits."""
    [row] = await rows(_NEXT, campaign_id, list(_WAITING))
    at: datetime | None = row["at"]
    return at


async def end(campaign_id: int, name: str, why: str, now: datetime, most: int) -> int:
    """The step `cancel` or `expire` for whatever waits, some at once. How many.

    What a process took that has died, or may have reached WeChat at an earlier try, takes the step `lose` instead.
    """
    step, lost = STEPS[name], STEPS["lose"]
    [source] = step.sources
    values = (source.value, step.target.value, lost.target.value, now, why, MAYBE, campaign_id)
    return await write(_END, *values, NoticeState.SENDING.value, most)


async def retry_failed(campaign_id: int, now: datetime) -> int:
    """The step `retry` for everything that failed, in the caller's transaction. How many."""
    step = STEPS["retry"]
    return await write(_RETRY, step.target.value, now, campaign_id, step.source.value)


async def is_of_erased(delivery_id: int) -> bool:
    """Whether the personal data of whoever it was for has been erased."""
    return bool(await rows(_ERASED, delivery_id))


async def decide(delivery_id: int, name: str, why: str, now: datetime) -> bool:
    """The step `send_anew` or `let_be` for one message of unknown outcome. False: it is not unknown any more."""
    step = STEPS[name]
    is_anew = not step.target.is_settled
    settled_at, due = (None, now) if is_anew else (now, None)
    values = (step.target.value, int(is_anew), why, settled_at, due, delivery_id, step.source.value)
    return bool(await write(_DECIDE, *values))
