"""What a person does on the phone, and the pushes that follow from it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from server.sandbox import chat, codes, pushes
from server.sandbox.config import Account
from server.sandbox.people import Person
from server.sandbox.platform import Platform

Outcome = dict[str, Any]


class CannotDo(Exception):
    """The phone says why."""


def _oa(platform: Platform) -> Account:
    account = platform.account("oa")
    if account is None:
        raise CannotDo("这个沙箱没有配置服务号。")
    return account


def _mp(platform: Platform) -> Account:
    account = platform.account("mp")
    if account is None:
        raise CannotDo("这个沙箱没有配置小程序。")
    return account


def _push(platform: Platform, account: Account, person: Person, fields: dict[str, Any]) -> None:
    platform.background(pushes.send(platform, account, person, fields))


def follow(platform: Platform, person: Person, *, scene: str = "", ticket: str = "") -> None:
    """Follow the service account; by a parametric QR the event carries its scene."""
    account = _oa(platform)
    if platform.people.following(account, person) is not None:
        raise CannotDo("已经关注了。")
    how = "ADD_SCENE_QR_CODE" if ticket else "ADD_SCENE_SEARCH"
    platform.people.follow(account, person, platform.clock.unix(), how, scene)
    chat.say(platform, account, person, "system", "text", text=f"你已关注{account.name}")
    more = {"EventKey": f"qrscene_{scene}", "Ticket": ticket} if ticket else {"EventKey": ""}
    _push(platform, account, person, pushes.event(platform, account, person, "subscribe", **more))


def unfollow(platform: Platform, person: Person) -> None:
    """Stop following; nothing reaches the person any more."""
    account = _oa(platform)
    if platform.people.following(account, person) is None:
        raise CannotDo("还没有关注。")
    platform.people.unfollow(account, person)
    fields = pushes.event(platform, account, person, "unsubscribe", EventKey="")
    _push(platform, account, person, fields)


def _chatting(platform: Platform, person: Person) -> Account:
    account = _oa(platform)
    if platform.people.following(account, person) is None:
        raise CannotDo("请先关注服务号。")
    return account


def write(platform: Platform, person: Person, text: str) -> None:
    """Send a text message."""
    account = _chatting(platform, person)
    if not text.strip():
        raise CannotDo("不能发送空白消息。")
    chat.say(platform, account, person, "person", "text", text=text)
    fields = pushes.message(platform, account, person, "text", Content=text)
    _push(platform, account, person, fields)


def send_other(platform: Platform, person: Person, kind: str) -> None:
    """Send a message that is not text, with invented contents."""
    account = _chatting(platform, person)
    media = "Vm9pY2VNZWRpYUlk" + person.id
    contents: dict[str, dict[str, Any]] = {
        "image": {"PicUrl": f"{platform.own_url}/phone/avatar/{person.id}", "MediaId": media},
        "voice": {"MediaId": media, "Format": "amr", "Recognition": "你好"},
        "video": {"MediaId": media, "ThumbMediaId": media},
        "shortvideo": {"MediaId": media, "ThumbMediaId": media},
        "location": {"Location_X": 39.9087, "Location_Y": 116.3975, "Scale": 15, "Label": "北京市东城区"},
        "link": {"Title": "一个网页", "Description": "网页的说明", "Url": "https://example.com/"},
    }
    if kind not in contents:
        raise CannotDo("没有这种消息。")
    names = {"image": "图片", "voice": "语音", "video": "视频", "shortvideo": "小视频", "location": "位置"}
    chat.say(platform, account, person, "person", "other", text=f"［{names.get(kind, '链接')}］")
    _push(platform, account, person, pushes.message(platform, account, person, kind, **contents[kind]))


def block(platform: Platform, person: Person, *, on: bool) -> None:
    """Switch the account's messages off (or on again): template messages then end in `failed:user block`."""
    key = f"{_chatting(platform, person).appid} {person.id}"
    if on:
        platform.store.put("blocked", key, {"at": platform.clock.unix()})
    else:
        platform.store.drop("blocked", key)


def enter_program_chat(platform: Platform, person: Person) -> None:
    """Open the mini-program's customer-service chat."""
    account = _mp(platform)
    fields = pushes.event(platform, account, person, "user_enter_tempsession", SessionFrom="sandbox")
    _push(platform, account, person, fields)


