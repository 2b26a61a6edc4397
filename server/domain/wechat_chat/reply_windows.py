"""How long WeChat lets us write to a person by ourselves, and after what (wechat.md §6.5).

Pure: the standard library alone. A window opens with what the person did, so it is counted from the push's own
CreateTime; what no row names opens none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

TWO_DAYS, ONE_MINUTE = timedelta(hours=48), timedelta(minutes=1)
ANY_MESSAGE = "*"


@dataclass(frozen=True, slots=True)
class Window:
    """One row of the table.

    Attributes:
        triggers: kinds of events in lower case; `*` stands for any message.
        messages: how many WeChat takes while it is open (45047 beyond); one is all that an answer needs.
    """

    account: str
    label: str
    triggers: frozenset[str]
    lasts: timedelta
    messages: int


def _window(account: str, label: str, triggers: str, lasts: timedelta, messages: int) -> Window:
    return Window(account, label, frozenset(triggers.split()), lasts, messages)


WINDOWS: tuple[Window, ...] = (
    _window("oa", "用户发送消息", ANY_MESSAGE, TWO_DAYS, 5),
    _window("oa", "点击菜单", "click scancode_push scancode_waitmsg", ONE_MINUTE, 3),
    _window("oa", "关注公众号", "subscribe subscribe_scan", ONE_MINUTE, 3),
    _window("oa", "扫描二维码", "scan", ONE_MINUTE, 3),
    _window("mp", "用户发送消息", ANY_MESSAGE, TWO_DAYS, 5),
    _window("mp", "进入客服会话", "user_enter_tempsession", ONE_MINUTE, 2),
)


def opened_by(account: str, kind: str, *, is_event: bool) -> Window | None:
    """The window that a push opens; None: nothing may be sent because of it."""
    trigger = kind if is_event else ANY_MESSAGE
    return next((w for w in WINDOWS if w.account == account and trigger in w.triggers), None)


def is_open(window: Window | None, created: int, now: datetime) -> bool:
    """Whether a message may still be sent.

    Args:
        created: the push's CreateTime, Unix seconds.
    """
    return window is not None and now < datetime.fromtimestamp(created, UTC) + window.lasts
