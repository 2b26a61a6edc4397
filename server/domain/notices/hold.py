"""The switch that keeps notices back: on after a restore, until an operator has looked and lets them go.

What was waiting at the time of a backup may have been sent since, and releases that lie between backup and restore
would be announced a second time. While the switch is on, notices are put as ever and none is taken by the sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.notices import delivery
from server.domain.ports import Clock, Queue
from server.models.database import rows


@dataclass(frozen=True, slots=True)
class Hold:
    """Since when and why notices are kept back, and how many wait."""

    since: datetime
    reason: str
    waiting: int


async def current() -> Hold | None:
    """The hold, or None when notices go out as ever."""
    found = await rows(
        "SELECT since, reason, (SELECT count(*) FROM delivery WHERE state = 'pending') AS waiting FROM notice_hold"
    )
    return Hold(found[0]["since"], found[0]["reason"], int(found[0]["waiting"])) if found else None


async def begin(clock: Clock, reason: str, *, actor: Actor) -> None:
    """Keep every notice back from now on; keeps the first reason when a hold is on already."""
    async with in_transaction():
        made = await rows(
            "INSERT INTO notice_hold (id, since, reason) VALUES (1, $1, $2) ON CONFLICT (id) DO NOTHING RETURNING id",
            clock.now(),
            reason[:200],
        )
        if made:
            await audit_log.record(
                clock, actor, "notices.hold", "notices", "all", became={"reason": reason[:200]}
            )


async def end(clock: Clock, queue: Queue, *, discard: bool, actor: Actor) -> int:
    """Let notices go again, in one transaction with their fate. How many were waiting.

    Args:
        discard: what waits is not sent but marked as of unknown outcome.
    """
    async with in_transaction():
        gone = await rows("DELETE FROM notice_hold RETURNING since")
        if not gone:
            return 0
        [counted] = await rows("SELECT count(*) AS n FROM delivery WHERE state = 'pending'")
        waiting = int(counted["n"])
        if discard:
            await delivery.lose_waiting("恢复备份后由管理员取消发送")
        else:
            await queue.put(delivery.JOB, once=delivery.JOB)
        became = {"waiting": waiting, "discarded": discard}
        await audit_log.record(clock, actor, "notices.release", "notices", "all", became=became)
    return waiting
