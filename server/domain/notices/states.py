"""The life of one message to one person, on one screen. Pure: the standard library alone.

Accepted by WeChat is not delivered: delivery is known only from its later event (wechat.md §5); a message of which
WeChat tells nothing within a day is closed as unreported. A send whose answer never came is unknown, neither sent nor
failed: a person decides about it, and no program sends it again. A template message may be repeated while WeChat
still suppresses duplicates; a subscription message never, since WeChat knows no key for it (wechat.md §4.5).
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
    UNREPORTED = "unreported"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    NO_WAY = "no_way"

    @property
    def label(self) -> str:
        return _LABELS[self.value]

    @property
    def is_settled(self) -> bool:
        """Nothing more will happen, short of a person who sends it anew, or of an event that comes after days."""
        return self not in _OPEN


_OPEN = (NoticeState.PENDING, NoticeState.SENDING, NoticeState.ACCEPTED, NoticeState.UNKNOWN)
_LABELS = {
    "pending": "待发送",
    "sending": "发送中",
    "accepted": "已受理",
    "delivered": "已送达",
    "refused": "被拒",
    "unknown": "未知",
    "failed": "失败",
    "unreported": "未回报",
    "expired": "过期",
    "cancelled": "已取消",
    "no_way": "无法送达",
}

# `who` is worker (our sender), wechat (an event), sweep, or staff (a person decides)
STEPS: dict[str, Step[NoticeState, Any]] = table(
    step("take", "pending sending", NoticeState.SENDING, "worker"),
    step("accept", "sending unknown", NoticeState.ACCEPTED, "worker"),
    step("postpone", "sending", NoticeState.PENDING, "worker"),
    step("reroute", "sending", NoticeState.PENDING, "worker"),
    step("refuse", "sending", NoticeState.REFUSED, "worker"),
    step("fail", "sending pending", NoticeState.FAILED, "worker"),
    step("lose", "sending pending", NoticeState.UNKNOWN, "worker"),
    step("arrive", "sending accepted unknown pending unreported", NoticeState.DELIVERED, "wechat"),
    step("block", "sending accepted unknown pending unreported", NoticeState.REFUSED, "wechat"),
    step("break_down", "sending accepted unknown pending unreported", NoticeState.FAILED, "wechat"),
    step("go_silent", "accepted", NoticeState.UNREPORTED, "sweep"),
    step("expire", "pending", NoticeState.EXPIRED, "worker"),
    step("cancel", "pending", NoticeState.CANCELLED, "worker"),
    step("by_text", "no_way refused", NoticeState.PENDING, "sweep"),
    step("retry", "failed", NoticeState.PENDING, "staff"),
    step("send_anew", "unknown", NoticeState.PENDING, "staff"),
    step("let_be", "unknown", NoticeState.CANCELLED, "staff"),
    step("outlive", "unknown", NoticeState.CANCELLED, "sweep"),
)

DUPLICATES_SUPPRESSED = timedelta(
    minutes=9
)  # WeChat says ten for a client_msg_id; one is ours for slow clocks
REPORTED_WITHIN = timedelta(days=1)  # WeChat's event comes within seconds, if it comes
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
