"""The switch that keeps notices back: on after a restore, until an operator has looked and lets them go.

What was waiting at the time of a backup may have been sent since, and releases that lie between backup and restore
would be announced a second time. While the switch is on, notices are put as ever and none is taken by the sender.
"""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.notices import delivery, queries
from server.domain.notices.queries import Hold
from server.domain.ports import Clock, Queue


async def current() -> Hold | None:
    """The hold, or None when notices go out as ever."""
    return await queries.hold()


async def begin(clock: Clock, reason: str, *, actor: Actor) -> None:
    """Keep every notice back from now on; keeps the first reason when a hold is on already."""
    async with in_transaction():
        if await queries.begin_hold(clock.now(), reason[:200]):
            await audit_log.record(
                clock, actor, "notices.hold", "notices", "all", became={"reason": reason[:200]}
            )


async def end(clock: Clock, queue: Queue, *, discard: bool, actor: Actor) -> int:
    """Let notices go again, in one transaction with their fate. How many were waiting.

    Args:
        discard: what waits is not sent but marked as of unknown outcome.
    """
    async with in_transaction():
        waiting = await queries.end_hold()
        if waiting is None:
            return 0
        if discard:
            await delivery.lose_waiting("恢复备份后由管理员取消发送")
        else:
            await queue.put(delivery.JOB, once=delivery.JOB)
        became = {"waiting": waiting, "discarded": discard}
        await audit_log.record(clock, actor, "notices.release", "notices", "all", became=became)
    return waiting
