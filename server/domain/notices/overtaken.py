"""Notices that were overtaken before they were sent: signed meanwhile, withdrawn, paid. They end as cancelled, with why.

Each in the transaction of what overtakes it. What is just being handed to WeChat goes through; what was sent, was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from server.domain.notices.states import STEPS, NoticeState
from server.models.database import write

REMINDER = "signing_reminder"
SIGNED_OR_WITHDRAWN = "批次已不在等待院校签发"
_END = """
UPDATE delivery SET state = $1, settled_at = $2, next_try_at = NULL, last_error = $3 WHERE state = $4 AND {which}
"""
_OF_BATCH = _END.format(
    which="topic = $5 AND starts_with(dedup, $6)"
    " AND officer_id IN (SELECT o.id FROM officer o JOIN site t ON t.school_id = o.school_id WHERE t.id = $7)"
)
_OF_PERSON = _END.format(
    which="CASE $6 WHEN 'officer' THEN officer_id WHEN 'candidate' THEN candidate_id END = $5"
)
# Whoever took it may have died over it: it is unknown first, and nobody sends that once more.
_LOST = """
UPDATE delivery SET state = $1, next_try_at = NULL
WHERE state = $2 AND CASE $4 WHEN 'officer' THEN officer_id WHEN 'candidate' THEN candidate_id END = $3
"""
_NAMED = _END.format(which="dedup = ANY($5::text[])")


def reminder(issuance_id: int, revision: int, occasion: int | str, officer_id: int) -> str:
    """What makes it the same one: a batch's reminder, so many days on or on the day somebody asked, to one officer."""
    return f"{_reminders(issuance_id)}{revision}:{occasion}:{officer_id}"


def _reminders(issuance_id: int) -> str:
    return f"signing:{issuance_id}:"


async def stop_batch(now: datetime, issuance_id: int, site_id: int) -> int:
    """Nobody waits for this batch's signature any more. How many reminders were not sent yet."""
    return await write(
        _OF_BATCH, *_ended(now, SIGNED_OR_WITHDRAWN), REMINDER, _reminders(issuance_id), site_id
    )


async def stop(now: datetime, dedups: Sequence[str], why: str) -> int:
    """These notices need not be sent any more. How many were not yet.

    Args:
        why: in words, as staff read it.
    """
    return await write(_NAMED, *_ended(now, why), list(dedups))


async def stop_person(now: datetime, kind: str, person_id: int, why: str) -> int:
    """Nothing is sent to this person any more, a candidate or an officer, nor sent anew. How many were not sent yet.

    What was being sent when a backup was made has an outcome that nobody can know: it ends as well.
    """
    stopped = await write(_OF_PERSON, *_ended(now, why), person_id, kind)
    await write(_LOST, STEPS["lose"].target.value, NoticeState.SENDING.value, person_id, kind)
    outlived = (STEPS["outlive"].target.value, now, why, NoticeState.UNKNOWN.value)
    return stopped + await write(_OF_PERSON, *outlived, person_id, kind)


def _ended(now: datetime, why: str) -> tuple[str, datetime, str, str]:
    return STEPS["cancel"].target.value, now, why, NoticeState.PENDING.value
