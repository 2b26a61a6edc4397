"""The service account's menu at WeChat (wechat.md §6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.adapters.wechat.account import Account
from server.errors import OutsideFailure, WeChatRefused

CREATE = "/cgi-bin/menu/create"
GET = "/cgi-bin/menu/get"
NO_MENU = 46003


async def create(account: Account, menu: Mapping[str, Any]) -> None:
    """Put the menu; one that is there is replaced. Its Chinese goes as raw UTF-8 (wechat.md §6.1)."""
    await account.post(CREATE, menu)


async def current(account: Account) -> Mapping[str, Any] | None:
    """The menu as it was put, {"button": […]}; None when there is none."""
    try:
        answer = await account.read(GET)
    except WeChatRefused as refusal:
        if refusal.errcode == NO_MENU:
            return None
        raise
    menu = answer.get("menu")
    if not isinstance(menu, dict) or not isinstance(menu.get("button"), list):
        raise OutsideFailure("微信没有给出菜单")
    return {"button": menu["button"]}
