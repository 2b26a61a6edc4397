"""The menu of the service account and everything WeChat checks about it (wechat.md §6.1)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from sanic import Blueprint

from server.sandbox import limits
from server.sandbox.config import Account
from server.sandbox.gate import Answer, Call, Door, api
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError

bp = Blueprint("menus")

KEYED = ("click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin",
         "location_select")  # fmt: skip
MEDIA = {"media_id": "media_id", "view_limited": "media_id", "article_id": "article_id",
         "article_view_limited": "article_id"}  # fmt: skip
OK = {"errcode": 0, "errmsg": "ok"}
CONDITIONAL = "menu.conditional"  # see conditional_menus


def check(menu: dict[str, Any], own_programs: tuple[str, ...]) -> list[dict[str, Any]]:
    """The buttons of a menu.

    Raises:
        WeChatError: 40016–40020 for the top level, 40023–40027 for the second, 40054, 40055, 40013.
    """
    buttons = menu.get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= limits.MENU_BUTTONS:
        raise WeChatError(40016, verdict="一级菜单应有 1 至 3 个按钮")
    for button in buttons:
        subs = button.get("sub_button") if isinstance(button, dict) else None
        if subs:
            _check_name(button, limits.MENU_NAME_BYTES, 40018)
            if not isinstance(subs, list) or len(subs) > limits.MENU_SUB_BUTTONS:
                raise WeChatError(40023, verdict="二级菜单最多 5 个按钮")
            for sub in subs:
                _check_button(sub, own_programs, second=True)
        else:
            _check_button(button, own_programs, second=False)
    return buttons


def _check_name(button: Any, most: int, errcode: int) -> None:
    name = button.get("name") if isinstance(button, dict) else None
    if not isinstance(name, str) or not 1 <= len(name.encode()) <= most:
        raise WeChatError(errcode, verdict=f"按钮名称应为 1 至 {most} 字节")


def _check_button(button: Any, own_programs: tuple[str, ...], *, second: bool) -> None:
    """One button that does something; the errcodes differ by level."""
    most = limits.MENU_SUB_NAME_BYTES if second else limits.MENU_NAME_BYTES
    _check_name(button, most, 40025 if second else 40018)
    kind = button.get("type")
    if kind in KEYED:
        _check_length(button.get("key"), limits.MENU_KEY_BYTES, 40026 if second else 40019, "key")
    elif kind in ("view", "miniprogram"):
        _check_length(button.get("url"), limits.MENU_URL_BYTES, 40027 if second else 40020, "url")
        parts = urlsplit(button["url"])
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise WeChatError(40054 if second else 40055, verdict="url 应为完整的 http(s) 网址")
        if kind == "miniprogram":
            if button.get("appid") not in own_programs:
                raise WeChatError(40013, verdict="miniprogram 的 appid 不是关联的小程序")
            _check_length(
                button.get("pagepath"), limits.MENU_URL_BYTES, 40027 if second else 40020, "pagepath"
            )
    elif kind in MEDIA:
        _check_length(button.get(MEDIA[kind]), limits.MENU_URL_BYTES, 40026 if second else 40019, MEDIA[kind])
    else:
        raise WeChatError(40024 if second else 40017, verdict=f"没有 type 为 {kind} 的按钮")


def _check_length(value: Any, most: int, errcode: int, name: str) -> None:
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= most:
        raise WeChatError(errcode, verdict=f"{name} 应为 1 至 {most} 字节")


@api(bp, Door("/cgi-bin/menu/create", accounts=("oa",)))
async def create(call: Call) -> Answer:
    programs = tuple(a.appid for a in call.platform.config.accounts if a.kind == "mp")
    buttons = check(call.body, programs)
    if rb"\u" in call.request.body:
        buttons = _as_written(buttons)
    call.platform.store.put("menu", call.account.appid, {"button": buttons})
    return OK


def _as_written(value: Any) -> Any:
    r"""WeChat keeps `\uXXXX` as it came: the menu then shows the escapes instead of Chinese."""
    if isinstance(value, dict):
        return {name: _as_written(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_written(inner) for inner in value]
    return value.encode("ascii", "backslashreplace").decode() if isinstance(value, str) else value


def filled(buttons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every button of both levels has a `sub_button` in the answer (DOC 《查询接口》)."""
    return [{**button, "sub_button": filled(button.get("sub_button") or [])} for button in buttons]


@api(bp, Door("/cgi-bin/menu/get", "GET", accounts=("oa",)))
async def get(call: Call) -> Answer:
    menu = call.platform.store.get("menu", call.account.appid)
    if menu is None:
        raise WeChatError(46003)
    answer: dict[str, Any] = {"menu": {"button": filled(menu["button"])}}
    more = [
        {
            "button": filled(body["button"]),
            "matchrule": body["matchrule"],
            "menuid": int(key.rpartition(" ")[2]),
        }
        for key, body in reversed(conditional(call.platform, call.account).items())
    ]
    return answer | ({"conditionalmenu": more} if more else {})


@api(bp, Door("/cgi-bin/menu/delete", "GET", accounts=("oa",)))
async def delete(call: Call) -> Answer:
    """The menu for all, and with it those for some."""
    call.platform.store.drop("menu", call.account.appid)
    for key in conditional(call.platform, call.account):
        call.platform.store.drop(CONDITIONAL, key)
    return OK


def conditional(platform: Platform, account: Account) -> dict[str, dict[str, Any]]:
    """The menus for some of the followers, the oldest first."""
    return platform.store.all(CONDITIONAL, f"{account.appid} ")


@api(bp, Door("/cgi-bin/get_current_selfmenu_info", "GET", accounts=("oa",)))
async def current(call: Call) -> Answer:
    menu = call.platform.store.get("menu", call.account.appid)
    if menu is None:
        return {"is_menu_open": 0}
    buttons = [
        {**button, "sub_button": {"list": button["sub_button"]}} if button.get("sub_button") else button
        for button in menu["button"]
    ]
    return {"is_menu_open": 1, "selfmenu_info": {"button": buttons}}
