"""Answers that go late: by customer-service message, inside the window that the push opened (wechat.md §1.4, §6.5).

Order, so that a process killed between any two lines sends at most one message and the row tells the truth:
belongs to this worker for a minute (`begin`) → work done and words found → window open? → `send` is written →
WeChat is asked → `accept`, `refuse` or `lose`. Killed before `send` is written: another worker begins anew, since all
work is safe to repeat. Killed after: nobody knows, so the sweep writes `lose` and nothing is sent again.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from tortoise.queryset import QuerySet
from tortoise.transactions import in_transaction

from server.domain.ports import Clock, Push, Queue, Services
from server.domain.wechat_chat import push_inbox, pushes, reply_windows
from server.domain.wechat_chat.push_inbox import step
from server.domain.wechat_chat.push_states import LEASE, LOST_AFTER, MOST_ATTEMPTS, may_speak, pause
from server.errors import OutsideFailure, Remedy, WeChatRefused
from server.models import PushSeen

log = logging.getLogger("xcert.wechat")

WORK_WITHIN = 20.0  # seconds; with the send it stays far below LEASE
AT_ONCE = 100  # how many of each kind one sweep takes up
MOMENT = timedelta(seconds=10)  # a job that was put just now needs no second one
COME_BACK = (Remedy.WAIT, Remedy.RENEW)  # nothing was sent, and another try helps
NO_ANSWER = "没有收到微信的回答"


async def answer(s: Services, key: str, *, within: float = WORK_WITHIN) -> None:
    """Job `pushes.answer_late`: do what a push asks for and tell the person, at most once.

    Args:
        within: seconds that finding the words may take; what hangs must not hold up a worker.
    """
    if not await step(s.clock, key, "begin", next_try_at=s.clock.now() + LEASE):
        return  # settled, or another worker has it
    row = await PushSeen.get(key=key)
    push = push_inbox.opened(s.keys, row)
    await s.faults.reach("late_answers: begun")
    words, error = await _words(s, row, push, within)
    if words is None:
        await _postpone(s.clock, s.queue, row, error)
        return
    await s.faults.reach("late_answers: worked")
    if not words:
        await _settle(s.clock, row, push, "finish")
    elif (reason := _too_late(s.clock, row, push)) is not None:
        await _settle(s.clock, row, push, "close", reason)
    elif await step(s.clock, key, "send", next_try_at=s.clock.now() + LEASE, error=error):
        await _send(s, row, push, words, error)


def _too_late(clock: Clock, row: PushSeen, push: Push) -> str | None:
    """Why nothing may be sent any more."""
    if row.late_since is None or not may_speak(row.at, row.late_since):
        return "没有及时处理，微信已提示对方稍后再试"
    window = reply_windows.opened_by(push.account, push.kind, is_event=push.is_event)
    if window is None:
        return "此类推送不能用客服消息回答"
    return None if reply_windows.is_open(window, push.created, clock.now()) else f"{window.label}后的时限已过"


async def _words(s: Services, row: PushSeen, push: Push, within: float) -> tuple[str | None, str]:
    """What to tell, and what went wrong. None: try again later; at the last time the person is asked to."""
    try:
        async with asyncio.timeout(within):
            return await pushes.work(s, push), ""
    except Exception as problem:
        log.error("late push failed: %s", type(problem).__name__, exc_info=problem, extra={"push": push.kind})
        error = f"处理出错：{type(problem).__name__}"
        if row.attempts < MOST_ATTEMPTS:
            return None, error
        return (pushes.BUSY if pushes.is_question(push) else None), error


async def _send(s: Services, row: PushSeen, push: Push, words: str, error: str) -> None:
    await s.faults.reach("late_answers: before the send")
    try:
        await s.wechat_sender.send_text(push.account, push.openid, words)
    except WeChatRefused as refusal:
        if refusal.remedy in COME_BACK:
            await _postpone(s.clock, s.queue, row, str(refusal))
        else:
            sentence = f"{refusal}：{refusal.why}" if refusal.why else str(refusal)
            await _settle(s.clock, row, push, "refuse", sentence)
    except OutsideFailure as failure:
        if failure.unknown:
            await _settle(s.clock, row, push, "lose", str(failure))
        else:
            await _postpone(s.clock, s.queue, row, str(failure))
    else:
        await s.faults.reach("late_answers: after the send")
        await _settle(s.clock, row, push, "accept", error)


async def _postpone(clock: Clock, queue: Queue, row: PushSeen, error: str) -> None:
    """Certainly nothing was sent: once more after a pause, or never."""
    if row.attempts >= MOST_ATTEMPTS:
        await step(clock, row.key, "fail", error=error)
        return
    again = clock.now() + pause(row.attempts)
    async with in_transaction():
        if await step(clock, row.key, "postpone", error=error, next_try_at=again):
            await queue.put(pushes.JOB, at=again, urgent=True, key=row.key)


async def _settle(clock: Clock, row: PushSeen, push: Push, name: str, error: str = "") -> None:
    await step(clock, row.key, name, error=error)
    log.info("late push settled", extra={"push": push.kind, "step": name, "attempts": row.attempts})


async def sweep(s: Services) -> None:
    """Find what was lost: pushes that nobody answered, sends without an outcome, answers nobody is at work on."""
    now = s.clock.now()
    async with in_transaction():
        for row in await _some("taken", "at").filter(at__lt=now - LOST_AFTER, reply=None):
            if await step(s.clock, row.key, "recover", next_try_at=now):
                await s.queue.put(pushes.JOB, key=row.key)
    for row in await _some("sending", "next_try_at").filter(next_try_at__lt=now):
        await step(s.clock, row.key, "lose", error=NO_ANSWER)
    for row in await _some("waiting", "next_try_at").filter(next_try_at__lt=now - MOMENT):
        await s.queue.put(pushes.JOB, once=f"{pushes.JOB}:{row.key}", urgent=True, key=row.key)


def _some(state: str, order: str) -> QuerySet[PushSeen]:
    """The oldest rows of this state that can be worked on."""
    return PushSeen.filter(state=state, push__not_isnull=True).order_by(order).limit(AT_ONCE)
