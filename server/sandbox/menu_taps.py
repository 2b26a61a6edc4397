"""Tapping the menu of the service account, and the pushes that follow from it (wechat.md §1.3, §6.1)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from server.sandbox import chat, conditional_menus, pushes
from server.sandbox.acts import CannotDo, Outcome, chatting, message_content, push
from server.sandbox.config import Account
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

MENU_ID = 400_000_000
"""Which menu was tapped, in VIEW and view_miniprogram."""


def tap(platform: Platform, person: Person, path: str, result: str = "") -> Outcome:
    """Tap a button of the menu: `0` or `0.2`; `result` is what a button that scans has read."""
    account = chatting(platform, person)
    button = _button(platform, account, person, path)
    kind = str(button.get("type", ""))
    if kind in ("scancode_push", "scancode_waitmsg"):
        return _act_on_scan(platform, account, person, button, result) or {"open": "scanner", "path": path}
    if kind in ("pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select"):
        return _send_content(platform, account, person, button)
    if kind == "media_id":
        name = chat.NAMES["image"]
        chat.say(platform, account, person, "account", "other", text=name)
        return {"open": "chat"}
    event = {
        "click": ("CLICK", button.get("key", "")),
        "view": ("VIEW", button.get("url", "")),
        "miniprogram": ("view_miniprogram", button.get("pagepath", "")),
    }.get(kind)
    if event is None:
        raise CannotDo("这个按钮打开公众平台上的图文，沙箱里没有。")
    more = {} if kind == "click" else {"MenuId": MENU_ID}
    push(
        platform,
        account,
        person,
        pushes.event(platform, account, person, event[0], EventKey=event[1], **more),
    )
    if kind == "view":
        return {"open": "web", "url": button["url"]}
    if kind == "miniprogram":
        page, _, query = str(button.get("pagepath", "")).partition("?")
        return {"open": "miniprogram", "page": page, "query": query, "scene": 1035}
    return {}


def _act_on_scan(
    platform: Platform, account: Account, person: Person, button: dict[str, Any], result: str
) -> Outcome | None:
    """A button that scans; only scancode_waitmsg waits for a reply, the other one opens what was read."""
    if not result:
        return None
    info = {"ScanType": "qrcode", "ScanResult": result}
    fields = pushes.event(
        platform, account, person, button["type"], EventKey=button["key"], ScanCodeInfo=info
    )
    push(platform, account, person, fields)
    if button["type"] == "scancode_push" and re.match(r"https?://", result):
        return {"open": "web", "url": result}
    return {"open": "chat"}


def _send_content(platform: Platform, account: Account, person: Person, button: dict[str, Any]) -> Outcome:
    """A button that sends pictures or a place: the event first, then the message itself (DOC 《自定义菜单事件推送》)."""
    if button["type"] == "location_select":
        kind, content = "location", message_content(platform, account, person, "location")
        info: dict[str, Any] = {
            "SendLocationInfo": {**{k: str(v) for k, v in content.items()}, "Poiname": ""}
        }
    else:
        kind, content = "image", message_content(platform, account, person, "image")
        item = {"PicMd5Sum": hashlib.md5(content["MediaId"].encode(), usedforsecurity=False).hexdigest()}
        info = {"SendPicsInfo": {"Count": 1, "PicList": {"item": item}}}
    fields = pushes.event(platform, account, person, button["type"], EventKey=button["key"], **info)
    chat.say(platform, account, person, "person", "other", text=chat.NAMES[kind])
    push(platform, account, person, fields)
    push(platform, account, person, pushes.message(platform, account, person, kind, **content))
    return {"open": "chat"}


def buttons_on_phone(platform: Platform, account: Account, person: Person) -> list[dict[str, Any]]:
    """The menu that a phone shows: its own copy, until it is too old (`menu_seconds`; wechat.md §6.1)."""
    buttons = conditional_menus.of_person(platform, account, person) or []
    age = platform.switchboard.now.menu_seconds
    if not age:
        return buttons
    key, now = f"{account.appid} {person.id}", platform.clock.now()
    copy = platform.store.get("menu.copy", key)
    if copy is not None and copy["at"] + age > now:
        return list(copy["button"])
    platform.store.put("menu.copy", key, {"at": now, "button": buttons})
    return buttons


def _button(platform: Platform, account: Account, person: Person, path: str) -> dict[str, Any]:
    """The button at a place of the menu."""
    place = [int(number) for number in path.split(".") if number.isdigit()]
    level = buttons_on_phone(platform, account, person)
    button: dict[str, Any] = {}
    for number in place:
        if number >= len(level):
            raise CannotDo("菜单里没有这个按钮。")
        button = level[number]
        level = button.get("sub_button") or []
    if not button.get("type"):
        raise CannotDo("菜单里没有这个按钮。")
    return button
