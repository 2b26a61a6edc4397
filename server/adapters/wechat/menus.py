"""The service account's menu at WeChat (wechat.md §6.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.adapters.wechat.accounts import Account, as_json
from server.errors import OutsideFailure, WeChatRefused

NO_MENU = 46003


async def create(account: Account, menu: Mapping[str, Any]) -> None:
    """Put the menu; one that is there is replaced. wechatpy writes its Chinese as raw UTF-8."""
    as_json(await account.call(lambda client: client.menu.create(dict(menu))))


async def current(account: Account) -> Mapping[str, Any] | None:
    """The menu as it was put, {"button": […]}; None when there is none."""
    try:
        told = await account.read(lambda client: client.get("menu/get"))
    except WeChatRefused as refusal:
        if refusal.errcode == NO_MENU:
            return None
        raise
    menu = told.get("menu")
    if not isinstance(menu, dict) or not isinstance(menu.get("button"), list):
        raise OutsideFailure("微信没有给出菜单")
    return {"button": menu["button"]}
