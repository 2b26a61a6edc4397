"""When an account may write to a person by itself: the windows of customer-service messages (wechat.md §6.5)."""

from __future__ import annotations

from typing import Any

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.people import Person
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError

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
    key = f"{account.appid} {person.id}"
    if fields.get("Event") == "unsubscribe":
        platform.store.drop("windows", key)
        return
    trigger = _trigger(account, fields)
    if trigger is None:
        return
    seconds, most = limits.WINDOWS[trigger]
    kept = platform.store.get("windows", key) or {}
    kept[trigger] = {"until": platform.clock.now() + seconds, "left": most}
    platform.store.put("windows", key, kept)


def use(platform: Platform, account: Account, person: Person) -> None:
    """Take one message out of the open window that closes first.

    Raises:
        WeChatError: 45015 no window open, 45047 all messages of the open ones sent.
    """
    key = f"{account.appid} {person.id}"
    kept = platform.store.get("windows", key) or {}
    now = platform.clock.now()
    live = sorted((w["until"], trigger) for trigger, w in kept.items() if w["until"] > now)
    if not live:
        raise WeChatError(45015, verdict="没有打开的客服消息窗口")
    for _, trigger in live:
        if kept[trigger]["left"] > 0:
            kept[trigger]["left"] -= 1
            platform.store.put("windows", key, kept)
            return
    raise WeChatError(45047, verdict="这个窗口里的条数已用完")
