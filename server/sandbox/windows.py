"""When an account may write to a person by itself: the windows of customer-service messages (wechat.md §6.5)."""

from __future__ import annotations

from typing import Any

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError
from server.sandbox.wechat_users import Person

TAPS = ("subscribe", "SCAN", "CLICK", "scancode_push", "scancode_waitmsg")


def _trigger(account: Account, fields: dict[str, Any]) -> str | None:
    """Which window a message or event opens."""
    if fields["MsgType"] != "event":
        return "message" if account.kind == "oa" else "mp_message"
    if account.kind == "mp":
        return "mp_enter" if fields["Event"] == "user_enter_tempsession" else None
    return "tap" if fields["Event"] in TAPS else None


def opened_by(platform: Platform, account: Account, person: Person, fields: dict[str, Any]) -> None:
    """Open the window of this trigger anew; unfollowing closes all."""
    if fields.get("Event") == "unsubscribe":
        platform.store.drop("windows", f"{account.appid} {person.id}")
        return
    trigger = _trigger(account, fields)
    if trigger is not None:
        _open(platform, account, person, trigger)


def payment_completed(platform: Platform, account: Account, person: Person) -> None:
    """A person has paid this account: 48 hours and any number of messages."""
    _open(platform, account, person, "payment")


def _open(platform: Platform, account: Account, person: Person, trigger: str) -> None:
    seconds, most = limits.WINDOWS[trigger]
    key = f"{account.appid} {person.id}"
    windows = platform.store.get("windows", key) or {}
    windows[trigger] = {"until": platform.clock.now() + seconds, "left": most}
    platform.store.put("windows", key, windows)


def live(platform: Platform, account: Account, person: Person) -> dict[str, dict[str, Any]]:
    """The open windows by trigger, the one that closes first before the others; `left` is None for any number."""
    windows = platform.store.get("windows", f"{account.appid} {person.id}") or {}
    now = platform.clock.now()
    open_windows = {trigger: window for trigger, window in windows.items() if window["until"] > now}
    return dict(sorted(open_windows.items(), key=lambda one: (one[1]["until"], one[0])))


def use(platform: Platform, account: Account, person: Person) -> None:
    """Take one message out of the open window that closes first.

    Raises:
        WeChatError: 45015 no window open, 45047 all messages of the open ones sent.
    """
    windows = live(platform, account, person)
    if not windows:
        raise WeChatError(45015, verdict="没有打开的客服消息窗口")
    for window in windows.values():
        if window["left"] is None:
            return
        if window["left"] > 0:
            window["left"] -= 1
            platform.store.put("windows", f"{account.appid} {person.id}", windows)
            return
    raise WeChatError(45047, verdict="这个窗口里的条数已用完")
