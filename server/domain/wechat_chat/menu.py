"""The official account's menu: what it is, whether WeChat would take it, and how it differs from what WeChat has.

Limits are wechat.md §6.1, in bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from server.domain.ports import Services, WeChatConsole
from server.domain.wechat_chat.chat import CERTIFICATES, HELP, RESULTS
from server.errors import OutsideFailure, Refused
from server.settings import Settings

TRIES, PAUSE = 24, timedelta(seconds=5)

TOP_MOST, SUB_MOST = 3, 5
TOP_NAME_BYTES, SUB_NAME_BYTES = 16, 60
KEY_BYTES, URL_BYTES = 128, 1024

_KINDS = {
    "click": "点击",
    "view": "打开网页",
    "miniprogram": "打开小程序",
    "scancode_push": "扫码",
    "scancode_waitmsg": "扫码并等待",
    "pic_sysphoto": "拍照",
    "pic_photo_or_album": "拍照或选图",
    "pic_weixin": "选图",
    "location_select": "发送位置",
    "media_id": "发送素材",
    "view_limited": "打开图文",
    "article_id": "发送文章",
    "article_view_limited": "打开文章",
}
_KEYED = ("click", "scancode_push", "scancode_waitmsg", "pic_sysphoto", "pic_photo_or_album", "pic_weixin",
          "location_select")  # fmt: skip
_FIELDS = {
    "key": "键",
    "url": "网址",
    "appid": "小程序",
    "pagepath": "页面",
    "media_id": "素材",
    "article_id": "文章",
}


def official(public_url: str) -> dict[str, Any]:
    """The menu of this service."""
    return {
        "button": [
            {"type": "click", "name": "查成绩", "key": RESULTS},
            {"type": "click", "name": "查证书", "key": CERTIFICATES},
            {
                "name": "更多",
                "sub_button": [
                    {"type": "view", "name": "身份绑定", "url": f"{public_url}/h5/bind"},
                    {"type": "view", "name": "我的证书", "url": f"{public_url}/h5/certificates"},
                    {"type": "view", "name": "证书核验", "url": f"{public_url}/v"},
                    {"type": "view", "name": "院校签发", "url": f"{public_url}/h5/officer"},
                    {"type": "click", "name": "帮助", "key": HELP},
                ],
            },
        ]
    }


async def apply(
    settings: Settings, wechat_console: WeChatConsole, menu: Mapping[str, Any] | None = None
) -> None:
    """Put the menu to WeChat.

    Args:
        menu: another one than this service's own.

    Raises:
        Refused: menu_invalid, with everything that WeChat would not take; nothing was sent.
        OutsideFailure: WeChat did not answer or did not take it.
    """
    menu = official(settings.public_url) if menu is None else menu
    if wrong := problems(menu):
        raise Refused("menu_invalid", "菜单不符合微信的规定：" + "；".join(wrong) + "。")
    await wechat_console.create_menu(menu)


async def put(s: Services, *, tries: int = 1) -> None:
    """Job `wechat.menu`: put the menu to WeChat; while WeChat does not answer, again every five seconds."""
    try:
        await apply(s.settings, s.wechat_console)
    except OutsideFailure:
        if tries >= TRIES:
            raise
        await s.queue.put("wechat.menu", at=s.clock.now() + PAUSE, tries=tries + 1)


def problems(menu: Mapping[str, Any]) -> list[str]:
    """Everything that WeChat would not take, each a Chinese phrase naming the button."""
    buttons = menu.get("button")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= TOP_MOST:
        return [f"一级菜单应有 1 至 {TOP_MOST} 个按钮"]
    lines: list[str] = []
    for button in buttons:
        subs = button.get("sub_button") or []
        lines += _name_problems(button, button, TOP_NAME_BYTES)
        if len(subs) > SUB_MOST:
            lines.append(f"“{button.get('name')}”的二级菜单最多 {SUB_MOST} 个按钮，现有 {len(subs)} 个")
        for sub in subs:
            lines += _name_problems(button, sub, SUB_NAME_BYTES) + _action_problems(button, sub)
        if not subs:
            lines += _action_problems(button, button)
    return lines


def _title(parent: Mapping[str, Any], button: Mapping[str, Any]) -> str:
    own = str(button.get("name") or "（无名称）")
    return f"“{own}”" if parent is button else f"“{parent.get('name')}／{own}”"


def _name_problems(parent: Mapping[str, Any], button: Mapping[str, Any], most: int) -> list[str]:
    size = len(str(button.get("name") or "").encode())
    if 1 <= size <= most:
        return []
    return [f"{_title(parent, button)}的名称应为 1 至 {most} 字节（汉字每个 3 字节），现为 {size} 字节"]


def _action_problems(parent: Mapping[str, Any], button: Mapping[str, Any]) -> list[str]:
    title, kind = _title(parent, button), button.get("type")
    if kind not in _KINDS:
        return [f"{title}的类型“{kind}”微信没有"]
    lines: list[str] = []
    if kind in _KEYED:
        lines += _length_problem(title, button, "key", KEY_BYTES)
    elif kind in ("view", "miniprogram"):
        lines += _length_problem(title, button, "url", URL_BYTES)
        parts = urlsplit(str(button.get("url") or ""))
        if parts.scheme not in ("http", "https") or not parts.netloc:
            lines.append(f"{title}的网址应为完整的 http(s) 网址")
        if kind == "miniprogram":
            lines += _length_problem(title, button, "appid", KEY_BYTES)
            lines += _length_problem(title, button, "pagepath", URL_BYTES)
    else:
        lines += _length_problem(title, button, "article_id" if "article" in kind else "media_id", URL_BYTES)
    return lines


def _length_problem(title: str, button: Mapping[str, Any], field: str, most: int) -> list[str]:
    size = len(str(button.get(field) or "").encode())
    return [] if 1 <= size <= most else [f"{title}的{_FIELDS[field]}应为 1 至 {most} 字节，现为 {size} 字节"]


@dataclass(frozen=True, slots=True)
class _Button:
    """One button as both sides know it: WeChat gives empty and further fields back, which say nothing."""

    name: str
    action: tuple[tuple[str, str], ...]
    subs: tuple[_Button, ...] = ()

    def __str__(self) -> str:
        if self.subs:
            return f"二级菜单，{len(self.subs)} 项"
        action = dict(self.action)
        kind = action.pop("type", "")
        rest = "，".join(f"{_FIELDS[field]} {value}" for field, value in action.items())
        return f"{_KINDS.get(kind, kind)}，{rest}" if rest else _KINDS.get(kind, kind)


def _buttons(rows: Any) -> tuple[_Button, ...]:
    buttons = []
    for row in rows or ():
        subs = row.get("sub_button")
        inner = _buttons(subs.get("list") if isinstance(subs, dict) else subs)
        fields = () if inner else ("type", *_FIELDS)
        action = tuple((field, str(row[field])) for field in fields if row.get(field))
        buttons.append(_Button(str(row.get("name", "")), action, inner))
    return tuple(buttons)


def lines(menu: Mapping[str, Any] | None) -> list[str]:
    """The menu for a terminal, one line a button."""
    if menu is None or not menu.get("button"):
        return ["（没有菜单）"]
    text = []
    for number, button in enumerate(_buttons(menu["button"]), 1):
        text.append(f"{number}. {button.name}：{button}")
        text += [f"   {number}.{place} {sub.name}：{sub}" for place, sub in enumerate(button.subs, 1)]
    return text


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[str]:
    """What would change, one line a button: 新增, 删除, 改动; empty when nothing would."""
    old = _buttons((before or {}).get("button"))
    return list(_compared(old, _buttons(after.get("button")), ""))


def _compared(old: Sequence[_Button], new: Sequence[_Button], under: str) -> Iterator[str]:
    """Buttons are the same by name, or else by what they do: then their name has changed."""
    pairs = [(one, other) for one in old for other in new if one.name == other.name]
    gone = [one for one in old if all(one is not was for was, _ in pairs)]
    come = [one for one in new if all(one is not now for _, now in pairs)]
    for one in list(gone):
        renamed = next((b for b in come if (b.action, b.subs) == (one.action, one.subs)), None)
        if renamed is not None:
            pairs.append((one, renamed))
            gone.remove(one)
            come.remove(renamed)
    for one in gone:
        yield f"- 删除 {under}{one.name}：{one}"
        yield from (f"- 删除 {under}{one.name}／{sub.name}：{sub}" for sub in one.subs)
    for one in come:
        yield f"+ 新增 {under}{one.name}：{one}"
        yield from (f"+ 新增 {under}{one.name}／{sub.name}：{sub}" for sub in one.subs)
    for was, now in pairs:
        if was.name != now.name:
            yield f"~ 改动 {under}{was.name}：名称 {was.name} → {now.name}"
        if was.action != now.action or bool(was.subs) != bool(now.subs):
            yield f"~ 改动 {under}{now.name}：{was} → {now}"
        if was.subs or now.subs:
            yield from _compared(was.subs, now.subs, f"{under}{now.name}／")
    kept_old = [now.name for one in old for was, now in pairs if was is one]
    kept_new = [one.name for one in new for _, now in pairs if now is one]
    if kept_old != kept_new:
        yield f"~ 改动 {under or '一级菜单'}顺序：{'、'.join(kept_old)} → {'、'.join(kept_new)}"
