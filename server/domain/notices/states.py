"""The life of one message to one person, on one screen. Pure: the standard library alone.

Accepted by WeChat is not delivered: delivery is known only from its later event (wechat.md §5). A send whose answer
never came is unknown, neither sent nor failed. A template message may be repeated while WeChat still suppresses
duplicates; a subscription message never, since WeChat knows no key for it (wechat.md §4.5).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from server.domain.steps import Step, step, table


class NoticeState(Enum):
    """value: how it is stored; label: how it is written."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FAILED = "failed"

    @property
    def label(self) -> str:
        return {
            "pending": "待发送",
            "sending": "发送中",
            "accepted": "微信已受理",
            "delivered": "已送达",
            "refused": "对方未接收",
            "unknown": "结果未知",
            "failed": "发送失败",
        }[self.value]

    @property
    def is_settled(self) -> bool:
        """Nothing more will happen, short of a person who sends it anew."""
        return self in (NoticeState.DELIVERED, NoticeState.REFUSED, NoticeState.FAILED)


# `who` is worker (our sender), wechat (an event) or sweep
STEPS: dict[str, Step[NoticeState, Any]] = table(
    step("take", "pending sending", NoticeState.SENDING, "worker"),
    step("accept", "sending unknown", NoticeState.ACCEPTED, "worker"),
    step("postpone", "sending", NoticeState.PENDING, "worker"),
    step("refuse", "sending", NoticeState.REFUSED, "worker"),
    step("fail", "sending pending", NoticeState.FAILED, "worker"),
    step("lose", "sending pending", NoticeState.UNKNOWN, "worker"),
    step("arrive", "sending accepted unknown pending", NoticeState.DELIVERED, "wechat"),
    step("block", "sending accepted unknown pending", NoticeState.REFUSED, "wechat"),
    step("break_down", "sending accepted unknown pending", NoticeState.FAILED, "wechat"),
)

DUPLICATES_SUPPRESSED = timedelta(
    minutes=9
)  # WeChat says ten for a client_msg_id; one is ours for slow clocks
LEASE = timedelta(minutes=1)  # how long a taken row belongs to the process that took it
MOST_ATTEMPTS = 5
MOST_ATTEMPTS_MENDED = 24  # with their pauses more than three days
UNKNOWN_PAUSE = timedelta(seconds=30)


def may_repeat(first_tried: datetime | None, now: datetime) -> bool:
    """Whether a send of unknown outcome may be tried again without a second message to the person."""
    return first_tried is None or now - first_tried < DUPLICATES_SUPPRESSED


def pause(attempts: int) -> timedelta:
    """How long to wait after this many attempts that certainly sent nothing: 1, 4, 16, 64 minutes, then 4 hours."""
    return timedelta(minutes=min(4 ** min(attempts - 1, 4), 240))


def step_of_event(status: str) -> str:
    """The step that a TEMPLATESENDJOBFINISH stands for: `success`, `failed:user block`, `failed: system failed`."""
    outcome = "".join(status.lower().split())
    if outcome == "success":
        return "arrive"
    return "block" if outcome == "failed:userblock" else "break_down"


def step_of_error_code(code: str) -> str:
    """The step that an ErrorCode of subscribe_msg_sent_event stands for: 0, 43101 (the person says no), others."""
    return {"0": "arrive", "43101": "block"}.get(code.strip(), "break_down")