def write_to_program(platform: Platform, person: Person, text: str) -> None:
    """A message in the mini-program's customer-service chat."""
    account = _mp(platform)
    if not text.strip():
        raise CannotDo("不能发送空白消息。")
    chat.say(platform, account, person, "person", "text", text=text)
    _push(platform, account, person, pushes.message(platform, account, person, "text", Content=text))


def tap_menu(platform: Platform, person: Person, path: str) -> Outcome:
    """Tap a button of the menu: `0` or `0.2`. A scancode button opens the scanner; `scan_by_menu` goes on from there."""
    account = _chatting(platform, person)
    button = _button(platform, account, path)
    kind = button.get("type", "")
    if kind in SCANCODE:
        return {"open": "scanner", "path": path}
    event = {
        "click": ("CLICK", button.get("key", "")),
        "view": ("VIEW", button.get("url", "")),
        "miniprogram": ("view_miniprogram", button.get("pagepath", "")),
    }.get(kind)
    if event is None:
        raise CannotDo(f"手机上还不能点 {kind} 类型的按钮。")
    more = {} if kind == "click" else {"MenuId": 400_000_000}
    fields = pushes.event(platform, account, person, event[0], EventKey=event[1], **more)
    _push(platform, account, person, fields)
    if kind == "view":
        return {"open": "web", "url": button["url"]}
    if kind == "miniprogram":
        page, _, query = str(button.get("pagepath", "")).partition("?")
        return {"open": "miniprogram", "page": page, "query": query, "scene": 1035}
    return {}


SCANCODE = ("scancode_push", "scancode_waitmsg")


def scan_by_menu(platform: Platform, person: Person, path: str, text: str) -> Outcome:
    """What a scancode button's scanner read: the account is told; after scancode_push the phone opens it, too."""
    account = _chatting(platform, person)
    button = _button(platform, account, path)
    if button.get("type") not in SCANCODE:
        raise CannotDo("这个按钮不会打开扫一扫。")
    info = {"ScanType": "qrcode", "ScanResult": text}
    more = {"EventKey": button.get("key", ""), "ScanCodeInfo": info}
    _push(platform, account, person, pushes.event(platform, account, person, button["type"], **more))
    return scan(platform, person, text) if button["type"] == "scancode_push" else {"open": "chat"}


def _button(platform: Platform, account: Account, path: str) -> dict[str, Any]:
    """The button at a place of the menu."""
    kept = platform.store.get("menu", account.appid) or {"button": []}
    place = [int(number) for number in path.split(".") if number.isdigit()]
    level: list[dict[str, Any]] = kept["button"]
    found: dict[str, Any] = {}
    for number in place:
        if number >= len(level):
            raise CannotDo("菜单里没有这个按钮。")
        found = level[number]
        level = found.get("sub_button") or []
    if not found.get("type"):
        raise CannotDo("菜单里没有这个按钮。")
    return found


def scan(platform: Platform, person: Person, text: str) -> Outcome:
    """What the scanner does with the text of a QR."""
    text = text.strip()
    if found := re.fullmatch(r"http://weixin\.qq\.com/q/([\w-]+)", text):
        return _scan_parametric(platform, person, found[1])
    if found := re.fullmatch(r"https?://[^/]+/wxa-code/([\w-]+)", text):
        return _scan_program_code(platform, found[1])
    if found := re.fullmatch(r"(?:https://wxaurl\.cn/|weixin://dl/business/\?t=)(\w+)", text):
        return _open_program_link(platform, found[1])
    if (arrival := ordinary_link(platform, text)) is not None:
        return arrival
    if re.match(r"https?://", text):
        return {"open": "web", "url": text}
    if text.startswith("weixin://"):
        raise CannotDo("这是支付码或小程序链接，沙箱里的手机还不会打开。")
    return {"open": "text", "text": text}


def _scan_parametric(platform: Platform, person: Person, name: str) -> Outcome:
    """A QR made by qrcode/create: SCAN for a follower, the follow page for others."""
    account = _oa(platform)
    ticket = str((platform.store.get("qrcode.link", name) or {}).get("ticket", ""))
    kept = platform.store.get("qrcode", ticket)
    if kept is None or (kept["expires_at"] is not None and kept["expires_at"] <= platform.clock.now()):
        raise CannotDo("二维码已过期。")
    if platform.people.following(account, person) is None:
        return {"open": "follow", "scene": kept["scene"], "ticket": ticket}
    fields = pushes.event(platform, account, person, "SCAN", EventKey=str(kept["scene"]), Ticket=ticket)
    _push(platform, account, person, fields)
    return {"open": "chat"}


