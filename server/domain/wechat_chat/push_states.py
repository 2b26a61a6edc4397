"""The life of one push, on one screen. Pure: the standard library alone.

A push is answered at once, or its answer goes late. A customer-service message has no key by which WeChat would
recognise a second one, so a late answer is sent at most once: whatever is not known to have failed is not repeated.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from server.domain.steps import Step, step, table


class PushState(Enum):
    """value: how it is stored; label: how it is written."""

    TAKEN = "taken"
    ANSWERED = "answered"
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    DONE = "done"
    CLOSED = "closed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FAILED = "failed"

    @property
    def label(self) -> str:
        return {
            "taken": "处理中",
            "answered": "已当场回答",
            "waiting": "待补答",
            "sending": "补答发送中",
            "sent": "已补答",
            "done": "已处理，无需回答",
            "closed": "已过可补答的时限",
            "refused": "微信未接受补答",
            "unknown": "补答结果未知",
            "failed": "未能处理",
        }[self.value]

    @property
    def is_settled(self) -> bool:
        """Nothing more will happen; what was pushed is forgotten."""
        return self not in (PushState.TAKEN, PushState.WAITING, PushState.SENDING)


# `who` is door (answers WeChat), worker (answers late) or sweep (finds what was lost)
STEPS: dict[str, Step[PushState, Any]] = table(
    step("answer", "taken", PushState.ANSWERED, "door"),
    step("hand_over", "taken", PushState.WAITING, "door"),
    step("recover", "taken", PushState.WAITING, "sweep"),
    step("begin", "waiting", PushState.WAITING, "worker"),
    step("postpone", "waiting sending", PushState.WAITING, "worker"),
    step("finish", "waiting", PushState.DONE, "worker"),
    step("close", "waiting", PushState.CLOSED, "worker"),
    step("send", "waiting", PushState.SENDING, "worker"),
    step("accept", "sending unknown", PushState.SENT, "worker"),  # unknown: its worker was only slow
    step("refuse", "sending unknown", PushState.REFUSED, "worker"),
    step("lose", "sending", PushState.UNKNOWN, "worker"),
    step("fail", "waiting sending", PushState.FAILED, "worker"),
)

LEASE = timedelta(minutes=1)  # how long a push that is worked on belongs to the process that took it
LOST_AFTER = timedelta(minutes=1)  # WeChat's three repeats are over, and nobody answered
SKEW = timedelta(seconds=2)  # how far the clocks of two of our machines may differ
MOST_ATTEMPTS = 5


def pause(attempts: int) -> timedelta:
    """How long to wait after this many attempts that certainly sent nothing: 5, 20, 80, 320 seconds."""
    return timedelta(seconds=5 * 4 ** max(0, attempts - 1))


def may_speak(arrived: datetime, late_since: datetime) -> bool:
    """Whether a late answer may be sent at all.

    A push that only the sweep found was never answered by us, so WeChat itself told the person to try again; or we
    did, while the database did not answer. Its work is done, but nobody is told twice.
    """
    return late_since - arrived < LOST_AFTER