def _scan_program_code(platform: Platform, name: str) -> Outcome:
    """A code made by getwxacodeunlimit: the scene arrives percent-encoded, as onLoad sees it."""
    kept = platform.store.get("program.code", name)
    if kept is None:
        raise CannotDo("小程序码无效。")
    page, scene = kept["page"] or "pages/index/index", quote(kept["scene"], safe="")
    return {"open": "miniprogram", "page": page, "query": f"scene={scene}", "scene": 1047}


def _open_program_link(platform: Platform, name: str) -> Outcome:
    """A URL link or scheme, while it lives."""
    kept = platform.store.get("program.link", name)
    if kept is None or kept["until"] <= platform.clock.now():
        raise CannotDo("链接已失效。")
    page = kept["page"] or "pages/index/index"
    return {"open": "miniprogram", "page": page, "query": kept["query"], "scene": 1167}


def ordinary_link(platform: Platform, url: str) -> Outcome | None:
    """Whether a rule for ordinary links lets this URL open the mini-program (wechat.md §4.4).

    The longest matching rule decides, and does not jump while it is unpublished.
    """
    matching = [r for r in platform.switchboard.now.link_rules if _matches(str(r["prefix"]), url)]
    if not matching or platform.account("mp") is None:
        return None
    rule = max(matching, key=lambda r: len(str(r["prefix"])))
    if not rule.get("published", True):
        return None
    page = str(rule.get("page") or "pages/index/index")
    query = f"q={quote(url, safe='')}&scancode_time={platform.clock.unix()}"
    return {"open": "miniprogram", "page": page, "query": query, "scene": 1011}


def _matches(prefix: str, url: str) -> bool:
    """Sub-paths only under a rule that ends in `/`; rules with a query are prefixes."""
    if "?" in prefix or prefix.endswith("/"):
        return url.startswith(prefix)
    return url == prefix or url.startswith(prefix + "?")


def login_code(platform: Platform, person: Person) -> str:
    """wx.login."""
    return codes.issue(platform, "login", _mp(platform), person)


def phone_code(platform: Platform, person: Person) -> str:
    """The button of open-type getPhoneNumber."""
    return codes.issue(platform, "phone", _mp(platform), person)


SUBSCRIBED = ("once", "long")  # templates of subscription messages (wechat.md §4.5, §5)
# Where the question stood (`PopupScene`): 0 in the mini-program, 1 in a web page by <wx-open-subscribe>.
ASKED_BY = {"mp": "0", "oa": "1"}


def ask_subscription(
    platform: Platform, person: Person, answers: dict[str, str], kind: str = "mp"
) -> dict[str, str]:
    """wx.requestSubscribeMessage, or <wx-open-subscribe> (`oa`): each accept is one message more; the account is told."""
    account = _oa(platform) if kind == "oa" else _mp(platform)
    listed = []
    for template_id, answer in answers.items():
        if platform.template(account, template_id, *SUBSCRIBED) is None or answer not in ("accept", "reject"):
            raise CannotDo("没有这个订阅消息模板。")
        if answer == "accept":
            grant(platform, account, person, template_id)
        listed.append(
            {"TemplateId": template_id, "SubscribeStatusString": answer, "PopupScene": ASKED_BY[account.kind]}
        )
    if not listed:
        raise CannotDo("请至少选择一个模板。")
    is_json = account.kind == "mp" and platform.switchboard.now.mp_push_format == "json"
    more: dict[str, Any] = {"List": listed} if is_json else {"SubscribeMsgPopupEvent": {"List": listed}}
    fields = pushes.event(platform, account, person, "subscribe_msg_popup_event", **more)
    _push(platform, account, person, fields)
    return answers


def grant(platform: Platform, account: Account, person: Person, template_id: str) -> None:
    """One more message of this template may be sent; grants stack."""
    key = f"{account.appid} {person.id} {template_id}"
    kept = platform.store.get("grant", key) or {"left": 0}
    platform.store.put("grant", key, {"left": kept["left"] + 1})


def decoded_query(query: str) -> dict[str, str]:
    """A page's query as a developer reads it after decodeURIComponent."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {name: unquote(value) for name, _, value in pairs}
